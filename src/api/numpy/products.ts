/**
 * Products of vectors, matrices and tensors, each one `dot_general`.
 * May import: `ir`, `core`, `primitives`, `api/lift`, `api/options`.
 * @module
 */
import { isFloat, promoteDTypes } from '../../ir/dtype.ts';
import { ArgumentError, ShapeError } from '../../ir/errors.ts';
import { normalizeAxis, tryBroadcastShapes } from '../../ir/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import * as prim from '../../primitives/index.ts';
import { asTensor, promote, type TensorLike } from '../lift.ts';
import { checkOptions, optionsOf } from '../options.ts';
import { type DTypeLike, optionalDType } from './dtypes.ts';
import { moveaxis, range, ravel } from './movement.ts';

export interface ProductOptions {
  /** Accepted for JAX's sake: products are computed in full precision. */
  readonly precision?: unknown;
  /** Dtype of the result. */
  readonly preferredElementType?: DTypeLike | null | undefined;
}

export const productKeys: readonly string[] = ['precision', 'preferredElementType'];

/**
 * Operands of one dtype that products exist in, and in which sums have the preferred dtype; the function restores the dtype that the
 * operands have in common, but for a preferred one.
 */
export function productOperands(
  xs: readonly TensorLike[],
  preferred?: DTypeLike | null,
): { tensors: Tensor[]; restore: (t: Tensor) => Tensor } {
  const promoted = promote(...xs);
  const { dtype } = promoted[0]!;
  const wanted = optionalDType('preferredElementType', preferred);
  if (wanted !== undefined && wanted !== dtype && isFloat(wanted) && promoteDTypes(dtype, wanted) === wanted)
    return { tensors: promoted.map((t) => prim.convert(t, wanted)), restore: (t) => t };
  if (isFloat(dtype) || dtype === 'int32' || dtype === 'uint32') return { tensors: promoted, restore: (t) => t };
  const wide = dtype === 'bool' ? 'int32' : 'uint32';
  return { tensors: promoted.map((t) => prim.convert(t, wide)), restore: (t) => prim.convert(t, dtype) };
}

function finish(op: string, t: Tensor, options: ProductOptions | undefined): Tensor {
  checkOptions(op, options, productKeys);
  const dtype = optionalDType(op, options?.preferredElementType);
  return dtype ? prim.convert(t, dtype) : t;
}

function mismatch(op: string, x: Tensor, y: Tensor, m: number | undefined, n: number | undefined): ShapeError {
  return new ShapeError(
    `${op}: expected equal inner dimensions, got ${x.aval.toString()} @ ${y.aval.toString()} (${m ?? 'none'} ≠ ${n ?? 'none'}).`,
    "transpose one operand, or check the layer's input size.",
    { shapes: [x.shape, y.shape] },
  );
}

/**
 * Matrix product; axes before the last two broadcast, a vector counts as a row on the left and as a column on the right.
 * @throws ShapeError for unequal inner dimensions, and for scalars
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.matmul([[1, 2], [3, 4]], [5, 6]).toArray()); // => [ 17, 39 ]
 * ```
 */
export function matmul(x: TensorLike, y: TensorLike, options?: ProductOptions): Tensor {
  const { tensors, restore } = productOperands([x, y], options?.preferredElementType);
  const [a, b] = tensors as [Tensor, Tensor];
  if (a.ndim === 0 || b.ndim === 0) {
    throw new ShapeError(
      `matmul: expected at least one axis, got ${a.aval.toString()} @ ${b.aval.toString()}.`,
      'use multiply for scalars.',
    );
  }
  const [inner, other] = [a.shape[a.ndim - 1]!, b.shape[Math.max(0, b.ndim - 2)]!];
  if (inner !== other) throw mismatch('matmul', a, b, inner, other);
  return finish('matmul', restore(batchedProduct(a, b)), options);
}

function batchedProduct(a: Tensor, b: Tensor): Tensor {
  const aBatch = a.shape.slice(0, -2);
  const bBatch = b.shape.slice(0, -2);
  const contractB = Math.max(0, b.ndim - 2);
  // Only one side has batch axes: they are free axes of a single product.
  if (bBatch.length === 0) return prim.dotGeneral(a, b, { contract: [[a.ndim - 1], [contractB]], batch: [[], []] });
  if (aBatch.length === 0) {
    const product = prim.dotGeneral(a, b, { contract: [[a.ndim - 1], [contractB]], batch: [[], []] });
    return a.ndim === 1 ? product : prim.moveAxis(product, 0, product.ndim - 2);
  }
  const common = tryBroadcastShapes([aBatch, bBatch]);
  if (!common) {
    throw new ShapeError(
      `matmul: expected batch axes that broadcast together, got ${a.aval.toString()} @ ${b.aval.toString()}.`,
      'all axes but the last two are batch axes.',
    );
  }
  const batch = range(common.length);
  const wide = (t: Tensor): Tensor => prim.broadcastTo(t, [...common, ...t.shape.slice(-2)]);
  return prim.dotGeneral(wide(a), wide(b), { contract: [[common.length + 1], [common.length]], batch: [batch, batch] });
}

