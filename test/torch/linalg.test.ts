/**
 * Linear algebra of PyTorch's face: identities that define each function, and its derivatives of first and second order.
 * @module
 */
import { expect, it } from 'vitest';
import { autograd, linalg, type Tensor, tensor } from 'cotangent/torch';

const leaf = (data: number[][]): Tensor => tensor(data, { dtype: 'float64', requiresGrad: true });
const general = [
  [2, 0.5, -1],
  [0.3, 1.5, 0.7],
  [-0.2, 0.4, 3],
];
const symmetric = (x: Tensor): Tensor => x.matmul(x.t()).add(x.t().matmul(x));
const near = (x: Tensor, y: Tensor): boolean => x.allclose(y, { rtol: 1e-9, atol: 1e-10 });

it('gives what defines it', () => {
  const a = leaf(general);
  const s = symmetric(a);
  const l = linalg.cholesky(s);
  expect(near(l.matmul(l.t()), s)).toBe(true);
  expect(
    near(
      linalg.inv(a).matmul(a),
      tensor(
        [
          [1, 0, 0],
          [0, 1, 0],
          [0, 0, 1],
        ],
        { dtype: 'float64' },
      ),
    ),
  ).toBe(true);
  expect(near(a.matmul(linalg.solve(a, s)), s)).toBe(true);
  expect(near(linalg.pinv(a), linalg.inv(a))).toBe(true);
  const { Q, R } = linalg.qr(a);
  expect(near(Q.matmul(R), a)).toBe(true);
  const { sign, logabsdet } = linalg.slogdet(a);
  expect(near(sign.mul(logabsdet.exp()), linalg.det(a))).toBe(true);
  expect(near(linalg.eigvalsh(s).prod(), linalg.det(s))).toBe(true);
  expect(near(linalg.svdvals(a).prod(), linalg.det(a).abs())).toBe(true);
});

it.each<[string, (x: Tensor) => Tensor]>([
  ['cholesky', (x) => linalg.cholesky(symmetric(x))],
  ['inv', (x) => linalg.inv(x)],
  ['det', (x) => linalg.det(x)],
  ['slogdet', (x) => linalg.slogdet(x).logabsdet],
  ['solve', (x) => linalg.solve(x, x.t())],
  ['qr', (x) => linalg.qr(x).R],
  ['eigvalsh', (x) => linalg.eigvalsh(symmetric(x))],
  ['svdvals', (x) => linalg.svdvals(x)],
])('%s has derivatives', (_name, f) => {
  expect(autograd.gradcheck(f, leaf(general))).toBe(true);
  expect(autograd.gradgradcheck(f, leaf(general))).toBe(true);
});
