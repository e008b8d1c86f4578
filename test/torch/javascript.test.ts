/**
 * What a newcomer from Python writes in JavaScript: operators, loops, text, names with underscores, wrong arguments.
 * @module
 */
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { array, CotangentError } from 'cotangent';
import { arange, autograd, cat, noGrad, ones, Tensor, tensor, zeros } from 'cotangent/torch';

const leaf = (data: number | number[]): Tensor => tensor(data, { requiresGrad: true });
/** As JavaScript sees it, without types. */
const any = (x: unknown): Record<string, unknown> & number => x as never;

describe('operators', () => {
  it.each([
    ['+', (x: Tensor) => any(x) + 1],
    ['-', (x: Tensor) => -any(x)],
    ['>', (x: Tensor) => any(x) > 2],
    ['Math.max', (x: Tensor) => Math.max(any(x), 1)],
  ])('%s refuses tensors, with and without gradient, and says what to write', (_name, f) => {
    expect(() => f(leaf(3))).toThrow("JavaScript's operators work on numbers alone.\n  Fix: use methods: x.add(y)");
    expect(() => f(tensor(3))).toThrow("JavaScript's operators work on numbers alone");
  });
});

describe('text', () => {
  it('consoles show numbers and where they come from', () => {
    const x = leaf([1, 2]);
    expect(inspect(tensor([1.5]))).toBe('tensor([1.5])');
    expect(inspect(x)).toBe('tensor([1, 2], requiresGrad: true)');
    expect(x.mul(2).toString()).toBe('tensor([2, 4], gradFn: MulBackward0)');
    expect(inspect(arange(2))).toBe('tensor([0, 1], dtype: int32)');
    expect(inspect(tensor([true]))).toBe('tensor([true])');
  });

  it('templates have the numbers, JSON too', () => {
    expect(`${leaf([1, 2])}`).toBe('[1, 2]');
    expect(JSON.stringify({ x: leaf([1, 2]) })).toBe('{"x":[1,2]}');
  });
});

describe('loops', () => {
  it('go over the first dimension, with gradients', () => {
    const x = leaf([1, 2, 3]);
    let total = tensor(0);
    for (const v of x) total = total.add(v.mul(v));
    total.backward();
    expect(x.grad?.tolist()).toEqual([2, 4, 6]);
    const [first, second] = tensor([[1], [2]]);
    expect([first, second].map((v) => v?.tolist())).toEqual([[1], [2]]);
    expect(() => [...tensor(1)]).toThrow('iteration over a 0-d tensor');
  });
});

describe('names in snake_case', () => {
  it('are refused where they would be undefined', () => {
    const x = any(leaf([1]));
    expect(() => x.requires_grad).toThrow(
      'requires_grad: expected names in camelCase, got one in snake_case.\n  Fix: write requiresGrad.',
    );
    expect(() => x.requires_grad_).toThrow('Fix: write requiresGrad_.');
    expect(() => (x.requires_grad = true as never)).toThrow('Fix: write requiresGrad.');
    expect(() => x.index_select).toThrow('Fix: write indexSelect.');
  });

  it('as options name the right one', () => {
    expect(() => tensor([1], { requires_grad: true } as never)).toThrow('Fix: did you mean requiresGrad?');
    expect(() => leaf(1).backward({ retain_graph: true } as never)).toThrow('Fix: did you mean retainGraph?');
    expect(() => ones(2).sum({ axis: 0 } as never)).toThrow('Fix: did you mean dim?');
    expect(() => ones(2).sum(0, { keepdims: true } as never)).toThrow('Fix: did you mean keepdim?');
  });
});

describe('wrong arguments', () => {
  it.each<[string, () => unknown, string]>([
    ['new Tensor', () => new Tensor([1] as never), 'tensor(data), zeros(shape) and their like make tensors'],
    ['grad = 3', () => (leaf([1]).grad = 3 as never), 'grad: expected a tensor or null, got 3'],
    ['grad of a number', () => autograd.grad(3 as never, leaf([1])), 'expected tensors of this face as outputs, got 3'],
    [
      'grad by a core tensor',
      () => autograd.grad(leaf(1).mul(2), array([1]) as never),
      'asTensor(x) for a tensor of the core',
    ],
    ['noGrad without a function', () => noGrad(undefined as never), 'noGrad: expected a function, got undefined'],
    ['negative sizes', () => zeros(-1), 'expected a shape of non-negative integers, got [-1]'],
    ['sizes as text', () => zeros('2' as never), 'expected a shape of non-negative integers, got [2]'],
    [
      'tensors not in a list',
      () => cat(ones(1) as never, ones(1) as never),
      'expected an array of tensors, got a tensor',
    ],
    [
      'too many arguments',
      () => (ones(2).topk as (...a: unknown[]) => unknown)(1, 0, true, true, 5),
      'expected at most 4 arguments (k, dim, largest, sorted), got 5',
    ],
    [
      'an argument twice',
      () => (ones(2).cumsum as (...a: unknown[]) => unknown)(0, { dim: 0 }),
      'expected dim once, got it by position and by name',
    ],
    ['Infinity times', () => ones(2).topk(3), 'selected index k out of range'],
  ])('%s', (_name, f, message) => {
    expect(f).toThrow(CotangentError);
    expect(f).toThrow(message);
  });

  it('backward takes plain numbers', () => {
    const x = leaf([1, 2]);
    x.mul(2).backward([1, 10]);
    expect(x.grad?.tolist()).toEqual([2, 20]);
    expect(() => x.mul(2).backward(1)).toThrow('Mismatch in shape: grad_output[0] has a shape of torch.Size([])');
  });

  it('plain arrays are positions', () => {
    expect(tensor([5, 6, 7]).gather(0, [2, 0]).tolist()).toEqual([7, 5]);
    expect(() => tensor([5, 6, 7]).gather(0, tensor([2]))).toThrow(
      'tensors used as indices must be long, int, byte or bool tensors',
    );
  });
});

describe('plain numbers beside float64', () => {
  const x = zeros(2, { dtype: 'float64' });
  const seventh = [0.7, 0.7];
  it.each<[string, () => Tensor]>([
    ['fill_', () => x.clone().fill_(0.7)],
    ['copy_', () => x.clone().copy_([0.7, 0.7])],
    ['set', () => x.clone().set([{}], 0.7)],
    ['set an array', () => x.clone().set([{}], [0.7, 0.7])],
    ['maskedFill', () => x.maskedFill(tensor([true, true]), 0.7)],
    ['indexFill', () => x.indexFill(0, [0, 1], 0.7)],
    ['scatter', () => x.scatter(0, [0, 1], 0.7)],
    ['where', () => x.where([true, true], x).where([false, false], 0.7)],
    ['add', () => x.add(0.7)],
    ['add an array', () => x.add([0.7, 0.7])],
    ['clamp', () => x.clamp(0.7, 1)],
    ['lerp', () => x.lerp(x.add(1), 0.7)],
    ['addcmul', () => x.addcmul(x.add(1), x.add(1), { value: 0.7 })],
  ])('%s keeps all their digits', (_name, f) => {
    expect(f().tolist()).toEqual(seventh);
  });
});
