/**
 * L-BFGS: a quasi-Newton direction from the last few steps, and a line search along it. The shape and the defaults are optax's.
 * May import: `core`, `primitives`, `api`.
 * @module
 */
import { cond } from '../api/lax/cond.ts';
import { asTensor, promote, type TensorLike } from '../api/lift.ts';
import { checkOptions } from '../api/options.ts';
import { valueAndGrad } from '../api/grad.ts';
import { type TreeDef, unflatten } from '../core/pytree.ts';
import { scalarTensor, type Tensor } from '../core/tensor.ts';
import { ArgumentError } from '../ir/errors.ts';
import * as prim from '../primitives/index.ts';
import { castTo, increment, leavesOf, zeroCount } from './leaves.ts';
import { type ZoomOptions, zoomKeys, zoomLineSearch } from './line-search.ts';
import type { LearningRate } from './schedules.ts';
import { type GradientTransformation, needParams, type OptState } from './transformation.ts';

/** A tree as one vector, in the widest dtype of its leaves. */
interface Flat {
  readonly vector: Tensor;
  readonly restore: (vector: Tensor) => unknown;
}

function flatOf(tree: unknown): Flat {
  const [leaves, def] = leavesOf('lbfgs', tree);
  if (leaves.length === 0) throw new ArgumentError('lbfgs: expected parameters, got none.');
  const lines = promote(...leaves.map((x) => prim.reshape(x, [x.size])));
  return { vector: prim.concatenate(lines, 0), restore: (vector) => restored(vector, leaves, def) };
}

function restored(vector: Tensor, leaves: readonly Tensor[], def: TreeDef): unknown {
  let at = 0;
  const parts = leaves.map((x) => {
    const part = prim.reshape(prim.sliceAxis(vector, 0, at, at + x.size), x.shape);
    at += x.size;
    return prim.convert(part, x.dtype);
  });
  return unflatten(def, parts);
}

const dot = (x: Tensor, y: Tensor): Tensor => prim.reduceSum(prim.mul(x, y), [0]);
const row = (m: Tensor, i: number): Tensor => prim.reshape(prim.sliceAxis(m, 0, i, i + 1), [m.shape[1]!]);
/** Drops the first row and appends one. */
const pushRow = (m: Tensor, r: Tensor): Tensor =>
  prim.concatenate([prim.sliceAxis(m, 0, 1, m.shape[0]!), prim.reshape(r, [1, r.size])], 0);

export interface ScaleByLbfgsState {
  readonly count: Tensor;
  /** Parameters and gradients of the step before, as vectors. */
  readonly params: Tensor;
  readonly updates: Tensor;
  /** The last differences of parameters and of gradients, the newest last, and 1 / ⟨Δp, Δg⟩ (0 where there is none). */
  readonly diffParamsMemory: Tensor;
  readonly diffUpdatesMemory: Tensor;
  readonly weightsMemory: Tensor;
}

export interface LbfgsOptions {
  /** Steps that the curvature is estimated from; 10. */
  readonly memorySize?: number;
  /** Start the recursion from ⟨Δp, Δg⟩ / ‖Δg‖², and at the first step from min(1, 1/‖g‖); true. */
  readonly scaleInitPrecond?: boolean;
}

function initialMemory(params: unknown, memory: number): ScaleByLbfgsState {
  const { vector } = flatOf(params);
  const zeros = (shape: readonly number[]): Tensor => prim.broadcastTo(scalarTensor(0, vector.dtype), shape);
  return {
    count: zeroCount(),
    params: zeros(vector.shape),
    updates: zeros(vector.shape),
    diffParamsMemory: zeros([memory, vector.size]),
    diffUpdatesMemory: zeros([memory, vector.size]),
    weightsMemory: zeros([memory]),
  };
}

/** Enters the step that led here. A pair along which the gradient does not grow says nothing of a minimum, and is left out. */
function remember(state: ScaleByLbfgsState, params: Tensor, grads: Tensor): ScaleByLbfgsState {
  const [dp, dg] = [prim.sub(params, state.params), prim.sub(grads, state.updates)];
  const product = dot(dp, dg);
  const isUsed = prim.and(prim.gt(state.count, prim.like(state.count, 0)), prim.gt(product, prim.like(product, 0)));
  const weight = prim.select(
    isUsed,
    prim.div(prim.like(product, 1), prim.select(isUsed, product, prim.like(product, 1))),
    prim.like(product, 0),
  );
  const push = (memory: Tensor, value: Tensor): Tensor => prim.select(isUsed, pushRow(memory, value), memory);
  const column = prim.reshape(state.weightsMemory, [state.weightsMemory.size, 1]);
  return {
    count: increment(state.count),
    params,
    updates: grads,
    diffParamsMemory: push(state.diffParamsMemory, dp),
    diffUpdatesMemory: push(state.diffUpdatesMemory, dg),
    weightsMemory: prim.reshape(push(column, prim.reshape(weight, [1])), [state.weightsMemory.size]),
  };
}

