/**
 * The graph as a whole: random ones against finite differences, large ones, dropped ones, and what views share.
 * @module
 */
import { describe, expect, it } from 'vitest';
import {
  autograd,
  cat,
  noGrad,
  ones,
  stack,
  tensor as make,
  type Tensor,
  type TensorLike,
  zeros,
} from 'cotangent/torch';
import { randomSource } from '../support/samples.ts';

const f64 = { dtype: 'float64' } as const;
const leaf = (data: TensorLike): Tensor => make(data, { ...f64, requiresGrad: true });

/** Operations of random graphs; all keep vectors of 4. */
const steps: readonly ((a: Tensor, b: Tensor, random: () => number) => Tensor)[] = [
  (a, b) => a.mul(b),
  (a, b) => a.add(b),
  (a, b) => a.sub(b.mul(0.5)),
  (a) => a.tanh(),
  (a) => a.sin(),
  (a) => a.sigmoid(),
  (a) => a.pow(2).mul(0.3),
  (a, b) => a.div(b.pow(2).add(1)),
  (a) => a.sub(a.mean()),
  (a, b) => stack([a, b]).logsumexp(0),
  (a, b) => cat([a.get({ stop: 2 }), b.get({ start: 2 })]),
  (a) => a.view(2, 2).t().flatten(),
  (a) => a.cumsum(0).mul(0.3),
  (a) => a.softmax(0),
  (a, b) => a.clone().mul_(b),
  (a, b) => {
    const c = a.clone();
    c.get({ start: 1, stop: 3 }).mul_(b.get({ stop: 2 }));
    return c;
  },
  (a, b, random) => {
    const c = a.mul(1);
    c.set([Math.floor(4 * random())], b.sum().tanh());
    return c;
  },
];

/** A function of two vectors: a graph of `size` operations that share intermediate values. */
function randomGraph(seed: number, size: number): (x: Tensor, y: Tensor) => Tensor {
  return (x, y) => {
    const random = randomSource(seed);
    const values = [x, y];
    const pick = (): Tensor => values[Math.floor(values.length * random())]!;
    for (let i = 0; i < size; i++) values.push(steps[Math.floor(steps.length * random())]!(pick(), pick(), random));
    return values.slice(-3).reduce((a, b) => a.add(b));
  };
}

describe('random graphs', () => {
  it.each(Array.from({ length: 16 }, (_, seed) => seed))(
    'have right derivatives of first and second order (%i)',
    (seed) => {
      const f = randomGraph(seed, 12);
      const inputs = [leaf([0.3, -0.7, 1.1, 0.6]), leaf([-0.4, 0.9, 0.2, -1.3])];
      expect(autograd.gradcheck(f, inputs)).toBe(true);
      expect(autograd.gradgradcheck(f, inputs)).toBe(true);
    },
  );
});

describe('large graphs', () => {
  it('of two hundred thousand nodes run backward without recursion', () => {
    const x = leaf(1);
    let y: Tensor = x;
    for (let i = 0; i < 2e5; i++) y = y.add(1);
    y.backward();
    expect([y.item(), x.grad?.item()]).toEqual([2e5 + 1, 1]);
  });

  it('visit a shared node once', () => {
    const x = leaf(1);
    let y: Tensor = x;
    let visits = 0;
    // 2⁶⁰ paths.
    for (let i = 0; i < 60; i++) {
      y = y.add(y);
      y.registerHook(() => void visits++);
    }
    y.backward();
    expect([x.grad?.item(), visits]).toEqual([2 ** 60, 60]);
  });

  it('with a hundred thousand readers of one tensor add up', () => {
    const x = leaf(2);
    let total = x.mul(0);
    for (let i = 0; i < 1e5; i++) total = total.add(x);
    total.backward();
    expect(x.grad?.item()).toBe(1e5);
  });

  it('with a hundred thousand outputs do, too', () => {
    const x = leaf(2);
    autograd.backward(Array.from({ length: 1e5 }, () => x.mul(3)));
    expect(x.grad?.item()).toBe(3e5);
  });

  it('with one node of many inputs give each its gradient', () => {
    const xs = Array.from({ length: 500 }, (_, i) => leaf(i));
    stack(xs.map((x) => x.mul(x)))
      .sum()
      .backward();
    expect(xs.map((x) => x.grad?.item())).toEqual(xs.map((_, i) => 2 * i));
  });

  it('and long chains of views are followed without recursion', () => {
    const x = leaf([1, 2]);
    const y = x.view(1, 2).mul(1);
    let turned = y;
    for (let i = 0; i < 20_001; i++) turned = turned.t();
    y.mul_(2);
    expect(turned.tolist()).toEqual([[2], [4]]);
  });

  const collected = async (refs: readonly WeakRef<object>[]): Promise<boolean> => {
    for (let i = 0; i < 20 && refs.some((r) => r.deref() !== undefined); i++) {
      await new Promise((resolve) => setTimeout(resolve, 0));
      globalThis.gc?.();
    }
    return refs.every((r) => r.deref() === undefined);
  };

  it.each<[string, (x: Tensor) => object[]]>([
    [
      'what they saved',
      (x) => {
        const y = x.exp();
        const z = y.mul(y).sum();
        return [y, z, z.gradFn!];
      },
    ],
    [
      'hooks that hold their own tensors',
      (x) => {
        const y = x.exp();
        const seen: Tensor[] = [];
        y.registerHook((g) => void seen.push(g.mul(y)));
        y.gradFn!.registerHook(() => void seen.push(y));
        y.sum().backward();
        return [y, seen[0]!, y.gradFn!];
      },
    ],
    [
      'a graph of gradients that was kept',
      (x) => {
        const y = x.pow(3).sum();
        const [g] = autograd.grad(y, x, { createGraph: true });
        g.sum().backward({ retainGraph: true });
        return [y, g, g.gradFn!];
      },
    ],
    [
      'views, and what was changed through them',
      (x) => {
        const y = x.mul(2);
        const v = y.get({ stop: 1 });
        v.mul_(3);
        return [y, v, v.gradFn!];
      },
    ],
    [
      'functions with rules of their own',
      (x) => {
        class Own extends autograd.Function {
          static forward(ctx: autograd.FunctionContext, t: Tensor): Tensor {
            ctx.saveForBackward(t);
            ctx.attributes.input = t;
            return t.mul(2);
          }
          static backward(_ctx: autograd.FunctionContext, g: Tensor): Tensor {
            return g;
          }
        }
        const y = x.mul(1);
        const z = Own.apply(y);
        return [y, z, z.gradFn!];
      },
    ],
  ])('that are dropped are garbage, with %s', async (_name, parts) => {
    const x = leaf([1, 2]);
    const refs = parts(x).map((part) => new WeakRef(part));
    expect(await collected(refs)).toBe(true);
  });

  it('whose saved values were packed do not hold them', async () => {
    const x = leaf([1, 2]);
    const parts = (): [Tensor, WeakRef<object>[]] => {
      const y = x.mul(2);
      const z = autograd.graph.saveOnCpu(() => y.mul(y).sum());
      return [z, [y.value, y].map((t) => new WeakRef(t))];
    };
    const [z, refs] = parts();
    expect(await collected(refs)).toBe(true);
    z.backward();
    expect(x.grad?.tolist()).toEqual([8, 16]);
  });

  it('that are kept keep what they need, and no more', async () => {
    const x = leaf([1, 2]);
    const parts = (): [Tensor, WeakRef<object>[]] => {
      const [a, b] = [x.mul(2), x.mul(3)];
      // A sum saves neither operand.
      return [a.add(b).sum(), [a, b].map((t) => new WeakRef(t))];
    };
    const [y, refs] = parts();
    expect(await collected(refs)).toBe(true);
    y.backward();
    expect(x.grad?.tolist()).toEqual([5, 5]);
  });

  it('give their saved values back after a backward pass', () => {
    const x = leaf([1, 2]);
    const y = x.exp();
    const sum = y.sum();
    sum.backward();
    expect(() => autograd.grad(y, x, { gradOutputs: make([1, 1], f64) })).toThrow('freed');
  });
});

