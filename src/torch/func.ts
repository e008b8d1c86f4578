/**
 * The namespace `func` of `cotangent/torch`: the core's transformations of functions on tensors of this face. Each composes with the
 * others, with `compile` and with `backward`.
 * May import: everything up to `api`, `tape`, `nn`.
 * @module
 */
import { checkFunction } from '../api/args.ts';
import * as derivatives from '../api/grad.ts';
import * as jacobians from '../api/jacobian.ts';
import { optionsOf } from '../api/options.ts';
import { vmap as coreVmap } from '../api/vmap.ts';
import { ArgumentError } from '../ir/errors.ts';
import { withModes } from './modes.ts';
import type { Module } from './nn/module.ts';
import type { Tensor } from './tensor.ts';
import { unwrap, wrap } from './trees.ts';

type AnyFunction = (...args: never[]) => unknown;
type Core = (...args: unknown[]) => unknown;

/** A function of this face as the core can transform it. Its derivative is wanted, also inside `noGrad`. */
function faced(op: string, f: AnyFunction): Core {
  checkFunction(op, f);
  const run = (args: readonly unknown[]): unknown => unwrap(f(...(args.map(wrap) as never[])));
  return (...args) => withModes({ isGradEnabled: true, stopsAt: undefined }, () => run(args));
}

/** Which arguments, and whether the function returns `[result, aux]`. */
export interface DerivativeOptions<N> {
  /** Argument or arguments to differentiate by; 0. */
  readonly argnums?: N | undefined;
  readonly hasAux?: boolean | undefined;
}

type Argnums = number | readonly number[];

/** What has the structure of the arguments that `argnums` names. */
type Like<A extends readonly unknown[], N> = N extends number ? A[N] : A[number][];

/** Structures that depend on the function and its arguments: a tensor, or containers of tensors. */
export type TensorTree = Tensor & Tensor[];

const keys = ['argnums', 'hasAux'] as const;

function given<N>(op: string, first: N | DerivativeOptions<N> | undefined): object {
  const { argnums, hasAux } = optionsOf<DerivativeOptions<N>>(op, 'argnums', first, undefined, keys);
  return { ...(argnums !== undefined && { argnums }), ...(hasAux !== undefined && { hasAux }) };
}

const core = {
  grad: derivatives.grad,
  gradAndValue: derivatives.valueAndGrad,
  jacrev: jacobians.jacrev,
  jacfwd: jacobians.jacfwd,
  hessian: jacobians.hessian,
} as unknown as Readonly<Record<string, (f: Core, options: object) => Core>>;

const transformed = (op: string, f: AnyFunction, options: unknown): Core => {
  const run = core[op]!(faced(op, f), given(op, options));
  return (...args) => wrap(run(...args));
};

/**
 * The function that gives the gradient of `f`, whose result is one number.
 * @example
 * ```ts
 * import { func, tensor } from 'cotangent/torch';
 * const slope = func.grad((x) => x.pow(3).sum());
 * console.log(slope(tensor([1, 2])).tolist()); // => [ 3, 12 ]
 * console.log(func.vmap(func.grad(func.grad((x) => x.pow(3))))(tensor([1, 2])).tolist()); // => [ 6, 12 ]
 * ```
 */
export function grad<A extends readonly unknown[] = Tensor[], const N extends Argnums = 0>(
  f: (...args: A) => Tensor | readonly [Tensor, unknown],
  argnums?: N | DerivativeOptions<N>,
): (...args: A) => Like<A, N> {
  return transformed('grad', f as AnyFunction, argnums) as never;
}

/** The function that gives the gradient of `f` and its value (with `hasAux` the value and what comes with it). */
export function gradAndValue<A extends readonly unknown[] = Tensor[], const N extends Argnums = 0>(
  f: (...args: A) => Tensor | readonly [Tensor, unknown],
  argnums?: N | DerivativeOptions<N>,
): (...args: A) => [gradient: Like<A, N>, value: Tensor] {
  const run = transformed('gradAndValue', f as AnyFunction, argnums);
  return (...args) => {
    const [value, gradient] = run(...args) as [unknown, unknown];
    return [gradient, value] as never;
  };
}

/** The function that gives the Jacobian of `f`, row by row: of shape output + input. */
export function jacrev<A extends readonly unknown[] = Tensor[]>(
  f: (...args: A) => unknown,
  argnums?: Argnums | DerivativeOptions<Argnums>,
): (...args: A) => TensorTree {
  return transformed('jacrev', f as AnyFunction, argnums) as never;
}

