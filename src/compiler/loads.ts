/**
 * Walking expressions: what they read, and how large they are.
 * May import: `ir`.
 * @module
 */
import { type BufferRef, type Expr, operandsOf } from '../ir/loop/expr.ts';

/** Number of distinct nodes of an expression, counted up to `limit`. */
export function countNodes(e: Expr, limit: number): number {
  const seen = new Set<Expr>([e]);
  const work = [e];
  for (let x = work.pop(); x !== undefined && seen.size < limit; x = work.pop()) {
    for (const c of operandsOf(x)) {
      if (seen.has(c)) continue;
      seen.add(c);
      work.push(c);
    }
  }
  return seen.size;
}

/** Adds the buffers that `e` loads to `into`; what is in `seen` was walked before. */
export function loadedBuffers(e: Expr, seen: Set<Expr>, into: Set<BufferRef>): void {
  const work = [e];
  for (let x = work.pop(); x !== undefined; x = work.pop()) {
    if (seen.has(x)) continue;
    seen.add(x);
    if (x.op === 'load') into.add(x.buffer);
    work.push(...operandsOf(x));
  }
}
