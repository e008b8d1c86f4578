/**
 * The methods of tensors: the functions of `ops`, without their first argument, and those that change a tensor in place, with an
 * underscore. One table, whose types users see by declaration merging.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import { isOptions } from '../api/options.ts';
import { backward, type BackwardOptions } from './autograd/backward.ts';
import type { GeneratorOption } from './generator.ts';
import * as hooks from './hooks.ts';
import { inspected, primitiveOf, refuseName, rowsOf, snakeCase } from './javascript.ts';
import * as factor from './linalg/factor.ts';
import * as solve from './linalg/solve.ts';
import * as arithmetic from './ops/arithmetic.ts';
import * as convert from './ops/convert.ts';
import { type TensorLike, toTensor } from './ops/define.ts';
import * as fill from './ops/fill.ts';
import { beside } from './ops/index-operands.ts';
import * as indexing from './ops/indexing.ts';
import * as linalg from './ops/linalg.ts';
import * as order from './ops/order.ts';
import * as parts from './ops/parts.ts';
import * as pointwise from './ops/pointwise.ts';
import * as rearrange from './ops/rearrange.ts';
import * as reduce from './ops/reduce.ts';
import * as samples from './ops/samples.ts';
import * as sampling from './ops/sampling.ts';
import * as scatter from './ops/scatter.ts';
import * as shape from './ops/shape.ts';
import * as statistics from './ops/statistics.ts';
import { Node } from './node.ts';
import { Tensor } from './tensor.ts';
import { changeInPlace, detachView } from './views.ts';

type Namespace = Readonly<Record<string, unknown>>;

/** Functions of the modules that do not take the tensor first, or are properties. */
const others = {
  pointwise: ['polygamma'],
  arithmetic: ['where'],
  convert: ['size'],
  fill: ['fullLike', 'zerosLike', 'onesLike', 'emptyLike'],
  indexing: [],
  linalg: ['einsum', 'tensordot', 'vander'],
  reduce: [],
  samples: ['cdist', 'trapezoid', 'trapz', 'cumulativeTrapezoid'],
  sampling: [],
  scatter: ['searchsorted'],
  order: [],
  parts: [],
  rearrange: [],
  shape: ['broadcastTo'],
  statistics: [],
} as const;

type Others = typeof others;

/** A function as a method. */
type Method<F> = F extends (...args: infer A) => infer O ? (...rest: Tail<A>) => O : never;
type Tail<A> = A extends readonly [unknown, ...infer R] ? R : never;
type Methods<M, Without> = { readonly [K in Exclude<keyof M, Without>]: Method<M[K]> };

type PointwiseMethods = Methods<typeof pointwise, Others['pointwise'][number]>;
type ArithmeticMethods = Methods<typeof arithmetic, Others['arithmetic'][number]>;
type ConvertMethods = Methods<typeof convert, Others['convert'][number]>;
type FillMethods = Methods<typeof fill, Others['fill'][number]>;
type IndexingMethods = Methods<typeof indexing, Others['indexing'][number]>;
type LinalgMethods = Methods<typeof linalg, Others['linalg'][number]>;
type ReduceMethods = Methods<typeof reduce, Others['reduce'][number] | 'max' | 'min'>;
type SamplesMethods = Methods<typeof samples, Others['samples'][number]>;
type ScatterMethods = Methods<typeof scatter, Others['scatter'][number]>;
type OrderMethods = Methods<typeof order, Others['order'][number] | 'median' | 'nanmedian' | 'unique'>;
type PartsMethods = Methods<typeof parts, Others['parts'][number]>;
type RearrangeMethods = Methods<typeof rearrange, Others['rearrange'][number]>;
type ShapeMethods = Methods<typeof shape, Others['shape'][number]>;
type StatisticsMethods = Methods<typeof statistics, Others['statistics'][number]>;

/** Methods that have a form in place, with an underscore. */
// prettier-ignore
const inPlace = [
  'abs', 'neg', 'exp', 'exp2', 'expm1', 'log', 'log2', 'log10', 'log1p', 'sqrt', 'rsqrt', 'square', 'reciprocal', 'sin', 'cos', 'tan',
  'asin', 'acos', 'atan', 'sinh', 'cosh', 'tanh', 'asinh', 'acosh', 'atanh', 'sigmoid', 'relu', 'erf', 'erfc', 'erfinv', 'lgamma',
  'digamma', 'floor', 'ceil', 'trunc', 'frac', 'sign', 'round', 'logit', 'nanToNum', 'add', 'sub', 'mul', 'div', 'multiply', 'subtract',
  'divide', 'floorDivide', 'remainder', 'fmod', 'pow', 'atan2', 'hypot', 'copysign', 'clamp', 'clip', 'clampMin', 'clampMax', 'lerp',
  'addcmul', 'addcdiv', 'xlogy', 'logicalAnd', 'logicalOr', 'logicalXor', 'logicalNot', 'bitwiseAnd', 'bitwiseOr', 'bitwiseXor', 'eq',
  'ne', 'lt', 'le', 'gt', 'ge', 'addmm', 'addmv', 'addbmm', 'baddbmm', 'addr', 'tril', 'triu', 'indexPut', 'indexAdd', 'indexCopy',
  'indexFill', 'maskedFill', 'maskedScatter', 'scatter', 'scatterAdd', 'cumsum', 'cumprod',
] as const;

