/**
 * QR, eigenvalues, singular values and what is made of them; norms; functions of matrices. Figures that are not exact are PyTorch 1.13's.
 * @module
 */
import { grad, jacrev, jit, jvp, lax, np, scipy, type Tensor, vmap } from 'cotangent';
import { describe, expect, it } from 'vitest';
import { checkDerivatives, drawn, expectNear } from '../support/derivatives.ts';

const f64 = (x: number[] | number[][]): Tensor => np.array(x, { dtype: 'float64' });
const eye = (n: number, m = n): Tensor => np.eye(n, m, { dtype: 'float64' });
const T = (x: Tensor): Tensor => np.matrixTranspose(x);
const symmetric = (n: number, seed = 1): Tensor => drawn(seed, [n, n]).add(T(drawn(seed, [n, n])));
const wide = f64([
  [0.5, -1.2, 0.3, 2],
  [1.5, 0.7, -0.6, 0.1],
  [-0.9, 0.4, 1.1, -1.3],
]);
const small = f64([
  [3, 1, -2],
  [1, 0.5, 0.25],
  [-2, 0.25, -1],
]);

describe('qr', () => {
  it.each([
    [0, 0],
    [1, 1],
    [5, 5],
    [33, 33],
    [9, 4],
    [4, 9],
    [70, 66],
  ])('factors %i × %i', (m, n) => {
    const a = drawn(1, [m, n]);
    for (const mode of ['reduced', 'complete'] as const) {
      const [q, r] = np.linalg.qr(a, mode);
      const inner = mode === 'complete' ? m : Math.min(m, n);
      expect([q.shape, r.shape]).toEqual([
        [m, inner],
        [inner, n],
      ]);
      expectNear(np.matmul(q, r), a, 1e-14);
      expectNear(np.matmul(T(q), q), eye(inner), 1e-14);
      expectNear(np.triu(r), r, 1e-300);
    }
    expectNear(jit((x: Tensor) => np.linalg.qr(x, 'r'))(a) as Tensor, np.linalg.qr(a, 'r'), 1e-14);
  });

  it('has the signs of LAPACK', () => {
    const r = np.linalg.qr(T(wide), 'r');
    const expected = [
      [-2.4041630560342617, 0.029116161578269795, 1.3310245292923248],
      [0, -1.7632788347663415, 1.0768315752574242],
      [0, 0, -0.968920771245389],
    ];
    expectNear(r, f64(expected), 1e-14);
  });

  it.each([
    [1, 1],
    [4, 4],
    [7, 3],
    [3, 6],
  ])('has the derivatives that differences have for %i × %i', (m, n) => {
    checkDerivatives((x) => np.linalg.qr(x)[0], drawn(2, [m, n]), 1e-6);
    checkDerivatives((x) => np.linalg.qr(x)[1], drawn(2, [m, n]), 1e-6);
  });

  it('factors matrices without full rank', () => {
    for (const a of [np.zeros([3, 2]), np.ones([3, 3])]) {
      const [q, r] = np.linalg.qr(a, 'complete');
      expectNear(np.matmul(T(q), q), np.eye(3), 1e-6);
      expectNear(np.matmul(q, r), a, 1e-6);
    }
  });

  it('has no derivative of a basis that the matrix does not determine', () => {
    expect(() => grad((x: Tensor) => np.linalg.qr(x, 'complete')[0].sum())(np.ones([3, 2]))).toThrow(
      /qr: expected the reduced factorisation in a derivative, got the complete one of f32\[3,2\]/,
    );
    expect(() => np.linalg.qr(np.ones([2, 2]), 'raw' as 'r')).toThrow(
      /expected mode to be one of reduced, complete, r/,
    );
  });
});

