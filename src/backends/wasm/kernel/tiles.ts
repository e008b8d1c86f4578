/**
 * Loops that read an operand across: its elements lie side by side along an outer loop, and far apart along the innermost one, as in a
 * transpose. They run in tiles of 4 × 4: four vectors along the outer loop, exchanged in registers, are four along the inner one.
 * May import: `ir`, `kernel`.
 * @module
 */
import { dtypeInfo } from '../../../ir/dtype.ts';
import { axisCoefficient } from './coefficient.ts';
import type { Loop, NestStmt, StoreItem } from './nest.ts';
import { depthBit, type Node } from './node.ts';

type For = Extract<NestStmt, { kind: 'for' }>;

/** Rows and columns of a tile. */
export const tileSize = 4;

/** Columns of a block: two cache lines of each row that is written. (Measured: 16 and 64 are up to twice as slow for some shapes.) */
export const tileColumns = 32;

/** A perfect nest of parallel loops around stores: the first loop, those between, the last. */
export interface PerfectNest {
  readonly outer: Loop;
  readonly between: readonly Loop[];
  readonly inner: Loop;
  readonly items: readonly StoreItem[];
}

export function perfectNest(s: For): PerfectNest | undefined {
  const loops: Loop[] = [s.loop];
  let { body } = s;
  for (;;) {
    const [only, ...more] = body;
    if (only === undefined || more.length > 0) return undefined;
    if (only.kind === 'stores') {
      const inner = loops.length > 1 ? loops.pop()! : undefined;
      return inner && { outer: loops[0]!, between: loops.slice(1), inner, items: only.items };
    }
    if (only.kind !== 'for' || !only.parallel) return undefined;
    loops.push(only.loop);
    ({ body } = only);
  }
}

/** Whether the loop `s` and the innermost loop in it should run in tiles. */
export function runsInTiles(s: For): boolean {
  const nest = perfectNest(s);
  if (nest === undefined || nest.outer.axis.extent < tileSize || nest.inner.axis.extent < tileSize) return false;
  const { outer, inner, items } = nest;
  if (items.some((i) => dtypeInfo[i.buffer.dtype].bytes !== 4 || axisCoefficient(i.index, inner) !== 1)) return false;
  if (items.some((i) => axisCoefficient(i.index, outer) === undefined)) return false;
  const both = depthBit(outer.depth) | depthBit(inner.depth);
  const seen = new Set<Node>();
  const found = { across: 0, isPossible: true };
  const visit = (n: Node): void => {
    if (seen.has(n) || !found.isPossible) return;
    seen.add(n);
    if ((n.deps & both) === 0) return;
    if (n.kind === 'load') visitLoad(n, nest, found);
    else if (!isValue(n)) found.isPossible = false;
    else n.args.forEach(visit);
  };
  for (const i of items) visit(i.value);
  return found.isPossible && found.across > 0;
}

/** Values whose lanes have 32 bits and do not say where they are. */
const isValue = (n: Node): boolean =>
  n.kind !== 'axis' && n.kind !== 'affine' && n.kind !== 'local' && n.dtype !== 'float64' && n.dtype !== 'uint8';

function visitLoad(n: Node, { outer, inner }: PerfectNest, found: { across: number; isPossible: boolean }): void {
  const [index] = n.args;
  const [along, across] = [axisCoefficient(index!, inner), axisCoefficient(index!, outer)];
  const isPlain = n.value === 0 && !n.isUnsafe && dtypeInfo[n.dtype].bytes === 4 && along !== undefined;
  if (!isPlain || across === undefined) found.isPossible = false;
  else if (along !== 0 && along !== 1) {
    if (across === 1) found.across++;
    else found.isPossible = false;
  }
}
