/**
 * Schedulers of steps, not epochs, that raise the rate and lower it.
 * May import: everything up to `api`, `tape`, `nn`, `optim`.
 * @module
 */
import { ArgumentError } from '../../ir/errors.ts';
import { checkChoice } from '../../api/options.ts';
import { type AnyOptimizer, LRScheduler } from './scheduler.ts';
import { readSettings, type SchedulerArguments } from './scheduler-arguments.ts';

/** Settings that some optimisers have, in whose momentum a rule takes part. */
interface WithMomentum {
  momentum?: number;
  betas?: readonly [number, number];
}

function setMomentum(group: WithMomentum, value: number): void {
  if (group.betas !== undefined) group.betas = [value, group.betas[1]];
  else if (group.momentum !== undefined) group.momentum = value;
}

export interface OneCycleOptions {
  readonly maxLr: number | readonly number[];
  /** Or `epochs` and `stepsPerEpoch`. */
  readonly totalSteps?: number | undefined;
  readonly epochs?: number | undefined;
  readonly stepsPerEpoch?: number | undefined;
  /** Share of the steps in which the rate rises; 0.3. */
  readonly pctStart?: number | undefined;
  readonly annealStrategy?: 'cos' | 'linear' | undefined;
  /** Whether momentum goes the other way; true. */
  readonly cycleMomentum?: boolean | undefined;
  readonly baseMomentum?: number | undefined;
  readonly maxMomentum?: number | undefined;
  /** The largest rate over the first; 25. */
  readonly divFactor?: number | undefined;
  /** The first rate over the last; 1e4. */
  readonly finalDivFactor?: number | undefined;
}

type Anneal = (start: number, end: number, share: number) => number;

const anneals: { readonly [name in 'cos' | 'linear']: Anneal } = {
  cos: (start, end, share) => end + ((start - end) / 2) * (1 + Math.cos(Math.PI * share)),
  linear: (start, end, share) => start + (end - start) * share,
};

const oneCycleNames = [
  'maxLr',
  'totalSteps',
  'epochs',
  'stepsPerEpoch',
  'pctStart',
  'annealStrategy',
  'cycleMomentum',
  'baseMomentum',
  'maxMomentum',
  'divFactor',
  'finalDivFactor',
] as const;

/** One rise and one fall over all of a training. @see Smith & Topin (2018), arXiv:1708.07120 */
export class OneCycleLR extends LRScheduler {
  readonly totalSteps: number;
  private readonly peak: number;
  private readonly anneal: Anneal;
  private readonly maxLrs: readonly number[];
  private readonly finalDivFactor: number;
  private readonly momenta: readonly [number, number] | undefined;

  constructor(optimizer: AnyOptimizer, ...args: SchedulerArguments<OneCycleOptions, typeof oneCycleNames>) {
    const options = readSettings<OneCycleOptions>('OneCycleLR', oneCycleNames, ['maxLr'], args);
    super(optimizer);
    const { maxLr, pctStart = 0.3, annealStrategy = 'cos', divFactor = 25, finalDivFactor = 1e4 } = options;
    const { cycleMomentum = true, baseMomentum = 0.85, maxMomentum = 0.95 } = options;
    const total = options.totalSteps ?? (options.epochs ?? Number.NaN) * (options.stepsPerEpoch ?? Number.NaN);
    if (!(total > 0)) {
      throw new ArgumentError(
        'OneCycleLR: expected totalSteps, or epochs and stepsPerEpoch: you must define either total_steps OR (epochs AND steps_per_epoch).',
      );
    }
    this.totalSteps = total;
    this.peak = pctStart * total - 1;
    checkChoice('OneCycleLR', 'annealStrategy', annealStrategy, Object.keys(anneals));
    this.anneal = anneals[annealStrategy];
    this.maxLrs = typeof maxLr === 'number' ? optimizer.paramGroups.map(() => maxLr) : maxLr;
    this.finalDivFactor = finalDivFactor;
    this.momenta = cycleMomentum ? [baseMomentum, maxMomentum] : undefined;
    this.baseLrs = this.maxLrs.map((lr) => lr / divFactor);
    optimizer.paramGroups.forEach((g, i) => (g.initialLr = this.baseLrs[i]!));
    this.step();
  }

