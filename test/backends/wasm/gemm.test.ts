import { describe, expect, it } from 'vitest';
import { buildGemmModule } from '../../../src/backends/wasm/gemm/library.ts';
import { workspaceBytes } from '../../../src/backends/wasm/gemm/product.ts';
import { makeTypedArray, type TypedArray } from '../../../src/ir/dtype.ts';
import { int } from '../../../src/ir/loop/expr.ts';
import { KernelBuilder } from '../../../src/ir/loop/kernel.ts';
import { expectSame } from './run-kernel.ts';

/** The library in a memory of its own kernel's test. */
function gemmIn(memory: WebAssembly.Memory): WebAssembly.ModuleImports {
  const bytes = buildGemmModule((e, tile) => memory.grow(Math.ceil(workspaceBytes(e, tile) / 65536)) * 65536);
  return new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } })
    .exports as WebAssembly.ModuleImports;
}

function matrix(dtype: 'float32' | 'float64', n: number, seed: number): TypedArray {
  const out = makeTypedArray(dtype, n);
  for (let i = 0; i < n; i++) out[i] = Math.sin(i * 1.3 + seed);
  return out;
}

describe('gemm', () => {
  const sizes = [
    [4, 8, 16],
    [5, 9, 7],
    [1, 33, 40],
    [37, 1, 21],
    [1, 1, 9],
    [3, 2, 300],
    [150, 20, 13],
    [8, 530, 5],
    [16, 16, 513],
    [7, 70, 1],
    [2, 3, 0],
  ] as const;
  for (const dtype of ['float32', 'float64'] as const) {
    for (const [m, n, k] of sizes) {
      it(`computes ${dtype} ${m}x${k} times ${k}x${n} in every orientation`, () => {
        for (const [ta, tb, accumulate] of [
          [false, false, false],
          [true, false, true],
          [false, true, true],
          [true, true, false],
        ] as const) {
          const b = new KernelBuilder(
            'gemm',
            [
              { dtype, size: m * k + 3 },
              { dtype, size: 2 * k * n + 1 },
            ],
            [{ dtype, size: m * (n + 2) }],
          );
          const sa: readonly [number, number] = ta ? [1, m] : [k, 1];
          const sb: readonly [number, number] = tb ? [1, k] : [2 * n, 2];
          b.gemm({
            m,
            n,
            k,
            accumulate,
            a: { buffer: b.inputs[0]!, offset: int(3), rowStride: sa[0], colStride: sa[1] },
            b: { buffer: b.inputs[1]!, offset: int(0), rowStride: sb[0], colStride: sb[1] },
            c: { buffer: b.outputs[0]!, offset: int(0), rowStride: n + 2, colStride: 1 },
          });
          const inputs = [matrix(dtype, m * k + 3, 1), matrix(dtype, 2 * k * n + 1, 2)];
          expectSame(b.build(), inputs, dtype === 'float32' ? 1e-4 : 1e-12, { gemm: gemmIn });
        }
      });
    }
  }

  it('needs a small module', () => expect(buildGemmModule(() => 65536).length).toBeLessThan(30_000));
});
