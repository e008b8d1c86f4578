/**
 * First and second derivatives of a public function against central differences, in float64.
 * @module
 */
import { grad, jvp, np, random, type Tensor, vjp } from 'cotangent';
import { expect } from 'vitest';

/** Random numbers that depend on the seed only. */
export const drawn = (seed: number, shape: readonly number[]): Tensor =>
  random.normal(random.key(seed), [...shape], { dtype: 'float64' });

const sum = (x: Tensor): Tensor => np.sum(x);
const dot = (x: Tensor, y: Tensor): number => sum(x.mul(y)).item();

/** Fourth order. */
function difference(f: (x: Tensor) => Tensor, x: Tensor, t: Tensor, step: number): Tensor {
  const at = (k: number): Tensor => f(x.add(t.mul(k * step)));
  return at(1)
    .sub(at(-1))
    .mul(8)
    .sub(at(2).sub(at(-2)))
    .div(12 * step);
}

export function expectNear(got: Tensor, expected: Tensor, tolerance: number, what = ''): void {
  expect(got.shape, what).toEqual(expected.shape);
  const scale = Math.max(1, ...Array.from(expected.dataSync(), Math.abs));
  const gap = Math.max(0, ...Array.from(got.sub(expected).dataSync(), Math.abs));
  expect(gap / scale, what).toBeLessThan(tolerance);
}

/** Values near `x` must be smooth; `tolerance` is relative to the largest element. */
export function checkDerivatives(f: (x: Tensor) => Tensor, x: Tensor, tolerance = 1e-7, step = 1e-3): void {
  const t = drawn(101, x.shape);
  const [out, tangent] = jvp(f, [x], [t]) as [Tensor, Tensor];
  expectNear(tangent, difference(f, x, t, step), tolerance, 'jvp');
  const ct = drawn(102, out.shape);
  const [, pull] = vjp(f, x) as unknown as [Tensor, (ct: Tensor) => [Tensor]];
  const [cotangent] = pull(ct);
  const [forward, backward] = [dot(ct, tangent), dot(cotangent, t)];
  expect(Math.abs(forward - backward) / Math.max(1, Math.abs(forward)), 'adjoint').toBeLessThan(1e-9);
  const gradient = grad((y: Tensor) => sum(f(y).mul(ct)));
  const [, second] = jvp(gradient, [x], [t]) as [Tensor, Tensor];
  expectNear(second, difference(gradient, x, t, step), tolerance * 10, 'forward over reverse');
  const reverse = grad((y: Tensor) => sum(gradient(y).mul(t)))(x);
  expectNear(reverse, second, 1e-7, 'reverse over reverse');
}
