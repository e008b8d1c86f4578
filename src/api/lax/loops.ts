/**
 * Loops: `scan`, `map`, `foriLoop`, `whileLoop`.
 * May import: everything up to `control`, `api/args`.
 * @module
 */
import type { Aval } from '../../ir/aval.ts';
import type { Program } from '../../ir/program.ts';
import { isInteger } from '../../ir/dtype.ts';
import { ArgumentError, DTypeError, ShapeError, TreeError } from '../../ir/errors.ts';
import { type TreeDef, unflatten } from '../../core/pytree.ts';
import { ConcreteTensor, scalarTensor, type Tensor } from '../../core/tensor.ts';
import { add } from '../../primitives/arithmetic.ts';
import { lt } from '../../primitives/compare.ts';
import { convert } from '../../primitives/convert.ts';
import { iota } from '../../primitives/iota.ts';
import { scan as bindScan } from '../../control/scan.ts';
import { whileLoop as bindWhile } from '../../control/while.ts';
import { type AnyFunction, checkFunction, flattenArgs, type FlatTree, type Tensors } from '../args.ts';
import { asTensor, type TensorLike } from '../lift.ts';
import { checkOptions, optionsOf } from '../options.ts';
import { settleCarry, traceBranch } from './control.ts';

/** Any pytree; the empty tuple makes array literals infer as tuples. */
export type Tree = [] | object | number | boolean | null | undefined;

export interface ScanOptions {
  /** Number of iterations; needed when `xs` is null. */
  readonly length?: number;
  /** From the last element to the first; results keep the order of xs. */
  readonly reverse?: boolean;
  /** Iterations that are compiled as one (true: all of them). Larger code, and less to do between iterations; equal results. */
  readonly unroll?: number | boolean;
}

/** Iterations that become one. */
function unrollOf(op: string, given: number | boolean | null | undefined, length: number): { unroll?: number } {
  if (given === undefined || given === null || given === false) return {};
  if (given === true) return { unroll: Math.max(1, length) };
  if (Number.isInteger(given) && given > 0) return { unroll: given };
  throw new ArgumentError(`${op}: expected unroll to be a positive integer or a boolean, got ${given}.`);
}

/**
 * A loop with a carry over slices of `xs`: `[carry, y] = f(carry, x)`, ys stacked. It differentiates in both modes.
 *
 * @param xs pytree of arrays with one leading axis (or null, with `length`)
 * @param options an object, or the length
 * @returns `[carry, ys]`
 * @throws DTypeError, ShapeError or TreeError if the carry changes type
 * @example
 * ```ts
 * import { lax, np } from 'cotangent';
 * const [total, partial] = lax.scan((c, x) => [c.add(x), c], 0, np.array([1, 2, 3]));
 * console.log(String(total), String(partial)); // => 6 [0, 1, 3]
 * ```
 */
export function scan<C extends Tree, X extends Tree, Y>(
  f: (carry: Tensors<NoInfer<C>>, x: Tensors<NoInfer<X>>) => readonly [unknown, Y],
  init: C,
  xs: X,
  options?: number | ScanOptions | null,
  rest?: ScanOptions,
): [Tensors<C>, Tensors<Y>] {
  const o = optionsOf<ScanOptions>('lax.scan', 'length', options ?? undefined, rest, ['length', 'reverse', 'unroll']);
  const { leaves, def } = flattenArgs('lax.scan', [init, xs ?? null]);
  const carryDef = def.children[0]!;
  const numCarry = carryDef.numLeaves;
  const length = scanLength({ leaves: leaves.slice(numCarry), def: def.children[1]! }, o.length);
  const slices = leaves.slice(numCarry).map((x) => x.aval.withShape(x.shape.slice(1)));
  const trace = (avals: readonly Aval[]): ReturnType<typeof traceBranch> =>
    traceBranch('lax.scan', f as AnyFunction, def, [...avals, ...slices]);
  const { leaves: carry, branch } = settleCarry('lax.scan', leaves.slice(0, numCarry), carryDef, trace, carryOfPair);
  const outs = bindScan([...branch.captured, ...carry, ...leaves.slice(numCarry)], {
    body: branch.program,
    numConsts: branch.captured.length,
    numCarry,
    length,
    reverse: o.reverse ?? false,
    ...unrollOf('lax.scan', o.unroll, length),
  });
  return unflatten(branch.def, outs) as [Tensors<C>, Tensors<Y>];
}

function carryOfPair(result: TreeDef): TreeDef {
  if (result.node.kind === 'array' && result.children.length === 2) return result.children[0]!;
  throw new TreeError(
    `lax.scan: expected the function to return [carry, y], got ${result.toString()}.`,
    'return a pair; y may be null when there is nothing to stack.',
  );
}

function scanLength({ leaves, def }: FlatTree, given: number | undefined): number {
  let [length, from] = [given, 'length'];
  leaves.forEach((x, i) => {
    const path = length === undefined || x.ndim === 0 || x.shape[0] !== length ? `xs${def.path(i)}` : '';
    if (x.ndim === 0) {
      throw new ShapeError(
        `lax.scan: expected ${path} to have a leading axis, got ${x.aval.toString()}.`,
        'put what is the same in every iteration in the carry, or close over it.',
      );
    }
    if (length === undefined) [length, from] = [x.shape[0]!, path];
    else if (length !== x.shape[0]) {
      throw new ShapeError(
        `lax.scan: expected ${path} to have ${length} entries as ${from}, got ${x.aval.toString()}.`,
      );
    }
  });
  if (length !== undefined) return length;
  throw new ArgumentError('lax.scan: expected xs or a length, got neither.', 'pass { length: n } with null for xs.');
}

export interface MapOptions {
  /** Accepted for compatibility; results do not depend on it. */
  readonly batchSize?: number;
}

