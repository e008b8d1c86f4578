import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { config, grad, jit, lax, nn, np, random, type Tensor, valueAndGrad } from 'cotangent';
import * as optim from 'cotangent/optim';
import { WasmExecutor } from '../../../src/backends/wasm/executor.ts';
import { registerExecutor, setActiveExecutor } from '../../../src/core/executor.ts';

/** A device of our own, which takes the machine to have four cores. */
const device = new WasmExecutor({ threads: { cores: 4 } });

beforeAll(() => {
  registerExecutor('threaded', () => device);
  setActiveExecutor('threaded');
});

afterEach(() => {
  config.threads = 1;
});

const bits = (x: Tensor): Uint8Array => {
  const data = x.dataSync();
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
};

/** Runs `f` until the workers have taken part in it; workers start when they can. */
function untilShared<T>(f: () => T): T {
  const before = device.threadStats().delegatedChunks;
  // On a busy machine they may be late.
  const end = performance.now() + 100_000;
  for (;;) {
    const result = f();
    if (device.threadStats().delegatedChunks - before > 8) return result;
    if (performance.now() > end) throw new Error('expected the workers to take part');
  }
}

/** Asserts that the results are the same with one, two and three threads, and that the latter two really work together. */
function expectSameBits(f: () => readonly Tensor[]): void {
  config.threads = 1;
  const alone = f().map(bits);
  for (const threads of [2, 3]) {
    config.threads = threads;
    for (let i = 0; i < 3; i++) {
      const together = untilShared(f).map(bits);
      expect(together.length).toBe(alone.length);
      together.forEach((b, k) => expect(Buffer.compare(b, alone[k]!)).toBe(0));
    }
  }
}

const normal = (seed: number, shape: readonly number[], dtype: 'float32' | 'float64' = 'float32'): Tensor =>
  random.normal(random.key(seed), shape, { dtype });

it('what is read out of memory that threads share is not shared itself', () => {
  const x = np.tanh(normal(1, [300, 300]));
  expect(x.dataSync().buffer).toBeInstanceOf(ArrayBuffer);
  expect(np.sum(x).dataSync().buffer).toBeInstanceOf(ArrayBuffer);
  expect(structuredClone(x.dataSync())).toEqual(x.dataSync());
});

describe('results do not depend on the number of threads, bit for bit', () => {
  for (const [m, n, k] of [
    [301, 257, 129],
    [1023, 65, 200],
    [70, 1001, 131],
    [1, 3001, 1999],
    [3001, 1, 999],
    [2, 5000, 700],
  ] as const) {
    for (const dtype of ['float32', 'float64'] as const) {
      it(`in the product of ${dtype} ${m}x${k} and ${k}x${n}`, () => {
        const [a, b] = [normal(1, [m, k], dtype), normal(2, [k, n], dtype)];
        const [at, bt] = [np.transpose(a).mul(1), np.transpose(b).mul(1)];
        expectSameBits(() => [np.matmul(a, b), np.matmul(np.transpose(at), np.transpose(bt))]);
      });
    }
  }

  it('in batched products', () => {
    const [a, b] = [normal(1, [7, 3, 65, 40]), normal(2, [7, 3, 40, 51])];
    expectSameBits(() => [np.matmul(a, b)]);
  });

  it('in elementwise operations, reductions of rows and columns, and cumulative ones', () => {
    for (const shape of [[100_003], [317, 1001], [3, 70_001]]) {
      const x = normal(3, shape);
      const operations = (y: Tensor): Tensor[] => [
        np.tanh(y).mul(y),
        np.greater(y, 0),
        np.sum(y, { axis: 0 }),
        np.max(y, { axis: -1 }),
        np.cumsum(y, { axis: -1 }),
      ];
      const compiled = jit(operations);
      expectSameBits(() => operations(x));
      expectSameBits(() => compiled(x) as Tensor[]);
    }
  });

  it('in reductions of everything', () => {
    for (const dtype of ['float32', 'float64'] as const) {
      for (const shape of [[300_007], [333, 1001], [5, 40, 1700]]) {
        const x = normal(13, shape, dtype);
        const operations = (y: Tensor): Tensor[] => [
          np.sum(np.sin(y).mul(y)),
          np.max(y),
          np.min(np.exp(y)),
          np.prod(y.mul(0.001).add(1)),
          np.any(np.greater(y, 5.5)),
          np.sum(y, { axis: 0 }),
        ];
        const compiled = jit(operations);
        expectSameBits(() => operations(x));
        expectSameBits(() => compiled(x) as Tensor[]);
        const [sum, max] = compiled(x) as [Tensor, Tensor];
        const values = Array.from(x.dataSync());
        const want = values.reduce((total, v) => total + Math.sin(v) * v, 0);
        expect(Math.abs(sum.item() - want)).toBeLessThan(dtype === 'float32' ? 1e-6 * want : 1e-13 * want);
        expect(max.item()).toBe(values.reduce((a, b) => Math.max(a, b)));
      }
    }
  });

  it('in softmax and its gradient', () => {
    const x = normal(4, [333, 257]);
    const f = (y: Tensor): Tensor => np.sum(nn.softmax(y).mul(y));
    const compiled = jit(valueAndGrad(f));
    expectSameBits(() => [nn.softmax(x)]);
    expectSameBits(() => compiled(x) as Tensor[]);
  });

  it('in convolutions and their gradients', () => {
    const [x, w] = [normal(5, [5, 9, 31, 29]), normal(6, [17, 9, 3, 3])];
    const f = (y: Tensor, v: Tensor): Tensor =>
      np.sum(lax.convGeneralDilated(y, v, [1, 1], 'SAME').mul(0.01)) as Tensor;
    const compiled = jit(grad(f, { argnums: [0, 1] }) as (y: Tensor, v: Tensor) => Tensor[]);
    expectSameBits(() => compiled(x, w) as Tensor[]);
  });

  it('in a training step of a network', () => {
    const optimizer = optim.adam(1e-3);
    const [x, y] = [normal(7, [65, 203]), normal(8, [65, 11])];
    const params = { a: normal(9, [203, 301]), b: normal(10, [301, 11]) };
    const loss = (p: { a: Tensor; b: Tensor }): Tensor =>
      np.mean(np.square(np.matmul(nn.gelu(np.matmul(x, p.a)), p.b).sub(y)));
    const state = optimizer.init(params);
    const step = jit((p: typeof params, s: typeof state) => {
      const [value, g] = valueAndGrad(loss)(p) as [Tensor, typeof params];
      const [updates] = optimizer.update(g, s, p);
      return [value, optim.applyUpdates(p, updates)] as const;
    });
    expectSameBits(() => {
      const [value, p] = step(params, state) as readonly [Tensor, typeof params];
      return [value, p.a, p.b];
    });
  });

  it('in a loop of large steps', () => {
    const w = normal(11, [150, 150]).mul(0.1);
    const run = jit((h: Tensor) => {
      const [last, all] = lax.scan((c: Tensor) => [np.tanh(np.matmul(c, w)), np.sum(c, { axis: 0 })], h, null, {
        length: 20,
      });
      return [last, all];
    });
    const h = normal(12, [129, 150]);
    expectSameBits(() => run(h) as Tensor[]);
  });
});