type AllMethods = PointwiseMethods &
  ArithmeticMethods &
  IndexingMethods &
  LinalgMethods &
  PartsMethods &
  RearrangeMethods &
  ScatterMethods &
  ShapeMethods &
  StatisticsMethods;

type InPlaceMethods = { readonly [K in (typeof inPlace)[number] as `${K}_`]: AllMethods[K] };

type Rest<F> = F extends (...args: infer A) => unknown ? Tail<A> : never;

/** Methods that are not functions of the same name. */
interface OwnMethods {
  /** The largest element; ties share the derivative evenly. */
  max(): Tensor;
  /** Along a dimension, with positions; of ties the first has the derivative. */
  max(dim: number | reduce.DimOptions, keepdim?: boolean): reduce.ValuesAndIndices;
  /** Element by element. */
  max(y: Tensor): Tensor;
  min(): Tensor;
  min(dim: number | reduce.DimOptions, keepdim?: boolean): reduce.ValuesAndIndices;
  min(y: Tensor): Tensor;
  /** The middle element (the lower of two). */
  median(): Tensor;
  median(...args: Tail<Parameters<typeof order.median>>): reduce.ValuesAndIndices;
  nanmedian(): Tensor;
  nanmedian(...args: Tail<Parameters<typeof order.median>>): reduce.ValuesAndIndices;
  det(): Tensor;
  slogdet(): solve.SlogdetResult;
  inverse(): Tensor;
  pinverse(...args: Tail<Parameters<typeof solve.pinv>>): Tensor;
  matrixExp(): Tensor;
  cholesky(...args: Tail<Parameters<typeof factor.cholesky>>): Tensor;
  qr(...args: Tail<Parameters<typeof factor.qr>>): factor.QrResult;
  /** The distinct elements in order. */
  unique(options?: order.UniqueOptions & { readonly returnInverse?: false; readonly returnCounts?: false }): Tensor;
  unique(options: order.UniqueOptions): Tensor[];
  /** These elements where the condition holds, those of `y` elsewhere. */
  where(condition: TensorLike, y: TensorLike): Tensor;
  /** The n-th derivative of digamma. */
  polygamma(n: number): Tensor;
  /** Adds the gradient of this tensor to the leaves it was computed from. */
  backward(gradient?: TensorLike | null, options?: BackwardOptions): void;
  backward(options: BackwardOptions & { readonly gradient?: Tensor | null }): void;
  /** The same elements without history; it shares them. */
  detach(): Tensor;
  /** Drops the history of this tensor. */
  detach_(): Tensor;
  /** Sets `requiresGrad` and returns the tensor. */
  requiresGrad_(requiresGrad?: boolean): Tensor;
  /** The node that made it; null for leaves. */
  readonly gradFn: Node | null;
  retainGrad(): void;
  readonly retainsGrad: boolean;
  registerHook(hook: hooks.TensorHook): hooks.RemovableHandle;
  registerPostAccumulateGradHook(hook: (leaf: Tensor) => void): hooks.RemovableHandle;
  /** Takes the elements of `source`, which broadcast. */
  copy_(source: TensorLike): Tensor;
  zero_(): Tensor;
  fill_(value: TensorLike): Tensor;
  uniform_(...args: Rest<typeof sampling.uniform_>): Tensor;
  normal_(...args: Rest<typeof sampling.normal_>): Tensor;
  bernoulli_(...args: Rest<typeof sampling.bernoulli_>): Tensor;
  exponential_(...args: Rest<typeof sampling.exponential_>): Tensor;
  random_(...args: Rest<typeof sampling.random_>): Tensor;
  bernoulli(options?: GeneratorOption): Tensor;
  multinomial(count: number, options?: sampling.MultinomialOptions): Tensor;
  /** The positions of the first dimension. */
  [Symbol.iterator](): IterableIterator<Tensor>;
  /** The transpose of a matrix. */
  readonly T: Tensor;
  /** The last two dimensions exchanged. */
  readonly mT: Tensor;
}

/** All methods. */
export interface TensorMethods
  extends
    PointwiseMethods,
    ArithmeticMethods,
    ConvertMethods,
    FillMethods,
    IndexingMethods,
    LinalgMethods,
    ReduceMethods,
    OrderMethods,
    PartsMethods,
    RearrangeMethods,
    SamplesMethods,
    ScatterMethods,
    ShapeMethods,
    StatisticsMethods,
    InPlaceMethods,
    OwnMethods {}

declare module './tensor.ts' {
  interface Tensor extends TensorMethods {}
}

type Fn = (x: Tensor, ...rest: never[]) => unknown;