/**
 * `f` of every slice along the leading axis, one after the other; results stacked. (`vmap` does them at once.)
 */
export function map<X extends Tree, R>(f: (x: Tensors<NoInfer<X>>) => R, xs: X, options: MapOptions = {}): Tensors<R> {
  checkOptions('lax.map', options, ['batchSize']);
  return scan((_carry: null, x: Tensors<X>): readonly [null, R] => [null, f(x)], null, xs)[1];
}

export interface LoopOptions {
  /** Iterations that are compiled as one, where the bounds are known when the loop is traced (true: all of them). */
  readonly unroll?: number | boolean | null;
}

/** A bound known now: a number, or a concrete integer scalar. */
function knownBound(x: TensorLike): number | undefined {
  if (typeof x === 'number') {
    if (Number.isInteger(x)) return x;
    throw new ArgumentError(`lax.foriLoop: expected integers as bounds, got ${x}.`, 'round it first.');
  }
  const t = asTensor(x);
  return t instanceof ConcreteTensor && t.size === 1 ? t.item() : undefined;
}

/**
 * `value = body(i, value)` for i from `lower` up to (not including) `upper`. With bounds that are known when it is traced it is a
 * `scan`, and reverse mode works; with traced bounds it is a `whileLoop`.
 * @example
 * ```ts
 * import { grad, lax, np, type Tensor } from 'cotangent';
 * const power = (x: Tensor) => lax.foriLoop(0, 3, (i, v) => v.mul(x), 1);
 * console.log(String(power(np.array(2))), String(grad(power)(2))); // => 8 12
 * ```
 */
export function foriLoop<C extends Tree>(
  lower: TensorLike,
  upper: TensorLike,
  body: (i: Tensor, value: Tensors<NoInfer<C>>) => unknown,
  init: C,
  options: LoopOptions = {},
): Tensors<C> {
  checkFunction('lax.foriLoop', body);
  checkOptions('lax.foriLoop', options, ['unroll']);
  const [lo, hi] = [knownBound(lower), knownBound(upper)];
  if (lo !== undefined && hi !== undefined) {
    const length = Math.max(0, hi - lo);
    const counters = iota([length], 'int32', 0);
    const indices = lo === 0 ? counters : add(counters, scalarTensor(lo, 'int32'));
    const step = (value: Tensors<C>, i: Tensor): readonly [unknown, null] => [body(i, value), null];
    return scan(step, init, indices, unrollOf('lax.foriLoop', options.unroll, length))[0];
  }
  const one = scalarTensor(1, 'int32');
  const state = { i: bound(lower), stop: bound(upper), value: init };
  type State = { readonly i: Tensor; readonly stop: Tensor; readonly value: Tensors<C> };
  const end = whileLoop(
    (({ i, stop }: State) => lt(i, stop)) as never,
    (({ i, stop, value }: State) => ({ i: add(i, one), stop, value: body(i, value) })) as never,
    state,
  ) as State;
  return end.value;
}

function bound(x: TensorLike): Tensor {
  const t = typeof x === 'number' ? scalarTensor(x, 'int32') : asTensor(x);
  if (t.ndim === 0 && isInteger(t.dtype)) return convert(t, 'int32');
  throw new DTypeError(
    `lax.foriLoop: expected integer scalars as bounds, got ${t.aval.toString()}.`,
    "convert with astype('int32').",
  );
}

/**
 * `value = body(value)` while `cond(value)` holds. Forward mode and vmap work; reverse mode does not (its memory would have no bound):
 * use `foriLoop` or `scan`.
 * @example
 * ```ts
 * import { lax, np } from 'cotangent';
 * console.log(String(lax.whileLoop((x) => np.less(x, 100), (x) => x.mul(2), 3))); // => 192
 * ```
 */
export function whileLoop<C extends Tree>(
  cond: (value: Tensors<NoInfer<C>>) => unknown,
  body: (value: Tensors<NoInfer<C>>) => unknown,
  init: C,
): Tensors<C> {
  const { leaves, def } = flattenArgs('lax.whileLoop', [init]);
  const carryDef = def.children[0]!;
  const trace = (avals: readonly Aval[]): ReturnType<typeof traceBranch> =>
    traceBranch('lax.whileLoop', body as AnyFunction, def, avals);
  const { leaves: carry, branch } = settleCarry('lax.whileLoop', leaves, carryDef, trace, (d) => d);
  const test = traceBranch(
    'lax.whileLoop',
    cond as AnyFunction,
    def,
    carry.map((x) => x.aval),
  );
  checkCondition(test.program, test.def);
  const outs = bindWhile([...test.captured, ...branch.captured, ...carry], {
    cond: test.program,
    body: branch.program,
    numCondConsts: test.captured.length,
    numBodyConsts: branch.captured.length,
  });
  return unflatten(carryDef, outs) as Tensors<C>;
}

function checkCondition({ outputs, outAvals }: Program, def: TreeDef): void {
  const [aval] = outAvals;
  if (def.node.kind === 'leaf' && aval!.ndim === 0 && aval!.dtype === 'bool') {
    const [holds] = outputs;
    if (holds!.kind !== 'literal' || holds!.value.scalar !== 1) return;
    throw new ArgumentError(
      'lax.whileLoop: expected a condition that depends on the value, got one that is always true: the loop would not end.',
      'compare the value that the condition is called with: lax.whileLoop((x) => np.less(x, 100), …).',
    );
  }
  const got = def.node.kind === 'leaf' ? aval!.toString() : def.toString();
  throw new DTypeError(
    `lax.whileLoop: expected the condition to return bool[], got ${got}.`,
    'compare (np.less, np.any) to get one boolean.',
  );
}
