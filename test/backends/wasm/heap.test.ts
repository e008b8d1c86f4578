import { assert, array, boolean, integer, property, tuple } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Allocator, classSize } from '../../../src/backends/wasm/allocator.ts';
import type { Collector } from '../../../src/backends/wasm/collector.ts';
import { Heap } from '../../../src/backends/wasm/heap.ts';
import type { WasmStorage } from '../../../src/backends/wasm/storage.ts';
import { settings } from '../../../src/core/config.ts';
import { type Aval, f32, f64 } from '../../../src/ir/aval.ts';
import { BackendError, MemoryError } from '../../../src/ir/errors.ts';

describe('allocator', () => {
  it('never hands out overlapping or misaligned blocks, and gets all memory back', () => {
    assert(
      property(array(tuple(boolean(), integer({ min: 1, max: 5000 })), { maxLength: 200 }), (script) => {
        const a = new Allocator(100, 100_000);
        const total = a.freeBytes;
        const live: { at: number; size: number }[] = [];
        for (const [isFree, n] of script) {
          if (isFree && live.length > 0) {
            const [b] = live.splice(n % live.length, 1);
            a.give(b!.at, b!.size);
            continue;
          }
          const size = classSize(n);
          const at = a.take(size);
          if (at === undefined) continue;
          expect(at % 64).toBe(0);
          expect(at >= 100 && at + size <= 100_000).toBe(true);
          expect(live.some((b) => at < b.at + b.size && b.at < at + size)).toBe(false);
          live.push({ at, size });
        }
        for (const b of live) a.give(b.at, b.size);
        expect(a.freeBytes).toBe(total);
        expect(a.take(classSize(total - 6000))).toBeDefined();
      }),
    );
  });

  it('wastes at most an eighth', () => {
    for (const n of [1, 64, 65, 1000, 1025, 5000, 65_537, 1e6, 123_456_789]) {
      expect(classSize(n)).toBeGreaterThanOrEqual(n);
      expect(classSize(n)).toBeLessThanOrEqual(Math.max(n + 63, n * 1.126));
      expect(classSize(classSize(n))).toBe(classSize(n));
    }
  });
});

const kib256: Aval = f32(65_536);

/** A tensor of which every element is `value`. */
function filled(heap: Heap, aval: Aval, value: number): WasmStorage {
  heap.beginCall();
  const { address, size } = heap.allocateTensor(aval);
  heap.view(address, aval).fill(value);
  return heap.adopt(address, size, aval);
}

/** As in a browser: this cannot collect, so the heap spills. */
const withoutCollector: Collector = { collect: () => false };

describe('heap', () => {
  it('keeps every value through spilling and coming back', () => {
    const heap = new Heap(withoutCollector);
    const all = Array.from({ length: 400 }, (_, i) => filled(heap, kib256, i));
    const { residentBytes, spilledBytes, memoryBytes } = heap.stats();
    expect(residentBytes + spilledBytes).toBe(400 * kib256.bytes);
    expect(spilledBytes).toBeGreaterThan(0);
    expect(memoryBytes).toBeLessThan(100 << 20);
    for (const pass of [1, 2]) {
      all.forEach((s, i) => {
        heap.beginCall();
        s.pin();
        expect([s.read()[0], s.read()[65_535]]).toEqual([i, i]);
      });
      expect(heap.stats().tensors, `pass ${pass}`).toBe(400);
    }
  });

  it('does not move what the current call uses', () => {
    const heap = new Heap(withoutCollector);
    const operands = Array.from({ length: 20 }, (_, i) => filled(heap, kib256, i));
    heap.beginCall();
    for (const s of operands) s.touch();
    const addresses = operands.map((s) => s.pin());
    const results = Array.from({ length: 300 }, () => heap.allocateTensor(kib256));
    expect(operands.map((s) => s.pin())).toEqual(addresses);
    expect(new Set([...addresses, ...results.map((r) => r.address)]).size).toBe(320);
  });

  it('frees at once what is disposed, and says so when it is used', () => {
    const heap = new Heap();
    const s = filled(heap, f64(100, 3), 1);
    const shared = s.share(f64(300));
    s.dispose();
    s.dispose();
    expect(s.isDisposed).toBe(true);
    expect(() => s.read()).toThrow(BackendError);
    expect(() => s.read()).toThrow(/disposed tensor f64\[100,3\]/);
    expect(shared.read()[299]).toBe(1);
    expect(heap.stats().tensors).toBe(1);
    shared.dispose();
    expect(heap.stats()).toMatchObject({ tensors: 0, residentBytes: 0 });
  });

  it('frees what is dropped once finalizers run', async () => {
    const heap = new Heap();
    for (let i = 0; i < 10; i++) filled(heap, kib256, i);
    for (let i = 0; i < 20 && heap.stats().tensors > 0; i++) {
      (globalThis as { gc?: () => void }).gc?.();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(heap.stats()).toMatchObject({ tensors: 0, residentBytes: 0 });
  });

  it('reports the largest tensors when the limit is exceeded, and keeps them all', () => {
    const heap = new Heap();
    const saved = settings.memoryLimit;
    const kept: WasmStorage[] = [filled(heap, f32(1_000_000), 7)];
    settings.memoryLimit = 64 << 20;
    try {
      expect(() => {
        for (let i = 0; i < 1000; i++) kept.push(filled(heap, kib256, i));
      }).toThrow(MemoryError);
      expect(() => filled(heap, f32(50_000_000), 1)).toThrow(/f32\[1000000\] 3\.8 MiB\n.*f32\[65536\] 256\.0 KiB/);
    } finally {
      settings.memoryLimit = saved;
    }
    expect(kept.length).toBeGreaterThan(200);
    expect(kept[0]!.read()[999_999]).toBe(7);
    kept.slice(1).forEach((s, i) => expect(s.read()[5]).toBe(i));
  });

  it('finds what was dropped inside a synchronous loop, and keeps what was not', () => {
    const heap = new Heap();
    const kept: WasmStorage[] = [];
    for (let i = 0; i < 4000; i++) {
      const s = filled(heap, kib256, i);
      if (i % 100 === 0) kept.push(i % 200 === 0 ? s : s.share(kib256));
    }
    expect(heap.stats().memoryBytes).toBeLessThan(200 << 20);
    kept.forEach((s, i) => expect([s.read()[0], s.read()[65_535]]).toEqual([100 * i, 100 * i]));
  });

  it('calls off the finalizers of what it found dropped', async () => {
    const heap = new Heap();
    for (let i = 0; i < 40; i++) {
      const s = filled(heap, kib256, i);
      s.share(kib256).dispose();
      if (i % 2 === 0) s.share(kib256);
    }
    // The last may still be in a register.
    expect(heap.tensors().length).toBeLessThanOrEqual(1);
    for (let i = 0; i < 5; i++) await new Promise((resolve) => setTimeout(resolve, 5));
    const { tensors, residentBytes, spilledBytes } = heap.stats();
    expect({ residentBytes, spilledBytes }).toEqual({ residentBytes: tensors * kib256.bytes, spilledBytes: 0 });
  });

  it('does not count what was dropped against the limit', () => {
    const heap = new Heap();
    const saved = settings.memoryLimit;
    settings.memoryLimit = 40 << 20;
    try {
      for (let i = 0; i < 1000; i++) filled(heap, kib256, i);
    } finally {
      settings.memoryLimit = saved;
    }
    expect(heap.stats().memoryBytes).toBeLessThan(100 << 20);
  });
});
