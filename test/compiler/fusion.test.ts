/**
 * What is fused, what is stored, and that it stays right.
 * @module
 */
import { lax } from 'cotangent';
import { describe, expect, it } from 'vitest';
import { type Aval, f32, i32 } from '../../src/ir/aval.ts';
import type { Tensor } from '../../src/core/tensor.ts';
import { scalarTensor } from '../../src/core/tensor.ts';
import { dotGeneral } from '../../src/primitives/dot.ts';
import * as p from '../../src/primitives/index.ts';
import { slice } from '../../src/primitives/slice.ts';
import { type CompileStats, compileStats } from '../../src/compiler/stats.ts';
import type { PlanOptions } from '../../src/compiler/compile.ts';
import { drawArgs, expectPlanMatches, trace } from './check-plan.ts';

function statsOf(
  avals: readonly Aval[],
  f: (args: readonly Tensor[]) => readonly Tensor[],
  options: PlanOptions = {},
): CompileStats {
  const program = trace(avals, f);
  return compileStats(expectPlanMatches(program, drawArgs(avals, 3), '', options));
}

const s = (x: number): Tensor => scalarTensor(x, 'float32');

describe('elementwise chains', () => {
  it('are one kernel, whatever their shapes broadcast to', () => {
    const stats = statsOf([f32(4, 3), f32(3), f32(4, 1)], ([x, b, c]) => [p.tanh(p.mul(p.add(x!, b!), p.abs(c!)))]);
    expect(stats).toMatchObject({ kernels: 1, arenaBytes: 0 });
  });

  it('go through reshapes, transposes, slices and pads', () => {
    const stats = statsOf([f32(4, 6)], ([x]) => {
      const y = p.transpose(p.reshape(p.mul(x!, s(2)), [2, 2, 6]), [2, 0, 1]);
      return [p.add(slice(y, { start: [1, 0, 0], limit: [5, 2, 2], strides: [2, 1, 1] }), s(1))];
    });
    expect(stats).toMatchObject({ kernels: 1, arenaBytes: 0 });
  });

  it('share what two results need, in one pass', () => {
    const stats = statsOf([f32(100)], ([x]) => {
      const e = p.exp(x!);
      return [p.mul(e, s(2)), p.add(e, x!), e];
    });
    expect(stats).toMatchObject({ kernels: 1, bytesMoved: 4 * 400 });
  });

  it('with a common operand but no common result share a pass', () => {
    expect(statsOf([f32(8, 8)], ([x]) => [p.sin(x!), p.cos(x!)]).kernels).toBe(1);
  });

  it("of Adam's three updates are one kernel that writes in place of donated state", () => {
    const avals = [f32(64), f32(64), f32(64), f32(64)];
    const program = trace(avals, ([w, m, v, g]) => {
      const m2 = p.add(p.mul(m!, s(0.9)), p.mul(g!, s(0.1)));
      const v2 = p.add(p.mul(v!, s(0.99)), p.mul(p.mul(g!, g!), s(0.01)));
      return [p.sub(w!, p.div(m2, p.add(p.sqrt(p.abs(v2)), s(1e-3)))), m2, v2];
    });
    const plan = expectPlanMatches(program, drawArgs(avals, 5), '', { donate: [0, 1, 2] });
    expect(compileStats(plan)).toMatchObject({ kernels: 1, arenaBytes: 0 });
    expect(plan.plannedOutputs).toEqual([0, 1, 2].map((input) => ({ kind: 'donated', input })));
  });

  it('are not repeated where an expensive value is broadcast', () => {
    const stats = statsOf([f32(50), f32(40, 50)], ([x, y]) => [p.add(p.exp(x!), y!)]);
    expect(stats).toMatchObject({ kernels: 2, arenaBytes: 256 });
  });

  it('are repeated where that is cheaper than memory', () => {
    expect(statsOf([f32(50), f32(40, 50)], ([x, y]) => [p.add(p.neg(x!), y!)])).toMatchObject({
      kernels: 1,
      arenaBytes: 0,
    });
  });
});

describe('reductions', () => {
  it('take in what is computed for them alone, and what follows at their index', () => {
    const stats = statsOf([f32(6, 8), f32(8)], ([x, y]) => [p.sqrt(p.reduceSum(p.mul(p.exp(x!), y!), [1]))]);
    expect(stats).toMatchObject({ kernels: 1, arenaBytes: 0 });
  });

  it('over nothing give the identity', () => {
    statsOf([f32(0, 3)], ([x]) => [p.reduceSum(p.exp(x!), [0]), p.reduceProd(x!, [0]), p.exp(x!)]);
    statsOf([f32(3, 0)], ([x]) => [p.add(p.reduceSum(x!, [1]), s(1)), p.reduceMax(x!, [1])]);
  });

  it('of mean and variance meet in one epilogue', () => {
    const stats = statsOf([f32(5, 7)], ([x]) => {
      const mean = p.mul(p.reduceSum(x!, [1]), s(1 / 7));
      const square = p.mul(p.reduceSum(p.mul(x!, x!), [1]), s(1 / 7));
      return [p.sub(square, p.mul(mean, mean))];
    });
    expect(stats.kernels).toBe(1);
  });
});

