/** What a derivative makes for itself is freed when it has served; what anyone else may hold is not. */
import { beforeAll, describe, expect, test } from 'vitest';
import {
  checkpoint,
  configure,
  customJvp,
  customVjp,
  grad,
  hessian,
  hvp,
  init,
  jacfwd,
  jacrev,
  jit,
  jvp,
  lax,
  linearize,
  nn,
  np,
  random,
  type Tensor,
  valueAndGrad,
  vjp,
  vmap,
} from 'cotangent';
import { activeExecutor } from '../../src/core/executor.ts';
import { tracedBytes } from '../../src/core/scratch.ts';
import { Tracer } from '../../src/core/tensor.ts';
import type { WasmExecutor } from '../../src/backends/wasm/executor.ts';

beforeAll(async () => {
  configure({ defaultDevice: 'wasm' });
  await init();
});

const shape = [256, 96];
const draw = (seed: number): Tensor => random.normal(random.key(seed), shape);
const device = (): WasmExecutor => activeExecutor() as WasmExecutor;
const residentBytes = (): number => device().memoryStats().residentBytes;
/** The same without tensors that are only waiting to be found dropped: later a look at them would count as memory freed. */
function usedBytes(): number {
  device().liveTensors();
  return residentBytes();
}
const sum = (x: Tensor): number => np.sum(x).item();

/** Bytes of tensors that are there after `run` and were not before, its result included. */
function left(run: () => unknown): number {
  run();
  const before = usedBytes();
  const result = run();
  const after = residentBytes();
  return result === undefined ? 0 : after - before;
}

const loss = (x: Tensor, w: Tensor): Tensor => {
  const h = np.tanh(np.matmul(x, w.T).mul(0.1));
  const p = nn.softmax(h.add(np.exp(h.neg())));
  return np.sum(np.square(p.mul(h))).add(np.mean(x.mul(w).maximum(x)));
};

test('the arrays here are worth freeing, also masks of a byte an element', () => {
  expect(256 * 96).toBeGreaterThanOrEqual(tracedBytes);
});

describe('memory', () => {
  test('a gradient leaves the gradient', () => {
    const [x, w] = [draw(1), draw(2)];
    const bytes = left(() => grad(loss, [0, 1])(x, w));
    // Two results in blocks rounded up by at most an eighth, and what is too small to free.
    expect(bytes).toBeGreaterThanOrEqual(2 * x.nbytes);
    expect(bytes).toBeLessThanOrEqual(2.25 * x.nbytes);
  });

  test('forward mode, also over reverse, leaves its results', () => {
    const [x, w] = [draw(1), draw(2)];
    // A scalar and its tangent; what the function computes of w alone is its own affair.
    expect(left(() => jvp(loss, [x, w], [w, x]))).toBeLessThanOrEqual(0.25 * x.nbytes);
    // The gradient, its tangent, and w transposed.
    expect(left(() => hvp((y: Tensor) => loss(y, w), [x], [w]))).toBeLessThanOrEqual(3.25 * x.nbytes);
  });

  test('a backward pass frees residuals on the way', () => {
    const x = draw(1);
    const n = 40;
    const chain = (y: Tensor): Tensor => {
      let z = y;
      for (let i = 0; i < n; i++) z = np.sin(z).mul(1.5);
      return np.sum(z);
    };
    grad(chain)(x);
    let peak = 0;
    const base = usedBytes();
    const counted = device();
    const execute = counted.execute.bind(counted);
    const sizes: number[] = [];
    counted.execute = (...args) => {
      const outs = execute(...args);
      sizes.push(residentBytes() - base);
      peak = Math.max(peak, sizes.at(-1)!);
      return outs;
    };
    try {
      grad(chain)(x);
    } finally {
      counted.execute = execute;
    }
    // Forward: sin, cos and the product for each step. Backward never needs more than a few more.
    expect(peak).toBeLessThanOrEqual((3 * n + 6) * 1.125 * x.nbytes);
    const middle = sizes.length - Math.floor(n);
    expect(sizes[middle]!).toBeLessThan(peak / 1.5);
  });

  test('a pullback frees its cotangents, and keeps what the next one needs', () => {
    const [x, w] = [draw(1), draw(2)];
    const [, pull] = vjp(loss, x, w);
    const bytes = left(() => pull(np.array(1)));
    expect(bytes).toBeLessThanOrEqual(2.25 * x.nbytes);
    const [first] = pull(np.array(1));
    const [second] = pull(np.array(1));
    expect(first!.toArray()).toEqual(second!.toArray());
  });

  test('a function that throws leaves its values to the collector', () => {
    const x = draw(1);
    let kept: Tensor | undefined;
    const f = (y: Tensor): Tensor => {
      kept = np.exp(y);
      throw new Error('stop');
    };
    expect(() => grad(f)(x)).toThrow('stop');
    expect(kept!.dataSync()).toHaveLength(x.size);
  });
});

