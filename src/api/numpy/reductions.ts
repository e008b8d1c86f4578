/**
 * Reductions over axes: sums, products, extremes, means, variances, counts.
 * May import: `ir`, `core`, `primitives`, `api/lift`, `api/options`.
 * @module
 */
import type { DType } from '../../ir/dtype.ts';
import { ArgumentError, ShapeError } from '../../ir/errors.ts';
import { broadcastShapes, normalizeAxes, normalizeAxis } from '../../ir/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import * as prim from '../../primitives/index.ts';
import { viaFloat32 } from '../halves.ts';
import { asTensor, promoteToFloat, type TensorLike } from '../lift.ts';
import { readOptions } from '../named.ts';
import { optionsOf } from '../options.ts';
import { type DTypeLike, optionalDType } from './dtypes.ts';
import { toFloat, truth } from './unary.ts';

/** One axis, several, or all (`null`, the default). Negative axes count from the end. */
export type Axis = number | readonly number[] | null;

export interface AxisOptions {
  readonly axis?: Axis | undefined;
  /** Keep the reduced axes with size 1; false. */
  readonly keepdims?: boolean | undefined;
}

export interface ReduceOptions extends AxisOptions {
  /** Dtype to compute in and of the result. */
  readonly dtype?: DTypeLike | null | undefined;
  /** Start value. */
  readonly initial?: TensorLike | undefined;
  /** Which elements take part; all. */
  readonly where?: TensorLike | undefined;
}

export interface MeanOptions extends AxisOptions {
  readonly dtype?: DTypeLike | null | undefined;
  readonly where?: TensorLike | undefined;
}

export interface VarOptions extends MeanOptions {
  /** Taken from the number of elements in the divisor; 0. */
  readonly ddof?: number | undefined;
  /** Another name of `ddof`. */
  readonly correction?: number | undefined;
  /** The mean, if known. */
  readonly mean?: TensorLike | undefined;
}

export interface TruthOptions extends AxisOptions {
  readonly where?: TensorLike | undefined;
}

const reduceKeys = ['axis', 'keepdims', 'dtype', 'initial', 'where'] as const;
export const meanKeys: readonly string[] = ['axis', 'keepdims', 'dtype', 'where'];
export const varKeys: readonly string[] = [...meanKeys, 'ddof', 'correction', 'mean'];

/** Puts reduced axes back with size 1. */
export function keepAxes(reduced: Tensor, x: Tensor, axes: readonly number[], keepdims: boolean | undefined): Tensor {
  return keepdims
    ? prim.reshape(
        reduced,
        x.shape.map((n, i) => (axes.includes(i) ? 1 : n)),
      )
    : reduced;
}

/** Dtype of sums and products: booleans and small integers widen. */
const widened = (t: Tensor): Tensor => {
  if (t.dtype === 'bool') return prim.convert(t, 'int32');
  return t.dtype === 'uint8' ? prim.convert(t, 'uint32') : t;
};

interface Folding {
  readonly op: string;
  readonly reduce: (x: Tensor, axes: readonly number[]) => Tensor;
  readonly combine: (x: Tensor, y: Tensor) => Tensor;
  /** What stands in for elements that do not take part; `undefined` when there is no such value. */
  readonly identity: ((dtype: DType) => number) | undefined;
}

function stretch(op: string, x: Tensor, mask: Tensor): [Tensor, Tensor] {
  const shape = broadcastShapes(op, x.shape, mask.shape);
  return [prim.broadcastTo(x, shape), mask];
}

function fold({ op, reduce, combine, identity }: Folding, x: Tensor, o: ReduceOptions): Tensor {
  let t = x;
  const start = o.initial === undefined ? undefined : prim.convert(asTensor(o.initial), t.dtype);
  if (o.where !== undefined) {
    const [wide, mask] = stretch(op, t, truth(o.where));
    const absent = identity ? prim.like(t, identity(t.dtype)) : start;
    if (!absent)
      throw new ArgumentError(
        `${op}: expected initial along with where, got none.`,
        'it is the result where nothing takes part.',
      );
    t = prim.select(mask, wide, absent);
  }
  const axes = normalizeAxes(op, o.axis, t.ndim);
  if (!identity && start === undefined && axes.some((a) => t.shape[a] === 0)) {
    throw new ShapeError(
      `${op}: expected at least one element to reduce, got ${t.aval.toString()}.`,
      'pass initial, or check the size first.',
    );
  }
  const reduced = reduce(t, axes);
  const folded = start ? combine(reduced, start) : reduced;
  return keepAxes(folded, t, axes, o.keepdims);
}

