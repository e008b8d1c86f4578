/**
 * Gradient transformations and how they combine. A transformation turns gradients into updates and keeps a state, a plain pytree.
 * May import: `core`, `primitives`, `api`.
 * @module
 */
import { broadcastPrefix, flatten, unflatten } from '../core/pytree.ts';
import type { Tensor } from '../core/tensor.ts';
import { ArgumentError } from '../ir/errors.ts';
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
export interface StatefulRules<S> {
  readonly init: (params: unknown) => S;
  readonly update: (updates: unknown, state: S, params: unknown) => readonly [unknown, S];
}

/** Makes a transformation of rules whose state has a known type. */
export function transformation<S>({ init, update }: StatefulRules<S>): GradientTransformation {
  return {
    init: (params) => init(params) as OptState,
    update: <P>(updates: P, state: OptState, params: unknown = null): [P, OptState] => {
      const [next, nextState] = update(updates, state as S, params);
      return [next as P, nextState as OptState];
    },
  };
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
  return transformation<OptState[]>({
    init: (params) => transformations.map((t) => t.init(params)),
    update: (updates, states, params) => {
      if (!Array.isArray(states) || states.length !== transformations.length) {
        throw new ArgumentError(
          `chain: expected a state with ${transformations.length} entries, got ${flatten(states)[1].toString()}.`,
          'pass the state that init or the last update returned: update(grads, state, params).',
        );
      }
      let current = updates;
      const next = transformations.map((t, i) => {
        const [out, state] = t.update(current, states[i]!, params);
        current = out;
        return state;
      });
      return [current, next];
    },
  });
}

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
