/**
 * User-written derivatives and checkpoints: customJvp, customVjp, stopGradient, checkpoint.
 * May import: everything up to `control`, `api/lift`, `api/args`.
 * @module
 */
import { isFloat } from '../ir/dtype.ts';
import { ArgumentError, TreeError } from '../ir/errors.ts';
import type { MaybeZero } from '../core/primitive.ts';
import { flatten, type TreeDef, unflatten } from '../core/pytree.ts';
import { setCustomCallStaging, traceProgram } from '../core/program-trace.ts';
import type { Tensor } from '../core/tensor.ts';
import type { SavePolicy } from '../transforms/partial-eval.ts';
import { add } from '../primitives/arithmetic.ts';
import { stopGradientOf } from '../primitives/barrier.ts';
import { convert } from '../primitives/convert.ts';
import { checkpointCall, dotsSaveable, everythingSaveable, nothingSaveable } from '../control/checkpoint.ts';
import { applyCustomJvp, applyCustomVjp, customCallStaging } from '../control/custom.ts';
import { zeros } from '../transforms/jvp.ts';
import { type AnyFunction, FlatFunction, flattenArgs, flattenResult, functionName, type Liftable, normalizeArgnums, type Tensors } from './args.ts';

setCustomCallStaging(customCallStaging);

export interface CustomOptions {
  /** Arguments passed through to the rule as they are (functions, strings, sizes). */
  readonly nondiffArgnums?: readonly number[];
}

type LiftArgs<A extends readonly unknown[]> = { [K in keyof A]: Liftable<A[K]> };

/** Separates the arguments that take part in differentiation from those that do not. */
function splitArgs(op: string, args: readonly unknown[], nondiff: readonly number[]): { diff: unknown[]; rest: unknown[]; place: (d: readonly unknown[]) => unknown[] } {
  const fixed = normalizeArgnums(op, nondiff, args.length);
  const diffAt = args.flatMap((_, i) => (fixed.includes(i) ? [] : [i]));
  return {
    diff: diffAt.map((i) => args[i]),
    rest: fixed.map((i) => args[i]),
    place: (d) => {
      const all = [...args];
      diffAt.forEach((i, k) => (all[i] = d[k]));
      return all;
    },
  };
}

/** A function whose forward-mode rule the user gives; reverse mode follows by transposing it. */
export interface CustomJvpFunction<A extends readonly unknown[], R> {
  (...args: LiftArgs<A>): Tensors<R>;
  /** `rule(primals, tangents)` returns `[out, tangentOut]`, linear in the tangents. Nondifferentiable arguments come first. */
  defjvp(rule: (...args: never[]) => readonly [unknown, unknown]): CustomJvpFunction<A, R>;
  /** One rule an argument: `(tangent, out, ...primals) => tangentOut`; `null` for no derivative. */
  defjvps(...rules: (((t: Tensor, out: Tensor, ...primals: Tensor[]) => Tensor) | null)[]): CustomJvpFunction<A, R>;
}

/**
 * Gives a function its own derivative rule, for forward and reverse mode and every order.
 * @example
 * ```ts
 * import { customJvp, grad, np } from 'cotangent';
 * const safeSqrt = customJvp((x) => np.sqrt(x));
 * safeSqrt.defjvp(([x], [t]) => [safeSqrt(x), np.where(np.equal(x, 0), 0, np.divide(t, np.sqrt(x).mul(2)))]);
 * console.log(String(grad(safeSqrt)(0))); // => 0
 * ```
 */
export function customJvp<A extends readonly unknown[] = Tensor[], R = unknown>(
  f: (...args: A) => R,
  options: CustomOptions = {},
): CustomJvpFunction<A, R> {
  const name = functionName(f as AnyFunction);
  let rule: ((...args: never[]) => readonly [unknown, unknown]) | undefined;
  const custom = (...args: unknown[]): unknown => {
    if (!rule) throw new ArgumentError(`customJvp(${name}): expected a rule, none was given.`, 'call defjvp or defjvps first.');
    const { diff, rest, place } = splitArgs('customJvp', args, options.nondiffArgnums ?? []);
    const { leaves, def } = flattenArgs(`customJvp(${name})`, diff);
    const main = (...d: unknown[]): unknown => f(...(place(d) as unknown as A));
    const flat = new FlatFunction(`customJvp(${name})`, main as AnyFunction, def);
    const outs = applyCustomJvp({ name, fun: flat.call, jvp: jvpOf(name, rule, rest, def, flat) }, leaves);
    return unflatten(flat.def, outs);
  };
  const self = Object.assign(custom, {
    defjvp: (r: typeof rule) => {
      rule = r;
      return self;
    },
    defjvps: (...rules: (((t: Tensor, out: Tensor, ...primals: Tensor[]) => Tensor) | null)[]) => {
      rule = (primals: readonly Tensor[], tangents: readonly Tensor[]) => sumOfRules(self as never, rules, primals, tangents);
      return self;
    },
  });
  return self as unknown as CustomJvpFunction<A, R>;
}

