/**
 * What the optimisers minimise whose trajectories stand in `data`: parameters of two shapes, with one beside them that gets no gradient.
 * @module
 */
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { type optim, type Tensor, tensor } from 'cotangent/torch';

/** The elements of the two parameters after a step. */
export type Figures = readonly [a: readonly number[], b: readonly number[]];

export const readData = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../data/${name}.json`, import.meta.url), 'utf8'));

export const leaf = (data: number[] | number[][]): Tensor => tensor(data, { dtype: 'float64', requiresGrad: true });

export class Problem<O extends optim.Optimizer = optim.Optimizer> {
  readonly a: Tensor = leaf([
    [1, -2],
    [0.5, 0.25],
    [-0.75, 1.5],
  ]);
  readonly b: Tensor = leaf([0.1, -0.2, 0.3]);
  readonly unused: Tensor = leaf([7]);
  readonly optimizer: O;

  constructor(optimizerOf: (problem: Pick<Problem, 'a' | 'b' | 'unused'>) => O) {
    this.optimizer = optimizerOf(this);
  }

  /** The loss, with its gradients. */
  readonly closure = (): Tensor => {
    const { a, b } = this;
    this.optimizer.zeroGrad();
    const loss = a.sin().mul(a).sum(1).mul(b).sum().add(a.pow(4).sum().div(8)).add(b.sub(1).pow(2).sum());
    loss.backward();
    return loss;
  };

  /** Takes over where another one is, through the state of its optimiser, perhaps as JSON. */
  goOnFrom(other: Problem<O>, isJson: boolean): void {
    const dict = other.optimizer.stateDict();
    this.optimizer.loadStateDict(isJson ? (JSON.parse(JSON.stringify(dict)) as typeof dict) : dict);
    this.a.detach().copy_(other.a.detach());
    this.b.detach().copy_(other.b.detach());
  }

  expectAt(figures: Figures, digits: number): void {
    const expected = figures.flat();
    [...this.a.dataSync(), ...this.b.dataSync()].forEach((x, i) => expect(x).toBeCloseTo(expected[i]!, digits));
  }
}
