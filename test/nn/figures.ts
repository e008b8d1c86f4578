/**
 * Reading the committed figures of PyTorch, and comparing with them.
 * @module
 */
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { np, type Tensor } from 'cotangent';

/** A tensor in a file of figures; infinities are text. */
export interface Figure {
  readonly shape: readonly number[];
  readonly dtype: 'float64' | 'int32' | 'bool';
  readonly data: readonly (number | string)[];
}

export const figures = <T>(name: string): readonly T[] => {
  const text = readFileSync(new URL(`data/${name}.json`, import.meta.url), 'utf8');
  return (JSON.parse(text) as { readonly cases: readonly T[] }).cases;
};

export const tensor = ({ shape, dtype, data }: Figure): Tensor =>
  np
    .array(data.map(Number), { dtype: dtype === 'bool' ? 'int32' : dtype })
    .reshape(shape)
    .astype(dtype);

/** Largest difference relative to max(1, |expected|). */
export function expectClose(got: Tensor, expected: Figure, tolerance: number, what: string): void {
  expect(got.shape, what).toEqual(expected.shape);
  const values = got.dataSync();
  expected.data.forEach((x, i) => {
    const [e, g] = [Number(x), values[i]!];
    if (!Number.isFinite(e)) expect(g, `${what}[${i}]`).toBe(e);
    else if (!(Math.abs(g - e) <= tolerance * Math.max(1, Math.abs(e)))) {
      expect.fail(`${what}[${i}]: expected ${e}, got ${g} (${values.join(' ')})`);
    }
  });
}

/** Central differences of a scalar function, along every element of x (float64). */
export function numericalGrad(f: (x: Tensor) => Tensor, x: Tensor, step = 1e-5): number[] {
  const flat = [...x.dataSync()];
  const at = (i: number, d: number): number =>
    f(
      np
        .array(
          flat.map((v, k) => (k === i ? v + d : v)),
          { dtype: 'float64' },
        )
        .reshape(x.shape),
    ).item();
  return flat.map((_, i) => (at(i, step) - at(i, -step)) / (2 * step));
}
