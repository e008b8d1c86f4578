/**
 * Factorisations by Cholesky and LU, and what is solved with them.
 * @module
 */
import { grad, hessian, jit, lax, np, scipy, type Tensor, vmap } from 'cotangent';
import { describe, expect, it } from 'vitest';
import { checkDerivatives, drawn, expectNear } from '../support/derivatives.ts';

const eye = (n: number): Tensor => np.eye(n, { dtype: 'float64' });
const T = (x: Tensor): Tensor => np.matrixTranspose(x);
/** Well-conditioned, not symmetric. */
const general = (n: number, seed = 1): Tensor => drawn(seed, [n, n]).add(eye(n).mul(2 * Math.sqrt(n) + 1));
const definite = (n: number, seed = 1): Tensor => {
  const a = drawn(seed, [n, n]);
  return np.matmul(a, T(a)).add(eye(n).mul(n));
};
const hilbert = (n: number): Tensor =>
  np.array(
    Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => 1 / (i + j + 1))),
    { dtype: 'float64' },
  );

// 64 is the largest unblocked size; the last has padded blocks.
const sizes = [0, 1, 2, 5, 33, 64, 65, 130];

describe('cholesky', () => {
  it.each(sizes)('gives the factor for n = %i, eager and compiled', (n) => {
    const a = definite(n);
    const l = np.linalg.cholesky(a);
    expectNear(np.matmul(l, T(l)), a, 1e-14);
    expectNear(np.tril(l), l, 1e-300);
    expectNear(jit(np.linalg.cholesky)(a) as Tensor, l, 1e-300);
    expectNear(np.linalg.cholesky(a, { upper: true }), T(l), 1e-300);
  });

  it.each([1, 2, 5, 70])('has the derivatives that differences have for n = %i', (n) => {
    checkDerivatives((x) => np.linalg.cholesky(x), definite(n));
    // Of one triangle only, which is what the function then reads.
    checkDerivatives((x) => scipy.linalg.cholesky(x), definite(n));
    checkDerivatives((x) => scipy.linalg.cholesky(x, { lower: true }), definite(n));
  });

  it('reads the triangle that it says', () => {
    const a = np.array([
      [4, 100],
      [2, 5],
    ]);
    expect(scipy.linalg.cholesky(a, { lower: true }).toArray()).toEqual([
      [2, 0],
      [1, 2],
    ]);
    expect(scipy.linalg.cholesky(T(a)).toArray()).toEqual([
      [2, 1],
      [0, 2],
    ]);
    expect(lax.linalg.cholesky(a, { symmetrizeInput: false }).toArray()).toEqual([
      [2, 0],
      [1, 2],
    ]);
  });

  it('gives NaN for a matrix that is not positive definite, in that element of a batch only', () => {
    const a = np.array([
      [
        [4, 2],
        [2, 5],
      ],
      [
        [1, 2],
        [2, 1],
      ],
      [
        [0, 0],
        [0, 0],
      ],
      [
        [9, 0],
        [0, 1],
      ],
    ]);
    const l = np.linalg.cholesky(a).toArray() as number[][][];
    expect(l[0]).toEqual([
      [2, 0],
      [1, 2],
    ]);
    expect(l[1]).toEqual([
      [NaN, 0],
      [NaN, NaN],
    ]);
    expect(l[2]).toEqual([
      [NaN, 0],
      [NaN, NaN],
    ]);
    expect(l[3]).toEqual([
      [3, 0],
      [0, 1],
    ]);
  });

  it('has derivatives in a batch that an element without a factor does not spoil', () => {
    const batch = np.stack([definite(3), eye(3).mul(-1)]);
    const gradient = vmap(grad((x: Tensor) => np.sum(np.linalg.cholesky(x))))(batch) as Tensor;
    expectNear(
      np.take(gradient, 0, { axis: 0 }),
      grad((x: Tensor) => np.sum(np.linalg.cholesky(x)))(definite(3)),
      1e-12,
    );
    expect(np.all(np.isnan(np.take(gradient, 1, { axis: 0 }))).item()).toBe(1);
  });

  it('factors large matrices of which the last block is not definite as NaN', () => {
    const n = 130;
    const a = definite(n)
      .at(n - 1, n - 1)
      .set(-1) as Tensor;
    const l = np.linalg.cholesky(a);
    expect(Array.from(np.tril(np.isnan(l).astype('float32')).dataSync()).filter((x) => x === 1)).toHaveLength(
      (n * (n + 1)) / 2,
    );
  });

  it('keeps the residual small for an ill-conditioned matrix', () => {
    const a = hilbert(10);
    const l = np.linalg.cholesky(a);
    expectNear(np.matmul(l, T(l)), a, 1e-15);
  });

  it('refuses what is not a square matrix of floats', () => {
    expect(() => np.linalg.cholesky(np.ones([2, 3]))).toThrow(
      /linalg\.cholesky: expected square matrices, got f32\[2,3\]/,
    );
    expect(() => np.linalg.cholesky([1, 2])).toThrow(/expected at least two axes, got f32\[2\]/);
    expect(() => lax.linalg.cholesky(np.ones([2, 2], { dtype: 'int32' }))).toThrow(
      /expected matrices of floats, got i32\[2,2\]/,
    );
  });
});

