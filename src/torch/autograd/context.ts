/**
 * What the static methods of an `autograd.Function` share in one call.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import { ArgumentError } from '../../ir/errors.ts';
import type { Tensor as CoreTensor } from '../../core/tensor.ts';
import { type Edge, freedGraph, type PackedValue } from '../../tape/graph.ts';
import { modes } from '../modes.ts';
import { Tensor } from '../tensor.ts';

/** What `forward` and `backward` of a function share. Other properties may be put on it. */
export class FunctionContext {
  /** For each argument of `forward`, whether its gradient is wanted. */
  needsInputGrad: readonly boolean[] = [];
  /** @internal */
  kept: readonly (Tensor | null)[] = [];
  /** @internal */
  saved: readonly { restore(): Tensor | null }[] | undefined;
  /** @internal */
  readonly notDifferentiable: Set<Tensor> = new Set();
  /** @internal */
  readonly dirty: Set<Tensor> = new Set();
  /** @internal */
  materializes = true;
  /** Anything else that `backward` needs. */
  readonly attributes: Record<string, unknown> = {};

  /**
   * Keeps tensors for `backward`, as they are now.
   * @throws ArgumentError for anything that is no tensor (keep that in `attributes`)
   */
  saveForBackward(...tensors: readonly (Tensor | null)[]): void {
    const odd = tensors.findIndex((t) => t !== null && !((t as unknown) instanceof Tensor));
    if (odd >= 0) {
      throw new ArgumentError(
        `saveForBackward: expected tensors or null, got ${typeof tensors[odd]} at position ${odd}: save_for_backward can only save variables.`,
        'put other values on ctx.attributes.',
      );
    }
    this.kept = tensors;
  }

  /** Keeps tensors for `jvp`: the same as `saveForBackward`. */
  saveForForward(...tensors: readonly (Tensor | null)[]): void {
    this.saveForBackward(...tensors);
  }

  /** What was saved: as many as there were (null where null was), which types cannot know. */
  get savedTensors(): readonly [Tensor, Tensor, Tensor, Tensor, ...Tensor[]] {
    if (this.saved === undefined) throw freedGraph('autograd.Function');
    return this.saved.map((s) => s.restore()) as unknown as readonly [Tensor, Tensor, Tensor, Tensor];
  }

  /** Says which arguments `forward` changed in place; it must return them. */
  markDirty(...inputs: readonly Tensor[]): void {
    for (const x of inputs) this.dirty.add(x);
  }

  /** Marks outputs that have no gradient; `backward` gets zeros for them. */
  markNonDifferentiable(...outputs: readonly Tensor[]): void {
    for (const x of outputs) this.notDifferentiable.add(x);
  }

  /** With false, `backward` gets null in the place of gradients that are zero. */
  setMaterializeGrads(value: boolean): void {
    this.materializes = value;
  }
}

/** A tensor as it was when it was saved. */
export class Saved {
  private readonly value: CoreTensor | undefined;
  private readonly packed: PackedValue | undefined;
  private readonly edge: Edge | undefined;

  constructor(x: Tensor | null, edge: Edge | undefined) {
    this.edge = edge;
    if (x === null) return;
    const { pack } = modes;
    if (pack === undefined) this.value = x.value;
    else this.packed = pack(x.value);
  }

  restore(): Tensor | null {
    const value = this.value ?? this.packed?.unpack();
    return value === undefined ? null : new Tensor(value, this.edge);
  }
}
