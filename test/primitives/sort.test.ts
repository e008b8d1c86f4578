import { describe, expect, it } from 'vitest';
import { np } from '../../src/index.ts';

/** A small generator (Park and Miller), so that failures repeat. */
function uniform(seed: number): () => number {
  let s = seed;
  return () => (s = (s * 48271) % 2147483647) / 2147483647;
}

/** Positions in sorted order: numbers ascend, −0 equals 0, NaN comes last, equals keep their order. */
function sortedOrder(x: ArrayLike<number>): number[] {
  const rank = (v: number): number => Number(Number.isNaN(v));
  return Array.from(x, (_, i) => i).sort((i, j) => {
    const [a, b] = [x[i]!, x[j]!];
    return a < b ? -1 : a > b ? 1 : rank(a) - rank(b) || i - j;
  });
}

// On both sides of where sorting by digits begins, and beyond one digit.
const lengths = [1, 2, 63, 64, 65, 127, 128, 129, 300, 1000];

describe('sort and argsort of long lines', () => {
  const random = uniform(5);
  const specials = [NaN, -0, 0, Infinity, -Infinity, 2 ** -149, -(2 ** -149), 0, -0, NaN, 1, -1];
  const float = (): number => (random() < 0.1 ? specials[Math.floor(random() * specials.length)]! : (random() - 0.5) * 2 ** (80 * random() - 40)); // prettier-ignore
  // Some that only float64 has, and some that agree in all but their last bits.
  const doubles = [5e-324, -5e-324, 1e300, -1e300, 1 + 2 ** -52, 1 + 2 ** -51, -1 - 2 ** -52, 1 - 2 ** -53];
  const double = (): number => (random() < 0.2 ? doubles[Math.floor(random() * doubles.length)]! : float());
  const makers = {
    float32: (n: number) => Float32Array.from({ length: n }, float),
    float64: (n: number) => Float64Array.from({ length: n }, double),
    int32: (n: number) => Int32Array.from({ length: n }, () => (random() * 2 ** 32) | 0),
    uint32: (n: number) => Uint32Array.from({ length: n }, () => random() * 2 ** 32),
    uint8: (n: number) => Uint8Array.from({ length: n }, () => random() * 256),
  };
  for (const [dtype, make] of Object.entries(makers)) {
    it.each(lengths)(`${dtype}, %i elements: the right order, equal ones as they were`, (n) => {
      const x = make(n);
      const order = sortedOrder(x);
      expect([...np.argsort(np.array(x)).dataSync()]).toEqual(order);
      // toEqual tells −0 from 0.
      expect([...np.sort(np.array(x)).dataSync()]).toEqual(order.map((i) => x[i]!));
    });
  }

  it('sorts every line of an inner axis', () => {
    const [m, n] = [200, 3];
    const x = makers.float32(m * n);
    const got = np.sort(np.array(x, { shape: [m, n] }), { axis: 0 }).dataSync();
    for (let j = 0; j < n; j++) {
      const column = Float32Array.from({ length: m }, (_, i) => x[i * n + j]!);
      const want = sortedOrder(column).map((i) => column[i]!);
      expect(Array.from({ length: m }, (_, i) => got[i * n + j])).toEqual(want);
    }
  });
});
