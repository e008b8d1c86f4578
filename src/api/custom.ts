/**
 * User-written derivatives and checkpoints: customJvp, customVjp, stopGradient, checkpoint.
 * May import: everything up to `control`, `api/lift`, `api/args`.
 * @module
 */
import { isFloat } from '../ir/dtype.ts';
import { ArgumentError, ShapeError, TreeError } from '../ir/errors.ts';
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
import { checkOptions } from './options.ts';
import {
  type AnyFunction,
  checkFunction,
  FlatFunction,
  flattenArgs,
  flattenResult,
  functionName,
  type LiftArgs,
  normalizeArgnums,
  type Tensors,
} from './args.ts';

setCustomCallStaging(customCallStaging);

export interface CustomOptions {
  /** Arguments passed through to the rule as they are (functions, strings, sizes). */
  readonly nondiffArgnums?: readonly number[];
}

/** Separates the arguments that take part in differentiation from those that do not. */
function splitArgs(
  op: string,
  args: readonly unknown[],
  nondiff: readonly number[],
): { diff: unknown[]; rest: unknown[]; place: (d: readonly unknown[]) => unknown[] } {
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

/** What a rule gets for the arguments `A`; arguments of no declared number are tensors, as many as the rule names. */
type RuleArgs<A extends readonly unknown[]> = number extends A['length']
  ? readonly [Tensor, Tensor, Tensor, Tensor, ...Tensor[]]
  : Tensors<A>;

/** A function whose forward-mode rule the user gives; reverse mode follows by transposing it. */
export interface CustomJvpFunction<A extends readonly unknown[], R> {
  (...args: LiftArgs<A>): Tensors<R>;
  /** `rule(primals, tangents)` returns `[out, tangentOut]`, linear in the tangents. Nondifferentiable arguments come first. */
  defjvp(rule: (primals: RuleArgs<A>, tangents: RuleArgs<A>) => readonly [unknown, unknown]): CustomJvpFunction<A, R>;
  defjvp(rule: (...args: never[]) => readonly [unknown, unknown]): CustomJvpFunction<A, R>;
  /** One rule an argument: `(tangent, out, ...primals) => tangentOut`; `null` for no derivative. */
  defjvps(...rules: (((t: Tensor, out: Tensor, ...primals: Tensor[]) => unknown) | null)[]): CustomJvpFunction<A, R>;
}

/**
 * Gives a function its own derivative rule, for forward and reverse mode and every order.
 * @example
 * ```ts
 * import { customJvp, grad, np } from 'cotangent';
 * const root = customJvp((x) => np.sqrt(x));
 * root.defjvp(([x], [t]) => {
 *   const isZero = np.equal(x, 0);
 *   return [root(x), np.where(isZero, 0, np.divide(t, np.sqrt(np.where(isZero, 1, x)).mul(2)))];
 * });
 * console.log(String(grad(root)(0)), String(grad(root)(4))); // => 0 0.25
 * ```
 */
export function customJvp<A extends readonly unknown[] = Tensor[], const R = unknown>(
  f: (...args: A) => R,
  options: CustomOptions = {},
): CustomJvpFunction<A, R> {
  checkFunction('customJvp', f);
  checkOptions('customJvp', options, ['nondiffArgnums']);
  const name = functionName(f as AnyFunction);
  let rule: ((...args: never[]) => readonly [unknown, unknown]) | undefined;
  const custom = (...args: unknown[]): unknown => {
    if (!rule)
      throw new ArgumentError(`customJvp(${name}): expected a rule, none was given.`, 'call defjvp or defjvps first.');
    const { diff, rest, place } = splitArgs('customJvp', args, options.nondiffArgnums ?? []);
    const { leaves, def } = flattenArgs(`customJvp(${name})`, diff);
    const main = (...d: unknown[]): unknown => f(...(place(d) as unknown as A));
    const flat = new FlatFunction(`customJvp(${name})`, main as AnyFunction, def);
    const outs = applyCustomJvp({ name, fun: flat.call, jvp: jvpOf(name, rule, rest, def, flat) }, leaves);
    return unflatten(flat.def, outs);
  };
  const self = Object.assign(custom, {
    defjvp: (r: typeof rule) => {
      checkFunction('defjvp', r);
      rule = r;
      return self;
    },
    defjvps: (...rules: readonly TangentRule[]) => {
      if (options.nondiffArgnums?.length) {
        throw new ArgumentError(
          `customJvp(${name}): expected defjvp with nondiffArgnums, got defjvps.`,
          'give one rule for all arguments.',
        );
      }
      rule = (primals: readonly unknown[], tangents: readonly unknown[]) =>
        sumOfRules(name, self as never, rules, primals, tangents);
      return self;
    },
  });
  return self as unknown as CustomJvpFunction<A, R>;
}

type TangentRule = ((t: Tensor, out: Tensor, ...primals: Tensor[]) => unknown) | null;

/** Σᵢ ruleᵢ(tᵢ, out, …primals), leaf by leaf. */
function sumOfRules(
  name: string,
  f: (...args: readonly unknown[]) => unknown,
  rules: readonly TangentRule[],
  primals: readonly unknown[],
  tangents: readonly unknown[],
): readonly [unknown, unknown] {
  if (rules.length !== primals.length) {
    throw new ArgumentError(
      `customJvp(${name}): expected one rule for each of ${primals.length} arguments, got ${rules.length}.`,
      'give null for an argument without a derivative.',
    );
  }
  const out = f(...primals);
  const outs = flattenResult(`customJvp(${name})`, out);
  const sums = outs.leaves.map((o) => zeros(o.aval.strong()));
  rules.forEach((rule, i) => {
    if (rule === null) return;
    const term = flattenResult(
      `customJvp(${name})`,
      rule(tangents[i] as Tensor, out as Tensor, ...(primals as Tensor[])),
    );
    if (!term.def.equals(outs.def)) throw tangentMismatch(name, outs.def, term.def);
    term.leaves.forEach(
      (t, k) => (sums[k] = add(sums[k]!, t.dtype === sums[k]!.dtype ? t : convert(t, sums[k]!.dtype))),
    );
  });
  return [out, unflatten(outs.def, sums)];
}

const tangentMismatch = (name: string, out: TreeDef, got: TreeDef): TreeError =>
  new TreeError(`customJvp(${name}): expected a tangent like the result ${out.toString()}, got ${got.toString()}.`);

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
      throw new TreeError(
        `customJvp(${name}): expected the rule to return [out, tangentOut], got ${flatten(result)[1].toString()}.`,
      );
    }
    const out = flattenResult(`customJvp(${name})`, result[0]);
    const dot = flattenResult(`customJvp(${name})`, result[1]);
    if (!out.def.equals(dot.def)) throw tangentMismatch(name, out.def, dot.def);
    flat.adopt(out.def, 'the rule');
    return [out.leaves, dot.leaves.map((t, i) => fitTangent(`customJvp(${name})`, out.leaves[i]!, t))];
  };
}

