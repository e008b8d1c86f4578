/**
 * The namespace `autograd` of `cotangent/torch`.
 * May import: everything up to `api`, `tape`.
 * @module
 */
export { detectAnomaly } from './anomaly.ts';
export { backward, type BackwardOptions, grad, type GradOptions } from './backward.ts';
export { Function, FunctionContext, onceDifferentiable } from './function.ts';
export { gradcheck, GradcheckError, type GradcheckOptions, gradgradcheck } from './gradcheck.ts';
export { savedTensorsHooks } from './saved.ts';

/** Nodes of the graph, and what it saves. */
export * as graph from './graph.ts';
/** Dual numbers. */
export * as forwardAd from './forward-ad.ts';
/** Derivatives of functions. */
export * as functional from './functional.ts';
