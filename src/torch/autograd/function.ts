/**
 * `autograd.Function`: operations whose derivative the user writes.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import type { Aval } from '../../ir/aval.ts';
import { isFloat } from '../../ir/dtype.ts';
import { DifferentiationError } from '../../ir/errors.ts';
import type { MaybeZero } from '../../core/primitive.ts';
import { Tracer } from '../../core/tensor.ts';
import { currentTrace } from '../../core/trace.ts';
import { Edge, Node, type Recorder } from '../../tape/graph.ts';
import { zeros } from '../../transforms/jvp.ts';
import { modes, withModes } from '../modes.ts';
import { attach, shown, Tensor } from '../tensor.ts';
import { changeInPlace, detachView } from '../views.ts';
import { FunctionContext, Saved } from './context.ts';
import {
  type AnyFunctionClass,
  fitted,
  type ForwardResult,
  type FunctionClass,
  type FunctionWithSetup,
  type Grads,
  runBackward,
  runForward,
} from './function-class.ts';
import { applyDual, applyTraced, isDual } from './function-trace.ts';

export { FunctionContext } from './context.ts';

class FunctionNode extends Node {
  readonly name: string;
  readonly numOutputs: number;
  private readonly ctx: FunctionContext;
  private readonly inAvals: readonly (Aval | undefined)[];
  private readonly outAvals: readonly Aval[];
  private readonly f: AnyFunctionClass;

  constructor(
    f: AnyFunctionClass,
    ctx: FunctionContext,
    args: readonly unknown[],
    outs: readonly Tensor[],
    parents: readonly (Edge | undefined)[],
  ) {
    super(parents);
    this.name = `${f.name}Backward`;
    this.numOutputs = outs.length;
    this.ctx = ctx;
    this.f = f;
    this.inAvals = args.map((x) => (x instanceof Tensor ? x.aval : undefined));
    this.outAvals = outs.map((x) => x.aval);
  }

  pull(cts: readonly MaybeZero[], recorder: Recorder | undefined): readonly MaybeZero[] {
    const given = cts.map((ct, i): Tensor | null => {
      if (ct === null && this.ctx.materializes) return new Tensor(zeros(this.outAvals[i]!));
      return shown(ct);
    });
    const grads = runBackward(this.f, this.name, this.ctx, given, this.parents.length);
    return this.parents.map((edge, i) => {
      const g = grads[i] ?? null;
      if (edge === undefined || g === null) return null;
      return fitted(this.name, recorder === undefined ? g.value : g.asCore(), this.inAvals[i]!, i);
    });
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
    this: FunctionWithSetup<A, R>,
    ...args: A
  ): R;
  static apply<A extends readonly unknown[], R extends Tensor | readonly Tensor[]>(
    this: FunctionClass<A, R>,
    ...args: A
  ): R;
  static apply(this: AnyFunctionClass, ...args: unknown[]): Tensor | readonly Tensor[] {
    const { outs, isOne } = call(this, args);
    return isOne ? outs[0]! : outs;
  }
}
export { AutogradFunction as Function };

function call(f: AnyFunctionClass, args: readonly unknown[]): ForwardResult {
  if (currentTrace() !== modes.home) return inside(f, args);
  return modes.dual !== undefined && args.some(isDual)
    ? applyDual(f, args, record)
    : record(f, new FunctionContext(), args);
}

function record(f: AnyFunctionClass, ctx: FunctionContext, args: readonly unknown[]): ForwardResult {
  const parents = args.map((x) => (modes.isGradEnabled && x instanceof Tensor ? x.edge() : undefined));
  ctx.needsInputGrad = parents.map((edge) => edge !== undefined);
  const { outs, isOne } = runForward(f, ctx, args);
  const isRecorded = parents.some((edge) => edge !== undefined);
  const results = isRecorded ? recorded(new FunctionNode(f, ctx, args, outs, parents), f, ctx, outs) : outs;
  ctx.saved = ctx.kept.map((x) => new Saved(x, isRecorded ? edgeOf(x, outs, results) : undefined));
  ctx.kept = [];
  return { outs: results, isOne };
}

/** Under a transformation, inside which a graph may be recorded as well. */
function inside(f: AnyFunctionClass, args: readonly unknown[]): ForwardResult {
  const here = currentTrace();
  const isInside = (x: unknown): x is Tensor =>
    modes.isGradEnabled && x instanceof Tensor && x.value instanceof Tracer && x.value.tracedBy === here;
  const parents = args.map((x) => (isInside(x) ? x.edge() : undefined));
  const isRecorded = parents.some((edge) => edge !== undefined);
  // For what that graph saves: on copies, whose derivative for the transformation is that of the results.
  const copies = isRecorded ? args.map((x) => (x instanceof Tensor ? detachView(x).clone() : x)) : [];
  const traced = applyTraced(f, args);
  if (!isRecorded) return traced;
  const ctx = new FunctionContext();
  ctx.needsInputGrad = parents.map((edge) => edge !== undefined);
  runForward(f, ctx, copies);
  const node = new FunctionNode(f, ctx, args, traced.outs, parents);
  ctx.saved = ctx.kept.map((x) => new Saved(x, x === null ? undefined : parents[copies.indexOf(x)]));
  ctx.kept = [];
  const values = traced.outs.map((o) => o.value);
  return { outs: attach(node, values), isOne: traced.isOne };
}

/** The outputs with their places in the graph; arguments that were changed in place take theirs. */
function recorded(node: Node, f: AnyFunctionClass, ctx: FunctionContext, outs: readonly Tensor[]): Tensor[] {
  const attached = attach(
    node,
    outs.map((o) => o.value),
  );
  return attached.map((made, i) => {
    const out = outs[i]!;
    const result = ctx.notDifferentiable.has(out) || !isFloat(made.dtype) ? new Tensor(out.value) : made;
    return ctx.dirty.has(out) ? changeInPlace(f.name, out, () => result) : result;
  });
}

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
