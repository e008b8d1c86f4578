/**
 * Training in 16-bit floats: which dtype is used where, and a loss that is scaled so that small gradients do not vanish. The shape is
 * that of JMP (github.com/google-deepmind/jmp).
 * May import: `core`, `primitives`, `api`.
 * @module
 */
import { type DTypeLike, toDType } from '../api/numpy/dtypes.ts';
import { asTensor, type TensorLike } from '../api/lift.ts';
import { checkOptions } from '../api/options.ts';
import { flatten, registerPytreeClass, unflatten } from '../core/pytree.ts';
import { scalarTensor, Tensor } from '../core/tensor.ts';
import type { TreeNode } from '../core/tree-node.ts';
import { type DType, isFloat } from '../ir/dtype.ts';
import * as prim from '../primitives/index.ts';
import { castTo, increment, mapLeaves } from './leaves.ts';

/** Floats of a tree converted; numbers, integers, booleans and whatever is no tensor stay. */
function castFloats<T>(tree: T, dtype: DType): T {
  const [leaves, def] = flatten(tree);
  const cast = (x: unknown): unknown => (x instanceof Tensor && isFloat(x.dtype) ? prim.convert(x, dtype) : x);
  return unflatten(def, leaves.map(cast)) as T;
}

export interface PrecisionOptions {
  /** Of the parameters that the optimiser updates; float32. */
  readonly param?: DTypeLike;
  /** Of what the model computes with; float16. */
  readonly compute?: DTypeLike;
  /** Of its results; float32. */
  readonly output?: DTypeLike;
}

/** Which dtype is used where. */
export interface PrecisionPolicy {
  readonly paramDtype: DType;
  readonly computeDtype: DType;
  readonly outputDtype: DType;
  castToParam<T>(tree: T): T;
  castToCompute<T>(tree: T): T;
  castToOutput<T>(tree: T): T;
  /** `f` with its arguments in the compute dtype and its results in the output dtype. Gradients have the dtypes of the arguments. */
  wrap<A extends readonly unknown[], R>(f: (...args: A) => R): (...args: A) => R;
}

/**
 * A policy of mixed precision: parameters of full precision, arithmetic in 16 bits.
 * @param options dtypes by name, or the compute dtype alone
 * @example
 * ```ts
 * import { grad, np, type Tensor } from 'cotangent';
 * import * as optim from 'cotangent/optim';
 * const policy = optim.mixedPrecision('bfloat16');
 * const loss = policy.wrap((w: Tensor, x: Tensor) => np.sum(np.square(np.dot(x, w))));
 * const [w, x] = [np.array([1, 2]), np.array([[0.1, 0.2]])];
 * console.log(loss(w, x).dtype, grad(loss)(w, x).dtype); // => float32 float32
 * ```
 */
export function mixedPrecision(options: PrecisionOptions | DTypeLike = {}): PrecisionPolicy {
  const isDType = typeof options !== 'object';
  const o: PrecisionOptions = isDType ? { compute: options } : options;
  checkOptions('mixedPrecision', o, ['param', 'compute', 'output']);
  const dtype = (given: DTypeLike | undefined, usual: DType): DType => toDType('mixedPrecision', given ?? usual);
  const [paramDtype, computeDtype] = [dtype(o.param, 'float32'), dtype(o.compute, 'float16')];
  const outputDtype = dtype(o.output, 'float32');
  return {
    paramDtype,
    computeDtype,
    outputDtype,
    castToParam: (tree) => castFloats(tree, paramDtype),
    castToCompute: (tree) => castFloats(tree, computeDtype),
    castToOutput: (tree) => castFloats(tree, outputDtype),
    wrap:
      (f) =>
      (...args) =>
        castFloats(f(...castFloats(args, computeDtype)), outputDtype),
  };
}

/** What a loss is multiplied by before it is differentiated, and gradients are divided by after. A pytree. */
export interface LossScale extends TreeNode {
  readonly lossScale: Tensor;
  /** Multiplies the loss. */
  scale<T>(tree: T): T;
  /** Divides gradients, in float32 if they have 16 bits. */
  unscale<T>(tree: T): T;
  /** The scale for the next step. */
  adjust(gradsFinite: TensorLike): LossScale;
}

const times = <T>(tree: T, factor: Tensor): T =>
  mapLeaves('lossScale', (x) => prim.mul(x, castTo(x.dtype, factor)), tree);

