/**
 * L-BFGS with PyTorch's trajectories: the figures in `data/lbfgs.json` are those of PyTorch 1.13 in float64, six steps each.
 * @module
 */
import { describe, expect, it } from 'vitest';
import { nn, optim, randn, type Tensor } from 'cotangent/torch';
import { type Figures, leaf, Problem, readData } from './problem.ts';

interface Case {
  readonly options: Partial<optim.LBFGSOptions>;
  readonly trace: readonly Figures[];
  /** Losses computed, and directions gone along. */
  readonly counts: readonly [number, number];
}

const cases = readData('lbfgs') as Case[];
const problemOf = ({ options }: Case): Problem<optim.LBFGS> =>
  new Problem(({ a, b, unused }) => new optim.LBFGS([a, unused, b], options));

describe.each(cases)('LBFGS($options)', (c) => {
  it('goes where it goes in PyTorch', () => {
    const problem = problemOf(c);
    for (const at of c.trace) {
      problem.optimizer.step(problem.closure);
      problem.expectAt(at, 7);
    }
    expect(problem.unused.item()).toBe(7);
    const { funcEvals, nIter } = problem.optimizer.stateDict().state[0]!;
    expect([funcEvals, nIter]).toEqual(c.counts);
  });

  it.each([false, true])('goes on from its state (from JSON: %s)', (isJson) => {
    const [before, after] = [problemOf(c), problemOf(c)];
    for (let i = 0; i < 3; i++) before.optimizer.step(before.closure);
    after.goOnFrom(before, isJson);
    for (const at of c.trace.slice(3)) {
      after.optimizer.step(after.closure);
      after.expectAt(at, 7);
    }
  });
});

describe('LBFGS', () => {
  it('fits a float32 layer', () => {
    const layer = new nn.Linear(3, 1);
    const x = randn(20, 3);
    const target = x.sum(1, true).add(0.5);
    const optimizer = new optim.LBFGS(layer.parameters(), { lineSearchFn: 'strongWolfe' });
    const lossOf = (): Tensor => nn.functional.mseLoss(layer.call(x), target);
    const first = optimizer.step(() => {
      optimizer.zeroGrad();
      const loss = lossOf();
      loss.backward();
      return loss;
    });
    expect((first as Tensor).item()).toBeGreaterThan(0.1);
    expect(lossOf().item()).toBeLessThan(1e-8);
    expect(layer.weight.dtype).toBe('float32');
  });

  it('goes nowhere from a minimum', () => {
    const w = leaf([1, 1]);
    const optimizer = new optim.LBFGS([w]);
    optimizer.step(() => {
      optimizer.zeroGrad();
      const loss = w.sub(1).pow(2).sum();
      loss.backward();
      return loss;
    });
    expect([w.tolist(), optimizer.stateDict().state[0]!.nIter]).toEqual([[1, 1], 0]);
  });

  it('needs a closure, one group, and settings that make sense', () => {
    const w = leaf([1]);
    expect(() => new optim.LBFGS([w]).step()).toThrow('LBFGS.step: expected a closure, got undefined');
    expect(() => new optim.LBFGS([{ params: [w] }, { params: [leaf([2])] }])).toThrow(
      "LBFGS doesn't support per-parameter options",
    );
    expect(() => new optim.LBFGS([w], { lineSearchFn: 'wolfe' as never })).toThrow(
      'expected lineSearchFn to be one of strongWolfe, strong_wolfe, got wolfe',
    );
    expect(() => new optim.LBFGS([w], { maxIter: 0 })).toThrow('invalid maxIter value: 0');
  });
});
