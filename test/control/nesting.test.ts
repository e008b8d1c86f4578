/** Random nests of control flow and transformations: every transformation of them agrees with differences and with loops. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  checkpoint,
  configure,
  grad,
  jacfwd,
  jacrev,
  jit,
  jvp,
  linearize,
  linearTranspose,
  makeProgram,
  np,
  type Tensor,
  vmap,
} from 'cotangent';
import { verifyProgram } from '../../src/ir/verify.ts';
import { type Nest, nests } from '../support/nest.ts';
import { runs } from '../support/runs.ts';

// Differences need float64; the reference compiles nothing, so a random program costs little.
configure({ defaultDtype: 'float64', defaultDevice: 'reference' });

const point = [0.33, -0.38, 0.66];
const direction = [0.5, 1, -0.7];
const rows = [point, point.map((v) => 0.2 - v), point.map((v) => 0.3 * v)];
const tensor = (x: unknown): Tensor => np.array(x as never, { dtype: 'float64' });
const numbers = (x: unknown): number[] => Array.from((x as Tensor).dataSync());

function close(actual: unknown, expected: readonly number[], tolerance = 2e-5): void {
  const got = numbers(actual);
  expect(got).toHaveLength(expected.length);
  got.forEach((v, i) =>
    expect(Math.abs(v - expected[i]!), `${got} ≠ ${expected}`).toBeLessThanOrEqual(
      tolerance * (1 + Math.abs(expected[i]!)),
    ),
  );
}

const step = 1e-5;
/** (g(x + h v) − g(x − h v)) / 2h */
function difference(g: (x: number[]) => number[], x: readonly number[], v: readonly number[]): number[] {
  const [up, down] = [step, -step].map((h) => g(x.map((t, i) => t + h * v[i]!)));
  return up!.map((t, i) => (t - down![i]!) / (2 * step));
}

const unit = point.map((_, i) => point.map((__, j) => Number(i === j)));
const scalarOf = (n: Nest) => (x: Tensor) =>
  n
    .apply(x, x.mul(0.7))
    .mul(tensor([1, -0.5, 0.8]))
    .sum();
const x = tensor(point);
const v = tensor(direction);

function checkForward(f: (x: Tensor) => Tensor): void {
  const value = (p: number[]): number[] => numbers(f(tensor(p)));
  const slope = difference(value, point, direction);
  const push = (p: Tensor, d: Tensor): Tensor => jvp(f, [p], [d])[1];
  close(push(x, v), slope);
  close(jit(push)(x, v), slope);
  close(
    vmap((d: Tensor) => push(x, d))(tensor(unit)),
    unit.flatMap((e) => difference(value, point, e)),
  );
  close(linearize(f, x)[1](v), slope);
  close(
    jvp((p: Tensor) => push(p, v), [x], [x])[1],
    difference((p) => numbers(push(tensor(p), v)), point, point),
  );
}

function checkReverse(f: (x: Tensor) => Tensor): void {
  const gradient = unit.flatMap((e) => difference((p) => numbers(f(tensor(p))), point, e));
  const gradients: ((p: Tensor) => Tensor)[] = [
    grad(f),
    grad(jit(f)),
    jit(grad(f)),
    grad(checkpoint(f)),
    jit(grad(checkpoint(f))),
  ];
  for (const g of gradients) close(g(x), gradient);
  const each = rows.flatMap((r) => numbers(grad(f)(tensor(r))));
  close(vmap(grad(f))(tensor(rows)), each, 1e-9);
  close(grad((p: Tensor) => vmap(f)(p).sum())(tensor(rows)), each, 1e-9);
  close(grad((p: Tensor) => jit(vmap(f))(p).sum())(tensor(rows)), each, 1e-9);
  const curvature = difference((p) => numbers(grad(f)(tensor(p))), point, direction);
  close(grad((p: Tensor) => grad(f)(p).mul(v).sum())(x), curvature);
  close(jit(grad((p: Tensor) => jit(grad(f))(p).mul(v).sum()))(x), curvature);
}

function checkMixed(f: (x: Tensor) => Tensor): void {
  const curvature = difference((p) => numbers(grad(f)(tensor(p))), point, direction);
  close(jvp(grad(f), [x], [v])[1], curvature);
  close(grad((p: Tensor) => jvp(f, [p], [v])[1])(x), curvature);
  close(np.matmul(jacfwd(jacrev(f))(x) as Tensor, v), curvature);
  const transposed = linearTranspose(linearize(f, x)[1], x)(tensor(1))[0];
  close(transposed, numbers(grad(f)(x)), 1e-9);
}

function check(n: Nest): void {
  const f = scalarOf(n);
  close(jit(f)(x), numbers(f(x)), 1e-12);
  close(
    vmap(f)(tensor(rows)),
    rows.flatMap((r) => numbers(f(tensor(r)))),
    1e-12,
  );
  verifyProgram(makeProgram(f)(x));
  if (!n.isForwardOnly) verifyProgram(makeProgram(vmap(grad(f)))(tensor(rows)));
  if (!n.isReverseOnly) verifyProgram(makeProgram(vmap((p: Tensor) => jvp(f, [p], [v])))(tensor(rows)));
  if (!n.isReverseOnly) checkForward(f);
  if (!n.isForwardOnly) checkReverse(f);
  if (!n.isReverseOnly && !n.isForwardOnly) checkMixed(f);
}

test.each([
  [1, 20],
  [2, 25],
  [3, 15],
])(
  'every transformation of a nest %d deep is right (%d draws)',
  (depth, numRuns) => {
    const shown = nests(depth).map((n) => Object.assign(n, { toString: () => n.text }));
    fc.assert(fc.property(shown, check), runs(numRuns));
  },
  120_000,
);
