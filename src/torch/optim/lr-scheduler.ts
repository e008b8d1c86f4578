/**
 * PyTorch's `torch.optim.lr_scheduler`: rules of epochs.
 * May import: everything up to `api`, `tape`, `nn`, `optim`.
 * @module
 */
import { ArgumentError } from '../../ir/errors.ts';
import { type AnyOptimizer, LRScheduler } from './scheduler.ts';
import { readSettings, type SchedulerArguments } from './scheduler-arguments.ts';

export { ChainedScheduler, ReduceLROnPlateau, type ReduceOptions, SequentialLR } from './scheduler-combinations.ts';
export { CyclicLR, type CyclicOptions, OneCycleLR, type OneCycleOptions } from './cyclic-schedulers.ts';
export { LRScheduler, type SchedulerState } from './scheduler.ts';

export interface StepOptions {
  /** Epochs between decays. */
  readonly stepSize: number;
  /** Factor of a decay; 0.1. */
  readonly gamma?: number | undefined;
}

const stepNames = ['stepSize', 'gamma'] as const;

/**
 * Decay by gamma every `stepSize` epochs.
 * @example
 * ```ts
 * import { optim, zeros } from 'cotangent/torch';
 * const optimizer = new optim.SGD([zeros(1)], { lr: 1 });
 * const scheduler = new optim.lrScheduler.StepLR(optimizer, { stepSize: 2, gamma: 0.5 });
 * const rates = [];
 * for (let epoch = 0; epoch < 5; epoch++) {
 *   rates.push(optimizer.paramGroups[0]?.lr);
 *   scheduler.step();
 * }
 * console.log(rates); // => [ 1, 1, 0.5, 0.5, 0.25 ]
 * ```
 */
export class StepLR extends LRScheduler {
  readonly stepSize: number;
  readonly gamma: number;

  constructor(optimizer: AnyOptimizer, ...args: SchedulerArguments<StepOptions, typeof stepNames>) {
    const given = readSettings<StepOptions>('StepLR', stepNames, ['stepSize'], args);
    super(optimizer, given.lastEpoch);
    const { stepSize, gamma = 0.1 } = given;
    this.stepSize = stepSize;
    this.gamma = gamma;
    this.step();
  }

  protected rates(): number[] {
    return this.scaled(this.lastEpoch > 0 && this.lastEpoch % this.stepSize === 0 ? this.gamma : 1);
  }
}

export interface MultiStepOptions {
  /** Epochs of decays, in order. */
  readonly milestones: readonly number[];
  readonly gamma?: number | undefined;
}

const multiStepNames = ['milestones', 'gamma'] as const;

/** Decay by gamma at milestones. */
export class MultiStepLR extends LRScheduler {
  readonly milestones: readonly number[];
  readonly gamma: number;

  constructor(optimizer: AnyOptimizer, ...args: SchedulerArguments<MultiStepOptions, typeof multiStepNames>) {
    const given = readSettings<MultiStepOptions>('MultiStepLR', multiStepNames, ['milestones'], args);
    super(optimizer, given.lastEpoch);
    const { milestones, gamma = 0.1 } = given;
    this.milestones = milestones;
    this.gamma = gamma;
    this.step();
  }

  protected rates(): number[] {
    return this.scaled(this.gamma ** this.milestones.filter((m) => m === this.lastEpoch).length);
  }
}

export interface ExponentialOptions {
  /** Factor of an epoch. */
  readonly gamma: number;
}

const exponentialNames = ['gamma'] as const;

/** Decay by gamma every epoch. */
export class ExponentialLR extends LRScheduler {
  readonly gamma: number;

  constructor(optimizer: AnyOptimizer, ...args: SchedulerArguments<ExponentialOptions, typeof exponentialNames>) {
    const given = readSettings<ExponentialOptions>('ExponentialLR', exponentialNames, ['gamma'], args);
    super(optimizer, given.lastEpoch);
    const { gamma } = given;
    this.gamma = gamma;
    this.step();
  }

  protected rates(): number[] {
    return this.scaled(this.lastEpoch > 0 ? this.gamma : 1);
  }
}

export interface ConstantOptions {
  /** Of the first epochs; 1/3. */
  readonly factor?: number | undefined;
  /** How many those are; 5. */
  readonly totalIters?: number | undefined;
}