describe('eigh', () => {
  it.each([0, 1, 2, 5, 33, 70])('diagonalises for n = %i', (n) => {
    const a = symmetric(n);
    const [w, v] = np.linalg.eigh(a);
    expectNear(np.matmul(v.mul(w), T(v)), a, 1e-13);
    expectNear(np.matmul(T(v), v), eye(n), 1e-13);
    expectNear(np.sort(w), w, 1e-300);
    expectNear(np.linalg.eigvalsh(a), w, 1e-300);
  });

  it('gives known eigenvalues', () => {
    expectNear(np.linalg.eigvalsh(small), f64([-1.987356874150343, 0.4608118132393865, 4.026545060910957]), 1e-14);
    expect(np.linalg.eigvalsh(np.diag([3, -1, 2])).toArray()).toEqual([-1, 2, 3]);
    const swap = np.linalg.eigvalsh([
      [0, 1],
      [1, 0],
    ]);
    expectNear(swap, np.array([-1, 1]), 1e-6);
  });

  it.each([1, 2, 5, 12])('has the derivatives that differences have for n = %i', (n) => {
    // Far enough from each other for differences.
    const a = symmetric(n)
      .mul(0.1)
      .add(np.diag(np.arange(n).astype('float64')));
    checkDerivatives((x) => np.linalg.eigvalsh(x), a, 1e-6);
    checkDerivatives((x) => np.linalg.eigh(x)[1], a, 1e-5);
    checkDerivatives((x) => scipy.linalg.eigh(x, { eigvalsOnly: true }) as Tensor, a, 1e-6);
  });

  it('sums equal eigenvalues with the right derivative, and says that their vectors have none', () => {
    expect(grad((x: Tensor) => np.linalg.eigvalsh(x).sum())(np.eye(3)).toArray()).toEqual(np.eye(3).toArray());
    const [, tangent] = jvp((x: Tensor) => np.linalg.eigh(x)[1], [np.eye(2)], [np.ones([2, 2])]) as [Tensor, Tensor];
    expect(np.any(np.isfinite(tangent)).item()).toBe(0);
  });

  it('reads the triangle that it says, and takes batches', () => {
    const a = np.array([
      [2, 9],
      [1, 2],
    ]);
    expectNear(np.linalg.eigvalsh(a, { symmetrizeInput: false }), np.array([1, 3]), 1e-6);
    expectNear(np.linalg.eigvalsh(a, { symmetrizeInput: false, UPLO: 'U' }), np.array([-7, 11]), 1e-6);
    expectNear(lax.linalg.eigh(a, { lower: false, symmetrizeInput: false })[1], np.array([-7, 11]), 1e-6);
    const batch = np.stack([symmetric(4, 1), symmetric(4, 2)]);
    expectNear(vmap(np.linalg.eigvalsh)(batch) as Tensor, np.linalg.eigvalsh(batch), 1e-300);
  });

  it('passes NaN and infinity on, in that matrix only', () => {
    const w = np.linalg
      .eigvalsh([
        [
          [1, NaN],
          [NaN, 1],
        ],
        [
          [1, 0],
          [0, 2],
        ],
        [
          [1, Infinity],
          [Infinity, 1],
        ],
      ])
      .toArray();
    expect(w).toEqual([
      [NaN, NaN],
      [1, 2],
      [NaN, NaN],
    ]);
  });
});