/** A tangent in the dtype of its value (weak numbers adapt); `null` for integers. */
function fitTangent(op: string, out: Tensor, t: Tensor): MaybeZero {
  if (!isFloat(out.dtype)) return null;
  const typed = t.dtype === out.dtype ? t : convert(t, out.dtype);
  if (typed.aval.equals(out.aval, true)) return typed;
  throw new TreeError(
    `${op}: expected a tangent ${out.aval.strong().toString()}, got ${t.aval.toString()}.`,
    'a tangent has the shape of its value.',
  );
}

/** A function whose reverse-mode rule the user gives. */
export interface CustomVjpFunction<A extends readonly unknown[], R> {
  (...args: LiftArgs<A>): Tensors<R>;
  /**
   * `fwd(...args)` returns `[out, residuals]`; `bwd(residuals, ct)` returns an array with one cotangent an argument (`null` for none).
   * Nondifferentiable arguments come first in `bwd`.
   */
  defvjp(
    fwd: (...args: never[]) => readonly [unknown, unknown],
    bwd: (...args: never[]) => readonly unknown[],
  ): CustomVjpFunction<A, R>;
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
export function customVjp<A extends readonly unknown[] = Tensor[], const R = unknown>(
  f: (...args: A) => R,
  options: CustomOptions = {},
): CustomVjpFunction<A, R> {
  checkFunction('customVjp', f);
  checkOptions('customVjp', options, ['nondiffArgnums']);
  const name = functionName(f as AnyFunction);
  let rules:
    | { fwd: (...args: never[]) => readonly [unknown, unknown]; bwd: (...args: never[]) => readonly unknown[] }
    | undefined;
  const custom = (...args: unknown[]): unknown => {
    if (!rules)
      throw new ArgumentError(`customVjp(${name}): expected rules, none were given.`, 'call defvjp(fwd, bwd) first.');
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
          if (!Array.isArray(result) || result.length !== 2)
            throw new TreeError(`customVjp(${name}): expected fwd to return [out, residuals].`);
          const out = flattenResult(`customVjp(${name})`, result[0]);
          const res = flattenArgs(`customVjp(${name})`, result[1], 'residuals');
          flat.adopt(out.def, 'fwd');
          residualDef = res.def;
          return { outs: out.leaves, residuals: res.leaves };
        },
        bwd: (res, cts) => {
          const grads = bwd(...([...rest, unflatten(residualDef!, res), unflatten(flat.def, cts)] as never[]));
          return flattenCotangentsOf(name, grads, def, leaves);
        },
      },
      leaves,
    );
    return unflatten(flat.def, outs);
  };
  const self = Object.assign(custom, {
    defvjp: (fwd: (...args: never[]) => readonly [unknown, unknown], bwd: (...args: never[]) => readonly unknown[]) => {
      checkFunction('defvjp', fwd);
      checkFunction('defvjp', bwd);
      rules = { fwd, bwd };
      return self;
    },
  });
  return self as unknown as CustomVjpFunction<A, R>;
}

