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

/** Aᵀ A's like, with more rows than columns and fewer. */
const shapes: readonly (readonly [number, number])[] = [
  [1, 1],
  [1, 5],
  [5, 1],
  [2, 2],
  [3, 3],
  [8, 5],
  [5, 8],
  [9, 8],
  [31, 33],
  [100, 20],
  [20, 100],
  [64, 64],
];

const ofRank = (m: number, n: number, rank: number): Tensor => np.matmul(drawn(1, [m, rank]), drawn(2, [rank, n]));

const awkward: readonly (readonly [string, Tensor])[] = [
  ...hard,
  ['of rank 3 and tall', ofRank(30, 12, 3)],
  ['of rank 3 and wide', ofRank(12, 30, 3)],
  ['graded by columns', drawn(1, [20, 20]).mul(powers(20, 0, -60))],
  ['graded by columns upward', drawn(1, [20, 20]).mul(powers(20, -60, 0))],
  ['graded by rows', T(drawn(1, [20, 20]).mul(powers(20, 0, -60)))],
  ['triangular with zeros on its diagonal', np.triu(drawn(1, [12, 12]), 1)],
  [
    'bidiagonal with a zero on its diagonal',
    np.diag(np.array([1, 2, 0, 3, 4], { dtype: 'float64' })).add(np.diag(np.ones([4]), 1)),
  ],
  ["Kahan's", np.diag(powers(25, 0, -8)).matmul(np.triu(np.full([25, 25], -0.6), 1).add(eye(25)))],
  ['orthogonal', basis(3, 24)],
];

/** U diag(s) Vᵀ = A, UᵀU = VᵀV = I, s descends to 0 at least. */
function checkSingular(a: Tensor, tolerance: number): void {
  const longest = Math.max(...a.shape);
  const scale = np.max(np.abs(double(a))).item() || 1;
  const scaled = double(a).div(scale);
  const bound = tolerance * longest * epsilon[a.dtype as DType];
  for (const fullMatrices of [true, false]) {
    const [u, s, vt] = np.linalg.svd(a, { fullMatrices }).map(double) as [Tensor, Tensor, Tensor];
    const k = s.size;
    const [left, right] = [u, vt].map((x, i) => np.take(x, np.arange(k), { axis: 1 - i })) as [Tensor, Tensor];
    expect(size(np.matmul(left.mul(s.div(scale)), right).sub(scaled)) / (size(scaled) || 1)).toBeLessThan(bound);
    expect(size(np.matmul(T(u), u).sub(eye(u.shape[1]!)))).toBeLessThan(bound);
    expect(size(np.matmul(vt, T(vt)).sub(eye(vt.shape[0]!)))).toBeLessThan(bound);
    const values = s.dataSync();
    expect(values.every((x, i) => x >= 0 && (i === 0 || values[i - 1]! >= x))).toBe(true);
    expect(double(np.linalg.svdvals(a)).dataSync()).toEqual(values);
  }
}

describe.each(dtypes)('svd in %s', (dtype) => {
  it.each(awkward)('is backward stable for a matrix that is %s', (_, a) => {
    checkSingular(a.astype(dtype), 4);
  });

  it.each(shapes)('is backward stable for %i × %i', (m, n) => {
    checkSingular(drawn(1, [m, n]).astype(dtype), 4);
  });

  it('gives singular values alone as the same bits, eager and compiled', () => {
    const a = drawn(3, [30, 37]).astype(dtype);
    const [u, s] = np.linalg.svd(a);
    for (const f of [(x: Tensor) => np.linalg.svd(x)[1], np.linalg.svdvals]) {
      expect(jit(f)(a).dataSync()).toEqual(s.dataSync());
      expect(f(a).dataSync()).toEqual(s.dataSync());
    }
    expect(np.linalg.svd(a)[0].dataSync()).toEqual(u.dataSync());
  });

  it.each([
    [7, 7],
    [12, 5],
    [5, 12],
  ])('points right vectors so that the first large element is positive, for %i × %i', (m, n) => {
    const [, , vt] = np.linalg.svd(drawn(5, [m, n]).astype(dtype));
    for (const row of vt.toArray() as number[][]) {
      const largest = Math.max(...row.map(Math.abs));
      expect(row.find((x) => Math.abs(x) >= 0.37 * largest)).toBeGreaterThan(0);
    }
  });

  it('gives in a batch what it gives alone, whatever stands beside it', () => {
    const batch = np
      .stack([drawn(1, [9, 6]), np.full([9, 6], NaN), np.full([9, 6], Infinity), drawn(2, [9, 6])])
      .astype(dtype);
    const all = np.linalg.svd(batch);
    for (const i of [0, 3]) {
      const alone = np.linalg.svd(np.take(batch, i, { axis: 0 }));
      all.forEach((x, j) => expect(np.take(x, i, { axis: 0 }).dataSync()).toEqual(alone[j]!.dataSync()));
    }
    for (const i of [1, 2]) {
      for (const x of all) expect(np.all(np.isnan(np.take(x, i, { axis: 0 }))).item()).toBe(1);
    }
  });

  it('completes what has no singular values', () => {
    for (const [m, n] of [
      [0, 3],
      [3, 0],
      [0, 0],
    ] as const) {
      const [u, s, vt] = np.linalg.svd(np.zeros([m, n], { dtype }));
      expect([u.toArray(), s.shape, vt.toArray()]).toEqual([np.eye(m).toArray(), [0], np.eye(n).toArray()]);
    }
  });
});

it('small singular values of a graded bidiagonal matrix are accurate relative to themselves', () => {
  // Upper bidiagonal: nothing is lost before the rotations. The product of the singular values is that of the diagonal.
  const d = [1, 1e-5, 1e-12, 1e-20, 1e-30];
  const a = np
    .diag(np.array(d, { dtype: 'float64' }))
    .add(np.diag(np.array([1e-3, 1e-9, 1e-15, 1e-26], { dtype: 'float64' }), 1));
  const s = np.linalg.svdvals(a).dataSync();
  const ratio = d.reduce((r, x, i) => r * (s[i]! / x), 1);
  expect(Math.abs(ratio - 1)).toBeLessThan(1e-12);
  expect(s[4]! / 1e-30).toBeCloseTo(1, 6);
});

it.each(extremes)('eigh and svd are backward stable for float64 numbers %s', (_, a) => {
  checkEigen(a, 4);
  checkSingular(a, 4);
});
