/**
 * Slices whose position is a value: dynamic_slice and dynamic_update_slice, each other's adjoints. Start indices are int32 scalars,
 * clamped so that the slice fits, as in XLA.
 * May import: `ir`, `core`, `primitives/{structural,fill,movement,indexing}`.
 * @module
 */
import { type Aval, f32, f64, i32 } from '../ir/aval.ts';
import { DTypeError, ShapeError } from '../ir/errors.ts';
import { binary, type Expr, iadd, int, isub, linearize, load as loadElement, select } from '../ir/loop/expr.ts';
import { rowMajorStrides, type Shape } from '../ir/shape.ts';
import {
  type BatchDim,
  definePrimitive,
  type HostArray,
  isLinearInput,
  type Primitive,
  residual,
} from '../core/primitive.ts';
import { scalarTensor, type Tensor } from '../core/tensor.ts';
import { bind1 } from '../core/trace.ts';
import { filled } from './fill.ts';
import { gather, scatter } from './indexing.ts';
import { concatenate } from './movement.ts';
import { forEachIndex, materializeBatch, moveBatchToFront, reshape } from './structural.ts';

export interface DynamicSliceParams {
  readonly sizes: Shape;
}

export type DynamicUpdateSliceParams = Readonly<Record<never, never>>;

function checkSlice(name: string, x: Aval, sizes: Shape, starts: readonly Aval[]): void {
  if (sizes.length !== x.ndim || sizes.some((n, d) => n < 0 || n > x.shape[d]!)) {
    throw new ShapeError(
      `${name}: expected a slice that fits in the operand, got slice [${sizes.join(',')}] of ${x.toString()}.`,
      'the slice has as many axes as the operand and is no larger.',
      { shape: x.shape, sizes },
    );
  }
  if (starts.length !== x.ndim || starts.some((s) => s.ndim !== 0)) {
    throw new ShapeError(
      `${name}: expected one scalar start index per axis of ${x.toString()}, got (${starts.map(String).join(', ')}).`,
      'pass the start indices as separate scalars.',
      { shape: x.shape, starts: starts.map((s) => s.shape) },
    );
  }
  const odd = starts.find((s) => s.dtype !== 'int32');
  if (odd)
    throw new DTypeError(
      `${name}: expected int32 start indices, got ${odd.toString()}.`,
      'convert them with astype first.',
    );
}

/** Start along one axis, clamped to 0 … limit. */
function clampedStart(start: Expr, limit: number): Expr {
  return limit === 0 ? int(0) : binary('max', int(0), binary('min', start, int(limit)));
}

const clampedStarts = (starts: readonly HostArray[], x: Shape, sizes: Shape): number[] =>
  starts.map((s, d) => Math.max(0, Math.min(s.data[0]!, x[d]! - sizes[d]!)));

/** Start indices as gather and scatter want them: one row per mapped element. */
function stackStarts(size: number, starts: readonly Tensor[], dims: readonly BatchDim[]): Tensor {
  if (starts.length === 0) return filled(i32(size, 0), 0);
  const columns = materializeBatch(size, starts, dims).map((s) => reshape(s, [size, 1]));
  return concatenate(columns, 1);
}

const iota = (n: number, from = 0): number[] => Array.from({ length: n }, (_, i) => i + from);

/** y = x[start : start + sizes]. */
export const dynamicSliceP: Primitive<DynamicSliceParams> = definePrimitive<DynamicSliceParams>({
  name: 'dynamic_slice',
  abstractEval: ([x, ...starts], { sizes }) => {
    checkSlice('dynamic_slice', x!, sizes, starts);
    return [x!.withShape(sizes)];
  },
  calculus: {
    kind: 'linear',
    linearOperands: () => [0],
    transpose: ([ct], [x, ...starts]) => [
      isLinearInput(x!) ? dynamicUpdateSlice(filled(x.aval, 0), ct!, starts.map(residual)) : null,
      ...starts.map(() => null),
    ],
  },
  batch: ({ size }, [x, ...starts], [xdim, ...dims], { sizes }) => {
    const rank = sizes.length;
    if (dims.every((d) => d === null)) {
      const zero = scalarTensor(0, 'int32');
      return [[dynamicSlice(x!, starts.toSpliced(xdim!, 0, zero), sizes.toSpliced(xdim!, 0, size))], [xdim!]];
    }
    const isMapped = xdim !== null;
    const operand = isMapped ? moveBatchToFront(x!, xdim!) : x!;
    const out = gather(operand, stackStarts(size, starts, dims), {
      dimensionNumbers: {
        offsetDims: iota(rank, 1),
        collapsedSliceDims: [],
        startIndexMap: iota(rank, isMapped ? 1 : 0),
        operandBatchingDims: isMapped ? [0] : [],
        startIndicesBatchingDims: isMapped ? [0] : [],
      },
      sliceSizes: isMapped ? [1, ...sizes] : sizes,
      mode: 'clip',
    });
    return [[out], [0]];
  },
  reference: ([x, ...starts], [out], { sizes }) => {
    const at = clampedStarts(starts, x!.aval.shape, sizes);
    const strides = rowMajorStrides(x!.aval.shape);
    forEachIndex(sizes, (index, o) => {
      out!.data[o] = x!.data[index.reduce((sum, e, d) => sum + (e + at[d]!) * strides[d]!, 0)]!;
    });
  },
  lower: {
    kind: 'pointwise',
    element: ({ inputs: [x], params: { sizes }, index, load }) => [
      load(
        0,
        index.map((e, d) => iadd(clampedStart(load(d + 1, []), x!.shape[d]! - sizes[d]!), e)),
      ),
    ],
  },
  samples: [
    { avals: [f32(5), i32()], params: { sizes: [3] }, data: [undefined, [1]] },
    { avals: [f64(4, 5), i32(), i32()], params: { sizes: [2, 2] }, data: [undefined, [3], [-7]] },
    { avals: [f32()], params: { sizes: [] } },
    { avals: [f32(3, 2), i32(), i32()], params: { sizes: [0, 2] }, data: [undefined, [2], [0]] },
    { avals: [i32(4), i32()], params: { sizes: [4] }, data: [undefined, [9]] },
  ],
});