describe('svd', () => {
  it.each([
    [0, 3],
    [1, 1],
    [5, 5],
    [33, 33],
    [9, 4],
    [4, 9],
    [66, 70],
  ])('decomposes %i × %i', (m, n) => {
    const a = drawn(1, [m, n]);
    const k = Math.min(m, n);
    for (const fullMatrices of [true, false]) {
      const [u, s, vt] = np.linalg.svd(a, { fullMatrices });
      expect([u.shape, s.shape, vt.shape]).toEqual(fullMatrices ? [[m, m], [k], [n, n]] : [[m, k], [k], [k, n]]);
      expectNear(np.matmul(T(u), u), eye(u.shape[1]!), 1e-13);
      expectNear(np.matmul(vt, T(vt)), eye(vt.shape[0]!), 1e-13);
      const diagonal = np.matmul(np.matmul(T(u), a), T(vt));
      expectNear(diagonal, scattered(s, u.shape[1]!, vt.shape[0]!), 1e-13);
      expectNear(np.linalg.svdvals(a), s, 1e-13);
    }
  });

  it('gives known singular values', () => {
    expectNear(np.linalg.svdvals(wide), f64([2.896532321643216, 1.9614899194183888, 0.722950762981964]), 1e-14);
    // A graded matrix keeps the small ones: 1-sided rotations are accurate by column.
    const graded = f64([
      [1, 1e-8],
      [0, 1e-12],
    ]);
    expect(np.linalg.svdvals(graded).dataSync()[1]).toBeCloseTo(1e-12, 24);
  });

  it.each([
    [1, 1],
    [4, 4],
    [6, 3],
    [3, 6],
  ])('has the derivatives that differences have for %i × %i', (m, n) => {
    const a = drawn(4, [m, n])
      .mul(0.2)
      .add(scattered(np.arange(Math.min(m, n)).astype('float64').add(1), m, n));
    checkDerivatives((x) => np.linalg.svdvals(x), a, 1e-6);
    for (const i of [0, 1, 2] as const) checkDerivatives((x) => np.linalg.svd(x, { fullMatrices: false })[i], a, 1e-5);
  });

  it('completes bases for matrices without full rank, zero included', () => {
    for (const a of [
      np.zeros([3, 2]),
      np.ones([2, 3]),
      np.ones([30, 30]),
      np.array([
        [0, 1],
        [0, 0],
      ]),
    ]) {
      const [u, s, vt] = np.linalg.svd(a);
      expectNear(np.matmul(T(u), u), np.eye(u.shape[0]!), 1e-5);
      expectNear(np.matmul(vt, T(vt)), np.eye(vt.shape[0]!), 1e-5);
      expectNear(np.matmul(np.matmul(u, scattered(s, u.shape[0]!, vt.shape[0]!)), vt), a, 1e-5);
    }
  });

  it('has no derivative of a basis that the matrix does not determine', () => {
    expect(() => grad((x: Tensor) => np.linalg.svd(x)[0].sum())(np.ones([3, 2]))).toThrow(
      /svd: expected the reduced decomposition in a derivative, got the full one of f32\[3,2\]/,
    );
    expect(
      np
        .all(
          np.isnan(
            np.linalg.svdvals([
              [1, NaN],
              [0, 1],
            ]),
          ),
        )
        .item(),
    ).toBe(1);
  });
});

/** A vector on the diagonal of an m × n matrix. */
function scattered(s: Tensor, m: number, n: number): Tensor {
  const k = s.size;
  return np.pad(np.diag(s), [
    [0, m - k],
    [0, n - k],
  ]);
}

describe('pinv, lstsq, rank, cond', () => {
  it('give known figures', () => {
    const expected = [
      [0.2695964694896012, 0.6773092512898445, 0.3158924831436268],
      [-0.11276069921460859, 0.32081032693851663, 0.1643082611418329],
      [0.5885474164131036, 0.3948731611801516, 0.9606759204953524],
      [0.2766623506368687, -0.03607209083637416, -0.12448955217511001],
    ];
    expectNear(np.linalg.pinv(wide), f64(expected), 1e-14);
    const [x, residuals, rank, s] = np.linalg.lstsq(T(wide), f64([1, 2, 3, 4]));
    expectNear(x, f64([2.9163667228471684, 2.3592610253618367, 3.0285785582129083]), 1e-13);
    const rest = f64([1, 2, 3, 4]).sub(np.matmul(T(wide), x));
    expectNear(residuals, np.sum(np.square(rest), { keepdims: true }), 1e-13);
    expect(rank.item()).toBe(3);
    expectNear(s, np.linalg.svdvals(wide), 1e-14);
    expect(np.linalg.cond(small).item()).toBeCloseTo(8.737938015532631, 12);
    expect(np.linalg.cond(small, 1).item()).toBeCloseTo(16.677966101694913, 12);
    expect(np.linalg.cond(small, -2).item()).toBeCloseTo(1 / 8.737938015532631, 12);
  });

  it('see the rank', () => {
    expect(np.linalg.matrixRank(np.ones([4, 3])).item()).toBe(1);
    expect(np.linalg.matrixRank(np.zeros([4, 3])).item()).toBe(0);
    expect(np.linalg.matrixRank(np.stack([np.eye(2), np.ones([2, 2])])).toArray()).toEqual([2, 1]);
    expect(np.linalg.matrixRank(scipy.linalg.hilbert(3), { rtol: 0.2 }).item()).toBe(1);
  });

  it('have the derivatives that differences have', () => {
    for (const a of [drawn(1, [3, 3]), drawn(2, [4, 2]), drawn(3, [2, 4])]) {
      checkDerivatives((x) => np.linalg.pinv(x), a, 1e-5);
      checkDerivatives((x) => np.linalg.lstsq(x, np.sin(x))[0], a, 1e-5);
      checkDerivatives((x) => np.linalg.cond(x), a, 1e-5);
    }
    checkDerivatives((x) => np.linalg.cond(x, 'fro'), drawn(1, [3, 3]), 1e-5);
    // Equal singular values are no obstacle.
    checkDerivatives((x) => np.linalg.pinv(x), eye(3), 1e-6);
    // Along matrices of rank 1.
    checkDerivatives((v) => np.linalg.pinv(np.outer(v, v)), drawn(5, [3]), 1e-5);
  });
});

