/**
 * The linear operations that move no information: broadcast and its adjoint sum, reshape, transpose (permutation of axes). The rest
 * of the primitives build on these, so they stand first and import no other family.
 * May import: `ir`, `core`.
 * @module
 */
import type { Aval } from '../ir/aval.ts';
import { bool, f32, f64, i32 } from '../ir/aval.ts';
import { ShapeError } from '../ir/errors.ts';
import { type Expr, int, delinearize, linearize } from '../ir/loop/expr.ts';
import { rowMajorStrides, sameShape, type Shape, sizeOf } from '../ir/shape.ts';
import { type BatchDim, definePrimitive, type HostArray, type Primitive } from '../core/primitive.ts';
import type { Tensor } from '../core/tensor.ts';
import { bind1 } from '../core/trace.ts';
import { firstOf, type RuleList } from './simplify-rules.ts';
import { type Movements, simplifyBroadcast, simplifyReshape, simplifyTranspose } from './structural-rules.ts';

/** The records that the rules of this family turn into each other. */
export const movements = (): Movements => ({ broadcast: broadcastInDimP, reshape: reshapeP, transpose: transposeP });

/** Rewrites of sums and of permutations that later families add: a sum of products is a contraction. */
export const sumRules: RuleList<AxesParams> = [];
export const transposeRules: RuleList<PermutationParams> = [];

export interface BroadcastInDimParams {
  readonly shape: Shape;
  /** Output axis of each operand axis, ascending. */
  readonly dims: readonly number[];
}

/** y[i] = x[i at dims], with operand axes of size 1 stretched. */
export const broadcastInDimP: Primitive<BroadcastInDimParams> = definePrimitive<BroadcastInDimParams>({
  name: 'broadcast_in_dim',
  abstractEval: ([x], { shape, dims }) => {
    const fits = dims.length === x!.ndim && dims.every((d, i) => x!.shape[i] === 1 || x!.shape[i] === shape[d]);
    if (!fits) {
      throw new ShapeError(
        `broadcast: expected ${x!.toString()} to stretch to [${shape.join(',')}], which it does not.`,
        'dimensions must be equal or 1.',
        { from: x!.shape, to: shape },
      );
    }
    return [x!.withShape(shape)];
  },
  // Each x[i] feeds every y it was copied to, so its cotangent is the sum over them.
  calculus: {
    kind: 'linear',
    transpose: ([ct], [x], { shape, dims }) => {
      const stretched = shape.flatMap((n, d) => {
        const i = dims.indexOf(d);
        return i < 0 || (x!.aval.shape[i] === 1 && n !== 1) ? [d] : [];
      });
      return [reshape(reduceSum(ct!, stretched), x!.aval.shape)];
    },
  },
  batch: ({ size }, [x], [bdim], { shape, dims }) => [
    [broadcastInDim(moveBatchToFront(x!, bdim!), [size, ...shape], [0, ...dims.map((d) => d + 1)])],
    [0],
  ],
  reference: ([x], [out], { dims }) => {
    const strides = rowMajorStrides(x!.aval.shape);
    forEachIndex(out!.aval.shape, (index, o) => {
      let i = 0;
      dims.forEach((d, k) => (i += x!.aval.shape[k] === 1 ? 0 : index[d]! * strides[k]!));
      out!.data[o] = x!.data[i]!;
    });
  },
  lower: {
    kind: 'pointwise',
    element: ({ inputs, params, index, load }) => [
      load(
        0,
        params.dims.map((d, k): Expr => (inputs[0]!.shape[k] === 1 ? int(0) : index[d]!)),
      ),
    ],
  },
  simplify: (view) => simplifyBroadcast(view, movements()),
  samples: [
    { avals: [f32(3)], params: { shape: [2, 3], dims: [1] } },
    { avals: [f64(2, 1)], params: { shape: [2, 4, 3], dims: [0, 2] } },
    { avals: [f32()], params: { shape: [0, 2], dims: [] } },
    { avals: [i32(2)], params: { shape: [2, 2], dims: [0] } },
  ],
});

export interface AxesParams {
  /** Ascending. */
  readonly axes: readonly number[];
}

const without = (shape: Shape, axes: readonly number[]): number[] => shape.filter((_, i) => !axes.includes(i));

