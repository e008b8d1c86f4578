import { describe, expect, it } from 'vitest';
import { prepareKernel } from '../../../src/backends/wasm/kernel/emit.ts';
import { makeTypedArray, type TypedArray } from '../../../src/ir/dtype.ts';
import { binary, convert, type Expr, iadd, imul, int, linearize, load } from '../../../src/ir/loop/expr.ts';
import { type Kernel, KernelBuilder } from '../../../src/ir/loop/kernel.ts';
import { expectSame } from './run-kernel.ts';

const counting = (n: number): Float32Array<ArrayBuffer> => Float32Array.from({ length: n }, (_, i) => (i * 37) % 101);
const countingIn = (dtype: 'float32' | 'float64', n: number): TypedArray => {
  const x = makeTypedArray(dtype, n);
  counting(n).forEach((v, i) => (x[i] = v));
  return x;
};
const strategies = (k: Kernel): string[] => [...prepareKernel(k, 'none').plan.values()].map((s) => s.kind);

/** out[i,j] = across[j,i] · along[i,j] + (row[j] - column[i]) */
function transposing(m: number, n: number, dtype: 'float32' | 'float64'): Kernel {
  const input = (size: number): { dtype: 'float32' | 'float64'; size: number } => ({ dtype, size });
  const b = new KernelBuilder('transposing', [m * n, m * n, n, m].map(input), [input(m * n)]);
  const [across, along, row, column] = b.inputs;
  b.parallel([m, n], ([i, j]) => {
    const at = linearize([i!, j!], [m, n]);
    const product = binary('mul', load(across!, linearize([j!, i!], [n, m])), load(along!, at));
    b.store(b.outputs[0]!, at, binary('add', product, binary('sub', load(row!, j!), load(column!, i!))));
  });
  return b.build();
}

describe('tiles', () => {
  const shapes = [[4, 4], [5, 7], [16, 16], [37, 41], [3, 9], [64, 20]] as const; // prettier-ignore
  for (const dtype of ['float32', 'float64'] as const) {
    for (const [m, n] of shapes) {
      it(`a transposed operand of ${dtype}[${m},${n}] beside others`, () => {
        const k = transposing(m, n, dtype);
        const values = (size: number): TypedArray => countingIn(dtype, size);
        expectSame(k, [values(m * n), values(m * n).reverse(), values(n), values(m)]);
        expect(strategies(k)).toEqual([m < 4 ? 'lanes' : 'tiles']);
      });
    }
  }

  it.each([
    ['float32', 'float64'],
    ['float64', 'float32'],
    ['int32', 'float64'],
  ] as const)('from %s to %s', (from, to) => {
    const [m, n] = [13, 22];
    const b = new KernelBuilder('converting', [{ dtype: from, size: m * n }], [{ dtype: to, size: m * n }]);
    b.parallel([m, n], ([i, j]) => {
      const x = convert(load(b.inputs[0]!, linearize([j!, i!], [n, m])), to);
      b.store(b.outputs[0]!, linearize([i!, j!], [m, n]), binary('add', x, x));
    });
    const k = b.build();
    const values = makeTypedArray(from, m * n);
    counting(m * n).forEach((v, i) => (values[i] = v));
    expectSame(k, [values]);
    expect(strategies(k)).toEqual(['tiles']);
  });

  it('a loop between the two, and results of several dtypes', () => {
    const [p, q, r] = [9, 3, 11];
    const size = p * q * r;
    const b = new KernelBuilder('between', [{ dtype: 'float32', size }], [{ dtype: 'float32', size }, { dtype: 'int32', size }]); // prettier-ignore
    b.parallel([p, q, r], ([i, k, j]) => {
      const x = load(b.inputs[0]!, linearize([j!, k!, i!], [r, q, p]));
      const at = linearize([i!, k!, j!], [p, q, r]);
      b.store(b.outputs[0]!, at, x);
      b.store(b.outputs[1]!, at, convert(x, 'int32'));
    });
    const k = b.build();
    expectSame(k, [counting(size)]);
    expect(strategies(k)).toEqual(['tiles']);
  });

  it.each(['uint8', 'bool'] as const)('blocks for transposes of %s', (dtype) => {
    const [m, n] = [37, 50];
    const b = new KernelBuilder('blocks', [{ dtype, size: m * n }], [{ dtype, size: m * n }]);
    b.parallel([m, n], ([i, j]) => {
      b.store(b.outputs[0]!, linearize([i!, j!], [m, n]), load(b.inputs[0]!, linearize([j!, i!], [n, m])));
    });
    const k = b.build();
    const x = makeTypedArray(dtype, m * n);
    x.forEach((_, i) => (x[i] = dtype === 'bool' ? (i * 7) % 2 : i % 251));
    expectSame(k, [x]);
    expect(strategies(k)).toEqual(['blocks']);
  });

  it('are not for values that depend on where they are', () => {
    const n = 8;
    const b = new KernelBuilder('place', [{ dtype: 'float32', size: n * n }], [{ dtype: 'float32', size: n * n }]);
    b.parallel([n, n], ([i, j]) => {
      const x = load(b.inputs[0]!, linearize([j!, i!], [n, n]));
      b.store(b.outputs[0]!, linearize([i!, j!], [n, n]), binary('add', x, convert(i!, 'float32')));
    });
    const k = b.build();
    expectSame(k, [counting(n * n)]);
    expect(strategies(k)).not.toContain('tiles');
  });
});

describe('shuffled loads', () => {
  const n = 29;
  const orders: readonly (readonly [string, (i: Expr) => Expr])[] = [
    ['every second element', (i) => imul(i, int(2))],
    ['backwards', (i) => iadd(int(n + 2), imul(i, int(-1)))],
  ];
  for (const [name, at] of orders) {
    for (const dtype of ['float32', 'float64', 'int32'] as const) {
      it.each([0, 1, 2, 3])(`${name} of ${dtype}, from element %i and the next`, (offset) => {
        const b = new KernelBuilder(
          'shuffled',
          [{ dtype, size: 2 * n + 8 }],
          [
            { dtype, size: n },
            { dtype, size: n },
          ],
        );
        b.parallel([n], ([i]) => {
          b.store(b.outputs[0]!, i!, load(b.inputs[0]!, iadd(at(i!), int(offset))));
          b.store(b.outputs[1]!, i!, load(b.inputs[0]!, iadd(at(i!), int(offset + 1))));
        });
        const k = b.build();
        const x = makeTypedArray(dtype, 2 * n + 8);
        x.forEach((_, i) => (x[i] = 3 * i + 1));
        expectSame(k, [x]);
        expect(strategies(k)).toEqual(['lanes']);
      });
    }
  }
});
