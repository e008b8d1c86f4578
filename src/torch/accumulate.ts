/**
 * Where the graph ends: a leaf that collects its gradient.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import type { MaybeZero } from '../core/primitive.ts';
import type { Tensor as CoreTensor } from '../core/tensor.ts';
import { Node } from '../tape/graph.ts';

/** A leaf, as its node knows it. */
export interface Leaf {
  accumulate(ct: CoreTensor): void;
}

export class AccumulateGrad<T extends Leaf = Leaf> extends Node {
  readonly name: string = 'AccumulateGrad';
  readonly numOutputs: number = 1;
  /** The leaf. */
  readonly variable: T;

  constructor(variable: T) {
    super([]);
    this.variable = variable;
  }

  pull([ct]: readonly MaybeZero[]): readonly MaybeZero[] {
    this.variable.accumulate(ct!);
    return [];
  }
}
