/**
 * Images read at given places, with PyTorch's numbers: `data/grids.json` is from PyTorch 1.13 in float64; the loss is the sum of the
 * result times weights that go from ½ to 1½.
 * @module
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { autograd, linspace, nn, ones, randn, type Tensor, tensor } from 'cotangent/torch';

interface Sample {
  readonly options: nn.functional.GridSampleOptions;
  readonly shape: number[];
  readonly x: number[];
  readonly gridShape: number[];
  readonly grid: number[];
  readonly y: number[];
  readonly dx: number[];
  readonly dgrid: number[];
}

interface Affine {
  readonly size: number[];
  readonly shape: number[];
  readonly theta: number[];
  readonly alignCorners: boolean;
  readonly grid: number[];
}

const { affine, samples } = JSON.parse(readFileSync(new URL('../data/grids.json', import.meta.url), 'utf8')) as {
  readonly samples: readonly Sample[];
  readonly affine: readonly Affine[];
};
const { affineGrid, gridSample } = nn.functional;
const leaf = (data: number[], shape: number[]): Tensor =>
  tensor(data, { dtype: 'float64' }).reshape(shape).detach().requiresGrad_();
const expectClose = (x: Tensor | null, data: number[]): void =>
  [...x!.dataSync()].forEach((v, i) => expect(v).toBeCloseTo(data[i]!, 7));

describe('gridSample', () => {
  it.each(samples)('$options of $shape', (c) => {
    const [x, grid] = [leaf(c.x, c.shape), leaf(c.grid, c.gridShape)];
    const y = gridSample(x, grid, c.options);
    expectClose(y, c.y);
    y.mul(linspace(0.5, 1.5, y.numel(), { dtype: 'float64' }).reshape([...y.shape]))
      .sum()
      .backward();
    expectClose(x.grad, c.dx);
    if (grid.grad !== null) expectClose(grid.grad, c.dgrid);
    else expect(c.dgrid.every((v) => v === 0)).toBe(true);
  });

  it('differentiates twice', () => {
    const inputs = [leaf([...randn(12).dataSync()], [1, 1, 3, 4]), leaf([0.31, -0.42, -0.13, 0.74], [1, 1, 2, 2])];
    expect(autograd.gradcheck((x, g) => gridSample(x, g), inputs)).toBe(true);
    expect(autograd.gradgradcheck((x, g) => gridSample(x, g), inputs)).toBe(true);
  });

  it('says what it expects', () => {
    expect(() => gridSample(ones(1, 1, 3, 3), ones(1, 2, 2, 3))).toThrow('expected input [N,C,H,W] with a grid');
    expect(() => gridSample(ones(1, 1, 3, 3), ones(1, 2, 2, 2), { mode: 'bicubic' as never })).toThrow(
      'mode to be one of',
    );
    expect(() => affineGrid(ones(1, 2, 2), [1, 1, 2, 2])).toThrow('affineGrid: expected theta [N,2,3]');
  });
});

describe('affineGrid', () => {
  it.each(affine)('$size, corners aligned: $alignCorners', (c) => {
    expectClose(affineGrid(leaf(c.theta, c.shape), c.size, c.alignCorners), c.grid);
  });
});
