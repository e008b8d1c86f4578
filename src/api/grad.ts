/**
 * Derivatives: jvp, vjp, linearize, linearTranspose, grad, valueAndGrad.
 * May import: everything up to `control`, `api/lift`, `api/args`.
 * @module
 */
import { Aval } from '../ir/aval.ts';
import { isFloat } from '../ir/dtype.ts';
import { ArgumentError, DTypeError, ShapeError, TreeError } from '../ir/errors.ts';
import { defaultFloat } from '../core/config.ts';
import { LinearInput, type MaybeZero } from '../core/primitive.ts';
import { type TreeDef, unflatten } from '../core/pytree.ts';
import { traceProgram } from '../core/program-trace.ts';
import { scalarTensor, type Tensor } from '../core/tensor.ts';
import { backwardPass } from '../transforms/backward.ts';
import { jvpFlat, zeros } from '../transforms/jvp.ts';
import { Linearized } from '../transforms/linearize.ts';
import {
  type AnyFunction,
  type Argnums,
  argnumsOptions,
  type AtArgnums,
  type AuxOf,
  checkFunction,
  FlatFunction,
  flattenArgs,
  type FlatTree,
  functionName,
  type Liftable,
  type LiftArgs,
  normalizeArgnums,
  type OptionsFrom,
  type Tensors,
  type ValueOf,
} from './args.ts';
import { convert } from '../primitives/convert.ts';
import { installMethods } from './methods.ts';
import { checkOptions } from './options.ts';

// Whoever transforms a function may call methods on what it is given.
installMethods();

export interface AuxOption {
  /** The function returns `[value, aux]`; `aux` is passed through undifferentiated. */
  readonly hasAux?: boolean;
}

export interface GradOptions extends AuxOption {
  /** Which arguments to differentiate (default 0). With an array the gradient is an array. */
  readonly argnums?: number | readonly number[];
  /** Accept integer arguments; their gradient is zero. */
  readonly allowInt?: boolean;
}

const gradKeys = ['argnums', 'hasAux', 'allowInt'] as const;

function sameStructure(op: string, what: string, expected: TreeDef, got: TreeDef): void {
  if (expected.equals(got)) return;
  throw new TreeError(`${op}: expected ${what} with structure ${expected.toString()}, got ${got.toString()}.`);
}

function checkTangent(op: string, what: string, primal: Tensor, tangent: Tensor, def: TreeDef, i: number): MaybeZero {
  const isWeakFit = tangent.aval.weakType && isFloat(primal.dtype);
  // What flows on from it is as strong as the value: a bare number must not make weakly typed derivatives.
  const t = isWeakFit ? convert(tangent, primal.dtype, primal.aval.weakType) : tangent;
  if (!isFloat(primal.dtype)) return null;
  if (t.aval.equals(primal.aval, true)) return t;
  const isShape = t.dtype === primal.dtype;
  const message = `${op}: expected ${what}s${def.path(i)} to be like ${primal.aval.strong().toString()}, got ${tangent.aval.toString()}.`;
  if (isShape) throw new ShapeError(message, `a ${what} has the shape of its value.`);
  throw new DTypeError(message, `a ${what} has the dtype of its value; use astype.`);
}

/**
 * Forward mode: value and directional derivative, f(x) and ∂f(x)·v, in one pass.
 *
 * @param f function of pytrees of tensors
 * @param primals array of arguments
 * @param tangents array of tangents, each like its argument
 * @returns `[out, tangentOut]`
 * @throws ShapeError, DTypeError, TreeError if a tangent does not fit its primal
 * @example
 * ```ts
 * import { jvp, np } from 'cotangent';
 * const [y, dy] = jvp((x) => np.square(x), [3], [1]);
 * console.log(String(y), String(dy)); // => 9 6
 * ```
 */
