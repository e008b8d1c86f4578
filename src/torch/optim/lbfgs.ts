/**
 * L-BFGS.
 * May import: everything up to `api`, `tape`, `nn`, `optim`.
 * @module
 */
import { ArgumentError } from '../../ir/errors.ts';
import type { Tensor as CoreTensor } from '../../core/tensor.ts';
import * as np from '../../api/numpy/index.ts';
import { checkChoice, describe } from '../../api/options.ts';
import { enableGrad } from '../grad-mode.ts';
import { withModes } from '../modes.ts';
import { Tensor } from '../tensor.ts';
import { changeInPlace } from '../views.ts';
import { type Point, StrongWolfe } from './line-search.ts';
import {
  type CommonOptions,
  type Given,
  type LossClosure,
  Optimizer,
  type ParamGroup,
  type Params,
} from './optimizer.ts';
import { minus, plus, times } from './rules.ts';
import { checkNonNegative, checkSetting } from './settings.ts';

export interface LBFGSOptions extends CommonOptions {
  /** Directions in one step; 20. */
  maxIter: number;
  /** Losses computed in one step, after which it ends; null for 5/4 of `maxIter`. */
  maxEval: number | null;
  /** The largest entry of a gradient at which a step ends; 1e-7. */
  toleranceGrad: number;
  /** The change of loss or parameters at which a step ends; 1e-9. */
  toleranceChange: number;
  /** Directions that the curvature is estimated from; 100. */
  historySize: number;
  /** Whether to search for a step length; null for the learning rate itself. */
  lineSearchFn: 'strongWolfe' | 'strong_wolfe' | null;
}

/** What the optimiser remembers, with the first parameter. Vectors have the entries of all parameters. */
type Memory = {
  funcEvals: number;
  nIter: number;
  d?: Tensor;
  t?: number;
  /** Differences of gradients, and of parameters, and 1 / their product. */
  oldDirs: Tensor[];
  oldStps: Tensor[];
  ro: number[];
  hDiag: number;
  prevFlatGrad?: Tensor;
  prevLoss?: number;
};

type Group = ParamGroup<LBFGSOptions>;

const dot = (x: CoreTensor, y: CoreTensor): number => np.dot(x, y).item();
const largest = (x: CoreTensor): number => np.max(np.abs(x)).item();
const numberOf = (loss: Tensor | number): number => (typeof loss === 'number' ? loss : loss.item());

/**
 * A quasi-Newton method: directions from the curvature that the last gradients show. It works on all parameters at once, so there is one
 * group; `step` needs a closure that computes the loss and its gradients, and calls it several times.
 * @see Liu & Nocedal (1989)
 * @example
 * ```ts
 * import { optim, tensor } from 'cotangent/torch';
 * const p = tensor([-1, 2], { dtype: 'float64', requiresGrad: true });
 * const optimizer = new optim.LBFGS([p], { lineSearchFn: 'strongWolfe', maxIter: 100 });
 * optimizer.step(() => {
 *   optimizer.zeroGrad();
 *   const [x, y] = p.unbind() as [typeof p, typeof p];
 *   const loss = y.sub(x.pow(2)).pow(2).mul(100).add(x.sub(1).pow(2));
 *   loss.backward();
 *   return loss;
 * });
 * console.log(Array.from(p.dataSync(), (x) => x.toFixed(5))); // => [ '1.00000', '1.00000' ]
 * ```
 */
export class LBFGS extends Optimizer<LBFGSOptions> {
  protected override readonly listNames: readonly string[] = ['oldDirs', 'oldStps', 'ro'];

  constructor(params: Params<LBFGSOptions>, ...given: Given<LBFGSOptions>) {
    const plain = {
      lr: 1,
      maxIter: 20,
      maxEval: null,
      toleranceGrad: 1e-7,
      toleranceChange: 1e-9,
      historySize: 100,
      lineSearchFn: null,
    };
    super(params, plain, given);
    if (this.paramGroups.length === 1) return;
    throw new ArgumentError(
      `LBFGS: expected one group of parameters, got ${this.paramGroups.length}: LBFGS doesn't support per-parameter options (parameter groups).`,
      'pass all parameters in one list.',
    );
  }

  protected check({ lr, maxIter, historySize, lineSearchFn }: LBFGSOptions): void {
    checkNonNegative('LBFGS', { lr });
    checkSetting('LBFGS', 'maxIter', maxIter, Number.isInteger(maxIter) && maxIter > 0);
    checkSetting('LBFGS', 'historySize', historySize, Number.isInteger(historySize) && historySize > 0);
    if (lineSearchFn !== null) checkChoice('LBFGS', 'lineSearchFn', lineSearchFn, ['strongWolfe', 'strong_wolfe']);
  }

  /**
   * Goes along up to `maxIter` directions.
   * @returns the loss at the start
   */
  step(closure?: LossClosure): Tensor | number {
    if (typeof closure !== 'function') {
      throw new ArgumentError(
        `LBFGS.step: expected a closure, got ${describe(closure)}.`,
        'pass a function that calls zeroGrad, computes the loss, calls backward and returns the loss.',
      );
    }
    return withModes({ isGradEnabled: false }, () => this.run(closure));
  }

