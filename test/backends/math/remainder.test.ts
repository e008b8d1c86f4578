import { describe, expect, it } from 'vitest';
import { expandBinary } from '../../../src/backends/wasm/math/expand.ts';
import { runEmitted } from '../wasm/run-kernel.ts';
import { elementwise } from './elementwise.ts';
import { compileExpr, operand } from './interpret.ts';

/** A small generator (Park and Miller), so that failures repeat. */
function uniform(seed: number): () => number {
  let s = seed;
  return () => (s = (s * 48271) % 2147483647) / 2147483647;
}

const view = new DataView(new ArrayBuffer(8));

/** A format's numbers of any bits, and the neighbours of a number. */
const formats = {
  float32: {
    round: Math.fround,
    random(next: () => number): number {
      view.setUint32(0, next() * 2 ** 32);
      return view.getFloat32(0);
    },
    beside(x: number, steps: number): number {
      view.setFloat32(0, x);
      view.setInt32(0, view.getInt32(0) + steps);
      return view.getFloat32(0);
    },
    bits: 29,
    // prettier-ignore
    specials: [0, 2 ** -149, 2 ** -126, 2 ** -126 - 2 ** -149, 0.7, 1, 1.5, 3, 2 ** 24 - 1, 2 ** 29, 2 ** 29 + 64, 2 ** 127, 3.4028234663852886e38,
      Infinity, NaN].map(Math.fround),
  },
  float64: {
    round: (x: number): number => x,
    random(next: () => number): number {
      view.setUint32(0, next() * 2 ** 32);
      view.setUint32(4, next() * 2 ** 32);
      return view.getFloat64(0);
    },
    beside(x: number, steps: number): number {
      view.setFloat64(0, x);
      view.setBigInt64(0, view.getBigInt64(0) + BigInt(steps));
      return view.getFloat64(0);
    },
    bits: 42,
    // prettier-ignore
    specials: [0, 2 ** -1074, 2 ** -1022, 2 ** -1022 - 2 ** -1074, 0.7, 1, 1.5, 3, 2 - 2 ** -52, 2 ** 42, 2 ** 42 + 1, 2 ** 53 - 1, 2 ** 1023, Number.MAX_VALUE,
      Infinity, NaN],
  },
} as const;

/** Pairs whose quotients are of all sizes, many of them beside an integer, up to and past the largest that lanes can take. */
function pairs(dtype: 'float32' | 'float64', count: number): (readonly [number, number])[] {
  const { round, random, beside, bits, specials } = formats[dtype];
  const signed = specials.flatMap((x) => [x, -x]);
  const out = signed.flatMap((x) => signed.map((y) => [x, y] as const));
  const next = uniform(bits);
  for (let i = 0; i < count; i++) {
    const y = random(next);
    const multiple = round(Math.floor(next() * 2 ** Math.floor(next() * (bits + 2))) * y);
    for (const steps of [-2, -1, 0, 1, 2]) out.push([beside(multiple, steps), y]);
    out.push([random(next), random(next)]);
    out.push([round((next() - 0.5) * 10 ** (next() * 14)), round((next() - 0.5) * 100)]);
  }
  return out;
}

describe('remainders in lanes', () => {
  for (const dtype of ['float32', 'float64'] as const) {
    it(`rem of ${dtype} is that of C, bit for bit`, () => {
      const { run } = compileExpr(expandBinary('rem', operand(0, dtype), operand(1, dtype))!, 2);
      for (const [x, y] of pairs(dtype, 20000)) {
        if (!Object.is(run(x, y), x % y)) expect.fail(`rem(${x}, ${y}) = ${run(x, y)}, expected ${x % y}`);
      }
    });

    it(`generated code gives the same remainders of ${dtype}, in lanes and one at a time`, () => {
      const make = (xs: readonly number[]): Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer> =>
        dtype === 'float32' ? Float32Array.from(xs) : Float64Array.from(xs);
      const given = pairs(dtype, 100);
      const expectRemainders = (part: typeof given): void => {
        const inputs = [make(part.map((p) => p[0])), make(part.map((p) => p[1]))];
        const out = runEmitted(elementwise(2, dtype, part.length, 'rem'), inputs)[2]!;
        part.forEach(([x, y], i) => expect(out[i], `rem(${x}, ${y})`).toBe(x % y));
      };
      expectRemainders(given);
      for (let i = 0; i < 40; i++) expectRemainders(given.slice(3 * i, 3 * i + 3));
      // Groups of lanes that need no help of the host.
      const { bits } = formats[dtype];
      expectRemainders(given.filter(([x, y]) => Math.abs(x) < Math.abs(y) * 2 ** bits).slice(0, 400));
    });
  }
});
