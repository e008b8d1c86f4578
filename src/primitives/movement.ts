/**
 * Rearranging whole axes: reverse; concatenate and split, each other's adjoints.
 * May import: `ir`, `core`, `primitives/{structural,fill,slice,slice-rules}`.
 * @module
 */
import { type Aval, bool, f32, f64, i32 } from '../ir/aval.ts';
import { ArgumentError, DTypeError, ShapeError } from '../ir/errors.ts';
import { int, isub } from '../ir/loop/expr.ts';
import { rowMajorStrides } from '../ir/shape.ts';
import { definePrimitive, isLinearInput, type MaybeZero, type Primitive } from '../core/primitive.ts';
import { traceProgram } from '../core/program-trace.ts';
import { scalarTensor, type Tensor } from '../core/tensor.ts';
import { bind, bind1 } from '../core/trace.ts';
import { filled } from './fill.ts';
import { pad, sliceAxis, sliceP, sliceRules } from './slice.ts';
import { simplifyConcatenate, simplifyReverse, sliceOfConcatenation } from './slice-rules.ts';
import { type AxesParams, forEachIndex, materializeBatch, reshape } from './structural.ts';

/** y[i] = x[n − 1 − i] along the axes. */
export const reverseP: Primitive<AxesParams> = definePrimitive<AxesParams>({
  name: 'reverse',
  abstractEval: ([x], { axes }) => {
    if (axes.some((a) => a < 0 || a >= x!.ndim) || new Set(axes).size !== axes.length) {
      throw new ShapeError(
        `reverse: expected distinct axes of ${x!.toString()}, got [${axes.join(',')}].`,
        'name each axis once, counted from 0.',
        { shape: x!.shape, axes },
      );
    }
    return [x!];
  },
  calculus: { kind: 'linear', transpose: ([ct], _operands, { axes }) => [reverse(ct!, axes)] },
  batch: (_context, [x], [bdim], { axes }) => [
    [
      reverse(
        x!,
        axes.map((a) => (a < bdim! ? a : a + 1)),
      ),
    ],
    [bdim!],
  ],
  reference: ([x], [out], { axes }) => {
    const { shape } = x!.aval;
    const strides = rowMajorStrides(shape);
    forEachIndex(shape, (index, o) => {
      let i = 0;
      for (let d = 0; d < shape.length; d++)
        i += (axes.includes(d) ? shape[d]! - 1 - index[d]! : index[d]!) * strides[d]!;
      out!.data[o] = x!.data[i]!;
    });
  },
  lower: {
    kind: 'pointwise',
    element: ({ inputs: [x], params: { axes }, index, load }) => [
      load(
        0,
        index.map((e, d) => (axes.includes(d) ? isub(int(x!.shape[d]! - 1), e) : e)),
      ),
    ],
  },
  simplify: (view) => simplifyReverse(view, reverseP),
  samples: [
    { avals: [f32(4)], params: { axes: [0] } },
    { avals: [f64(2, 3, 2)], params: { axes: [0, 2] } },
    { avals: [f32(0, 2)], params: { axes: [0] } },
    { avals: [f32()], params: { axes: [] } },
    { avals: [i32(3, 2)], params: { axes: [1] } },
  ],
});

export const reverse = (x: Tensor, axes: readonly number[]): Tensor =>
  axes.length === 0 ? x : bind1(reverseP, [x], { axes });

export interface ConcatenateParams {
  readonly axis: number;
}

function concatenatedAval(avals: readonly Aval[], axis: number): Aval {
  const first = avals[0];
  if (!first) throw new ArgumentError('concatenate: expected at least one array, got none.', 'pass a non-empty list.');
  if (axis < 0 || axis >= first.ndim) {
    throw new ShapeError(
      `concatenate: expected an axis of ${first.toString()}, got ${axis}.`,
      first.ndim === 0
        ? 'scalars have no axes: reshape to [1] first, or use stack.'
        : `the arrays have ${first.ndim} axes.`,
      { shape: first.shape, axis },
    );
  }
  for (const a of avals) {
    if (a.dtype !== first.dtype) {
      throw new DTypeError(
        `concatenate: expected operands of one dtype, got ${first.toString()} and ${a.toString()}.`,
        'convert with astype first.',
      );
    }
    if (a.ndim !== first.ndim || a.shape.some((n, d) => d !== axis && n !== first.shape[d])) {
      throw new ShapeError(
        `concatenate: expected shapes equal outside axis ${axis}, got ${first.toString()} and ${a.toString()}.`,
        'reshape or broadcast the odd one, or join along another axis.',
        { shapes: avals.map((v) => v.shape), axis },
      );
    }
  }
  const total = avals.reduce((sum, a) => sum + a.shape[axis]!, 0);
  const shape = first.shape.map((n, d) => (d === axis ? total : n));
  return avals.every((a) => a.weakType) ? first.withShape(shape) : first.strong().withShape(shape);
}