describe('norms', () => {
  it('of vectors', () => {
    const x = f64([3, -4, 0]);
    const norms = [undefined, 2, 1, Infinity, -Infinity, 0, 3].map((ord) => np.linalg.norm(x, ord).item());
    expect(norms.slice(0, 6)).toEqual([5, 5, 7, 4, 0, 2]);
    expect(norms[6]).toBeCloseTo(91 ** (1 / 3), 14);
    expect(
      np.linalg
        .norm(
          [
            [3, 4],
            [6, 8],
          ],
          { axis: 1 },
        )
        .toArray(),
    ).toEqual([5, 10]);
    expect(
      np.linalg.norm(
        [
          [3, 4],
          [6, 8],
        ],
        { axis: -1, keepdims: true },
      ).shape,
    ).toEqual([2, 1]);
    expect(
      np.linalg
        .vectorNorm([
          [3, 4],
          [0, 12],
        ])
        .item(),
    ).toBe(13);
    expect(np.linalg.vectorNorm(np.ones([2, 3]), { axis: 0, ord: 1, keepdims: true }).toArray()).toEqual([[2, 2, 2]]);
  });

  it('of matrices', () => {
    const a = f64([
      [1, -2],
      [3, 4],
    ]);
    const norms = [undefined, 'fro', 1, -1, Infinity, -Infinity] as const;
    expect(norms.map((ord) => np.linalg.norm(a, ord).item())).toEqual([Math.sqrt(30), Math.sqrt(30), 6, 4, 7, 3]);
    const s = np.linalg.svdvals(a).toArray() as number[];
    expect([2, -2, 'nuc'].map((ord) => np.linalg.norm(a, ord as 'nuc').item())).toEqual([s[0], s[1], s[0]! + s[1]!]);
    expect(np.linalg.norm(np.ones([2, 3, 4]), { ord: 1, axis: [0, 2] }).toArray()).toEqual([2, 2, 2]);
    expect(np.linalg.matrixNorm(np.ones([2, 3, 3]), { keepdims: true }).shape).toEqual([2, 1, 1]);
  });

  it('have the derivatives that differences have', () => {
    const a = drawn(1, [3, 4]);
    for (const ord of [undefined, 'fro', 'nuc', 2, -2, 1, -1, Infinity, -Infinity] as const) {
      checkDerivatives((x) => np.linalg.norm(x, ord), a, 1e-5);
    }
    for (const ord of [1, 2, 2.5, Infinity, -Infinity])
      checkDerivatives((x) => np.linalg.norm(x, { ord, axis: 1 }), a, 1e-5);
  });

  it('refuse orders and axes that do not exist', () => {
    expect(() => np.linalg.norm(np.ones([2, 2]), 3)).toThrow(/expected 'fro', 'nuc', ±1, ±2 or ±Infinity .* got 3/);
    expect(() => np.linalg.norm(np.ones([2]), 'fro')).toThrow(
      /expected a number as the order of a vector norm, got 'fro'/,
    );
    expect(() => np.linalg.norm(np.ones([2, 2, 2]), 2)).toThrow(/expected one or two axes, got 3/);
  });
});