  private run(closure: LossClosure): Tensor | number {
    const [group] = this.paramGroups as [Group];
    const memory = this.memory(group);
    const before = memory.funcEvals;
    const first = enableGrad(closure);
    memory.funcEvals++;
    let now = { loss: numberOf(first), grad: this.flatGrad(group) };
    if (largest(now.grad) <= group.toleranceGrad) return first;
    for (let round = 1; ; round++) {
      memory.nIter++;
      const d = directionOf(memory, now.grad, group.historySize);
      memory.prevFlatGrad = new Tensor(now.grad);
      memory.prevLoss = now.loss;
      memory.t = memory.nIter === 1 ? Math.min(1, 1 / np.sum(np.abs(now.grad)).item()) * group.lr : group.lr;
      const slope = dot(now.grad, d);
      if (slope > -group.toleranceChange) break;
      const next = this.move(closure, group, memory, { ...now, t: 0, slope }, d, round === group.maxIter);
      const change = Math.abs(next.loss - now.loss);
      now = next;
      const evaluations = memory.funcEvals - before;
      if (round === group.maxIter || evaluations >= (group.maxEval ?? Math.trunc((group.maxIter * 5) / 4))) break;
      if (largest(now.grad) <= group.toleranceGrad || largest(d) * memory.t <= group.toleranceChange) break;
      if (change < group.toleranceChange) break;
    }
    return first;
  }

  private memory({ params }: Group): Memory {
    const fresh = (): Memory => ({ funcEvals: 0, nIter: 0, oldDirs: [], oldStps: [], ro: [], hDiag: 1 });
    return this.stateOf(params[0]!, fresh as never);
  }

  /** All gradients as one vector; zeros for parameters without one. */
  private flatGrad({ params }: Group): CoreTensor {
    return np.concatenate(params.map((p) => np.ravel(p.grad?.value ?? np.zerosLike(p.value))));
  }

  /** Sets the parameters to those of `from` plus t d. */
  private place({ params }: Group, from: readonly CoreTensor[], t: number, d: CoreTensor): void {
    let start = 0;
    params.forEach((p, i) => {
      const part = np.reshape(d.slice({ start, stop: start + p.numel() }), p.shape);
      start += p.numel();
      const next = np.astype(plus(from[i]!, times(part, t)), p.dtype);
      changeInPlace('step', p, () => new Tensor(next));
    });
  }

  /** One step along a direction. */
  private move(
    closure: LossClosure,
    group: Group,
    memory: Memory,
    start: Point,
    d: CoreTensor,
    isLast: boolean,
  ): { readonly loss: number; readonly grad: CoreTensor } {
    const from = group.params.map((p) => p.value);
    const evaluate = (t: number): Point => {
      this.place(group, from, t, d);
      const loss = numberOf(enableGrad(closure));
      memory.funcEvals++;
      const grad = this.flatGrad(group);
      return { t, loss, grad, slope: dot(grad, d) };
    };
    if (group.lineSearchFn !== null) {
      const point = new StrongWolfe(start, evaluate, largest(d), 1e-9).search(memory.t!);
      memory.t = point.t;
      this.place(group, from, point.t, d);
      return point;
    }
    if (!isLast) return evaluate(memory.t!);
    // Nobody asks for the loss after the last step.
    this.place(group, from, memory.t!, d);
    return start;
  }
}

/** −H g, with the inverse Hessian estimated from the last steps (Nocedal & Wright, algorithm 7.4). */
function directionOf(memory: Memory, grad: CoreTensor, historySize: number): CoreTensor {
  const { oldDirs, oldStps, ro } = memory;
  if (memory.nIter === 1) {
    [oldDirs, oldStps, ro].forEach((list) => list.splice(0));
    memory.hDiag = 1;
  } else remember(memory, grad, historySize);
  const factors: number[] = [];
  let q = np.negative(grad);
  for (let i = ro.length - 1; i >= 0; i--) {
    factors[i] = dot(oldStps[i]!.value, q) * ro[i]!;
    q = minus(q, times(oldDirs[i]!.value, factors[i]!));
  }
  q = times(q, memory.hDiag);
  for (let i = 0; i < ro.length; i++) {
    const back = dot(oldDirs[i]!.value, q) * ro[i]!;
    q = plus(q, times(oldStps[i]!.value, factors[i]! - back));
  }
  memory.d = new Tensor(q);
  return q;
}

/** Enters the last step, unless the gradient did not grow along it. */
function remember(memory: Memory, grad: CoreTensor, historySize: number): void {
  const { oldDirs, oldStps, ro } = memory;
  const y = minus(grad, memory.prevFlatGrad!.value);
  const s = times(memory.d!.value, memory.t!);
  const product = dot(y, s);
  if (!(product > 1e-10)) return;
  if (ro.length === historySize) [oldDirs, oldStps, ro].forEach((list) => list.shift());
  oldDirs.push(new Tensor(y));
  oldStps.push(new Tensor(s));
  ro.push(1 / product);
  memory.hDiag = product / dot(y, y);
}
