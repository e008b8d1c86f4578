/**
 * Schedulers one after another, all at once, and one that looks at results.
 * May import: everything up to `api`, `tape`, `nn`, `optim`.
 * @module
 */
import { ArgumentError } from '../../ir/errors.ts';
import { checkChoice } from '../../api/options.ts';
import { type Arguments, readArguments } from '../ops/named.ts';
import { Tensor } from '../tensor.ts';
import { type AnyOptimizer, LRScheduler, type SchedulerState } from './scheduler.ts';
import { readSettings, type SchedulerArguments } from './scheduler-arguments.ts';

/** Several schedulers, each of which steps at every step. */
export class ChainedScheduler {
  readonly schedulers: readonly LRScheduler[];

  constructor(schedulers: readonly LRScheduler[]) {
    if (schedulers.length === 0) throw new ArgumentError('ChainedScheduler: expected schedulers, got none.');
    this.schedulers = schedulers;
  }

  step(): void {
    for (const s of this.schedulers) s.step();
  }

  getLastLr(): number[] {
    return this.schedulers.at(-1)!.getLastLr();
  }

  stateDict(): SchedulerState {
    return { schedulers: this.schedulers.map((s) => s.stateDict()) };
  }

  loadStateDict(state: SchedulerState): void {
    (state['schedulers'] as SchedulerState[]).forEach((s, i) => this.schedulers[i]!.loadStateDict(s));
  }
}

export interface SequenceOptions {
  readonly schedulers: readonly LRScheduler[];
  /** Epochs at which the next one takes over. */
  readonly milestones: readonly number[];
}

const sequenceNames = ['schedulers', 'milestones'] as const;

/** One scheduler after another, from milestone to milestone; each starts at its epoch 0. */
export class SequentialLR extends LRScheduler {
  readonly schedulers: readonly LRScheduler[];
  readonly milestones: readonly number[];

  constructor(optimizer: AnyOptimizer, ...args: SchedulerArguments<SequenceOptions, typeof sequenceNames>) {
    const given = readSettings<SequenceOptions>('SequentialLR', sequenceNames, sequenceNames, args);
    const { schedulers, milestones } = given;
    super(optimizer);
    if (milestones.length !== schedulers.length - 1) {
      throw new ArgumentError(
        `SequentialLR: expected one milestone less than schedulers, got ${milestones.length} for ${schedulers.length}.`,
      );
    }
    this.schedulers = schedulers;
    this.milestones = milestones;
    this.lastEpoch = 0;
    // What the schedulers did when they were made is undone; only the first acts.
    for (const group of optimizer.paramGroups) group.lr = group.initialLr!;
    for (const s of schedulers) s.lastEpoch--;
    schedulers[0]!.step();
    this.lastLr = schedulers[0]!.getLastLr();
  }

  protected rates(): number[] {
    return this.kept();
  }

  override step(): void {
    this.lastEpoch++;
    const at = this.milestones.filter((m) => m <= this.lastEpoch).length;
    const active = this.schedulers[at]!;
    if (at > 0 && this.milestones[at - 1] === this.lastEpoch) restart(active);
    else active.step();
    this.lastLr = active.getLastLr();
  }

  override stateDict(): SchedulerState {
    return { ...super.stateDict(), schedulers: this.schedulers.map((s) => s.stateDict()) };
  }

  override loadStateDict({ schedulers, ...own }: SchedulerState): void {
    super.loadStateDict(own);
    (schedulers as SchedulerState[]).forEach((s, i) => this.schedulers[i]!.loadStateDict(s));
  }
}

/** Epoch 0 of a scheduler, from the first rates. */
function restart(scheduler: LRScheduler): void {
  scheduler.optimizer.paramGroups.forEach((g, i) => (g.lr = scheduler.baseLrs[i]!));
  scheduler.lastEpoch = -1;
  scheduler.step();
}

