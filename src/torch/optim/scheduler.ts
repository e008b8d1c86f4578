/**
 * Schedulers: rules for the learning rate of each group as epochs, or steps, go by.
 * May import: everything up to `api`, `tape`, `nn`, `optim`.
 * @module
 */
import { ArgumentError } from '../../ir/errors.ts';
import type { CommonOptions, Optimizer, ParamGroup } from './optimizer.ts';

type Group = ParamGroup<CommonOptions>;
/** Any optimiser. */
export type AnyOptimizer = Pick<Optimizer<CommonOptions>, 'state'> & { readonly paramGroups: Group[] };

/** A rule as the plain numbers that it goes on from. */
export type SchedulerState = Record<string, unknown>;

/**
 * The base of rules that say a learning rate for each group. Making one sets the rates of epoch 0; `step` those of the next.
 */
export abstract class LRScheduler {
  readonly optimizer: AnyOptimizer;
  /** The rates before any rule. */
  baseLrs: number[];
  lastEpoch: number;
  protected lastLr: number[] = [];

  constructor(optimizer: AnyOptimizer, lastEpoch = -1) {
    this.optimizer = optimizer;
    for (const group of optimizer.paramGroups) {
      if (lastEpoch >= 0 && group.initialLr === undefined) {
        throw new ArgumentError(
          `${new.target.name}: expected groups with initialLr to go on from epoch ${lastEpoch}: param 'initial_lr' is not specified in paramGroups when resuming an optimizer.`,
          'load the state of the optimiser first.',
        );
      }
      group.initialLr ??= group.lr;
    }
    this.baseLrs = optimizer.paramGroups.map((g) => g.initialLr!);
    this.lastEpoch = lastEpoch;
  }

  /** The rates of this epoch, from those that the groups have. */
  protected abstract rates(): number[];

  /** Goes to the next epoch. */
  step(): void {
    this.lastEpoch++;
    this.set(this.rates());
  }

  protected set(rates: readonly number[]): void {
    this.optimizer.paramGroups.forEach((group, i) => (group.lr = rates[i]!));
    this.lastLr = [...rates];
  }

  /** The rates that were set last. */
  getLastLr(): number[] {
    return this.lastLr;
  }

  /** All numbers of the rule. */
  stateDict(): SchedulerState {
    const isData = (x: unknown): boolean =>
      typeof x === 'number' || (Array.isArray(x) && x.every((e) => typeof e === 'number'));
    return Object.fromEntries(Object.entries(this).filter(([, x]) => isData(x)));
  }

  loadStateDict(state: SchedulerState): void {
    for (const [name, value] of Object.entries(state)) (this as unknown as SchedulerState)[name] = value;
  }

  /** Rates times a factor. */
  protected scaled(factor: number): number[] {
    return this.optimizer.paramGroups.map((g) => g.lr * factor);
  }

  /** Rates as they are. */
  protected kept(): number[] {
    return this.scaled(1);
  }
}
