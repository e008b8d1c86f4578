/**
 * Whether iterations may run twice.
 * May import: `kernel/{nest,node}`.
 * @module
 */
import { type NestStmt, ownNodes, visitNodes } from './nest.ts';
import type { Node } from './node.ts';

/**
 * Whether iterations of a loop over `body` give the same when they run again. What they read must not be what they have
 * written: not the buffers they store to, nor an operand read where a result is stored, whose memory may be the same.
 */
export function canRepeat(body: readonly NestStmt[]): boolean {
  const written = new Set<Node>();
  const roots: Node[] = [];
  for (const s of body) {
    if (s.kind !== 'stores' && s.kind !== 'set' && !(s.kind === 'reduce' && s.stores.length === 0)) return false;
    if (s.kind === 'stores') for (const i of s.items) written.add(i.index);
    roots.push(...ownNodes(s));
  }
  const own = new Set<unknown>(body.flatMap((s) => (s.kind === 'set' ? [s.local] : s.kind === 'reduce' ? s.items.map((i) => i.target) : []))); // prettier-ignore
  let isPossible = true;
  visitNodes(roots, new Set(), (n) => {
    if (n.kind === 'load' && (n.value !== 0 || written.has(n.args[0]!))) isPossible = false;
    if (n.kind === 'local' && !own.has(n.ref)) isPossible = false;
  });
  return isPossible;
}
