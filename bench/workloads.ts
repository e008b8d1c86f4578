/**
 * What `npm run bench` times. Each workload brings its reference: a formula in plain JavaScript, central differences, or the same function
 * in float64, one operation at a time.
 * @module
 */
import { configure, grad, hvp, jit, lax, nn, np, random, type Tensor, tree, valueAndGrad } from 'cotangent';
import * as optim from 'cotangent/optim';
import { faces } from './faces.ts';
import { expectClose, type Ratio, type Running, type Workload } from './harness.ts';
import { initTransformer, smallTransformer, transformerBatch, transformerLoss, transformerStep } from './models.ts';

type DType = 'float32' | 'float64';

const key = random.key(0);
const draw = (i: number, shape: number[], dtype: DType = 'float32'): Tensor =>
  random.normal(random.foldIn(key, i), shape, { dtype });
const element = (x: Tensor, i = 0): number => x.dataSync()[i]!;
const tolerance = { float32: 1e-4, float64: 1e-10 } as const;

function matmul(n: number, dtype: DType): Workload {
  return {
    name: `matmul ${n} ${dtype}`,
    work: 2 * n ** 3,
    unit: 'flop',
    setUp: () => {
      const [a, b] = [draw(1, [n, n], dtype), draw(2, [n, n], dtype)];
      const product = jit((x: Tensor, y: Tensor) => np.matmul(x, y));
      const check = (): void => {
        const [c, x, y] = [product(a, b).dataSync(), a.dataSync(), b.dataSync()];
        for (const [i, j] of [
          [0, 0],
          [n - 1, 3],
          [n >> 1, n - 1],
        ] as const) {
          let sum = 0;
          for (let k = 0; k < n; k++) sum += x[i * n + k]! * y[k * n + j]!;
          expectClose('matmul', c[i * n + j]!, sum, tolerance[dtype] * Math.sqrt(n));
        }
      };
      return { run: () => product(a, b), check };
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
const waveAt = (x: number): number => Math.tanh(0.7 * x + 0.3) * Math.exp(-x * x) + Math.sin(x);

function elementwise(kind: 'forward' | 'gradient', dtype: DType): Workload {
  const n = 1_000_000;
  return {
    name: `fused elementwise ${kind} ${dtype}`,
    work: n,
    unit: 'element',
    setUp: () => {
      const x = np.linspace(-2, 2, n, { dtype });
      const f = jit(kind === 'forward' ? wave : grad(wave)) as (x: Tensor) => Tensor;
      const check = (): void => {
        const xs = x.dataSync();
        const h = 1e-5;
        const slope = (v: number): number => (waveAt(v + h) - waveAt(v - h)) / (2 * h);
        if (kind === 'gradient')
          for (const i of [0, 12345, n - 1]) expectClose('gradient', element(f(x), i), slope(xs[i]!), 1e-4);
        else
          expectClose(
            'sum',
            element(f(x)),
            Array.from(xs).reduce((sum, v) => sum + waveAt(v), 0),
            1e-5,
          );
      };
      return { run: () => f(x), check };
    },
  };
}

/** Rows that are reduced and read again: what a step of attention or normalisation costs beside its products. */
function rows(name: string, f: (x: Tensor) => Tensor, ofRow: (row: readonly number[]) => number): Workload {
  const [m, n] = [4096, 512];
  return {
    name,
    work: 2 * 4 * m * n,
    unit: 'byte',
    setUp: () => {
      const x = draw(3, [m, n]);
      const g = jit(f);
      const check = (): void => {
        const data = x.dataSync();
        for (const i of [0, 77, m - 1])
          expectClose(name, element(g(x), i * n), ofRow(Array.from(data.slice(i * n, (i + 1) * n))), 1e-4);
      };
      return { run: () => g(x), check };
    },
  };
}

function softmaxOfRow(row: readonly number[]): number {
  const largest = Math.max(...row);
  return Math.exp(row[0]! - largest) / row.reduce((sum, v) => sum + Math.exp(v - largest), 0);
}

function normalizedOfRow(row: readonly number[]): number {
  const mean = row.reduce((sum, v) => sum + v, 0) / row.length;
  const variance = row.reduce((sum, v) => sum + (v - mean) ** 2, 0) / row.length;
  return (row[0]! - mean) / Math.sqrt(variance + 1e-5);
}

function layerNorm(x: Tensor): Tensor {
  const centred = x.sub(np.mean(x, { axis: -1, keepdims: true }));
  return centred.div(np.sqrt(np.mean(np.square(centred), { axis: -1, keepdims: true }).add(1e-5)));
}

const toFloat64 = <T>(x: T): T => tree.map((t: Tensor) => t.astype('float64'), x as never) as T;

/** A function of parameters in float64, one operation at a time. */
const reference = <P>(loss: (p: P) => Tensor, params: P): number =>
  configure({ defaultDtype: 'float64' }, () => loss(toFloat64(params)).item());

/** One training step after another, each from the results of the last; checked by the losses of the first two. */
function training<P, S>(
  init: () => P,
  loss: (p: P) => Tensor,
  optimizer: { init: (p: P) => S; step: (p: P, s: S) => readonly [P, S, Tensor] },
): Running {
  const first = init();
  const step = jit(optimizer.step as never, { donateArgnums: [0, 1] }) as unknown as typeof optimizer.step;
  let [params, state] = [init(), optimizer.init(first)];
  const losses: number[] = [];
  const run = (): number => {
    const [p, s, value] = step(params, state);
    [params, state] = [p, s];
    const result = value.item();
    if (losses.length < 2) losses.push(result);
    return result;
  };
  const check = (): void => {
    run();
    const [next] = optimizer.step(first, optimizer.init(first));
    [first, next].forEach((p, i) => expectClose(`loss ${i}`, losses[i]!, reference(loss, p), 1e-3));
  };
  return { run, check };
}

interface Updates<P, S> {
  readonly init: (p: P) => S;
  readonly step: (p: P, s: S) => readonly [P, S, Tensor];
}

/** Steps of an optimiser for a loss. */
function updates<P>(loss: (p: P) => Tensor, optimizer: ReturnType<typeof optim.adam>): Updates<P, unknown> {
  return {
    init: (p) => optimizer.init(p as never),
    step: (p, s) => {
      const [value, gradient] = valueAndGrad(loss as never)(p as never) as unknown as [Tensor, never];
      const [change, next] = optimizer.update(gradient, s as never, p as never);
      return [optim.applyUpdates(p as never, change as never) as P, next, value];
    },
  };
}

const crossEntropy = (logits: Tensor, labels: Tensor): Tensor =>
  np.mean(np.sum(nn.logSoftmax(logits).mul(labels), { axis: 1 })).neg();
const labels = (n: number): Tensor => nn.oneHot(random.randint(random.foldIn(key, 10), [n], 0, 10), 10);

const mlp: Workload = {
  name: 'MLP 784-512-256-10 of 128, Adam step',
  work: 6 * 128 * (784 * 512 + 512 * 256 + 256 * 10) - 2 * 128 * 784 * 512,
  unit: 'flop',
  setUp: () => {
    const sizes = [784, 512, 256, 10];
    const [x, y] = [draw(9, [128, 784]), labels(128)];
    const layers = (): { w: Tensor; b: Tensor }[] =>
      sizes.slice(1).map((n, i) => ({
        w: draw(20 + i, [sizes[i]!, n]).mul(Math.sqrt(2 / sizes[i]!)),
        b: np.zeros([n]),
      }));
    const loss = (p: ReturnType<typeof layers>): Tensor => {
      const logits = p.reduce((h, { w, b }, i) => {
        const z = np.matmul(h, w).add(b);
        return i === p.length - 1 ? z : nn.relu(z);
      }, x);
      return crossEntropy(logits, y);
    };
    return training(layers, loss, updates(loss, optim.adam(1e-3)));
  },
};

const convolutions: Workload = {
  name: 'two convolutions 16-32 of 32×28×28, SGD step',
  work: 2 * 32 * (2 * 28 * 28 * 9 * 16 + 3 * 14 * 14 * 9 * 16 * 32 + 3 * 1568 * 10),
  unit: 'flop',
  setUp: () => {
    const [x, y] = [draw(30, [32, 1, 28, 28]), labels(32)];
    type P = { c1: Tensor; c2: Tensor; w: Tensor };
    const init = (): P => ({
      c1: draw(31, [16, 1, 3, 3]).mul(0.3),
      c2: draw(32, [32, 16, 3, 3]).mul(0.1),
      w: draw(33, [1568, 10]).mul(0.02),
    });
    const conv = (h: Tensor, k: Tensor): Tensor => nn.relu(lax.convGeneralDilated(h, k, [1, 1], 'SAME'));
    const pool = (h: Tensor): Tensor => lax.reduceWindow(h, -Infinity, lax.max, [1, 1, 2, 2], [1, 1, 2, 2], 'VALID');
    const loss = ({ c1, c2, w }: P): Tensor => {
      const h = pool(conv(pool(conv(x.astype(c1.dtype), c1)), c2));
      return crossEntropy(np.matmul(h.reshape([32, -1]), w), y);
    };
    return training(init, loss, updates(loss, optim.sgd(0.01) as never));
  },
};

const transformer: Workload = {
  name: 'transformer block of 8×128×256, AdamW step',
  work: 3 * 2 * 1024 * (256 * 768 + 256 * 256 + 2 * 256 * 1024 + 2 * 128 * 256),
  unit: 'flop',
  setUp: () => {
    const [x, target] = transformerBatch(smallTransformer);
    const { init, step } = transformerStep(smallTransformer);
    return training(
      () => initTransformer(smallTransformer),
      (p) => transformerLoss(p, x, target, smallTransformer),
      { init, step: (p, s) => step(p, s, x, target) },
    );
  },
};

function eagerChain(kind: 'forward' | 'gradient'): Workload {
  const n = 1000;
  return {
    name: `eager chain of ${n} additions, ${kind}`,
    work: n,
    unit: 'operation',
    setUp: () => {
      const [c, zero] = [np.ones([4]), np.zeros([4])];
      const chain = (x: Tensor): Tensor => {
        let y = zero;
        for (let i = 0; i < n; i++) y = y.add(x);
        return y;
      };
      const f = kind === 'forward' ? chain : (grad((x: Tensor) => np.sum(chain(x))) as typeof chain);
      return { run: () => f(c), check: () => expectClose('chain', element(f(c)), n, 1e-6) };
    },
  };
}

function rosenbrock(x: Tensor): Tensor {
  const n = x.shape[0]!;
  const [a, b] = [lax.slice(x, [0], [n - 1]), lax.slice(x, [1], [n])];
  const valley = np.square(b.sub(np.square(a))).mul(100);
  return np.sum(valley.add(np.square(np.subtract(1, a))));
}

/** ∂/∂x₁ = −400 x₁(x₂ − x₁²) − 2(1 − x₁) */
const rosenbrockSlope = (x: number, y: number): number => -400 * x * (y - x * x) - 2 * (1 - x);

const rosenbrockArray: Workload = {
  name: 'Rosenbrock gradient of an array of 10,000',
  work: 10_000,
  unit: 'element',
  setUp: () => {
    const x = np.linspace(-1, 1, 10_000);
    const g = jit(grad(rosenbrock)) as (x: Tensor) => Tensor;
    const check = (): void => {
      const [first, second] = x.dataSync();
      expectClose('slope', element(g(x)), rosenbrockSlope(first!, second!), 1e-4);
    };
    return { run: () => g(x), check };
  },
};

const rosenbrockScalars: Workload = {
  name: 'Rosenbrock gradient of 1,000 scalars, eager',
  work: 9 * 999,
  unit: 'node',
  setUp: () => {
    const xs = Array.from({ length: 1000 }, (_, i) => np.array(-1 + i / 500));
    const f = (values: Tensor[]): Tensor => {
      let sum = np.array(0);
      for (let i = 0; i < values.length - 1; i++) {
        const d = values[i + 1]!.sub(values[i]!.mul(values[i]!));
        const e = np.subtract(1, values[i]!);
        sum = sum.add(d.mul(d).mul(100).add(e.mul(e)));
      }
      return sum;
    };
    const run = (): number[] => (grad(f as never)(xs as never) as unknown as Tensor[]).map((g) => g.item());
    return { run, check: () => expectClose('slope', run()[0]!, rosenbrockSlope(-1, -1 + 1 / 500), 1e-4) };
  },
};

const secondDerivative: Workload = {
  name: 'Hessian-vector product of an MLP 784-128-10 of 128',
  work: 2 * 2 * 128 * 784 * 128 + 2 * 128 * 784 * 128,
  unit: 'flop',
  setUp: () => {
    const [x, y] = [draw(40, [128, 784]), labels(128)];
    const init = (dtype: DType): Tensor[] => [
      draw(41, [784, 128], dtype).mul(0.05),
      draw(42, [128, 10], dtype).mul(0.1),
    ];
    const loss = ([w1, w2]: Tensor[]): Tensor => crossEntropy(np.matmul(np.tanh(np.matmul(x, w1!)), w2!), y);
    const [p, v] = [init('float32'), [draw(43, [784, 128]), draw(44, [128, 10])]];
    const product = jit(((q: Tensor[], u: Tensor[]) =>
      hvp(loss as never, [q] as never, [u] as never)) as never) as unknown as (q: Tensor[], u: Tensor[]) => unknown;
    const check = (): void => {
      // ⟨v, H v⟩ against a central difference of ⟨v, ∇f⟩ in float64
      const got = tree.leaves(product(p, v) as never) as Tensor[];
      const curvature = got.reduce((sum, h, i) => sum + np.sum(h.mul(v[i]!)).item(), 0);
      const expected = configure({ defaultDtype: 'float64' }, () => {
        const [q, u] = [toFloat64(p), toFloat64(v)];
        const slope = (t: number): number => {
          const g = grad(loss as never)(q.map((a, i) => a.add(u[i]!.mul(t))) as never) as unknown as Tensor[];
          return g.reduce((sum, h, i) => sum + np.sum(h.mul(u[i]!)).item(), 0);
        };
        return (slope(1e-4) - slope(-1e-4)) / 2e-4;
      });
      expectClose('curvature', curvature, expected, 1e-2);
    };
    return { run: () => product(p, v), check };
  },
};

const steps = 10_000;

/** Almost no arithmetic: what is left is the loop. */
const scalarScan: Workload = {
  name: 'scan of 10,000 steps, one multiplication each',
  work: steps,
  unit: 'step',
  setUp: () => {
    const loop = jit((x: Tensor) => lax.scan((c: Tensor) => [c.mul(0.9999), null], x, null, { length: steps })[0]);
    const x = np.array(1);
    return { run: () => loop(x), check: () => expectClose('scan', element(loop(x) as Tensor), 0.9999 ** steps, 1e-3) };
  },
};

/** A cell as of a small recurrent network, with an input and an output a step. */
const cellScan: Workload = {
  name: 'scan of 10,000 steps, a cell of 16',
  work: steps,
  unit: 'step',
  setUp: () => {
    const n = 16;
    const [w, h, xs] = [draw(50, [n, n]).mul(0.2), np.zeros([n]), draw(51, [steps, n])];
    const loop = jit((a: Tensor, b: Tensor, c: Tensor) => {
      const cell = (state: Tensor, x: Tensor): readonly [Tensor, Tensor] => {
        const next = np.tanh(np.matmul(state, a).add(x));
        return [next, next];
      };
      return lax.scan(cell, b, c)[1] as Tensor;
    });
    const check = (): void => {
      const [a, c, ys] = [w.dataSync(), xs.dataSync(), loop(w, h, xs).dataSync()];
      let state = Array.from({ length: n }, () => 0);
      for (let t = 0; t < 20; t++) {
        const before = state;
        state = before.map((_, j) =>
          Math.tanh(before.reduce((sum, s, i) => sum + s * a[i * n + j]!, 0) + c[t * n + j]!),
        );
        state.forEach((s, j) => expectClose(`step ${t}`, ys[t * n + j]!, s, 1e-4));
      }
    };
    return { run: () => loop(w, h, xs), check };
  },
};

export const workloads: readonly Workload[] = [
  matmul(256, 'float32'),
  matmul(512, 'float32'),
  matmul(512, 'float64'),
  matmul(1024, 'float32'),
  elementwise('forward', 'float32'),
  elementwise('gradient', 'float32'),
  elementwise('gradient', 'float64'),
  rows('softmax of 4096 rows of 512', (x) => nn.softmax(x), softmaxOfRow),
  rows('layer norm of 4096 rows of 512', layerNorm, normalizedOfRow),
  mlp,
  convolutions,
  transformer,
  eagerChain('forward'),
  eagerChain('gradient'),
  rosenbrockArray,
  rosenbrockScalars,
  secondDerivative,
  scalarScan,
  cellScan,
  ...faces,
];

export const ratios: readonly Ratio[] = [
  { name: 'float32 time of float64 time, products', of: 'matmul 512 float32', to: 'matmul 512 float64' },
  {
    name: 'float32 time of float64 time, elementwise',
    of: 'fused elementwise gradient float32',
    to: 'fused elementwise gradient float64',
  },
  {
    name: 'gradient time of forward time, elementwise',
    of: 'fused elementwise gradient float32',
    to: 'fused elementwise forward float32',
  },
  {
    name: 'time a flop, transformer step of product',
    of: 'transformer block of 8×128×256, AdamW step',
    to: 'matmul 1024 float32',
    perWork: true,
  },
  {
    name: 'time of the MLP step in the face of PyTorch, of the compiled one',
    of: 'MLP step in the face of PyTorch',
    to: 'MLP 784-512-256-10 of 128, Adam step',
  },
  {
    name: 'time a flop, MLP step of product',
    of: 'MLP 784-512-256-10 of 128, Adam step',
    to: 'matmul 1024 float32',
    perWork: true,
  },
];