const constantNames = ['factor', 'totalIters'] as const;

/** A factor for the first epochs. */
export class ConstantLR extends LRScheduler {
  readonly factor: number;
  readonly totalIters: number;

  constructor(optimizer: AnyOptimizer, ...args: SchedulerArguments<ConstantOptions, typeof constantNames>) {
    const given = readSettings<ConstantOptions>('ConstantLR', constantNames, [], args);
    super(optimizer, given.lastEpoch);
    const { factor = 1 / 3, totalIters = 5 } = given;
    this.factor = factor;
    this.totalIters = totalIters;
    this.step();
  }

  protected rates(): number[] {
    if (this.lastEpoch === 0) return this.scaled(this.factor);
    return this.scaled(this.lastEpoch === this.totalIters ? 1 / this.factor : 1);
  }
}

export interface LinearOptions {
  /** 1/3 */
  readonly startFactor?: number | undefined;
  /** 1 */
  readonly endFactor?: number | undefined;
  /** Epochs between them; 5. */
  readonly totalIters?: number | undefined;
}

const linearNames = ['startFactor', 'endFactor', 'totalIters'] as const;

/** A factor that goes from one to another. */
export class LinearLR extends LRScheduler {
  readonly startFactor: number;
  readonly endFactor: number;
  readonly totalIters: number;

  constructor(optimizer: AnyOptimizer, ...args: SchedulerArguments<LinearOptions, typeof linearNames>) {
    const given = readSettings<LinearOptions>('LinearLR', linearNames, [], args);
    super(optimizer, given.lastEpoch);
    const { startFactor = 1 / 3, endFactor = 1, totalIters = 5 } = given;
    if (!(startFactor > 0 && startFactor <= 1 && endFactor >= 0 && endFactor <= 1)) {
      throw new ArgumentError(
        `LinearLR: expected factors above 0, and at most 1, got ${startFactor} and ${endFactor}: starting multiplicative factor expected to be between 0 and 1.`,
      );
    }
    this.startFactor = startFactor;
    this.endFactor = endFactor;
    this.totalIters = totalIters;
    this.step();
  }

  protected rates(): number[] {
    const { startFactor: start, endFactor: end, totalIters: total, lastEpoch: epoch } = this;
    if (epoch === 0) return this.scaled(start);
    if (epoch > total) return this.kept();
    return this.scaled(1 + (end - start) / (total * start + (epoch - 1) * (end - start)));
  }
}

export interface PolynomialOptions {
  readonly totalIters?: number | undefined;
  readonly power?: number | undefined;
}

const polynomialNames = ['totalIters', 'power'] as const;

/** (1 − epoch / total)^power, and then 0. */
export class PolynomialLR extends LRScheduler {
  readonly totalIters: number;
  readonly power: number;

  constructor(optimizer: AnyOptimizer, ...args: SchedulerArguments<PolynomialOptions, typeof polynomialNames>) {
    const given = readSettings<PolynomialOptions>('PolynomialLR', polynomialNames, [], args);
    super(optimizer, given.lastEpoch);
    const { totalIters = 5, power = 1 } = given;
    this.totalIters = totalIters;
    this.power = power;
    this.step();
  }

  protected rates(): number[] {
    const { totalIters: total, lastEpoch: epoch } = this;
    if (epoch === 0 || epoch > total) return this.kept();
    return this.scaled(((1 - epoch / total) / (1 - (epoch - 1) / total)) ** this.power);
  }
}

type Factor = (epoch: number) => number;

export interface FactorOptions {
  /** The factor of an epoch: one function for all groups, or one for each. */
  readonly lrLambda: Factor | readonly Factor[];
}

const factorNames = ['lrLambda'] as const;
type FactorArguments = SchedulerArguments<FactorOptions, typeof factorNames>;

abstract class WithFactors extends LRScheduler {
  readonly lrLambdas: readonly Factor[];

  constructor(op: string, optimizer: AnyOptimizer, args: readonly unknown[]) {
    const { lrLambda, lastEpoch } = readSettings<FactorOptions>(op, factorNames, factorNames, args);
    super(optimizer, lastEpoch);
    const lambdas = typeof lrLambda === 'function' ? optimizer.paramGroups.map(() => lrLambda) : lrLambda;
    if (lambdas.length !== optimizer.paramGroups.length) {
      throw new ArgumentError(`${op}: expected ${optimizer.paramGroups.length} lr_lambdas, got ${lambdas.length}.`);
    }
    this.lrLambdas = lambdas;
    this.step();
  }
}

