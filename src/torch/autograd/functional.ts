/**
 * Derivatives of functions: `autograd.functional`.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import { ArgumentError, ShapeError } from '../../ir/errors.ts';
import { sameShape } from '../../ir/shape.ts';
import { eye, reshape, zeros as zerosOf } from '../../api/numpy/index.ts';
import { checkOptions } from '../../api/options.ts';
import { enableGrad } from '../grad-mode.ts';
import { clone } from '../ops/rearrange.ts';
import { view } from '../ops/shape.ts';
import { onesLike, zerosLike } from '../ops/fill.ts';
import { Tensor } from '../tensor.ts';
import { detachView } from '../views.ts';
import { grad, type OneOrMore, several } from './backward.ts';

/** A function of tensors; several results come in an array. */
export type TensorFunction = (...inputs: Tensor[]) => OneOrMore;

export interface FunctionalOptions {
  /** Record the derivative, so that it can be differentiated. */
  readonly createGraph?: boolean | undefined;
  /** Throw where an output does not depend on an input, in place of zeros. */
  readonly strict?: boolean | undefined;
}

const keys = ['createGraph', 'strict'] as const;

/** The inputs as tensors of their own that require grad. */
function tracked(inputs: OneOrMore, createGraph: boolean): Tensor[] {
  return several(inputs).map((x) => {
    if (createGraph && x.requiresGrad) return clone(x);
    const copy = detachView(x);
    copy.requiresGrad = true;
    return copy;
  });
}

interface Run {
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly isOne: boolean;
}

const run = (f: TensorFunction, inputs: OneOrMore, createGraph: boolean): Run =>
  enableGrad(() => {
    const own = tracked(inputs, createGraph);
    const result = f(...own);
    return { inputs: own, outputs: several(result), isOne: !Array.isArray(result) };
  });

/** One for one, an array for several. */
const like = <T>(pattern: OneOrMore, values: readonly T[]): T | T[] =>
  Array.isArray(pattern) ? [...values] : values[0]!;

/** Gradients, with zeros where an input is not used (an error with `strict`). */
function gradients(
  op: string,
  outputs: readonly Tensor[],
  inputs: readonly Tensor[],
  gradOutputs: readonly (Tensor | null)[],
  { createGraph = false, strict = false }: FunctionalOptions,
  isGradsBatched = false,
): Tensor[] {
  const used = outputs.flatMap((y, i) => (y.requiresGrad ? [i] : []));
  if (strict && used.length < outputs.length) throw independent(op);
  const size = isGradsBatched ? (gradOutputs[0]?.shape.slice(0, 1) ?? []) : [];
  const zero = (x: Tensor): Tensor => new Tensor(zerosOf([...size, ...x.shape], { dtype: x.dtype }));
  if (used.length === 0) return inputs.map(zero);
  const found = grad(
    used.map((i) => outputs[i]!),
    inputs,
    {
      gradOutputs: used.map((i) => gradOutputs[i] ?? null),
      allowUnused: true,
      createGraph,
      retainGraph: true,
      isGradsBatched,
    },
  );
  return found.map((g, i) => {
    if (g === null && strict) throw independent(op);
    return g ?? zero(inputs[i]!);
  });
}

const independent = (op: string): ArgumentError =>
  new ArgumentError(
    `${op}: expected outputs that depend on every input with { strict: true }, got one that does not: Output is independent of the input.`,
    'leave strict away for zeros.',
  );

/** Jacobian of one output: for each input, of shape output + input. */
function rows(op: string, y: Tensor, inputs: readonly Tensor[], options: FunctionalOptions): Tensor[] {
  const n = y.numel();
  const units = new Tensor(reshape(eye(n, n, { dtype: y.dtype }), [n, ...y.shape]));
  const found = gradients(op, [y], inputs, [units], options, true);
  return found.map((g, i) => view(g, [...y.shape, ...inputs[i]!.shape]));
}

/** What a Jacobian has the shape of: of a tensor by a tensor a tensor; an array for several outputs, and inside for several inputs. */
export type Nested = Tensor | Tensor[] | Tensor[][];

/**
 * The Jacobian ∂f/∂x: for outputs of shape [m…] and inputs of shape [n…] of shape [m…, n…].
 * @returns nested as outputs and inputs are: a tensor, an array, or an array of arrays
 * @example
 * ```ts
 * import { autograd, tensor, type Tensor } from 'cotangent/torch';
 * const jacobian = autograd.functional.jacobian((x) => x.pow(2), tensor([1, 2])) as Tensor;
 * console.log(jacobian.tolist()); // => [ [ 2, 0 ], [ 0, 4 ] ]
 * ```
 */
