/**
 * Best-fit allocation in one block that grows as needed. Used when planning: only offsets are given out.
 * May import: nothing.
 * @module
 */

/** A cache line: kernels stream through buffers side by side without sharing lines, and vector accesses are aligned. */
export const alignment = 64;

const roundUp = (bytes: number): number => Math.ceil(bytes / alignment) * alignment;

interface Hole {
  offset: number;
  bytes: number;
}

export class Arena {
  /** Bytes used so far at most. */
  size = 0;
  /** By offset; neighbours are never adjacent. */
  private readonly holes: Hole[] = [];

  allocate(bytes: number): number {
    const wanted = roundUp(bytes);
    if (wanted === 0) return 0;
    const best = this.bestHole(wanted);
    if (best === undefined) return this.grow(wanted);
    const hole = this.holes[best]!;
    const { offset } = hole;
    hole.offset += wanted;
    hole.bytes -= wanted;
    if (hole.bytes === 0) this.holes.splice(best, 1);
    return offset;
  }

  private bestHole(wanted: number): number | undefined {
    let best: number | undefined;
    for (let i = 0; i < this.holes.length; i++) {
      const { bytes } = this.holes[i]!;
      if (bytes < wanted || (best !== undefined && bytes >= this.holes[best]!.bytes)) continue;
      best = i;
      if (bytes === wanted) break;
    }
    return best;
  }

  /** Nothing fits: the block grows, from its last hole if that reaches the end. */
  private grow(wanted: number): number {
    const last = this.holes.at(-1);
    const isAtEnd = last !== undefined && last.offset + last.bytes === this.size;
    const offset = isAtEnd ? last.offset : this.size;
    if (isAtEnd) this.holes.pop();
    this.size = offset + wanted;
    return offset;
  }

  free(offset: number, bytes: number): void {
    const size = roundUp(bytes);
    if (size === 0) return;
    const at = this.position(offset);
    const [before, after] = [this.holes[at - 1], this.holes[at]];
    const joinsBefore = before !== undefined && before.offset + before.bytes === offset;
    const joinsAfter = after !== undefined && offset + size === after.offset;
    if (joinsBefore && joinsAfter) {
      before.bytes += size + after.bytes;
      this.holes.splice(at, 1);
    } else if (joinsBefore) before.bytes += size;
    else if (joinsAfter) {
      after.offset = offset;
      after.bytes += size;
    } else this.holes.splice(at, 0, { offset, bytes: size });
  }

  /** Index of the first hole after `offset`. */
  private position(offset: number): number {
    let [low, high] = [0, this.holes.length];
    while (low < high) {
      const mid = (low + high) >> 1;
      if (this.holes[mid]!.offset < offset) low = mid + 1;
      else high = mid;
    }
    return low;
  }
}
