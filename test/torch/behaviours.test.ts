/**
 * What users of PyTorch's autograd rely on, one test a row of the table in docs/torch.md. Numbers are those of PyTorch 1.13 and 2.11.
 * @module
 */
import { describe, expect, it } from 'vitest';
import {
  atan2,
  autograd,
  cat,
  enableGrad,
  inferenceMode,
  nn,
  noGrad,
  ones,
  onesLike,
  type Tensor,
  tensor as make,
  type TensorLike,
  utils,
  where,
  zeros,
} from 'cotangent/torch';

const F = nn.functional;
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

  it.each<[string, (y: Tensor) => unknown, number[]]>([
    ['y[1] = 0', (y) => y.set([1], 0), [2, 0, 2]],
    ['y[1:] = constant', (y) => y.set([{ start: 1 }], tensor([7, 7])), [2, 0, 0]],
    ['y[mask] = 0', (y) => y.set([make([true, false, true])], 0), [0, 2, 0]],
    ['y.fill_(5)', (y) => y.fill_(5), [0, 0, 0]],
    ['y.zero_()', (y) => y.zero_(), [0, 0, 0]],
    ['y.copy_(constant)', (y) => y.copy_(tensor([1, 2, 3])), [0, 0, 0]],
    ['y.gt_(2)', (y) => y.gt_(2), [0, 0, 0]],
    ['y[:2].zero_()', (y) => y.get({ stop: 2 }).zero_(), [0, 0, 2]],
    ['a view of a view', (y) => y.view(1, 3).get(0, 2).fill_(1), [2, 2, 0]],
    ['noGrad keeps the history', (y) => noGrad(() => y.set([1], 0)), [2, 2, 2]],
  ])('T31 constants in the place of values: %s', (_name, change, expected) => {
    const x = leaf([1, 2, 3]);
    const y = x.mul(2);
    change(y);
    expect(y.requiresGrad).toBe(true);
    y.sum().backward();
    expect(list(x.grad)).toEqual(expected);
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

  it('T60 a complex number is refused by name; its parts, two numbers, get 3 and 0 from Re(3z)', () => {
    expect(() => make([1], { dtype: 'complex64' as never })).toThrow(/expected one of the dtypes, got complex64/);
    const [re, im] = [leaf([1]), leaf([2])];
    re.mul(3).add(im.mul(0)).sum().backward();
    expect([list(re.grad), list(im.grad)]).toEqual([[3], [0]]);
  });

  it('T61 the parts of 1 + 2i get 2 and 4 from |z|²: d/dRe + i d/dIm', () => {
    const [re, im] = [leaf([1]), leaf([2])];
    re.square().add(im.square()).sum().backward();
    expect([list(re.grad), list(im.grad)]).toEqual([[2], [4]]);
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

describe('autograd.Function', () => {
  class Cube extends autograd.Function {
    static forward(ctx: autograd.FunctionContext, x: Tensor): Tensor {
      ctx.saveForBackward(x);
      return x.pow(3);
    }
    static backward(ctx: autograd.FunctionContext, g: Tensor): Tensor {
      const [x] = ctx.savedTensors;
      return g.mul(x.pow(2)).mul(3);
    }
  }

  it('T41 of differentiable operations differentiates twice', () => {
    const x = leaf(2);
    const y = Cube.apply(x).mul(2);
    expect(y.gradFn?.nextFunctions[0]![0]?.name).toBe('CubeBackward');
    const [first] = autograd.grad(y, x, { createGraph: true });
    const [second] = autograd.grad(first!, x, { createGraph: true });
    expect([first!.item(), second!.item()]).toEqual([24, 24]);
    expect(autograd.grad(second!, x)[0]!.item()).toBe(12);
  });

  it('T42 must give one gradient for each argument', () => {
    class BadCount extends autograd.Function {
      static forward(_ctx: autograd.FunctionContext, x: Tensor, y: Tensor): Tensor {
        return x.add(y);
      }
      static backward(_ctx: autograd.FunctionContext, g: Tensor): Tensor {
        return g;
      }
    }
    expect(() => BadCount.apply(leaf(1), leaf(1)).backward()).toThrow(
      'function BadCountBackward returned an incorrect number of gradients (expected 2, got 1)',
    );
  });

  it('T43 has outputs without gradient, for which backward gets zeros', () => {
    const seen: unknown[] = [];
    class Both extends autograd.Function {
      static forward(ctx: autograd.FunctionContext, x: Tensor): Tensor[] {
        const [y, z] = [x.mul(2), x.mul(5)];
        ctx.markNonDifferentiable(z);
        return [y, z];
      }
      static backward(_ctx: autograd.FunctionContext, g: Tensor, h: Tensor): Tensor {
        seen.push(list(h));
        return g.mul(2);
      }
    }
    const x = leaf(1);
    const [y, z] = Both.apply(x);
    expect([y!.requiresGrad, z!.requiresGrad]).toEqual([true, false]);
    y!.backward();
    expect([x.grad?.item(), seen]).toEqual([2, [0]]);
  });

  it('T44 marked onceDifferentiable refuses a second derivative where the first could have one', () => {
    class Once extends autograd.Function {
      static forward(_ctx: autograd.FunctionContext, x: Tensor): Tensor {
        return x.mul(3);
      }
      static backward = autograd.onceDifferentiable((_ctx, g: Tensor) => g.mul(3));
    }
    const x = leaf(2);
    const [g] = autograd.grad(Once.apply(x), x, { createGraph: true });
    expect(g!.requiresGrad).toBe(false);
    const [h] = autograd.grad(Once.apply(x).pow(2), x, { createGraph: true });
    expect(h!.item()).toBe(36);
    expect(() => autograd.grad(h!, x)).toThrow(
      'trying to differentiate twice a function that was marked with @once_differentiable',
    );
  });

  it('T45 knows which gradients are wanted', () => {
    let needs: readonly boolean[] = [];
    class Product extends autograd.Function {
      static forward(ctx: autograd.FunctionContext, x: Tensor, y: Tensor): Tensor {
        ctx.saveForBackward(x, y);
        return x.mul(y);
      }
      static backward(ctx: autograd.FunctionContext, g: Tensor): (Tensor | null)[] {
        needs = ctx.needsInputGrad;
        return [g.mul(ctx.savedTensors[1]), null];
      }
    }
    Product.apply(leaf(1), tensor(2)).backward();
    expect(needs).toEqual([true, false]);
  });

  it('T58 saves tensors only', () => {
    class Bad extends autograd.Function {
      static forward(ctx: autograd.FunctionContext, x: Tensor): Tensor {
        ctx.saveForBackward(3 as never);
        return x;
      }
      static backward(_ctx: autograd.FunctionContext, g: Tensor): Tensor {
        return g;
      }
    }
    expect(() => Bad.apply(leaf(1))).toThrow('save_for_backward can only save variables');
  });
});

describe('checks', () => {
  it('T46 NaN pass silently; detectAnomaly names the operation and its place', () => {
    const run = (): void => {
      const x = leaf(0);
      x.sqrt().mul(0).backward();
      expect(x.grad?.item()).toBeNaN();
    };
    run();
    expect(() => autograd.detectAnomaly(run)).toThrow(
      /Function 'SqrtBackward0' returned nan values in its 0th output\..*behaviours\.test\.ts/,
    );
  });

  it('T47 gradcheck and gradgradcheck tell right from wrong', () => {
    const x = leaf([0.3, -0.7]);
    expect(autograd.gradcheck((y) => y.tanh(), x)).toBe(true);
    expect(autograd.gradgradcheck((y) => y.tanh(), x)).toBe(true);
    const off = (factor: number) => {
      class Off extends autograd.Function {
        static forward(_ctx: autograd.FunctionContext, y: Tensor): Tensor {
          return y.mul(2);
        }
        static backward(_ctx: autograd.FunctionContext, g: Tensor): Tensor {
          return g.mul(2 * factor);
        }
      }
      return (y: Tensor): Tensor => Off.apply(y);
    };
    expect(autograd.gradcheck(off(1.0005), x)).toBe(true);
    expect(() => autograd.gradcheck(off(1.005), x)).toThrow(autograd.GradcheckError);
    expect(autograd.gradcheck(off(1.005), x, { raiseException: false })).toBe(false);
  });

  it('T48 with eps 1e-6, atol 1e-5 and rtol 1e-3 unless told otherwise', () => {
    const x = leaf([0.3]);
    const constant = (slope: number) => {
      class Slope extends autograd.Function {
        static forward(_ctx: autograd.FunctionContext, y: Tensor): Tensor {
          return y.mul(0).add(y.detach());
        }
        static backward(_ctx: autograd.FunctionContext, g: Tensor): Tensor {
          return g.mul(slope);
        }
      }
      return (y: Tensor): Tensor => Slope.apply(y);
    };
    // The tolerance at slope 1 is 1e-5 + 1e-3.
    expect(autograd.gradcheck(constant(1.001), x)).toBe(true);
    expect(autograd.gradcheck(constant(1.00102), x, { raiseException: false })).toBe(false);
    expect(autograd.gradcheck(constant(1.00102), x, { rtol: 2e-3 })).toBe(true);
  });

  it('T49 fails in float32 with those', () => {
    const x = make([0.3, -0.7], { dtype: 'float32', requiresGrad: true });
    expect(() => autograd.gradcheck((y) => y.tanh(), x)).toThrow(autograd.GradcheckError);
  });
});

describe('forward mode and functional', () => {
  const { dualLevel, makeDual, unpackDual } = autograd.forwardAd;

  it('T52 dual numbers carry tangents', () => {
    dualLevel(() => {
      const { primal, tangent } = unpackDual(makeDual(tensor(3), tensor(1)).pow(2));
      expect([primal.item(), tangent?.item()]).toEqual([9, 6]);
      expect(unpackDual(tensor(3)).tangent).toBeNull();
    });
  });

  it('T52 forward over reverse gives Hessian-vector products', () => {
    const hv = dualLevel(() => {
      const x = makeDual(leaf(2), tensor(1));
      const [g] = autograd.grad(x.pow(3), x);
      return unpackDual(g!).tangent!.item();
    });
    expect(hv).toBe(12);
  });

  it('T52 reverse over forward, too, with parameters', () => {
    const [x, w] = [leaf(2), leaf(5)];
    dualLevel(() => {
      const { tangent } = unpackDual(makeDual(x, tensor(1)).pow(3).mul(w));
      tangent!.backward();
    });
    expect([x.grad?.item(), w.grad?.item()]).toEqual([60, 12]);
  });

  it('T53 dual numbers need a level', () => {
    expect(() => makeDual(tensor(1), tensor(1))).toThrow(
      'Trying to create a dual Tensor for forward AD but no level exists',
    );
  });

  const { hessian, hvp, jacobian, jvp, vhp, vjp } = autograd.functional;

  it('T54 hvp and vhp', () => {
    const cube = (x: Tensor): Tensor => x.pow(3);
    expect((hvp(cube, tensor(2), tensor(1))[1] as Tensor).item()).toBe(12);
    expect((vhp(cube, tensor(2), tensor(1))[1] as Tensor).item()).toBe(12);
  });

  it('T55 jacobian and hessian', () => {
    expect(list(jacobian((x) => x.pow(2), tensor([1, 2])) as Tensor)).toEqual([
      [2, 0],
      [0, 4],
    ]);
    expect(list(hessian((x) => x.pow(3).sum(), tensor([1, 2])) as Tensor)).toEqual([
      [6, 0],
      [0, 12],
    ]);
    const blocks = jacobian((x, y) => [x.mul(y), x.sum()], [tensor([1, 2]), tensor([3, 4])]) as Tensor[][];
    expect(blocks.map((row) => row.map(list))).toEqual([
      [
        [
          [3, 0],
          [0, 4],
        ],
        [
          [1, 0],
          [0, 2],
        ],
      ],
      [
        [1, 1],
        [0, 0],
      ],
    ]);
  });

  it('T55 vjp and jvp', () => {
    const f = (x: Tensor): Tensor => x.pow(2);
    const [y, back] = vjp(f, tensor([1, 2]), tensor([1, 10])) as [Tensor, Tensor];
    expect([list(y), list(back)]).toEqual([
      [1, 4],
      [2, 40],
    ]);
    expect(list(jvp(f, tensor([1, 2]), tensor([1, 10]))[1] as Tensor)).toEqual([2, 40]);
  });
});

describe('what is saved', () => {
  it('T56 checkpoint runs the function again', () => {
    let calls = 0;
    const x = leaf([1, 1]);
    const f = (y: Tensor): Tensor => {
      calls++;
      return y.mul(y).sum();
    };
    utils.checkpoint(f, x, { useReentrant: false }).backward();
    expect([calls, list(x.grad)]).toEqual([2, [2, 2]]);
  });

  it('T56 checkpoint differentiates twice, and draws the same random numbers', () => {
    const [x, w] = [leaf([1, 2, 3, 4]), leaf(3)];
    const f = (y: Tensor): Tensor => y.pow(3).mul(w).mul(onesLike(y).bernoulli_(0.5)).sum();
    const y = utils.checkpoint(f, x);
    const [g] = autograd.grad(y, x, { createGraph: true });
    expect(g!.sum().div(y).item()).toBeGreaterThan(0);
    const kept = g!.ne(0).double();
    expect(list(g)).toEqual(list(kept.mul(tensor([9, 36, 81, 144]))));
    expect(list(autograd.grad(g!.sum(), x)[0])).toEqual(list(kept.mul(tensor([18, 36, 54, 72]))));
  });

  it('T57 hooks see each saved place once', () => {
    const seen: string[] = [];
    const x = leaf([1, 2]);
    const y = autograd.savedTensorsHooks(
      (t) => {
        seen.push('pack');
        return t;
      },
      (t) => {
        seen.push('unpack');
        return t;
      },
      () => x.mul(x),
    );
    y.sum().backward();
    expect([seen, list(x.grad)]).toEqual([
      ['pack', 'pack', 'unpack', 'unpack'],
      [2, 4],
    ]);
  });

  it('T58 hooks may change it, and so the gradient', () => {
    const x = leaf([1, 2]);
    const pack = (t: Tensor): Tensor => t.mul(tensor([5, 0]));
    const y = autograd.savedTensorsHooks(
      pack,
      (t) => t,
      () => x.mul(x),
    );
    y.sum().backward();
    expect(list(x.grad)).toEqual([10, 0]);
  });
});

describe('T59 derivatives at kinks and ties', () => {
  /** The gradient of the sum of f(x). */
  const slope = (f: (x: Tensor) => Tensor, ...data: number[]): unknown => {
    const x = leaf(data);
    f(x).sum().backward();
    return list(x.grad);
  };

  it.each<[string, (x: Tensor) => Tensor, number[], number[]]>([
    ['relu(0)', (x) => x.relu(), [0], [0]],
    ['abs(0)', (x) => x.abs(), [0], [0]],
    ['sqrt(0)', (x) => x.sqrt(), [0], [Infinity]],
    ['sign', (x) => x.sign(), [0, 2], [0, 0]],
    ['floor', (x) => x.floor(), [0, 0.5], [0, 0]],
    ['round', (x) => x.round(), [0, 0.5], [0, 0]],
    ['clamp at its bounds', (x) => x.clamp(0, 1), [-1, 0, 0.5, 1, 2], [0, 1, 1, 1, 0]],
    ['relu6(6)', (x) => F.relu6(x), [-1, 0, 3, 6, 7], [0, 0, 1, 0, 0]],
    ['hardtanh(1)', (x) => F.hardtanh(x), [-2, -1, 0, 1, 2], [0, 0, 1, 0, 0]],
    ['leaky_relu(0)', (x) => F.leakyRelu(x), [0], [0.01]],
    ['elu(0)', (x) => F.elu(x), [0], [1]],
    ['x^0 at 0', (x) => x.pow(0), [0], [0]],
    ['x^y at 0 with a tensor y = 0', (x) => x.pow(tensor([0])), [0], [0]],
    ['max() with ties', (x) => x.max(), [2, 2, 1], [0.5, 0.5, 0]],
    ['amax with ties', (x) => x.amax(), [2, 2, 1], [0.5, 0.5, 0]],
    ['max(dim) with ties', (x) => x.max(0).values, [2, 2, 1], [1, 0, 0]],
    ['min() with ties', (x) => x.min(), [1, 1, 2], [0.5, 0.5, 0]],
    ['min(dim) with ties', (x) => x.min(0).values, [1, 1, 2], [1, 0, 0]],
    ['amin with ties', (x) => x.amin(), [1, 1, 2], [0.5, 0.5, 0]],
    ['maximum(x, x)', (x) => x.maximum(x.detach()), [1], [0.5]],
    ['minimum(x, x)', (x) => x.minimum(x.detach()), [1], [0.5]],
    ['adaptive max_pool with ties', (x) => F.adaptiveMaxPool1d(x.unsqueeze(0), 1), [2, 2, 1], [1, 0, 0]],
    ['max_pool with ties', (x) => F.maxPool1d(x.unsqueeze(0), 3), [2, 2, 1], [1, 0, 0]],
    [
      'max_pool with ties in windows that overlap',
      (x) => F.maxPool1d(x.unsqueeze(0), 2, { stride: 1 }),
      [2, 2, 2],
      [1, 1, 0],
    ],
    ['cummax', (x) => x.cummax(0).values, [2, 2, 1], [1, 2, 0]],
    ['sort, stable', (x) => x.sort().values.mul(tensor([1, 2, 3])), [2, 1, 2], [2, 1, 3]],
    ['cummax of a later tie', (x) => x.cummax(0).values, [1, 2, 2], [1, 1, 1]],
    ['median', (x) => x.median(), [3, 1, 2, 4], [0, 0, 1, 0]],
    ['median(dim)', (x) => x.median(0).values, [3, 1, 2, 4], [0, 0, 1, 0]],
    ['median with ties', (x) => x.median(), [2, 2, 1], [0.5, 0.5, 0]],
    ['norm(0)', (x) => x.norm(), [0, 0], [0, 0]],
    ['std of a constant', (x) => x.std(), [3, 3], [0, 0]],
    ['prod with one 0', (x) => x.prod(), [0, 2, 3], [6, 0, 0]],
    ['prod with two', (x) => x.prod(), [0, 0, 3], [0, 0, 0]],
    ['cumprod with a 0', (x) => x.cumprod(0), [2, 0, 3], [1, 8, 0]],
    ['where(x > 0, sqrt(x), 0) below 0', (x) => where(x.gt(0), x.sqrt(), 0), [-1], [NaN]],
    ['logsumexp of −∞', (x) => x.logsumexp(0), [-Infinity, -Infinity], [NaN, NaN]],
    ['fmod(5, b)', (x) => tensor([5]).fmod(x), [3], [-1]],
    ['remainder(5, b)', (x) => tensor([5]).remainder(x), [3], [-1]],
    ['hypot(x, ∞)', (x) => x.hypot(tensor(-Infinity)), [2], [0]],
    ['hypot(x, 0) at 0', (x) => x.hypot(tensor(0)), [0], [NaN]],
    ['atan2(0, 0)', (x) => atan2(x, 0), [0], [0]],
  ])('%s', (_name, f, data, expected) => {
    expect(slope(f, ...data)).toEqual(expected);
  });
});

describe('T64 losses at 0', () => {
  it('BCE with logits at 0 for target 0', () => {
    const x = leaf([0]);
    F.binaryCrossEntropyWithLogits(x, tensor([0])).backward();
    expect(list(x.grad)).toEqual([0.5]);
  });

  it('BCE with logits at 0 for target 1', () => {
    const x = leaf([0]);
    F.binaryCrossEntropyWithLogits(x, tensor([1])).backward();
    expect(list(x.grad)).toEqual([-0.5]);
  });

  it('cross entropy at equal logits', () => {
    const z = leaf([[0, 0]]);
    F.crossEntropy(z, make([0], { dtype: 'long' })).backward();
    expect(list(z.grad)).toEqual([[-0.5, 0.5]]);
  });
});

describe('kinks of losses', () => {
  it.each<[string, (x: Tensor) => Tensor, number[], number[]]>([
    ['l1', (x) => F.l1Loss(x, tensor([0])), [0], [0]],
    ['hinge embedding at its margin', (x) => F.hingeEmbeddingLoss(x, tensor([-1])), [1], [-1]],
    ['margin ranking at its margin', (x) => F.marginRankingLoss(x, tensor([1]), tensor([1])), [1], [-1]],
    ['multi margin at its margin', (x) => F.multiMarginLoss(x, make(0, { dtype: 'long' })), [1, 0], [0, 0]],
  ])('%s', (_name, f, data, expected) => {
    const x = leaf(data);
    f(x).backward();
    expect(list(x.grad)).toEqual(expected);
  });
});
