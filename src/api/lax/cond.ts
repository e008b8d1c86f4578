/**
 * Branches: `cond` and `switch`.
 * May import: everything up to `control`, `api/args`.
 * @module
 */
import { Aval } from '../../ir/aval.ts';
import { dtypeInfo, promoteTypes } from '../../ir/dtype.ts';
import { ArgumentError, DTypeError, ShapeError, TreeError } from '../../ir/errors.ts';
import { sameShape } from '../../ir/shape.ts';
import { defaultFloat } from '../../core/config.ts';
import { unflatten } from '../../core/pytree.ts';
import { scalarTensor, type Tensor } from '../../core/tensor.ts';
import { like } from '../../primitives/arithmetic.ts';
import { ne } from '../../primitives/compare.ts';
import { convert } from '../../primitives/convert.ts';
import { clamp } from '../../primitives/select.ts';
import { cond as bindCond } from '../../control/cond.ts';
import { type AnyFunction, flattenArgs, type Tensors } from '../args.ts';
import { asTensor, type TensorLike } from '../lift.ts';
import { convertOutputs, shareCaptured, traceBranch, type TracedBranch } from './control.ts';

type Operands<A extends readonly unknown[]> = { [K in keyof A]: Tensors<A[K]> };

/**
 * The result of `trueFun(...operands)` or of `falseFun(...operands)`. Both are traced; one is run (under `vmap` with a mapped
 * predicate, both are, and the results selected).
 *
 * @param pred bool scalar; a number counts as true unless it is 0
 * @throws TreeError, ShapeError or DTypeError if the branches' results differ
 * @example
 * ```ts
 * import { lax, np, type Tensor } from 'cotangent';
 * const root = (x: Tensor) => lax.cond(np.greater(x, 0), (v) => np.sqrt(v), (v) => np.negative(v), x);
 * console.log(String(root(np.array(4))), String(root(np.array(-3)))); // => 2 3
 * ```
 */
export function cond<A extends readonly unknown[], R>(
  pred: TensorLike,
  trueFun: (...operands: Operands<A>) => R,
  falseFun: (...operands: Operands<A>) => unknown,
  ...operands: A
): Tensors<R> {
  const p = asTensor(pred);
  checkScalar('lax.cond', 'predicate', p);
  const isTrue = p.dtype === 'bool' ? p : ne(p, like(p, 0));
  return choose(
    'lax.cond',
    convert(isTrue, 'int32'),
    [falseFun as AnyFunction, trueFun as AnyFunction],
    operands,
  ) as Tensors<R>;
}

/**
 * The result of `branches[index](...operands)`; an index past the ends means the first or last branch.
 * @example
 * ```ts
 * import { lax, np } from 'cotangent';
 * console.log(String(lax.switch(1, [(x) => x, (x) => np.square(x)], np.array(3)))); // => 9
 * ```
 */
export { switchOf as switch };
function switchOf<A extends readonly unknown[], R>(
  index: TensorLike,
  branches: readonly ((...operands: Operands<A>) => R)[],
  ...operands: A
): Tensors<R> {
  if (!Array.isArray(branches)) {
    throw new ArgumentError(
      'lax.switch: expected an array of branches.',
      'write lax.switch(index, [f, g], ...operands).',
    );
  }
  if (branches.length === 0) throw new ArgumentError('lax.switch: expected at least one branch, got none.');
  const i = typeof index === 'number' ? scalarTensor(Math.trunc(index), 'int32') : asTensor(index);
  checkScalar('lax.switch', 'index', i);
  if (dtypeInfo[i.dtype].category === 'float') {
    throw new DTypeError(
      `lax.switch: expected an integer index, got ${i.aval.toString()}.`,
      "convert with astype('int32').",
    );
  }
  const last = scalarTensor(branches.length - 1, 'int32');
  const clamped = clamp(scalarTensor(0, 'int32'), convert(i, 'int32'), last);
  return choose('lax.switch', clamped, branches as readonly AnyFunction[], operands) as Tensors<R>;
}

function checkScalar(op: string, what: string, x: Tensor): void {
  if (x.ndim === 0) return;
  throw new ShapeError(
    `${op}: expected a scalar ${what}, got ${x.aval.toString()}.`,
    'reduce it (np.any, np.all), or use np.where to choose elementwise.',
  );
}

function choose(op: string, index: Tensor, branches: readonly AnyFunction[], args: readonly unknown[]): unknown {
  const { leaves, def } = flattenArgs(op, args, 'operands');
  const avals = leaves.map((x) => x.aval);
  const traced = branches.map((f) => traceBranch(op, f, def, avals));
  const types = commonTypes(op, traced);
  const { captured, programs } = shareCaptured(traced);
  const fitted = programs.map((p) => convertOutputs(p, types));
  return unflatten(traced[0]!.def, bindCond(fitted, index, [...captured, ...leaves]));
}

/** Types of the results; weakly typed ones take the type of the others. */
function commonTypes(op: string, branches: readonly TracedBranch[]): Aval[] {
  const [first, ...others] = branches;
  others.forEach((b, k) => {
    if (b.def.equals(first!.def)) return;
    throw new TreeError(
      `${op}: expected branches with results of one structure, got ${first!.def.toString()} from branch 0 and ${b.def.toString()} from branch ${k + 1}.`,
      'return the same containers and keys from every branch.',
    );
  });
  return first!.program.outAvals.map((aval, i) => {
    const all = branches.map((b) => b.program.outAvals[i]!);
    const joined = all.reduce((a, b) => joinTypes(a, b));
    const odd = all.findIndex((a) => !sameShape(a.shape, aval.shape) || (!a.weakType && a.dtype !== joined.dtype));
    if (odd >= 0) throw mismatch(op, all, odd, first!.def.paths()[i]!);
    return joined;
  });
}

function joinTypes(a: Aval, b: Aval): Aval {
  const { dtype, weakType } = promoteTypes(a, b, defaultFloat());
  return new Aval(a.shape, dtype, weakType);
}

function mismatch(op: string, avals: readonly Aval[], k: number, path: string): Error {
  const other = avals.findIndex((a) => !a.equals(avals[k]!, true));
  const [a, b] = [avals[other]!, avals[k]!];
  const isDType = sameShape(a.shape, b.shape);
  const message =
    `${op}: expected branches with results of one type, got ${a.strong().toString()} from branch ${other} and ` +
    `${b.strong().toString()} from branch ${k} at result${path}.`;
  const details = { path, types: avals.map(String) };
  if (isDType) return new DTypeError(message, 'convert one of them with astype.', details);
  return new ShapeError(message, 'give the results one shape, with reshape or broadcastTo.', details);
}
