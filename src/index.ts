/**
 * The public entry: everything a user imports from `cotangent`.
 * @module
 */
import * as laxModule from './api/lax/index.ts';
import * as nnModule from './api/nn/index.ts';
import * as numpyModule from './api/numpy/index.ts';
import * as opsModule from './api/ops.ts';
import * as randomModule from './api/random/index.ts';
import * as scipyModule from './api/scipy/index.ts';
import * as treeModule from './api/tree.ts';
import { installMethods } from './api/methods.ts';

export { checkpoint, checkpointPolicies, customJvp, customVjp, stopGradient } from './api/custom.ts';
export { config, configure, devices, init, setDevice } from './api/device.ts';
export { grad, jvp, linearize, linearTranspose, valueAndGrad, vjp } from './api/grad.ts';
export { hessian, hvp, jacfwd, jacobian, jacrev } from './api/jacobian.ts';
export { closureConvert, evalShape, jit, makeProgram, shapeDtypeStruct } from './api/jit.ts';
export { vmap } from './api/vmap.ts';
export { weakFloat } from './api/lift.ts';
export type { TensorLike } from './api/lift.ts';
export { Tensor } from './core/tensor.ts';
// The methods are declared there: without this line the declarations a user gets would lack them.
export type { NestedNumbers, TensorMethods, TensorProperties } from './api/methods.ts';
export type { AtIndex } from './api/at.ts';
export type { Index, Range } from './api/indexing.ts';
export { Program } from './ir/program.ts';
export type { DType } from './ir/dtype.ts';
export type { Shape } from './ir/shape.ts';
export {
  ArgumentError,
  BackendError,
  CotangentError,
  DifferentiationError,
  DTypeError,
  FileError,
  InternalError,
  MemoryError,
  ShapeError,
  TraceError,
  TreeError,
} from './ir/errors.ts';

// Namespaces are values of this module, so that a bundler which keeps one keeps this call.
installMethods();

/** NumPy's functions on tensors, with JAX's semantics. */
export const numpy: typeof numpyModule = numpyModule;
/** Short for `numpy`. */
export const np: typeof numpyModule = numpyModule;
/** Primitives and control flow, with strict shapes and dtypes. */
export const lax: typeof laxModule = laxModule;
/** Activations, softmax and its kin, initialisers. */
export const nn: typeof nnModule = nnModule;
/** Random numbers from explicit keys, equal to JAX's bit for bit. */
export const random: typeof randomModule = randomModule;
/** `scipy.special` and `scipy.stats`. */
export const scipy: typeof scipyModule = scipyModule;
/** Functions on pytrees. */
export const tree: typeof treeModule = treeModule;
/** Segment reductions. */
export const ops: typeof opsModule = opsModule;

export const array: typeof numpyModule.array = numpyModule.array;
export const zeros: typeof numpyModule.zeros = numpyModule.zeros;
export const ones: typeof numpyModule.ones = numpyModule.ones;
export const full: typeof numpyModule.full = numpyModule.full;
export const eye: typeof numpyModule.eye = numpyModule.eye;
export const arange: typeof numpyModule.arange = numpyModule.arange;
export const linspace: typeof numpyModule.linspace = numpyModule.linspace;