export function jacobian(f: TensorFunction, inputs: OneOrMore, options: FunctionalOptions = {}): Nested {
  checkOptions('jacobian', options, keys);
  const { inputs: own, outputs, isOne } = run(f, inputs, options.createGraph === true);
  const all = outputs.map((y) => like(inputs, rows('jacobian', y, own, options)));
  return (isOne ? all[0]! : all) as Nested;
}

function scalar(op: string, outputs: readonly Tensor[]): Tensor {
  const [y] = outputs;
  if (outputs.length === 1 && y!.numel() === 1) return y!;
  throw new ShapeError(
    `${op}: expected a function with one element as its result, got ${outputs.map((o) => o.aval.toString()).join(', ')}.`,
  );
}

/** The Hessian of a function with one number as its result. */
export function hessian(f: TensorFunction, inputs: OneOrMore, options: FunctionalOptions = {}): Nested {
  checkOptions('hessian', options, keys);
  const slope: TensorFunction = (...xs) => {
    const y = scalar('hessian', several(f(...xs)));
    return gradients('hessian', [y], xs, [null], { ...options, createGraph: true });
  };
  const blocks = jacobian(slope, several(inputs), options) as Tensor[][];
  return Array.isArray(inputs) ? blocks : blocks[0]![0]!;
}

/** Results without their graph, unless that was asked for. */
const finish = (x: Tensor, { createGraph }: FunctionalOptions): Tensor => (createGraph === true ? x : detachView(x));

function directions(op: string, v: OneOrMore | null | undefined, pattern: readonly Tensor[]): Tensor[] {
  if (v !== null && v !== undefined) {
    const given = several(v);
    const fits = given.length === pattern.length && given.every((t, i) => sameShape(t.shape, pattern[i]!.shape));
    if (fits) return [...given];
    throw new ShapeError(
      `${op}: expected v like ${pattern.map((x) => x.aval.toString()).join(', ')}, got ${given.map((x) => x.aval.toString()).join(', ')}.`,
    );
  }
  if (pattern.length === 1 && pattern[0]!.numel() === 1) return [onesLike(pattern[0]!)];
  throw new ShapeError(`${op}: expected v, got none: the vector v can only be None if there is one element.`);
}

/** A value, and a derivative of the shape of the inputs (`vjp`, `hvp`, `vhp`) or outputs (`jvp`). */
export type ValueAndProduct = [value: OneOrMore, product: OneOrMore];

/** f(x) and vᵀ·∂f(x). */
export function vjp(
  f: TensorFunction,
  inputs: OneOrMore,
  v?: OneOrMore | null,
  options: FunctionalOptions = {},
): ValueAndProduct {
  checkOptions('vjp', options, keys);
  const { inputs: own, outputs, isOne } = run(f, inputs, options.createGraph === true);
  const found = gradients('vjp', outputs, own, directions('vjp', v, outputs), options);
  const values = outputs.map((y) => finish(y, options));
  return [isOne ? values[0]! : values, like(inputs, found)];
}

/** f(x) and ∂f(x)·v, by differentiating the vjp in its cotangent, in which it is linear. */
export function jvp(
  f: TensorFunction,
  inputs: OneOrMore,
  v?: OneOrMore | null,
  options: FunctionalOptions = {},
): ValueAndProduct {
  checkOptions('jvp', options, keys);
  const { inputs: own, outputs, isOne } = run(f, inputs, options.createGraph === true);
  const along = directions('jvp', v, own);
  const us = outputs.map((y) => {
    const u = zerosLike(y);
    u.requiresGrad = true;
    return u;
  });
  const back = gradients('jvp', outputs, own, us, { ...options, createGraph: true });
  const found = gradients('jvp', back, us, along, options);
  const values = outputs.map((y) => finish(y, options));
  return [isOne ? values[0]! : values, isOne ? found[0]! : found];
}

/** f(x) and the Hessian times v, for a function with one number as its result. */
export function hvp(
  f: TensorFunction,
  inputs: OneOrMore,
  v?: OneOrMore | null,
  options: FunctionalOptions = {},
): ValueAndProduct {
  checkOptions('hvp', options, keys);
  const { inputs: own, outputs } = run(f, inputs, options.createGraph === true);
  const y = scalar('hvp', outputs);
  const slope = gradients('hvp', [y], own, [null], { ...options, createGraph: true });
  const found = gradients('hvp', slope, own, directions('hvp', v, own), options);
  return [finish(y, options), like(inputs, found)];
}

/** f(x) and v times the Hessian: the same numbers as `hvp`, since the Hessian is symmetric. */
export const vhp: typeof hvp = (f, inputs, v, options) => hvp(f, inputs, v, options);