export function jvp<A extends readonly unknown[] = Tensor[], const R = unknown>(
  f: (...args: A) => R,
  primals: LiftArgs<A>,
  tangents: LiftArgs<A>,
  options: AuxOption & { readonly hasAux: true },
): [Tensors<ValueOf<R, { hasAux: true }>>, Tensors<ValueOf<R, { hasAux: true }>>, AuxOf<R>];
export function jvp<A extends readonly unknown[] = Tensor[], const R = unknown>(
  f: (...args: A) => R,
  primals: LiftArgs<A>,
  tangents: LiftArgs<A>,
  options?: AuxOption,
): [Tensors<R>, Tensors<R>];
export function jvp(
  f: AnyFunction,
  primals: readonly unknown[],
  tangents: readonly unknown[],
  options: AuxOption = {},
): unknown[] {
  checkFunction('jvp', f);
  if (!Array.isArray(primals) || !Array.isArray(tangents)) {
    throw new ArgumentError(
      'jvp: expected primals and tangents as arrays of arguments.',
      'wrap a single argument: jvp(f, [x], [dx]).',
    );
  }
  checkOptions('jvp', options, ['hasAux']);
  return pushForward('jvp', f, primals, tangents, options.hasAux === true);
}

/** `jvp` for the transformation that errors are to name. */
export function pushForward(
  op: string,
  f: AnyFunction,
  primals: unknown,
  tangents: unknown,
  hasAux: boolean,
): unknown[] {
  const p = flattenArgs(op, primals, 'primals');
  const t = flattenArgs(op, tangents, 'tangents');
  sameStructure(op, 'tangents', p.def, t.def);
  const dots = p.leaves.map((x, i) => checkTangent(op, 'tangent', x, t.leaves[i]!, p.def, i));
  const flat = new FlatFunction(op, f, p.def, hasAux);
  const [outs, tangentOuts] = jvpFlat(op, flat.call, p.leaves, dots);
  const full = tangentOuts.slice(0, flat.def.numLeaves).map((d, i) => d ?? zeroTangent(outs[i]!));
  const results = [flat.unflatten(outs), flat.unflatten(full)];
  return hasAux ? [...results, flat.auxOf(outs)] : results;
}

/** Tangent of something constant: zeros of its dtype, or of the default float dtype for integers and booleans. */
function zeroTangent(x: Tensor): Tensor {
  return zeros(isFloat(x.dtype) ? x.aval.strong() : new Aval(x.shape, defaultFloat()));
}

/** A cotangent for each output, checked against it. */
function flattenCotangents(op: string, outs: FlatTree, ct: unknown): MaybeZero[] {
  const c = flattenArgs(op, ct, 'cotangents');
  sameStructure(op, 'cotangents', outs.def, c.def);
  return outs.leaves.map((o, i) => checkTangent(op, 'cotangent', o, c.leaves[i]!, outs.def, i));
}

/**
 * Reverse mode: f(x) and the map from cotangents of the output to cotangents of every argument, ctᵀ·∂f(x).
 *
 * @returns `[out, vjpFn]`; `vjpFn(ct)` gives an array with one entry per argument. With `{ hasAux: true }` as a last argument,
 *   `[out, vjpFn, aux]`.
 * @example
 * ```ts
 * import { np, vjp } from 'cotangent';
 * const [y, pull] = vjp((x) => np.sin(x), 0);
 * console.log(String(pull(2)[0])); // => 2
 * ```
 */
export function vjp<A extends readonly unknown[] = Tensor[], const R = unknown>(
  f: (...args: A) => R,
  ...primals: LiftArgs<A>
): [Tensors<R>, (ct: Liftable<Tensors<R>>) => Tensors<A>];
export function vjp<A extends readonly unknown[] = Tensor[], const R = unknown>(
  f: (...args: A) => R,
  ...primals: [...LiftArgs<A>, AuxOption & { readonly hasAux: true }]
): [
  Tensors<ValueOf<R, { hasAux: true }>>,
  (ct: Liftable<Tensors<ValueOf<R, { hasAux: true }>>>) => Tensors<A>,
  AuxOf<R>,
];
export function vjp(f: AnyFunction, ...primals: readonly unknown[]): unknown[] {
  checkFunction('vjp', f);
  const [args, options] = splitOptions(primals);
  const { leaves, def } = flattenArgs('vjp', args);
  const flat = new FlatFunction('vjp', f, def, options.hasAux);
  const linear = new Linearized('vjp', flat.call, leaves);
  const outs = { leaves: linear.outs.slice(0, flat.def.numLeaves), def: flat.def };
  const pull = (ct: unknown): unknown => {
    const grads = linear.vjp(flattenCotangents('vjp', outs, ct));
    return unflatten(
      def,
      grads.map((g, i) => g ?? zeroTangent(leaves[i]!)),
    );
  };
  const out = unflatten(outs.def, outs.leaves);
  return options.hasAux ? [out, pull, flat.auxOf(linear.outs)] : [out, pull];
}