describe('determinants of singular matrices', () => {
  const ofRank = (rank: number): Tensor => np.matmul(drawn(1, [5, rank]), drawn(2, [rank, 5]));
  const exact = np.diag([2, 0, 3, 4, 5]).astype('float64');

  it('have first derivatives: the adjugate', () => {
    expect(grad((x: Tensor) => np.linalg.det(x))(exact).toArray()).toEqual(np.diag([0, 120, 0, 0, 0]).toArray());
    // A zero column that is not the last, where pivots vanish in the middle.
    const a = np.array(
      [
        [0, 1, 0, 0],
        [0, 1, 0, 0],
        [0, 0, 1, 0],
        [0, 0, 0, 1],
      ],
      { dtype: 'float64' },
    );
    const expected = [
      [1, 0, 0, 0],
      [-1, 0, 0, 0],
      [0, 0, 0, 0],
      [0, 0, 0, 0],
    ];
    expectNear(grad((x: Tensor) => np.linalg.det(x))(a), f64(expected), 1e-14);
    expectNear(grad((x: Tensor) => np.linalg.det(x))(np.zeros([4, 4])), np.zeros([4, 4]), 1e-14);
    for (const rank of [3, 4]) {
      const step = 1e-4;
      const x = ofRank(rank);
      const t = drawn(3, [5, 5]);
      const [, tangent] = jvp((y: Tensor) => np.linalg.det(y), [x], [t]) as [Tensor, Tensor];
      const at = (k: number): number => np.linalg.det(x.add(t.mul(k * step))).item();
      expect(tangent.item()).toBeCloseTo((8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * step), 7);
    }
  });

  it('have them in a batch with regular ones, and second derivatives where one singular value vanishes', () => {
    const batch = np.stack([exact, eye(5).mul(2)]);
    const gradients = jacrev((x: Tensor) => np.linalg.det(x).sum())(batch) as Tensor;
    expectNear(gradients, np.stack([np.diag([0, 120, 0, 0, 0]).astype('float64'), eye(5).mul(16)]), 1e-12);
    expectNear(vmap(grad((x: Tensor) => np.linalg.det(x)))(batch) as Tensor, gradients, 1e-12);
    expectNear(jit(vmap(grad((x: Tensor) => np.linalg.det(x))))(batch) as Tensor, gradients, 1e-12);
    checkDerivatives((x) => np.linalg.det(x), exact, 1e-6);
    checkDerivatives((x) => np.linalg.det(x), eye(5), 1e-6);
  });
});

