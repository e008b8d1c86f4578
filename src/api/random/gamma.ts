/**
 * The gamma distribution and those made of it: beta, Dirichlet, chi-square, Student's t.
 * May import: everything up to `control`, `api/args`, `api/lax`.
 * @module
 */
import { Aval } from '../../ir/aval.ts';
import { type Shape, sizeOf } from '../../ir/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { add, div, like, mul, neg, sub } from '../../primitives/arithmetic.ts';
import { eq, ge, le } from '../../primitives/compare.ts';
import { and, or } from '../../primitives/elementwise-bits.ts';
import { exp, log, pow, sqrt } from '../../primitives/elementwise-exp.ts';
import { max } from '../../primitives/elementwise-number.ts';
import { filled } from '../../primitives/fill.ts';
import { reduceMax } from '../../primitives/reduce.ts';
import { select } from '../../primitives/select.ts';
import { igammaGradA, lgamma } from '../../primitives/special.ts';
import { broadcastTo, reduceSum, reshape } from '../../primitives/structural.ts';
import { customJvp } from '../custom.ts';
import { whileLoop } from '../lax/loops.ts';
import { asTensor, type TensorLike } from '../lift.ts';
import { readOptions } from '../named.ts';
import type { DTypeLike } from '../numpy/dtypes.ts';
import { vmap } from '../vmap.ts';
import { exponentialOf, limitsOf, normalOf, parameter } from './continuous.ts';
import { split, splitKeys } from './keys.ts';
import { floatDType, type SampleOptions, sampleShape, uniformBetween } from './uniform.ts';
import type { ShapeLike } from '../sizes.ts';

interface Proposal {
  readonly key: Tensor;
  readonly x: Tensor;
  readonly v: Tensor;
}

interface Attempt {
  readonly key: Tensor;
  readonly square: Tensor;
  readonly v: Tensor;
  readonly u: Tensor;
}

/**
 * V of one accepted proposal for shape parameter ≥ 1: Marsaglia and Tsang, A simple method for generating gamma variables (2000). The
 * sample is d·V with d = α − 1/3. Keys are used in JAX's order.
 */
function acceptedV(key: Tensor, d: Tensor): Tensor {
  const { dtype } = d;
  const c = div(like(d, 1 / 3), sqrt(d));
  const one = like(d, 1);
  const isRejected = ({ square, v, u }: Attempt): Tensor =>
    and(
      ge(u, sub(one, mul(like(d, 0.0331), mul(square, square)))),
      ge(log(u), add(mul(square, like(d, 0.5)), mul(d, add(sub(one, v), log(v))))),
    );
  const propose = (start: Tensor): Proposal =>
    whileLoop(
      ({ v }: Proposal) => le(v, like(v, 0)),
      ({ key: k }: Proposal) => {
        const [next, subkey] = splitKeys(k);
        const x = normalOf(subkey!, [], dtype);
        return { key: next!, x, v: add(one, mul(x, c)) };
      },
      { key: start, x: like(d, 0), v: like(d, -1) },
    );
  const end = whileLoop(
    isRejected,
    ({ key: k }: Attempt) => {
      const [next, xKey, uKey] = splitKeys(k, 3);
      const { x, v } = propose(xKey!);
      return {
        key: next!,
        square: mul(x, x),
        v: mul(mul(v, v), v),
        u: uniformBetween('random.gamma', uKey!, [], dtype, 0, 1),
      };
    },
    // Rejected at once.
    { key, square: like(d, 0), v: like(d, 1), u: like(d, 2) },
  );
  return end.v;
}

/** One sample, or its logarithm. For α < 1: Gamma(α) = Gamma(α + 1) · U^(1/α). */
function gammaOne(key: Tensor, alpha: Tensor, isLog: boolean): Tensor {
  const one = like(alpha, 1);
  const isLarge = ge(alpha, one);
  const d = sub(select(isLarge, alpha, add(alpha, one)), like(alpha, 1 / 3));
  const [next, subkey] = splitKeys(key);
  const v = acceptedV(next!, d);
  if (!isLog) {
    const u = sub(one, uniformBetween('random.gamma', subkey!, [], alpha.dtype, 0, 1));
    return mul(mul(d, v), select(isLarge, one, pow(u, div(one, alpha))));
  }
  const logU = neg(exponentialOf(subkey!, [], alpha.dtype));
  const zero = like(alpha, 0);
  const boost = select(or(isLarge, eq(logU, zero)), zero, mul(logU, div(one, alpha)));
  return add(add(log(d), log(v)), boost);
}

/** Samples for a vector of parameters, each with a key of its own. */
function gammaVector(key: Tensor, alphas: Tensor, isLog: boolean): Tensor {
  const keys = split(key, alphas.size);
  return vmap((k: Tensor, a: Tensor) => gammaOne(k, a, isLog))(keys, alphas) as Tensor;
}