describe('triangular solves', () => {
  const options = [true, false].flatMap((leftSide) =>
    [true, false].flatMap((lower) =>
      [true, false].flatMap((transposeA) =>
        [true, false].map((unitDiagonal) => ({ leftSide, lower, transposeA, unitDiagonal })),
      ),
    ),
  );

  it.each(options)('solve with %o, blocked and not', (o) => {
    for (const n of [1, 5, 70]) {
      // Small off the diagonal: with ones on it the inverse grows by powers else.
      const a = drawn(3, [n, n])
        .mul(1 / n)
        .add(eye(n).mul(2));
      const b = drawn(4, o.leftSide ? [n, 3] : [3, n]);
      const triangle = o.lower ? np.tril(a) : np.triu(a);
      const full = o.unitDiagonal ? np.where(np.equal(eye(n), 1), 1, triangle) : triangle;
      const op = o.transposeA ? T(full) : full;
      const x = lax.linalg.triangularSolve(a, b, o);
      expectNear(o.leftSide ? np.matmul(op, x) : np.matmul(x, op), b, 1e-13);
    }
  });

  it('solve for more right-hand sides than a block has columns', () => {
    const [a, b] = [general(70), drawn(2, [70, 150])];
    expectNear(np.matmul(np.tril(a), scipy.linalg.solveTriangular(a, b, { lower: true })), b, 1e-13);
  });

  it.each([2, 5, 70])('have the derivatives that differences have, in both operands, for n = %i', (n) => {
    const [a, b] = [general(n), drawn(2, [n, 2])];
    checkDerivatives((x) => scipy.linalg.solveTriangular(x, b, { lower: true }), a);
    checkDerivatives((x) => scipy.linalg.solveTriangular(x, b, { trans: 'T' }), a);
    checkDerivatives((y) => scipy.linalg.solveTriangular(a, y, { lower: true, unitDiagonal: n < 9 }), b);
  });

  it('take vectors, batches, and one matrix for many right-hand sides', () => {
    const a = np.array([
      [2, 0],
      [1, 4],
    ]);
    expect(scipy.linalg.solveTriangular(a, [2, 9], { lower: true }).toArray()).toEqual([1, 2]);
    const many = vmap((b: Tensor) => scipy.linalg.solveTriangular(a, b, { lower: true }))(
      np.array([
        [2, 9],
        [4, 2],
      ]),
    );
    expect((many as Tensor).toArray()).toEqual([
      [1, 2],
      [2, 0],
    ]);
    expect(lax.linalg.triangularSolve(a, np.array([2, 8]), { lower: true }).toArray()).toEqual([0, 2]);
  });

  it('refuse operands that do not fit', () => {
    expect(() => lax.linalg.triangularSolve(np.ones([2, 2]), np.ones([3, 1]), { leftSide: true })).toThrow(
      /triangularSolve: expected equal leading axes and rows of b for the matrix, got f32\[2,2\] and f32\[3,1\]/,
    );
    expect(() => scipy.linalg.solveTriangular(np.ones([2, 2]), [1, 2], { trans: 3 as 0 })).toThrow(
      /expected trans to be one of/,
    );
  });
});

