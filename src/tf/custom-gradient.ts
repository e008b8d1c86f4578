/**
 * Functions with derivatives of the user's own, and the ends of derivatives.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import { isFloat } from '../ir/dtype.ts';
import { ArgumentError, TreeError } from '../ir/errors.ts';
import type { Program } from '../ir/program.ts';
import { evalProgram } from '../core/evaluate.ts';
import type { MaybeZero } from '../core/primitive.ts';
import { traceProgram } from '../core/program-trace.ts';
import { flatten, type TreeDef, unflatten } from '../core/pytree.ts';
import type { Tensor } from '../core/tensor.ts';
import { currentTrace, type CustomVjpCall, evalTrace } from '../core/trace.ts';
import { RecordTrace, traceBelowTapes } from '../tape/record-trace.ts';
import { zeros } from '../transforms/jvp.ts';
import {
  type AnyFunction,
  checkFunction,
  flattenArgs,
  flattenResult,
  functionName,
  type LiftArgs,
  type Tensors,
} from '../api/args.ts';
import { checkpoint, fitCotangent } from '../api/custom.ts';
import { asTensor, type TensorLike } from '../api/lift.ts';
import { activeWatchers, withWatchers } from './tapes.ts';
import { type Variable, withValues } from './variable.ts';

/** Given to a gradient function whose forward function reads variables. */
export interface VariablesOption {
  readonly variables: readonly Variable[];
}

/** What a gradient function returns: gradients of the arguments, or those and of the variables. */
export type CustomGradients = unknown;

/** The variables that are read while a function runs. Tapes see the reads too: what is computed from them has derivatives. */
function collectVariables<T>(f: () => T): { readonly result: T; readonly variables: Variable[] } {
  const variables = new Set<Variable>();
  const collector = {
    readVariable: (v: Variable) => void (v.trainable && isFloat(v.dtype) && variables.add(v)),
  };
  const result = withWatchers([...activeWatchers(), collector], f);
  return { result, variables: [...variables] };
}

interface Forward {
  readonly outs: Tensor[];
  readonly outDef: TreeDef;
  readonly gradFn: (...args: never[]) => unknown;
  readonly variables: readonly Variable[];
}

function runForward(name: string, f: AnyFunction, args: readonly unknown[]): Forward {
  const { result, variables } = collectVariables(() => f(...(args as never[])));
  if (!Array.isArray(result) || result.length !== 2 || typeof result[1] !== 'function') {
    throw new TreeError(
      `${name}: expected the function to return [result, gradFn], got ${Array.isArray(result) ? `an array of ${result.length}` : typeof result}.`,
      'return the value and a function from the gradient of the result to the gradients of the arguments.',
    );
  }
  const { leaves, def } = flattenResult(name, result[0]);
  return { outs: leaves, outDef: def, gradFn: result[1] as Forward['gradFn'], variables };
}

interface Arguments {
  readonly leaves: readonly Tensor[];
  readonly def: TreeDef;
}

/** Gradients as the gradient function gives them, one for each argument and then for each variable. */
function gradientsOf(
  name: string,
  { gradFn, variables, outDef }: Forward,
  { leaves, def }: Arguments,
  cts: readonly Tensor[],
): MaybeZero[] {
  const upstream = unflatten(outDef, cts);
  const given = outDef.node.kind === 'array' ? (upstream as readonly unknown[]) : [upstream];
  const options = variables.length === 0 ? [] : [{ variables } satisfies VariablesOption];
  const returned = gradFn(...([...given, ...options] as never[]));
  const [ofArgs, ofVariables] = variables.length === 0 ? [returned, []] : splitReturned(name, returned, variables);
  const isOne = def.children.length === 1 && def.children[0]!.node.kind === 'leaf';
  const listed = isOne && !Array.isArray(ofArgs) ? [ofArgs] : ofArgs;
  const fit = (g: unknown, place: string, like: Tensor): MaybeZero =>
    g === null || g === undefined
      ? null
      : fitCotangent(name, 'the gradient function', place, like, asTensor(g as TensorLike));
  const grads = leavesAt(name, listed, def);
  return [
    ...grads.map((g, i) => fit(g, `args${def.path(i)}`, leaves[i]!)),
    ...ofVariables.map((g, i) => fit(g, variables[i]!.name, variables[i]!)),
  ];
}

