/**
 * Run in a process of its own by `memory.test.ts`: loops that drop their results, reporting resident memory as one JSON line.
 * `node scripts/run-ts.mjs test/memory/churn.ts eager|training|jit`
 * @module
 */
import { grad, jit, np, type Tensor } from 'cotangent';

const megabytes = (): number => process.memoryUsage().rss / 2 ** 20;

/** 1 MB arrays. */
const elements = 2 ** 18;

const loops: Readonly<Record<string, (sample: () => void) => void>> = {
  /** 20,000 operations in one synchronous loop: finalizers never run. */
  eager: (sample) => {
    const x = np.ones([elements]);
    for (let i = 0; i < 20_000; i++) {
      np.multiply(x, 1.5);
      if (i % 100 === 0) sample();
    }
  },
  /** A training loop as a beginner writes it, without jit. */
  training: (sample) => {
    const loss = (w: Tensor): Tensor => np.mean(np.square(np.tanh(w.mul(1.1)).sub(0.5)));
    let w = np.zeros([elements]);
    for (let i = 0; i < 500; i++) {
      w = w.sub(grad(loss)(w).mul(0.1)) as Tensor;
      if (i % 10 === 0) sample();
    }
  },
  jit: (sample) => {
    const loss = (w: Tensor): Tensor => np.mean(np.square(np.tanh(w.mul(1.1)).sub(0.5)));
    const step = jit((w: Tensor) => w.sub(grad(loss)(w).mul(0.1)));
    let w: Tensor = np.zeros([elements]);
    for (let i = 0; i < 500; i++) {
      w = step(w) as Tensor;
      if (i % 10 === 0) sample();
    }
  },
};

const samples: number[] = [];
loops[process.argv[2] ?? 'eager']!(() => samples.push(megabytes()));
const late = samples.slice(Math.floor(samples.length / 2));
console.log(JSON.stringify({ peak: Math.max(...samples), growth: late.at(-1)! - late[0]! }));
