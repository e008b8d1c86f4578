/**
 * The entry `cotangent/tf`: TensorFlow's way to derivatives. `GradientTape` records what happens, `Variable` holds what changes, `fn`
 * traces and compiles. Tensors are the package's own, so everything else in it works on them.
 * @module
 */
import { installMethods } from '../api/methods.ts';

// Tensors have their methods whichever entry is imported.
installMethods();

export {
  type GradientOptions,
  type Gradients,
  GradientTape,
  type GradientTapeOptions,
  type JacobianOptions,
} from './gradient-tape.ts';
export { UnconnectedGradients } from './gradients.ts';
export { Variable, type VariableOptions } from './variable.ts';
export { customGradient, recomputeGrad, stopGradient, type VariablesOption } from './custom-gradient.ts';
export { type ConcreteFunction, fn, type FnOptions, type TracedFunction } from './function.ts';
export { TensorSpec } from './tensor-spec.ts';
export { cond, whileLoop, type WhileOptions } from './control-flow.ts';
export { TensorArray, type TensorArrayOptions } from './tensor-array.ts';
export { print } from './print.ts';
export * from './ops.ts';
