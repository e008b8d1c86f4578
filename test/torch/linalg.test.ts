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
  ['qr of a tall matrix', (x) => linalg.qr(x.get({}, { stop: 2 })).Q],
  [
    'eigh',
    (x) => {
      const { eigenvalues, eigenvectors } = linalg.eigh(symmetric(x));
      return eigenvectors.mul(eigenvalues.pow(2)).matmul(eigenvectors.t());
    },
  ],
  [
    'svd',
    (x) => {
      const { U, S, Vh } = linalg.svd(x.get({ stop: 2 }), { fullMatrices: false });
      return U.mul(S.exp()).matmul(Vh);
    },
  ],
  ['lu', (x) => linalg.lu(x).L.add(linalg.lu(x).U)],
  ['lstsq', (x) => linalg.lstsq(x.get({}, { stop: 2 }), x.get({}, 2)).solution],
  ['cond', (x) => linalg.cond(x)],
  ['matrixExp', (x) => linalg.matrixExp(x.div(3))],
  ['multiDot', (x) => linalg.multiDot([x, x.t(), x])],
  ['eigvalsh', (x) => linalg.eigvalsh(symmetric(x))],
  ['svdvals', (x) => linalg.svdvals(x)],
])('%s has derivatives', (_name, f) => {
  expect(autograd.gradcheck(f, leaf(general))).toBe(true);
  expect(autograd.gradgradcheck(f, leaf(general))).toBe(true);
});

it('factors give back what was factored', () => {
  const a = leaf(general);
  const { P, L, U } = linalg.lu(a);
  expect(near(P.matmul(L).matmul(U), a)).toBe(true);
  const svd = linalg.svd(a.detach().get({ stop: 2 }));
  expect([svd.U.shape, svd.S.shape, svd.Vh.shape]).toEqual([[2, 2], [2], [3, 3]]);
  const complete = linalg.qr(a.detach().get({}, { stop: 2 }), 'complete');
  expect([complete.Q.shape, complete.R.shape]).toEqual([
    [3, 3],
    [3, 2],
  ]);
  const r = linalg.qr(a, { mode: 'r' });
  expect([r.Q.shape, near(r.R, linalg.qr(a).R)]).toEqual([[0], true]);
  expect(near(a.inverse().matmul(a).logdet(), tensor(0, { dtype: 'float64' }))).toBe(true);
});

it('what has no inverse or factor is an error', () => {
  const singular = leaf([
    [1, 2],
    [2, 4],
  ]);
  expect(() => linalg.inv(singular)).toThrow(
    'the inversion could not be completed because the input matrix is singular',
  );
  expect(() => linalg.solve(singular, singular)).toThrow('the input matrix is singular');
  expect(() => linalg.cholesky(singular.neg())).toThrow('the input is not positive-definite');
  expect(() => linalg.norm(singular, { ord: 3 })).toThrow("expected 'fro', 'nuc', ±1, ±2 or ±Infinity as ord, got 3");
  expect(linalg.inv(singular.mul(Number.NaN)).isnan().all().item()).toBe(1);
});
