import { describe, expect, it } from 'vitest';
import { configure, jit, lax, np, type Tensor } from 'cotangent';

const onReference = (f: () => Tensor): number[] => configure({ defaultDevice: 'reference' }, () => [...f().dataSync()]);

describe('results that share the memory of an operand', () => {
  it('may share that of another operand than the first: padding nothing gives the padding value', () => {
    for (const [low, high, interior] of [
      [1, 0, 0],
      [3, -2, 0],
      [1, 0, 2],
    ] as const) {
      const f = (x: Tensor): Tensor => lax.pad(x, 7, [[low, high, interior]]);
      expect([...f(np.zeros([0])).dataSync()]).toEqual([7]);
      expect([...jit(f)(np.zeros([0])).dataSync()]).toEqual([7]);
      expect(onReference(() => f(np.zeros([0])))).toEqual([7]);
    }
  });
});

describe('signed zeros', () => {
  it('stay apart through folding, merging and eager fills', () => {
    const fill = (value: number): Tensor => np.full([100], value, { dtype: 'float32' });
    const reciprocal = (x: Tensor): number => 1 / x.dataSync()[3]!;
    expect([fill(-0), fill(0)].map(reciprocal)).toEqual([-Infinity, Infinity]);
    const f = jit((x: Tensor) => [fill(-0), fill(0), lax.mul(x, fill(-0)), lax.mul(x, fill(0))]);
    expect(f(fill(1)).map(reciprocal)).toEqual([-Infinity, Infinity, -Infinity, Infinity]);
  });
});
