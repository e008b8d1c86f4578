/**
 * Products of several matrices: powers, and chains in the cheapest order.
 * May import: `ir`, `core`, `primitives`, `api`.
 * @module
 */
import { ArgumentError, ShapeError } from '../../../ir/errors.ts';
import type { Tensor } from '../../../core/tensor.ts';
import * as prim from '../../../primitives/index.ts';
import { promote, type TensorLike } from '../../lift.ts';
import { matmul, type ProductOptions } from '../products.ts';
import { squareMatrices } from './operands.ts';
import { inv } from './solve.ts';

/**
 * The n-th power of square matrices, by repeated squaring; of the inverse for a negative n.
 * @throws ShapeError unless the matrices are square; ArgumentError unless n is an integer
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(String(np.linalg.matrixPower([[1, 1], [0, 1]], 5))); // => [[1, 5], [0, 1]]
 * ```
 */
export function matrixPower(a: TensorLike, n: number): Tensor {
  const x = squareMatrices('linalg.matrixPower', a);
  if (!Number.isInteger(n)) {
    throw new ArgumentError(
      `linalg.matrixPower: expected an integer exponent, got ${String(n)}.`,
      'a fractional power goes by np.linalg.eigh.',
    );
  }
  const size = x.shape.at(-1)!;
  if (n === 0) return prim.broadcastTo(prim.identityLike(x, size, size), x.shape);
  let square = n < 0 ? inv(x) : x;
  let result: Tensor | undefined;
  for (let rest = Math.abs(n); ;) {
    if (rest % 2 === 1) result = result ? prim.product(result, square) : square;
    rest = Math.floor(rest / 2);
    if (rest === 0) return result!;
    square = prim.product(square, square);
  }
}

/** Where to cut the chain of matrices i … j, for the fewest multiplications (dynamic programming over all chains). */
function cheapestCuts(sizes: readonly number[]): number[][] {
  const count = sizes.length - 1;
  const cost = Array.from({ length: count }, () => Array.from({ length: count }, () => 0));
  const cuts = Array.from({ length: count }, () => Array.from({ length: count }, () => 0));
  for (let length = 2; length <= count; length++) {
    for (let i = 0; i + length <= count; i++) {
      const j = i + length - 1;
      cost[i]![j] = Infinity;
      for (let k = i; k < j; k++) {
        const total = cost[i]![k]! + cost[k + 1]![j]! + sizes[i]! * sizes[k + 1]! * sizes[j + 1]!;
        if (total >= cost[i]![j]!) continue;
        cost[i]![j] = total;
        cuts[i]![j] = k;
      }
    }
  }
  return cuts;
}

/**
 * The product of two or more matrices in the order that takes the fewest multiplications. The first and the last may be vectors.
 * @throws ShapeError for operands that are not matrices, or do not fit
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.linalg.multiDot([np.ones([2, 3]), np.ones([3, 4]), np.ones([4])]).toArray()); // => [ 12, 12 ]
 * ```
 */
export function multiDot(arrays: readonly TensorLike[], options?: ProductOptions): Tensor {
  if (arrays.length < 2) {
    throw new ArgumentError(`linalg.multiDot: expected at least two matrices, got ${arrays.length}.`);
  }
  const xs = promote(...arrays);
  const isEnd = (i: number): boolean => i === 0 || i === xs.length - 1;
  const wrong = xs.find((x, i) => x.ndim !== 2 && !(x.ndim === 1 && isEnd(i)));
  if (wrong) {
    throw new ShapeError(
      `linalg.multiDot: expected matrices, and vectors at the ends only, got ${wrong.aval.toString()}.`,
      'np.matmul multiplies batches of matrices.',
    );
  }
  const rows = xs.map((x, i) => (x.ndim === 1 && i === 0 ? 1 : x.shape[0]!));
  const cuts = cheapestCuts([...rows, xs.at(-1)!.ndim === 1 ? 1 : xs.at(-1)!.shape[1]!]);
  const chain = (i: number, j: number): Tensor =>
    i === j ? xs[i]! : matmul(chain(i, cuts[i]![j]!), chain(cuts[i]![j]! + 1, j), options);
  return chain(0, xs.length - 1);
}
