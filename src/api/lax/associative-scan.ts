/**
 * Running combinations of a pytree under an associative function, in logarithmic depth.
 * May import: everything up to `control`, `api/args`.
 * @module
 */
import { ShapeError, TreeError } from '../../ir/errors.ts';
import { normalizeAxis } from '../../ir/shape.ts';
import { unflatten } from '../../core/pytree.ts';
import type { Tensor } from '../../core/tensor.ts';
import { concatenate, reverse as flip } from '../../primitives/movement.ts';
import { sliceAxis } from '../../primitives/slice.ts';
import { reshape } from '../../primitives/structural.ts';
import { flattenArgs, flattenResult, type Tensors } from '../args.ts';
import { readOptions } from '../named.ts';

export interface AssociativeScanOptions {
  readonly reverse?: boolean;
  /** Default 0. */
  readonly axis?: number;
}

type Row = readonly Tensor[];
type Combine = (a: Row, b: Row) => Row;

/**
 * y[i] = x[0] ∘ … ∘ x[i] for an associative ∘, in about 2 log₂ n combinations of whole arrays (Blelloch 1990).
 *
 * @param fn combines two slices of any length, elementwise along the axis
 * @example
 * ```ts
 * import { lax, np } from 'cotangent';
 * console.log(String(lax.associativeScan(np.multiply, np.array([1, 2, 3, 4])))); // => [1, 2, 6, 24]
 * ```
 */
export function associativeScan<X>(
  fn: (a: Tensors<NoInfer<X>>, b: Tensors<NoInfer<X>>) => unknown,
  elems: X,
  reverse?: boolean | AssociativeScanOptions,
  options?: AssociativeScanOptions,
): Tensors<X> {
  const { reverse: isReverse = false, axis = 0 } = readOptions<AssociativeScanOptions>(
    'lax.associativeScan',
    ['reverse', 'axis'],
    [reverse, options],
  );
  const { leaves, def } = flattenArgs('lax.associativeScan', elems, 'elems');
  const d = normalizeAxis('lax.associativeScan', axis, leaves[0]?.ndim ?? 0);
  const n = leaves[0]!.shape[d]!;
  const odd = leaves.find((x) => x.shape[d] !== n);
  if (odd)
    throw new ShapeError(
      `lax.associativeScan: expected axis ${d} of every array to have size ${n}, got ${odd.aval.toString()}.`,
    );
  const combine: Combine = (a, b) => {
    const result = flattenResult(
      'lax.associativeScan',
      fn(unflatten(def, a) as Tensors<X>, unflatten(def, b) as Tensors<X>),
    );
    if (result.def.equals(def)) return result.leaves;
    throw new TreeError(`lax.associativeScan: expected fn to return ${def.toString()}, got ${result.def.toString()}.`);
  };
  const ordered = (row: Row): Row => (isReverse ? row.map((x) => flip(x, [d])) : row);
  return unflatten(def, ordered(scanRow(ordered(leaves), d, combine))) as Tensors<X>;
}

/** Neighbours are combined; the scan of that half-length row gives the odd positions, one more combination the even ones. */
function scanRow(row: Row, axis: number, combine: Combine): Row {
  const n = row[0]!.shape[axis]!;
  if (n < 2) return row;
  const take = (xs: Row, start: number, limit: number, stride = 1): Row =>
    xs.map((x) => sliceAxis(x, axis, start, limit, stride));
  const odd = scanRow(combine(take(row, 0, n - 1, 2), take(row, 1, n, 2)), axis, combine);
  const before = n % 2 === 0 ? take(odd, 0, n / 2 - 1) : odd;
  const first = take(row, 0, 1);
  const even = n === 2 ? first : combine(before, take(row, 2, n, 2)).map((x, i) => concatenate([first[i]!, x], axis));
  return even.map((x, i) => interleave(x, odd[i]!, axis));
}

/** a₀ b₀ a₁ b₁ … along the axis; `a` may be one longer. */
function interleave(a: Tensor, b: Tensor, axis: number): Tensor {
  const n = b.shape[axis]!;
  const apart = b.shape.flatMap((size, i) => (i === axis ? [n, 1] : [size]));
  const pairs = concatenate([reshape(sliceAxis(a, axis, 0, n), apart), reshape(b, apart)], axis + 1);
  const joined = reshape(
    pairs,
    b.shape.map((size, i) => (i === axis ? 2 * n : size)),
  );
  const rest = sliceAxis(a, axis, n, a.shape[axis]!);
  return rest.shape[axis] === 0 ? joined : concatenate([joined, rest], axis);
}
