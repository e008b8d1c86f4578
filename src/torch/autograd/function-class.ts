/**
 * The classes that users derive from `autograd.Function`, as the rest sees them: their forward pass, and what their rules gave.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import type { Aval } from '../../ir/aval.ts';
import { ArgumentError, ShapeError } from '../../ir/errors.ts';
import { sameShape, tryBroadcastShapes } from '../../ir/shape.ts';
import type { Tensor as CoreTensor } from '../../core/tensor.ts';
import { convert } from '../../primitives/convert.ts';
import { unbroadcast } from '../../primitives/structural.ts';
import { describe } from '../../api/options.ts';
import { withModes } from '../modes.ts';
import { Tensor } from '../tensor.ts';
import type { FunctionContext } from './context.ts';

export type Grads = Tensor | null | readonly (Tensor | null | undefined)[];

/** Rules of a function. */
interface Rules {
  readonly name: string;
  backward(ctx: FunctionContext, ...grads: never[]): Grads;
  /** Tangents of the arguments (null where there is none) to those of the outputs: for dual numbers. */
  jvp?(ctx: FunctionContext, ...tangents: never[]): Grads;
}

/** The static members of a class that extends `Function`. */
export interface FunctionClass<A extends readonly unknown[], R> extends Rules {
  forward(ctx: FunctionContext, ...args: A): R;
}

/** Those of one whose `forward` is an ordinary function. */
export interface FunctionWithSetup<A extends readonly unknown[], R> extends Rules {
  forward(...args: A): R;
  setupContext(ctx: FunctionContext, inputs: A, output: R): void;
}

/** Either, with arguments that are not known. */
export interface AnyFunctionClass extends Rules {
  forward(...args: never[]): unknown;
  setupContext?(ctx: FunctionContext, inputs: never, output: never): void;
}

/** Results of `forward`, and whether it gave one alone. */
export interface ForwardResult {
  readonly outs: readonly Tensor[];
  readonly isOne: boolean;
}

function checkRule(f: AnyFunctionClass, rule: 'forward' | 'backward', phrase: string): void {
  if (typeof f[rule] === 'function') return;
  throw new ArgumentError(
    `${f.name}: expected a static method ${rule}, got ${describe(f[rule])}: ${phrase}.`,
    `write static ${rule}(ctx, …) in the class.`,
  );
}

/** Runs `forward`, not recorded. */
export function runForward(f: AnyFunctionClass, ctx: FunctionContext, args: readonly unknown[]): ForwardResult {
  checkRule(f, 'forward', 'You must implement the forward function for custom autograd.Function');
  const result = withModes({ isGradEnabled: false }, () => {
    if (f.setupContext === undefined) return f.forward(...([ctx, ...args] as never[]));
    const output = f.forward(...(args as never[]));
    f.setupContext(ctx, args as never, output as never);
    return output;
  });
  const outs = (Array.isArray(result) ? result : [result]) as readonly Tensor[];
  const odd = outs.find((o) => !((o as unknown) instanceof Tensor));
  if (outs.length === 0 || odd !== undefined) {
    throw new ArgumentError(
      `${f.name}: expected forward to return tensors, got ${describe(odd)}.`,
      'return a tensor, or an array of tensors; keep other values on ctx.attributes.',
    );
  }
  const stray = [...ctx.dirty].find((x) => !outs.includes(x));
  if (stray !== undefined) {
    throw new ArgumentError(
      `${f.name}: expected forward to return what it marked with markDirty, got no ${stray.aval.toString()} back: Some elements marked ` +
        'as dirty during the forward method were not returned as output.',
      'return the tensor that was changed in place.',
    );
  }
  return { outs, isOne: !Array.isArray(result) };
}

/** Runs `backward`: one gradient for each of `count` arguments. */
export function runBackward(
  f: AnyFunctionClass,
  name: string,
  ctx: FunctionContext,
  grads: readonly unknown[],
  count: number,
): readonly (Tensor | null | undefined)[] {
  checkRule(
    f,
    'backward',
    "Implementing either the 'backward' or 'vjp' method is mandatory to use it with backward mode AD",
  );
  return gradsOf(name, f.backward(ctx, ...(grads as never[])), count);
}

/** What a rule gave: one gradient for each argument. */
export function gradsOf(name: string, result: Grads, count: number): readonly (Tensor | null | undefined)[] {
  const grads = (Array.isArray(result) ? result : [result]) as readonly (Tensor | null | undefined)[];
  const extra = grads.slice(count).filter((g) => g !== null && g !== undefined);
  const odd = grads.find((g) => g !== null && g !== undefined && !(g instanceof Tensor));
  if (odd !== undefined) {
    throw new ArgumentError(
      `${name}: expected tensors or null from backward, got ${describe(odd)}.`,
      'return a tensor, or an array of them, one for each argument of forward.',
    );
  }
  if (grads.length >= count && extra.length === 0) return grads;
  throw new ArgumentError(
    `${name}: expected one gradient for each argument of forward, got ${grads.length} for ${count}: function ${name} returned an ` +
      `incorrect number of gradients (expected ${count}, got ${grads.length}).`,
    'return null for arguments without a gradient.',
  );
}

/** A gradient in the shape and dtype of its argument; what was broadcast is summed. */
export function fitted(name: string, g: CoreTensor, { shape, dtype }: Aval, i: number): CoreTensor {
  const typed = g.dtype === dtype ? g : convert(g, dtype);
  if (sameShape(g.shape, shape)) return typed;
  const common = tryBroadcastShapes([g.shape, shape]);
  if (common !== undefined && sameShape(common, g.shape)) return unbroadcast(typed, shape);
  throw new ShapeError(
    `${name}: expected a gradient of shape [${shape.join(', ')}], got ${g.aval.toString()}: Function ${name} returned an invalid ` +
      `gradient at index ${i} - got [${g.shape.join(', ')}] but expected shape compatible with [${shape.join(', ')}].`,
  );
}
