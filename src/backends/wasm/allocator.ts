/**
 * Places blocks in an address range. Freed blocks wait in the bin of their size class, from which equal requests are served at once;
 * only when a bin is empty are bins emptied, neighbours joined and the best fit searched.
 * May import: nothing.
 * @module
 */

/** Blocks begin and end at multiples of this: a cache line, so that no two tensors share one. */
const alignment = 64;

/** Bytes that a block for `bytes` takes: exact to a cache line below 1 KiB, then eight classes an octave (at most 12.5 % over). */
export function classSize(bytes: number): number {
  if (bytes <= 1024) return Math.max(alignment, (bytes + alignment - 1) & -alignment);
  const step = 2 ** Math.max(6, 28 - Math.clz32(bytes - 1));
  return Math.ceil(bytes / step) * step;
}

interface Extent {
  start: number;
  end: number;
}

export class Allocator {
  private readonly bins = new Map<number, number[]>();
  /** Free ranges, by address, no two adjacent. */
  private extents: Extent[] = [];
  private end: number;
  private binned = 0;

  constructor(start: number, end: number) {
    const first = (start + alignment - 1) & -alignment;
    this.end = end;
    this.extents = end > first ? [{ start: first, end }] : [];
  }

  /** Address of a free block of `size` (a class size), or undefined when the range has no room for it. */
  take(size: number): number | undefined {
    const at = this.bins.get(size)?.pop();
    if (at !== undefined) {
      this.binned -= size;
      return at;
    }
    return this.carve(size) ?? (this.joinBins() ? this.carve(size) : undefined);
  }

  give(start: number, size: number): void {
    let bin = this.bins.get(size);
    if (bin === undefined) this.bins.set(size, (bin = []));
    bin.push(start);
    this.binned += size;
  }

  /** The range now ends at `end`. */
  extend(end: number): void {
    this.insert({ start: this.end, end });
    this.end = end;
  }

  /** Bytes that must be added at the end so that a block of `size` fits there. */
  missing(size: number): number {
    this.joinBins();
    const last = this.extents.at(-1);
    return last?.end === this.end ? size - (last.end - last.start) : size;
  }

  get freeBytes(): number {
    return this.extents.reduce((n, e) => n + e.end - e.start, this.binned);
  }

  private carve(size: number): number | undefined {
    let best = -1;
    let bestSize = Number.POSITIVE_INFINITY;
    for (let i = 0; i < this.extents.length; i++) {
      const e = this.extents[i]!;
      const room = e.end - e.start;
      if (room < size || room >= bestSize) continue;
      best = i;
      bestSize = room;
      if (room === size) break;
    }
    if (best < 0) return undefined;
    const e = this.extents[best]!;
    const at = e.start;
    e.start += size;
    if (e.start === e.end) this.extents.splice(best, 1);
    return at;
  }

  private insert(e: Extent): void {
    this.extents = joined([...this.extents, e]);
  }

  /** Returns all binned blocks to the free ranges; false when there were none. */
  private joinBins(): boolean {
    if (this.binned === 0) return false;
    const all = [...this.extents];
    for (const [size, bin] of this.bins) for (const start of bin) all.push({ start, end: start + size });
    this.bins.clear();
    this.binned = 0;
    this.extents = joined(all);
    return true;
  }
}

function joined(extents: Extent[]): Extent[] {
  const out: Extent[] = [];
  for (const e of extents.sort((a, b) => a.start - b.start)) {
    const last = out.at(-1);
    if (last?.end === e.start) last.end = e.end;
    else out.push({ ...e });
  }
  return out;
}
