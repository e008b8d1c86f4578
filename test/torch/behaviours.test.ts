/**
 * What users of PyTorch's autograd rely on, one test a row of the table in docs/torch.md. Numbers are those of PyTorch 1.13 and 2.11.
 * @module
 */
import { describe, expect, it } from 'vitest';
import {
  autograd,
  cat,
  enableGrad,
  inferenceMode,
  noGrad,
  ones,
  type Tensor,
  tensor as make,
  type TensorLike,
  zeros,
} from 'cotangent/torch';

const f64 = { dtype: 'float64' } as const;
const tensor = (data: TensorLike): Tensor => make(data, f64);
const leaf = (data: TensorLike): Tensor => make(data, { ...f64, requiresGrad: true });
const list = (x: Tensor | null | undefined): unknown => x?.tolist();

describe('backward', () => {
  it('T01 adds to .grad', () => {
    const x = leaf(3);
    x.mul(x).backward();
    expect(x.grad?.item()).toBe(6);
    x.mul(x).backward();
    expect(x.grad?.item()).toBe(12);
  });

  it('T02 of two losses adds up, and .grad is a leaf', () => {
    const x = leaf([1, 2]);
    x.pow(2).sum().backward();
    x.pow(2).add(x.mul(4)).sub(x.mul(2)).sum().backward();
    expect(list(x.grad)).toEqual([6, 10]);
    expect(x.grad?.isLeaf).toBe(true);
  });

  it('T03 knows leaves from results', () => {
    const x = leaf(1);
    const y = x.mul(2);
    expect([x.isLeaf, y.isLeaf, tensor(1).isLeaf]).toEqual([true, false, true]);
    y.backward();
    expect(y.grad).toBeNull();
  });

  it('T04 keeps the gradient of a result with retainGrad', () => {
    const y = leaf(1).mul(2);
    y.retainGrad();
    y.mul(2).backward();
    expect(y.grad?.item()).toBe(2);
    expect(y.retainsGrad).toBe(true);
  });

  it('T05 wants an argument for what is no scalar', () => {
    expect(() => leaf([1, 2]).mul(2).backward()).toThrow('grad can be implicitly created only for scalar outputs');
  });

  it('T06 computes the vjp with its argument', () => {
    const x = leaf([1, 2, 3]);
    x.mul(2).backward(tensor([1, 10, 100]));
    expect(list(x.grad)).toEqual([2, 20, 200]);
  });

  it('T07 needs a graph', () => {
    expect(() => tensor(1).mul(2).backward()).toThrow(
      'element 0 of tensors does not require grad and does not have a grad_fn',
    );
  });

  it('T08 checks the shape of its argument', () => {
    expect(() =>
      leaf([1, 2, 3])
        .mul(2)
        .backward(tensor([1, 2])),
    ).toThrow(
      'Mismatch in shape: grad_output[0] has a shape of torch.Size([2]) and output[0] has a shape of torch.Size([3])',
    );
  });

  it('T09 runs once through what was saved', () => {
    const x = leaf(2);
    const y = x.mul(x);
    y.backward();
    expect(() => y.backward()).toThrow('Trying to backward through the graph a second time');
  });

  it('T10 runs again where nothing was saved', () => {
    const x = leaf(3);
    const y = x.add(x);
    y.backward();
    y.backward();
    expect(x.grad?.item()).toBe(4);
  });

  it('T11 keeps the graph with retainGraph', () => {
    const x = leaf(2);
    const y = x.pow(2);
    y.backward({ retainGraph: true });
    y.backward();
    expect(x.grad?.item()).toBe(8);
  });

  it('T12 differentiates derivatives with createGraph', () => {
    const x = leaf(2);
    const [first] = autograd.grad(x.pow(3), x, { createGraph: true });
    const [second] = autograd.grad(first!, x, { createGraph: true });
    const [third] = autograd.grad(second!, x);
    expect([first, second, third].map((g) => g!.item())).toEqual([12, 12, 6]);
  });

  it('T13 gives gradients without graph unless asked', () => {
    const x = leaf(2);
    const [g] = autograd.grad(x.pow(3), x);
    expect(g!.requiresGrad).toBe(false);
  });

  it('T14 gives a .grad that is differentiable', () => {
    const x = leaf(1);
    x.pow(3).backward({ createGraph: true });
    expect(x.grad?.item()).toBe(3);
    expect(autograd.grad(x.grad!, x)[0]!.item()).toBe(6);
  });
});

