/**
 * The namespace `scipy.special`.
 * May import: `api`.
 * @module
 */
import type { Tensor } from '../../core/tensor.ts';
import type { TensorLike } from '../lift.ts';
import type { Axes } from '../nn/axes.ts';
import { logSoftmax as logSoftmaxOver, softmax as softmaxOver } from '../nn/normalize.ts';
import { checkOptions, isOptions } from '../options.ts';

export * from './bessel.ts';
export { boxcox, boxcox1p, entr, klDiv, relEntr, xlog1py, xlogy } from './entropy.ts';
export { erf, erfc, erfcx, erfinv, expit, logit, logNdtr, ndtr, ndtri } from './error-functions.ts';
export {
  beta,
  betainc,
  betaln,
  comb,
  type CombOptions,
  digamma,
  factorial,
  gamma,
  gammainc,
  gammaincc,
  gammaln,
  gammasgn,
  loggamma,
  multigammaln,
  poch,
  polygamma,
  psi,
  zeta,
} from './gamma-functions.ts';
export { logsumexp, type LogsumexpOptions } from '../nn/normalize.ts';

export interface AxisOption {
  /** One axis, several, or all (the default). */
  readonly axis?: Axes;
}

function axisOf(op: string, axis: Axes | AxisOption | undefined): Axes {
  if (!isOptions(axis)) return (axis ?? null) as Axes;
  checkOptions(op, axis, ['axis']);
  return (axis as AxisOption).axis ?? null;
}

/** e^x / Σ e^x over axes; over all of them unless told otherwise (`nn.softmax` takes the last). */
export const softmax = (x: TensorLike, axis?: Axes | AxisOption): Tensor => softmaxOver(x, axisOf('softmax', axis));

/** log softmax over axes; over all of them unless told otherwise. */
export const logSoftmax = (x: TensorLike, axis?: Axes | AxisOption): Tensor =>
  logSoftmaxOver(x, axisOf('logSoftmax', axis));