describe('functions of matrices', () => {
  it('expm gives known figures', () => {
    const a = f64([
      [10, -7, 3],
      [4, 12, -5],
      [0.5, -6, 8],
    ]);
    const expected = [
      [-125762.31092373957, 330927.9903071805, -166259.20986408717],
      [-168664.8201189594, -257647.5931260258, 180660.9255959102],
      [19976.205154654217, 245404.7547942934, -144927.32846919197],
    ];
    expectNear(scipy.linalg.expm(a), f64(expected), 1e-12);
    expectNear(scipy.linalg.expm(np.zeros([3, 3])), np.eye(3), 1e-300);
    expectNear(scipy.linalg.expm(np.diag([-1, 0, 2]).astype('float64')), np.diag(np.exp(f64([-1, 0, 2]))), 1e-14);
    expect(np.all(np.isnan(scipy.linalg.expm(np.eye(2).mul(1e9)))).item()).toBe(1);
    expect(scipy.linalg.expm(np.ones([0, 0])).shape).toEqual([0, 0]);
  });

  it('expm has the derivatives that differences have, with and without squarings, and in a batch', () => {
    checkDerivatives((x) => scipy.linalg.expm(x), drawn(1, [3, 3]).mul(0.5), 1e-6);
    checkDerivatives((x) => scipy.linalg.expm(x), drawn(2, [2, 2]).mul(6), 1e-6);
    const batch = np.stack([drawn(1, [2, 2]).mul(9), drawn(2, [2, 2])]);
    const each = [0, 1].map((i) => scipy.linalg.expm(np.take(batch, i, { axis: 0 })));
    expectNear(scipy.linalg.expm(batch), np.stack(each), 1e-12);
    expectNear(vmap(scipy.linalg.expm)(batch) as Tensor, np.stack(each), 1e-12);
  });

  it('blockDiag, toeplitz and hilbert place elements', () => {
    expect(
      scipy.linalg
        .blockDiag(
          [
            [1, 2],
            [3, 4],
          ],
          5,
          [6, 7],
        )
        .toArray(),
    ).toEqual([
      [1, 2, 0, 0, 0],
      [3, 4, 0, 0, 0],
      [0, 0, 5, 0, 0],
      [0, 0, 0, 6, 7],
    ]);
    expect(scipy.linalg.toeplitz([1, 2, 3], [9, 4]).toArray()).toEqual([
      [1, 4],
      [2, 1],
      [3, 2],
    ]);
    expect(scipy.linalg.toeplitz([1, 2]).toArray()).toEqual([
      [1, 2],
      [2, 1],
    ]);
    expect(scipy.linalg.hilbert(2).toArray()).toEqual([
      [1, 0.5],
      [0.5, Math.fround(1 / 3)],
    ]);
    expect(() => scipy.linalg.blockDiag(np.ones([1, 1, 1]))).toThrow(/expected matrices, got f32\[1,1,1\]/);
  });

  it('scipy.linalg.lu gives three factors', () => {
    for (const [m, n] of [
      [4, 4],
      [5, 3],
      [3, 5],
    ] as const) {
      const a = drawn(1, [m, n]);
      const [p, l, u] = scipy.linalg.lu(a);
      expectNear(np.matmul(p, np.matmul(l, u)), a, 1e-14);
      const [pl, u2] = scipy.linalg.lu(a, { permuteL: true });
      expectNear(np.matmul(pl, u2), a, 1e-14);
    }
  });
});

describe('scipy.stats.multivariateNormal', () => {
  const cov = f64([
    [2, 1],
    [1, 3],
  ]);

  it('gives known densities, of one vector and of many', () => {
    const logpdf = scipy.stats.multivariateNormal.logpdf;
    expect(logpdf(f64([1, 2]), f64([0, 0]), cov).item()).toBeCloseTo(-3.3425960226263958, 14);
    const many = logpdf(
      f64([
        [1, 2],
        [0, 0],
      ]),
      f64([0, 0]),
      cov,
    ).toArray() as number[];
    expect(many[0]).toBeCloseTo(-3.3425960226263958, 14);
    expect(many[1]).toBeCloseTo(-Math.log(2 * Math.PI) - 0.5 * Math.log(5), 14);
    const batch = logpdf(f64([1, 2]), f64([0, 0]), np.stack([cov, eye(2)])).toArray() as number[];
    expect(batch[1]).toBeCloseTo(-2.5 - Math.log(2 * Math.PI), 14);
    expect(logpdf(f64([1, 2]), f64([0, 0]), 1).item()).toBeCloseTo(-2.5 - Math.log(2 * Math.PI), 6);
    expect(logpdf(0, 0, 1).item()).toBeCloseTo(-0.5 * Math.log(2 * Math.PI), 6);
    expect(
      logpdf(
        f64([1, 2]),
        f64([0, 0]),
        f64([
          [1, 2],
          [2, 1],
        ]),
      ).item(),
    ).toBeNaN();
  });

  it('has the derivatives that differences have', () => {
    const f = scipy.stats.multivariateNormal.logpdf;
    checkDerivatives((x) => f(x, f64([0, 1]), cov), f64([1, 2]));
    checkDerivatives((x) => f(f64([1, 2]), x, cov), f64([0, 1]));
    checkDerivatives((x) => f(f64([1, 2]), f64([0, 1]), x), cov);
  });

  it('refuses a covariance that does not fit', () => {
    expect(() => scipy.stats.multivariateNormal.logpdf([1, 2], [0, 0], np.ones([3, 3]))).toThrow(
      /expected a covariance \[\.\.\., n, n\] for a mean \[\.\.\., n\], got f32\[3,3\] and f32\[2\]/,
    );
  });
});