function sumOfRules(
  f: (...args: readonly Tensor[]) => Tensor,
  rules: readonly (((t: Tensor, out: Tensor, ...primals: Tensor[]) => Tensor) | null)[],
  primals: readonly Tensor[],
  tangents: readonly Tensor[],
): readonly [Tensor, Tensor] {
  const out = f(...primals);
  const terms = rules.flatMap((r, i) => (r ? [r(tangents[i]!, out, ...primals)] : []));
  const first = terms[0] ?? zeros(out.aval.strong());
  return [out, terms.slice(1).reduce(add, first)];
}

type CustomJvpRule = (primals: readonly Tensor[], tangents: readonly MaybeZero[]) => [Tensor[], MaybeZero[]];

function jvpOf(
  name: string,
  rule: (...args: never[]) => readonly [unknown, unknown],
  rest: readonly unknown[],
  def: TreeDef,
  flat: FlatFunction,
): CustomJvpRule {
  return (primals, tangents) => {
    const dots = tangents.map((t, i) => t ?? zeros(primals[i]!.aval.strong()));
    const result = rule(...([...rest, unflatten(def, primals), unflatten(def, dots)] as never[]));
    if (!Array.isArray(result) || result.length !== 2) {
      throw new TreeError(`customJvp(${name}): expected the rule to return [out, tangentOut], got ${flatten(result)[1].toString()}.`);
    }
    const out = flattenResult(`customJvp(${name})`, result[0]);
    const dot = flattenResult(`customJvp(${name})`, result[1]);
    if (!out.def.equals(dot.def)) {
      throw new TreeError(`customJvp(${name}): expected a tangent like the result ${out.def.toString()}, got ${dot.def.toString()}.`);
    }
    flat.adopt(out.def);
    return [out.leaves, dot.leaves.map((t, i) => fitTangent(`customJvp(${name})`, out.leaves[i]!, t))];
  };
}

/** A tangent in the dtype of its value (weak numbers adapt); `null` for integers. */
function fitTangent(op: string, out: Tensor, t: Tensor): MaybeZero {
  if (!isFloat(out.dtype)) return null;
  const typed = t.dtype === out.dtype ? t : convert(t, out.dtype);
  if (typed.aval.equals(out.aval, true)) return typed;
  throw new TreeError(`${op}: expected a tangent ${out.aval.strong().toString()}, got ${t.aval.toString()}.`, 'a tangent has the shape of its value.');
}

/** A function whose reverse-mode rule the user gives. */
export interface CustomVjpFunction<A extends readonly unknown[], R> {
  (...args: LiftArgs<A>): Tensors<R>;
  /**
   * `fwd(...args)` returns `[out, residuals]`; `bwd(residuals, ct)` returns an array with one cotangent an argument (`null` for none).
   * Nondifferentiable arguments come first in `bwd`.
   */
  defvjp(fwd: (...args: never[]) => readonly [unknown, unknown], bwd: (...args: never[]) => readonly unknown[]): CustomVjpFunction<A, R>;
}

/**
 * Gives a function its own reverse-mode rule. Forward mode through it is an error.
 * @example
 * ```ts
 * import { customVjp, grad, np } from 'cotangent';
 * const clipGradient = customVjp((x) => x);
 * clipGradient.defvjp((x) => [x, null], (_, ct) => [np.clip(ct, -1, 1)]);
 * console.log(String(grad((x) => clipGradient(x).mul(5))(2))); // => 1
 * ```
 */