/** A trailing `{ hasAux }` among the arguments of `vjp`. */
function splitOptions(primals: readonly unknown[]): [readonly unknown[], AuxOption] {
  const last = primals.at(-1);
  if (typeof last === 'object' && last !== null && !Array.isArray(last)) {
    const keys = Object.keys(last);
    if (keys.length === 1 && keys[0] === 'hasAux') return [primals.slice(0, -1), last];
  }
  return [primals, {}];
}

/**
 * Value and derivative map of a function at a point: `[out, fJvp]` with `fJvp(...tangents)` = ∂f·v, computed without running f again.
 */
export function linearize<A extends readonly unknown[] = Tensor[], const R = unknown>(
  f: (...args: A) => R,
  ...primals: LiftArgs<A>
): [Tensors<R>, (...tangents: LiftArgs<A>) => Tensors<R>] {
  checkFunction('linearize', f);
  const { leaves, def } = flattenArgs('linearize', primals);
  const flat = new FlatFunction('linearize', f as AnyFunction, def);
  const linear = new Linearized('linearize', flat.call, leaves);
  const outDef = flat.def;
  const push = (...tangents: unknown[]): unknown => {
    const t = flattenArgs('linearize', tangents, 'tangents');
    sameStructure('linearize', 'tangents', def, t.def);
    const dots = leaves.map((x, i) => checkTangent('linearize', 'tangent', x, t.leaves[i]!, def, i) ?? zeroTangent(x));
    return unflatten(
      outDef,
      linear.jvp(dots).map((d, i) => d ?? zeroTangent(linear.outs[i]!)),
    );
  };
  return [unflatten(outDef, linear.outs) as Tensors<R>, push as never];
}

/**
 * Transpose of a linear function: cotangents of its result → array of cotangents of its arguments. `primals` give shapes and dtypes
 * only.
 * @throws DifferentiationError if f is not linear
 */
export function linearTranspose<A extends readonly unknown[] = Tensor[], const R = unknown>(
  f: (...args: A) => R,
  ...primals: LiftArgs<A>
): (ct: Liftable<Tensors<R>>) => Tensors<A> {
  checkFunction('linearTranspose', f);
  const { leaves, def } = flattenArgs('linearTranspose', primals);
  const flat = new FlatFunction('linearTranspose', f as AnyFunction, def);
  const avals = leaves.map((x) => x.aval.strong());
  return (ct) => {
    const { program, captured } = traceProgram('linearTranspose', avals, flat.call);
    const outs = { leaves: program.outAvals.map((a) => zeros(a)), def: flat.def };
    const cts = flattenCotangents('linearTranspose', outs, ct);
    const operands = [...captured, ...avals.map((a) => new LinearInput(a))];
    const grads = backwardPass(program, operands, cts).slice(captured.length);
    return unflatten(
      def,
      grads.map((g, i) => g ?? zeros(avals[i]!)),
    ) as Tensors<A>;
  };
}

function checkScalar(op: string, name: string, outs: readonly Tensor[], def: TreeDef): void {
  const out = outs[0];
  if (outs.length === 1 && out!.ndim === 0 && isFloat(out!.dtype)) return;
  const got = outs.length === 1 ? out!.aval.toString() : `${outs.length} values ${def.toString()}`;
  const isType = outs.length === 1 && out!.ndim === 0;
  const who = name === 'function' ? 'the function' : name;
  const message = `${op}: expected ${who} to return a float scalar, got ${got}.`;
  if (isType) throw new DTypeError(message, 'only floats have derivatives: convert with astype.');
  throw new ShapeError(
    message,
    'reduce the result to a scalar (np.sum, np.mean), use jacrev or vjp for arrays, or { hasAux: true } for a value with extras.',
  );
}

function checkDifferentiable(
  op: string,
  { leaves, def }: FlatTree,
  argnums: readonly number[],
  allowInt: boolean,
): void {
  if (allowInt) return;
  const i = leaves.findIndex((x) => !isFloat(x.dtype));
  if (i < 0) return;
  throw new DTypeError(
    `${op}: expected float arguments, got ${leaves[i]!.aval.toString()} at ${argPath(def, argnums, i)}.`,
    "convert with astype('float32'), leave the argument out of argnums, or pass { allowInt: true } for zero gradients.",
  );
}

