/**
 * Gradient transformations and how they combine. A transformation turns gradients into updates and keeps a state, a plain pytree.
 * May import: `core`, `primitives`, `api`.
 * @module
 */
import { broadcastPrefix, flatten, unflatten } from '../core/pytree.ts';
import type { Tensor } from '../core/tensor.ts';
import { ArgumentError } from '../ir/errors.ts';
import { Compiled } from './compiled.ts';
import { fullLike, leavesOf, mapLeaves } from './leaves.ts';

declare const stateBrand: unique symbol;

/** State of a transformation: a pytree of plain objects, arrays, tensors and null, to be passed on, saved and restored as it is. */
export interface OptState {
  readonly [stateBrand]?: never;
}

/** Parameters in `init` and `update` may be any pytree of tensors; updates have its structure, shapes and dtypes. */
export interface GradientTransformation {
  /** The state before the first step. */
  init(params: unknown): OptState;
  /**
   * Updates to add to the parameters, and the next state.
   * @param params needed by transformations that look at the parameters (weight decay, trust ratios)
   */
  update<P>(updates: P, state: OptState, params?: unknown): [updates: P, state: OptState];
}

export type { GradientTransformation as Optimizer };

/** A transformation that keeps a state of type `S`, as its author sees it. */
export interface StatefulRules<S, O = null> {
  readonly init: (params: unknown) => S;
  /** What functions of the user's give for this step. They run at every step, whatever is compiled. */
  readonly outside?: (updates: unknown, state: S, params: unknown) => O;
  readonly update: (updates: unknown, state: S, params: unknown, outside: O) => readonly [unknown, S];
  /** `update` runs functions of the user's, or is nothing to compile. */
  readonly isOpaque?: boolean;
}

type AnyRules = StatefulRules<unknown, unknown>;

/** Rules of transformations that may be compiled with others. */
const rulesOf = new WeakMap<GradientTransformation, AnyRules>();

/** Makes a transformation of rules whose state has a known type. */
export function transformation<S, O = null>(rules: StatefulRules<S, O>): GradientTransformation {
  const { init, outside, update, isOpaque = false } = rules as AnyRules;
  const compiled = new Compiled('update', update);
  const made: GradientTransformation = {
    init: (params) => init(params) as OptState,
    update: <P>(updates: P, state: OptState, params: unknown = null): [P, OptState] => {
      const given = outside?.(updates, state, params) ?? null;
      const [next, nextState] = isOpaque
        ? update(updates, state, params, given)
        : compiled.run(updates, state, params, given);
      return [next as P, nextState as OptState];
    },
  };
  if (!isOpaque) rulesOf.set(made, rules as AnyRules);
  return made;
}

/** A transformation without a state (`null`): each leaf becomes `f(leaf)`. */
export function stateless(op: string, f: (update: Tensor) => Tensor): GradientTransformation {
  return transformation<null>({ init: () => null, update: (updates) => [mapLeaves(op, f, updates), null] });
}

/** A transformation without a state that looks at the parameters. */
export function statelessWithParams(op: string, f: (update: Tensor, param: Tensor) => Tensor): GradientTransformation {
  return transformation<null>({
    init: () => null,
    update: (updates, _state, params) => [mapLeaves(op, f, updates, needParams(op, params)), null],
  });
}

/** The parameters, which this transformation cannot do without. */
export function needParams(op: string, params: unknown): unknown {
  if (params !== null && params !== undefined) return params;
  throw new ArgumentError(`${op}: expected the parameters, got none.`, 'call update(grads, state, params).');
}

/** Leaves updates as they are. */
export const identity = (): GradientTransformation =>
  transformation<null>({ init: () => null, update: (updates) => [updates, null] });

/** Replaces updates by zeros. */
export const setToZero = (): GradientTransformation =>
  transformation<null>({
    init: () => null,
    update: (updates) => [fullLike('setToZero', updates, 0), null],
  });

/**
 * Applies transformations one after the other. The state is the array of theirs.
 * @example
 * ```ts
 * import * as optim from 'cotangent/optim';
 * const optimizer = optim.chain(optim.clipByGlobalNorm(1), optim.scale(-0.5));
 * const [updates] = optimizer.update([3, 4], optimizer.init([0, 0]));
 * console.log(String(updates)); // => -0.3,-0.4
 * ```
 */