const divided = <T>(tree: T, factor: Tensor): T =>
  mapLeaves(
    'lossScale',
    (x) => {
      const wide = x.dtype === 'float64' ? x : prim.convert(x, 'float32');
      return prim.div(wide, castTo(wide.dtype, factor));
    },
    tree,
  );

const scalarOf = (x: TensorLike): Tensor => prim.convert(asTensor(x), 'float32');

/** A scale that stays. */
export class StaticLossScale implements LossScale {
  readonly lossScale: Tensor;

  constructor(lossScale: TensorLike) {
    this.lossScale = scalarOf(lossScale);
  }

  get isTreeNode(): true {
    return true;
  }

  scale<T>(tree: T): T {
    return times(tree, this.lossScale);
  }

  unscale<T>(tree: T): T {
    return divided(tree, this.lossScale);
  }

  adjust(): this {
    return this;
  }
}

export interface DynamicLossScaleOptions {
  /** Finite steps in a row after which the scale grows; 2000. */
  readonly period?: number;
  /** What it grows and shrinks by; 2. */
  readonly factor?: number;
  /** What it does not shrink below; 1. */
  readonly minLossScale?: number;
}

/**
 * A scale as large as the range of float16 allows: it grows after `period` finite steps in a row, unless it would overflow, and shrinks
 * at once when a gradient is not finite. Skip that step, with `selectTree` of the new and the old parameters and state.
 * @example
 * ```ts
 * import * as optim from 'cotangent/optim';
 * const scale = new optim.DynamicLossScale(1024, { period: 1 });
 * console.log(String(scale.adjust(true).lossScale), String(scale.adjust(false).lossScale)); // => 2048 512
 * ```
 */
export class DynamicLossScale implements LossScale {
  readonly lossScale: Tensor;
  /** Finite steps since the scale last changed. */
  readonly counter: Tensor;
  private readonly options: Required<DynamicLossScaleOptions>;

  constructor(lossScale: TensorLike = 2 ** 15, options: DynamicLossScaleOptions = {}, counter: TensorLike = 0) {
    checkOptions('DynamicLossScale', options, ['period', 'factor', 'minLossScale']);
    this.lossScale = scalarOf(lossScale);
    this.counter = prim.convert(asTensor(counter), 'int32');
    this.options = { period: 2000, factor: 2, minLossScale: 1, ...options };
  }

  get isTreeNode(): true {
    return true;
  }

  static flatten(s: DynamicLossScale): readonly [readonly unknown[], unknown] {
    return [[s.lossScale, s.counter], s.options];
  }

  static unflatten(options: unknown, [lossScale, counter]: readonly unknown[]): DynamicLossScale {
    return assembled(DynamicLossScale, { lossScale, counter, options });
  }

  scale<T>(tree: T): T {
    return times(tree, this.lossScale);
  }

  unscale<T>(tree: T): T {
    return divided(tree, this.lossScale);
  }

  adjust(gradsFinite: TensorLike): DynamicLossScale {
    const { period, factor, minLossScale } = this.options;
    const s = this.lossScale;
    const isFinite = prim.convert(asTensor(gradsFinite), 'bool');
    const grown = prim.mul(s, prim.like(s, factor));
    const isDue = prim.and(prim.isFinite(grown), prim.ge(this.counter, prim.like(this.counter, period - 1)));
    const shrunk = prim.max(prim.like(s, minLossScale), prim.div(s, prim.like(s, factor)));
    const lossScale = prim.select(isFinite, prim.select(isDue, grown, s), shrunk);
    const zero = scalarTensor(0, 'int32');
    const next = increment(this.counter);
    const counter = prim.select(prim.and(isFinite, prim.lt(next, prim.like(next, period))), next, zero);
    return DynamicLossScale.unflatten(this.options, [lossScale, counter]);
  }
}

/** An instance with given fields, which may be anything while trees are taken apart and put together. */
function assembled<T extends object>(constructor: abstract new (...args: never[]) => T, fields: object): T {
  return Object.assign(Object.create(constructor.prototype as object) as T, fields);
}

registerPytreeClass(DynamicLossScale, DynamicLossScale.flatten, DynamicLossScale.unflatten, () => [
  'lossScale',
  'counter',
]);
registerPytreeClass(
  StaticLossScale,
  (s) => [[s.lossScale], undefined],
  (_aux, [lossScale]) => assembled(StaticLossScale, { lossScale }),
  () => ['lossScale'],
);

/** No scale at all, for arithmetic in bfloat16 or float32. */
export const noLossScale = (): StaticLossScale => new StaticLossScale(1);