const adding: Folding = { op: 'sum', reduce: prim.reduceSum, combine: prim.add, identity: () => 0 };
const multiplying: Folding = { op: 'prod', reduce: prim.reduceProd, combine: prim.mul, identity: () => 1 };

function accumulate(
  folding: Folding,
  x: TensorLike,
  axis: Axis | ReduceOptions | undefined,
  options: ReduceOptions | undefined,
): Tensor {
  const o = optionsOf<ReduceOptions>(folding.op, 'axis', axis, options, reduceKeys);
  const dtype = optionalDType(folding.op, o.dtype);
  const t = asTensor(x);
  return fold(folding, dtype ? prim.convert(t, dtype) : widened(t), o);
}

/**
 * Σ x over axes; 0 of nothing. Booleans and uint8 are summed in 32 bits; integers wrap.
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * const x = np.array([[1, 2], [3, 4]]);
 * console.log(np.sum(x).item(), np.sum(x, 0).toArray()); // => 10 [ 4, 6 ]
 * console.log(np.sum(x, { axis: 1, keepdims: true }).shape); // => [ 2, 1 ]
 * ```
 */
export const sum = (x: TensorLike, axis?: Axis | ReduceOptions, options?: ReduceOptions): Tensor =>
  accumulate(adding, x, axis, options);

/** Π x over axes; 1 of nothing. The derivative is right at zeros too. */
export const prod = (x: TensorLike, axis?: Axis | ReduceOptions, options?: ReduceOptions): Tensor =>
  accumulate(multiplying, x, axis, options);

export function extreme(
  op: 'max' | 'min',
  x: TensorLike,
  axis: Axis | ReduceOptions | undefined,
  options: ReduceOptions | undefined,
): Tensor {
  const o = optionsOf<ReduceOptions>(op, 'axis', axis, options, ['axis', 'keepdims', 'initial', 'where']);
  const isMax = op === 'max';
  const t = asTensor(x);
  const [onBool, onNumber] = isMax ? [prim.reduceOr, prim.reduceMax] : [prim.reduceAnd, prim.reduceMin];
  const [joinBool, joinNumber] = isMax ? [prim.or, prim.max] : [prim.and, prim.min];
  const isBool = t.dtype === 'bool';
  return fold(
    { op, reduce: isBool ? onBool : onNumber, combine: isBool ? joinBool : joinNumber, identity: undefined },
    t,
    o,
  );
}

/**
 * The largest element over axes; NaN if there is one. A tie shares the derivative evenly.
 * @throws ShapeError of nothing, unless `initial` is given
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.max([[1, 5], [3, 2]], 1).toArray()); // => [ 5, 3 ]
 * ```
 */
export const max = (x: TensorLike, axis?: Axis | ReduceOptions, options?: ReduceOptions): Tensor =>
  extreme('max', x, axis, options);

/** The smallest element over axes; NaN if there is one. A tie shares the derivative evenly. */
export const min = (x: TensorLike, axis?: Axis | ReduceOptions, options?: ReduceOptions): Tensor =>
  extreme('min', x, axis, options);

export { max as amax, min as amin };

/** The largest minus the smallest element over axes. */
export function ptp(x: TensorLike, axis?: Axis | AxisOptions, options?: AxisOptions): Tensor {
  const o = optionsOf<AxisOptions>('ptp', 'axis', axis, options, ['axis', 'keepdims']);
  return prim.sub(max(x, o), min(x, o));
}

function truthOver(
  op: 'all' | 'any',
  x: TensorLike,
  axis: Axis | TruthOptions | undefined,
  options: TruthOptions | undefined,
): Tensor {
  const o = optionsOf<TruthOptions>(op, 'axis', axis, options, ['axis', 'keepdims', 'where']);
  const isAll = op === 'all';
  return fold(
    {
      op,
      reduce: isAll ? prim.reduceAnd : prim.reduceOr,
      combine: isAll ? prim.and : prim.or,
      identity: () => (isAll ? 1 : 0),
    },
    truth(x),
    o,
  );
}

/** Whether all elements are nonzero (true of nothing). */
export const all = (x: TensorLike, axis?: Axis | TruthOptions, options?: TruthOptions): Tensor =>
  truthOver('all', x, axis, options);

/** Whether any element is nonzero (false of nothing). */
export const any = (x: TensorLike, axis?: Axis | TruthOptions, options?: TruthOptions): Tensor =>
  truthOver('any', x, axis, options);

