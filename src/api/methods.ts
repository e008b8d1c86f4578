/**
 * The methods of Tensor: one table, whose types users see by declaration merging and whose functions `installMethods` puts on the
 * prototype.
 * May import: `ir`, `core`, `primitives`, `api/lift`, `api/indexing`, `api/numpy`.
 * @module
 */
import { type DType, dtypeInfo } from '../ir/dtype.ts';
import { ArgumentError } from '../ir/errors.ts';
import type { Shape } from '../ir/shape.ts';
import { settings } from '../core/config.ts';
import { ConcreteTensor, nested, Tensor, Tracer } from '../core/tensor.ts';
import * as prim from '../primitives/index.ts';
import { AtIndex } from './at.ts';
import { getIndexed, type Index } from './indexing.ts';
import type { TensorLike } from './lift.ts';
import { type DTypeLike, toDType } from './numpy/dtypes.ts';
import * as np from './numpy/index.ts';

/** Nested numbers (booleans of a bool array); a number for a scalar. */
export type NestedNumbers = number | boolean | NestedNumbers[];

type Rest<F> = F extends (x: TensorLike, ...rest: infer R) => unknown ? R : never;
type AxisArgs = [axis?: np.Axis | np.AxisOptions, options?: np.AxisOptions];
type ReduceArgs = [axis?: np.Axis | np.ReduceOptions, options?: np.ReduceOptions];
type MeanArgs = [axis?: np.Axis | np.MeanOptions, options?: np.MeanOptions];
type VarArgs = [axis?: np.Axis | np.VarOptions, options?: np.VarOptions];

/** Methods with the names and arguments of the functions of `np`, without the first. */
export interface TensorMethods {
  add(y: TensorLike): Tensor;
  sub(y: TensorLike): Tensor;
  subtract(y: TensorLike): Tensor;
  mul(y: TensorLike): Tensor;
  multiply(y: TensorLike): Tensor;
  div(y: TensorLike): Tensor;
  divide(y: TensorLike): Tensor;
  floorDivide(y: TensorLike): Tensor;
  mod(y: TensorLike): Tensor;
  remainder(y: TensorLike): Tensor;
  pow(y: TensorLike): Tensor;
  power(y: TensorLike): Tensor;
  neg(): Tensor;
  negative(): Tensor;
  maximum(y: TensorLike): Tensor;
  minimum(y: TensorLike): Tensor;
  matmul(y: TensorLike): Tensor;
  dot(y: TensorLike): Tensor;
  abs(): Tensor;
  sign(): Tensor;
  square(): Tensor;
  sqrt(): Tensor;
  reciprocal(): Tensor;
  exp(): Tensor;
  exp2(): Tensor;
  expm1(): Tensor;
  log(): Tensor;
  log2(): Tensor;
  log10(): Tensor;
  log1p(): Tensor;
  sin(): Tensor;
  cos(): Tensor;
  tan(): Tensor;
  arcsin(): Tensor;
  arccos(): Tensor;
  arctan(): Tensor;
  sinh(): Tensor;
  cosh(): Tensor;
  tanh(): Tensor;
  floor(): Tensor;
  ceil(): Tensor;
  trunc(): Tensor;
  round(...args: Rest<typeof np.round>): Tensor;
  clip(...args: Rest<typeof np.clip>): Tensor;
  equal(y: TensorLike): Tensor;
  notEqual(y: TensorLike): Tensor;
  less(y: TensorLike): Tensor;
  lessEqual(y: TensorLike): Tensor;
  greater(y: TensorLike): Tensor;
  greaterEqual(y: TensorLike): Tensor;
  logicalAnd(y: TensorLike): Tensor;
  logicalOr(y: TensorLike): Tensor;
  logicalNot(): Tensor;
  bitwiseAnd(y: TensorLike): Tensor;
  bitwiseOr(y: TensorLike): Tensor;
  bitwiseXor(y: TensorLike): Tensor;
  isnan(): Tensor;
  isfinite(): Tensor;
  isinf(): Tensor;
  sum(...args: ReduceArgs): Tensor;
  prod(...args: ReduceArgs): Tensor;
  max(...args: ReduceArgs): Tensor;
  min(...args: ReduceArgs): Tensor;
  mean(...args: MeanArgs): Tensor;
  var(...args: VarArgs): Tensor;
  std(...args: VarArgs): Tensor;
  ptp(...args: AxisArgs): Tensor;
  all(...args: Rest<typeof np.all>): Tensor;
  any(...args: Rest<typeof np.any>): Tensor;
  argmax(...args: Rest<typeof np.argmax>): Tensor;
  argmin(...args: Rest<typeof np.argmin>): Tensor;
  cumsum(...args: Rest<typeof np.cumsum>): Tensor;
  cumprod(...args: Rest<typeof np.cumprod>): Tensor;
  sort(...args: Rest<typeof np.sort>): Tensor;
  argsort(...args: Rest<typeof np.argsort>): Tensor;
  take(...args: Rest<typeof np.take>): Tensor;
  repeat(...args: Rest<typeof np.repeat>): Tensor;
  searchsorted(...args: Rest<typeof np.searchsorted>): Tensor;
  diagonal(...args: Rest<typeof np.diagonal>): Tensor;
  trace(...args: Rest<typeof np.trace>): Tensor;
  nonzero(...args: Rest<typeof np.nonzero>): Tensor[];
  ravel(): Tensor;
  flatten(): Tensor;
  squeeze(...args: Rest<typeof np.squeeze>): Tensor;
  expandDims(...args: Rest<typeof np.expandDims>): Tensor;
  swapaxes(axis1: number, axis2: number): Tensor;
  moveaxis(source: number | readonly number[], destination: number | readonly number[]): Tensor;
  broadcastTo(shape: np.ShapeLike): Tensor;
  copy(): Tensor;
  /** The same elements under another shape: `x.reshape([2, -1])` or `x.reshape(2, -1)`. */
  reshape(...shape: readonly [np.ShapeLike] | number[]): Tensor;
  /** Axes reversed, or in the order given: `x.transpose()`, `x.transpose([1, 0])`, `x.transpose(1, 0)`. */
  transpose(...axes: readonly [readonly number[] | null] | number[]): Tensor;
  /** Elements converted: floats to integers toward zero, saturating; anything to bool by ≠ 0. */
  astype(dtype: DTypeLike): Tensor;
  /**
   * Part of the array: numbers, ranges `{ start, stop, step }`, `null` for a new axis, `'...'`, arrays of integers, boolean masks.
   * @throws ShapeError for a number out of bounds; positions in arrays are clamped
   * @example
   * ```ts
   * import { np } from 'cotangent';
   * const x = np.array([[1, 2, 3], [4, 5, 6]]);
   * console.log(x.slice(0).toArray()); // => [ 1, 2, 3 ]
   * console.log(x.slice({}, { step: -1 }).toArray()); // => [ [ 3, 2, 1 ], [ 6, 5, 4 ] ]
   * ```
   */
  slice(...index: Index[]): Tensor;
  /**
   * The part to read with a mode, or to change in a copy.
   * @example
   * ```ts
   * import { np } from 'cotangent';
   * console.log(np.zeros(4).at([0, 0, 2]).add(1).toArray()); // => [ 2, 0, 1, 0 ]
   * ```
   */
  at(...index: Index[]): AtIndex;
  /** Nested numbers; booleans of a bool array. */
  toArray(): NestedNumbers;
  /** As {@link TensorMethods.toArray}. */
  js(): NestedNumbers;
  /** Frees the memory now. Never needed. A traced value has none, and is left alone. */
  dispose(): void;
  [Symbol.dispose](): void;
  [Symbol.iterator](): Iterator<Tensor>;
}

