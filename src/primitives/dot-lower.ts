/**
 * Loops of dot_general: matrix products over strided views of the operands; an operand whose axes do not merge is copied first.
 * May import: `ir`, `core`, `primitives/strided-view`.
 * @module
 */
import type { Aval } from '../ir/aval.ts';
import { isFloat } from '../ir/dtype.ts';
import { binary, type BufferRef, constant, linearize, load } from '../ir/loop/expr.ts';
import type { KernelBuilder } from '../ir/loop/kernel.ts';
import { rowMajorStrides } from '../ir/shape.ts';
import { countOf, mergedStride, offsetOf, type StridedAxis } from './strided-view.ts';

/** Axes of x and of y, in pairs. */
export interface DotParams {
  readonly contract: readonly [readonly number[], readonly number[]];
  readonly batch: readonly [readonly number[], readonly number[]];
}

/** Axes of operand `side` that are neither contracted nor batched, ascending. */
export function freeAxes(rank: number, { contract, batch }: DotParams, side: 0 | 1): number[] {
  const used = new Set([...contract[side], ...batch[side]]);
  return Array.from({ length: rank }, (_, d) => d).filter((d) => !used.has(d));
}

/** An operand as batch, free and contracted axes in a buffer. */
interface View {
  readonly buffer: BufferRef;
  readonly batch: readonly StridedAxis[];
  readonly free: readonly StridedAxis[];
  readonly contract: readonly StridedAxis[];
}

function viewOf(buffer: BufferRef, a: Aval, params: DotParams, side: 0 | 1, order: readonly number[]): View {
  const strides = rowMajorStrides(a.shape);
  const axes = (list: readonly number[]): StridedAxis[] =>
    list.map((d) => ({ extent: a.shape[d]!, stride: strides[d]! }));
  const contract = order.map((i) => params.contract[side][i]!);
  return {
    buffer,
    batch: axes(params.batch[side]),
    free: axes(freeAxes(a.ndim, params, side)),
    contract: axes(contract),
  };
}

const isMatrix = (v: View): boolean =>
  mergedStride(v.free, 0) !== undefined && mergedStride(v.contract, 0) !== undefined;

/** Both operands under the order of contracted axes that leaves the fewest to copy. */
function chooseViews(b: KernelBuilder, x: Aval, y: Aval, params: DotParams): [View, View] {
  const given = params.contract[0].map((_, i) => i);
  const sortedBy = (side: 0 | 1): number[] =>
    given.toSorted((p, q) => params.contract[side][p]! - params.contract[side][q]!);
  const candidates = [given, sortedBy(0), sortedBy(1)].map((order): [View, View] => [
    viewOf(b.inputs[0]!, x, params, 0, order),
    viewOf(b.inputs[1]!, y, params, 1, order),
  ]);
  const copies = (pair: readonly View[]): number => pair.filter((v) => !isMatrix(v)).length;
  return candidates.reduce((best, c) => (copies(c) < copies(best) ? c : best));
}

const dense = (axes: readonly StridedAxis[]): StridedAxis[] => {
  const strides = rowMajorStrides(axes.map((a) => a.extent));
  return axes.map((a, i) => ({ extent: a.extent, stride: strides[i]! }));
};

/** The operand itself, or a copy in the order batch, free, contracted. */
function asMatrix(b: KernelBuilder, v: View): View {
  if (isMatrix(v)) return v;
  const from = [...v.batch, ...v.free, ...v.contract];
  const to = dense(from);
  const buffer = b.scratch(v.buffer.dtype, countOf(from));
  b.parallel(
    from.map((a) => a.extent),
    (index) => b.store(buffer, offsetOf(index, to), load(v.buffer, offsetOf(index, from))),
  );
  const [p, q] = [v.batch.length, v.batch.length + v.free.length];
  return { buffer, batch: to.slice(0, p), free: to.slice(p, q), contract: to.slice(q) };
}

export function lowerDot(b: KernelBuilder, x: Aval, y: Aval, params: DotParams): void {
  const [vx, vy] = chooseViews(b, x, y, params);
  if (isFloat(x.dtype) && countOf(vx.contract) > 0) productOfMatrices(b, asMatrix(b, vx), asMatrix(b, vy));
  else productOfElements(b, vx, vy);
}

function productOfMatrices(b: KernelBuilder, x: View, y: View): void {
  const [m, n, k] = [countOf(x.free), countOf(y.free), countOf(x.contract)];
  if (m === 0 || n === 0) return;
  const extents = x.batch.map((a) => a.extent);
  const toC = dense([...x.batch, { extent: m, stride: 0 }, { extent: n, stride: 0 }]).slice(0, x.batch.length);
  b.parallel(extents, (index) =>
    b.gemm({
      m,
      n,
      k,
      a: {
        buffer: x.buffer,
        offset: offsetOf(index, x.batch),
        rowStride: mergedStride(x.free, k)!,
        colStride: mergedStride(x.contract, 1)!,
      },
      b: {
        buffer: y.buffer,
        offset: offsetOf(index, y.batch),
        rowStride: mergedStride(y.contract, n)!,
        colStride: mergedStride(y.free, 1)!,
      },
      c: { buffer: b.outputs[0]!, offset: offsetOf(index, toC), rowStride: n, colStride: 1 },
      accumulate: false,
    }),
  );
}

/** One sum per element: integers, and contractions over nothing. */
function productOfElements(b: KernelBuilder, x: View, y: View): void {
  const out = b.outputs[0]!;
  const shape = [...x.batch, ...x.free, ...y.free].map((a) => a.extent);
  b.parallel(shape, (index) => {
    const batch = index.slice(0, x.batch.length);
    const i = index.slice(x.batch.length, x.batch.length + x.free.length);
    const j = index.slice(x.batch.length + x.free.length);
    const [px, py] = [
      offsetOf([...batch, ...i], [...x.batch, ...x.free]),
      offsetOf([...batch, ...j], [...y.batch, ...y.free]),
    ];
    const isEmpty = x.contract.some((a) => a.extent === 0);
    const sum = isEmpty
      ? constant(0, out.dtype)
      : b.reduce(
          'add',
          x.contract.map((a) => a.extent),
          out.dtype,
          (k) =>
            binary('mul', load(x.buffer, offsetOf(k, x.contract, px)), load(y.buffer, offsetOf(k, y.contract, py))),
        );
    b.store(out, linearize(index, shape), sum);
  });
}