/** The function that gives the Jacobian of `f`, column by column. */
export function jacfwd<A extends readonly unknown[] = Tensor[]>(
  f: (...args: A) => unknown,
  argnums?: Argnums | DerivativeOptions<Argnums>,
): (...args: A) => TensorTree {
  return transformed('jacfwd', f as AnyFunction, argnums) as never;
}

/** The function that gives the second derivatives of `f`. */
export function hessian<A extends readonly unknown[] = Tensor[]>(
  f: (...args: A) => unknown,
  argnums?: Argnums | DerivativeOptions<Argnums>,
): (...args: A) => TensorTree {
  return transformed('hessian', f as AnyFunction, argnums) as never;
}

/** f(primals), and the function from a cotangent of it to cotangents of the primals (one, or an array). */
export function vjp<A extends readonly unknown[], R>(
  f: (...args: A) => R,
  ...primals: A
): [output: R, pull: (cotangent: R) => TensorTree] {
  const [out, pull] = (derivatives.vjp as unknown as (f: Core, ...primals: readonly unknown[]) => [unknown, Core])(
    faced('vjp', f as AnyFunction),
    ...primals,
  );
  const back = (ct: R): unknown => {
    const grads = wrap(pull(ct)) as unknown[];
    return primals.length === 1 ? grads[0] : grads;
  };
  return [wrap(out) as R, back as never];
}

/** f(primals), and its derivative in the direction of the tangents. */
export function jvp<A extends readonly unknown[], R>(
  f: (...args: A) => R,
  primals: A,
  tangents: A,
): [output: R, tangent: R] {
  const push = derivatives.jvp as unknown as (f: Core, primals: A, tangents: A) => [unknown, unknown];
  const [out, tangent] = push(faced('jvp', f as AnyFunction), primals, tangents);
  return [wrap(out) as R, wrap(tangent) as R];
}

/** A dimension of every argument or result that is mapped, `null` for one that is not; or one for all. */
export type MappedDims = number | null | readonly MappedDims[] | { readonly [key: string]: MappedDims };

export interface VmapOptions {
  /** 0. */
  readonly inDims?: MappedDims | undefined;
  /** 0. */
  readonly outDims?: MappedDims | undefined;
}

/** A function of one example as one of a batch of them. */
export function vmap<A extends readonly unknown[] = Tensor[], R = Tensor>(
  f: (...args: A) => R,
  inDims?: number | null | readonly MappedDims[] | VmapOptions,
  outDims?: MappedDims,
): (...args: A) => R {
  const options = optionsOf<VmapOptions>('vmap', 'inDims', inDims, outDims === undefined ? {} : { outDims }, [
    'inDims',
    'outDims',
  ]);
  const axes = { inAxes: options.inDims ?? 0, outAxes: options.outDims ?? 0 };
  const run = (coreVmap as unknown as (f: Core, axes: object) => Core)(faced('vmap', f as AnyFunction), axes);
  return (...args) => wrap(run(...args)) as R;
}

/**
 * Calls a module with other tensors in the place of its parameters and buffers.
 * @param state by the names that `stateDict` has; what is left out stays
 * @param args arguments of the module: an array, or one tensor
 * @example
 * ```ts
 * import { func, nn, ones, type Tensor, zeros } from 'cotangent/torch';
 * const layer = new nn.Linear(2, 1);
 * const loss = (state: Record<string, Tensor>) => (func.functionalCall(layer, state, ones(2)) as Tensor).sum();
 * const { weight } = func.grad(loss)({ weight: zeros(1, 2), bias: zeros(1) });
 * console.log(weight?.tolist()); // => [ [ 1, 1 ] ]
 * ```
 */
export function functionalCall(
  module: Module,
  state: Readonly<Record<string, Tensor>>,
  args: Tensor | readonly unknown[],
): unknown {
  const own = new Map<string, Tensor>([...module.namedParameters(), ...module.namedBuffers()]);
  const given = Array.isArray(args) ? (args as unknown[]) : [args];
  let run = (): unknown => (module.call as Core)(...given);
  for (const [name, tensor] of Object.entries(state)) {
    const place = own.get(name);
    if (place === undefined) {
      throw new ArgumentError(
        `functionalCall: expected names of parameters or buffers, got ${JSON.stringify(name)}.`,
        `names: ${[...own.keys()].join(', ')}.`,
      );
    }
    const inner = run;
    run = () => place.withStandIn(tensor, inner);
  }
  return run();
}
