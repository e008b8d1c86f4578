/**
 * Decompositions of matrices that are hard on them: backward stable in every case, as LAPACK's are.
 * @module
 */
import { jit, np, type Tensor, vmap } from 'cotangent';
import { describe, expect, it } from 'vitest';
import { drawn } from '../support/derivatives.ts';

type DType = 'float32' | 'float64';
const dtypes: readonly DType[] = ['float32', 'float64'];
const epsilon = { float32: 2 ** -23, float64: 2 ** -52 };

const T = (x: Tensor): Tensor => np.matrixTranspose(x);
const eye = (n: number): Tensor => np.eye(n, n, { dtype: 'float64' });
const double = (x: Tensor): Tensor => x.astype('float64');
/** Frobenius' norm, of numbers whose squares may be out of range. */
function size(x: Tensor): number {
  const largest = np.max(np.abs(double(x))).item();
  return largest === 0 ? 0 : largest * np.sqrt(np.square(double(x).div(largest)).sum()).item();
}
const powers = (n: number, from: number, to: number): Tensor => np.exp2(np.linspace(from, to, n, { dtype: 'float64' }));
/** Orthogonal. */
const basis = (seed: number, n: number): Tensor => np.linalg.qr(drawn(seed, [n, n]))[0];
const withSpectrum = (w: Tensor): Tensor => {
  const q = basis(9, w.size);
  return np.matmul(q.mul(w), T(q));
};
const symmetric = (n: number): Tensor => drawn(1, [n, n]).add(T(drawn(1, [n, n])));

const hard: readonly (readonly [string, Tensor])[] = [
  ['zero', np.zeros([5, 5], { dtype: 'float64' })],
  ['the identity', eye(9)],
  ['diagonal', np.diag(np.array([3, -1, 0, 2, -1], { dtype: 'float64' }))],
  ['ones', np.ones([40, 40], { dtype: 'float64' })],
  ['of rank 2', withSpectrum(np.concatenate([np.array([3, -1], { dtype: 'float64' }), np.zeros([18])]))],
  ['with eigenvalues three times over', withSpectrum(np.repeat(np.arange(7).astype('float64'), 3))],
  [
    'with eigenvalues in clusters',
    withSpectrum(np.repeat(np.arange(5).astype('float64'), 5).add(drawn(4, [25]).mul(1e-9))),
  ],
  ['with eigenvalues of all sizes', withSpectrum(powers(30, -60, 0))],
  ['graded downward', np.outer(powers(20, 0, -40), powers(20, 0, -40)).mul(symmetric(20))],
  ['graded upward', np.outer(powers(20, -40, 0), powers(20, -40, 0)).mul(symmetric(20))],
  [
    'the second difference',
    np
      .diag(np.full([50], 2))
      .sub(np.diag(np.ones([49]), 1))
      .sub(np.diag(np.ones([49]), -1)),
  ],
  // Pairs of eigenvalues that agree to all digits.
  [
    "Wilkinson's W21",
    np
      .diag(np.abs(np.arange(-10, 11)))
      .add(np.diag(np.ones([20]), 1))
      .add(np.diag(np.ones([20]), -1)),
  ],
  ['without a diagonal', np.diag(np.ones([16]), 1).add(np.diag(np.ones([16]), -1))],
  [
    'an arrow',
    np
      .diag(np.arange(15))
      .add(np.outer(np.eye(1, 15).ravel(), np.ones([15])))
      .add(np.outer(np.ones([15]), np.eye(1, 15).ravel())),
  ],
  ['large', symmetric(12).mul(2 ** 120)],
  ['small', symmetric(12).mul(2 ** -130)],
];

const extremes: readonly (readonly [string, Tensor])[] = [
  ['as large as can be', symmetric(12).mul(2 ** 1020)],
  ['as small as can be', symmetric(12).mul(2 ** -1020)],
];

