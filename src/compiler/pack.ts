/**
 * Offsets for blocks of memory that are in use from one position to another: blocks in use at once do not overlap.
 * May import: nothing but `compiler/{arena,heap}`.
 * @module
 */
import { alignment, Arena } from './arena.ts';
import { MinHeap } from './heap.ts';

export interface Span {
  readonly bytes: number;
  /** First and last position at which it is in use. */
  readonly start: number;
  readonly end: number;
}

export interface Packing {
  /** Offset of each span. */
  readonly offsets: readonly number[];
  readonly bytes: number;
}

/** Above this many spans only the method of near-linear cost is tried. */
const maxCompared = 2048;

/** The smaller of two packings: in order of time, and the largest spans first. `spans` ascend by `start`. */
export function pack(spans: readonly Span[]): Packing {
  const inTime = packInTime(spans);
  if (spans.length > maxCompared) return inTime;
  const bySize = packBySize(spans);
  return bySize.bytes < inTime.bytes ? bySize : inTime;
}

/** Best fit at the moment when each span begins. */
function packInTime(spans: readonly Span[]): Packing {
  const arena = new Arena();
  const ends = new MinHeap();
  const offsets: number[] = [];
  spans.forEach(({ bytes, start, end }, i) => {
    for (let key = ends.peekKey(); key !== undefined && key < start; key = ends.peekKey()) {
      const dead = ends.pop()!;
      arena.free(offsets[dead]!, spans[dead]!.bytes);
    }
    offsets.push(arena.allocate(bytes));
    ends.push(end, i);
  });
  return { offsets, bytes: arena.size };
}

/**
 * The largest first, each in the lowest gap between those in use at the same time ("greedy by size" of Pisarchyk and Lee, Efficient
 * Memory Management for Deep Neural Net Inference, 2020).
 */
function packBySize(spans: readonly Span[]): Packing {
  const order = spans.map((_, i) => i).sort((a, b) => spans[b]!.bytes - spans[a]!.bytes || a - b);
  const offsets = spans.map(() => 0);
  const placed: number[] = []; // ascending by offset
  let bytes = 0;
  for (const i of order) {
    const size = Math.ceil(spans[i]!.bytes / alignment) * alignment;
    if (size === 0) continue;
    let at = 0;
    for (const j of placed) {
      if (spans[j]!.end < spans[i]!.start || spans[j]!.start > spans[i]!.end) continue;
      if (offsets[j]! >= at + size) break;
      at = Math.max(at, offsets[j]! + Math.ceil(spans[j]!.bytes / alignment) * alignment);
    }
    offsets[i] = at;
    bytes = Math.max(bytes, at + size);
    placed.splice(position(placed, offsets, at), 0, i);
  }
  return { offsets, bytes };
}

/** Where a span at `offset` belongs among the placed ones. */
function position(placed: readonly number[], offsets: readonly number[], offset: number): number {
  let [low, high] = [0, placed.length];
  while (low < high) {
    const mid = (low + high) >> 1;
    if (offsets[placed[mid]!]! < offset) low = mid + 1;
    else high = mid;
  }
  return low;
}