/** H·g by the two loops over the memory (Nocedal and Wright, Numerical Optimization, 2006, algorithm 7.4). */
function precondition(m: ScaleByLbfgsState, grads: Tensor, isScaled: boolean): Tensor {
  const size = m.weightsMemory.size;
  const weight = (i: number): Tensor => prim.reshape(prim.sliceAxis(m.weightsMemory, 0, i, i + 1), []);
  const factors: Tensor[] = [];
  let q = grads;
  for (let i = size - 1; i >= 0; i--) {
    const factor = prim.mul(weight(i), dot(row(m.diffParamsMemory, i), q));
    factors[i] = factor;
    q = prim.sub(q, prim.mul(factor, row(m.diffUpdatesMemory, i)));
  }
  if (isScaled) q = prim.mul(q, initialScale(m, grads));
  for (let i = 0; i < size; i++) {
    const back = prim.mul(weight(i), dot(row(m.diffUpdatesMemory, i), q));
    q = prim.add(q, prim.mul(row(m.diffParamsMemory, i), prim.sub(factors[i]!, back)));
  }
  return q;
}

function initialScale(m: ScaleByLbfgsState, grads: Tensor): Tensor {
  const last = m.weightsMemory.size - 1;
  const [dp, dg] = [row(m.diffParamsMemory, last), row(m.diffUpdatesMemory, last)];
  const square = dot(dg, dg);
  const one = prim.like(square, 1);
  const hasPair = prim.gt(square, prim.like(square, 0));
  const norm = prim.sqrt(dot(grads, grads));
  const capped = prim.div(one, prim.max(norm, one));
  return prim.select(hasPair, prim.div(dot(dp, dg), prim.select(hasPair, square, one)), capped);
}

function checkMemory(op: string, memory: number): void {
  if (Number.isInteger(memory) && memory > 0) return;
  throw new ArgumentError(`${op}: expected a positive memory size, got ${memory}.`);
}

/** The quasi-Newton direction H·g, without a step length. State: see `ScaleByLbfgsState`. */
export function scaleByLbfgs(options: LbfgsOptions = {}): GradientTransformation {
  checkOptions('scaleByLbfgs', options, ['memorySize', 'scaleInitPrecond']);
  const { memorySize = 10, scaleInitPrecond = true } = options;
  checkMemory('scaleByLbfgs', memorySize);
  return {
    init: (params) => initialMemory(params, memorySize) as unknown as OptState,
    update: <P>(updates: P, state: OptState, params?: unknown): [P, OptState] => {
      const { vector, restore } = flatOf(updates);
      const known = state as unknown as ScaleByLbfgsState;
      const next = remember(known, castTo(vector.dtype, flatOf(needParams('scaleByLbfgs', params)).vector), vector);
      return [restore(precondition(next, vector, scaleInitPrecond)) as P, next as unknown as OptState];
    },
  };
}

/** What the line search of `lbfgs` needs besides gradients. */
export interface LineSearchArguments {
  /** The function that is minimised, of the parameters. */
  readonly valueFn: (params: never) => TensorLike;
  /** Its value at the parameters, if it is known. */
  readonly value?: TensorLike;
}

export interface LbfgsState {
  readonly memory: ScaleByLbfgsState;
  /** The step length taken. */
  readonly learningRate: Tensor;
  /** Value and gradient at the parameters after the update: see `valueAndGradFromState`. */
  readonly value: Tensor;
  readonly grad: unknown;
}

export interface Lbfgs {
  init(params: unknown): LbfgsState;
  update<P>(grads: P, state: LbfgsState, params: unknown, more: LineSearchArguments): [updates: P, state: LbfgsState];
}

export interface LbfgsArguments extends LbfgsOptions {
  /** A fixed step length in place of the line search. */
  readonly learningRate?: LearningRate | null;
  readonly linesearch?: ZoomOptions;
}

/**
 * L-BFGS with a line search for the strong Wolfe conditions (or a fixed learning rate). For smooth functions without noise.
 * `update(grads, state, params, { valueFn, value })`; the state holds the value and the gradient where the step ends.
 * @see Liu and Nocedal, On the Limited Memory BFGS Method for Large Scale Optimization, 1989
 * @example
 * ```ts
 * import { jit, np, type Tensor } from 'cotangent';
 * import * as optim from 'cotangent/optim';
 * const rosenbrock = (x: Tensor) => {
 *   const [a, b] = [x.slice(0), x.slice(1)];
 *   return np.square(a.mul(-1).add(1)).add(np.square(b.sub(np.square(a))).mul(100));
 * };
 * const optimizer = optim.lbfgs();
 * const valueAndGrad = optim.valueAndGradFromState(rosenbrock);
 * const step = jit((x: Tensor, state: optim.LbfgsState) => {
 *   const [value, grads] = valueAndGrad(x, state);
 *   const [updates, next] = optimizer.update(grads, state, x, { valueFn: rosenbrock, value });
 *   return [optim.applyUpdates(x, updates), next] as const;
 * });
 * let x = np.array([-1.2, 1], { dtype: 'float64' });
 * let state = optimizer.init(x);
 * for (let i = 0; i < 40; i++) [x, state] = step(x, state);
 * console.log(np.max(np.abs(x.sub(1))).item() < 1e-6); // => true
 * ```
 */
