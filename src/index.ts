/**
 * The public entry: everything a user imports from `cotangent`.
 * @module
 */
export { checkpoint, checkpointPolicies, customJvp, customVjp, stopGradient } from './api/custom.ts';
export { config, configure, devices, init, setDevice } from './api/device.ts';
export { grad, jvp, linearize, linearTranspose, valueAndGrad, vjp } from './api/grad.ts';
export { hessian, hvp, jacfwd, jacobian, jacrev } from './api/jacobian.ts';
export { closureConvert, evalShape, jit, makeProgram, shapeDtypeStruct } from './api/jit.ts';
export { vmap } from './api/vmap.ts';
export { weakFloat } from './api/lift.ts';
export type { TensorLike } from './api/lift.ts';
export { Tensor } from './core/tensor.ts';
export { Program } from './ir/program.ts';
export type { DType } from './ir/dtype.ts';
export type { Shape } from './ir/shape.ts';
export {
  ArgumentError,
  BackendError,
  CotangentError,
  DifferentiationError,
  DTypeError,
  InternalError,
  MemoryError,
  ShapeError,
  TraceError,
  TreeError,
} from './ir/errors.ts';