/** Number of nonzero elements, int32. */
export function countNonzero(x: TensorLike, axis?: Axis | AxisOptions, options?: AxisOptions): Tensor {
  const o = optionsOf<AxisOptions>('countNonzero', 'axis', axis, options, ['axis', 'keepdims']);
  return sum(truth(x), o);
}

/** How many elements are reduced into each result: a number, or counts where a mask decides. */
function countOf(x: Tensor, axes: readonly number[], mask: Tensor | undefined): Tensor {
  if (!mask)
    return prim.like(
      x,
      axes.reduce((n, a) => n * x.shape[a]!, 1),
    );
  return prim.reduceSum(prim.convert(prim.broadcastTo(mask, x.shape), x.dtype), axes);
}

interface Prepared {
  readonly x: Tensor;
  readonly mask: Tensor | undefined;
  readonly axes: number[];
}

function prepare(op: string, input: Tensor, where: TensorLike | undefined, axis: Axis | undefined): Prepared {
  let x = input;
  let mask: Tensor | undefined;
  if (where !== undefined) [x, mask] = stretch(op, x, truth(where));
  return { x, mask, axes: normalizeAxes(op, axis, x.ndim) };
}

const masked = (x: Tensor, mask: Tensor | undefined): Tensor => (mask ? prim.select(mask, x, prim.like(x, 0)) : x);

export function inFloats(op: string, x: TensorLike, dtype: DTypeLike | null | undefined): Tensor {
  const wanted = optionalDType(op, dtype);
  return wanted ? prim.convert(asTensor(x), wanted) : toFloat(asTensor(x));
}

/**
 * Arithmetic mean over axes, in floats (16-bit floats are summed in float32); NaN of nothing.
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.mean([[1, 2], [3, 4]], { axis: 0 }).toArray()); // => [ 2, 3 ]
 * ```
 */
export function mean(x: TensorLike, axis?: Axis | MeanOptions, options?: MeanOptions): Tensor {
  const o = optionsOf<MeanOptions>('mean', 'axis', axis, options, meanKeys);
  return viaFloat32((t) => meanOf(prepare('mean', t, o.where, o.axis), o), inFloats('mean', x, o.dtype));
}

function meanOf({ x, mask, axes }: Prepared, { keepdims }: MeanOptions): Tensor {
  const total = prim.reduceSum(masked(x, mask), axes);
  return keepAxes(prim.div(total, countOf(x, axes, mask)), x, axes, keepdims);
}

const variance = (op: string, x: TensorLike, o: VarOptions): Tensor =>
  viaFloat32((t) => varianceOf(prepare(op, t, o.where, o.axis), o), inFloats(op, x, o.dtype));

function varianceOf(p: Prepared, o: VarOptions): Tensor {
  const count = countOf(p.x, p.axes, p.mask);
  const centre =
    o.mean === undefined
      ? keepAxes(prim.div(prim.reduceSum(masked(p.x, p.mask), p.axes), count), p.x, p.axes, true)
      : prim.convert(toFloat(asTensor(o.mean)), p.x.dtype);
  const squares = masked(prim.integerPow(prim.sub(p.x, centre), 2), p.mask);
  const lost = o.correction ?? o.ddof ?? 0;
  const total = prim.reduceSum(squares, p.axes);
  const isStatic = p.mask === undefined && lost < p.axes.reduce((n, d) => n * p.x.shape[d]!, 1);
  const divisor = prim.sub(count, prim.like(count, lost));
  if (isStatic) return keepAxes(prim.div(total, divisor), p.x, p.axes, o.keepdims);
  // With no degree of freedom left the variance is NaN, a constant.
  const isLeft = prim.broadcastTo(prim.gt(divisor, prim.like(divisor, 0)), total.shape);
  const safe = prim.select(isLeft, prim.broadcastTo(divisor, total.shape), prim.like(total, 1));
  return keepAxes(prim.select(isLeft, prim.div(total, safe), prim.like(total, Number.NaN)), p.x, p.axes, o.keepdims);
}

/**
 * Variance over axes: mean squared distance from the mean, with the divisor n − `ddof`.
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.var([1, 2, 3, 4], { ddof: 0 }).item()); // => 1.25
 * ```
 */
function varOver(x: TensorLike, axis?: Axis | VarOptions, options?: VarOptions): Tensor {
  return variance('var', x, optionsOf<VarOptions>('var', 'axis', axis, options, varKeys));
}
export { varOver as var };

