/**
 * Whether operations are recorded, as callbacks: `noGrad(() => …)` is Python's `with torch.no_grad():`.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import { modes, withModes } from './modes.ts';

/**
 * Runs `f` without recording: what it computes does not require grad. Leaves made inside keep `requiresGrad` if asked for.
 * @example
 * ```ts
 * import { noGrad, tensor } from 'cotangent/torch';
 * const x = tensor([1, 2], { requiresGrad: true });
 * console.log(noGrad(() => x.mul(2)).requiresGrad); // => false
 * ```
 */
export const noGrad = <T>(f: () => T): T => withModes({ isGradEnabled: false }, f);

/** Runs `f` with recording, inside `noGrad`. */
export const enableGrad = <T>(f: () => T): T => withModes({ isGradEnabled: true }, f);

/** Runs `f` with recording or without. */
export const setGradEnabled = <T>(isEnabled: boolean, f: () => T): T => withModes({ isGradEnabled: isEnabled }, f);

/**
 * Like `noGrad`, for tensors that never meet the graph: what is made inside can neither be saved for a backward pass nor changed in
 * place outside.
 */
export const inferenceMode = <T>(f: () => T): T => withModes({ isGradEnabled: false, isInference: true }, f);

/** Whether operations are recorded now. */
export const isGradEnabled = (): boolean => modes.isGradEnabled;

export const isInferenceModeEnabled = (): boolean => modes.isInference;