/** Where pieces of these lengths begin, one after the other. */
export function startsOf(sizes: readonly number[]): number[] {
  let total = 0;
  return sizes.map((n) => (total += n) - n);
}

const sizesOf = (avals: readonly Aval[], axis: number): number[] => avals.map((a) => a.shape[axis]!);

/** The operands one after the other along `axis`. */
export const concatenateP: Primitive<ConcatenateParams> = definePrimitive<ConcatenateParams>({
  name: 'concatenate',
  abstractEval: (avals, { axis }) => [concatenatedAval(avals, axis)],
  // Each operand gets its own piece of the cotangent.
  calculus: {
    kind: 'linear',
    transpose: ([ct], operands, { axis }) => {
      const sizes = sizesOf(
        operands.map((x) => x.aval),
        axis,
      );
      if (operands.every(isLinearInput)) return split(ct!, axis, sizes);
      const starts = startsOf(sizes);
      return operands.map((x, i) =>
        isLinearInput(x) ? sliceAxis(ct!, axis, starts[i]!, starts[i]! + sizes[i]!) : null,
      );
    },
  },
  batch: ({ size }, args, dims, { axis }) => [[concatenate(materializeBatch(size, args, dims), axis + 1)], [0]],
  reference: (args, [out], { axis }) => {
    const strides = rowMajorStrides(out!.aval.shape);
    let start = 0;
    for (const x of args) {
      forEachIndex(x.aval.shape, (index, i) => {
        const o = index.reduce((sum, e, d) => sum + (d === axis ? e + start : e) * strides[d]!, 0);
        out!.data[o] = x.data[i]!;
      });
      start += x.aval.shape[axis]!;
    }
  },
  lower: {
    // One copy per operand: a choice per element would cost a comparison for each operand.
    kind: 'assembly',
    starts: (inputs, { axis }) =>
      startsOf(sizesOf(inputs, axis)).map((start) => inputs[0]!.shape.map((_, d) => (d === axis ? start : 0))),
  },
  simplify: (view) => simplifyConcatenate(view, concatenateP),
  samples: [
    { avals: [f32(2), f32(3)], params: { axis: 0 } },
    { avals: [f64(2, 1), f64(2, 3), f64(2, 0)], params: { axis: 1 } },
    { avals: [f32(1, 2, 2), f32(2, 2, 2)], params: { axis: 0 } },
    { avals: [f32(0)], params: { axis: 0 } },
    { avals: [i32(2, 2), i32(2, 2)], params: { axis: 1 } },
    { avals: [bool(1), bool(2)], params: { axis: 0 } },
  ],
});

sliceRules.push((view) => sliceOfConcatenation(view, sliceP, concatenateP));

export const concatenate = (xs: readonly Tensor[], axis: number): Tensor =>
  xs.length === 1 ? xs[0]! : bind1(concatenateP, xs, { axis });

export interface SplitParams {
  readonly axis: number;
  /** Lengths of the parts, which sum to that of the axis. */
  readonly sizes: readonly number[];
}

function partsOf(x: Aval, { axis, sizes }: SplitParams): Aval[] {
  const n = x.shape[axis];
  const areSizes = sizes.length > 0 && sizes.every((size) => Number.isInteger(size) && size >= 0);
  if (n === undefined || !areSizes || sizes.reduce((a, b) => a + b) !== n) {
    throw new ShapeError(
      `split: expected sizes that sum to axis ${axis} of ${x.toString()}, got [${sizes.join(',')}].`,
      'name an axis there is, counted from 0, and cover all of it.',
      { shape: x.shape, axis, sizes },
    );
  }
  return sizes.map((size) => x.withShape(x.shape.with(axis, size)));
}

