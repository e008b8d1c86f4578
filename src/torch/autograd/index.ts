/**
 * The namespace `autograd` of `cotangent/torch`.
 * May import: everything up to `api`, `tape`.
 * @module
 */
export { backward, type BackwardOptions, grad, type GradOptions } from './backward.ts';
export { detectAnomaly } from './anomaly.ts';