  protected rates(): number[] {
    const { lastEpoch: step, totalSteps, peak } = this;
    if (step >= totalSteps) {
      throw new ArgumentError(
        `OneCycleLR: expected at most ${totalSteps} steps, got one more: tried to step ${step + 1} times.`,
      );
    }
    const isRise = step <= peak;
    const share = isRise ? step / peak : (step - peak) / (totalSteps - 1 - peak);
    if (this.momenta !== undefined) {
      const [least, most] = this.momenta;
      const momentum = isRise ? this.anneal(most, least, share) : this.anneal(least, most, share);
      for (const group of this.optimizer.paramGroups) setMomentum(group as WithMomentum, momentum);
    }
    return this.maxLrs.map((top, i) => {
      const first = this.baseLrs[i]!;
      return isRise ? this.anneal(first, top, share) : this.anneal(top, first / this.finalDivFactor, share);
    });
  }
}

export interface CyclicOptions {
  readonly baseLr: number | readonly number[];
  readonly maxLr: number | readonly number[];
  /** Steps of a rise; 2000. */
  readonly stepSizeUp?: number | undefined;
  /** Steps of a fall; those of a rise. */
  readonly stepSizeDown?: number | undefined;
  /** `'triangular'`; `'triangular2'` halves each cycle; `'expRange'` decays by gamma each step. */
  readonly mode?: 'triangular' | 'triangular2' | 'expRange' | undefined;
  readonly gamma?: number | undefined;
  /** Whether momentum goes the other way; true. */
  readonly cycleMomentum?: boolean | undefined;
  readonly baseMomentum?: number | undefined;
  readonly maxMomentum?: number | undefined;
}

const cyclicNames = [
  'baseLr',
  'maxLr',
  'stepSizeUp',
  'stepSizeDown',
  'mode',
  'gamma',
  'cycleMomentum',
  'baseMomentum',
  'maxMomentum',
] as const;

/** Rises and falls between two rates. @see Smith (2017), arXiv:1506.01186 */
export class CyclicLR extends LRScheduler {
  private readonly maxLrs: readonly number[];
  private readonly rise: number;
  private readonly cycle: number;
  private readonly amplitude: (cycle: number, step: number) => number;
  private readonly momenta: readonly [number, number] | undefined;

  constructor(optimizer: AnyOptimizer, ...args: SchedulerArguments<CyclicOptions, typeof cyclicNames>) {
    const options = readSettings<CyclicOptions>('CyclicLR', cyclicNames, ['baseLr', 'maxLr'], args);
    super(optimizer, options.lastEpoch);
    const { baseLr, maxLr, stepSizeUp = 2000, stepSizeDown = stepSizeUp, mode = 'triangular', gamma = 1 } = options;
    const { cycleMomentum = true, baseMomentum = 0.8, maxMomentum = 0.9 } = options;
    const each = (x: number | readonly number[]): number[] =>
      optimizer.paramGroups.map((_, i) => (typeof x === 'number' ? x : x[i]!));
    const hasMomentum = optimizer.paramGroups.every((g) => 'momentum' in g || 'betas' in g);
    if (cycleMomentum && !hasMomentum) {
      throw new ArgumentError(
        'CyclicLR: expected an optimiser with momentum: optimizer must support momentum with `cycleMomentum` option enabled.',
        'pass cycleMomentum: false.',
      );
    }
    this.baseLrs = each(baseLr);
    this.maxLrs = each(maxLr);
    this.cycle = stepSizeUp + stepSizeDown;
    this.rise = stepSizeUp / this.cycle;
    const amplitudes = {
      triangular: () => 1,
      triangular2: (cycle: number) => 1 / 2 ** (cycle - 1),
      expRange: (_: number, step: number) => gamma ** step,
    };
    checkChoice('CyclicLR', 'mode', mode, Object.keys(amplitudes));
    this.amplitude = amplitudes[mode];
    this.momenta = cycleMomentum ? [baseMomentum, maxMomentum] : undefined;
    this.step();
  }

  protected rates(): number[] {
    const cycle = Math.floor(1 + this.lastEpoch / this.cycle);
    const x = 1 + this.lastEpoch / this.cycle - cycle;
    const height = (x <= this.rise ? x / this.rise : (x - 1) / (this.rise - 1)) * this.amplitude(cycle, this.lastEpoch);
    if (this.momenta !== undefined) {
      const [least, most] = this.momenta;
      for (const group of this.optimizer.paramGroups)
        setMomentum(group as WithMomentum, most - (most - least) * height);
    }
    return this.baseLrs.map((lr, i) => lr + (this.maxLrs[i]! - lr) * height);
  }
}