describe('solve, inv', () => {
  it.each(sizes)('solve A x = b for n = %i', (n) => {
    const [a, b] = [general(n), drawn(2, [n, 3])];
    expectNear(np.matmul(a, np.linalg.solve(a, b)), b, 1e-13);
    expectNear(np.matmul(a, np.linalg.inv(a)), eye(n), 1e-13);
    expectNear(jit(np.linalg.solve)(a, b) as Tensor, np.linalg.solve(a, b), 1e-13);
    const [packed, pivots] = scipy.linalg.luFactor(a);
    expectNear(scipy.linalg.luSolve([packed, pivots], b), np.linalg.solve(a, b), 1e-13);
    expectNear(scipy.linalg.luSolve([packed, pivots], b, 1), np.linalg.solve(T(a), b), 1e-13);
  });

  it.each([1, 2, 5, 33])('have the derivatives that differences have for n = %i', (n) => {
    const [a, b] = [general(n), drawn(2, [n, 2])];
    checkDerivatives((x) => np.linalg.solve(x, b), a);
    checkDerivatives((y) => np.linalg.solve(a, y), b);
    checkDerivatives((x) => np.linalg.solve(x, np.matmul(x, np.sin(x))), a);
    checkDerivatives((x) => np.linalg.inv(x), a);
  });

  it('have derivatives of third order', () => {
    // (1/x)‴ = −6/x⁴
    const f = (x: Tensor): Tensor => np.linalg.inv(np.reshape(x, [1, 1])).sum();
    expect(grad(grad(grad(f)))(2).item()).toBeCloseTo(-6 / 16, 5);
    const h = hessian((x: Tensor) => np.linalg.solve(np.diag(x), np.ones([2])).sum())(np.array([1, 2])) as Tensor;
    expect(h.toArray()).toEqual([
      [2, 0],
      [0, 0.25],
    ]);
  });

  it('differentiate through batches, compiled, and with one of the two mapped', () => {
    const [a, b] = [np.stack([general(3, 5), general(3, 6)]), drawn(7, [2, 3])];
    const f = (x: Tensor, y: Tensor): Tensor => np.sum(np.square(np.linalg.solve(x, y)));
    const each = [0, 1].map((i) => grad(f)(np.take(a, i, { axis: 0 }), np.take(b, i, { axis: 0 })));
    expectNear(vmap(grad(f))(a, b) as Tensor, np.stack(each), 1e-12);
    expectNear(jit(vmap(grad(f)))(a, b) as Tensor, np.stack(each), 1e-12);
    const one = np.take(a, 0, { axis: 0 });
    const shared = [0, 1].map((i) => grad(f)(one, np.take(b, i, { axis: 0 })));
    expectNear(vmap(grad(f), { inAxes: [null, 0] })(one, b) as Tensor, np.stack(shared), 1e-12);
  });

  it('broadcast leading axes, and take a vector only of one axis', () => {
    const a = np.stack([general(2, 1), general(2, 2)]);
    const v = np.array([1, 2], { dtype: 'float64' });
    expect(np.linalg.solve(a, v).shape).toEqual([2, 2]);
    expect(np.linalg.solve(a, np.ones([2, 5])).shape).toEqual([2, 2, 5]);
    expect(np.linalg.solve(general(2), np.ones([3, 2, 5])).shape).toEqual([3, 2, 5]);
    expect(scipy.linalg.solve(a, np.ones([2, 2])).shape).toEqual([2, 2]);
  });

  it('keep the residual small for an ill-conditioned matrix', () => {
    const a = hilbert(10);
    const b = np.sum(a, { axis: 1 });
    expectNear(np.matmul(a, np.linalg.solve(a, b)), b, 1e-13);
  });

  it('give what is not finite for a singular matrix', () => {
    expect(
      np
        .all(
          np.isfinite(
            np.linalg.solve(
              [
                [1, 2],
                [2, 4],
              ],
              [1, 1],
            ),
          ),
        )
        .item(),
    ).toBe(0);
    expect(
      np
        .all(
          np.isfinite(
            np.linalg.inv([
              [0, 0],
              [0, 1],
            ]),
          ),
        )
        .item(),
    ).toBe(0);
  });

  it('pivot: a zero on the diagonal is no obstacle', () => {
    expect(
      np.linalg
        .solve(
          [
            [0, 1],
            [1, 0],
          ],
          [3, 4],
        )
        .toArray(),
    ).toEqual([4, 3]);
  });

  it('assume what they are told', () => {
    const [a, b] = [definite(5), drawn(2, [5])];
    for (const assumeA of ['gen', 'sym', 'her', 'pos'] as const) {
      expectNear(np.matmul(a, scipy.linalg.solve(a, b, { assumeA })), b, 1e-13);
      checkDerivatives((x) => scipy.linalg.solve(x, b, { assumeA, lower: true }), a);
    }
    const factor = scipy.linalg.choFactor(a);
    expectNear(np.matmul(a, scipy.linalg.choSolve(factor, b)), b, 1e-13);
  });

  it('differentiate through factors that are at hand', () => {
    const [a, b] = [general(4), drawn(2, [4, 2])];
    checkDerivatives((x) => scipy.linalg.luSolve(scipy.linalg.luFactor(x), b), a);
    checkDerivatives((x) => scipy.linalg.luSolve(scipy.linalg.luFactor(x), b, 1), a);
    checkDerivatives((x) => scipy.linalg.choSolve(scipy.linalg.choFactor(x), b), definite(4));
  });

  it('take tensors of more axes', () => {
    const a = np.reshape(general(6), [2, 3, 6]);
    const b = drawn(2, [2, 3]);
    const x = np.linalg.tensorsolve(a, b);
    expectNear(np.tensordot(a, x, 1), b, 1e-13);
    expectNear(np.tensordot(np.linalg.tensorinv(a), b, 2), x, 1e-13);
    const moved = np.reshape(general(6), [6, 2, 3]);
    expectNear(
      np.linalg.tensorsolve(np.moveaxis(moved, 2, 0), np.arange(6), { axes: [0] }),
      np.linalg.tensorsolve(moved, np.arange(6)),
      1e-13,
    );
    expect(() => np.linalg.tensorsolve(a, np.ones([2]))).toThrow(
      /expected as many equations as unknowns, got 2 and 18/,
    );
    expect(() => np.linalg.tensorinv(np.ones([2, 3, 5]))).toThrow(
      /expected as many equations as unknowns, got 6 and 5/,
    );
  });

  it('refuse what does not fit', () => {
    expect(() => np.linalg.solve(np.ones([2, 3]), [1, 2])).toThrow(
      /linalg\.solve: expected square matrices, got f32\[2,3\]/,
    );
    expect(() => np.linalg.solve(np.eye(2), [1, 2, 3])).toThrow(
      /expected a right-hand side with as many rows as the matrix/,
    );
    expect(() => np.linalg.inv(np.ones([2, 3]))).toThrow(/linalg\.inv: expected square matrices/);
    expect(() => scipy.linalg.solve(np.eye(2), [1, 2], { assumeA: 'banded' as 'gen' })).toThrow(
      /expected assumeA to be one of/,
    );
  });
});