describe('what others hold stays', () => {
  test('results: value, aux, arguments, gradients that are one cotangent', () => {
    const [x, y] = [draw(3), draw(4)];
    const f = (a: Tensor, b: Tensor): [Tensor, { readonly mid: Tensor; readonly same: Tensor }] => {
      const mid = a.add(b);
      return [np.sum(np.sin(mid)), { mid, same: a }];
    };
    const [[value, aux], [da, db]] = valueAndGrad(f, { argnums: [0, 1], hasAux: true })(x, y);
    expect(value.item()).toBeCloseTo(sum(np.sin(x.add(y))), 2);
    expect(aux.mid.toArray()).toEqual(x.add(y).toArray());
    expect(aux.same.toArray()).toEqual(x.toArray());
    expect(da.toArray()).toEqual(db.toArray());
    expect(sum(x) + sum(y)).toBeCloseTo(sum(aux.mid), 2);
  });

  test('a gradient that is a residual or an argument', () => {
    const [x, c] = [draw(3), draw(4)];
    const [g] = vjp((y: Tensor) => y.mul(c), x)[1](np.ones(shape));
    expect(g!.toArray()).toEqual(c.toArray());
    const d = grad((y: Tensor) => np.sum(y.reshape([-1])))(x);
    expect(sum(d)).toBe(x.size);
    expect(grad((y: Tensor) => np.sum(checkpoint((z: Tensor) => z)(y)))(x).shape).toEqual(shape);
    expect(sum(x)).toBeCloseTo(sum(x.mul(1)), 3);
  });

  test('constants that a function computes and keeps', () => {
    const x = draw(5);
    let mask: Tensor | undefined;
    const f = (y: Tensor): Tensor => {
      mask ??= np.exp(np.ones(shape)).greater(0).astype('float32');
      return np.sum(y.mul(mask).mul(np.where(y.greater(0), 1, 0.5)));
    };
    const first = grad(f)(x);
    expect(grad(f)(x).toArray()).toEqual(first.toArray());
    expect(sum(mask!)).toBe(x.size);
  });

  test('values detached from the derivative', () => {
    const x = draw(5);
    let detached: Tensor | undefined;
    grad((y: Tensor) => {
      const z = np.exp(y);
      detached = lax.stopGradient(z);
      return np.sum(z.mul(z));
    })(x);
    expect(detached!.toArray()).toEqual(np.exp(x).toArray());
  });

  test('what rules of the user get and give', () => {
    const x = draw(6);
    const held: Tensor[] = [];
    const hold = (...xs: Tensor[]): void => void held.push(...xs);
    const reverse = customVjp((y: Tensor) => np.sin(y));
    reverse.defvjp(
      (y: Tensor) => {
        hold(y);
        const slope = np.cos(y);
        hold(slope);
        return [np.sin(y), slope];
      },
      (slope: Tensor, ct: Tensor) => {
        const out = ct.mul(slope);
        hold(ct, out);
        return [out];
      },
    );
    const forward = customJvp((y: Tensor) => np.exp(y));
    forward.defjvp(([y]: readonly [Tensor], [dy]: readonly [Tensor]) => {
      const z = np.exp(y);
      hold(y, z, ...(dy instanceof Tracer ? [] : [dy]));
      return [z, dy.mul(z)];
    });
    const f = (y: Tensor): Tensor => np.sum(forward(reverse(y.mul(0.5)).mul(2)).mul(y));
    const g = grad(f)(x);
    expect(held.length).toBeGreaterThan(5);
    const [, pushed] = jvp((y: Tensor) => forward(y.mul(0.5)), [x], [x]);
    for (const t of held) expect(Number.isFinite(sum(t))).toBe(true);
    expect(pushed.shape).toEqual(shape);
    const u = np.sin(x.mul(0.5)).mul(2);
    const wanted = np.exp(u).add(x.mul(np.exp(u)).mul(np.cos(x.mul(0.5))));
    expect(np.max(np.abs(g.sub(wanted))).item()).toBeLessThan(1e-4);
  });

  test('what rules of the user get inside another derivative', () => {
    const x = draw(6);
    const held: Tensor[] = [];
    const reverse = customVjp((y: Tensor) => np.sin(y));
    reverse.defvjp(
      (y: Tensor) => [np.sin(y), np.cos(y)],
      (slope: Tensor, ct: Tensor) => {
        const out = ct.mul(slope);
        held.push(ct, out, np.exp(slope));
        return [out];
      },
    );
    const constant = draw(5);
    let pull: ((ct: Tensor) => Tensor[]) | undefined;
    const f = (y: Tensor): Tensor => {
      const g = grad((z: Tensor) => np.sum(reverse(z).mul(z)))(constant);
      pull ??= vjp((z: Tensor) => np.tanh(z).mul(z), constant)[1] as never;
      held.push(g, pull!(g)[0]!);
      return np.sum(np.sin(y).mul(g));
    };
    grad(f)(x);
    jvp(f, [x], [x]);
    for (const t of [...held, ...pull!(constant)]) expect(Number.isFinite(sum(t))).toBe(true);
  });

  describe('what a derivative gives to a function that is itself being differentiated', () => {
    const well = (z: Tensor): Tensor => np.sum(np.tanh(z).mul(z));
    const constant = draw(5);
    /** Each gives values that do not depend on the outer derivative, and a function that gives them again. */
    const given: { readonly [name: string]: (hold: (...xs: Tensor[]) => void) => (() => Tensor) | undefined } = {
      'value, aux and gradient': (hold) => {
        const f = (z: Tensor): [Tensor, { readonly mid: Tensor }] => {
          const mid = np.exp(z);
          return [np.sum(mid.mul(z)), { mid }];
        };
        const [[value, { mid }], g] = valueAndGrad(f, { hasAux: true })(constant);
        hold(value, mid, g);
        return undefined;
      },
      'forward over reverse': (hold) => {
        hold(hvp(well, [constant], [constant]), ...jvp(grad(well), [constant], [constant]));
        return undefined;
      },
      'mapped gradients': (hold) => {
        hold(vmap(grad(well))(constant));
        return undefined;
      },
      'Jacobians of gradients': (hold) => {
        const row = constant.slice(0);
        hold(jacrev(grad(well))(row), jacfwd(grad(well))(row), hessian(well)(row));
        return undefined;
      },
      'operands of a rule of the user’s': (hold) => {
        const forward = customJvp((y: Tensor) => np.exp(y));
        forward.defjvp(([y]: readonly [Tensor], [dy]: readonly [Tensor]) => {
          hold(y, dy);
          return [np.exp(y), dy.mul(np.exp(y))];
        });
        hold(...jvp((y: Tensor) => forward(grad(well)(y)), [constant], [constant]));
        return undefined;
      },
      'a pullback': (hold) => {
        const [y, pull] = vjp((z: Tensor) => np.sum(grad(well)(z).mul(z)), constant);
        hold(y, ...pull(np.array(1)));
        return () => pull(np.array(1))[0]!;
      },
      'a linear map': (hold) => {
        const [y, push] = linearize((z: Tensor) => grad(well)(z).mul(z), constant);
        hold(y, push(constant));
        return () => push(constant);
      },
    };
    for (const [name, make] of Object.entries(given)) {
      test(name, () => {
        const held: Tensor[] = [];
        const later: (() => Tensor)[] = [];
        const outer = (y: Tensor): Tensor => {
          const again = make((...xs) => void held.push(...xs));
          if (again !== undefined) later.push(again);
          return held.slice(-1).reduce((a, b) => a.add(np.sum(b)), np.sum(np.sin(y).mul(y)));
        };
        const wanted: Tensor[] = [];
        make((...xs) => void wanted.push(...xs));
        grad(outer)(constant);
        expect(held.map((x) => x.toArray())).toEqual(wanted.map((x) => x.toArray()));
        for (const again of later) expect(again().toArray()).toEqual(wanted.at(-1)!.toArray());
      });
    }
  });

  test('arrays that compiled code and loops close over', () => {
    const [x, c] = [draw(7), draw(8)];
    const step = jit((y: Tensor) => np.tanh(y.mul(c)));
    const f = (y: Tensor): Tensor =>
      np.sum(lax.scan((carry: Tensor) => [step(carry).add(c), null], y, null, { length: 3 })[0] as Tensor);
    const first = grad(f)(x);
    expect(grad(f)(x).toArray()).toEqual(first.toArray());
    expect(Number.isFinite(sum(c))).toBe(true);
  });

  test('derivatives inside derivatives', () => {
    const [x, w] = [draw(9), draw(10)];
    const inner = (y: Tensor): Tensor => np.sum(np.square(grad(loss)(y, w)));
    const g = grad(inner)(x);
    const again = jit(grad(inner))(x);
    expect(np.max(np.abs(g.sub(again))).item()).toBeLessThan(1e-3);
  });
});

test('a large value that outlives its trace has no numbers any more, and says why; a small one has', () => {
  let leaked: Tensor | undefined;
  grad((y: Tensor) => np.sum((leaked = np.sin(y))))(draw(11));
  expect(() => leaked!.dataSync()).toThrow(/leaked out of grad/);
  grad((y: Tensor) => np.sum((leaked = np.sin(y))))(np.zeros([1000]));
  expect(leaked!.dataSync()).toHaveLength(1000);
});