/**
 * Sum over the last axis of x and the second to last of y (the only one of a vector); a product where either is a scalar.
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.dot([1, 2], [3, 4]).item()); // => 11
 * ```
 */
export function dot(x: TensorLike, y: TensorLike, options?: ProductOptions): Tensor {
  const { tensors, restore } = productOperands([x, y], options?.preferredElementType);
  const [a, b] = tensors as [Tensor, Tensor];
  if (a.ndim === 0 || b.ndim === 0) return finish('dot', restore(prim.mul(a, b)), options);
  const at = Math.max(0, b.ndim - 2);
  if (a.shape.at(-1) !== b.shape[at]) throw mismatch('dot', a, b, a.shape.at(-1), b.shape[at]);
  return finish('dot', restore(prim.dotGeneral(a, b, { contract: [[a.ndim - 1], [at]], batch: [[], []] })), options);
}

/** Sum over the last axes of both. */
export function inner(x: TensorLike, y: TensorLike, options?: ProductOptions): Tensor {
  const { tensors, restore } = productOperands([x, y], options?.preferredElementType);
  const [a, b] = tensors as [Tensor, Tensor];
  if (a.ndim === 0 || b.ndim === 0) return finish('inner', restore(prim.mul(a, b)), options);
  if (a.shape.at(-1) !== b.shape.at(-1)) throw mismatch('inner', a, b, a.shape.at(-1), b.shape.at(-1));
  return finish(
    'inner',
    restore(prim.dotGeneral(a, b, { contract: [[a.ndim - 1], [b.ndim - 1]], batch: [[], []] })),
    options,
  );
}

/** All products of an element of x and an element of y, both flattened. */
export function outer(x: TensorLike, y: TensorLike): Tensor {
  const { tensors, restore } = productOperands([x, y]);
  const [a, b] = tensors.map((t) => ravel(t)) as [Tensor, Tensor];
  return restore(prim.mul(prim.reshape(a, [a.size, 1]), prim.reshape(b, [1, b.size])));
}

/** Sum of products of the flattened arrays. */
export const vdot = (x: TensorLike, y: TensorLike, options?: ProductOptions): Tensor =>
  dot(ravel(x), ravel(y), options);

/** Sum of products along an axis (the last) of both; the others broadcast. */
export function vecdot(x: TensorLike, y: TensorLike, axis?: number | { readonly axis?: number }): Tensor {
  const { axis: at = -1 } = optionsOf<{ axis?: number }>('vecdot', 'axis', axis, undefined, ['axis']);
  const { tensors, restore } = productOperands([x, y]);
  const [a, b] = tensors as [Tensor, Tensor];
  const [p, q] = [moveaxis(a, at, -1), moveaxis(b, at, -1)];
  if (p.shape.at(-1) !== q.shape.at(-1)) throw mismatch('vecdot', a, b, p.shape.at(-1), q.shape.at(-1));
  const product = prim.mul(p, q);
  return restore(prim.reduceSum(product, [product.ndim - 1]));
}

/** Matrix times vector over the last axes. */
export const matvec = (x: TensorLike, y: TensorLike): Tensor => {
  const b = asTensor(y);
  const product = matmul(x, prim.reshape(b, [...b.shape, 1]));
  return prim.reshape(product, product.shape.slice(0, -1));
};

/** Vector times matrix over the last axes. */
export const vecmat = (x: TensorLike, y: TensorLike): Tensor => {
  const a = asTensor(x);
  const product = matmul(prim.reshape(a, a.shape.toSpliced(a.ndim - 1, 0, 1)), y);
  return prim.reshape(product, product.shape.toSpliced(product.ndim - 2, 1));
};

/** A number n (the last n axes of x with the first n of y), or the axes of each. */
export type ContractedAxes = number | readonly [number | readonly number[], number | readonly number[]];

/**
 * Sum over pairs of axes.
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.tensordot(np.ones([2, 3]), np.ones([3, 4]), 1).shape); // => [ 2, 4 ]
 * ```
 */