describe('determinants', () => {
  it.each([1, 2, 3, 4, 5, 33])('have the derivatives that differences have for n = %i', (n) => {
    const a = general(n).mul(1 / (2 * Math.sqrt(n) + 1));
    checkDerivatives((x) => np.linalg.det(x), a, 1e-6);
    checkDerivatives((x) => np.linalg.slogdet(x)[1], a);
  });

  it('have the sign of the permutation', () => {
    expect(
      np.linalg
        .det([
          [0, 1],
          [1, 0],
        ])
        .item(),
    ).toBe(-1);
    const swap = np.array([
      [0, 1, 0, 0],
      [1, 0, 0, 0],
      [0, 0, 0, 3],
      [0, 0, 2, 0],
    ]);
    expect(np.linalg.det(swap).item()).toBe(6);
    const [sign, log] = np.linalg.slogdet(swap);
    expect([sign.item(), log.item()]).toEqual([1, Math.fround(Math.log(2) + Math.log(3))]);
  });

  it('are 1 for the empty matrix, and 0 for a singular one, whose logarithm is −∞', () => {
    expect(np.linalg.det(np.ones([0, 0])).item()).toBe(1);
    expect(np.linalg.slogdet(np.ones([0, 0])).map((x) => x.item())).toEqual([1, 0]);
    expect(
      np.linalg
        .slogdet([
          [1, 2],
          [2, 4],
        ])
        .map((x) => x.item() + 0),
    ).toEqual([0, -Infinity]);
    expect(np.linalg.det(np.ones([4, 4])).item()).toBe(0);
  });

  it('do not overflow as logarithms', () => {
    const [sign, log] = np.linalg.slogdet(np.eye(200).mul(-1e30));
    expect(sign.item()).toBe(1);
    expect(log.item()).toBeCloseTo(200 * 30 * Math.log(10), -1);
  });

  it('of singular 3 × 3 matrices have derivatives of second order', () => {
    const a = np.array(
      [
        [1, 2, 3],
        [2, 4, 6],
        [1, 0, 1],
      ],
      { dtype: 'float64' },
    );
    checkDerivatives((x) => np.linalg.det(x), a);
  });
});

