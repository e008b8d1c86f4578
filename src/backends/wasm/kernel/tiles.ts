/**
 * Loops that read an operand across: its elements lie side by side along an outer loop, and far apart along the innermost one, as in a
 * transpose. They run in tiles of 4 × 4: four vectors along the outer loop, exchanged in registers, are four along the inner one (of
 * float64, eight and eight).
 * May import: `ir`, `kernel`.
 * @module
 */
import { type DType, dtypeInfo } from '../../../ir/dtype.ts';
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

/**
 * How the loop `s` and the innermost one in it should run together: in tiles, in blocks of single elements (of other widths, or
 * where a tile cannot be), or not at all.
 */
export function tilingOf(s: For): 'tiles' | 'blocks' | undefined {
  const nest = perfectNest(s);
  if (nest === undefined || nest.outer.axis.extent < tileSize || nest.inner.axis.extent < tileSize) return undefined;
  const { outer, inner, items } = nest;
  const isAlong = ({ index }: StoreItem): boolean =>
    axisCoefficient(index, inner) === 1 && axisCoefficient(index, outer) !== undefined;
  if (!items.every(isAlong)) return undefined;
  const found = examine(nest);
  if (found.across === 0) return undefined;
  if (found.canTile) return 'tiles';
  const isLarge = Math.min(outer.axis.extent, inner.axis.extent) >= leastBlock;
  return found.canBlock && found.steps <= mostSteps && isLarge ? 'blocks' : undefined;
}

/** Blocks are for movement: what computes more is better off in lanes, however it gets its operands. */
const mostSteps = 6;
const leastBlock = 16;

interface Found {
  /** Loads whose elements lie side by side along the outer loop only. */
  across: number;
  steps: number;
  canTile: boolean;
  canBlock: boolean;
}

function examine(nest: PerfectNest): Found {
  const { outer, inner, items } = nest;
  const areWords = items.every((i) => isWord(i.buffer.dtype));
  const found: Found = { across: 0, steps: 0, canTile: areWords, canBlock: true };
  const both = depthBit(outer.depth) | depthBit(inner.depth);
  const seen = new Set<Node>();
  const visit = (n: Node): void => {
    if (seen.has(n) || (n.deps & both) === 0) return;
    seen.add(n);
    if (n.kind === 'load') examineLoad(n, nest, found);
    else {
      found.steps++;
      if (!isValue(n)) found.canTile = false;
      if (n.kind === 'local') found.canBlock = false;
      n.args.forEach(visit);
    }
  };
  for (const i of items) visit(i.value);
  return found;
}

/** Values in lanes that do not say where they are. */
const isValue = (n: Node): boolean =>
  n.kind !== 'axis' && n.kind !== 'affine' && n.kind !== 'local' && n.dtype !== 'uint8';

/** Elements of which vectors hold whole lanes. */
const isWord = (dtype: DType): boolean => dtypeInfo[dtype].bytes >= 4;

function examineLoad(n: Node, { outer, inner }: PerfectNest, found: Found): void {
  const [index] = n.args;
  const [along, across] = [axisCoefficient(index!, inner), axisCoefficient(index!, outer)];
  const isAcross = along !== undefined && along !== 0 && along !== 1;
  // Loops change places, which what the kernel itself writes might notice.
  if (n.value !== 0) found.canBlock = found.canTile = false;
  if (n.isUnsafe || along === undefined || across === undefined) found.canTile = false;
  if (!isWord(n.dtype)) found.canTile = false;
  if (isAcross && across === 1) found.across++;
  else if (isAcross) found.canTile = false;
}