describe('autograd.grad', () => {
  it('T15 returns and adds to nothing', () => {
    const x = leaf(2);
    expect(autograd.grad(x.pow(2), x)[0]!.item()).toBe(4);
    expect(x.grad).toBeNull();
  });

  it('T16 refuses inputs that are not used, or gives null', () => {
    const [x, w] = [leaf(2), leaf(3)];
    expect(() => autograd.grad(x.pow(2), [x, w])).toThrow(
      'One of the differentiated Tensors appears to not have been used in the graph',
    );
    expect(autograd.grad(x.pow(2), [x, w], { allowUnused: true })[1]).toBeNull();
  });

  it('T17 gives zeros for them with materializeGrads', () => {
    const [x, w] = [leaf(2), leaf(3)];
    expect(autograd.grad(x.pow(2), [x, w], { materializeGrads: true })[1]!.item()).toBe(0);
  });

  it('T18 sums outputs, with weights', () => {
    const [x, y] = [leaf([1, 2]), leaf([4, 5])];
    const [dx, dy] = autograd.grad(x.mul(y).sum(), [x, y]);
    expect([list(dx), list(dy)]).toEqual([
      [4, 5],
      [1, 2],
    ]);
    const weighted = autograd.grad([x.mul(2), x.mul(3)], x, { gradOutputs: [tensor([1, 10]), tensor([1, 1])] });
    expect(list(weighted[0])).toEqual([5, 23]);
  });

  it('T19 gives the rows of a Jacobian in one call', () => {
    const x = leaf([1, 2, 3]);
    const eye = tensor([
      [1, 0, 0],
      [0, 1, 0],
      [0, 0, 1],
    ]);
    const rows = (y: Tensor): unknown => list(autograd.grad(y, x, { gradOutputs: eye, isGradsBatched: true })[0]);
    expect(rows(x.mul(3))).toEqual([
      [3, 0, 0],
      [0, 3, 0],
      [0, 0, 3],
    ]);
    expect(rows(x.pow(2).div(2))).toEqual([
      [1, 0, 0],
      [0, 2, 0],
      [0, 0, 3],
    ]);
  });

  it('T19 gives rows that can be differentiated', () => {
    const x = leaf([1, 2]);
    const gradOutputs = tensor([
      [1, 0],
      [0, 1],
    ]);
    const [rows] = autograd.grad(x.pow(3), x, { gradOutputs, isGradsBatched: true, createGraph: true });
    expect(list(autograd.grad(rows!.sum(), x)[0])).toEqual([6, 12]);
  });

  it('T20 backward with inputs touches only those', () => {
    const [x, w] = [leaf(2), leaf(2)];
    x.mul(w).backward({ inputs: [x] });
    expect([x.grad?.item(), w.grad]).toEqual([2, null]);
  });
});

describe('modes', () => {
  it('T21 noGrad blocks recording, enableGrad inside it records', () => {
    const x = leaf(1);
    noGrad(() => {
      expect(x.mul(2).requiresGrad).toBe(false);
      expect(enableGrad(() => x.mul(2).requiresGrad)).toBe(true);
      expect(leaf(1).requiresGrad).toBe(true);
    });
    expect(x.mul(2).requiresGrad).toBe(true);
  });

  it('T22 inferenceMode makes tensors that never meet the graph', () => {
    const x = inferenceMode(() => tensor(2));
    expect(() => leaf(1).mul(x)).toThrow('Inference tensors cannot be saved for backward');
    expect(() => x.add_(1)).toThrow('Inplace update to inference tensor outside InferenceMode is not allowed');
  });

  it('T23 detach stops the gradient and shares elements', () => {
    const x = leaf(2);
    x.mul(x.detach()).backward();
    expect(x.grad?.item()).toBe(2);
    const y = zeros(2);
    y.detach().add_(1);
    expect(list(y)).toEqual([1, 1]);
  });

  it('T24 only the live path counts', () => {
    const x = leaf(2);
    x.detach().add(x).backward();
    expect(x.grad?.item()).toBe(1);
    expect(x.detach().requiresGrad).toBe(false);
  });
});

