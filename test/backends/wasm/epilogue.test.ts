import { describe, expect, it } from 'vitest';
import { GemmLibrary } from '../../../src/backends/wasm/gemm/library.ts';
import { makeTypedArray, type TypedArray } from '../../../src/ir/dtype.ts';
import { binary, constant, type Expr, iadd, imul, int, load, unary } from '../../../src/ir/loop/expr.ts';
import { type Kernel, KernelBuilder } from '../../../src/ir/loop/kernel.ts';
import { KernelInterpreter } from '../../compiler/interpret-kernel.ts';
import { expectSame, runEmitted } from './run-kernel.ts';

const gemmIn = (memory: WebAssembly.Memory): WebAssembly.ModuleImports =>
  new GemmLibrary({
    memory,
    allocate: (bytes) => memory.grow(Math.ceil(bytes / 65536)) * 65536,
    free: () => {},
  }).exports();

type Dtype = 'float32' | 'float64';

function values(dtype: Dtype, n: number, seed: number): TypedArray {
  const out = makeTypedArray(dtype, n);
  for (let i = 0; i < n; i++) out[i] = Math.sin(i * 1.3 + seed);
  return out;
}

interface Case {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly dtype: Dtype;
  readonly accumulate?: boolean;
  readonly batch?: number;
  readonly transposed?: readonly [boolean, boolean];
}

/** C = A·B, D[j, i] = tanh(C + bias[j]) · scale[i], and C is doubled where it is. */
function kernel({ m, n, k, dtype, accumulate = false, batch = 1, transposed = [false, false] }: Case): Kernel {
  const spec = (size: number): { dtype: Dtype; size: number } => ({ dtype, size });
  const b = new KernelBuilder(
    'layer',
    [spec(batch * m * k), spec(k * n), spec(n), spec(m)],
    [spec(batch * m * n), spec(batch * m * n)],
  );
  const [x, w, bias, scale] = b.inputs as [never, never, never, never];
  const [c, d] = b.outputs as [never, never];
  const [ars, acs] = transposed[0] ? [1, m] : [k, 1];
  const [brs, bcs] = transposed[1] ? [1, k] : [n, 1];
  const product = (at: Expr): void =>
    b.gemm(
      {
        m,
        n,
        k,
        accumulate,
        a: { buffer: x, offset: imul(at, int(m * k)), rowStride: ars, colStride: acs },
        b: { buffer: w, offset: int(0), rowStride: brs, colStride: bcs },
        c: { buffer: c, offset: imul(at, int(m * n)), rowStride: n, colStride: 1 },
      },
      (i, j) => {
        const base = imul(at, int(m * n));
        const here = iadd(base, iadd(imul(i, int(n)), j));
        const sum = b.local(dtype, binary('add', load(c, here), load(bias, j)));
        const result = binary('mul', unary('tanh', b.get(sum)), load(scale, i));
        b.store(d, iadd(base, iadd(imul(j, int(m)), i)), result);
        b.store(c, here, binary('mul', load(c, here), constant(2, dtype)));
      },
    );
  if (batch === 1) product(int(0));
  else b.loop(batch, product);
  return b.build();
}

function inputsOf({ m, n, k, dtype, batch = 1 }: Case): TypedArray[] {
  return [batch * m * k, k * n, n, m].map((size, i) => values(dtype, size, i));
}

describe('an epilogue', () => {
  const cases: readonly Case[] = [
    { m: 5, n: 7, k: 3, dtype: 'float32' },
    { m: 1, n: 9, k: 20, dtype: 'float32' },
    { m: 9, n: 1, k: 20, dtype: 'float64' },
    { m: 4, n: 4, k: 0, dtype: 'float32' },
    { m: 300, n: 70, k: 20, dtype: 'float32' },
    { m: 150, n: 20, k: 300, dtype: 'float64' },
    { m: 40, n: 1100, k: 6, dtype: 'float32' },
    { m: 150, n: 141, k: 520, dtype: 'float32' },
    { m: 6, n: 40, k: 17, dtype: 'float32', transposed: [true, true] },
    { m: 50, n: 8, k: 17, dtype: 'float32', transposed: [true, false] },
    { m: 7, n: 20, k: 30, dtype: 'float32', batch: 3 },
  ];
  for (const c of cases) {
    it(`runs once for each element of ${JSON.stringify(c)}`, () =>
      expectSame(kernel(c), inputsOf(c), c.dtype === 'float32' ? 2e-4 : 1e-11, { gemm: gemmIn }));
  }

  it('sees what is added to what was there', () => {
    const c: Case = { m: 30, n: 20, k: 300, dtype: 'float32', accumulate: true };
    expectSame(kernel(c), [...inputsOf(c), values('float32', 600, 9)], 2e-4, { gemm: gemmIn });
  });

  it('leaves the bits of the product as they are', () => {
    const c: Case = { m: 200, n: 90, k: 530, dtype: 'float32' };
    const withEpilogue = runEmitted(kernel(c), inputsOf(c), { gemm: gemmIn });
    const { body, ...rest } = kernel(c);
    const plain = body.map((s) => (s.kind === 'gemm' ? { ...s, epilogue: undefined } : s)) as unknown as Kernel['body'];
    const without = runEmitted({ ...rest, body: plain }, inputsOf(c), { gemm: gemmIn });
    expect(withEpilogue[4]).toEqual(without[4]!.map((v) => 2 * v));
  });

  it('is interpreted alike by the two interpreters of kernels', () => {
    const c: Case = { m: 5, n: 4, k: 3, dtype: 'float64' };
    const k = kernel(c);
    const arrays = [...inputsOf(c), makeTypedArray('float64', 20), makeTypedArray('float64', 20)];
    const run = new KernelInterpreter(k, arrays);
    run.run(k.body);
    const emitted = runEmitted(k, inputsOf(c), { gemm: gemmIn });
    emitted[5]!.forEach((v, i) => expect(v).toBeCloseTo(arrays[5]![i]!, 12));
  });
});