/** One cotangent or null for each argument, spread over the leaves. */
function flattenCotangentsOf(name: string, grads: unknown, def: TreeDef, args: readonly Tensor[]): MaybeZero[] {
  if (!Array.isArray(grads) || grads.length !== def.children.length) {
    throw new TreeError(
      `customVjp(${name}): expected bwd to return an array with ${def.children.length} cotangents, got ${Array.isArray(grads) ? grads.length : typeof grads}.`,
      'one entry an argument, null for no gradient.',
    );
  }
  let next = 0;
  return grads.flatMap((g: unknown, i): MaybeZero[] => {
    const child = def.children[i]!;
    const own = args.slice(next, (next += child.numLeaves));
    if (g === null) return own.map(() => null);
    const tree = flattenArgs(`customVjp(${name})`, g, `bwd result[${i}]`);
    if (!tree.def.equals(child)) {
      throw new TreeError(
        `customVjp(${name}): expected a cotangent like argument ${i}, ${child.toString()}, got ${tree.def.toString()}.`,
      );
    }
    return tree.leaves.map((t, k) => fitCotangent(`customVjp(${name})`, 'bwd', `[${i}]${child.path(k)}`, own[k]!, t));
  });
}

/** A cotangent in the dtype of its argument (weak numbers adapt), as the rule of `op` gave it at `path`; `null` for integers. */
export function fitCotangent(op: string, rule: string, path: string, arg: Tensor, ct: Tensor): MaybeZero {
  if (!isFloat(arg.dtype)) return null;
  const typed = ct.aval.weakType ? convert(ct, arg.dtype) : ct;
  if (typed.aval.equals(arg.aval, true)) return typed;
  throw new ShapeError(
    `${op}: expected ${rule} to return ${arg.aval.strong().toString()} at ${path}, got ${ct.aval.toString()}.`,
    'a cotangent has the shape and dtype of its argument; return null for no gradient.',
    { path },
  );
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
export function checkpoint<A extends readonly unknown[] = Tensor[], const R = unknown>(
  f: (...args: A) => R,
  options: CheckpointOptions = {},
): (...args: LiftArgs<A>) => Tensors<R> {
  checkFunction('checkpoint', f);
  checkOptions('checkpoint', options, ['policy']);
  const { policy = nothingSaveable } = options;
  if (typeof policy !== 'function') {
    throw new ArgumentError(
      `checkpoint: expected policy to be a function (primitive, params) => boolean, got ${String(policy)}.`,
      'the members of checkpointPolicies are such functions.',
    );
  }
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