function splitReturned(name: string, returned: unknown, variables: readonly Variable[]): [unknown, unknown[]] {
  if (
    Array.isArray(returned) &&
    returned.length === 2 &&
    Array.isArray(returned[1]) &&
    returned[1].length === variables.length
  )
    return [returned[0], returned[1] as unknown[]];
  throw new ArgumentError(
    `${name}: expected the gradient function to return [gradients, variableGradients], since the function reads ${variables.map((v) => v.name).join(', ')}.`,
    'take { variables } as the last argument, and return an array with a gradient for each of them beside those of the arguments.',
  );
}

/** What was given for each leaf of the arguments; nothing for a container stands for nothing for all that it holds. */
function leavesAt(name: string, gradients: unknown, def: TreeDef): unknown[] {
  if (gradients === null || gradients === undefined) return Array.from({ length: def.numLeaves }, () => null);
  if (def.node.kind === 'leaf') return [gradients];
  const { node } = def;
  if (node.kind === 'object') {
    const given = gradients as Readonly<Record<string, unknown>>;
    const unknown = Object.keys(given).find((k) => !node.keys.includes(k));
    if (unknown === undefined) return node.keys.flatMap((k, i) => leavesAt(name, given[k], def.children[i]!));
    throw new TreeError(
      `${name}: expected gradients for ${node.keys.join(', ')}, got one for ${unknown}.`,
      'return an object with the keys of the argument.',
    );
  }
  const entries = Array.isArray(gradients) ? (gradients as readonly unknown[]) : childrenLike(name, gradients, def);
  if (entries.length !== def.children.length) {
    throw new TreeError(
      `${name}: expected ${def.children.length} gradient${def.children.length === 1 ? '' : 's'}, got ${entries.length}.`,
      'return one gradient for each argument, null where there is none.',
    );
  }
  return entries.flatMap((g, i) => leavesAt(name, g, def.children[i]!));
}

/** The leaves of a Map or instance, which has to be one like the argument, each as what stands for a child. */
function childrenLike(name: string, gradients: unknown, def: TreeDef): readonly unknown[] {
  const [leaves, given] = flatten(gradients);
  let next = 0;
  if (given.equals(def))
    return def.children.map((child) => unflatten(child, leaves.slice(next, (next += child.numLeaves))));
  throw new TreeError(
    `${name}: expected gradients of the structure ${def.toString()}, got ${given.toString()}.`,
    'return what the argument is, with gradients in the places of its tensors.',
  );
}

/**
 * A function with a gradient of your own. `f` returns `[result, gradFn]`; `gradFn` takes the gradient of the result (one argument for each
 * entry where the result is an array) and returns that of each argument. If `f` reads variables, `gradFn` is given `{ variables }` as a
 * last argument and returns `[gradients, variableGradients]`.
 *
 * The second derivative is the derivative of what `gradFn` computes.
 *
 * @example
 * ```ts
 * import { constant, customGradient, GradientTape } from 'cotangent/tf';
 * import { np, type Tensor } from 'cotangent';
 * // log(1 + eˣ), whose derivative would be ∞/∞ for large x
 * const log1pexp = customGradient((x: Tensor) => {
 *   const e = np.exp(x);
 *   return [np.log(e.add(1)), (upstream: Tensor) => upstream.mul(np.subtract(1, np.reciprocal(e.add(1))))];
 * });
 * const x = constant(100);
 * const tape = new GradientTape();
 * const y = tape.run(() => (tape.watch(x), log1pexp(x)));
 * console.log(String(tape.gradient(y, x))); // => 1
 * ```
 */
export function customGradient<A extends readonly unknown[] = Tensor[], const R = unknown>(
  f: (...args: A) => readonly [R, (...upstream: never[]) => CustomGradients],
): (...args: LiftArgs<A>) => Tensors<R> {
  checkFunction('customGradient', f);
  const name = `customGradient(${functionName(f as AnyFunction)})`;
  return (...args) => {
    const { leaves, def } = flattenArgs(name, args);
    return apply(name, f as AnyFunction, leaves, def) as Tensors<R>;
  };
}

