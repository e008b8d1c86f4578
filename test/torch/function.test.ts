/**
 * `autograd.Function` beyond T41 – T45: changes in place, contexts set up apart, forward rules, and the same rules under transformations.
 * @module
 */
import { describe, expect, it } from 'vitest';
import { grad, jit, np, type Tensor as CoreTensor, vmap } from 'cotangent';
import { asTensor, autograd, compile, noGrad, type Tensor, tensor as make, type TensorLike } from 'cotangent/torch';

const f64 = { dtype: 'float64' } as const;
const tensor = (data: TensorLike): Tensor => make(data, f64);
const leaf = (data: TensorLike): Tensor => make(data, { ...f64, requiresGrad: true });
const list = (x: Tensor | null | undefined): unknown => x?.tolist();
type Context = autograd.FunctionContext;

/** The identity, with a gradient cut to [−1, 1]. */
class Clip extends autograd.Function {
  static forward(_ctx: Context, x: Tensor): Tensor {
    return x.clone();
  }
  static backward(_ctx: Context, g: Tensor): Tensor {
    return g.clamp(-1, 1);
  }
}

/** x³ with its rule, from what was saved. */
class Cube extends autograd.Function {
  static forward(ctx: Context, x: Tensor): Tensor {
    ctx.saveForBackward(x);
    return x.pow(3);
  }
  static backward(ctx: Context, g: Tensor): Tensor {
    return g.mul(ctx.savedTensors[0].pow(2).mul(3));
  }
}

/** A change in place, whose rule multiplies gradients by `factor`. */
const inPlace = (change: (x: Tensor) => Tensor, factor: number) =>
  class extends autograd.Function {
    static forward(ctx: Context, x: Tensor): Tensor {
      change(x);
      ctx.markDirty(x);
      return x;
    }
    static backward(_ctx: Context, g: Tensor): Tensor {
      return g.mul(factor);
    }
  };

describe('markDirty', () => {
  class Double extends inPlace((x) => x.mul_(2), 2) {}

  it('gives the argument the history of the result', () => {
    const x = leaf([1, 2]);
    const y = x.mul(3);
    const z = Double.apply(y);
    expect(z).toBe(y);
    expect(y.gradFn?.name).toBe('DoubleBackward');
    y.sum().backward();
    expect([list(y), list(x.grad)]).toEqual([
      [6, 12],
      [6, 6],
    ]);
  });

  it('of a view changes the history of its base', () => {
    const x = leaf([1, 2]);
    const y = x.mul(3);
    Double.apply(y.get({ stop: 1 }));
    y.sum().backward();
    expect([list(y), list(x.grad)]).toEqual([
      [6, 6],
      [6, 3],
    ]);
  });

  it('of a leaf is an error', () => {
    expect(() => Double.apply(leaf([1]))).toThrow(
      'a leaf Variable that requires grad is being used in an in-place operation',
    );
  });

  it('of what is not returned is an error', () => {
    class Lost extends Double {
      static override forward(ctx: Context, x: Tensor): Tensor {
        ctx.markDirty(x);
        return x.mul(2);
      }
    }
    expect(() => Lost.apply(leaf([1]).mul(1))).toThrow(
      'Some elements marked as dirty during the forward method were not returned as output',
    );
  });
});

describe('the context', () => {
  it('may be set up apart from forward', () => {
    class Product extends autograd.Function {
      static forward(x: Tensor, y: Tensor): Tensor {
        return x.mul(y);
      }
      static setupContext(ctx: Context, inputs: [Tensor, Tensor], output: Tensor): void {
        ctx.saveForBackward(...inputs, output);
      }
      static backward(ctx: Context, g: Tensor): Tensor[] {
        const [x, y, z] = ctx.savedTensors;
        expect(list(z)).toEqual(6);
        return [g.mul(y), g.mul(x)];
      }
    }
    const [x, y] = [leaf(2), leaf(3)];
    Product.apply(x, y).backward();
    expect([x.grad?.item(), y.grad?.item()]).toEqual([3, 2]);
  });

  it('gives null for gradients that are zero, if told so', () => {
    const seen: unknown[] = [];
    class Two extends autograd.Function {
      static forward(ctx: Context, x: Tensor): Tensor[] {
        ctx.setMaterializeGrads(false);
        return [x.mul(2), x.mul(3)];
      }
      static backward(_ctx: Context, g: Tensor | null, h: Tensor | null): Tensor {
        seen.push(g === null, h === null);
        return h!.mul(3);
      }
    }
    const x = leaf(1);
    Two.apply(x)[1]!.backward();
    expect([seen, x.grad?.item()]).toEqual([[true, false], 3]);
  });

  it('misses rules that are not there', () => {
    class Nothing extends autograd.Function {}
    class Forward extends autograd.Function {
      static forward(_ctx: Context, x: Tensor): Tensor {
        return x.clone();
      }
    }
    const x = leaf(1);
    const apply = (f: { readonly name: string }): Tensor => (f as typeof Clip).apply(x);
    expect(() => apply(Nothing)).toThrow(
      'Nothing: expected a static method forward, got undefined: You must implement',
    );
    const y = apply(Forward);
    expect(y.item()).toBe(1);
    expect(() => y.backward()).toThrow(
      'Forward: expected a static method backward, got undefined: Implementing either',
    );
  });

  it('refuses results that are no tensors', () => {
    class Odd extends autograd.Function {
      static forward(_ctx: Context, _x: Tensor): Tensor {
        return 3 as never;
      }
      static backward(): null {
        return null;
      }
    }
    expect(() => Odd.apply(leaf(1))).toThrow('expected forward to return tensors, got 3');
    class OddBack extends Odd {
      static override forward(_ctx: Context, x: Tensor): Tensor {
        return x.mul(1);
      }
      static override backward(): never {
        return 3 as never;
      }
    }
    expect(() => OddBack.apply(leaf(1)).backward()).toThrow('expected tensors or null from backward, got 3');
  });
});

