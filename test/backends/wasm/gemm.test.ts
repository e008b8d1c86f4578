import { describe, expect, it, vi } from 'vitest';
import { single } from '../../../src/backends/wasm/gemm/element.ts';
import {
  buildGemmModule,
  GemmLibrary,
  type GemmOptions,
  gemmWorkspaceBytes,
  instantiateGemm,
} from '../../../src/backends/wasm/gemm/library.ts';
import type { Tile } from '../../../src/backends/wasm/gemm/tile.ts';
import {
  defaultTile,
  fastestTile,
  measuredTile,
  tileRates,
  tiles128,
  tiles256,
} from '../../../src/backends/wasm/gemm/tuning.ts';
import { dtypeInfo, makeTypedArray, type TypedArray } from '../../../src/ir/dtype.ts';
import { int } from '../../../src/ir/loop/expr.ts';
import { KernelBuilder } from '../../../src/ir/loop/kernel.ts';
import { expectSame } from './run-kernel.ts';

/** The library in a memory of its own kernel's test. */
const gemmIn = (memory: WebAssembly.Memory): WebAssembly.ModuleImports =>
  new GemmLibrary({
    memory,
    allocate: (bytes) => memory.grow(Math.ceil(bytes / 65536)) * 65536,
    free: () => {},
  }).exports();

function matrix(dtype: 'float32' | 'float64', n: number, seed: number): TypedArray {
  const out = makeTypedArray(dtype, n);
  for (let i = 0; i < n; i++) out[i] = Math.sin(i * 1.3 + seed);
  return out;
}

const bytesOf = (x: TypedArray): Uint8Array => new Uint8Array(x.buffer, x.byteOffset, x.byteLength);

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

  it('needs a small module', () =>
    expect(buildGemmModule({ name: 'sgemm', tile: defaultTile, isShared: false }).length).toBeLessThan(30_000));
});

describe('the bits of a product', () => {
  const modules = new Map<string, WebAssembly.Module>();
  const compiled = (o: GemmOptions): WebAssembly.Module => {
    const key = JSON.stringify(o);
    if (!modules.has(key)) modules.set(key, new WebAssembly.Module(buildGemmModule(o)));
    return modules.get(key)!;
  };

  /** Runs a product whose operands lie as `transposed` says, in parts (of columns if negative), and gives C. */
  function product(
    name: 'sgemm' | 'dgemm',
    tile: Tile,
    [m, n, k]: readonly [number, number, number],
    transposed: readonly [boolean, boolean],
    parts: number,
  ): TypedArray {
    const dtype = name === 'sgemm' ? 'float32' : 'float64';
    const { bytes, view } = dtypeInfo[dtype];
    const options: GemmOptions = { name, tile, isShared: false };
    const memory = new WebAssembly.Memory({ initial: 16 });
    let top = 1 << 16;
    const allocate = (size: number): number => {
      const at = top;
      top += (size + 63) & -64;
      memory.grow(Math.max(0, Math.ceil((top + 65536 - memory.buffer.byteLength) / 65536)));
      return at;
    };
    const [a, b, c] = [m * k, k * n, m * n].map((count) => allocate(count * bytes)) as [number, number, number];
    const module = compiled(options);
    view(memory.buffer as ArrayBuffer, a, m * k).set(matrix(dtype, m * k, 1));
    view(memory.buffer as ArrayBuffer, b, k * n).set(matrix(dtype, k * n, 2));
    view(memory.buffer as ArrayBuffer, c, m * n).set(matrix(dtype, m * n, 3));
    const [ars, acs] = transposed[0] ? [1, m] : [k, 1];
    const [brs, bcs] = transposed[1] ? [1, k] : [n, 1];
    for (let part = 0; part < Math.abs(parts); part++) {
      // Each part has an instance of its own, as each thread has.
      const run = instantiateGemm(module, memory, allocate(gemmWorkspaceBytes(options)))[name] as (
        ...x: number[]
      ) => void;
      run(m, n, k, a, ars, acs, b, brs, bcs, c, n, 1, part, parts);
    }
    return view(memory.buffer as ArrayBuffer, c, m * n).slice() as TypedArray;
  }

  const sizes = [
    [61, 150, 300],
    [150, 40, 17],
    [1, 300, 70],
    [300, 1, 70],
    [5, 200, 33],
    [200, 7, 33],
    [49, 49, 600],
    [25, 17, 1],
    [4, 70, 300],
    [130, 2, 257],
    [3, 4, 70],
  ] as const;
  const orientations = [
    [false, false],
    [false, true],
    [true, false],
    [true, true],
  ] as const;
  const tiles: readonly Tile[] = [...tiles128, ...tiles256, { rows: 1, vectors: 1, barrier: 0 }];

  for (const name of ['sgemm', 'dgemm'] as const) {
    it(`do not depend on the tile, nor on the parts it is computed in (${name})`, { timeout: 180_000 }, () => {
      for (const size of sizes) {
        for (const transposed of orientations) {
          const whole = product(name, tiles[0]!, size, transposed, 1);
          const expectSameBits = (got: TypedArray, how: string): void =>
            expect(Buffer.compare(bytesOf(got), bytesOf(whole)), `${size.join()}, ${transposed.join()}, ${how}`).toBe(
              0,
            );
          for (const tile of tiles.slice(1))
            expectSameBits(product(name, tile, size, transposed, 1), `tile ${JSON.stringify(tile)}`);
          for (const parts of [2, -3, -7, 8])
            expectSameBits(product(name, tiles[0]!, size, transposed, parts), `${parts} parts`);
        }
      }
    });
  }
});

describe('the choice of a tile', () => {
  it('takes the first of those that are as good as equal', () => {
    expect(fastestTile(tiles128, [100, 102, 50])).toBe(defaultTile);
    expect(fastestTile([...tiles128, ...tiles256], [100, 40, 120, 121, 0])).toBe(tiles128[2]);
  });

  it('is made once', () => {
    const tile = measuredTile(false);
    expect(tiles128).toContain(tile);
    const now = vi.spyOn(performance, 'now');
    expect(measuredTile(false)).toBe(tile);
    expect(now).not.toHaveBeenCalled();
    now.mockRestore();
  });

  it('is made of one measurement each where that takes all the time there is', () => {
    let time = 0;
    const now = vi.spyOn(performance, 'now').mockImplementation(() => (time += 10));
    const rates = tileRates(single, tiles128);
    expect(rates).toEqual(rates.map((_, i) => (rates[0]! / tiles128[0]!.rows) * tiles128[i]!.rows));
    // At the start, before each of two rounds, and twice for each tile.
    expect(now).toHaveBeenCalledTimes(3 + 2 * tiles128.length);
    now.mockRestore();
  });

  it('is left out for small products', () => {
    const memory = new WebAssembly.Memory({ initial: 1 });
    const library = new GemmLibrary({ memory, allocate: () => 0, free: () => {} });
    expect(library.prepare(new Map([['sgemm', 1000]]), false)).toBe(' sgemm 6,2,1');
  });
});
