/**
 * Where random numbers come from: one generator, seeded by `manualSeed`, stands behind all functions that are given none.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import type { Tensor as CoreTensor } from '../core/tensor.ts';
import { evalTrace, withTrace } from '../core/trace.ts';
import * as keyed from '../api/random/index.ts';
import { modes } from './modes.ts';

/** A stream of random numbers: what is drawn depends on the seed and on how often it was drawn from. */
export class Generator {
  private key: CoreTensor | undefined;
  private seed: number;
  private drawn = 0;

  constructor(seed = 0) {
    this.seed = seed;
  }

  /** Starts again from a seed. */
  manualSeed(seed: number): this {
    this.key = undefined;
    this.seed = seed;
    this.drawn = 0;
    return this;
  }

  initialSeed(): number {
    return this.seed;
  }

  /** The state, to go on from it later with `setState`. */
  getState(): readonly [seed: number, drawn: number] {
    return [this.seed, this.drawn];
  }

  setState([seed, drawn]: readonly [seed: number, drawn: number]): void {
    this.manualSeed(seed);
    this.drawn = drawn;
  }

  /** A key of the core for one draw. */
  next(): CoreTensor {
    // The stream goes on after the function under a transformation that may be the first to draw.
    return withTrace(evalTrace, () => keyed.foldIn((this.key ??= keyed.key(this.seed)), this.drawn++));
  }
}

export const defaultGenerator: Generator = new Generator();

export interface GeneratorOption {
  /** In place of the one that `manualSeed` seeds. */
  readonly generator?: Generator | undefined;
}

/** The key of one draw. Inside a compiled function it is made from an argument, so that each call draws anew. */
export function keyFrom(options: GeneratorOption): CoreTensor {
  const generator = options.generator ?? defaultGenerator;
  return modes.keys === undefined ? generator.next() : modes.keys(generator);
}
