import { describe, expect, it } from 'vitest';
import { convertKernel } from '../../../src/backends/wasm/kernel/convert.ts';
import { prepareKernel } from '../../../src/backends/wasm/kernel/emit.ts';
import { type DType, makeTypedArray, type TypedArray } from '../../../src/ir/dtype.ts';
import { binary, type Expr, iadd, imul, int, load } from '../../../src/ir/loop/expr.ts';
import { type Kernel, KernelBuilder } from '../../../src/ir/loop/kernel.ts';
import { expectSame } from './run-kernel.ts';

function counting(dtype: DType, n: number): TypedArray {
  const out = makeTypedArray(dtype, n);
  for (let i = 0; i < n; i++) out[i] = dtype === 'bool' ? (i % 3) & 1 : (i * 37) % 101;
  return out;
}

/** out[i, j] = table[i] + row[j] + x[i, j], of those that there are */
function short(dtype: DType, rows: number, n: number, of: { table?: true; row?: true; x?: true }): Kernel {
  const sizes = [...(of.table ? [rows] : []), ...(of.row ? [n] : []), ...(of.x ? [rows * n] : [])];
  const b = new KernelBuilder('short', sizes.map((size) => ({ dtype, size })), [{ dtype, size: rows * n }]); // prettier-ignore
  b.parallel([rows, n], ([i, j]) => {
    const at = iadd(imul(i!, int(n)), j!);
    const places = [...(of.table ? [i!] : []), ...(of.row ? [j!] : []), ...(of.x ? [at] : [])];
    const value = places.map((p, k): Expr => load(b.inputs[k]!, p)).reduce((s, e) => binary('add', s, e));
    b.store(b.outputs[0]!, at, value);
  });
  return b.build();
}

const inputsOf = (k: Kernel): TypedArray[] => k.inputs.map((b) => counting(b.dtype, b.size));
const strategies = (k: Kernel): string[] => [...prepareKernel(k, 'none').plan.values()].map((s) => s.kind);

describe('short innermost loops', () => {
  for (const dtype of ['float32', 'int32', 'uint32', 'float64', 'uint8', 'bool', 'float16'] as const) {
    for (const n of [2, 3, 4]) {
      it(`of ${n} elements of ${dtype} repeat what the loop around them reads`, () => {
        for (const rows of [16, 17, 23, 31, 40]) {
          const k = short(dtype, rows, n, { table: true });
          expectSame(k, inputsOf(k));
        }
        const isWide =
          dtype === 'float32' || dtype === 'int32' || dtype === 'uint32' || (dtype === 'float64' && n === 2);
        if (isWide) expect(strategies(short(dtype, 40, n, { table: true }))).toEqual(['lanes']);
      });
    }
  }

  it('may read rows of their own length, at the place they write, too', () => {
    for (const n of [2, 3, 4]) {
      for (const rows of [5, 16, 37]) {
        for (const of of [
          { row: true, x: true },
          { table: true, row: true, x: true },
          { table: true, x: true },
        ] as const) {
          const k = short('float32', rows, n, of);
          expectSame(k, inputsOf(k));
        }
      }
    }
  });

  it('are merged with the loop around them where memory runs through both', () => {
    const [loop] = convertKernel(short('float32', 40, 3, { x: true })).body;
    expect(loop?.kind === 'for' && loop.loop.axis.extent).toBe(120);
  });

  it('stores of several operands in turn are vectors', () => {
    for (const [n, gap] of [
      [2, 0],
      [3, 0],
      [4, 0],
      [3, 1],
    ] as const) {
      // prettier-ignore
      const rows = 29;
      const input = { dtype: 'float32', size: rows } as const;
      const b = new KernelBuilder('turns', Array.from({ length: n }, () => input), [{ dtype: 'float32', size: rows * (n + gap) + 1 }]); // prettier-ignore
      b.parallel([rows], ([i]) => {
        const at = imul(i!, int(n + gap));
        b.inputs.forEach((x, j) => b.store(b.outputs[0]!, iadd(at, int(j + 1)), load(x, i!)));
      });
      const k = b.build();
      expectSame(k, inputsOf(k));
    }
  });

  it('stores with and without gaps between them have different code', () => {
    const key = (stride: number): string => {
      const b = new KernelBuilder('turns', [{ dtype: 'float32', size: 40 }], [{ dtype: 'float32', size: 400 }]);
      b.parallel([40], ([i]) => {
        const x = load(b.inputs[0]!, i!);
        for (let j = 0; j < 3; j++) b.store(b.outputs[0]!, iadd(imul(i!, int(stride)), int(j)), x);
      });
      return prepareKernel(b.build(), 'all').key;
    };
    expect(key(3)).not.toBe(key(5));
    expect(key(5)).toBe(key(6));
  });
});