/** Where leaf i of the differentiated arguments stands among all arguments. */
export const argPath = (def: TreeDef, argnums: readonly number[], i: number): string =>
  `args${def.path(i).replace(/^\[(\d+)\]/, (_, k: string) => `[${argnums[Number(k)]!}]`)}`;

/** Shared by grad and valueAndGrad. */
function valueAndGradOf(
  op: string,
  f: AnyFunction,
  options: GradOptions,
  args: readonly unknown[],
): { value: unknown; grad: unknown } {
  const { argnums = 0, hasAux = false, allowInt = false } = options;
  const wanted = normalizeArgnums(op, argnums, args.length);
  const diff = wanted.map((i) => args[i]);
  const tree = flattenArgs(op, diff);
  const { leaves, def } = tree;
  checkDifferentiable(op, tree, wanted, allowInt);
  const placed = (...xs: unknown[]): unknown => {
    const all = [...args];
    wanted.forEach((i, k) => (all[i] = xs[k]));
    return f(...(all as never[]));
  };
  const flat = new FlatFunction(op, placed as AnyFunction, def, hasAux);
  const scalar = (xs: readonly Tensor[]): Tensor[] => {
    const outs = flat.call(xs);
    checkScalar(op, functionName(f), outs.slice(0, flat.def.numLeaves), flat.def);
    return outs;
  };
  const linear = new Linearized(op, scalar, leaves, true);
  const out = linear.outs[0]!;
  const grads = linear.vjp([scalarTensor(1, out.dtype)]).map((g, i) => g ?? zeroTangent(leaves[i]!));
  const value = flat.unflatten(linear.outs);
  const byArgument = unflatten(def, grads) as unknown[];
  return {
    value: hasAux ? [value, flat.auxOf(linear.outs)] : value,
    grad: typeof argnums === 'number' ? byArgument[0] : byArgument,
  };
}

/**
 * The gradient of a scalar function, ∇f, as a function of the same arguments.
 *
 * Arguments that are not differentiated reach `f` as they are given: a number as a number, which has no methods. `np.array(3)` has.
 *
 * @param f returns a float scalar (with `hasAux`, `[scalar, aux]`)
 * @param options argnums alone, or an object: `grad(f, 1)`, `grad(f, { argnums: 1 })`
 * @returns a function giving the gradient with the structure, shapes and dtypes of the argument at `argnums`
 * @throws ShapeError if f returns an array, DTypeError for integer arguments
 * @example
 * ```ts
 * import { grad, np } from 'cotangent';
 * const slope = grad((x) => np.sum(np.square(x)));
 * console.log(String(slope(np.array([1, 2, 3])))); // => [2, 4, 6]
 * ```
 */
export function grad<
  A extends readonly unknown[] = Tensor[],
  const R = unknown,
  const O extends GradOptions | Argnums = Record<never, never>,
>(
  f: (...args: A) => R,
  options?: O,
): (
  ...args: LiftArgs<A>
) => O extends { readonly hasAux: true } ? [AtArgnums<A, OptionsFrom<O>>, AuxOf<R>] : AtArgnums<A, OptionsFrom<O>> {
  const opts = argnumsOptions<GradOptions>('grad', f, options, gradKeys);
  return (...args) => {
    const { value, grad: g } = valueAndGradOf('grad', f as AnyFunction, opts, args);
    return (opts.hasAux ? [g, (value as unknown[])[1]] : g) as never;
  };
}

/**
 * Value and gradient together, for the price of the gradient.
 *
 * @returns a function giving `[value, gradient]`; with `hasAux`, `[[value, aux], gradient]`
 * @example
 * ```ts
 * import { np, valueAndGrad } from 'cotangent';
 * const [y, dy] = valueAndGrad((x) => np.exp(x))(0);
 * console.log(String(y), String(dy)); // => 1 1
 * ```
 */
export function valueAndGrad<
  A extends readonly unknown[] = Tensor[],
  const R = unknown,
  const O extends GradOptions | Argnums = Record<never, never>,
>(f: (...args: A) => R, options?: O): (...args: LiftArgs<A>) => [Tensors<R>, AtArgnums<A, OptionsFrom<O>>] {
  const opts = argnumsOptions<GradOptions>('valueAndGrad', f, options, gradKeys);
  return (...args) => {
    const { value, grad: g } = valueAndGradOf('valueAndGrad', f as AnyFunction, opts, args);
    return [value, g] as never;
  };
}
