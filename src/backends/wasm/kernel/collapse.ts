/**
 * Which loops of a perfect nest run through memory as one: for axes i (outer) and j (inner, extent n), every use is of i·n + j.
 * May import: `ir`, `kernel`.
 * @module
 */
import type { Axis } from '../../../ir/loop/expr.ts';
import { childBlocks, type NestStmt, ownNodes, visitNodes } from './nest.ts';
import type { Node } from './node.ts';

/** Inner axes that may merge with the loop directly around them. */
export function mergeableAxes(body: readonly NestStmt[]): Set<Axis> {
  const pairs = new Map<Axis, Axis>();
  collectPairs(body, pairs);
  if (pairs.size === 0) return new Set();
  for (const use of axisUses(body)) {
    for (const [inner, outer] of pairs) {
      const [ci, co] = [use.get(inner) ?? 0, use.get(outer) ?? 0];
      if (co !== ci * inner.extent) pairs.delete(inner);
    }
  }
  return new Set(pairs.keys());
}

/** Inner → outer axis of directly nested loops. */
function collectPairs(body: readonly NestStmt[], pairs: Map<Axis, Axis>): void {
  for (const s of body) {
    if (s.kind === 'reduce') {
      for (let i = 1; i < s.loops.length; i++) pairs.set(s.loops[i]!.axis, s.loops[i - 1]!.axis);
    }
    const only = s.kind === 'for' && s.body.length === 1 ? s.body[0]! : undefined;
    if (s.kind === 'for' && only?.kind === 'for' && s.parallel === only.parallel)
      pairs.set(only.loop.axis, s.loop.axis);
    for (const b of childBlocks(s)) collectPairs(b, pairs);
  }
}

type AxisUse = ReadonlyMap<Axis, number>;

/** The coefficients of axes in every affine form that the statements evaluate, without repetitions. */
function axisUses(body: readonly NestStmt[]): AxisUse[] {
  const roots: Node[] = [];
  const gather = (stmts: readonly NestStmt[]): void => {
    for (const s of stmts) {
      roots.push(...ownNodes(s));
      childBlocks(s).forEach(gather);
    }
  };
  gather(body);
  const uses = new Map<string, AxisUse>();
  const record = (n: Node): void => {
    const use = new Map<Axis, number>();
    if (n.kind === 'axis') use.set(n.ref as Axis, 1);
    n.args.forEach((a, i) => {
      if (n.kind === 'affine' && a.kind === 'axis') use.set(a.ref as Axis, n.coefficients[i]!);
    });
    if (use.size > 0) uses.set([...use].map(([a, c]) => `${a.id}:${c}`).join(), use);
  };
  for (const r of roots) if (r.kind === 'axis') record(r);
  visitNodes(roots, new Set(), (n) => {
    if (n.kind === 'affine') record(n);
    else for (const a of n.args) if (a.kind === 'axis') record(a);
  });
  return [...uses.values()];
}