function apply(name: string, f: AnyFunction, leaves: readonly Tensor[], def: TreeDef): unknown {
  if (traceBelowTapes() === evalTrace) return applyNow(name, f, leaves, def);
  return applyTraced(name, f, leaves, def);
}

/**
 * Runs the function once, recorded, so that what the gradient function closes over has derivatives of its own; tapes note the result anew
 * with the rule that it gave.
 */
function applyNow(name: string, f: AnyFunction, leaves: readonly Tensor[], def: TreeDef): unknown {
  const trace = currentTrace();
  const run = (): Forward => runForward(name, f, unflatten(def, leaves) as readonly unknown[]);
  if (!(trace instanceof RecordTrace)) {
    const { outs, outDef } = run();
    return unflatten(outDef, outs);
  }
  const { result: forward, start } = trace.runRecorded(run);
  const { outs, outDef, variables } = forward;
  const operands = [...leaves, ...variables.map((v) => v.current())];
  const rule = (cts: readonly MaybeZero[]): MaybeZero[] =>
    gradientsOf(
      name,
      forward,
      { def, leaves },
      cts.map((ct, i) => ct ?? zeros(outs[i]!.aval.strong())),
    );
  return unflatten(outDef, trace.noteRule(name, operands, outs, rule, { result: outs, start }));
}

/**
 * As a function with a custom rule in the Program that is being traced. Variables that it reads become operands, which are known when it
 * has been traced once.
 */
function applyTraced(name: string, f: AnyFunction, leaves: readonly Tensor[], def: TreeDef): unknown {
  let last: Forward | undefined;
  let variables: readonly Variable[] = [];
  // Wherever the rule is run, the variables are the operands that stand for them.
  const inside = <T>(xs: readonly Tensor[], g: () => T): T =>
    withValues(new Map(variables.map((v, i) => [v, xs[leaves.length + i]!])), g);
  const run = (xs: readonly Tensor[]): Forward => {
    const args = unflatten(def, xs.slice(0, leaves.length)) as readonly unknown[];
    return (last = inside(xs, () => runForward(name, f, args)));
  };
  const avals = leaves.map((x) => x.aval);
  traceProgram(name, avals, (xs) => {
    const forward = run(xs);
    variables = forward.variables;
    return forward.outs;
  });
  let gradient: TracedGradient | undefined;
  const call: CustomVjpCall = {
    name,
    fun: (xs) => run(xs).outs,
    fwd: (xs) => {
      const forward = run(xs);
      gradient = inside(xs, () => traceGradient(name, forward, { leaves, def }));
      return { outs: forward.outs, residuals: [...gradient.captured] };
    },
    bwd: (residuals, cts) => {
      const { program, isZero } = gradient!;
      const grads = evalProgram(program, [...residuals, ...cts]);
      let next = 0;
      return isZero.map((is) => (is ? null : grads[next++]!));
    },
  };
  const outs = currentTrace().processCustomVjp(call, [...leaves, ...variables.map((v) => v.current())]);
  return unflatten(last!.outDef, outs);
}

interface TracedGradient {
  readonly program: Program;
  /** What the gradient function closes over. */
  readonly captured: readonly Tensor[];
  readonly isZero: readonly boolean[];
}

/** The gradient function as a Program, so that what it closes over are residuals like any others. */
function traceGradient(name: string, forward: Forward, args: Arguments): TracedGradient {
  let isZero: boolean[] = [];
  const avals = forward.outs.map((o) => o.aval.strong());
  const pull = (cts: readonly Tensor[]): Tensor[] => {
    const grads = gradientsOf(name, forward, args, cts);
    isZero = grads.map((g) => g === null);
    return grads.filter((g) => g !== null);
  };
  const { program, captured } = traceProgram(`${name}.gradient`, avals, pull, 'all');
  return { program, captured, isZero };
}

/**
 * A function whose intermediate values are not kept for its derivative: they are computed again. Core's `checkpoint`.
 */
export function recomputeGrad<A extends readonly unknown[], R>(f: (...args: A) => R): (...args: A) => R {
  checkFunction('recomputeGrad', f);
  return checkpoint(f as never) as unknown as (...args: A) => R;
}

export { stopGradient } from '../api/custom.ts';