/** `x.f(…)` for `f(x, …)`. */
function define(name: string, f: Fn): void {
  Object.defineProperty(Tensor.prototype, name, {
    value(this: Tensor, ...rest: never[]): unknown {
      return f(this, ...rest);
    },
    writable: true,
    configurable: true,
  });
}

function defineGetter(name: string, get: (x: Tensor) => unknown): void {
  Object.defineProperty(Tensor.prototype, name, {
    get(this: Tensor): unknown {
      return get(this);
    },
    configurable: true,
  });
}

const modules: readonly (readonly [Namespace, readonly string[]])[] = [
  [pointwise, others.pointwise],
  [arithmetic, others.arithmetic],
  [convert, others.convert],
  [fill, others.fill],
  [indexing, others.indexing],
  [linalg, others.linalg],
  [reduce, others.reduce],
  [samples, others.samples],
  [sampling, others.sampling],
  [scatter, others.scatter],
  [order, others.order],
  [parts, others.parts],
  [rearrange, others.rearrange],
  [shape, others.shape],
  [statistics, others.statistics],
];

/** What takes the place of the elements: `source`, stretched. */
const stretched = (x: Tensor, source: TensorLike): Tensor => shape.expand(toTensor(beside(x, source)), x.shape);

const own: { readonly [name: string]: Fn } = {
  where: (x, ...[condition, y]: [TensorLike, TensorLike]) => arithmetic.where(condition, x, y),
  polygamma: (x, ...[n]: [number]) => pointwise.polygamma(n, x),
  det: solve.det,
  slogdet: solve.slogdet,
  inverse: solve.inv,
  pinverse: solve.pinv as Fn,
  matrixExp: solve.matrixExp,
  cholesky: factor.cholesky as Fn,
  qr: factor.qr as Fn,
  backward: runBackward,
  detach: detachView,
  detach_: (x) => x.detachInPlace(),
  requiresGrad_: (x, ...[value]: [boolean | undefined]) => {
    x.requiresGrad = value ?? true;
    return x;
  },
  retainGrad: hooks.retainGrad,
  registerHook: hooks.registerHook as Fn,
  registerPostAccumulateGradHook: hooks.registerPostAccumulateGradHook as Fn,
  copy_: (x, ...[source]: [TensorLike]) => changeInPlace('copy_', x, () => stretched(x, source)),
  zero_: (x) => changeInPlace('zero_', x, () => fill.zerosLike(x)),
  fill_: (x, ...[value]: [TensorLike]) => changeInPlace('fill_', x, () => stretched(x, value)),
};

type WithGradient = BackwardOptions & { readonly gradient?: Tensor | null };

function runBackward(x: Tensor, ...[first, options]: [(TensorLike | null | WithGradient)?, BackwardOptions?]): void {
  if (first === undefined || first === null) return backward(x, null, options);
  if (!isOptions(first)) return backward(x, toTensor(first as TensorLike), options);
  const { gradient = null, ...rest } = first as WithGradient;
  backward(x, gradient, { ...rest, ...options });
}

let isInstalled = false;

/** Puts the methods on the prototype of Tensor. Idempotent. */
export function installMethods(): void {
  if (isInstalled) return;
  isInstalled = true;
  const all = new Map<string, Fn>();
  for (const [module, without] of modules) {
    for (const [name, f] of Object.entries(module)) {
      if (typeof f === 'function' && !without.includes(name)) all.set(name, f as Fn);
    }
  }
  for (const name of inPlace) {
    const f = all.get(name)!;
    all.set(`${name}_`, (x, ...rest) => changeInPlace(`${name}_`, x, () => f(x, ...rest) as Tensor));
  }
  for (const [name, f] of [...all, ...Object.entries(own)]) define(name, f);
  defineGetter('gradFn', (x) => (x.isLeaf ? null : Node.of(x.edge()!.node)));
  defineGetter('T', shape.t);
  defineGetter('mT', (x) => shape.transpose(x, -2, -1));
  defineGetter('retainsGrad', (x) => x.extras?.retainsGrad === true);
  installLanguage();
}

/** What operators, templates, loops and consoles ask of an object, and Python's spelling of members. */
function installLanguage(): void {
  const { prototype } = Tensor;
  const method = (key: PropertyKey, value: (this: Tensor, ...args: never[]) => unknown): void => {
    Object.defineProperty(prototype, key, { value, writable: true, configurable: true });
  };
  method(Symbol.toPrimitive, function (hint: string) {
    return primitiveOf(this, hint);
  });
  method(Symbol.iterator, function () {
    return rowsOf(this);
  });
  method(Symbol.for('nodejs.util.inspect.custom'), function () {
    return inspected(this);
  });
  method('toString', function () {
    return inspected(this);
  });
  for (const name of Object.getOwnPropertyNames(prototype)) {
    const wrong = snakeCase(name);
    if (wrong === name || wrong in prototype) continue;
    const refuse = (): never => refuseName(wrong, name);
    Object.defineProperty(prototype, wrong, { get: refuse, set: refuse, configurable: true });
  }
}