/** y[i] = Σ_j x[i,j] over the axes. Integers wrap. */
export const reduceSumP: Primitive<AxesParams> = definePrimitive<AxesParams>({
  name: 'reduce_sum',
  abstractEval: ([x], { axes }) => [x!.withShape(without(x!.shape, axes))],
  // Each x[i,j] feeds y[i], so the cotangent of y is copied back to all of them.
  calculus: {
    kind: 'linear',
    transpose: ([ct], [x], { axes }) => [broadcastInDim(ct!, x!.aval.shape, keptAxes(x!.aval.shape, axes))],
  },
  batch: (_context, [x], [bdim], { axes }) => {
    const moved = axes.map((a) => (a < bdim! ? a : a + 1));
    return [[reduceSum(x!, moved)], [bdim! - moved.filter((a) => a < bdim!).length]];
  },
  reference: ([x], [out], { axes }) => {
    // Accumulated in float64 whatever the dtype, and rounded (or wrapped, on the store) once.
    const sums = new Float64Array(out!.data.length);
    const isInt = out!.aval.dtype === 'int32' || out!.aval.dtype === 'uint32';
    reduceInto(x!, axes, (o, v) => (sums[o] = isInt ? (sums[o]! + v) | 0 : sums[o]! + v));
    out!.data.set(sums);
  },
  lower: {
    kind: 'reduction',
    combine: () => 'add',
    extents: ([x], { axes }) => axes.map((a) => x!.shape[a]!),
    element: ({ inputs, params, index, reduceIndex, load }) =>
      load(0, interleave(inputs[0]!, params.axes, index, reduceIndex)),
  },
  simplify: (view) => firstOf(sumRules, view),
  samples: [
    { avals: [f32(2, 3)], params: { axes: [1] } },
    { avals: [f64(2, 3, 4)], params: { axes: [0, 2] } },
    { avals: [f32(0, 3)], params: { axes: [0] } },
    { avals: [f32()], params: { axes: [] } },
    { avals: [i32(5)], params: { axes: [0] } },
  ],
});

/** Index into an operand from the indices of its kept and its reduced axes. */
export function interleave(x: Aval, axes: readonly number[], kept: readonly Expr[], reduced: readonly Expr[]): Expr[] {
  let [k, r] = [0, 0];
  return x.shape.map((_, i) => (axes.includes(i) ? reduced[r++]! : kept[k++]!));
}

export interface ShapeParams {
  readonly shape: Shape;
}

/** The same elements in row-major order under another shape. */
export const reshapeP: Primitive<ShapeParams> = definePrimitive<ShapeParams>({
  name: 'reshape',
  abstractEval: ([x], { shape }) => {
    if (sizeOf(shape) !== x!.size) {
      throw new ShapeError(
        `reshape: expected a shape with ${x!.size} elements, got [${shape.join(',')}] with ${sizeOf(shape)} for ${x!.toString()}.`,
        'one dimension may be -1 to have it computed.',
        { from: x!.shape, to: shape },
      );
    }
    return [x!.withShape(shape)];
  },
  calculus: { kind: 'linear', transpose: ([ct], [x]) => [reshape(ct!, x!.aval.shape)] },
  batch: ({ size }, [x], [bdim], { shape }) => [[reshape(moveBatchToFront(x!, bdim!), [size, ...shape])], [0]],
  reference: ([x], [out]) => out!.data.set(x!.data),
  lower: {
    kind: 'pointwise',
    element: ({ inputs, params, index, load }) => [
      load(0, delinearize(linearize(index, params.shape), inputs[0]!.shape)),
    ],
  },
  simplify: (view) => simplifyReshape(view, movements()),
  samples: [
    { avals: [f32(2, 3)], params: { shape: [3, 2] } },
    { avals: [f64(1, 4)], params: { shape: [2, 1, 2] } },
    { avals: [f32(0, 4)], params: { shape: [2, 0] } },
    { avals: [bool(2, 2)], params: { shape: [4] } },
  ],
});

export interface PermutationParams {
  /** Output axis i is operand axis permutation[i]. */
  readonly permutation: readonly number[];
}

export const transposeP: Primitive<PermutationParams> = definePrimitive<PermutationParams>({
  name: 'transpose',
  abstractEval: ([x], { permutation }) => {
    if (permutation.length !== x!.ndim || new Set(permutation).size !== x!.ndim) {
      throw new ShapeError(
        `transpose: expected a permutation of ${x!.ndim} axes for ${x!.toString()}, got [${permutation.join(', ')}].`,
        'name every axis once.',
      );
    }
    return [x!.withShape(permutation.map((p) => x!.shape[p]!))];
  },
  calculus: {
    kind: 'linear',
    transpose: ([ct], _operands, { permutation }) => [transpose(ct!, inversePermutation(permutation))],
  },
  batch: (_context, [x], [bdim], { permutation }) => [
    [transpose(x!, [bdim!, ...permutation.map((p) => (p < bdim! ? p : p + 1))])],
    [0],
  ],
  reference: ([x], [out], { permutation }) => {
    const strides = rowMajorStrides(x!.aval.shape);
    forEachIndex(out!.aval.shape, (index, o) => {
      let i = 0;
      permutation.forEach((p, k) => (i += index[k]! * strides[p]!));
      out!.data[o] = x!.data[i]!;
    });
  },
  lower: {
    kind: 'pointwise',
    element: ({ params, index, load }) => [
      load(
        0,
        inversePermutation(params.permutation).map((p) => index[p]!),
      ),
    ],
  },
  simplify: (view) => simplifyTranspose(view, movements()) ?? firstOf(transposeRules, view),
  samples: [
    { avals: [f32(2, 3)], params: { permutation: [1, 0] } },
    { avals: [f64(2, 3, 4)], params: { permutation: [2, 0, 1] } },
    { avals: [i32(3, 0)], params: { permutation: [1, 0] } },
  ],
});

