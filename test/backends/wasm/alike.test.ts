import { describe, expect, it } from 'vitest';
import { grad, init, jit, nn, np, type Tensor } from 'cotangent';
import { AlikeKernels } from '../../../src/backends/wasm/kernel/alike.ts';
import { binary, type Expr, iadd, int, load } from '../../../src/ir/loop/expr.ts';
import { type Kernel, KernelBuilder } from '../../../src/ir/loop/kernel.ts';

await init();

/** out[i] = f(x[i + shift]) */
function mapping(n: number, shift = 0, f: (x: Expr) => Expr = (x) => binary('mul', x, x)): Kernel {
  const b = new KernelBuilder('mapping', [{ dtype: 'float32', size: n + shift }], [{ dtype: 'float32', size: n }]);
  b.parallel([n], ([i]) => b.store(b.outputs[0]!, i!, f(load(b.inputs[0]!, iadd(i!, int(shift))))));
  return b.build();
}

function prepared(...kernels: Kernel[]): { readonly key: string; readonly values: readonly number[] }[] {
  const alike = new AlikeKernels(false);
  for (const k of kernels) alike.add(k);
  return kernels.map((k) => alike.get(k));
}

describe('kernels that differ in integers only', () => {
  const widths = [7, 12, 33, 20, 9];
  const layers = (x: Tensor, ...w: Tensor[]): Tensor => np.mean(np.square(w.reduce((h, m) => nn.relu(h.matmul(m)), x)));
  const weights = widths.slice(1).map((n, i) => np.cos(np.arange(widths[i]! * n).mul(0.7)).reshape([widths[i]!, n]));
  const x = np.sin(np.arange(6 * widths[0]!)).reshape([6, widths[0]!]);

  it('have one key, and their integers as parameters', () => {
    const [a, b, same] = prepared(mapping(100, 5), mapping(37, 6), mapping(100, 5));
    expect(a!.key).not.toBe('');
    expect(b!.key).toBe(a!.key);
    expect(a!.values).toContain(100);
    expect(b!.values).toContain(37);
    expect(same!.values).toEqual(a!.values);
  });

  it('keep what has no like in their code', () => {
    const sum = (x: Expr): Expr => binary('add', x, x);
    for (const p of prepared(mapping(100), mapping(100), mapping(30, 0, sum))) expect(p).toMatchObject({ key: '', values: [] }); // prettier-ignore
    expect(prepared(mapping(100))[0]).toMatchObject({ key: '', values: [] });
  });

  it('compute what each would compute', () => {
    const g = grad(layers, { argnums: [0, 1, 2, 3, 4] });
    const [eager, compiled] = [g(x, ...weights), jit(g)(x, ...weights)] as unknown as Tensor[][];
    eager!.forEach((e, i) => expect(compiled![i]!.dataSync()).toEqual(e.dataSync()));
  });

  it('divide by numbers that the code knows', () => {
    const f = (a: Tensor, b: Tensor): Tensor[] => [a, b].map((t) => np.roll(t.T, 1, { axis: 0 }).reshape([-1]).mul(2));
    const [a, b] = [np.arange(35).reshape([5, 7]), np.arange(66).reshape([6, 11])];
    const [eager, compiled] = [f(a, b), jit(f)(a, b)];
    eager.forEach((e, i) => expect(compiled[i]!.toArray()).toEqual(e.toArray()));
  });
});