export function tensordot(
  x: TensorLike,
  y: TensorLike,
  axes?: ContractedAxes | (ProductOptions & { readonly axes?: ContractedAxes }),
  options?: ProductOptions,
): Tensor {
  const o = optionsOf<ProductOptions & { readonly axes?: ContractedAxes }>('tensordot', 'axes', axes, options, [
    'axes',
    ...productKeys,
  ]);
  const { tensors, restore } = productOperands([x, y], o.preferredElementType);
  const [a, b] = tensors as [Tensor, Tensor];
  const given = o.axes ?? 2;
  if (typeof given === 'number' && (given < 0 || given > Math.min(a.ndim, b.ndim))) {
    throw new ArgumentError(`tensordot: expected at most ${Math.min(a.ndim, b.ndim)} axes, got ${given}.`);
  }
  const pair: readonly [readonly number[], readonly number[]] =
    typeof given === 'number'
      ? [range(given, a.ndim - given), range(given)]
      : [
          [given[0]].flat().map((d) => normalizeAxis('tensordot', d, a.ndim)),
          [given[1]].flat().map((d) => normalizeAxis('tensordot', d, b.ndim)),
        ];
  const unequal = pair[0].findIndex((d, i) => a.shape[d] !== b.shape[pair[1][i]!]);
  if (unequal >= 0) throw mismatch('tensordot', a, b, a.shape[pair[0][unequal]!], b.shape[pair[1][unequal]!]);
  const { axes: _axes, ...rest } = o;
  return finish('tensordot', restore(prim.dotGeneral(a, b, { contract: pair, batch: [[], []] })), rest);
}

/** Kronecker product: every element of x times all of y. */
export function kron(x: TensorLike, y: TensorLike): Tensor {
  const { tensors, restore } = productOperands([x, y]);
  const rank = Math.max(...tensors.map((t) => t.ndim));
  const [a, b] = tensors.map((t) => prim.reshape(t, [...range(rank - t.ndim).map(() => 1), ...t.shape])) as [
    Tensor,
    Tensor,
  ];
  const left = prim.reshape(
    a,
    a.shape.flatMap((n) => [n, 1]),
  );
  const right = prim.reshape(
    b,
    b.shape.flatMap((n) => [1, n]),
  );
  return restore(
    prim.reshape(
      prim.mul(left, right),
      a.shape.map((n, d) => n * b.shape[d]!),
    ),
  );
}

export interface CrossOptions {
  /** Axis of the vectors in all three; −1. */
  readonly axis?: number | null | undefined;
  readonly axisa?: number | undefined;
  readonly axisb?: number | undefined;
  readonly axisc?: number | undefined;
}

/** Cross product of vectors of 3 (or 2) components along the last axis; of two plane vectors the third component alone. */
export function cross(x: TensorLike, y: TensorLike, options?: CrossOptions): Tensor {
  checkOptions('cross', options, ['axis', 'axisa', 'axisb', 'axisc']);
  const { axis, axisa = -1, axisb = -1, axisc = -1 } = options ?? {};
  const [p, q] = promote(x, y) as [Tensor, Tensor];
  const a = moveaxis(p, axis ?? axisa, -1);
  const b = moveaxis(q, axis ?? axisb, -1);
  const component = (t: Tensor, i: number): Tensor =>
    prim.reshape(prim.sliceAxis(t, t.ndim - 1, i, i + 1), t.shape.slice(0, -1));
  const lengths = [a.shape.at(-1), b.shape.at(-1)];
  if (!lengths.every((n) => n === 2 || n === 3)) {
    throw new ShapeError(
      `cross: expected vectors of 2 or 3 components, got ${p.aval.toString()} and ${q.aval.toString()}.`,
    );
  }
  const minor = (i: number, j: number): Tensor => {
    const term = (k: number, l: number): Tensor | null =>
      k < lengths[0]! && l < lengths[1]! ? prim.mul(component(a, k), component(b, l)) : null;
    const [plus, minus] = [term(i, j), term(j, i)];
    if (plus && minus) return prim.sub(plus, minus);
    return plus ?? (minus ? prim.neg(minus) : prim.like(p, 0));
  };
  const third = minor(0, 1);
  if (lengths[0] === 2 && lengths[1] === 2) return third;
  const parts = [minor(1, 2), minor(2, 0), third].map((t) => prim.broadcastTo(t, third.shape));
  const stacked = prim.concatenate(
    parts.map((t) => prim.reshape(t, [...t.shape, 1])),
    third.ndim,
  );
  return moveaxis(stacked, -1, axis ?? axisc);
}
