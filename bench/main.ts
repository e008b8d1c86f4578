/**
 * Times the library on a few workloads: `npm run bench [-- NAME…]`. Each result is checked before it is timed; one JSON line a
 * workload, with the median and spread in milliseconds and, where it means something, the rate. Timings only inform: nothing fails on them.
 * @module
 */
import { grad, jit, nn, np, random, type Tensor, valueAndGrad } from 'cotangent';
import * as optim from 'cotangent/optim';
import { Bench } from 'tinybench';

interface Workload {
  readonly name: string;
  /** Work in one run, for the rate: floating-point operations or elements. */
  readonly work: number;
  readonly unit: 'flop' | 'element' | 'operation';
  /** Makes inputs, checks one result (throws if it is wrong), and returns what is timed; it reads its result. */
  readonly setUp: () => () => unknown;
}

function expectClose(name: string, got: number, expected: number, tolerance: number): void {
  if (Math.abs(got - expected) <= tolerance * Math.max(1, Math.abs(expected))) return;
  throw new Error(`${name}: expected ${expected}, got ${got}`);
}

const key = random.key(0);

function matmul(n: number): Workload {
  return {
    name: `matmul ${n}`,
    work: 2 * n ** 3,
    unit: 'flop',
    setUp: () => {
      const [a, b] = [random.normal(key, [n, n]), random.normal(random.foldIn(key, 1), [n, n])];
      const product = jit((x: Tensor, y: Tensor) => np.matmul(x, y));
      expectClose('matmul', product(a, b).slice(0, 1).item(), np.dot(a.slice(0), b.slice({}, 1)).item(), 1e-4);
      return () => product(a, b);
    },
  };
}

const wave = (x: Tensor): Tensor =>
  np.sum(
    np
      .tanh(x.mul(0.7).add(0.3))
      .mul(np.exp(x.mul(x).neg()))
      .add(np.sin(x)),
  );

const elementwise: Workload = {
  name: 'gradient of a fused elementwise sum',
  work: 1e6,
  unit: 'element',
  setUp: () => {
    const x = np.linspace(-2, 2, 1_000_000);
    const slope = jit(grad(wave));
    const h = 1e-3;
    const at = (v: number): number => wave(np.array([v], { dtype: 'float64' })).item();
    expectClose('gradient', slope(x).slice(0).item(), (at(-2 + h) - at(-2 - h)) / (2 * h), 1e-4);
    return () => slope(x);
  },
};

const eagerChain: Workload = {
  name: 'eager chain of 1000 additions, with gradient',
  work: 1000,
  unit: 'operation',
  setUp: () => {
    const chain = (c: Tensor): Tensor => {
      let y = np.zeros([4]);
      for (let i = 0; i < 1000; i++) y = y.add(c);
      return np.sum(y);
    };
    expectClose(
      'chain',
      grad(chain)(np.ones([4]))
        .slice(0)
        .item(),
      1000,
      1e-6,
    );
    return () => grad(chain)(np.ones([4]));
  },
};

const mlpStep: Workload = {
  name: 'MLP 784-512-256-10, batch 128, Adam step',
  work: 6 * 128 * (784 * 512 + 512 * 256 + 256 * 10),
  unit: 'flop',
  setUp: () => {
    const sizes = [784, 512, 256, 10];
    const init = nn.initializers.heNormal();
    let params = sizes.slice(1).map((n, i) => ({ w: init(random.foldIn(key, i), [sizes[i]!, n]), b: np.zeros([n]) }));
    const x = random.normal(random.foldIn(key, 9), [128, 784]);
    const labels = nn.oneHot(random.randint(random.foldIn(key, 10), [128], 0, 10), 10);
    const loss = (p: typeof params): Tensor => {
      const last = p.length - 1;
      const logits = p.reduce((h, { w, b }, i) => {
        const z = np.matmul(h, w).add(b);
        return i === last ? z : nn.relu(z);
      }, x);
      return np.mean(np.sum(nn.logSoftmax(logits).mul(labels), { axis: 1 })).neg();
    };
    const optimizer = optim.adam(1e-3);
    let state = optimizer.init(params);
    const step = jit((p: typeof params, s: typeof state) => {
      const [value, gradient] = valueAndGrad(loss)(p);
      const [updates, next] = optimizer.update(gradient, s, p);
      return [optim.applyUpdates(p, updates), next, value] as const;
    });
    const run = (): number => {
      const [p, s, value] = step(params, state);
      params = p as typeof params;
      state = s as typeof state;
      return (value as Tensor).item();
    };
    const eager = loss(params).item();
    expectClose('first loss', run(), eager, 1e-5);
    return run;
  },
};

const workloads: readonly Workload[] = [matmul(256), matmul(1024), elementwise, eagerChain, mlpStep];

const wanted = process.argv.slice(2);
for (const { name, work, unit, setUp } of workloads) {
  if (wanted.length > 0 && !wanted.some((w) => name.includes(w))) continue;
  const start = performance.now();
  const run = setUp();
  const firstMs = performance.now() - start;
  const bench = new Bench({ time: 1000, warmupTime: 200 });
  bench.add(name, () => void run());
  await bench.run();
  const { result } = bench.tasks[0]!;
  if (!('latency' in result)) throw new Error(`${name}: no result`);
  const { p50, min, p99 } = result.latency;
  console.log(
    JSON.stringify({
      name,
      medianMs: p50,
      minMs: min,
      p99Ms: p99,
      firstMs,
      rate: work / (p50 / 1000),
      unit: `${unit}/s`,
    }),
  );
}