describe('changes in place', () => {
  it('T25 of leaves are for noGrad', () => {
    const x = leaf(3);
    x.mul(2).backward();
    noGrad(() => x.add_(2));
    expect([x.item(), x.grad?.item(), x.isLeaf, x.requiresGrad]).toEqual([5, 2, true, true]);
  });

  it('T26 of leaves that require grad are an error', () => {
    expect(() => leaf(1).add_(1)).toThrow('a leaf Variable that requires grad is being used in an in-place operation');
    expect(() => leaf([1, 2]).get({ stop: 1 }).mul_(2)).toThrow(
      'a view of a leaf Variable that requires grad is being used in an in-place operation',
    );
  });

  it('T27 count, and leave what was saved as it was', () => {
    const x = leaf(3);
    const y = x.mul(1);
    expect(y._version).toBe(0);
    const z = y.mul(y);
    y.add_(1);
    expect(y._version).toBe(1);
    y.mul_(2);
    expect(y._version).toBe(2);
    // PyTorch throws here; the values of the forward pass are still there, and so is the right answer.
    z.backward();
    expect(x.grad?.item()).toBe(6);
  });

  it('T28 of what nobody saved are fine', () => {
    const x = leaf(1);
    const y = x.mul(3);
    y.add_(5);
    y.backward();
    expect([y.item(), x.grad?.item()]).toEqual([8, 3]);
  });

  it('T29 of a saved result leave the derivative right', () => {
    const x = leaf(1);
    const y = x.exp();
    const sum = y.sum();
    y.mul_(0);
    sum.backward();
    expect(x.grad?.item()).toBeCloseTo(Math.E, 14);
  });

  it('T30 of a clone touch the clone', () => {
    const x = leaf(1);
    const y = x.exp();
    y.clone().mul_(0);
    y.backward();
    expect(x.grad?.item()).toBeCloseTo(Math.E, 14);
  });

  it('T31 by index: the old value has no gradient any more, the new one has', () => {
    const [x, w] = [leaf([1, 2, 3]), leaf(5)];
    const y = x.mul(2);
    y.set([1], w);
    y.mul(tensor([1, 20, 1]))
      .sum()
      .backward();
    expect([list(y), list(x.grad), w.grad?.item()]).toEqual([[2, 5, 6], [2, 0, 2], 20]);
  });

  it('T32 views: the gradient lands in the base, and adds up', () => {
    const x = leaf([
      [1, 2],
      [3, 4],
    ]);
    x.get({}, 1).sum().backward();
    expect(list(x.grad)).toEqual([
      [0, 1],
      [0, 1],
    ]);
    const v = leaf([1, 2, 3]);
    v.get([1, 1, 2, 1]).sum().backward();
    expect(list(v.grad)).toEqual([0, 3, 1]);
  });

  it('T33 through a view change the history of the base', () => {
    const x = leaf([1, 2]);
    const y = x.clone();
    const v = y.get({ stop: 1 });
    v.mul_(4);
    expect(v._base).toBe(y);
    y.sum().backward();
    expect([list(y), list(x.grad)]).toEqual([
      [4, 2],
      [4, 1],
    ]);
  });

  it.each([
    ['UnbindBackward0', (x: Tensor) => x.unbind()[0]!],
    ['SplitBackward0', (x: Tensor) => x.split(1)[0]!],
    ['SplitBackward0', (x: Tensor) => x.chunk(2)[0]!],
  ])('T34 of one of several views are an error (%s)', (name, view) => {
    const y = leaf([1, 2]).clone();
    expect(() => view(y).mul_(2)).toThrow(`Output 0 of ${name} is a view and is being modified inplace`);
  });

  it('T35 expanded: the gradient sums back', () => {
    const x = leaf([1, 2, 3]);
    x.expand(3, 3).sum().backward();
    expect(list(x.grad)).toEqual([3, 3, 3]);
  });
});

describe('hooks', () => {
  it('T36 may replace the gradient', () => {
    const x = leaf(1);
    const y = x.mul(3);
    y.registerHook((g) => g.mul(2));
    y.backward();
    expect(x.grad?.item()).toBe(6);
  });

  it('T37 run from output to input, once each', () => {
    const seen: string[] = [];
    const note = (x: Tensor, name: string): Tensor => {
      x.registerHook(() => void seen.push(name));
      return x;
    };
    const x = note(leaf(1), 'x');
    const y = note(x.mul(2), 'y');
    note(y.mul(y), 'z').backward();
    expect(seen).toEqual(['z', 'y', 'x']);
  });

  it('T38 that were removed do not fire', () => {
    const x = leaf(1);
    const handle = x.registerHook((g) => g.mul(3));
    x.mul(1).backward();
    expect(x.grad?.item()).toBe(3);
    handle.remove();
    x.mul(3).backward();
    expect(x.grad?.item()).toBe(6);
  });

  it('T39 need a tensor that requires grad', () => {
    expect(() => tensor(1).registerHook(() => null)).toThrow(
      "cannot register a hook on a tensor that doesn't require gradient",
    );
  });

  it('T40 after accumulation see the accumulated .grad', () => {
    const x = leaf(2);
    let seen = 0;
    x.registerPostAccumulateGradHook((p) => (seen = p.grad!.item()));
    x.mul(x).backward();
    expect(seen).toBe(4);
  });
});

describe('leaves', () => {
  it('T60 only floats can require grad', () => {
    expect(() => make([1, 2], { dtype: 'int32', requiresGrad: true })).toThrow(
      'only Tensors of floating point and complex dtype can require gradients',
    );
  });

  it('T62 without requiresGrad get no gradient', () => {
    const [x, w] = [leaf([1]), tensor([2])];
    x.mul(w).sum().backward();
    expect([list(x.grad), w.grad]).toEqual([[2], null]);
  });

  it('T63 joined by cat get theirs', () => {
    const [x, y] = [leaf([1, 2]), leaf([3])];
    cat([x, y]).sum().backward();
    expect([list(x.grad), list(y.grad)]).toEqual([[1, 1], [1]]);
  });

  it('T65 have a gradient of their shape and dtype', () => {
    const x = make([2], { dtype: 'float32', requiresGrad: true });
    x.mul(ones(3, f64)).sum().backward();
    expect([x.grad?.shape, x.grad?.dtype, list(x.grad)]).toEqual([[1], 'float32', [3]]);
  });

  it('T66 and the graph can be seen', () => {
    const x = leaf(1);
    const y = x.mul(2).mul(x);
    expect(y.gradFn?.name).toBe('MulBackward0');
    expect(y.gradFn?.nextFunctions.map(([node]) => node?.name)).toEqual(['MulBackward0', 'AccumulateGrad']);
    expect(x.mul(2).gradFn?.nextFunctions).toHaveLength(2);
  });
});
