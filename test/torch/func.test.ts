/**
 * The namespace `func`: transformations of functions on tensors of this face, alone, in each other, and together with the graph.
 * @module
 */
import { describe, expect, it } from 'vitest';
import { compile, func, nn, noGrad, type Tensor, tensor as make, type TensorLike } from 'cotangent/torch';

const f64 = { dtype: 'float64' } as const;
const tensor = (data: TensorLike): Tensor => make(data, f64);
const leaf = (data: TensorLike): Tensor => make(data, { ...f64, requiresGrad: true });
const list = (x: Tensor | undefined): unknown => x?.tolist();
const cube = (x: Tensor): Tensor => x.pow(3).sum();

describe('func', () => {
  it('grad gives the gradient by one argument or several, and what comes with the value', () => {
    expect(list(func.grad(cube)(tensor([1, 2])))).toEqual([3, 12]);
    const product = (x: Tensor, y: Tensor): Tensor => x.mul(y).sum();
    expect(list(func.grad(product, 1)(tensor([1, 2]), tensor([3, 4])))).toEqual([1, 2]);
    const both = func.grad(product, [0, 1])(tensor([1, 2]), tensor([3, 4]));
    expect(both.map(list)).toEqual([
      [3, 4],
      [1, 2],
    ]);
    const withAux = func.grad((x: Tensor) => [x.pow(2).sum(), x] as const, { hasAux: true });
    const [slope, aux] = withAux(tensor([3])) as unknown as [Tensor, Tensor];
    expect([list(slope), list(aux)]).toEqual([[6], [3]]);
    const [g, value] = func.gradAndValue(cube)(tensor([1, 2]));
    expect([list(g), value.item()]).toEqual([[3, 12], 9]);
  });

  it('vmap maps dimensions', () => {
    const f = func.vmap((x: Tensor, y: Tensor) => x.mul(y).sum(), [0, null]);
    const x = tensor([
      [1, 2],
      [3, 4],
    ]);
    expect(list(f(x, tensor([1, 10])))).toEqual([21, 43]);
    expect(list(func.vmap(func.grad(func.grad((t: Tensor) => t.pow(3))))(tensor([1, 2])))).toEqual([6, 12]);
    expect(list(func.vmap((t: Tensor) => t.mul(2), { inDims: 1, outDims: 1 })(x))).toEqual([
      [2, 4],
      [6, 8],
    ]);
  });

  it('jacrev, jacfwd and hessian', () => {
    const square = (x: Tensor): Tensor => x.pow(2);
    const diagonal = [
      [2, 0],
      [0, 4],
    ];
    expect(list(func.jacrev(square)(tensor([1, 2])))).toEqual(diagonal);
    expect(list(func.jacfwd(square)(tensor([1, 2])))).toEqual(diagonal);
    expect(list(func.hessian(cube)(tensor([1, 2])))).toEqual([
      [6, 0],
      [0, 12],
    ]);
  });

  it('vjp and jvp', () => {
    const [out, pull] = func.vjp((x: Tensor) => x.pow(2), tensor([1, 2]));
    expect([list(out), list(pull(tensor([1, 10])))]).toEqual([
      [1, 4],
      [2, 40],
    ]);
    const [value, tangent] = func.jvp((x: Tensor) => x.pow(2), [tensor([1, 2])], [tensor([1, 10])]);
    expect([list(value), list(tangent)]).toEqual([
      [1, 4],
      [2, 40],
    ]);
  });

  it('results are part of the graph', () => {
    const x = leaf([1, 2]);
    func.grad(cube)(x).sum().backward();
    expect(list(x.grad!)).toEqual([6, 12]);
    const w = leaf(2);
    func
      .grad((t: Tensor) => t.pow(2).mul(w).sum())(tensor([1, 3]))
      .sum()
      .backward();
    expect(w.grad?.item()).toBe(8);
  });

  it('derivatives are taken inside noGrad; what noGrad is in the function has none', () => {
    const x = leaf([1, 2]);
    const g = noGrad(() => func.grad(cube)(x));
    expect([list(g), g.requiresGrad]).toEqual([[3, 12], false]);
    const half = func.grad((t: Tensor) =>
      noGrad(() => t.mul(t))
        .mul(t)
        .sum(),
    );
    expect(list(half(tensor([3])))).toEqual([9]);
    expect(list(func.grad((t: Tensor) => t.detach().mul(t).sum())(tensor([3])))).toEqual([3]);
  });

  it('changes in place stay inside', () => {
    const f = func.grad((t: Tensor) => {
      const y = t.clone();
      y.get(0).mul_(5);
      return y.pow(2).sum();
    });
    expect(list(f(tensor([1, 1])))).toEqual([50, 2]);
  });

  it('composes with compile', () => {
    const f = compile((x: Tensor) => func.vmap(func.grad((t: Tensor) => t.sin()))(x));
    expect(list(f(tensor([0])))).toEqual([1]);
  });
});

describe('functionalCall', () => {
  it('puts tensors in the place of parameters, for the call alone', () => {
    const layer = new nn.Linear(2, 1).double();
    const own = list(layer.weight);
    const state = { weight: leaf([[2, 3]]), bias: leaf([1]) };
    const y = func.functionalCall(layer, state, tensor([1, 1])) as Tensor;
    expect(list(y)).toEqual([6]);
    y.sum().backward();
    expect([list(state.weight.grad!), list(state.bias.grad!), layer.weight.grad]).toEqual([[[1, 1]], [1], null]);
    expect([list(layer.weight), layer.weight.isLeaf, layer.weight.requiresGrad]).toEqual([own, true, true]);
  });

  it('gives gradients for each example of a batch', () => {
    const layer = new nn.Linear(2, 1).double();
    const state: Record<string, Tensor> = { weight: tensor([[2, 3]]), bias: tensor([1]) };
    const loss = (s: Record<string, Tensor>, x: Tensor): Tensor =>
      (func.functionalCall(layer, s, x) as Tensor).pow(2).sum();
    const each = func.vmap(func.grad(loss), [null, 0]) as unknown as typeof loss;
    const grads = each(
      state,
      tensor([
        [1, 0],
        [0, 1],
      ]),
    ) as unknown as Record<string, Tensor>;
    // 2(w·x + b)·x
    expect([list(grads.weight), list(grads.bias)]).toEqual([
      [[[6, 0]], [[0, 8]]],
      [[6], [8]],
    ]);
  });

  it('writes buffers to what stands in for them', () => {
    const norm = new nn.BatchNorm1d(1).double();
    const state = { runningMean: tensor([0]), runningVar: tensor([1]) };
    const names = Object.fromEntries(
      [...norm.namedBuffers()].flatMap(([name]) =>
        /mean/i.test(name) ? [[name, state.runningMean]] : /var/i.test(name) ? [[name, state.runningVar]] : [],
      ),
    );
    func.functionalCall(norm, names, tensor([[1], [3]]));
    expect(list(state.runningMean)).toEqual([0.2]);
    expect([...norm.namedBuffers()].filter(([name]) => /mean/i.test(name)).map(([, t]) => list(t))).toEqual([[0]]);
  });

  it('names what there is where a name is wrong', () => {
    expect(() => func.functionalCall(new nn.Linear(1, 1), { wieght: tensor([1]) }, tensor([1]))).toThrow(
      'expected names of parameters or buffers, got "wieght".\n  Fix: names: weight, bias.',
    );
  });
});
