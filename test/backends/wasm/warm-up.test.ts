/** What `init` prepares is what first calls then use. */
import { describe, expect, it } from 'vitest';
import { Heap } from '../../../src/backends/wasm/heap.ts';
import { GemmLibrary, largeProduct } from '../../../src/backends/wasm/gemm/library.ts';
import { init, np } from 'cotangent';

describe('the library of products', () => {
  it('builds one module for a dtype, which large products find again', () => {
    const heap = new Heap({ collect: () => false });
    const library = new GemmLibrary(heap);
    library.build(false);
    const { bytes } = library.module('sgemm');
    library.prepare(new Map([['sgemm_blocks', largeProduct]]), false);
    expect(library.module('sgemm_blocks').bytes).toBe(bytes);
    const { sgemm, sgemm_blocks: blocks } = library.exports();
    expect(library.exports().sgemm).toBe(sgemm);
    expect(library.exports().sgemm_blocks).toBe(blocks);
    expect(library.module('dgemm').bytes).not.toBe(bytes);
  });

  it('leaves no tensor behind', () => {
    const heap = new Heap({ collect: () => false });
    new GemmLibrary(heap).build(false);
    expect(heap.stats()).toMatchObject({ tensors: 0, residentBytes: 0 });
  });

  it('computes after init what it computes without', async () => {
    const [a, b] = [np.arange(48).reshape([6, 8]), np.arange(24).reshape([8, 3])];
    const before = np.matmul(a, b).toArray();
    await init();
    expect(np.matmul(a, b).toArray()).toEqual(before);
  });
});
