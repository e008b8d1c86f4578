/**
 * Hooks on nodes of the graph, its other names for what is saved, and what leads past a graph.
 * @module
 */
import { describe, expect, it } from 'vitest';
import { grad as gradOf } from 'cotangent';
import {
  asTensor,
  autograd,
  compile,
  enableGrad,
  inferenceMode,
  manualSeed,
  noGrad,
  rand,
  type Tensor,
  tensor as make,
  type TensorLike,
} from 'cotangent/torch';

const f64 = { dtype: 'float64' } as const;
const tensor = (data: TensorLike): Tensor => make(data, f64);
const leaf = (data: TensorLike): Tensor => make(data, { ...f64, requiresGrad: true });
const list = (x: Tensor | null | undefined): unknown => x?.tolist();

describe('nodes', () => {
  it('are one object each, with a name, a leaf and room for more', () => {
    const x = leaf(2);
    const y = x.mul(3);
    expect(y.gradFn).toBe(y.gradFn);
    expect(y.gradFn).toBeInstanceOf(autograd.graph.Node);
    const [[accumulate]] = y.gradFn!.nextFunctions as [[autograd.graph.Node, number]];
    expect(accumulate.name).toBe('AccumulateGrad');
    expect(accumulate.variable).toBe(x);
    y.gradFn!.metadata.note = 'here';
    expect(y.gradFn!.metadata).toEqual({ note: 'here' });
  });

  it('registerHook sees gradients of inputs and outputs, and may replace the former', () => {
    const [x, w] = [leaf(2), leaf(5)];
    const y = x.mul(w);
    const seen: unknown[] = [];
    const handle = y.gradFn!.registerHook((gradInputs, gradOutputs) => {
      seen.push(gradInputs.map(list), gradOutputs.map(list));
      return gradInputs.map((g) => g && g.mul(10));
    });
    y.backward({ retainGraph: true });
    expect(seen).toEqual([[5, 2], [1]]);
    expect([x.grad?.item(), w.grad?.item()]).toEqual([50, 20]);
    handle.remove();
    y.backward();
    expect(x.grad?.item()).toBe(55);
  });

  it('registerPrehook may replace gradients of outputs; it comes after the hooks of tensors', () => {
    const x = leaf(2);
    const y = x.mul(x);
    const order: string[] = [];
    y.registerHook(() => void order.push('tensor'));
    y.gradFn!.registerPrehook(([g]) => {
      order.push('before');
      return [g!.mul(3)];
    });
    y.gradFn!.registerHook(() => void order.push('after'));
    y.backward();
    expect([order, x.grad?.item()]).toEqual([['tensor', 'before', 'after'], 12]);
  });

  it('hooks are part of a recorded backward pass', () => {
    const x = leaf(2);
    const y = x.pow(3);
    y.gradFn!.registerHook(([g]) => [g!.mul(x)]);
    const [first] = autograd.grad(y, x, { createGraph: true });
    // 3x³, and its derivative.
    expect([first.item(), autograd.grad(first, x)[0].item()]).toEqual([24, 36]);
  });

  it('hooks of a leaf run around its accumulation', () => {
    const x = leaf(2);
    const y = x.mul(3);
    const node = y.gradFn!.nextFunctions[0]![0]!;
    const seen: unknown[] = [];
    node.registerPrehook(([g]) => [g!.mul(2)]);
    node.registerHook((_inputs, [g]) => void seen.push(list(g), x.grad?.item()));
    y.backward();
    expect(seen).toEqual([6, 6]);
  });

  it('hooks that return something else are an error', () => {
    const run = (hook: () => unknown): void => {
      const y = leaf([1, 2]).mul(2);
      y.registerHook(hook as () => Tensor);
      y.sum().backward();
    };
    expect(() => run(() => tensor([1, 2, 3]))).toThrow('hook has changed the size or type of value');
    expect(() => run(() => make([1, 2]))).toThrow(
      'expected a tensor like the one that the hook was given, f64[2], got f32[2]',
    );
    expect(() => run(() => 3)).toThrow('got 3: hook has changed the size or type of value');
    const saved = autograd.savedTensorsHooks(
      (t) => t,
      () => 5 as never,
      () => leaf([1, 2]).pow(3).sum(),
    );
    expect(() => saved.backward()).toThrow('savedTensorsHooks: expected a tensor like the one that the hook was given');
  });

  it('a gradient that is kept is that of the value after changes in place', () => {
    const x = leaf([1, 2]);
    const y = x.mul(2);
    y.retainGrad();
    const z = y.mul(1);
    y.mul_(3);
    y.add(z).sum().backward();
    expect([list(y.grad), list(x.grad)]).toEqual([
      [1, 1],
      [8, 8],
    ]);
  });

  it('hooks that return too many gradients are an error', () => {
    const y = leaf(2).mul(3);
    y.gradFn!.registerHook((grads) => [...grads, null]);
    expect(() => y.backward()).toThrow('hook has returned an incorrect number of values');
  });
});

