/**
 * How a contraction becomes products of matrices: strided views of its operands, and which of their axes a product walks as one, which are
 * loops around it, and which operand is better copied first.
 * May import: `ir`, `primitives/strided-view`.
 * @module
 */
import type { Aval } from '../ir/aval.ts';
import type { BufferRef } from '../ir/loop/expr.ts';
import { rowMajorStrides } from '../ir/shape.ts';
import { countOf, mergedStride, type StridedAxis } from './strided-view.ts';

/** Axes of x and of y, in pairs. */
export interface DotParams {
  readonly contract: readonly [readonly number[], readonly number[]];
  readonly batch: readonly [readonly number[], readonly number[]];
}

/** Axis d of the result is axis `permutation[d]` of the contraction's: batch axes, free axes of x, free axes of y. */
export interface PermutedDotParams extends DotParams {
  readonly permutation?: readonly number[];
}

/** Axes of operand `side` that are neither contracted nor batched, ascending. */
export function freeAxes(rank: number, { contract, batch }: DotParams, side: 0 | 1): number[] {
  const used = new Set([...contract[side], ...batch[side]]);
  return Array.from({ length: rank }, (_, d) => d).filter((d) => !used.has(d));
}

/** The shape of the contraction: batch axes, free axes of x, free axes of y. */
export function dotShape(x: Aval, y: Aval, params: DotParams): number[] {
  return [
    ...params.batch[0].map((d) => x.shape[d]!),
    ...freeAxes(x.ndim, params, 0).map((d) => x.shape[d]!),
    ...freeAxes(y.ndim, params, 1).map((d) => y.shape[d]!),
  ];
}

/** An axis of an operand that the result has too, and its stride there. */
export interface ResultAxis extends StridedAxis {
  readonly out: number;
}

/** An operand as batch, free and contracted axes. */
export interface View {
  readonly batch: readonly ResultAxis[];
  readonly free: readonly ResultAxis[];
  readonly contract: readonly StridedAxis[];
}

/** A view and the memory it is one of. */
export interface Operand extends View {
  readonly buffer: BufferRef;
}

export const inResult = (axes: readonly ResultAxis[]): StridedAxis[] =>
  axes.map(({ extent, out }) => ({ extent, stride: out }));

/** The strides in the result of the axes of the contraction. */
function resultStrides(x: Aval, y: Aval, params: PermutedDotParams): number[] {
  const shape = dotShape(x, y, params);
  const { permutation } = params;
  if (permutation === undefined) return rowMajorStrides(shape);
  const strides = rowMajorStrides(permutation.map((r) => shape[r]!));
  return shape.map((_, r) => strides[permutation.indexOf(r)]!);
}

function viewOf(
  a: Aval,
  params: DotParams,
  side: 0 | 1,
  order: readonly number[],
  out: readonly number[],
  freeFrom: number,
): View {
  const strides = rowMajorStrides(a.shape);
  const axis = (d: number): StridedAxis => ({ extent: a.shape[d]!, stride: strides[d]! });
  return {
    batch: params.batch[side].map((d, i) => ({ ...axis(d), out: out[i]! })),
    free: freeAxes(a.ndim, params, side).map((d, i) => ({ ...axis(d), out: out[freeFrom + i]! })),
    contract: order.map((i) => axis(params.contract[side][i]!)),
  };
}

/** Shorter sums are not worth reading and writing the result once more. */
const shortK = 64;
/** Fewer rows or columns are not worth a product of their own. */
const thin = 16;
/** From so many on, a product hardly notices that it reads the other operand again. */
const wide = 128;

/** The first of the axes, from the last back, that all of the views walk as one. */
export function mergedFrom(...views: readonly (readonly StridedAxis[])[]): number {
  let from = views[0]!.length;
  while (from > 0 && views.every((axes) => mergedStride(axes.slice(from - 1), 0) !== undefined)) from--;
  return from;
}

/** Whether the free axes are rows enough for the products in their loops, each of which reads `others` columns of the other operand again. */
function areLong({ free }: View, others: number): boolean {
  const inner = countOf(free.slice(mergedFrom(free, inResult(free))));
  return countOf(free) === inner || (inner >= thin && (inner >= wide || inner >= others));
}

const isContractedAsOne = ({ contract }: View): boolean => mergedStride(contract, 0) !== undefined;

/** Which of the operands should be copied, with free and contracted axes that merge. */
export function copiesOf(x: View, y: View): readonly [boolean, boolean] {
  const sum = countOf(x.contract);
  const inner = countOf(x.contract.slice(mergedFrom(x.contract, y.contract)));
  const isLong = inner === sum || inner >= shortK;
  const isCopied = (v: View, other: View): boolean =>
    !areLong(v, countOf(other.free)) || !(isLong || isContractedAsOne(v));
  return [isCopied(x, y), isCopied(y, x)];
}

/** Whether an operand of that shape is read where it is, in runs: its last axis is not a batch axis, and its others merge. */
export function isReadInRuns({ free, contract }: View): boolean {
  const hasRuns = [...free, ...contract].some((a) => a.stride === 1 && a.extent > 1);
  return hasRuns && mergedStride(free, 0) !== undefined && mergedStride(contract, 0) !== undefined;
}

/** Whether the products write runs of the result when the free axes of this operand are their columns. */
export const hasColumns = ({ free }: View): boolean => (free.findLast((a) => a.extent !== 1)?.out ?? 1) === 1;

/** Whether products can write the result where it is: none of their sides would be thin. */
export const isWrittenInRuns = (x: View, y: View): boolean =>
  (hasColumns(x) || hasColumns(y)) && areLong(x, countOf(y.free)) && areLong(y, countOf(x.free));

/** Both operands under the order of contracted axes that leaves the fewest to copy, and then the fewest loops. */
export function viewsOf(x: Aval, y: Aval, params: PermutedDotParams): readonly [View, View] {
  const given = params.contract[0].map((_, i) => i);
  const sortedBy = (side: 0 | 1): number[] =>
    given.toSorted((p, q) => params.contract[side][p]! - params.contract[side][q]!);
  const out = resultStrides(x, y, params);
  const ofX = params.batch[0].length;
  const ofY = ofX + freeAxes(x.ndim, params, 0).length;
  const candidates = [given, sortedBy(0), sortedBy(1)].map((order): [View, View] => [
    viewOf(x, params, 0, order, out, ofX),
    viewOf(y, params, 1, order, out, ofY),
  ]);
  const cost = ([p, q]: readonly [View, View]): number =>
    copiesOf(p, q).filter(Boolean).length * 100 + mergedFrom(p.contract, q.contract);
  return candidates.reduce((best, c) => (cost(c) < cost(best) ? c : best));
}
