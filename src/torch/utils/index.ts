/**
 * The namespace `utils` of `cotangent/torch`.
 * May import: everything up to `api`, `tape`.
 * @module
 */
export { checkpoint, type CheckpointOptions } from '../autograd/saved.ts';
export * as data from './data/index.ts';