describe('inferenceMode', () => {
  it('makes tensors that cannot require grad outside', () => {
    const x = inferenceMode(() => tensor([1, 2]));
    expect(() => x.requiresGrad_()).toThrow('Setting requires_grad=True on inference tensor outside InferenceMode');
    expect(list(x.get(0).mul(2))).toBe(2);
    expect(leaf([1, 2]).add(x).requiresGrad).toBe(true);
    const w = leaf([3, 4]);
    w.mul(x.clone()).sum().backward();
    expect(list(w.grad)).toEqual([1, 2]);
  });

  it('may change normal tensors and leaves in place', () => {
    const [x, w] = [tensor([1, 2]), leaf([1, 2])];
    inferenceMode(() => [x.add_(1), w.add_(1)]);
    expect([list(x), list(w), w.isLeaf, w.requiresGrad]).toEqual([[2, 3], [2, 3], true, true]);
  });
});

describe('autograd.graph', () => {
  it('saveOnCpu keeps plain numbers', () => {
    const x = leaf([1, 2]);
    const y = autograd.graph.saveOnCpu(() => x.exp().mul(x));
    y.sum().backward();
    (list(x.grad) as number[]).forEach((g, i) => expect(g).toBeCloseTo(Math.exp(i + 1) * (2 + i), 10));
  });

  it('disableSavedTensorsHooks refuses hooks', () => {
    const { disableSavedTensorsHooks, savedTensorsHooks } = autograd.graph;
    const use = (): void =>
      savedTensorsHooks(
        (t) => t,
        (t) => t,
        () => undefined,
      );
    expect(() => disableSavedTensorsHooks('not here', use)).toThrow('not here');
    use();
  });
});

describe('what leads past a graph leads past the derivatives of transformations', () => {
  it.each([
    ['detach', (x: Tensor) => x.detach()],
    ['noGrad', (x: Tensor) => noGrad(() => x.mul(1))],
    ['inferenceMode', (x: Tensor) => inferenceMode(() => x.mul(1)).clone()],
  ])('%s', (_name, past) => {
    const f = (x: Tensor): Tensor => past(x).mul(x);
    const x = leaf(3);
    compile(f)(x).backward();
    expect(x.grad?.item()).toBe(3);
    expect(gradOf((v) => f(asTensor(v)).asCore())(3).item()).toBe(3);
  });

  it('enableGrad inside noGrad leads back', () => {
    const f = (x: Tensor): Tensor => noGrad(() => enableGrad(() => x.mul(x)));
    expect(gradOf((v) => noGrad(() => enableGrad(() => asTensor(v).pow(2))).asCore())(3).item()).toBe(0);
    const x = leaf(3);
    f(x).backward();
    expect(x.grad?.item()).toBe(6);
  });

  it('a compiled function that was first called inside noGrad has gradients outside', () => {
    const f = compile((x: Tensor) => x.mul(x));
    const x = leaf(3);
    expect(noGrad(() => f(x)).requiresGrad).toBe(false);
    f(x).backward();
    expect(x.grad?.item()).toBe(6);
  });

  it('callbacks that return a Promise are an error', () => {
    expect(() => noGrad(async () => leaf(1))).toThrow('got one that returns a Promise');
  });
});

describe('random numbers in compiled functions', () => {
  it('are new in each call, and those of the seed', () => {
    const f = compile((x: Tensor) => x.add(rand(2, f64)).add(rand(2, f64)));
    const draw = (): unknown => list(f(tensor([0, 0])));
    manualSeed(1);
    const first = [draw(), draw()];
    expect(first[0]).not.toEqual(first[1]);
    manualSeed(1);
    expect([draw(), draw()]).toEqual(first);
    // What a trace drew first does not stay in the generator.
    expect(rand(1).item()).toBeLessThan(1);
  });
});