/** Properties computed on access. */
export interface TensorProperties {
  /** Axes reversed. */
  readonly T: Tensor;
  /** The last two axes exchanged. */
  readonly mT: Tensor;
  /** The tensor itself, for code written for reference-counted libraries. */
  readonly ref: Tensor;
  /** Name of the device that holds the elements, or would. */
  readonly device: string;
  /** Bytes of one element. */
  readonly itemsize: number;
  /** Bytes of all elements. */
  readonly nbytes: number;
}

declare module '../core/tensor.ts' {
  // eslint-disable-next-line typescript/no-unsafe-declaration-merging -- installMethods supplies them
  interface Tensor<S extends Shape = Shape, D extends DType = DType> extends TensorMethods, TensorProperties {}
}

type Table = {
  readonly [K in keyof TensorMethods]: (
    x: Tensor,
    ...args: Parameters<TensorMethods[K]>
  ) => ReturnType<TensorMethods[K]>;
};
type PropertyTable = { readonly [K in keyof TensorProperties]: (x: Tensor) => TensorProperties[K] };

/** `f(1, 2)` as `f([1, 2])`. */
const listed = (args: readonly unknown[]): readonly number[] =>
  (args.length === 1 && Array.isArray(args[0]) ? args[0] : args) as readonly number[];

function* rows(x: Tensor): Generator<Tensor> {
  if (x.ndim === 0)
    throw new ArgumentError(
      `iteration: expected at least one axis, got ${x.aval.toString()}.`,
      'a scalar has no elements to iterate over.',
    );
  for (let i = 0; i < x.shape[0]!; i++) yield getIndexed('iteration', x, [i]);
}

const toArray = (x: Tensor): NestedNumbers => nested(x.concrete('toArray()')) as NestedNumbers;
const dispose = (x: Tensor): void => {
  if (x instanceof ConcreteTensor) x.dispose();
};

