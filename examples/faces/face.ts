/**
 * What the same training looks like from outside, whichever way of the library it is written in.
 * @module
 */
import type { Tensor } from 'cotangent';

/** Of the velocity that is kept from step to step. */
export const momentum = 0.9;

/** Weights and biases of the layers, from first to last: f32[in,out] and f32[out]. */
export type Layers = readonly { readonly weight: Tensor; readonly bias: Tensor }[];

export interface Batch {
  /** f32[n,784] */
  readonly images: Tensor;
  /** i32[n] */
  readonly labels: Tensor;
}

export interface Face {
  readonly name: string;
  /** Gives a function that makes one step of gradient descent with momentum on the mean cross-entropy, and returns the loss before it. */
  readonly trainer: (start: Layers, learningRate: number) => (batch: Batch) => number;
}