const spread = (row: Tensor, shape: number[]): Tensor =>
  p.broadcastInDim(
    row,
    shape,
    row.shape.map((_, i) => i),
  );

function softmax(x: Tensor): Tensor {
  const e = p.exp(p.sub(x, spread(p.reduceMax(x, [1]), x.shape as number[])));
  return p.div(e, spread(p.reduceSum(e, [1]), x.shape as number[]));
}

function normalized(x: Tensor): Tensor {
  const shape = x.shape as number[];
  const scale = s(1 / shape[1]!);
  const centred = p.sub(x, spread(p.mul(p.reduceSum(x, [1]), scale), shape));
  const variance = p.mul(p.reduceSum(p.mul(centred, centred), [1]), scale);
  return p.mul(centred, spread(p.rsqrt(p.add(variance, s(1e-5))), shape));
}

describe('rows', () => {
  it('of a softmax are one kernel, which keeps the exponentials where the result goes', () => {
    expect(statsOf([f32(6, 12)], ([x]) => [softmax(x!)])).toMatchObject({
      kernels: 1,
      arenaBytes: 0,
      bytesMoved: 2 * 6 * 12 * 4,
    });
  });

  it('of a normalized layer are one kernel in three passes', () => {
    const f = ([x, gain]: readonly Tensor[]): Tensor[] => [
      p.mul(normalized(x!), p.broadcastInDim(gain!, x!.shape as number[], [1])),
    ];
    const program = trace([f32(6, 12), f32(12)], f);
    const plan = expectPlanMatches(program, drawArgs(program.inAvals, 3), '', { donate: [0] });
    expect(compileStats(plan)).toMatchObject({ kernels: 1, arenaBytes: 0 });
    expect(plan.plannedOutputs).toEqual([{ kind: 'donated', input: 0 }]);
    const [step] = plan.steps;
    const [loop] = step?.kind === 'kernel' ? step.kernel.body : [];
    expect(loop?.kind === 'for' && loop.body.map((x) => x.kind)).toEqual(['reduce', 'reduce', 'for']);
  });

  it('are summed in the pass that stores their elements', () => {
    const program = trace([f32(6, 12)], ([x]) => {
      const e = p.exp(x!);
      return [e, p.reduceSum(e, [1])];
    });
    const plan = expectPlanMatches(program, drawArgs(program.inAvals, 3));
    expect(compileStats(plan)).toMatchObject({ kernels: 1, bytesMoved: 2 * 6 * 12 * 4 + 6 * 4 });
    const [step] = plan.steps;
    const [loop] = step?.kind === 'kernel' ? step.kernel.body : [];
    expect(loop?.kind === 'for' && loop.body.map((x) => x.kind)).toEqual(['reduce', 'store']);
  });

  it('may be all there is: a sum and its terms', () => {
    const stats = statsOf([f32(6, 12)], ([x]) => {
      const y = p.mul(x!, s(2));
      return [y, p.reduceSum(p.mul(y, y), [0, 1])];
    });
    expect(stats).toMatchObject({ kernels: 1, arenaBytes: 0 });
  });

  it('of a few elements are left to lanes', () => {
    expect(statsOf([f32(60, 3)], ([x]) => [softmax(x!)]).kernels).toBeGreaterThan(1);
  });

  it('whose values later readers need are stored, not the elements made from them', () => {
    const stats = statsOf([f32(8, 16), f32(8, 8)], ([x, w]) => {
      const centred = p.sub(x!, spread(p.mul(p.reduceSum(x!, [1]), s(1 / 16)), [8, 16]));
      const product = dotGeneral(w!, p.mul(centred, centred), { contract: [[1], [0]], batch: [[], []] });
      return [p.reduceSum(p.mul(product, centred), [0])];
    });
    // The squares, the means, and the product.
    expect(stats.arenaBytes).toBe(2 * 8 * 16 * 4 + 64);
  });
});

const matmul = (x: Tensor, y: Tensor): Tensor => dotGeneral(x, y, { contract: [[1], [0]], batch: [[], []] });

