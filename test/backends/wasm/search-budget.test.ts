/** When the heap looks for dropped tensors: by a clock that the tests turn, so that counts are exact. */
import { describe, expect, it } from 'vitest';
import type { Collector } from '../../../src/backends/wasm/collector.ts';
import { Heap } from '../../../src/backends/wasm/heap.ts';
import { SearchBudget } from '../../../src/backends/wasm/search-budget.ts';
import type { WasmStorage } from '../../../src/backends/wasm/storage.ts';
import { f32 } from '../../../src/ir/aval.ts';

const MiB = 2 ** 20;

/** A look that takes `cost` ms after `elapsed` ms of other work, and finds `alive` bytes. */
function looking(): { budget: SearchBudget; look: (elapsed: number, cost: number, alive?: number) => void } {
  let now = 0;
  const budget = new SearchBudget(() => now);
  const look = (elapsed: number, cost: number, alive = 0): void => {
    now += elapsed;
    budget.spend(() => {
      now += cost;
      return alive;
    });
  };
  return { budget, look };
}

/** Milliseconds a byte, from microseconds a page. */
const page = (microseconds: number): number => microseconds / 1000 / 4096;

describe('the budget of bytes before a look', () => {
  it('is 64 MiB where new pages are cheap, and what a look is worth where they are not', () => {
    const { budget } = looking();
    expect(budget.bytes).toBe(64 * MiB);
    budget.learnFreshCost(page(0.25));
    expect(budget.bytes).toBe(64 * MiB);
    budget.learnFreshCost(page(2));
    expect(budget.bytes / MiB).toBeCloseTo(15.6, 1);
    budget.learnFreshCost(page(50));
    expect(budget.bytes).toBe(4 * MiB);
    budget.learnFreshCost(0);
    expect(budget.bytes).toBe(64 * MiB);
  });

  it('doubles up to 64 MiB while looks take a notable part of the time, and no further', () => {
    const { budget, look } = looking();
    budget.learnFreshCost(page(50));
    const sizes = [1, 2, 3, 4, 5, 6].map(() => {
      look(10, 8);
      return budget.bytes / MiB;
    });
    expect(sizes).toEqual([8, 16, 32, 64, 64, 64]);
  });

  it('stays while looks are rare', () => {
    const { budget, look } = looking();
    budget.learnFreshCost(page(50));
    for (let i = 0; i < 10; i++) look(200, 8);
    expect(budget.bytes).toBe(4 * MiB);
  });

  it('is at least twice what was last found alive', () => {
    const { budget, look } = looking();
    budget.learnFreshCost(page(50));
    look(1000, 8, 100 * MiB);
    expect(budget.bytes).toBe(200 * MiB);
    look(1000, 8, 1 * MiB);
    expect(budget.bytes).toBe(4 * MiB);
  });

  it('learns nothing from a look that was not possible', () => {
    const budget = new SearchBudget(() => 0);
    expect(budget.spend(() => undefined)).toBe(false);
    expect(budget.bytes).toBe(64 * MiB);
  });
});

const kib64 = f32(2 ** 14);

/** A heap on a machine where a page takes 50 µs, on which each reading of the clock takes so long. It counts its looks. */
function slowHeap(): { heap: Heap; make: () => WasmStorage; looks: () => number } {
  let count = 0;
  let now = 0;
  const collector: Collector = {
    collect: () => {
      count++;
      return true;
    },
  };
  const heap = new Heap(collector, () => (now += 0.05));
  const make = (): WasmStorage => {
    heap.beginCall();
    const { address, size } = heap.allocateTensor(kib64);
    return heap.adopt(address, size, kib64);
  };
  return { heap, make, looks: () => count };
}

describe('a heap whose pages are slow to come', () => {
  it('looks a logarithmic number of times while a program keeps all it makes', () => {
    const { make, looks } = slowHeap();
    const kept: WasmStorage[] = [];
    const looksAt: number[] = [];
    for (let megabytes = 1; megabytes <= 128; megabytes++) {
      const before = looks();
      for (let i = 0; i < 16; i++) kept.push(make());
      if (looks() > before) looksAt.push(megabytes);
    }
    expect(looksAt).toEqual([5, 9, 17, 33, 65]);
    expect(kept.every((s) => !s.isDisposed)).toBe(true);
  });

  it('does not look at all while what it makes is disposed', () => {
    const { make, looks, heap } = slowHeap();
    for (let i = 0; i < 5000; i++) make().dispose();
    expect(looks()).toBe(0);
    expect(heap.stats().residentBytes).toBe(0);
  });
});