describe('a forward rule', () => {
  const { dualLevel, makeDual, unpackDual } = autograd.forwardAd;

  class Sine extends autograd.Function {
    static forward(ctx: Context, x: Tensor): Tensor {
      ctx.saveForForward(x);
      return x.sin();
    }
    static backward(ctx: Context, g: Tensor): Tensor {
      return g.mul(ctx.savedTensors[0].cos());
    }
    static jvp(ctx: Context, t: Tensor): Tensor {
      return t.mul(ctx.savedTensors[0].cos()).mul(10);
    }
  }

  it('makes tangents', () => {
    const tangent = dualLevel(() => unpackDual(Sine.apply(makeDual(tensor(0), tensor(2)))).tangent?.item());
    expect(tangent).toBe(20);
  });

  it('is part of the graph', () => {
    const x = leaf(0.5);
    dualLevel(() => unpackDual(Sine.apply(makeDual(x, tensor(1)))).tangent!.backward());
    expect(x.grad?.item()).toBeCloseTo(-10 * Math.sin(0.5), 12);
  });

  it('that is missing is an error, not the derivative of something else', () => {
    expect(() => dualLevel(() => Clip.apply(makeDual(tensor(1), tensor(1))))).toThrow(
      'Trying to use forward AD with Clip that does not support it',
    );
    expect(dualLevel(() => Clip.apply(tensor(1)).item())).toBe(1);
  });
});

describe('under transformations the rule of the class is used', () => {
  it('compiled', () => {
    const x = leaf(2);
    const f = compile((v: Tensor) => Clip.apply(v).mul(5));
    f(x).backward();
    f(x).backward();
    expect(x.grad?.item()).toBe(2);
  });

  it('compiled, with parameters that it closes over', () => {
    const [x, w] = [leaf(2), leaf(3)];
    const f = compile((v: Tensor) => Cube.apply(w).mul(v));
    const [first] = autograd.grad(f(x), w, { createGraph: true });
    expect([first.item(), autograd.grad(first, w)[0].item()]).toEqual([54, 36]);
  });

  it('in grad, jit and vmap of the core', () => {
    const f = (x: CoreTensor): CoreTensor => Clip.apply(asTensor(x)).mul(5).asCore();
    expect(grad(f)(2).item()).toBe(1);
    expect(grad(jit(f))(2).item()).toBe(1);
    expect(vmap(grad(f))(np.array([1, 2])).toArray()).toEqual([1, 1]);
    const cube = (x: CoreTensor): CoreTensor => Cube.apply(asTensor(x)).asCore();
    expect(grad(grad(cube))(2).item()).toBe(12);
  });

  it('in batches of gradients', () => {
    const x = leaf([1, 2, 3]);
    const gradOutputs = tensor([
      [5, 0, 0],
      [0, 0.5, 0],
    ]);
    const [rows] = autograd.grad(Clip.apply(x), x, { isGradsBatched: true, gradOutputs });
    expect(list(rows)).toEqual([
      [1, 0, 0],
      [0, 0.5, 0],
    ]);
  });

  it('and changes in place come out', () => {
    class AddOne extends inPlace((x) => x.add_(1), 7) {}
    const x = leaf([1, 2]);
    const f = compile((v: Tensor) => {
      const y = v.mul(1);
      AddOne.apply(y);
      return y.sum();
    });
    const y = f(x);
    y.backward();
    expect([y.item(), list(x.grad)]).toEqual([5, [7, 7]]);
  });

  it('in a graph that is recorded inside', () => {
    const f = compile((v: Tensor) => {
      const y = v.detach().requiresGrad_();
      const [first] = autograd.grad(Cube.apply(y), y, { createGraph: true });
      return [first, autograd.grad(first, y)[0], autograd.grad(Clip.apply(y).mul(5), y)[0]];
    });
    expect(f(tensor(2)).map(list)).toEqual([12, 12, 1]);
  });

  it('not recorded where nothing is', () => {
    const x = leaf(2);
    expect(noGrad(() => Cube.apply(x)).requiresGrad).toBe(false);
  });
});