/** Standard deviation over axes: √variance. Of equal elements it is 0, with a NaN derivative, as in JAX. */
export const std = (x: TensorLike, axis?: Axis | VarOptions, options?: VarOptions): Tensor =>
  prim.sqrt(variance('std', x, optionsOf<VarOptions>('std', 'axis', axis, options, varKeys)));

export interface AverageOptions extends AxisOptions {
  /** Of the shape of x, or one-dimensional along the one axis; all equal by default. */
  readonly weights?: TensorLike | null | undefined;
  /** Also return the sums of the weights. */
  readonly returned?: boolean | undefined;
}

/**
 * Weighted mean over axes: Σ w·x / Σ w.
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.average([1, 2, 6], { weights: [1, 1, 2] }).item()); // => 3.75
 * ```
 */
export function average(
  x: TensorLike,
  axis: Axis | undefined,
  options: AverageOptions & { readonly returned: true },
): [Tensor, Tensor];
export function average(x: TensorLike, axis: AverageOptions & { readonly returned: true }): [Tensor, Tensor];
export function average(
  x: TensorLike,
  axis?: Axis | AverageOptions,
  weights?: TensorLike | AverageOptions | null,
  options?: AverageOptions,
): Tensor;
export function average(x: TensorLike, ...args: readonly unknown[]): Tensor | [Tensor, Tensor] {
  const o = readOptions<AverageOptions>('average', ['axis', 'weights', 'returned', 'keepdims'], args);
  if (o.weights === undefined || o.weights === null) {
    const t = toFloat(asTensor(x));
    const plain = mean(t, { axis: o.axis, keepdims: o.keepdims });
    const count = normalizeAxes('average', o.axis, t.ndim).reduce((n, a) => n * t.shape[a]!, 1);
    return o.returned ? [plain, prim.broadcastTo(prim.like(plain, count), plain.shape)] : plain;
  }
  const [t, w] = promoteToFloat(x, o.weights) as [Tensor, Tensor];
  const axes = normalizeAxes('average', o.axis, t.ndim);
  const wide = alignWeights(t, w, axes);
  const total = prim.reduceSum(wide, axes);
  const result = keepAxes(prim.div(prim.reduceSum(prim.mul(t, wide), axes), total), t, axes, o.keepdims);
  return o.returned ? [result, keepAxes(total, t, axes, o.keepdims)] : result;
}

function alignWeights(t: Tensor, w: Tensor, axes: readonly number[]): Tensor {
  if (w.ndim === t.ndim) return prim.broadcastTo(w, t.shape);
  if (w.ndim !== 1 || axes.length !== 1 || w.size !== t.shape[axes[0]!]) {
    throw new ShapeError(
      `average: expected weights of the shape of x or of its length along the one axis, got ${w.aval.toString()} for ${t.aval.toString()}.`,
      'pass the axis, or broadcast the weights.',
    );
  }
  return prim.broadcastTo(
    prim.reshape(
      w,
      t.shape.map((n, i) => (axes.includes(i) ? n : 1)),
    ),
    t.shape,
  );
}

export interface ArgOptions {
  /** The flattened array by default. */
  readonly axis?: number | null | undefined;
  readonly keepdims?: boolean | undefined;
}

export const argKeys: readonly string[] = ['axis', 'keepdims'];

export function argExtreme(op: string, f: typeof prim.argmax, t: Tensor, o: ArgOptions): Tensor {
  const isFlat = o.axis === undefined || o.axis === null;
  const line = isFlat ? prim.reshape(t, [t.size]) : t;
  const axis = isFlat ? 0 : normalizeAxis(op, o.axis!, t.ndim);
  const found = f(line, axis);
  if (!o.keepdims) return found;
  return prim.reshape(
    found,
    t.shape.map((n, i) => (isFlat || i === axis ? 1 : n)),
  );
}

/**
 * Position of the first largest element (or the first NaN), int32.
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.argmax([[1, 9, 3], [7, 2, 5]], 1).toArray()); // => [ 1, 0 ]
 * ```
 */
export const argmax = (x: TensorLike, axis?: number | null | ArgOptions, options?: ArgOptions): Tensor =>
  argExtreme('argmax', prim.argmax, asTensor(x), optionsOf<ArgOptions>('argmax', 'axis', axis, options, argKeys));

/** Position of the first smallest element (or the first NaN), int32. */
export const argmin = (x: TensorLike, axis?: number | null | ArgOptions, options?: ArgOptions): Tensor =>
  argExtreme('argmin', prim.argmin, asTensor(x), optionsOf<ArgOptions>('argmin', 'axis', axis, options, argKeys));
