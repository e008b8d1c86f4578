/**
 * `autograd.Function`: operations whose derivative the user writes.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import type { Aval } from '../../ir/aval.ts';
import { isFloat } from '../../ir/dtype.ts';
import { ArgumentError, DifferentiationError, ShapeError } from '../../ir/errors.ts';
import { sameShape, tryBroadcastShapes } from '../../ir/shape.ts';
import type { MaybeZero } from '../../core/primitive.ts';
import { convert } from '../../primitives/index.ts';
import { unbroadcast } from '../../primitives/structural.ts';
import { zeros } from '../../transforms/jvp.ts';
import type { Tensor as CoreTensor } from '../../core/tensor.ts';
import { Edge, freedGraph, Node, type PackedValue, type Recorder } from '../../tape/graph.ts';
import { modes, withModes } from '../modes.ts';
import { attach, Tensor } from '../tensor.ts';

/** What `forward` and `backward` of a function share. Other properties may be put on it. */
export class FunctionContext {
  /** For each argument of `forward`, whether its gradient is wanted. */
  needsInputGrad: readonly boolean[] = [];
  /** @internal */
  kept: readonly (Tensor | null)[] = [];
  /** @internal */
  saved: readonly Saved[] | undefined;
  /** @internal */
  readonly notDifferentiable: Set<Tensor> = new Set();
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

