/**
 * Arguments that PyTorch takes by position and by name; others are refused, never ignored.
 * @module
 */
import { expect, test } from 'vitest';
import * as torch from 'cotangent/torch';

const { tensor } = torch;
const x = tensor([1, 2]);
const list = (y: torch.Tensor): unknown => y.tolist();

test('autograd.grad by position', () => {
  const w = tensor([1, 2], { requiresGrad: true });
  const cts = tensor([1, 10]);
  expect(list(torch.autograd.grad(w.mul(w), w, cts)[0])).toEqual([2, 40]);
  const [first] = torch.autograd.grad(w.pow(3).sum(), w, null, true, true);
  expect(list(torch.autograd.grad(first, w, cts, { retainGraph: true })[0])).toEqual([6, 120]);
  expect(() => torch.autograd.grad(w.sum(), w, { create: true } as never)).toThrow('autograd.grad: expected options');
});

test('draws', () => {
  expect(list(torch.multinomial(tensor([0, 1, 0]), 4, true))).toEqual([1, 1, 1, 1]);
  expect(() => torch.multinomial(x, 3)).toThrow(
    'multinomial: expected at most 2 draws from f32[2] without replacement',
  );
  expect(list(torch.bernoulli(tensor([0, 0]), 1))).toEqual([1, 1]);
  expect(list(torch.bernoulli(tensor([0, 1]), { p: 0 }))).toEqual([0, 0]);
  expect(list(torch.bernoulli(tensor([0, 1])))).toEqual([0, 1]);
});

test('loadStateDict is strict by position', () => {
  const layer = new torch.nn.Linear(2, 1);
  const state = { weight: tensor([[1, 2]]) };
  expect(layer.loadStateDict(state, false).missingKeys).toEqual(['bias']);
  expect(() => layer.loadStateDict(state)).toThrow('loadStateDict: expected the state of a Linear');
  expect(() => layer.loadStateDict(state, { strictly: false } as never)).toThrow('expected options strict');
});

test('modes are callbacks', () => {
  expect(torch.setGradEnabled(false, () => torch.isGradEnabled())).toBe(false);
  expect(() => torch.setGradEnabled(false, undefined as never)).toThrow('setGradEnabled: expected a function, got');
  expect(() => torch.enableGrad(undefined as never)).toThrow('enableGrad: expected a function, got undefined');
});

test('what is not known is refused', () => {
  expect(() => torch.addcmul(x, x, x, 3 as never)).toThrow('addcmul: expected an options object, got 3');
  expect(() => torch.addcdiv(x, x, x, { factor: 3 } as never)).toThrow('addcdiv: expected options value, got factor');
  expect(() => torch.zeros([2], 'int32' as never)).toThrow('expected sizes and then options, got "int32"');
  expect(() => torch.bincount(tensor([1], { dtype: 'long' }), 5 as never)).toThrow(
    'bincount: expected an options object',
  );
});