/** d sample / dα = −∂P(α, x)/∂α / p(x; α), by the implicit function theorem (Figurnov et al. 2018). */
function sampleDerivative(alpha: Tensor, x: Tensor): Tensor {
  const logDensity = sub(sub(mul(sub(alpha, like(alpha, 1)), log(x)), x), lgamma(alpha));
  return neg(div(igammaGradA(alpha, x), exp(logDensity)));
}

const gammaSamples = customJvp((key: Tensor, alphas: Tensor) => gammaVector(key, alphas, false)).defjvp(
  ([key, alphas]: Tensor[], [, t]: Tensor[]) => {
    const x = gammaSamples(key!, alphas!) as Tensor;
    return [x, mul(t!, sampleDerivative(alphas!, x))];
  },
);

const logGammaSamples = customJvp((key: Tensor, alphas: Tensor) => gammaVector(key, alphas, true)).defjvp(
  ([key, alphas]: Tensor[], [, t]: Tensor[]) => {
    const logX = logGammaSamples(key!, alphas!) as Tensor;
    const x = max(exp(logX), like(logX, limitsOf(logX.dtype).tiny));
    return [logX, mul(t!, div(sampleDerivative(alphas!, x), x))];
  },
);

function gammaOf(key: TensorLike, a: Tensor, shape: Shape, isLog: boolean): Tensor {
  const alphas = reshape(broadcastTo(a, shape), [sizeOf(shape)]);
  return reshape((isLog ? logGammaSamples : gammaSamples)(asTensor(key), alphas) as Tensor, shape);
}

type GammaSampler = (
  key: TensorLike,
  a: TensorLike,
  shape?: ShapeLike | SampleOptions,
  dtype?: DTypeLike | SampleOptions,
) => Tensor;

const gammaSampler =
  (name: string, finish: (key: TensorLike, a: Tensor, shape: Shape) => Tensor): GammaSampler =>
  (key, a, shape, dtype) => {
    const o = readOptions<SampleOptions>(name, ['shape', 'dtype'], [shape, dtype]);
    const type = floatDType(name, o.dtype);
    const alpha = parameter(a, type);
    return finish(key, alpha, sampleShape(name, o.shape, alpha));
  };

/** Gamma with shape parameter `a` and scale 1. Differentiable in `a`. */
export const gamma: GammaSampler = gammaSampler('random.gamma', (key, a, shape) => gammaOf(key, a, shape, false));

/** The logarithm of a gamma sample, accurate for small `a` too. */
export const loggamma: GammaSampler = gammaSampler('random.loggamma', (key, a, shape) => gammaOf(key, a, shape, true));

/** Chi-square with `df` degrees of freedom. */
export const chisquare: GammaSampler = gammaSampler('random.chisquare', (key, df, shape) =>
  mul(exp(gammaOf(key, div(df, like(df, 2)), shape, true)), like(df, 2)),
);

/** Student's t with `df` degrees of freedom. */
export const t: GammaSampler = gammaSampler('random.t', (key, df, shape) => {
  const [normalKey, gammaKey] = splitKeys(key);
  const half = div(df, like(df, 2));
  return mul(normalOf(normalKey!, shape, df.dtype), sqrt(div(half, gammaOf(gammaKey!, half, shape, false))));
});

/** Beta with parameters `a` and `b`. */
export function beta(
  key: TensorLike,
  a: TensorLike,
  b: TensorLike,
  shape?: ShapeLike | SampleOptions,
  dtype?: DTypeLike | SampleOptions,
): Tensor {
  const o = readOptions<SampleOptions>('random.beta', ['shape', 'dtype'], [shape, dtype]);
  const type = floatDType('random.beta', o.dtype);
  const [x, y] = [parameter(a, type), parameter(b, type)];
  const size = sampleShape('random.beta', o.shape, x, y);
  const [keyA, keyB] = splitKeys(key);
  const [logA, logB] = [gammaOf(keyA!, x, size, true), gammaOf(keyB!, y, size, true)];
  const larger = max(logA, logB);
  const [partA, partB] = [exp(sub(logA, larger)), exp(sub(logB, larger))];
  return div(partA, add(partA, partB));
}

/** Dirichlet: points of the simplex, with parameters along the last axis of `alpha`. */
export function dirichlet(
  key: TensorLike,
  alpha: TensorLike,
  shape?: ShapeLike | SampleOptions,
  dtype?: DTypeLike | SampleOptions,
): Tensor {
  const o = readOptions<SampleOptions>('random.dirichlet', ['shape', 'dtype'], [shape, dtype]);
  const type = floatDType('random.dirichlet', o.dtype);
  const a = parameter(alpha, type);
  const batch = a.shape.slice(0, -1);
  const size = sampleShape('random.dirichlet', o.shape ?? batch, filled(new Aval(batch, type), 0));
  const logs = gammaOf(key, a, [...size, a.shape.at(-1)!], true);
  const last = logs.ndim - 1;
  const column = (x: Tensor): Tensor => reshape(x, [...size, 1]);
  const parts = exp(sub(logs, column(reduceMax(logs, [last]))));
  return div(parts, column(reduceSum(parts, [last])));
}