export function lbfgs(options: LbfgsArguments = {}): Lbfgs {
  checkOptions('lbfgs', options, ['learningRate', 'memorySize', 'scaleInitPrecond', 'linesearch']);
  const { learningRate = null, memorySize = 10, scaleInitPrecond = true, linesearch = {} } = options;
  checkOptions('lbfgs: linesearch', linesearch, zoomKeys);
  checkMemory('lbfgs', memorySize);
  return {
    init: (params) => {
      const { vector, restore } = flatOf(params);
      const zero = scalarTensor(0, vector.dtype);
      const infinite = scalarTensor(Number.POSITIVE_INFINITY, vector.dtype);
      const grad = restore(prim.broadcastTo(zero, vector.shape));
      return { memory: initialMemory(params, memorySize), learningRate: prim.like(zero, 1), value: infinite, grad };
    },
    update: <P>(grads: P, state: LbfgsState, params: unknown, more: LineSearchArguments): [P, LbfgsState] => {
      const { vector, restore } = flatOf(grads);
      const at = flatOf(needParams('lbfgs', params));
      const x = castTo(vector.dtype, at.vector);
      const memory = remember(state.memory, x, vector);
      const direction = prim.neg(precondition(memory, vector, scaleInitPrecond));
      const objective = objectiveOf(at, more);
      const found =
        learningRate === null
          ? searched(objective, x, direction, vector, more.value, linesearch)
          : fixed(objective, x, direction, learningRate, state.memory.count);
      const updates = restore(prim.mul(direction, found.a)) as P;
      return [updates, { memory, learningRate: found.a, value: found.value, grad: restore(found.grad) }];
    },
  };
}

type Objective = (x: Tensor) => readonly [value: Tensor, grad: Tensor];

function objectiveOf(at: Flat, more: LineSearchArguments | undefined): Objective {
  if (typeof more?.valueFn !== 'function') {
    throw new ArgumentError(
      'lbfgs: expected the function to minimise, got none.',
      'call update(grads, state, params, { valueFn, value }).',
    );
  }
  const f = valueAndGrad((x: Tensor) => castTo(x.dtype, asTensor(more.valueFn(at.restore(x) as never))));
  return (x) => f(x) as unknown as readonly [Tensor, Tensor];
}

interface Found {
  readonly a: Tensor;
  readonly value: Tensor;
  readonly grad: Tensor;
}

function searched(
  objective: Objective,
  x: Tensor,
  direction: Tensor,
  grad: Tensor,
  value: TensorLike | undefined,
  options: ZoomOptions,
): Found {
  const evaluate = (a: Tensor): { value: Tensor; slope: Tensor; grad: Tensor } => {
    const [v, g] = objective(prim.add(x, prim.mul(direction, a)));
    return { value: v, slope: dot(g, direction), grad: g };
  };
  const known = value === undefined ? objective(x)[0] : castTo(x.dtype, asTensor(value));
  const start = { value: known, slope: dot(grad, direction), grad };
  return zoomLineSearch(evaluate, start, scalarTensor(1, x.dtype), options);
}

function fixed(objective: Objective, x: Tensor, direction: Tensor, rate: LearningRate, count: Tensor): Found {
  const a = castTo(x.dtype, asTensor(typeof rate === 'function' ? rate(count) : rate));
  const [value, grad] = objective(prim.add(x, prim.mul(direction, a)));
  return { a, value, grad };
}

/**
 * Value and gradient of `valueFn`, taken from the state of `lbfgs` where the line search has left them: no evaluation is done twice.
 * Only for the parameters that the last update led to.
 */
export const valueAndGradFromState =
  <P>(valueFn: (params: P) => TensorLike) =>
  (params: P, state: LbfgsState): [value: Tensor, grad: P] => {
    const objective = objectiveOf(flatOf(params), { valueFn });
    const kept = flatOf(state.grad);
    const evaluated = (x: Tensor): readonly [Tensor, Tensor] => objective(x);
    const known = (_x: Tensor, value: Tensor, grad: Tensor): readonly [Tensor, Tensor] => [value, grad];
    const x = castTo(kept.vector.dtype, flatOf(params).vector);
    const isKnown = prim.isFinite(state.value);
    const [value, grad] = cond(isKnown, known as never, evaluated as never, x, state.value, kept.vector) as unknown as [
      Tensor,
      Tensor,
    ];
    return [value, kept.restore(grad) as P];
  };