/** The first rate times a function of the epoch. */
export class LambdaLR extends WithFactors {
  constructor(optimizer: AnyOptimizer, ...args: FactorArguments) {
    super('LambdaLR', optimizer, args);
  }

  protected rates(): number[] {
    return this.baseLrs.map((lr, i) => lr * this.lrLambdas[i]!(this.lastEpoch));
  }
}

/** The last rate times a function of the epoch. */
export class MultiplicativeLR extends WithFactors {
  constructor(optimizer: AnyOptimizer, ...args: FactorArguments) {
    super('MultiplicativeLR', optimizer, args);
  }

  protected rates(): number[] {
    if (this.lastEpoch === 0) return this.kept();
    return this.optimizer.paramGroups.map((g, i) => g.lr * this.lrLambdas[i]!(this.lastEpoch));
  }
}

export interface CosineOptions {
  /** Epochs from the largest to the least rate. */
  readonly tMax: number;
  /** The least; 0. */
  readonly etaMin?: number | undefined;
}

const cosineNames = ['tMax', 'etaMin'] as const;

/** Half a wave of a cosine, and back. @see Loshchilov & Hutter (2017), arXiv:1608.03983 */
export class CosineAnnealingLR extends LRScheduler {
  readonly tMax: number;
  readonly etaMin: number;

  constructor(optimizer: AnyOptimizer, ...args: SchedulerArguments<CosineOptions, typeof cosineNames>) {
    const given = readSettings<CosineOptions>('CosineAnnealingLR', cosineNames, ['tMax'], args);
    super(optimizer, given.lastEpoch);
    const { tMax, etaMin = 0 } = given;
    this.tMax = tMax;
    this.etaMin = etaMin;
    this.step();
  }

  protected rates(): number[] {
    const { tMax, etaMin, lastEpoch: epoch } = this;
    if (epoch === 0) return this.kept();
    const wave = (t: number): number => 1 + Math.cos((Math.PI * t) / tMax);
    return this.optimizer.paramGroups.map((g, i) => {
      // Where the wave was at its end, it starts up again.
      if ((epoch - 1 - tMax) % (2 * tMax) === 0)
        return g.lr + ((this.baseLrs[i]! - etaMin) * (1 - Math.cos(Math.PI / tMax))) / 2;
      return (wave(epoch) / wave(epoch - 1)) * (g.lr - etaMin) + etaMin;
    });
  }
}

export interface WarmRestartOptions {
  /** Epochs before the first restart. */
  readonly t0: number;
  /** Factor of the epochs until the next; 1. */
  readonly tMult?: number | undefined;
  readonly etaMin?: number | undefined;
}

const restartNames = ['t0', 'tMult', 'etaMin'] as const;

/** Half waves of a cosine, each from the top. */
export class CosineAnnealingWarmRestarts extends LRScheduler {
  readonly t0: number;
  readonly tMult: number;
  readonly etaMin: number;

  constructor(optimizer: AnyOptimizer, ...args: SchedulerArguments<WarmRestartOptions, typeof restartNames>) {
    const given = readSettings<WarmRestartOptions>('CosineAnnealingWarmRestarts', restartNames, ['t0'], args);
    super(optimizer, given.lastEpoch);
    const { t0, tMult = 1, etaMin = 0 } = given;
    if (!Number.isInteger(t0) || t0 <= 0 || !Number.isInteger(tMult) || tMult < 1) {
      throw new ArgumentError(
        `CosineAnnealingWarmRestarts: expected positive integers t0 and tMult, got ${t0} and ${tMult}.`,
      );
    }
    this.t0 = t0;
    this.tMult = tMult;
    this.etaMin = etaMin;
    this.step();
  }

  protected rates(): number[] {
    let [since, length] = [this.lastEpoch, this.t0];
    while (since >= length) {
      since -= length;
      length *= this.tMult;
    }
    const share = (1 + Math.cos((Math.PI * since) / length)) / 2;
    return this.baseLrs.map((lr) => this.etaMin + (lr - this.etaMin) * share);
  }
}
