/**
 * Hooks on the gradients of tensors.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import type { Aval } from '../ir/aval.ts';
import { ArgumentError, DifferentiationError } from '../ir/errors.ts';
import { describe } from '../api/options.ts';
import type { CotangentHook, Edge } from '../tape/graph.ts';
import { shown, Tensor } from './tensor.ts';

/** What registering a hook gives. */
export interface RemovableHandle {
  /** Takes the hook away. */
  remove(): void;
}

/** Sees a gradient; what it returns, unless nothing, takes its place. */
export type TensorHook = (grad: Tensor) => Tensor | null | void;

const keepers = new WeakSet<CotangentHook>();

function hooksOf({ node, output }: Edge): CotangentHook[] {
  node.hooks ??= new Map();
  let hooks = node.hooks.get(output);
  if (hooks === undefined) node.hooks.set(output, (hooks = []));
  return hooks;
}

function handle<T>(list: T[], hook: T): RemovableHandle {
  return {
    remove: () => {
      const at = list.indexOf(hook);
      if (at >= 0) list.splice(at, 1);
    },
  };
}

export function addHook<T>(list: T[], hook: T): RemovableHandle {
  list.push(hook);
  return handle(list, hook);
}

/**
 * What a hook returned.
 * @throws ArgumentError unless it is a tensor like the one that it was given
 */
export function fitting(op: string, result: Tensor, given: Aval): Tensor {
  if ((result as unknown) instanceof Tensor && result.aval.equals(given, true)) return result;
  const got = (result as unknown) instanceof Tensor ? result.aval.toString() : describe(result);
  throw new ArgumentError(
    `${op}: expected a tensor like the one that the hook was given, ${given.toString()}, got ${got}: hook has changed the size or type ` +
      'of value.',
    'return a tensor of the same shape and dtype, or nothing.',
  );
}

/**
 * Calls `hook` with the gradient of `x` in every backward pass, before it goes on; a tensor that it returns takes its place.
 * @throws DifferentiationError for a tensor that does not require grad
 */
export function registerHook(x: Tensor, hook: TensorHook): RemovableHandle {
  const edge = x.edge();
  if (edge === undefined) {
    throw new DifferentiationError(
      `registerHook: expected a tensor that requires grad, got ${x.aval.toString()}: cannot register a hook on a tensor that doesn't ` +
        'require gradient.',
      'set requiresGrad first.',
    );
  }
  const hooks = hooksOf(edge);
  const adapted: CotangentHook = (ct) => {
    const result = hook(shown(ct));
    if (result === undefined || result === null) return ct;
    const fit = fitting('registerHook', result, ct.aval);
    return ct instanceof Tensor ? fit.asCore() : fit.value;
  };
  // What keeps the gradient sees it last.
  const last = hooks.at(-1);
  hooks.splice(last !== undefined && keepers.has(last) ? -1 : hooks.length, 0, adapted);
  return handle(hooks, adapted);
}

/** Makes backward passes put the gradient of a tensor that is not a leaf into its `grad`, too. */
export function retainGrad(x: Tensor): void {
  const edge = x.edge();
  if (edge === undefined) {
    throw new DifferentiationError(
      `retainGrad: expected a tensor that requires grad, got ${x.aval.toString()}: can't retain_grad on Tensor that has requires_grad=False.`,
      'set requiresGrad on what it is computed from.',
    );
  }
  const extras = x.rare();
  if (x.isLeaf || extras.retainsGrad === true) return;
  extras.retainsGrad = true;
  const keep: CotangentHook = (ct) => {
    x.accumulate(ct);
    return ct;
  };
  keepers.add(keep);
  extras.keeper = keep;
  hooksOf(edge).push(keep);
}

/** After a change in place, the gradient that is kept is that of the new value. */
export function moveKeeper(x: Tensor, from: Edge | undefined, to: Edge | undefined): void {
  const keeper = x.extras?.keeper;
  if (keeper === undefined || from === to) return;
  if (from !== undefined) handle(hooksOf(from), keeper).remove();
  if (to !== undefined) hooksOf(to).push(keeper);
}

/** Calls `hook` with a leaf each time a backward pass has added to its `grad`. */
export function registerPostAccumulateGradHook(x: Tensor, hook: (leaf: Tensor) => void): RemovableHandle {
  if (!x.isLeaf || !x.requiresGrad) {
    throw new DifferentiationError(
      `registerPostAccumulateGradHook: expected a leaf that requires grad, got ${x.aval.toString()}: post accumulate grad hooks cannot be ` +
        'registered on non-leaf tensors.',
      'use registerHook for other tensors.',
    );
  }
  return addHook((x.rare().afterAccumulate ??= []), hook);
}