export function customVjp<A extends readonly unknown[] = Tensor[], R = unknown>(
  f: (...args: A) => R,
  options: CustomOptions = {},
): CustomVjpFunction<A, R> {
  const name = functionName(f as AnyFunction);
  let rules: { fwd: (...args: never[]) => readonly [unknown, unknown]; bwd: (...args: never[]) => readonly unknown[] } | undefined;
  const custom = (...args: unknown[]): unknown => {
    if (!rules) throw new ArgumentError(`customVjp(${name}): expected rules, none were given.`, 'call defvjp(fwd, bwd) first.');
    const { fwd, bwd } = rules;
    const { diff, rest, place } = splitArgs('customVjp', args, options.nondiffArgnums ?? []);
    const { leaves, def } = flattenArgs(`customVjp(${name})`, diff);
    const main = (...d: unknown[]): unknown => f(...(place(d) as unknown as A));
    const flat = new FlatFunction(`customVjp(${name})`, main as AnyFunction, def);
    let residualDef: TreeDef | undefined;
    const outs = applyCustomVjp(
      {
        name,
        fun: flat.call,
        fwd: (xs) => {
          const result = fwd(...(place(unflatten(def, xs) as unknown[]) as never[]));
          if (!Array.isArray(result) || result.length !== 2) throw new TreeError(`customVjp(${name}): expected fwd to return [out, residuals].`);
          const out = flattenResult(`customVjp(${name})`, result[0]);
          const res = flattenArgs(`customVjp(${name})`, result[1], 'residuals');
          flat.adopt(out.def);
          residualDef = res.def;
          return { outs: out.leaves, residuals: res.leaves };
        },
        bwd: (res, cts) => {
          const grads = bwd(...([...rest, unflatten(residualDef!, res), unflatten(flat.def, cts)] as never[]));
          return flattenCotangentsOf(name, grads, def);
        },
      },
      leaves,
    );
    return unflatten(flat.def, outs);
  };
  const self = Object.assign(custom, {
    defvjp: (fwd: (...args: never[]) => readonly [unknown, unknown], bwd: (...args: never[]) => readonly unknown[]) => {
      rules = { fwd, bwd };
      return self;
    },
  });
  return self as unknown as CustomVjpFunction<A, R>;
}

/** One cotangent or null for each argument, spread over the leaves. */
function flattenCotangentsOf(name: string, grads: unknown, def: TreeDef): MaybeZero[] {
  if (!Array.isArray(grads) || grads.length !== def.children.length) {
    throw new TreeError(
      `customVjp(${name}): expected bwd to return an array with ${def.children.length} cotangents, got ${Array.isArray(grads) ? grads.length : typeof grads}.`,
      'one entry an argument, null for no gradient.',
    );
  }
  return grads.flatMap((g: unknown, i): MaybeZero[] => {
    const child = def.children[i]!;
    if (g === null) return Array.from({ length: child.numLeaves }, () => null);
    const tree = flattenArgs(`customVjp(${name})`, g, `bwd result[${i}]`);
    if (!tree.def.equals(child)) {
      throw new TreeError(`customVjp(${name}): expected a cotangent like argument ${i}, ${child.toString()}, got ${tree.def.toString()}.`);
    }
    return tree.leaves;
  });
}

/** The identity whose derivative is zero, for every tensor of a pytree. */
export function stopGradient<T>(tree: T): Tensors<T> {
  const { leaves, def } = flattenArgs('stopGradient', tree, 'tree');
  return unflatten(def, leaves.map(stopGradientOf)) as Tensors<T>;
}

export interface CheckpointOptions {
  /** What to keep rather than compute again; see `checkpointPolicies`. */
  readonly policy?: SavePolicy;
}

/** Policies for `checkpoint`. */
export const checkpointPolicies: {
  readonly nothingSaveable: SavePolicy;
  readonly everythingSaveable: SavePolicy;
  readonly dotsSaveable: SavePolicy;
} = { nothingSaveable, everythingSaveable, dotsSaveable };

/**
 * The same function, whose intermediate values are computed again in the backward pass instead of being kept: less memory for about
 * one more forward pass.
 */
export function checkpoint<A extends readonly unknown[] = Tensor[], R = unknown>(
  f: (...args: A) => R,
  { policy = nothingSaveable }: CheckpointOptions = {},
): (...args: LiftArgs<A>) => Tensors<R> {
  return (...args) => {
    const { leaves, def } = flattenArgs('checkpoint', args);
    const flat = new FlatFunction('checkpoint', f as AnyFunction, def);
    const { program, captured } = traceProgram(
      `checkpoint(${functionName(f as AnyFunction)})`,
      leaves.map((x) => x.aval),
      flat.call,
    );
    return unflatten(flat.def, checkpointCall([...captured, ...leaves], { program, policy })) as Tensors<R>;
  };
}