describe('lu', () => {
  it.each([
    [5, 5],
    [7, 3],
    [3, 7],
    [130, 70],
    [70, 130],
    [200, 3],
  ])('factors %i × %i', (m, n) => {
    const a = drawn(1, [m, n]);
    const [packed, pivots, order] = lax.linalg.lu(a);
    const k = Math.min(m, n);
    expect(pivots.shape).toEqual([k]);
    const l = np
      .tril(np.take(packed, np.arange(k).astype('int32'), { axis: 1 }), -1)
      .add(np.eye(m, k, { dtype: 'float64' }));
    const u = np.triu(np.take(packed, np.arange(k).astype('int32'), { axis: 0 }));
    expectNear(np.matmul(l, u), np.take(a, order, { axis: 0 }), 1e-14);
    expect(np.max(np.abs(l)).item()).toBeLessThanOrEqual(1);
  });

  it.each([
    [5, 5],
    [5, 3],
    [3, 5],
  ])('has the derivatives that differences have for %i × %i', (m, n) => {
    checkDerivatives((x) => lax.linalg.lu(x)[0], drawn(8, [m, n]), 1e-6, 1e-4);
  });
});

describe('powers and chains', () => {
  it('multiply as often as they say', () => {
    const a = np.array([
      [1, 1],
      [0, 1],
    ]);
    expect(np.linalg.matrixPower(a, 0).toArray()).toEqual([
      [1, 0],
      [0, 1],
    ]);
    expect(np.linalg.matrixPower(a, 13).toArray()).toEqual([
      [1, 13],
      [0, 1],
    ]);
    expect(np.linalg.matrixPower(a, -3).toArray()).toEqual([
      [1, -3],
      [0, 1],
    ]);
    for (const n of [-2, 0, 1, 5]) checkDerivatives((x) => np.linalg.matrixPower(x, n), general(3).mul(0.3), 1e-6);
    expect(() => np.linalg.matrixPower(a, 0.5)).toThrow(/expected an integer exponent, got 0.5/);
  });

  it('give the product in any order', () => {
    const xs = [drawn(1, [4]), drawn(2, [4, 7]), drawn(3, [7, 2]), drawn(4, [2, 5])];
    const expected = xs.slice(1).reduce((p, x) => np.matmul(p, x), xs[0]!);
    expectNear(np.linalg.multiDot(xs), expected, 1e-13);
    expect(np.linalg.multiDot([np.ones([3]), np.ones([3, 2]), np.ones([2])]).item()).toBe(6);
    expect(() => np.linalg.multiDot([np.ones([2, 2])])).toThrow(/expected at least two matrices/);
    expect(() => np.linalg.multiDot([np.ones([2, 2]), np.ones([2]), np.ones([2, 2])])).toThrow(
      /vectors at the ends only/,
    );
  });
});
