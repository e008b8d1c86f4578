/**
 * Settings of their own for groups of parameters, and settings that are part of the state.
 * May import: `core`, `primitives`, `api`.
 * @module
 */
import { asTensor, type TensorLike } from '../api/lift.ts';
import { defaultFloat } from '../core/config.ts';
import { broadcastPrefix, flatten, unflatten } from '../core/pytree.ts';
import { Tensor } from '../core/tensor.ts';
import { ArgumentError } from '../ir/errors.ts';
import { castTo, increment, zeroCount } from './leaves.ts';
import type { LearningRate, Schedule } from './schedules.ts';
import { type GradientTransformation, masked, type OptState, transformation } from './transformation.ts';

/** The name of each leaf's group: a prefix of the parameters with strings, or a function of them that gives one. */
export type Labels = unknown;

function labelsOf(labels: Labels, tree: unknown, names: readonly string[]): string[] {
  const given: unknown = typeof labels === 'function' ? (labels as (tree: unknown) => unknown)(tree) : labels;
  const found = broadcastPrefix('partition', given, flatten(tree)[1], (x) => typeof x === 'string') as string[];
  const unknown = found.find((label) => !names.includes(label));
  if (unknown === undefined) return found;
  throw new ArgumentError(
    `partition: expected labels of ${names.join(', ')}, got ${unknown}.`,
    'give a transformation for every label; setToZero() leaves a group as it is.',
  );
}

/**
 * A transformation for each group of leaves. State: that of each, by name.
 * @example
 * ```ts
 * import * as optim from 'cotangent/optim';
 * const optimizer = optim.partition({ learn: optim.sgd(0.5), freeze: optim.setToZero() }, { body: 'learn', head: 'freeze' });
 * const params = { body: 1, head: 1 };
 * const [updates] = optimizer.update({ body: 2, head: 2 }, optimizer.init(params), params);
 * console.log(String(updates.body), String(updates.head)); // => -1 0
 * ```
 */
export function partition(
  transforms: Readonly<Record<string, GradientTransformation>>,
  labels: Labels,
): GradientTransformation {
  const names = Object.keys(transforms);
  const maskOf = (name: string) => (tree: unknown) => {
    const [leaves, def] = flatten(tree);
    const found = labelsOf(labels, tree, names);
    return unflatten(
      def,
      leaves.map((_, i) => found[i] === name),
    );
  };
  const groups = names.map((name) => masked(transforms[name]!, maskOf(name)));
  return transformation<Record<string, OptState>>({
    isOpaque: true,
    init: (params) => Object.fromEntries(groups.map((g, i) => [names[i]!, g.init(params)])),
    update: (updates, state, params) => {
      let current = updates;
      const next: Record<string, OptState> = {};
      groups.forEach((g, i) => {
        const [out, own] = g.update(current, state[names[i]!]!, params);
        current = out;
        next[names[i]!] = own;
      });
      return [current, next];
    },
  });
}

/** The same as `partition`. */
export const multiTransform: typeof partition = partition;

type Settings = Readonly<Record<string, unknown>>;
type Factory = (everything: never) => GradientTransformation;

/** State of `injectHyperparams`: `hyperparams` may be changed between steps. */
export interface InjectedState {
  readonly count: Tensor;
  readonly hyperparams: Readonly<Record<string, Tensor>>;
  readonly innerState: OptState;
}

const isInjected = (x: unknown): x is TensorLike => typeof x === 'number' || x instanceof Tensor;

/**
 * Makes the numeric settings of an optimiser part of its state, as `state.hyperparams`: they can be read, and changed between steps of one
 * compiled function. Schedules are evaluated at each step.
 * @param factory an optimiser that takes all of its settings by name
 * @param options `staticArgs`: names that stay as they are
 * @example
 * ```ts
 * import * as optim from 'cotangent/optim';
 * const optimizer = optim.injectHyperparams(optim.sgd)({ learningRate: 1, momentum: 0.5 });
 * const state = optimizer.init({ w: 0 });
 * const slower = { ...state, hyperparams: { ...state.hyperparams, learningRate: 0.25 } };
 * const [updates] = optimizer.update({ w: 1 }, slower, { w: 0 });
 * console.log(String(updates.w)); // => -0.25
 * ```
 */
export function injectHyperparams<F extends Factory>(
  factory: F,
  options: { readonly staticArgs?: readonly string[] } = {},
): (settings: { readonly learningRate: LearningRate } & Settings) => Injected {
  return (settings) => {
    const isStatic = (name: string): boolean => options.staticArgs?.includes(name) ?? false;
    const schedules = Object.entries(settings).filter(
      (e): e is [string, Schedule] => typeof e[1] === 'function' && !isStatic(e[0]) && e[0] !== 'mask',
    );
    const numbers = Object.entries(settings).filter(
      (e): e is [string, TensorLike] => isInjected(e[1]) && !isStatic(e[0]),
    );
    const scalars = (entries: readonly (readonly [string, TensorLike])[]): Record<string, Tensor> =>
      Object.fromEntries(entries.map(([name, x]) => [name, scalarOf(x)]));
    const scheduled = (count: Tensor): Record<string, Tensor> =>
      scalars(schedules.map(([name, f]) => [name, f(count)]));
    const innerOf = (hyperparams: Settings): GradientTransformation =>
      factory({ ...settings, ...hyperparams } as unknown as never);
    return transformation<InjectedState>({
      isOpaque: true,
      init: (params) => {
        const count = zeroCount();
        const hyperparams = { ...scalars(numbers), ...scheduled(count) };
        return { count, hyperparams, innerState: innerOf(hyperparams).init(params) };
      },
      update: (updates, state, params) => {
        const hyperparams = { ...state.hyperparams, ...scheduled(state.count) };
        const [out, innerState] = innerOf(hyperparams).update(updates, state.innerState, params);
        return [out, { count: increment(state.count), hyperparams, innerState }];
      },
    }) as unknown as Injected;
  };
}

const scalarOf = (x: TensorLike): Tensor => castTo(defaultFloat(), asTensor(x));

/** An optimiser whose state shows its settings. */
export interface Injected {
  init(params: unknown): InjectedState & OptState;
  update<P>(
    updates: P,
    state: OptState | { readonly hyperparams: Readonly<Record<string, TensorLike>> },
    params?: unknown,
  ): [updates: P, state: InjectedState & OptState];
}