describe('products', () => {
  const layer = [f32(4, 5), f32(5, 6), f32(6)];

  it('go on to a bias and an activation, in the memory of the result', () => {
    const stats = statsOf(layer, ([x, w, b]) => [p.tanh(p.add(matmul(x!, w!), b!))]);
    expect(stats).toMatchObject({ kernels: 1, arenaBytes: 0 });
  });

  it('that others need too are stored beside what follows', () => {
    const stats = statsOf(layer, ([x, w, b]) => {
      const y = matmul(x!, w!);
      return [p.tanh(p.add(y, b!)), y];
    });
    expect(stats).toMatchObject({ kernels: 1, arenaBytes: 0 });
  });

  it('that are read at other positions end the kernel', () => {
    const stats = statsOf([f32(4, 5), f32(5, 4)], ([x, w]) => {
      const y = matmul(x!, w!);
      return [p.add(y, p.transpose(y, [1, 0]))];
    });
    expect(stats.kernels).toBe(2);
  });

  it('with a vector do not: along its one column nothing runs in lanes', () => {
    const stats = statsOf([f32(4, 5), f32(5, 1), f32(4, 1)], ([w, h, b]) => [p.tanh(p.add(matmul(w!, h!), b!))]);
    expect(stats).toMatchObject({ kernels: 2 });
  });

  it('under loops do the same for each', () => {
    const stats = statsOf([f32(3, 4, 5), f32(3, 5, 6), f32(3, 4, 6)], ([x, w, r]) => [
      p.add(r!, p.exp(p.neg(dotGeneral(x!, w!, { contract: [[2], [1]], batch: [[0], [0]] })))),
    ]);
    expect(stats.kernels).toBe(1);
  });

  it('over axes that lie apart are products in loops, without copies, and go on to what follows', () => {
    // One matrix times each of three; and the weights' gradient of that, a sum over all three.
    const avals = [f32(20, 24), f32(3, 24, 130), f32(20)];
    const mixed = statsOf(avals, ([w, x, b]) => {
      const y = p.transpose(dotGeneral(w!, x!, { contract: [[1], [1]], batch: [[], []] }), [1, 0, 2]);
      return [p.max(p.add(y, p.broadcastInDim(b!, [3, 20, 130], [1])), s(0))];
    });
    expect(mixed).toMatchObject({ kernels: 1, arenaBytes: 0 });
    const gradient = statsOf([f32(3, 20, 130), f32(3, 24, 130)], ([dy, x]) => [
      dotGeneral(dy!, x!, {
        contract: [
          [0, 2],
          [0, 2],
        ],
        batch: [[], []],
      }),
    ]);
    expect(gradient).toMatchObject({ kernels: 1, arenaBytes: 0 });
  });

  it('whose update writes over a donated parameter accumulate beside it', () => {
    const program = trace([f32(8, 5), f32(8, 6), f32(5, 6)], ([x, dy, w]) => [
      p.sub(w!, p.mul(matmul(p.transpose(x!, [1, 0]), dy!), s(0.1))),
    ]);
    const plan = expectPlanMatches(program, drawArgs(program.inAvals, 3), '', { donate: [2] });
    expect(plan.plannedOutputs).toEqual([{ kind: 'donated', input: 2 }]);
    expect(compileStats(plan).kernels).toBe(1);
  });

  it('of a convolution go on to its bias and activation', () => {
    const stats = statsOf([f32(2, 3, 5, 5), f32(4, 3, 3, 3), f32(4)], ([x, kernel, bias]) => {
      const y = lax.convGeneralDilated(x!, kernel!, [1, 1], 'SAME');
      return [p.max(p.add(y, p.broadcastInDim(bias!, [2, 4, 5, 5], [1])), s(0))];
    });
    expect(stats.kernels).toBe(1);
  });

  it('of elementwise work of another size stay alone', () => {
    const stats = statsOf(layer, ([x, w]) => [p.tanh(p.broadcastInDim(matmul(x!, w!), [2, 4, 6], [1, 2]))]);
    expect(stats.kernels).toBe(2);
  });
});

describe('kernels with loops of their own', () => {
  it('read and write reshaped values without copies', () => {
    const stats = statsOf([f32(2, 3, 4), f32(4, 5)], ([x, w]) => {
      const y = dotGeneral(p.reshape(x!, [6, 4]), w!, { contract: [[1], [0]], batch: [[], []] });
      return [p.reshape(y, [2, 3, 5])];
    });
    expect(stats).toMatchObject({ kernels: 1, copies: 0, arenaBytes: 0 });
  });
});

