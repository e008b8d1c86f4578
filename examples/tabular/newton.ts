/**
 * Newton's method with damping for a few parameters: the move is −(H + μ I)⁻¹ g, where μ shrinks when the objective falls and grows when
 * it does not (Levenberg 1944; Marquardt 1963).
 * @module
 */
import { hessian, jit, np, scipy, type Tensor, valueAndGrad } from 'cotangent';

/** Where a fit is: all f64. */
export interface Fit {
  /** [n] */
  readonly params: Tensor;
  readonly damping: Tensor;
  readonly value: Tensor;
  /** [n] */
  readonly gradient: Tensor;
  /** [n,n] */
  readonly hessian: Tensor;
}

/** Of the parameters, [n], and of data that stay what they are. */
export type Objective = (params: Tensor) => Tensor;

function at(objective: Objective, params: Tensor, damping: Tensor): Fit {
  const [value, gradient] = valueAndGrad(objective)(params);
  return { params, damping, value, gradient, hessian: hessian(objective)(params) };
}

/** Before the first step, which stays where it is and measures. */
export function startFit(params: Tensor, damping: number): Fit {
  const n = params.size;
  return {
    params,
    damping: np.array(damping, { dtype: 'float64' }),
    value: np.array(Infinity, { dtype: 'float64' }),
    gradient: np.zeros([n], { dtype: 'float64' }),
    hessian: np.eye(n, { dtype: 'float64' }),
  };
}

/** One trial move as a compiled function: the fit there, or the same fit with more damping where the objective has not fallen. */
export function newtonStep(objective: Objective): (fit: Fit) => Fit {
  return jit((fit: Fit) => {
    const damped = fit.hessian.add(np.eye(fit.params.size, { dtype: 'float64' }).mul(fit.damping));
    const move = scipy.linalg.choSolve([np.linalg.cholesky(damped), true], fit.gradient);
    const trial = at(objective, fit.params.sub(move), fit.damping.div(4));
    // Of a matrix that is not positive definite the factor is NaN, and so is the trial's value: no step, more damping.
    const isBetter = np.less(trial.value, fit.value);
    const pick = (a: Tensor, b: Tensor): Tensor => np.where(isBetter, a, b);
    return {
      params: pick(trial.params, fit.params),
      damping: pick(trial.damping, fit.damping.mul(4)),
      value: pick(trial.value, fit.value),
      gradient: pick(trial.gradient, fit.gradient),
      hessian: pick(trial.hessian, fit.hessian),
    };
  });
}

/**
 * Laplace's approximation: near its minimum a negative log posterior is that of a normal distribution with covariance H⁻¹.
 * @returns f64[n,n]
 */
export function covariance({ hessian: h }: Fit): Tensor {
  return scipy.linalg.choSolve([np.linalg.cholesky(h), true], np.eye(h.shape[0]!, { dtype: 'float64' }));
}

/** Square roots of the covariance's diagonal: f64[n]. */
export const standardErrors = (fit: Fit): Tensor => np.sqrt(np.diagonal(covariance(fit)));
