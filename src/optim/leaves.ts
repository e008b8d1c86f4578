/**
 * Arithmetic on the leaves of parameter trees. Hyperparameters adapt to the dtype of the leaf, so parameters keep theirs.
 * May import: `core`, `primitives`, `api`.
 * @module
 */
import { type DTypeLike, optionalDType, toDType } from '../api/numpy/dtypes.ts';
import { asTensor, type TensorLike } from '../api/lift.ts';
import { defaultFloat, settings } from '../core/config.ts';
import { flatten, type TreeDef, unflatten } from '../core/pytree.ts';
import { scalarTensor, type Tensor } from '../core/tensor.ts';
import { type DType, isFloat } from '../ir/dtype.ts';
import { ArgumentError, DTypeError, TreeError } from '../ir/errors.ts';
import * as prim from '../primitives/index.ts';

/** A tensor with a dtype of its own: a bare number becomes a float scalar. */
function leafOf(op: string, x: unknown, path: string): Tensor {
  if (typeof x === 'string' || typeof x === 'function' || x === undefined) {
    throw new ArgumentError(
      `${op}: expected tensors or numbers, got ${typeof x} at ${path || 'the root'}.`,
      'keep settings out of the parameters.',
      {
        path,
      },
    );
  }
  const t = asTensor(x as TensorLike);
  return t.aval.weakType ? prim.convert(t, t.dtype) : t;
}

/** Leaves as tensors, and the structure. */
export function leavesOf(op: string, tree: unknown): [Tensor[], TreeDef] {
  const [raw, def] = flatten(tree);
  const paths = raw.every((x) => typeof x === 'object') ? undefined : def.paths();
  return [raw.map((x, i) => leafOf(op, x, paths?.[i] ?? '')), def];
}

/** Applies `f` to the leaves at the same place of several trees; the result has the structure of the first. */
export function mapLeaves<P>(op: string, f: (...leaves: Tensor[]) => Tensor, tree: P, ...rest: readonly unknown[]): P {
  const [first, def] = leavesOf(op, tree);
  const lists = rest.map((other) => {
    const [list, otherDef] = leavesOf(op, other);
    if (otherDef.equals(def)) return list;
    throw new TreeError(
      `${op}: expected trees of one structure, got ${def.toString()} and ${otherDef.toString()}.`,
      'gradients, parameters and optimiser state must come from the same parameters: update(grads, state, params).',
    );
  });
  return unflatten(
    def,
    first.map((x, i) => f(x, ...lists.map((list) => list[i]!))),
  ) as P;
}

/** Zeros (or another number) like each leaf, in its dtype or a given one. */
export function fullLike<P>(op: string, tree: P, value: TensorLike, dtype?: DTypeLike): P {
  return mapLeaves(
    op,
    (x) => {
      const target = optionalDType(op, dtype) ?? x.dtype;
      if (!isFloat(target)) {
        throw new DTypeError(
          `${op}: expected parameters of floats, got ${x.aval.toString()}.`,
          'convert with astype, or leave integers out.',
        );
      }
      return prim.broadcastTo(castTo(target, value), x.shape);
    },
    tree,
  );
}

/** A hyperparameter in a dtype: a constant, or a (possibly traced) scalar. */
export function castTo(dtype: DType, value: TensorLike): Tensor {
  if (typeof value === 'number') return scalarTensor(value, dtype);
  const t = asTensor(value);
  return t.dtype === dtype && !t.aval.weakType ? t : prim.convert(t, dtype);
}

/** x · s. */
export const scaled = (x: Tensor, s: TensorLike): Tensor => prim.mul(x, castTo(x.dtype, s));

/** x + s. */
export const shifted = (x: Tensor, s: TensorLike): Tensor => prim.add(x, castTo(x.dtype, s));

/** 1 − s, on the host when it is a number, so that it is rounded once. */
export const complement = (s: TensorLike): TensorLike => {
  if (typeof s === 'number') return 1 - s;
  const t = asTensor(s);
  return prim.sub(prim.like(t, 1), t);
};

/** x converted to a dtype. */
export const cast = (x: Tensor, dtype: DTypeLike | undefined): Tensor =>
  dtype === undefined || x.dtype === dtype ? x : prim.convert(x, toDType('cast', dtype));

/** Step counter: an int32 scalar at 0. */
export const zeroCount = (): Tensor => scalarTensor(0, 'int32');

const lastCount = 2 ** 31 - 1;

/** count + 1, which stays at the largest int32. */
export function increment(count: Tensor): Tensor {
  const last = prim.like(count, lastCount);
  return prim.select(prim.lt(count, last), prim.add(count, prim.like(count, 1)), last);
}

/** Runs `f` with the widest float dtype of the leaves as the default, so that schedules are as precise as the parameters. */
export function withFloatsOf<R>(leaves: readonly Tensor[], f: () => R): R {
  const before = defaultFloat() as typeof settings.defaultDtype;
  if (before === 'float64' || !leaves.some((x) => x.dtype === 'float64')) return f();
  settings.defaultDtype = 'float64';
  try {
    return f();
  } finally {
    settings.defaultDtype = before;
  }
}

/** A step count in its own float dtype, or the default one. */
export function floatOf(count: TensorLike): Tensor {
  const t = asTensor(count);
  return castTo(isFloat(t.dtype) && !t.aval.weakType ? t.dtype : defaultFloat(), t);
}