export function chain(...transformations: GradientTransformation[]): GradientTransformation {
  for (const t of transformations) {
    if (typeof t?.init === 'function' && typeof t.update === 'function') continue;
    throw new ArgumentError(
      `chain: expected transformations, got ${String(t)}.`,
      'call the factory: chain(clipByGlobalNorm(1), adam(1e-3)).',
    );
  }
  const init = (params: unknown): OptState[] => transformations.map((t) => t.init(params));
  const links = transformations.map((t) => rulesOf.get(t));
  const isWhole = links.every((link) => link !== undefined);
  return isWhole ? transformation(chainOfRules(init, links)) : transformation(chainOfUpdates(init, transformations));
}

function checkStates(states: unknown, count: number): void {
  if (Array.isArray(states) && states.length === count) return;
  throw new ArgumentError(
    `chain: expected a state with ${count} entries, got ${flatten(states)[1].toString()}.`,
    'pass the state that init or the last update returned: update(grads, state, params).',
  );
}

/** One after the other, and compiled as one. */
const chainOfRules = (
  init: (params: unknown) => OptState[],
  links: readonly AnyRules[],
): StatefulRules<OptState[], unknown[]> => ({
  init,
  outside: (updates, states, params) => {
    checkStates(states, links.length);
    return links.map((link, i) => link.outside?.(updates, states[i], params) ?? null);
  },
  update: (updates, states, params, outside) => {
    let current = updates;
    const next = links.map((link, i) => {
      const [out, state] = link.update(current, states[i], params, outside[i]);
      current = out;
      return state as OptState;
    });
    return [current, next];
  },
});

/** With transformations of the user's in between. */
const chainOfUpdates = (
  init: (params: unknown) => OptState[],
  transformations: readonly GradientTransformation[],
): StatefulRules<OptState[]> => ({
  init,
  isOpaque: true,
  update: (updates, states, params) => {
    checkStates(states, transformations.length);
    let current = updates;
    const next = transformations.map((t, i) => {
      const [out, state] = t.update(current, states[i]!, params);
      current = out;
      return state;
    });
    return [current, next];
  },
});

/** Which leaves take part: a prefix of the parameters with booleans, or a function of them that gives one. */
export type Mask = unknown;

function keptLeaves(op: string, mask: Mask, tree: unknown): boolean[] {
  const given: unknown = typeof mask === 'function' ? (mask as (tree: unknown) => unknown)(tree) : mask;
  const [, def] = flatten(tree);
  return broadcastPrefix(op, given, def, (x) => typeof x === 'boolean').map(Boolean);
}

/** The tree with null, which has no leaves, where the mask says no. */
function hide(tree: unknown, kept: readonly boolean[]): unknown {
  const [leaves, def] = flatten(tree);
  return unflatten(
    def,
    leaves.map((x, i) => (kept[i] ? x : null)),
  );
}

/**
 * Applies a transformation to some of the leaves; the others pass through. State is kept for those only.
 * @example
 * ```ts
 * import * as optim from 'cotangent/optim';
 * const decay = optim.masked(optim.addDecayedWeights(0.5), { w: true, b: false });
 * const params = { w: 2, b: 2 };
 * const [updates] = decay.update({ w: 0, b: 0 }, decay.init(params), params);
 * console.log(Number(updates.w), Number(updates.b)); // => 1 0
 * ```
 */
export function masked(inner: GradientTransformation, mask: Mask): GradientTransformation {
  return transformation<OptState>({
    // The mask may be a function, and the inner one compiles itself.
    isOpaque: true,
    init: (params) => inner.init(hide(params, keptLeaves('masked', mask, params))),
    update: (updates, state, params) => {
      const kept = keptLeaves('masked', mask, updates);
      const visible = params === null ? null : hide(params, kept);
      const [changed, next] = inner.update(hide(updates, kept), state, visible);
      const [replacements] = flatten(changed);
      const [leaves, def] = leavesOf('masked', updates);
      let taken = 0;
      const merged = leaves.map((x, i) => (kept[i] ? replacements[taken++] : x));
      return [unflatten(def, merged), next];
    },
  });
}
