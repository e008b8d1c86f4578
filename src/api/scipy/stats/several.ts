/**
 * Distributions of several numbers at once: Dirichlet and multinomial.
 * May import: `core`, `primitives`, `api`.
 * @module
 */
import { isFloat } from '../../../ir/dtype.ts';
import { DTypeError, ShapeError } from '../../../ir/errors.ts';
import type { Tensor } from '../../../core/tensor.ts';
import * as prim from '../../../primitives/index.ts';
import { asTensor, promoteToFloat, type TensorLike } from '../../lift.ts';
import { add, eq, gt, lt, sub, where } from '../arithmetic.ts';
import { xlogyOf } from '../entropy.ts';

const lastAxis = (x: Tensor): number[] => [x.ndim - 1];

function dirichletLogpdf(x: TensorLike, alpha: TensorLike): Tensor {
  const [given, a] = promoteToFloat(x, alpha) as [Tensor, Tensor];
  const n = a.shape[0];
  const rows = given.shape[0];
  if (a.ndim !== 1 || n === undefined || (rows !== n && rows !== n - 1)) {
    throw new ShapeError(
      `dirichlet: expected alpha with one axis and x with as many entries or one less, got ${a.aval.toString()} and ${given.aval.toString()}.`,
    );
  }
  const rest = (): Tensor => prim.reshape(sub(1, prim.reduceSum(given, [0])), [1, ...given.shape.slice(1)]);
  const full = rows === n ? given : prim.concatenate([given, rest()], 0);
  const normalizer = sub(prim.reduceSum(prim.lgamma(a), [0]), prim.lgamma(prim.reduceSum(a, [0])));
  const powers = prim.reshape(sub(a, 1), [n, ...full.shape.slice(1).map(() => 1)]);
  const value = sub(prim.reduceSum(xlogyOf(powers, full), [0]), normalizer);
  const isPositive = prim.reduceAnd(gt(full, 0), [0]);
  const isSimplex = lt(prim.abs(sub(prim.reduceSum(full, [0]), 1)), 1e-6);
  return where(prim.and(isPositive, isSimplex), value, -Infinity);
}

type OfTwo = (x: TensorLike, parameter: TensorLike) => Tensor;

/** Dirichlet's distribution on the simplex; axis 0 of x are the parts (the last may be left out). */
export const dirichlet: { readonly logpdf: OfTwo; readonly pdf: OfTwo } = {
  logpdf: dirichletLogpdf,
  pdf: (x, alpha) => prim.exp(dirichletLogpdf(x, alpha)),
};

function multinomialLogpmf(x: TensorLike, n: TensorLike, p: TensorLike): Tensor {
  const counts = asTensor(x);
  if (isFloat(counts.dtype) && !Array.isArray(x)) {
    throw new DTypeError(
      `multinomial: expected integer counts, got ${counts.aval.toString()}.`,
      'convert with astype("int32").',
    );
  }
  const [probabilities] = promoteToFloat(p) as [Tensor];
  const [k, total] = [prim.convert(counts, probabilities.dtype), prim.convert(asTensor(n), probabilities.dtype)];
  const terms = sub(xlogyOf(k, probabilities), prim.lgamma(add(k, 1)));
  const value = add(prim.lgamma(add(total, 1)), prim.reduceSum(terms, lastAxis(terms)));
  const sum = prim.reduceSum(
    k,
    k.shape.map((_, i) => i),
  );
  return where(eq(sum, total), value, -Infinity);
}

type OfThree = (x: TensorLike, n: TensorLike, p: TensorLike) => Tensor;

/** Counts of the outcomes of n trials with probabilities p. */
export const multinomial: { readonly logpmf: OfThree; readonly pmf: OfThree } = {
  logpmf: multinomialLogpmf,
  pmf: (x, n, p) => prim.exp(multinomialLogpmf(x, n, p)),
};
