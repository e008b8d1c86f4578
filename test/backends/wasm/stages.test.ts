import { describe, expect, it } from 'vitest';
import { grad, init, jit, np, type Tensor } from 'cotangent';
import { prepareKernel } from '../../../src/backends/wasm/kernel/emit.ts';
import { planStages } from '../../../src/backends/wasm/kernel/stages.ts';
import { binary, type Expr, load, unary } from '../../../src/ir/loop/expr.ts';
import { type Kernel, KernelBuilder } from '../../../src/ir/loop/kernel.ts';
import type { DType } from '../../../src/ir/dtype.ts';

await init();

const mapping = (n: number, f: (x: Expr) => Expr, dtype: DType = 'float32'): Kernel => {
  const b = new KernelBuilder('mapping', [{ dtype, size: n }], [{ dtype, size: n }]);
  b.parallel([n], ([i]) => b.store(b.outputs[0]!, i!, f(load(b.inputs[0]!, i!))));
  return b.build();
};

function stagesOf(kernel: Kernel): { readonly count: number; readonly block: number } | undefined {
  const { nest } = prepareKernel(kernel, 'none');
  const [loop] = nest.body;
  if (loop?.kind !== 'for' || loop.body[0]?.kind !== 'stores') throw new Error('expected one loop');
  const values = loop.body[0].items.map((i) => i.value);
  const stages = planStages(values, loop.loop, nest.functions);
  return stages && { count: stages.values.length, block: stages.block };
}

describe('stages', () => {
  const two = (x: Expr): Expr => binary('mul', unary('tanh', x), unary('exp', x));
  const three = (x: Expr): Expr => binary('add', two(x), unary('sin', x));

  it('are the functions of a loop that has several; the last one may stay with the rest', () => {
    expect(stagesOf(mapping(1000, (x) => unary('tanh', x)))).toBeUndefined();
    expect(stagesOf(mapping(1000, two))).toEqual({ count: 1, block: 256 });
    expect(stagesOf(mapping(1000, three))).toEqual({ count: 2, block: 256 });
    expect(stagesOf(mapping(1000, three, 'float64'))).toEqual({ count: 2, block: 128 });
    expect(stagesOf(mapping(100, three))).toBeUndefined();
  });

  it('are as many as there is memory for', () => {
    const sum = (x: Expr): Expr => {
      let y = x;
      for (let i = 0; i < 20; i++) y = binary('add', y, unary('tanh', binary('mul', x, y)));
      return y;
    };
    expect(stagesOf(mapping(1000, sum))).toEqual({ count: 8, block: 64 });
  });
});

/** Functions that feed each other, of arguments outside the range of the usual code too. */
const f = (x: Tensor): Tensor => np.tanh(x.mul(0.7)).mul(np.exp(x.mul(x).neg())).add(np.sin(x)).add(np.log(np.abs(np.cos(x)))); // prettier-ignore
const input = (n: number, dtype: 'float32' | 'float64'): Tensor =>
  np.array(
    Float64Array.from({ length: n }, (_, i) => (i % 97 === 5 ? 10 ** (i % 11) : Math.sin(i) * 4)),
    { dtype },
  );

describe.each(['float32', 'float64'] as const)('a compiled loop of several functions, %s', (dtype) => {
  it.each([127, 128, 129, 255, 256, 257, 263, 1000, 4097, 30_011])(
    'of %i elements has the bits of one at a time',
    (n) => {
      const x = input(n, dtype);
      const expected = f(x).dataSync();
      expect(jit(f)(x).dataSync()).toEqual(expected);
      expect(jit(f, { donateArgnums: 0 })(input(n, dtype)).dataSync()).toEqual(expected);
    },
  );

  it.each([200, 1000, 30_011])('of %i elements, summed', (n) => {
    const x = input(n, dtype);
    const sum = jit((v: Tensor) => np.sum(f(v)))(x).item();
    let expected = 0;
    for (const v of f(x).dataSync()) expected += v;
    expect(Math.abs(sum - expected) / n).toBeLessThan(1e-6);
  });

  it('and its derivative', () => {
    const x = input(1000, dtype);
    const g = grad((v: Tensor) => np.sum(f(v)));
    expect(jit(g)(x).dataSync()).toEqual(g(x).dataSync());
  });
});