/** The parts' cotangents one after the other, with zeros for those that have none. */
function joined(cts: readonly MaybeZero[], x: Aval, { axis, sizes }: SplitParams): Tensor {
  const present = cts.flatMap((ct, i) => (ct === null ? [] : [i]));
  const [first] = present;
  if (present.length === 1) {
    const start = startsOf(sizes)[first!]!;
    const only = (at: number): number[] => x.shape.map((_, d) => (d === axis ? at : 0));
    const high = x.shape[axis]! - start - sizes[first!]!;
    const ct = cts[first!]!;
    return pad(ct, scalarTensor(0, ct.aval.dtype), { low: only(start), high: only(high), interior: only(0) });
  }
  const { dtype } = cts[first!]!.aval;
  const pieces: Tensor[] = [];
  let zeros = 0;
  const flush = (): void => {
    if (zeros > 0) pieces.push(filled(x.withShape(x.shape.with(axis, zeros)).withDType(dtype), 0));
    zeros = 0;
  };
  cts.forEach((ct, i) => {
    if (ct === null) {
      zeros += sizes[i]!;
      return;
    }
    flush();
    pieces.push(ct);
  });
  flush();
  return concatenate(pieces, axis);
}

/**
 * Parts i: x[…, startᵢ : startᵢ + sizeᵢ, …] along one axis. All at once, so that their cotangents are joined in one pass: each slice for itself would
 * bring an array of the whole size, and n of them n such arrays.
 */
export const splitP: Primitive<SplitParams> = definePrimitive<SplitParams>({
  name: 'split',
  abstractEval: ([x], params) => partsOf(x!, params),
  calculus: { kind: 'linear', transpose: (cts, [x], params) => [joined(cts, x!.aval, params)] },
  batch: (_context, [x], [bdim], { axis, sizes }) => {
    const parts = split(x!, axis < bdim! ? axis : axis + 1, sizes);
    return [parts, parts.map(() => bdim!)];
  },
  reference: ([x], outs, { axis, sizes }) => {
    const strides = rowMajorStrides(x!.aval.shape);
    startsOf(sizes).forEach((start, k) => {
      const out = outs[k]!;
      forEachIndex(out.aval.shape, (index, o) => {
        out.data[o] = x!.data[index.reduce((sum, e, d) => sum + (d === axis ? e + start : e) * strides[d]!, 0)]!;
      });
    });
  },
  // In compiled code slices are read where they are used.
  lower: {
    kind: 'expand',
    program: (avals, { axis, sizes }) =>
      traceProgram('split', avals, ([x]) =>
        startsOf(sizes).map((start, i) => sliceAxis(x!, axis, start, start + sizes[i]!)),
      ).program,
  },
  samples: [
    { avals: [f32(5)], params: { axis: 0, sizes: [2, 3] } },
    { avals: [f64(2, 4, 3)], params: { axis: 1, sizes: [1, 0, 2, 1] } },
    { avals: [f64(3, 2)], params: { axis: 1, sizes: [2] } },
    { avals: [i32(4)], params: { axis: 0, sizes: [1, 1, 1, 1] } },
  ],
});

/** Parts of an axis with these lengths, which must sum to its own. */
export function split(x: Tensor, axis: number, sizes: readonly number[]): Tensor[] {
  if (sizes.length === 0 && x.shape[axis] === 0) return [];
  return sizes.length === 1 && sizes[0] === x.shape[axis] ? [x] : bind(splitP, [x], { axis, sizes });
}

/** Parts of an axis from these positions on: as {@link split} where they cover it one after the other, slices where they overlap or leave gaps. */
export function partsAt(x: Tensor, axis: number, from: readonly number[], sizes: readonly number[]): Tensor[] {
  const isCover = startsOf([...sizes, 0]).every((start, i) => start === (from[i] ?? x.shape[axis]));
  return isCover ? split(x, axis, sizes) : from.map((start, i) => sliceAxis(x, axis, start, start + sizes[i]!));
}

/** The elements along an axis, which goes. */
export function unstack(x: Tensor, axis: number): Tensor[] {
  const shape = x.shape.toSpliced(axis, 1);
  return split(x, axis, Array<number>(x.shape[axis]!).fill(1)).map((part) => reshape(part, shape));
}
