/**
 * Products of `lax` that contract axes.
 * May import: `ir`, `core`, `primitives`, `api/lift`.
 * @module
 */
import { promoteDTypes } from '../../ir/dtype.ts';
import { ShapeError } from '../../ir/errors.ts';
import type { Tensor } from '../../core/tensor.ts';
import { convert } from '../../primitives/convert.ts';
import { dotGeneral as dotGeneralOf } from '../../primitives/dot.ts';
import type { TensorLike } from '../lift.ts';
import { type DTypeLike, optionalDType } from '../numpy/dtypes.ts';
import { readOptions } from '../named.ts';
import { adapt } from './operands.ts';

/** `[[contracting axes of x, of y], [batch axes of x, of y]]`. */
export type DotDimensionNumbers = readonly [
  readonly [readonly number[], readonly number[]] | readonly (readonly number[])[],
  readonly [readonly number[], readonly number[]] | readonly (readonly number[])[],
];

export interface DotOptions {
  /** Accepted for compatibility; products accumulate in at least the operands' precision, those of 16-bit floats in float32. */
  readonly precision?: unknown;
  /** Dtype of the sums, and of the result. */
  readonly preferredElementType?: DTypeLike;
}

const dotNames = ['dimensionNumbers', 'precision', 'preferredElementType'] as const;

/** A product whose sums have the given dtype: operands are converted to a wider one first, the result to a narrower one. */
export function inElementType(
  op: string,
  preferred: DTypeLike | null | undefined,
  product: (x: Tensor, y: Tensor) => Tensor,
  x: Tensor,
  y: Tensor,
): Tensor {
  const dtype = optionalDType(op, preferred);
  if (dtype === undefined) return product(x, y);
  const isWider = promoteDTypes(x.dtype, dtype) === dtype;
  return convert(isWider ? product(convert(x, dtype), convert(y, dtype)) : product(x, y), dtype);
}

/**
 * Sum of products over the contracting axes, for each index of the batch axes. Result axes: batch, free of x, free of y.
 * @example
 * ```ts
 * import { lax, np } from 'cotangent';
 * const a = np.array([[1, 2], [3, 4]]);
 * console.log(String(lax.dotGeneral(a, a, [[[1], [0]], [[], []]]))); // => [[7, 10], [15, 22]]
 * ```
 */
export function dotGeneral(
  x: TensorLike,
  y: TensorLike,
  dimensionNumbers:
    | DotDimensionNumbers
    | readonly (readonly (readonly number[])[])[]
    | (DotOptions & { readonly dimensionNumbers: DotDimensionNumbers }),
  options: DotOptions = {},
): Tensor {
  const o = readOptions<DotOptions & { readonly dimensionNumbers: unknown }>('lax.dotGeneral', dotNames, [
    dimensionNumbers,
    options,
  ]);
  const [contract, batch] = o.dimensionNumbers as readonly (readonly (readonly number[])[])[];
  const params = { contract: [contract![0]!, contract![1]!], batch: [batch?.[0] ?? [], batch?.[1] ?? []] } as const;
  const [a, b] = adapt(x, y) as [Tensor, Tensor];
  return inElementType('lax.dotGeneral', o.preferredElementType, (p, q) => dotGeneralOf(p, q, params), a, b);
}

/** Vector and matrix products: the last axis of x with the first of y. */
export function dot(x: TensorLike, y: TensorLike, options: DotOptions = {}): Tensor {
  const [a, b] = adapt(x, y);
  if (a!.ndim < 1 || a!.ndim > 2 || b!.ndim < 1 || b!.ndim > 2) {
    throw new ShapeError(
      `lax.dot: expected vectors or matrices, got ${a!.aval.toString()} and ${b!.aval.toString()}.`,
      'use np.matmul, np.tensordot or lax.dotGeneral for other ranks.',
    );
  }
  return dotGeneral(
    a!,
    b!,
    [
      [[a!.ndim - 1], [0]],
      [[], []],
    ],
    options,
  );
}

/** Matrix products over the last two axes; the leading axes are equal. */
export function batchMatmul(x: TensorLike, y: TensorLike): Tensor {
  const [a, b] = adapt(x, y);
  const n = a!.ndim;
  const leading = Array.from({ length: n - 2 }, (_, d) => d);
  return dotGeneral(a!, b!, [
    [[n - 1], [n - 2]],
    [leading, leading],
  ]);
}
