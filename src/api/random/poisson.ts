/**
 * The Poisson distribution.
 * May import: everything up to `control`, `api/args`, `api/lax`.
 * @module
 */
import { isInteger } from '../../ir/dtype.ts';
import { DTypeError } from '../../ir/errors.ts';
import type { Shape } from '../../ir/shape.ts';
import { scalarTensor, type Tensor } from '../../core/tensor.ts';
import { add, div, like, mul, neg, sub } from '../../primitives/arithmetic.ts';
import { eq, ge, gt, le, lt, ne } from '../../primitives/compare.ts';
import { convert } from '../../primitives/convert.ts';
import { and, not, or } from '../../primitives/elementwise-bits.ts';
import { log, sqrt } from '../../primitives/elementwise-exp.ts';
import { abs, floor } from '../../primitives/elementwise-number.ts';
import { reduceOr } from '../../primitives/reduce.ts';
import { select } from '../../primitives/select.ts';
import { lgamma } from '../../primitives/special.ts';
import { broadcastTo } from '../../primitives/structural.ts';
import { whileLoop } from '../lax/loops.ts';
import { asTensor, type TensorLike } from '../lift.ts';
import { readOptions } from '../named.ts';
import { type DTypeLike, optionalDType } from '../numpy/dtypes.ts';
import { splitKeys } from './keys.ts';
import { type SampleOptions, sampleShape, uniformBetween } from './uniform.ts';
import type { ShapeLike } from '../sizes.ts';

const any = (x: Tensor): Tensor =>
  reduceOr(
    x,
    x.shape.map((_, d) => d),
  );
const uniform = (key: Tensor, shape: Shape): Tensor => uniformBetween('random.poisson', key, shape, 'float32', 0, 1);

interface Product {
  readonly count: Tensor;
  readonly key: Tensor;
  readonly logProduct: Tensor;
}

/** Uniform numbers multiplied until their product falls below e^(−λ) (Knuth, The art of computer programming, 3.4.1). */
function byProducts(key: Tensor, rate: Tensor, shape: Shape): Tensor {
  const isOpen = (logProduct: Tensor): Tensor => gt(logProduct, neg(rate));
  const end = whileLoop(
    ({ logProduct }: Product) => any(isOpen(logProduct)),
    ({ count, key: k, logProduct }: Product) => {
      const [next, subkey] = splitKeys(k);
      const one = scalarTensor(1, 'int32');
      return {
        count: select(isOpen(logProduct), add(count, one), count),
        key: next!,
        logProduct: add(logProduct, log(uniform(subkey!, shape))),
      };
    },
    { count: broadcastTo(scalarTensor(0, 'int32'), shape), key, logProduct: broadcastTo(like(rate, 0), shape) },
  );
  return sub(end.count, scalarTensor(1, 'int32'));
}

interface Rejection {
  readonly sample: Tensor;
  readonly accepted: Tensor;
  readonly key: Tensor;
}

/** Transformed rejection (Hörmann 1993, algorithm PTRS), for rates of 10 and more. */
function byRejection(key: Tensor, rate: Tensor, shape: Shape): Tensor {
  const number = (x: number): Tensor => like(rate, x);
  const b = add(number(0.931), mul(number(2.53), sqrt(rate)));
  const a = add(number(-0.059), mul(number(0.02483), b));
  const inverseAlpha = add(number(1.1239), div(number(1.1328), sub(b, number(3.4))));
  const limit = sub(number(0.9277), div(number(3.6224), sub(b, number(2))));
  const propose = (uKey: Tensor, vKey: Tensor): { k: Tensor; isAccepted: Tensor } => {
    const u = sub(uniform(uKey, shape), number(0.5));
    const v = uniform(vKey, shape);
    const edge = sub(number(0.5), abs(u));
    const k = floor(add(add(mul(add(div(mul(number(2), a), edge), b), u), rate), number(0.43)));
    const s = log(div(mul(v, inverseAlpha), add(div(a, mul(edge, edge)), b)));
    const t = sub(add(neg(rate), mul(k, log(rate))), lgamma(add(k, number(1))));
    const isInside = and(ge(edge, number(0.07)), le(v, limit));
    const isOutside = or(lt(k, number(0)), and(lt(edge, number(0.013)), gt(v, edge)));
    return { k, isAccepted: or(isInside, and(not(isOutside), le(s, t))) };
  };
  const end = whileLoop(
    ({ accepted }: Rejection) => any(not(accepted)),
    ({ sample, accepted, key: current }: Rejection) => {
      const [next, uKey, vKey] = splitKeys(current, 3);
      const { k, isAccepted } = propose(uKey!, vKey!);
      return { sample: select(isAccepted, k, sample), accepted: or(accepted, isAccepted), key: next! };
    },
    { sample: broadcastTo(number(-1), shape), accepted: broadcastTo(scalarTensor(0, 'bool'), shape), key },
  );
  return convert(end.sample, 'int32');
}

/**
 * Poisson counts with rate `lam`: by products of uniform numbers below 10, by rejection from there on.
 * @param dtype an integer dtype; default int32
 */
export function poisson(
  key: TensorLike,
  lam: TensorLike,
  shape?: ShapeLike | SampleOptions,
  dtype?: DTypeLike | SampleOptions,
): Tensor {
  const o = readOptions<SampleOptions>('random.poisson', ['shape', 'dtype'], [shape, dtype]);
  const type = optionalDType('random.poisson', o.dtype) ?? 'int32';
  if (!isInteger(type)) throw new DTypeError(`random.poisson: expected an integer dtype, got ${type}.`);
  const given = convert(asTensor(lam), 'float32');
  const size = sampleShape('random.poisson', o.shape, given);
  const rate = broadcastTo(given, size);
  const isSmall = or(ne(rate, rate), lt(rate, like(rate, 10)));
  const k = asTensor(key);
  // Each method gets a harmless rate where the other one answers.
  const small = byProducts(k, select(isSmall, rate, like(rate, 0)), size);
  const large = byRejection(k, select(isSmall, like(rate, 1e5), rate), size);
  const counts = select(isSmall, small, large);
  return convert(select(eq(rate, like(rate, 0)), scalarTensor(0, 'int32'), counts), type);
}
