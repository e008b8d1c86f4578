/**
 * Whether operations are recorded, as callbacks: `noGrad(() => …)` is Python's `with torch.no_grad():`.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import type { Tensor as CoreTensor } from '../core/tensor.ts';
import { flatten, unflatten } from '../core/pytree.ts';
import { currentTrace } from '../core/trace.ts';
import { stopGradientOf } from '../primitives/barrier.ts';
import { checkFunction, refusePromise } from '../api/args.ts';
import { modes, withModes } from './modes.ts';
import { Tensor } from './tensor.ts';

/**
 * Runs `f` without recording: what it computes does not require grad. Leaves made inside keep `requiresGrad` if asked for.
 * @example
 * ```ts
 * import { noGrad, tensor } from 'cotangent/torch';
 * const x = tensor([1, 2], { requiresGrad: true });
 * console.log(noGrad(() => x.mul(2)).requiresGrad); // => false
 * ```
 */
export const noGrad = <T>(f: () => T): T => unrecorded('noGrad', { isGradEnabled: false }, f);

/** Runs `f` with recording, inside `noGrad`. */
export const enableGrad = <T>(f: () => T): T => recorded('enableGrad', f);

/** Runs `f` with recording or without. */
export const setGradEnabled = <T>(isEnabled: boolean, f: () => T): T =>
  isEnabled ? recorded('setGradEnabled', f) : unrecorded('setGradEnabled', { isGradEnabled: false }, f);

/**
 * Like `noGrad`, for tensors that never meet the graph: what is made inside can neither be saved for a backward pass nor changed in
 * place outside.
 */
export const inferenceMode = <T>(f: () => T): T =>
  unrecorded('inferenceMode', { isGradEnabled: false, isInference: true }, f);

/** A callback that returned at an `await` would go on in another mode. */
function synchronous<T>(op: string, f: () => T): T {
  const result = f();
  refusePromise(op, result);
  return result;
}

function recorded<T>(op: string, f: () => T): T {
  checkFunction(op, f);
  return synchronous(op, () => withModes({ isGradEnabled: true, stopsAt: undefined }, f));
}

/** Without recording; inside a function that is transformed or compiled also without derivatives of what it computes. */
function unrecorded<T>(op: string, mode: Parameters<typeof withModes>[0], f: () => T): T {
  checkFunction(op, f);
  const here = currentTrace();
  const result = synchronous(op, () => withModes({ ...mode, stopsAt: here }, f));
  if (here === modes.home) return result;
  const [leaves, def] = flatten(result, isTensor);
  return unflatten(def, leaves.map(stopped)) as T;
}

const isTensor = (x: unknown): boolean => x instanceof Tensor;

/** What comes out of a transformation inside `noGrad` has no derivative either. */
function stopped(x: unknown): unknown {
  if (!(x instanceof Tensor)) return x;
  const value = x.current();
  return value === (x as unknown as CoreTensor) ? x : new Tensor(stopGradientOf(value));
}

/** Whether operations are recorded now. */
export const isGradEnabled = (): boolean => modes.isGradEnabled;

export const isInferenceModeEnabled = (): boolean => modes.isInference;