  /** What was saved: as many as there were (null where null was), which types cannot know. */
  get savedTensors(): readonly [Tensor, Tensor, Tensor, Tensor, ...Tensor[]] {
    if (this.saved === undefined) throw freedGraph('autograd.Function');
    return this.saved.map((s) => s.restore()) as unknown as readonly [Tensor, Tensor, Tensor, Tensor];
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
class Saved {
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

type Grads = Tensor | null | readonly (Tensor | null | undefined)[];

/** The static members of a class that extends `Function`. */
interface FunctionClass<A extends readonly unknown[], R> {
  readonly name: string;
  forward(ctx: FunctionContext, ...args: A): R;
  backward(ctx: FunctionContext, ...grads: never[]): Grads;
}

class FunctionNode extends Node {
  readonly name: string;
  readonly numOutputs: number;
  private readonly ctx: FunctionContext;
  private readonly inAvals: readonly (Aval | undefined)[];
  private readonly outAvals: readonly Aval[];
  private readonly backward: (ctx: FunctionContext, ...grads: never[]) => Grads;

  constructor(
    f: FunctionClass<never, unknown>,
    ctx: FunctionContext,
    args: readonly unknown[],
    outs: readonly Tensor[],
    parents: readonly (Edge | undefined)[],
  ) {
    super(parents);
    this.name = `${f.name}Backward`;
    this.numOutputs = outs.length;
    this.ctx = ctx;
    this.backward = (...all) => f.backward(...all);
    this.inAvals = args.map((x) => (x instanceof Tensor ? x.aval : undefined));
    this.outAvals = outs.map((x) => x.aval);
  }

  pull(cts: readonly MaybeZero[], recorder: Recorder | undefined): readonly MaybeZero[] {
    const given = cts.map((ct, i): Tensor | null => {
      if (ct === null) return this.ctx.materializes ? new Tensor(zeros(this.outAvals[i]!)) : null;
      return ct instanceof Tensor ? ct : new Tensor(ct);
    });
    const result = this.backward(this.ctx, ...(given as never[]));
    const grads = (Array.isArray(result) ? result : [result]) as readonly (Tensor | null | undefined)[];
    const extra = grads.slice(this.parents.length).filter((g) => g !== null && g !== undefined);
    if (grads.length < this.parents.length || extra.length > 0) {
      throw new ArgumentError(
        `${this.name}: expected one gradient for each argument of forward, got ${grads.length} for ${this.parents.length}: function ` +
          `${this.name} returned an incorrect number of gradients (expected ${this.parents.length}, got ${grads.length}).`,
        'return null for arguments without a gradient.',
      );
    }
    return this.parents.map((edge, i) => {
      const g = grads[i] ?? null;
      if (edge === undefined || g === null) return null;
      return this.fitted(recorder === undefined ? g.value : g.asCore(), i);
    });
  }

  /** A gradient in the shape and dtype of its argument; what was broadcast is summed. */
  private fitted(g: CoreTensor, i: number): CoreTensor {
    const { shape, dtype } = this.inAvals[i]!;
    const typed = g.dtype === dtype ? g : convert(g, dtype);
    if (sameShape(g.shape, shape)) return typed;
    const common = tryBroadcastShapes([g.shape, shape]);
    if (common !== undefined && sameShape(common, g.shape)) return unbroadcast(typed, shape);
    throw new ShapeError(
      `${this.name}: expected a gradient of shape [${shape.join(', ')}], got ${g.aval.toString()}: Function ${this.name} returned an invalid ` +
        `gradient at index ${i} - got [${g.shape.join(', ')}] but expected shape compatible with [${shape.join(', ')}].`,
    );
  }

  override release(): void {
    this.ctx.saved = undefined;
  }
}

/**
 * An operation with a derivative of its own: extend it with static methods `forward(ctx, ...args)` and `backward(ctx, ...grads)`, and
 * call `apply`. `backward` gives one gradient for each argument (null for those that have none).
 * @example
 * ```ts
 * import { autograd, type Tensor, tensor } from 'cotangent/torch';
 * class Cube extends autograd.Function {
 *   static forward(ctx: autograd.FunctionContext, x: Tensor): Tensor {
 *     ctx.saveForBackward(x);
 *     return x.pow(3);
 *   }
 *   static backward(ctx: autograd.FunctionContext, grad: Tensor): Tensor {
 *     const [x] = ctx.savedTensors;
 *     return grad.mul(x.pow(2)).mul(3);
 *   }
 * }
 * const x = tensor(2, { requiresGrad: true });
 * Cube.apply(x).backward();
 * console.log(x.grad?.item()); // => 12
 * ```
 */
abstract class AutogradFunction {
  /** Runs `forward`, and records `backward`. */
  static apply<A extends readonly unknown[], R extends Tensor | readonly Tensor[]>(
    this: FunctionClass<A, R>,
    ...args: A
  ): R {
    const ctx = new FunctionContext();
    const parents = args.map((x) => (modes.isGradEnabled && x instanceof Tensor ? x.edge() : undefined));
    ctx.needsInputGrad = parents.map((edge) => edge !== undefined);
    const result = withModes({ isGradEnabled: false }, () => this.forward(ctx, ...args));
    const outs = (Array.isArray(result) ? result : [result]) as readonly Tensor[];
    if (parents.every((edge) => edge === undefined)) return result;
    const f = this as unknown as FunctionClass<never, unknown>;
    const node = new FunctionNode(f, ctx, args, outs, parents);
    const recorded = attach(
      node,
      outs.map((o) => o.value),
    ).map((o, i) => (ctx.notDifferentiable.has(outs[i]!) || !isFloat(o.dtype) ? new Tensor(outs[i]!.value) : o));
    ctx.saved = ctx.kept.map((x) => new Saved(x, edgeOf(x, outs, recorded)));
    ctx.kept = [];
    return (Array.isArray(result) ? recorded : recorded[0]) as R;
  }
}
export { AutogradFunction as Function };

/** The place of a saved tensor in the graph: an output has its from the function. */
function edgeOf(x: Tensor | null, outs: readonly Tensor[], recorded: readonly Tensor[]): Edge | undefined {
  if (x === null) return undefined;
  const at = outs.indexOf(x);
  return (at >= 0 ? recorded[at]! : x).edge();
}

class ErrorNode extends Node {
  readonly name: string = 'ErrorBackward';
  readonly numOutputs: number = 1;

  pull(): never {
    throw new DifferentiationError(
      'backward: expected a function that can be differentiated twice, got trying to differentiate twice a function that was marked with ' +
        '@once_differentiable.',
      'write its backward with operations that are recorded, and leave onceDifferentiable away.',
    );
  }
}

type Backward<A extends readonly (Tensor | null)[], R extends Grads> = (ctx: FunctionContext, ...grads: A) => R;

/** A `backward` that is not recorded: differentiating what it gives is an error where the incoming gradient requires grad. */
export function onceDifferentiable<A extends readonly (Tensor | null)[], R extends Grads>(
  backward: Backward<A, R>,
): Backward<A, R> {
  return (ctx, ...grads) => {
    const result = withModes({ isGradEnabled: false }, () => backward(ctx, ...grads));
    const parents = grads.map((g) => (modes.isGradEnabled ? g?.edge() : undefined));
    if (parents.every((edge) => edge === undefined)) return result;
    const guarded = (g: Tensor | null | undefined): Tensor | null =>
      g === null || g === undefined ? null : new Tensor(g.value, new Edge(new ErrorNode(parents), 0));
    return (Array.isArray(result) ? result.map(guarded) : guarded(result as Tensor | null)) as R;
  };
}
