/**
 * What a graph saves: hooks on it, and not saving at all (`checkpoint`).
 * May import: everything up to `api`, `tape`.
 * @module
 */
import type { Aval } from '../../ir/aval.ts';
import { ArgumentError } from '../../ir/errors.ts';
import type { Tensor as CoreTensor } from '../../core/tensor.ts';
import { checkOptions } from '../../api/options.ts';
import type { PackedValue } from '../../tape/graph.ts';
import { defaultGenerator } from '../generator.ts';
import { fitting } from '../hooks.ts';
import { modes, withModes } from '../modes.ts';
import { Tensor } from '../tensor.ts';

/**
 * Runs `f`; whatever it saves for a backward pass goes through `pack`, and what that gives through `unpack` when it is needed: once for
 * each place a tensor is saved at. What is unpacked takes part in the derivative in the place of what was packed.
 */
export function savedTensorsHooks<P, T>(pack: (x: Tensor) => P, unpack: (packed: P) => Tensor, f: () => T): T {
  if (modes.hooksRefusal !== undefined) {
    throw new ArgumentError(
      `savedTensorsHooks: expected a call outside disableSavedTensorsHooks, got one inside: ${modes.hooksRefusal}`,
    );
  }
  const quietly = { isGradEnabled: false, pack: undefined };
  // A function of its own, so that nothing of it holds the value that was packed.
  const unpacking = (packed: P, aval: Aval): PackedValue => ({
    unpack: () => withModes(quietly, () => fitting('savedTensorsHooks', unpack(packed), aval).value),
  });
  return withModes(
    {
      pack: (value) =>
        unpacking(
          withModes(quietly, () => pack(new Tensor(value))),
          value.aval,
        ),
    },
    f,
  );
}

export interface CheckpointOptions {
  /** Only `false` exists here: the way that works with everything. */
  readonly useReentrant?: false | undefined;
  /** Draw the same random numbers again; true. */
  readonly preserveRngState?: boolean | undefined;
}

/** One call whose saved values are computed again when they are needed. */
class Recomputation {
  private readonly again: () => void;
  private count = 0;
  private values: CoreTensor[] | undefined;
  private left = 0;

  constructor(again: () => void) {
    this.again = again;
  }

  /** A place to save at, for a value that is not kept. */
  place(): { unpack(): CoreTensor } {
    const at = this.count++;
    return { unpack: () => this.value(at) };
  }

  private value(at: number): CoreTensor {
    const values = (this.values ??= this.recompute());
    // Each is needed once in a backward pass: after the last, all go.
    if (--this.left === 0) this.values = undefined;
    return values[at]!;
  }

  private recompute(): CoreTensor[] {
    const values: CoreTensor[] = [];
    const pack = (value: CoreTensor): { unpack(): CoreTensor } => {
      values.push(value);
      return { unpack: () => value };
    };
    withModes({ isGradEnabled: true, pack }, this.again);
    if (values.length !== this.count) {
      throw new ArgumentError(
        `checkpoint: expected the function to do the same again, got ${values.length} saved tensors in the place of ${this.count}: a ` +
          'different number of tensors was saved during the original forward and recomputation.',
        'the function must depend on its arguments only.',
      );
    }
    this.left = this.count;
    return values;
  }
}

/**
 * Calls `f(...args)` and keeps nothing that it computes: a backward pass runs it again.
 * @param args arguments of `f`; a last one `{ useReentrant, preserveRngState }` is for `checkpoint`
 */
export function checkpoint<A extends readonly unknown[], R>(
  f: (...args: A) => R,
  ...args: readonly [...A] | readonly [...A, CheckpointOptions]
): R {
  const [given, options] = split(args);
  checkOptions('checkpoint', options, ['useReentrant', 'preserveRngState']);
  const state = defaultGenerator.getState();
  // As they are now: tensors may be changed in place before the backward pass.
  const snapshot = given.map((x) => (x instanceof Tensor ? frozen(x) : x)) as unknown as A;
  const saving = new Recomputation(() => {
    const now = defaultGenerator.getState();
    if (options.preserveRngState !== false) defaultGenerator.setState(state);
    f(...snapshot);
    if (options.preserveRngState !== false) defaultGenerator.setState(now);
  });
  return withModes({ pack: () => saving.place() }, () => f(...(given as unknown as A)));
}

function frozen(x: Tensor): Tensor {
  const copy = new Tensor(x.value);
  if (x.requiresGrad) copy.requiresGrad = true;
  return copy;
}

function split(args: readonly unknown[]): [readonly unknown[], CheckpointOptions] {
  const last = args.at(-1);
  const isOption = typeof last === 'object' && last !== null && ('useReentrant' in last || 'preserveRngState' in last);
  return isOption ? [args.slice(0, -1), last as CheckpointOptions] : [args, {}];
}
