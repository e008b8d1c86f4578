/**
 * Jacobians and Hessians: vmap of jvp and of vjp over a basis.
 * May import: everything up to `control`, `api`.
 * @module
 */
import { isFloat } from '../ir/dtype.ts';
import { DTypeError } from '../ir/errors.ts';
import type { BatchDim, MaybeZero } from '../core/primitive.ts';
import { unflatten } from '../core/pytree.ts';
import type { Tensor } from '../core/tensor.ts';
import { eq } from '../primitives/compare.ts';
import { convert } from '../primitives/convert.ts';
import { iota } from '../primitives/iota.ts';
import { broadcastTo, moveAxis, reshape } from '../primitives/structural.ts';
import { batchFlat } from '../transforms/batch.ts';
import { jvpFlat, zeros } from '../transforms/jvp.ts';
import { Linearized } from '../transforms/linearize.ts';
import {
  type AnyFunction,
  type Argnums,
  argnumsOptions,
  type AtArgnums,
  type AuxOf,
  type Blocks,
  checkFunction,
  FlatFunction,
  flattenArgs,
  type FlatTree,
  type Liftable,
  type LiftArgs,
  normalizeArgnums,
  type OptionsFrom,
  type Tensors,
  type ValueOf,
} from './args.ts';
import { argPath, grad, pushForward } from './grad.ts';

export interface JacobianOptions {
  /** Which arguments to differentiate (default 0). With an array the result is an array. */
  readonly argnums?: number | readonly number[];
  /** The function returns `[value, aux]`; the result is `[jacobian, aux]`. */
  readonly hasAux?: boolean;
}

const jacobianKeys = ['argnums', 'hasAux'] as const;

/** A derivative for every pair of output and input leaves; with `hasAux`, and what it returns. */
type JacobianOf<A extends readonly unknown[], R, O> = O extends { readonly hasAux: true }
  ? [Blocks<ValueOf<R, O>, AtArgnums<A, O>>, AuxOf<R>]
  : Blocks<R, AtArgnums<A, O>>;

type HessianOf<A extends readonly unknown[], R, O> = O extends { readonly hasAux: true }
  ? [Blocks<Blocks<ValueOf<R, O>, AtArgnums<A, O>>, AtArgnums<A, O>>, AuxOf<R>]
  : Blocks<Blocks<R, AtArgnums<A, O>>, AtArgnums<A, O>>;

/** Row i is the i-th unit vector in the shape of `like`: `[n, …shape]`. */
function basis(like: Tensor): Tensor {
  const n = like.size;
  const rows = iota([n, n], 'int32', 0);
  const columns = iota([n, n], 'int32', 1);
  return reshape(convert(eq(rows, columns), like.dtype), [n, ...like.shape]);
}

interface Prepared {
  readonly tree: FlatTree;
  readonly flat: FlatFunction;
  readonly isSingle: boolean;
  readonly hasAux: boolean;
}

function prepare(op: string, f: AnyFunction, options: JacobianOptions, args: readonly unknown[]): Prepared {
  const { argnums = 0, hasAux = false } = options;
  const wanted = normalizeArgnums(op, argnums, args.length);
  const tree = flattenArgs(
    op,
    wanted.map((i) => args[i]),
  );
  const bad = tree.leaves.findIndex((x) => !isFloat(x.dtype));
  if (bad >= 0) {
    throw new DTypeError(
      `${op}: expected float arguments, got ${tree.leaves[bad]!.aval.toString()} at ${argPath(tree.def, wanted, bad)}.`,
      "convert with astype('float32'), or leave the argument out of argnums.",
    );
  }
  const placed = (...xs: unknown[]): unknown => {
    const all = [...args];
    wanted.forEach((i, k) => (all[i] = xs[k]));
    return f(...(all as never[]));
  };
  return {
    tree,
    flat: new FlatFunction(op, placed as AnyFunction, tree.def, hasAux),
    isSingle: typeof argnums === 'number',
    hasAux,
  };
}

/** blocks[o][i]: derivative of output leaf o in input leaf i → tree of outputs of trees of inputs. */
function assemble(
  { flat, tree, isSingle, hasAux }: Prepared,
  blocks: readonly (readonly Tensor[])[],
  outs: readonly Tensor[],
): unknown {
  const perOutput = blocks.map((row) => {
    const inputs = unflatten(tree.def, row) as unknown[];
    return isSingle ? inputs[0] : inputs;
  });
  const jacobian = flat.unflatten(perOutput);
  return hasAux ? [jacobian, flat.auxOf(outs)] : jacobian;
}

function checkFloatResults(op: string, outs: readonly Tensor[]): void {
  const bad = outs.find((x) => !isFloat(x.dtype));
  if (bad)
    throw new DTypeError(
      `${op}: expected float results, got ${bad.aval.toString()}.`,
      'return what has no derivative as aux, with hasAux.',
    );
}

/**
 * Jacobian by forward mode: one pass per input element, all at once by vmap. Best for few inputs and many outputs.
 *
 * @returns a function giving ∂f with shape `[…output, …input]` for every pair of leaves
 * @example
 * ```ts
 * import { jacfwd, np } from 'cotangent';
 * console.log(String(jacfwd((x) => np.square(x))(np.array([1, 2])))); // => [[2, 0], [0, 4]]
 * ```
 */
export function jacfwd<
  A extends readonly unknown[] = Tensor[],
  const R = unknown,
  const O extends JacobianOptions | Argnums = Record<never, never>,