export function inversePermutation(p: readonly number[]): number[] {
  const out: number[] = Array.from({ length: p.length });
  p.forEach((axis, i) => (out[axis] = i));
  return out;
}

const keptAxes = (shape: Shape, axes: readonly number[]): number[] =>
  shape.map((_, i) => i).filter((i) => !axes.includes(i));

/** Calls `f(index, linear)` for every index in row-major order; `index` is reused. */
export function forEachIndex(shape: Shape, f: (index: readonly number[], linear: number) => void): void {
  const n = sizeOf(shape);
  const index = shape.map(() => 0);
  for (let o = 0; o < n; o++) {
    f(index, o);
    for (let d = shape.length - 1; d >= 0; d--) {
      if (++index[d]! < shape[d]!) break;
      index[d] = 0;
    }
  }
}

/** Calls `visit(output position, value, linear position in x)` for every element of `x`, reducing over `axes`. */
export function reduceInto(
  x: HostArray,
  axes: readonly number[],
  visit: (o: number, value: number, i: number) => void,
): void {
  const kept = keptAxes(x.aval.shape, axes);
  const outStrides = rowMajorStrides(kept.map((a) => x.aval.shape[a]!));
  const strideOf = x.aval.shape.map((_, a) => (kept.includes(a) ? outStrides[kept.indexOf(a)]! : 0));
  forEachIndex(x.aval.shape, (index, i) => {
    let o = 0;
    for (let a = 0; a < index.length; a++) o += index[a]! * strideOf[a]!;
    visit(o, x.data[i]!, i);
  });
}

// Functions on tensors. They return the operand itself when there is nothing to do.

export function broadcastInDim(x: Tensor, shape: Shape, dims: readonly number[]): Tensor {
  if (sameShape(x.aval.shape, shape)) return x;
  return bind1(broadcastInDimP, [x], { shape, dims });
}

/** NumPy's broadcast to a shape: axes are matched from the last. */
export function broadcastTo(x: Tensor, shape: Shape): Tensor {
  const shift = shape.length - x.aval.shape.length;
  return broadcastInDim(
    x,
    shape,
    x.aval.shape.map((_, i) => i + shift),
  );
}

export function reduceSum(x: Tensor, axes: readonly number[]): Tensor {
  return axes.length === 0 ? x : bind1(reduceSumP, [x], { axes });
}

export function reshape(x: Tensor, shape: Shape): Tensor {
  return sameShape(x.aval.shape, shape) ? x : bind1(reshapeP, [x], { shape });
}

export function transpose(x: Tensor, permutation: readonly number[]): Tensor {
  return permutation.length === x.ndim && permutation.every((p, i) => p === i)
    ? x
    : bind1(transposeP, [x], { permutation });
}

/** Adjoint of `broadcastTo(·, x.shape)`: sums `x` back to `shape`. */
export function unbroadcast(x: Tensor, shape: Shape): Tensor {
  const from = x.aval.shape;
  if (sameShape(from, shape)) return x;
  const shift = from.length - shape.length;
  const axes = from.flatMap((n, i) => (i < shift || (shape[i - shift] === 1 && n !== 1) ? [i] : []));
  return reshape(reduceSum(x, axes), shape);
}

/** Moves axis `from` to position `to`. */
export function moveAxis(x: Tensor, from: number, to: number): Tensor {
  if (from === to) return x;
  const order = x.aval.shape.map((_, i) => i).filter((i) => i !== from);
  order.splice(to, 0, from);
  return transpose(x, order);
}

export const moveBatchToFront = (x: Tensor, bdim: number): Tensor => moveAxis(x, bdim, 0);

/** Every operand with its mapped axis at the front; unmapped operands are copied along a new one. */
export function materializeBatch(size: number, args: readonly Tensor[], dims: readonly BatchDim[]): Tensor[] {
  return args.map((x, i) => {
    const d = dims[i]!;
    return d === null ? broadcastTo(x, [size, ...x.aval.shape]) : moveBatchToFront(x, d);
  });
}