describe('outputs', () => {
  it('that are inputs, literals or other outputs are not computed', () => {
    const program = trace([f32(3), f32(3)], ([x, y]) => [x!, s(2), p.add(x!, y!), y!, p.add(x!, y!)]);
    const plan = expectPlanMatches(program, drawArgs(program.inAvals, 1));
    expect(plan.plannedOutputs).toEqual([
      { kind: 'input', index: 0 },
      { kind: 'constant', index: 0 },
      { kind: 'computed' },
      { kind: 'input', index: 1 },
      { kind: 'same-as', output: 2 },
    ]);
  });

  it('that are reshaped inputs or outputs are those', () => {
    const program = trace([f32(2, 3)], ([x]) => {
      const y = p.exp(x!);
      return [p.reshape(x!, [6]), y, p.reshape(y, [3, 2])];
    });
    const plan = expectPlanMatches(program, drawArgs(program.inAvals, 1));
    expect(plan.plannedOutputs).toEqual([
      { kind: 'input', index: 0 },
      { kind: 'computed' },
      { kind: 'same-as', output: 1 },
    ]);
    expect(compileStats(plan)).toMatchObject({ kernels: 1, copies: 0 });
  });

  it('of integers and booleans keep their dtypes', () => {
    statsOf([i32(5), f32(5)], ([x, y]) => [
      p.lt(p.convert(x!, 'float32'), y!),
      p.select(p.gt(y!, s(0)), p.mul(x!, x!), x!),
    ]);
  });
});

describe('folding', () => {
  it('computes scalars of scalars, and merges equal equations', () => {
    const stats = statsOf([f32(9)], ([x]) => {
      const two = p.add(s(1), s(1));
      return [p.mul(p.exp(x!), two), p.mul(p.exp(x!), two)];
    });
    expect(stats.bytesMoved).toBe(2 * 36);
  });
});

describe('arrays put together of others', () => {
  const halves = (x: Tensor): [Tensor, Tensor] => [p.sliceAxis(x, 1, 0, 3), p.sliceAxis(x, 1, 3, 8)];

  it('read slices in place', () => {
    const stats = statsOf([f32(4, 8)], ([x]) => {
      const [left, right] = halves(x!);
      return [p.concatenate([right, left], 1)];
    });
    expect(stats).toMatchObject({ kernels: 1, arenaBytes: 0, bytesMoved: 2 * 4 * 32 });
  });

  it('compute operands where they are put', () => {
    const stats = statsOf([f32(4, 8), f32(8)], ([x, b]) => {
      const [left, right] = halves(p.add(x!, p.broadcastInDim(b!, [4, 8], [1])));
      return [p.concatenate([p.neg(right), p.sin(left), x!], 1)];
    });
    expect(stats).toMatchObject({ kernels: 1, arenaBytes: 0 });
  });

  it('compute an operand once that others need as well, or that a reduction gives', () => {
    const stats = statsOf([f32(40, 8)], ([x]) => {
      const y = p.exp(x!);
      return [p.concatenate([y, spread(p.reduceSum(y, [1]), [40, 2])], 1), p.transpose(y, [1, 0])];
    });
    expect(stats.kernels).toBeLessThanOrEqual(4);
  });

  it('of nothing, of numbers, of reshaped and of repeated operands are right', () => {
    statsOf([f32(0, 3), f32(2, 3)], ([x, y]) => [p.concatenate([x!, y!, y!], 0), p.concatenate([x!, x!], 0)]);
    statsOf([f32(6)], ([x]) => {
      const square = p.transpose(p.reshape(x!, [2, 3]), [1, 0]);
      return [
        p.concatenate([p.reshape(square, [6]), x!, p.filled(f32(2), 7)], 0),
        p.concatenate([p.reshape(square, [6, 1]), p.reshape(x!, [6, 1])], 1),
      ];
    });
  });

  it('of many operands stay in kernels of few buffers', () => {
    const avals = Array.from({ length: 70 }, () => f32(2, 1));
    expect(statsOf(avals, (xs) => [p.concatenate(xs, 1)]).kernels).toBe(3);
    const columns = Array.from({ length: 70 }, (_, i) => 69 - i);
    const reversed = (x: Tensor): Tensor => p.concatenate(columns.map((i) => p.sliceAxis(x, 1, i, i + 1)), 1); // prettier-ignore
    expect(statsOf([f32(2, 70)], ([x]) => [reversed(x!)])).toMatchObject({ kernels: 3, arenaBytes: 0 });
  });

  it('do not repeat what is built of repeated parts', () => {
    const stats = statsOf([f32(16)], ([x]) => {
      let y = x!;
      for (let i = 0; i < 40; i++) y = p.add(y, y);
      return [p.concatenate([p.reverse(y, [0]), y], 0)];
    });
    expect(stats.kernels).toBeLessThanOrEqual(2);
  });
});