describe('views', () => {
  it('show each other’s changes', () => {
    const base = zeros(2, 3);
    const rows = base.get(0);
    const column = base.get({}, 1);
    const flat = base.view(6);
    const turned = base.t();
    column.fill_(5);
    rows.add_(1);
    flat.set([5], 9);
    expect([base, rows, column, flat, turned].map((t) => t.tolist())).toEqual([
      [
        [1, 6, 1],
        [0, 5, 9],
      ],
      [1, 6, 1],
      [6, 5],
      [1, 6, 1, 0, 5, 9],
      [
        [1, 0],
        [6, 5],
        [1, 9],
      ],
    ]);
    expect([base._version, column._version]).toEqual([3, 3]);
  });

  it('of integers and booleans too', () => {
    const mask = make([true, false, true]);
    mask.get({ stop: 2 }).copy_(make([false, true]));
    expect(mask.tolist()).toEqual([false, true, true]);
    const counts = make([1, 2, 3], { dtype: 'int32' });
    counts.get({ step: 2 }).mul_(10);
    expect(counts.tolist()).toEqual([10, 2, 30]);
  });

  it('carry gradients of what was written through others', () => {
    const x = leaf([1, 2, 3, 4]);
    const w = leaf(10);
    const y = x.mul(1);
    const before = y.view(2, 2);
    y.get({ stop: 2 }).mul_(w);
    before.get(1).add_(w);
    // y = [10 x₀, 10 x₁, x₂ + w, x₃ + w], seen through a view that was made before.
    before
      .mul(
        make(
          [
            [1, 2],
            [3, 4],
          ],
          f64,
        ),
      )
      .sum()
      .backward();
    expect([before.tolist(), x.grad?.tolist(), w.grad?.item()]).toEqual([
      [
        [10, 20],
        [13, 14],
      ],
      [10, 20, 3, 4],
      1 + 4 + 3 + 4,
    ]);
  });

  it('that overlap themselves refuse to be changed', () => {
    expect(() => ones(1, 3).expand(2, 3).mul_(2)).toThrow(
      'more than one element of the written-to tensor refers to a single',
    );
    const same = ones(2, 3);
    same.expand(2, 3).mul_(2);
    expect(same.get(0, 0).item()).toBe(2);
  });

  it('of detached tensors change values, and no history', () => {
    const x = leaf([1, 2]);
    const y = x.mul(3);
    noGrad(() => y.detach().get(0).fill_(7));
    expect([y.tolist(), x.tolist()]).toEqual([
      [7, 6],
      [1, 2],
    ]);
    y.sum().backward();
    expect(x.grad?.tolist()).toEqual([3, 3]);
  });

  it('cannot take what does not fit', () => {
    expect(() => ones(3).add_(ones(2, 3))).toThrow("doesn't match the broadcast shape");
    expect(() => make([1, 2], { dtype: 'int32' }).add_(0.5)).toThrow("can't be cast to the desired output type int32");
  });
});