/** A V = V diag(w), VᵀV = I, w ascends. */
function checkEigen(a: Tensor, tolerance: number): void {
  const n = a.shape[0]!;
  const [w, v] = np.linalg.eigh(a, { symmetrizeInput: false }).map(double) as [Tensor, Tensor];
  const scale = np.max(np.abs(double(a))).item() || 1;
  const scaled = double(a).div(scale);
  const bound = tolerance * n * epsilon[a.dtype as DType];
  const residual = np.matmul(scaled, v).sub(v.mul(w.div(scale)));
  expect(size(residual) / (size(scaled) || 1)).toBeLessThan(bound);
  expect(size(np.matmul(T(v), v).sub(eye(n)))).toBeLessThan(bound);
  const values = w.dataSync();
  expect(values.every((x, i) => i === 0 || values[i - 1]! <= x)).toBe(true);
}

describe.each(dtypes)('eigh in %s', (dtype) => {
  it.each(hard)('is backward stable for a matrix that is %s', (_, a) => {
    checkEigen(a.astype(dtype), 4);
  });

  it.each([1, 2, 3, 4, 7, 8, 9, 16, 31, 33, 100])('is backward stable for n = %i', (n) => {
    checkEigen(symmetric(n).astype(dtype), 4);
  });

  it('gives eigenvalues alone as the same bits, eager and compiled', () => {
    const a = symmetric(37).astype(dtype);
    const [w] = np.linalg.eigh(a);
    const found = [np.linalg.eigvalsh(a), jit((x: Tensor) => np.linalg.eigh(x)[0])(a), jit(np.linalg.eigvalsh)(a)];
    for (const other of found) expect(other.dataSync()).toEqual(w.dataSync());
    expect(np.linalg.eigh(a)[1].dataSync()).toEqual(np.linalg.eigh(a)[1].dataSync());
  });

  it('points vectors so that the first large element is positive', () => {
    const [, v] = np.linalg.eigh(symmetric(24).astype(dtype));
    for (const row of T(v).toArray() as number[][]) {
      const largest = Math.max(...row.map(Math.abs));
      expect(row.find((x) => Math.abs(x) >= 0.37 * largest)).toBeGreaterThan(0);
    }
    const [, swapped] = np.linalg.eigh(np.array([[0, 1], [1, 0]], { dtype })); // prettier-ignore
    const h = Math.SQRT1_2;
    expect(size(swapped.sub(np.array([[h, h], [-h, h]], { dtype })))).toBeLessThan(1e-6); // prettier-ignore
  });

  it('keeps a diagonal matrix exactly', () => {
    const [w, v] = np.linalg.eigh(np.diag(np.array([3, -1, 2], { dtype })));
    expect(w.toArray()).toEqual([-1, 2, 3]);
    expect(v.toArray()).toEqual([[0, 0, 1], [1, 0, 0], [0, 1, 0]]); // prettier-ignore
  });

  it('gives in a batch what it gives alone, whatever stands beside it', () => {
    const batch = np
      .stack([symmetric(9), np.full([9, 9], NaN), symmetric(9).mul(3), np.full([9, 9], -Infinity)])
      .astype(dtype);
    const [w, v] = np.linalg.eigh(batch);
    for (const i of [0, 2]) {
      const [one, vectors] = np.linalg.eigh(np.take(batch, i, { axis: 0 }));
      expect(np.take(w, i, { axis: 0 }).dataSync()).toEqual(one.dataSync());
      expect(np.take(v, i, { axis: 0 }).dataSync()).toEqual(vectors.dataSync());
    }
    for (const i of [1, 3]) {
      expect(np.all(np.isnan(np.take(w, i, { axis: 0 }))).item()).toBe(1);
      expect(np.all(np.isnan(np.take(v, i, { axis: 0 }))).item()).toBe(1);
    }
    expect((vmap(np.linalg.eigvalsh)(batch) as Tensor).dataSync()).toEqual(w.dataSync());
  });
});

it.each(extremes)('eigh is backward stable for float64 numbers %s', (_, a) => checkEigen(a, 4));
