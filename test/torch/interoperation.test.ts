/**
 * Tensors of this face in functions of the core, and compiled functions of this face: values, gradients, and nothing lost on the way.
 * @module
 */
import { describe, expect, it } from 'vitest';
import { customJvp, customVjp, grad, jit, lax, np, type Tensor as CoreTensor, vmap } from 'cotangent';
import {
  asTensor,
  autograd,
  compile,
  noGrad,
  sin,
  type Tensor,
  tensor as make,
  type TensorLike,
} from 'cotangent/torch';

const f64 = { dtype: 'float64' } as const;
const leaf = (data: TensorLike): Tensor => make(data, { ...f64, requiresGrad: true });
const list = (x: Tensor | null | undefined): unknown => x?.tolist();
/** As TypeScript sees a tensor of this face where one of the core is wanted. */
const core = (x: Tensor): CoreTensor => x.asCore();

describe('functions of the core on tensors of this face', () => {
  it('are recorded, and give tensors of this face', () => {
    const x = leaf([1, 2]);
    const y = asTensor(np.sum(np.square(core(x))));
    expect(y.requiresGrad).toBe(true);
    y.backward();
    expect(list(x.grad)).toEqual([2, 4]);
  });

  it('jit records one node, with every order of derivative', () => {
    const cube = jit((x: CoreTensor) => np.sum(np.multiply(np.square(x), x)));
    const x = leaf([1, 2]);
    const y = asTensor(cube(core(x)));
    expect(y.gradFn?.nextFunctions.map(([node]) => node?.name)).toEqual(['AccumulateGrad']);
    const [first] = autograd.grad(y, x, { createGraph: true });
    const [second] = autograd.grad(first!.sum(), x, { createGraph: true });
    expect([list(first), list(second), list(autograd.grad(second!.sum(), x)[0])]).toEqual([
      [3, 12],
      [6, 12],
      [6, 6],
    ]);
  });

  it('vmap and grad compose with backward', () => {
    const x = leaf([1, 2]);
    const slopes = vmap(grad((t: CoreTensor) => np.power(t, 3)));
    asTensor(np.sum(slopes(core(x)))).backward();
    expect(list(x.grad)).toEqual([6, 12]);
  });

  it('a function that closes over a tensor passes gradients to it', () => {
    const w = leaf(3);
    const f = jit((x: CoreTensor) => np.multiply(x, core(w)));
    asTensor(f(np.array(2, 'float64'))).backward();
    expect(w.grad?.item()).toBe(2);
    const slope = grad((x: CoreTensor) => np.multiply(np.square(x), core(w)));
    asTensor(slope(np.array(5, 'float64'))).backward();
    expect(w.grad?.item()).toBe(12);
  });

  it('control flow is differentiated', () => {
    const x = leaf(2);
    const y = lax.foriLoop(0, 3, (_i: CoreTensor, c: CoreTensor) => np.multiply(c, core(x)), np.array(1, 'float64'));
    asTensor(y as CoreTensor).backward();
    expect(x.grad?.item()).toBe(12);
  });

  it('rules of the user are used', () => {
    const clipped = customVjp((x: CoreTensor) => np.multiply(x, 1));
    clipped.defvjp(
      (x: CoreTensor) => [x, null],
      (_: null, ct: CoreTensor) => [np.clip(ct, -1, 1)],
    );
    const x = leaf(2);
    asTensor(clipped(core(x)))
      .mul(5)
      .backward();
    expect(x.grad?.item()).toBe(1);

    const tripled = customJvp((t: CoreTensor) => np.multiply(t, 1));
    tripled.defjvp(([t], [d]) => [tripled(t), np.multiply(d, 3)]);
    const y = leaf(2);
    asTensor(tripled(core(y))).backward();
    expect(y.grad?.item()).toBe(3);
  });

  it('a rule that closes over a tensor with gradient is an error, not a silent zero', () => {
    const w = leaf(3);
    const f = customVjp((x: CoreTensor) => np.multiply(x, core(w)));
    f.defvjp(
      (x: CoreTensor) => [np.multiply(x, core(w)), null],
      (_: null, ct: CoreTensor) => [ct],
    );
    expect(() => f(core(leaf(2)))).toThrow('through its arguments only');
  });

  it('functions of this face work on traced values of the core', () => {
    const f = (x: CoreTensor): CoreTensor => sin(x).mul(2).sum().value;
    expect(String(grad(f)(np.array([0, 0])))).toBe('[2, 2]');
    const batched = vmap((x: CoreTensor) => asTensor(x).mul(asTensor(x).sum()).value);
    expect(String(batched(np.array([[1, 2]])))).toBe('[[3, 6]]');
  });
});

describe('compile', () => {
  it('gives values and gradients, for arguments and closed-over tensors', () => {
    let traces = 0;
    const w = leaf([1, 2]);
    const f = compile((x: Tensor) => {
      traces++;
      return x.mul(w).pow(2).sum();
    });
    const x = leaf([3, 4]);
    f(x).backward();
    expect([list(x.grad), list(w.grad)]).toEqual([
      [6, 32],
      [18, 64],
    ]);
    const traced = traces;
    noGrad(() => w.add_(1));
    expect(f(x).item()).toBe(36 + 144);
    expect(traces).toBe(traced);
  });

  it('differentiates twice', () => {
    const f = compile((x: Tensor) => x.pow(3).sum());
    const x = leaf([1, 2]);
    const [first] = autograd.grad(f(x), x, { createGraph: true });
    expect(list(autograd.grad(first!.sum(), x)[0])).toEqual([6, 12]);
  });

  it('takes and gives containers, and keeps plain values as constants', () => {
    const f = compile((p: { a: Tensor; b: Tensor }, power: number) => ({ sum: p.a.add(p.b), power: p.a.pow(power) }));
    const a = leaf([2]);
    const out = f({ a, b: leaf([3]) }, 3);
    expect([list(out.sum), list(out.power)]).toEqual([[5], [8]]);
    out.power.sum().backward();
    expect(list(a.grad)).toEqual([12]);
    expect(list(f({ a, b: a }, 2).power)).toEqual([4]);
  });

  it('refuses to leave a traced value in a tensor from outside', () => {
    const total = make([0], f64);
    const f = compile((x: Tensor) => {
      total.add_(x);
      return x;
    });
    expect(() => f(make([1], f64))).toThrow('which would be left with a value that has no numbers');
    expect(list(total)).toEqual([0]);
  });

  it('computes gradients inside', () => {
    const f = compile((x: Tensor) => {
      const y = x.detach().requiresGrad_();
      return autograd.grad(y.pow(3).sum(), y)[0]!;
    });
    expect(list(f(make([1, 2], f64)))).toEqual([3, 12]);
  });

  it('makes tensors inside', () => {
    const f = compile((x: Tensor) => x.mul(make([1, 2], f64)));
    expect(list(f(make([3, 4], f64)))).toEqual([3, 8]);
  });
});