const table: Table = {
  add: np.add,
  sub: np.subtract,
  subtract: np.subtract,
  mul: np.multiply,
  multiply: np.multiply,
  div: np.divide,
  divide: np.divide,
  floorDivide: np.floorDivide,
  mod: np.mod,
  remainder: np.mod,
  pow: np.power,
  power: np.power,
  neg: np.negative,
  negative: np.negative,
  maximum: np.maximum,
  minimum: np.minimum,
  matmul: np.matmul,
  dot: np.dot,
  abs: np.abs,
  sign: np.sign,
  square: np.square,
  sqrt: np.sqrt,
  reciprocal: np.reciprocal,
  exp: np.exp,
  exp2: np.exp2,
  expm1: np.expm1,
  log: np.log,
  log2: np.log2,
  log10: np.log10,
  log1p: np.log1p,
  sin: np.sin,
  cos: np.cos,
  tan: np.tan,
  arcsin: np.arcsin,
  arccos: np.arccos,
  arctan: np.arctan,
  sinh: np.sinh,
  cosh: np.cosh,
  tanh: np.tanh,
  floor: np.floor,
  ceil: np.ceil,
  trunc: np.trunc,
  round: np.round,
  clip: np.clip,
  equal: np.equal,
  notEqual: np.notEqual,
  less: np.less,
  lessEqual: np.lessEqual,
  greater: np.greater,
  greaterEqual: np.greaterEqual,
  logicalAnd: np.logicalAnd,
  logicalOr: np.logicalOr,
  logicalNot: np.logicalNot,
  bitwiseAnd: np.bitwiseAnd,
  bitwiseOr: np.bitwiseOr,
  bitwiseXor: np.bitwiseXor,
  isnan: np.isnan,
  isfinite: np.isfinite,
  isinf: np.isinf,
  sum: np.sum,
  prod: np.prod,
  max: np.max,
  min: np.min,
  mean: np.mean,
  var: np.var,
  std: np.std,
  ptp: np.ptp,
  all: np.all,
  any: np.any,
  argmax: np.argmax,
  argmin: np.argmin,
  cumsum: np.cumsum,
  cumprod: np.cumprod,
  sort: np.sort,
  argsort: np.argsort,
  take: np.take,
  repeat: np.repeat,
  searchsorted: np.searchsorted,
  diagonal: np.diagonal,
  trace: np.trace,
  nonzero: np.nonzero,
  ravel: np.ravel,
  flatten: np.ravel,
  squeeze: np.squeeze,
  expandDims: np.expandDims,
  swapaxes: np.swapaxes,
  moveaxis: np.moveaxis,
  broadcastTo: np.broadcastTo,
  copy: np.copy,
  reshape: (x, ...shape) => np.reshape(x, listed(shape)),
  transpose: (x, ...axes: readonly unknown[]) =>
    np.transpose(x, axes.length === 0 || axes[0] === null ? null : listed(axes)),
  astype: (x, dtype) => prim.convert(x, toDType('astype', dtype)),
  slice: (x, ...index) => getIndexed('slice', x, index),
  at: (x, ...index) => new AtIndex(x, index),
  toArray,
  js: toArray,
  dispose,
  [Symbol.dispose]: dispose,
  [Symbol.iterator]: rows,
};

const properties: PropertyTable = {
  T: (x) => np.transpose(x),
  mT: (x) => np.matrixTranspose(x),
  ref: (x) => x,
  device: (x) => (x instanceof ConcreteTensor ? x.storage.device : settings.defaultDevice),
  itemsize: (x) => dtypeInfo[x.dtype].bytes,
  nbytes: (x) => x.aval.bytes,
};

/** What Node's console shows: `Tensor f32[2] [1, 2]`; of a traced value its aval. Never throws. */
function inspect(this: Tensor): string {
  if (this instanceof Tracer) return this.toString();
  try {
    return `Tensor ${this.aval.toString()} ${this.toString()}`;
  } catch {
    return `Tensor ${this.aval.toString()} (disposed)`;
  }
}

type Function1 = (x: Tensor, ...args: unknown[]) => unknown;

/** Functions of a fixed number of arguments are called without a rest array: methods of arithmetic are hot. */
function methodOf(f: Function1): (this: Tensor, ...args: never[]) => unknown {
  if (f.length === 2) {
    return function (this: Tensor, y: unknown): unknown {
      return f(this.current(), y);
    };
  }
  if (f.length === 3) {
    return function (this: Tensor, y: unknown, z: unknown): unknown {
      return f(this.current(), y, z);
    };
  }
  return function (this: Tensor, ...args: unknown[]): unknown {
    return f(this.current(), ...args);
  };
}

let isInstalled = false;

/** Puts the methods on Tensor's prototype; once. */
export function installMethods(): void {
  if (isInstalled) return;
  isInstalled = true;
  const define = (key: PropertyKey, descriptor: PropertyDescriptor): void => {
    if (!Object.hasOwn(Tensor.prototype, key))
      Object.defineProperty(Tensor.prototype, key, { configurable: true, ...descriptor });
  };
  for (const key of Reflect.ownKeys(table)) {
    const f = table[key as keyof Table] as Function1;
    define(key, { writable: true, value: methodOf(f) });
  }
  for (const key of Object.keys(properties) as (keyof PropertyTable)[]) {
    const f = properties[key];
    define(key, {
      get(this: Tensor): unknown {
        return f(this.current());
      },
    });
  }
  define(Symbol.for('nodejs.util.inspect.custom'), { writable: true, value: inspect });
}