/** y = x with x[start : start + update.shape] replaced by `update`. */
export const dynamicUpdateSliceP: Primitive<DynamicUpdateSliceParams> = definePrimitive<DynamicUpdateSliceParams>({
  name: 'dynamic_update_slice',
  abstractEval: ([x, update, ...starts]) => {
    if (x!.dtype !== update!.dtype) {
      throw new DTypeError(
        `dynamic_update_slice: expected operands of one dtype, got ${x!.toString()} and ${update!.toString()}.`,
        'convert with astype first.',
      );
    }
    checkSlice('dynamic_update_slice', x!, update!.shape, starts);
    return [x!.weakType && !update!.weakType ? x!.strong() : x!];
  },
  // The cotangent inside the window belongs to the update, the rest to the operand.
  calculus: {
    kind: 'linear',
    linearOperands: () => [0, 1],
    transpose: ([ct], [x, update, ...starts]) => {
      const at = starts.map(residual);
      return [
        isLinearInput(x!) ? dynamicUpdateSlice(ct!, filled(update!.aval.withDType(ct!.aval.dtype), 0), at) : null,
        isLinearInput(update!) ? dynamicSlice(ct!, at, update.aval.shape) : null,
        ...starts.map(() => null),
      ];
    },
  },
  batch: ({ size }, [x, update, ...starts], [xdim, udim, ...dims]) => {
    const [operand, updates] = materializeBatch(size, [x!, update!], [xdim!, udim!]);
    if (dims.every((d) => d === null)) {
      return [[dynamicUpdateSlice(operand!, updates!, [scalarTensor(0, 'int32'), ...starts])], [0]];
    }
    const rank = starts.length;
    const out = scatter(operand!, stackStarts(size, starts, dims), updates!, {
      dimensionNumbers: {
        updateWindowDims: iota(rank, 1),
        insertedWindowDims: [],
        scatterDimsToOperandDims: iota(rank, 1),
        operandBatchingDims: [0],
        scatterIndicesBatchingDims: [0],
      },
      mode: 'clip',
      uniqueIndices: true,
      indicesAreSorted: true,
    });
    return [[out], [0]];
  },
  reference: ([x, update, ...starts], [out]) => {
    out!.data.set(x!.data);
    const at = clampedStarts(starts, x!.aval.shape, update!.aval.shape);
    const strides = rowMajorStrides(x!.aval.shape);
    forEachIndex(update!.aval.shape, (index, i) => {
      out!.data[index.reduce((sum, e, d) => sum + (e + at[d]!) * strides[d]!, 0)] = update!.data[i]!;
    });
  },
  lower: {
    kind: 'pointwise',
    element: ({ inputs: [x, update], index, load }) => {
      const kept = load(0, index);
      if (update!.size === 0) return [kept];
      let inside: Expr | undefined;
      const from = index.map((e, d) => {
        const size = update!.shape[d]!;
        const limit = x!.shape[d]! - size;
        const i = isub(e, clampedStart(load(d + 2, []), limit));
        if (limit > 0) {
          const here = binary('and', binary('ge', i, int(0)), binary('lt', i, int(size)));
          inside = inside ? binary('and', inside, here) : here;
        }
        return i;
      });
      const replaced = load(1, from);
      return [inside ? select(inside, replaced, kept) : replaced];
    },
    update: {
      kind: 'loops',
      startsFrom: 0,
      // A small part is written in place; a large one is better fused with what computes and reads it.
      isBetter: ([x, update]) => 4 * update!.size <= x!.size,
      build: (b, [x, update]) => {
        const starts = x!.shape.map((n, d) => {
          const start = clampedStart(loadElement(b.inputs[d + 2]!, int(0)), n - update!.shape[d]!);
          return b.get(b.local('int32', start));
        });
        b.parallel(update!.shape, (index) => {
          const to = index.map((e, d) => iadd(starts[d]!, e));
          b.store(b.outputs[0]!, linearize(to, x!.shape), loadElement(b.inputs[1]!, linearize(index, update!.shape)));
        });
      },
    },
  },
  samples: [
    { avals: [f32(5), f32(2), i32()], params: {}, data: [undefined, undefined, [2]] },
    { avals: [f64(4, 3), f64(2, 3), i32(), i32()], params: {}, data: [undefined, undefined, [9], [-1]] },
    { avals: [f32(9), f32(2), i32()], params: {}, data: [undefined, undefined, [8]] },
    { avals: [f64(4, 6), f64(2, 3), i32(), i32()], params: {}, data: [undefined, undefined, [1], [2]] },
    { avals: [f32(), f32()], params: {} },
    { avals: [f32(3), f32(0), i32()], params: {}, data: [undefined, undefined, [1]] },
    { avals: [i32(4), i32(4), i32()], params: {}, data: [undefined, undefined, [1]] },
  ],
});

/** The part of `x` of shape `sizes` at `starts` (int32 scalars, one per axis). */
export const dynamicSlice = (x: Tensor, starts: readonly Tensor[], sizes: Shape): Tensor =>
  bind1(dynamicSliceP, [x, ...starts], { sizes });

/** `x` with the part at `starts` replaced by `update`. */
export const dynamicUpdateSlice = (x: Tensor, update: Tensor, starts: readonly Tensor[]): Tensor =>
  bind1(dynamicUpdateSliceP, [x, update, ...starts], {});