export interface ReduceOptions {
  /** Whether smaller results are better (`'min'`, default) or larger ones. */
  readonly mode?: 'min' | 'max' | undefined;
  /** Of a decay; 0.1. */
  readonly factor?: number | undefined;
  /** Epochs without progress that are borne; 10. */
  readonly patience?: number | undefined;
  /** What counts as progress; 1e-4. */
  readonly threshold?: number | undefined;
  /** Whether that is a share of the best result (`'rel'`, default), or a difference. */
  readonly thresholdMode?: 'rel' | 'abs' | undefined;
  /** Epochs after a decay that do not count; 0. */
  readonly cooldown?: number | undefined;
  readonly minLr?: number | readonly number[] | undefined;
  /** Smallest change of a rate; 1e-8. */
  readonly eps?: number | undefined;
}

const reduceNames = ['mode', 'factor', 'patience', 'threshold', 'thresholdMode', 'cooldown', 'minLr', 'eps'] as const;

/** Decay when a result, such as the loss of validation, has stopped to get better. */
export class ReduceLROnPlateau {
  readonly optimizer: AnyOptimizer;
  best: number;
  numBadEpochs = 0;
  cooldownCounter = 0;
  lastEpoch = 0;
  private readonly options: Required<{ [K in keyof ReduceOptions]: NonNullable<ReduceOptions[K]> }>;
  private lastLr: number[] = [];

  constructor(optimizer: AnyOptimizer, ...args: Arguments<ReduceOptions, typeof reduceNames>) {
    const options = readArguments<ReduceOptions>('ReduceLROnPlateau', reduceNames, args);
    const { mode = 'min', factor = 0.1, patience = 10, threshold = 1e-4, thresholdMode = 'rel' } = options;
    const { cooldown = 0, minLr = 0, eps = 1e-8 } = options;
    checkChoice('ReduceLROnPlateau', 'mode', mode, ['min', 'max']);
    checkChoice('ReduceLROnPlateau', 'thresholdMode', thresholdMode, ['rel', 'abs']);
    if (factor >= 1)
      throw new ArgumentError(`ReduceLROnPlateau: expected factor < 1, got ${factor}: Factor should be < 1.0.`);
    this.optimizer = optimizer;
    this.options = { mode, factor, patience, threshold, thresholdMode, cooldown, minLr, eps };
    this.best = mode === 'min' ? Infinity : -Infinity;
  }

  /** @param metrics the result of the epoch */
  step(metrics: number | Tensor): void {
    const value = metrics instanceof Tensor ? metrics.item() : metrics;
    this.lastEpoch++;
    if (this.isBetter(value)) {
      this.best = value;
      this.numBadEpochs = 0;
    } else this.numBadEpochs++;
    if (this.cooldownCounter > 0) {
      this.cooldownCounter--;
      this.numBadEpochs = 0;
    }
    if (this.numBadEpochs > this.options.patience) {
      this.reduce();
      this.cooldownCounter = this.options.cooldown;
      this.numBadEpochs = 0;
    }
    this.lastLr = this.optimizer.paramGroups.map((g) => g.lr);
  }

  private isBetter(value: number): boolean {
    const { mode, threshold, thresholdMode } = this.options;
    const sign = mode === 'min' ? -1 : 1;
    const bound = thresholdMode === 'rel' ? this.best * (1 + sign * threshold) : this.best + sign * threshold;
    return mode === 'min' ? value < bound : value > bound;
  }

  private reduce(): void {
    const { factor, minLr, eps } = this.options;
    this.optimizer.paramGroups.forEach((group, i) => {
      const least = typeof minLr === 'number' ? minLr : minLr[i]!;
      const next = Math.max(group.lr * factor, least);
      if (group.lr - next > eps) group.lr = next;
    });
  }

  getLastLr(): number[] {
    return this.lastLr;
  }

  stateDict(): SchedulerState {
    const { best, numBadEpochs, cooldownCounter, lastEpoch } = this;
    return { best, numBadEpochs, cooldownCounter, lastEpoch };
  }

  loadStateDict(state: SchedulerState): void {
    Object.assign(this, state);
  }
}
