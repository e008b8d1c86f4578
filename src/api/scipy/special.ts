/**
 * The namespace `scipy.special`.
 * May import: `api`.
 * @module
 */
import type { Tensor } from '../../core/tensor.ts';
import { asTensor, type TensorLike } from '../lift.ts';
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

/** The axes to go over, spelled out: all of them unless told otherwise. */
function axesOf(op: string, x: TensorLike, axis: Axes | AxisOption | undefined): Axes {
  if (isOptions(axis)) checkOptions(op, axis, ['axis']);
  const given = isOptions(axis) ? (axis as AxisOption).axis : axis;
  return given ?? asTensor(x).shape.map((_, i) => i);
}

/** e^x / Σ e^x over axes; over all of them unless told otherwise (`nn.softmax` takes the last). */
export const softmax = (x: TensorLike, axis?: Axes | AxisOption): Tensor => softmaxOver(x, axesOf('softmax', x, axis));

/** log softmax over axes; over all of them unless told otherwise. */
export const logSoftmax = (x: TensorLike, axis?: Axes | AxisOption): Tensor =>
  logSoftmaxOver(x, axesOf('logSoftmax', x, axis));
