/**
 * The entry `cotangent/torch`: PyTorch's tensors, dynamic graph and `.backward()` over the core.
 * @module
 */
export { Tensor } from './tensor.ts';
export type { TensorMethods } from './methods.ts';
export type { NestedData, TensorLike } from './ops/define.ts';
export type { TensorOptions } from './ops/new-tensor.ts';
export type { Dtype } from './dtypes.ts';
export { compile } from './compile.ts';
export * from './creation.ts';
export * from './random.ts';
export * from './grad-mode.ts';
export { Generator } from './generator.ts';
export * from './ops/arithmetic.ts';
export { emptyLike, fullLike, onesLike, zerosLike } from './ops/fill.ts';
export * from './ops/linalg.ts';
export * from './ops/pointwise.ts';
export * from './ops/reduce.ts';
export * from './ops/samples.ts';
export { bernoulli, multinomial, type MultinomialOptions } from './ops/sampling.ts';
export * from './ops/scatter.ts';
export * from './ops/join.ts';
export * from './ops/order.ts';
export * from './ops/parts.ts';
export * from './ops/rearrange.ts';
export * from './ops/shape.ts';
export * from './ops/statistics.ts';
export * as nn from './nn/index.ts';
export * as optim from './optim/index.ts';

export { cholesky, qr } from './linalg/factor.ts';
export { det, inv as inverse, matrixExp, pinv as pinverse, slogdet } from './linalg/solve.ts';

/** PyTorch's `torch.autograd`. */
export * as autograd from './autograd/index.ts';
/** PyTorch's `torch.func`. */
export * as func from './func.ts';
/** PyTorch's `torch.linalg`. */
export * as linalg from './linalg/index.ts';
/** PyTorch's `torch.utils`. */
export * as utils from './utils/index.ts';
