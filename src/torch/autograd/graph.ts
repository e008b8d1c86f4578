/**
 * The namespace `autograd.graph`: nodes, and what a graph saves.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import { Aval } from '../../ir/aval.ts';
import { deviceTensor } from '../../core/tensor.ts';
import { withModes } from '../modes.ts';
import { Tensor } from '../tensor.ts';
import { savedTensorsHooks } from './saved.ts';

export { type BackwardHook, type BackwardPrehook, type Gradients, Node } from '../node.ts';
export { savedTensorsHooks };

/** Runs `f`; whatever it saves for a backward pass is kept as plain numbers, outside the memory of the device, until it is needed. */
export const saveOnCpu = <T>(f: () => T): T =>
  savedTensorsHooks(
    (x) => ({ data: x.dataSync(), aval: new Aval(x.shape, x.dtype) }),
    ({ data, aval }) => new Tensor(deviceTensor(data.slice() as typeof data, aval)),
    f,
  );

/** Runs `f`, in which `savedTensorsHooks` is an error with this message. */
export const disableSavedTensorsHooks = <T>(message: string, f: () => T): T => withModes({ hooksRefusal: message }, f);

/** Runs `f`. Tensors that were saved may be changed in place here anyway: what was saved stays as it was. */
export const allowMutationOnSavedTensors = <T>(f: () => T): T => f();
