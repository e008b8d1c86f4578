/**
 * What a browser must be able to do with the library. Each case runs inside the page, bundled with the library's own
 * sources; add one by adding an entry. Imports must work in a browser: the library, and `assert` helpers written here.
 * @module
 */
import * as cotangent from 'cotangent';
import { grad, hessian, jit, lax, nn, np, random, type Tensor, valueAndGrad, vmap } from 'cotangent';
import * as optim from 'cotangent/optim';

/** One claim about the library in a browser; `run` throws (or rejects) when it does not hold. */
export interface SmokeCase {
  readonly name: string;
  run(): void | Promise<void>;
}

function check(condition: boolean, message: string): void {
  if (!condition) throw new Error(message);
}

function expectClose(actual: Tensor, expected: readonly number[], tolerance: number): void {
  const got = Array.from(actual.dataSync());
  const isClose =
    got.length === expected.length &&
    got.every((v, i) => Math.abs(v - expected[i]!) <= tolerance * Math.max(1, Math.abs(v)));
  check(isClose, `expected ${expected.join(', ')}, got ${got.join(', ')}`);
}

/** The cases, in the order they run. */
export const cases: readonly SmokeCase[] = [
  {
    name: 'the entry loads as a module',
    run: () => check(typeof cotangent === 'object', `expected a module namespace, got ${typeof cotangent}`),
  },
  {
    name: 'the page is cross-origin isolated, so shared memory is there',
    run: () => check(globalThis.crossOriginIsolated, 'expected crossOriginIsolated to be true'),
  },
  {
    name: 'float64 gradients and Hessians are right',
    run: () => {
      const f = (x: Tensor): Tensor => np.sum(np.sin(x).mul(x));
      const x = np.array([0.5, 2], { dtype: 'float64' });
      expectClose(grad(f)(x), [Math.sin(0.5) + 0.5 * Math.cos(0.5), Math.sin(2) + 2 * Math.cos(2)], 1e-14);
      expectClose(
        jit(hessian(f))(x) as Tensor,
        [2 * Math.cos(0.5) - 0.5 * Math.sin(0.5), 0, 0, 2 * Math.cos(2) - 2 * Math.sin(2)],
        1e-14,
      );
    },
  },
  {
    name: 'a compiled matrix product agrees with sums',
    run: () => {
      const a = random.normal(random.key(1), [65, 130]);
      const b = random.normal(random.key(2), [130, 33]);
      const product = jit((x: Tensor, y: Tensor) => np.matmul(x, y))(a, b) as Tensor;
      const sums = np.sum(np.expandDims(a, 2).mul(np.expandDims(b, 0)), { axis: 1 });
      check(np.max(np.abs(product.sub(sums))).item() < 1e-4, 'expected the product to equal the sums');
    },
  },
  {
    name: 'loops compile and differentiate',
    run: () => {
      const power = (x: Tensor): Tensor =>
        lax.foriLoop(0, 5, (_i: Tensor, y: Tensor) => y.mul(x), np.onesLike(x)) as Tensor;
      expectClose(grad(power)(2), [80], 1e-6);
      expectClose(jit(vmap(grad(power)))(np.array([1, 2])) as Tensor, [5, 80], 1e-6);
    },
  },
  {
    name: 'a small network learns',
    run: () => {
      const x = random.normal(random.key(0), [64, 2]);
      const y = np.greater(np.sum(x, { axis: 1 }), 0).astype('float32');
      const loss = (w: Tensor): Tensor => np.mean(nn.softplus(np.dot(x, w).mul(y.mul(-2).add(1))));
      const optimizer = optim.adam(0.1);
      let w: Tensor = np.zeros([2]);
      let state = optimizer.init(w);
      const step = jit(valueAndGrad(loss));
      let value = 1;
      for (let i = 0; i < 60; i++) {
        const [v, g] = step(w) as [Tensor, Tensor];
        const [updates, next] = optimizer.update(g, state, w);
        state = next;
        w = optim.applyUpdates(w, updates) as Tensor;
        value = v.item();
      }
      check(value < 0.3, `expected the loss to fall below 0.3, got ${value}`);
    },
  },
  {
    name: 'errors name the operation and the shapes',
    run: () => {
      try {
        np.matmul(np.ones([2, 3]), np.ones([4, 5]));
      } catch (error) {
        check(String(error).includes('f32[2,3]'), `expected the shapes in the message, got ${String(error)}`);
        return;
      }
      check(false, 'expected an error');
    },
  },
];