>(f: (...args: A) => R, options?: O): (...args: LiftArgs<A>) => JacobianOf<A, R, OptionsFrom<O>> {
  const opts = argnumsOptions<JacobianOptions>('jacfwd', f, options, jacobianKeys);
  return (...args) => {
    const prepared = prepare('jacfwd', f as AnyFunction, opts, args);
    const { tree, flat } = prepared;
    // Outputs do not depend on the tangent that is mapped, so they are the same for every row.
    let outs: Tensor[] = tree.leaves.length === 0 ? flat.call([]) : [];
    const columns = tree.leaves.map((x, i) => {
      let count = 0;
      const push = ([t]: readonly Tensor[]): Tensor[] => {
        const dots = tree.leaves.map((_, k): MaybeZero => (k === i ? t! : null));
        const [primals, tangents] = jvpFlat('jacfwd', flat.call, tree.leaves, dots);
        count = flat.def.numLeaves;
        checkFloatResults('jacfwd', primals.slice(0, count));
        return [...tangents.slice(0, count).map((d, k) => d ?? zeros(primals[k]!.aval.strong())), ...primals];
      };
      const [all, dims] = batchFlat({ size: x.size, axisName: undefined }, push, [basis(x)], [0]);
      outs = all.slice(count);
      return all.slice(0, count).map((o, k) => columnToBlock(o, dims[k]!, x));
    });
    const blocks = Array.from({ length: flat.def.numLeaves }, (_, o) => columns.map((c) => c[o]!));
    return assemble(prepared, blocks, outs) as never;
  };
}

/** [n, …out] → […out, …in]. */
function columnToBlock(o: Tensor, dim: BatchDim, x: Tensor): Tensor {
  const mapped = dim === null ? broadcastTo(o, [x.size, ...o.shape]) : moveAxis(o, dim, 0);
  const last = moveAxis(mapped, 0, mapped.ndim - 1);
  return reshape(last, [...last.shape.slice(0, -1), ...x.shape]);
}

/**
 * Jacobian by reverse mode: one pass per output element, all at once by vmap. Best for many inputs and few outputs.
 */
export function jacrev<
  A extends readonly unknown[] = Tensor[],
  const R = unknown,
  const O extends JacobianOptions | Argnums = Record<never, never>,
>(f: (...args: A) => R, options?: O): (...args: LiftArgs<A>) => JacobianOf<A, R, OptionsFrom<O>> {
  const opts = argnumsOptions<JacobianOptions>('jacrev', f, options, jacobianKeys);
  return (...args) => {
    const prepared = prepare('jacrev', f as AnyFunction, opts, args);
    const { tree, flat } = prepared;
    const linear = new Linearized('jacrev', flat.call, tree.leaves);
    const outs = linear.outs.slice(0, flat.def.numLeaves);
    checkFloatResults('jacrev', outs);
    const blocks = outs.map((out, o) => {
      const pull = ([ct]: readonly Tensor[]): Tensor[] => {
        const cts = outs.map((_, k): MaybeZero => (k === o ? ct! : null));
        return linear.vjp(cts).map((g, i) => g ?? zeros(tree.leaves[i]!.aval.strong()));
      };
      const [grads, dims] = batchFlat({ size: out.size, axisName: undefined }, pull, [basis(out)], [0]);
      return grads.map((g, i) => rowToBlock(g, dims[i]!, out, tree.leaves[i]!));
    });
    return assemble(prepared, blocks, linear.outs) as never;
  };
}

/** [n, …in] → […out, …in]. */
function rowToBlock(g: Tensor, dim: BatchDim, out: Tensor, x: Tensor): Tensor {
  const mapped = dim === null ? broadcastTo(g, [out.size, ...g.shape]) : moveAxis(g, dim, 0);
  return reshape(mapped, [...out.shape, ...x.shape]);
}

/** Same as `jacrev`. */
export const jacobian: typeof jacrev = jacrev;

/**
 * Hessian of a scalar function, forward over reverse.
 * @example
 * ```ts
 * import { hessian, np } from 'cotangent';
 * console.log(String(hessian((x) => np.sum(x.mul(x).mul(x)))(np.array([1, 2])))); // => [[6, 0], [0, 12]]
 * ```
 */
export function hessian<
  A extends readonly unknown[] = Tensor[],
  const R = unknown,
  const O extends JacobianOptions | Argnums = Record<never, never>,
>(f: (...args: A) => R, options?: O): (...args: LiftArgs<A>) => HessianOf<A, R, OptionsFrom<O>> {
  const opts = argnumsOptions<JacobianOptions>('hessian', f, options, jacobianKeys);
  const inner = jacrev(f as unknown as (...args: Tensor[]) => unknown, opts);
  return jacfwd(inner as (...args: Tensor[]) => unknown, opts) as never;
}

/**
 * Hessian-vector product ∇²f(x)·v of a scalar function, forward over reverse: costs a few evaluations of f, never a matrix.
 *
 * @param primals array of arguments (a single tensor stands for one argument)
 * @param tangents the vector, like `primals`
 * @returns like the first argument; with several arguments an array with one entry each
 */
export function hvp<P = Tensor>(f: (x: P) => unknown, primal: Liftable<P>, tangent: Liftable<P>): Tensors<P>;
export function hvp<A extends readonly unknown[]>(
  f: (...args: A) => unknown,
  primals: readonly [...LiftArgs<A>],
  tangents: readonly [...LiftArgs<A>],
): A extends readonly [infer X] ? Tensors<X> : Tensors<A>;
export function hvp(f: (...args: never[]) => unknown, primals: unknown, tangents: unknown): unknown {
  checkFunction('hvp', f);
  const [p, t] = Array.isArray(primals) ? [primals, tangents as unknown[]] : [[primals], [tangents]];
  const argnums = p.map((_, i) => i);
  const gradient = grad(f as (...args: Tensor[]) => unknown, p.length === 1 ? {} : { argnums });
  return pushForward('hvp', gradient as AnyFunction, p, t, false)[1];
}
