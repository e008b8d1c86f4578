/**
 * What a call of a torch function depends on besides its arguments: whether gradients are recorded, inference mode, hooks on what is
 * saved, anomaly detection, and the trace at which this face is at home. All are set for the time a callback runs.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import type { Tensor as CoreTensor } from '../core/tensor.ts';
import { evalTrace, type Trace } from '../core/trace.ts';
import type { DualTrace } from '../transforms/jvp.ts';
import type { PackedValue } from '../tape/graph.ts';
import type { Generator } from './generator.ts';
import type { Tensor } from './tensor.ts';

interface Modes {
  readonly isGradEnabled: boolean;
  readonly isInference: boolean;
  /** Stands in for each value that is saved. */
  readonly pack: ((value: CoreTensor) => PackedValue) | undefined;
  /** Why hooks on what is saved are an error now. */
  readonly hooksRefusal: string | undefined;
  readonly detectsAnomaly: boolean;
  /** The trace under which operations are recorded in the graph. Others see tensors of the graph as values from outside. */
  readonly home: Trace;
  /** The level of dual numbers under way, which is home then. */
  readonly dual: DualTrace | undefined;
  /** The trace at which `noGrad` was called: what is computed there has no derivative for the transformation whose trace it is, either. */
  readonly stopsAt: Trace | undefined;
  /** What stands for a tensor from outside in a function that is compiled. */
  readonly captures: ((x: Tensor) => CoreTensor | undefined) | undefined;
  /** Keys of the next draw from a generator in a function that is compiled. */
  readonly keys: ((generator: Generator) => CoreTensor) | undefined;
}

/** The modes in force. */
export let modes: Modes = {
  isGradEnabled: true,
  isInference: false,
  pack: undefined,
  hooksRefusal: undefined,
  detectsAnomaly: false,
  home: evalTrace,
  dual: undefined,
  stopsAt: undefined,
  captures: undefined,
  keys: undefined,
};

/** Runs `f` with some modes changed. */
export function withModes<T>(changes: Partial<Modes>, f: () => T): T {
  const before = modes;
  modes = { ...before, ...changes };
  try {
    return f();
  } finally {
    modes = before;
  }
}
