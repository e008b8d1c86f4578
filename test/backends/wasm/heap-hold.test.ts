/** Memory that is known to be in use does not count toward a search for dropped tensors. */
import { describe, expect, test } from 'vitest';
import type { Collector } from '../../../src/backends/wasm/collector.ts';
import { Heap } from '../../../src/backends/wasm/heap.ts';
import type { WasmStorage } from '../../../src/backends/wasm/storage.ts';
import { f32 } from '../../../src/ir/aval.ts';

const megabyte = f32(1 << 18);

/** A heap that counts its collections, which find nothing. By its clock nothing takes time, so its budget is 64 MiB. */
function countingHeap(): { readonly heap: Heap; readonly searches: () => number } {
  let count = 0;
  const collector: Collector = {
    collect: () => {
      count++;
      return true;
    },
  };
  return { heap: new Heap(collector, () => 0), searches: () => count };
}

function make(heap: Heap, isHeld: boolean): WasmStorage {
  heap.beginCall();
  const { address, size } = heap.allocateTensor(megabyte);
  const storage = heap.adopt(address, size, megabyte);
  if (isHeld) storage.hold(true);
  return storage;
}

const makeMany = (heap: Heap, count: number, isHeld: boolean): WasmStorage[] =>
  Array.from({ length: count }, () => make(heap, isHeld));

describe('held memory', () => {
  test('is not searched', () => {
    const { heap, searches } = countingHeap();
    const held = makeMany(heap, 150, true);
    expect(searches()).toBe(0);
    const others = makeMany(heap, 60, false);
    expect(searches()).toBe(0);
    others.push(...makeMany(heap, 10, false));
    expect(searches()).toBeGreaterThan(0);
    expect([...held, ...others].every((s) => !s.isDisposed)).toBe(true);
  });

  test('counts again when it is let go, and leaves no trace when it is disposed', () => {
    const { heap, searches } = countingHeap();
    const held = makeMany(heap, 100, true);
    for (const s of held.slice(50)) s.dispose();
    for (const s of held.slice(0, 50)) s.hold(false);
    const others = makeMany(heap, 13, false);
    expect(searches()).toBe(0);
    others.push(...makeMany(heap, 3, false));
    expect(searches()).toBeGreaterThan(0);
    for (const s of [...held, ...others]) s.dispose();
    expect(heap.stats().residentBytes).toBe(0);
  });

  test('under another handle counts once one of them is gone', () => {
    const { heap, searches } = countingHeap();
    const shared = makeMany(heap, 70, true).map((s) => {
      const other = s.share(megabyte);
      s.dispose();
      return other;
    });
    make(heap, false);
    expect(searches()).toBeGreaterThan(0);
    expect(shared.every((s) => !s.isDisposed)).toBe(true);
  });
});
