/**
 * Running combinations of dual numbers: how the derivatives of cumulative operations are computed.
 * May import: `ir`, `core`, `primitives/structural`, `primitives/slice`, `primitives/movement`.
 * @module
 */
import type { Tensor } from '../core/tensor.ts';
import { concatenate, reverse } from './movement.ts';
import { sliceAxis } from './slice.ts';
import { reshape } from './structural.ts';

/** A value with its tangent. */
export interface Dual {
  readonly primal: Tensor;
  readonly tangent: Tensor;
}

const both = (f: (x: Tensor) => Tensor, x: Dual): Dual => ({ primal: f(x.primal), tangent: f(x.tangent) });
const both2 = (f: (x: Tensor, y: Tensor) => Tensor, x: Dual, y: Dual): Dual => ({
  primal: f(x.primal, y.primal),
  tangent: f(x.tangent, y.tangent),
});

/** a₀ b₀ a₁ b₁ … along the axis; `a` may be one longer. */
function interleave(a: Tensor, b: Tensor, axis: number): Tensor {
  const n = b.aval.shape[axis]!;
  const apart = b.aval.shape.flatMap((d, i) => (i === axis ? [n, 1] : [d]));
  const pairs = concatenate([reshape(sliceAxis(a, axis, 0, n), apart), reshape(b, apart)], axis + 1);
  const joined = reshape(
    pairs,
    b.aval.shape.map((d, i) => (i === axis ? 2 * n : d)),
  );
  const rest = sliceAxis(a, axis, n, a.aval.shape[axis]!);
  return rest.aval.shape[axis] === 0 ? joined : concatenate([joined, rest], axis);
}

/**
 * y[i] = x[0] ∘ … ∘ x[i] for an associative ∘, in ⌈log₂ n⌉ rounds: neighbours are combined, the half as long row of pairs is scanned
 * (it gives the odd positions), and one more combination gives the even ones. The grouping, and with it what ties share, is that of
 * `jax.lax.associative_scan`.
 */
export function scanDual(x: Dual, axis: number, isReverse: boolean, combine: (a: Dual, b: Dual) => Dual): Dual {
  if (isReverse) {
    const flip = (t: Tensor): Tensor => reverse(t, [axis]);
    return both(flip, scanDual(both(flip, x), axis, false, combine));
  }
  const n = x.primal.aval.shape[axis]!;
  if (n < 2) return x;
  const take = (d: Dual, start: number, limit: number, stride = 1): Dual =>
    both((t) => sliceAxis(t, axis, start, limit, stride), d);
  const odd = scanDual(combine(take(x, 0, n - 1, 2), take(x, 1, n, 2)), axis, false, combine);
  const first = take(x, 0, 1);
  if (n === 2) return both2((a, b) => concatenate([a, b], axis), first, odd);
  const before = n % 2 === 0 ? take(odd, 0, n / 2 - 1) : odd;
  const even = combine(before, take(x, 2, n, 2));
  const evens = both2((a, b) => concatenate([a, b], axis), first, even);
  return both2((a, b) => interleave(a, b, axis), evens, odd);
}
