/**
 * The linear memory of the device: its views, its growth, and what pages cost that nobody has touched before.
 * May import: `encode/module`, `threads/spawn`.
 * @module
 */
import { maxPages } from './encode/module.ts';
import { hasSharedMemory } from './threads/spawn.ts';

/** Bytes of a page of WebAssembly. */
export const pageBytes = 65536;

/** Bytes of a page of the system, at least. */
const systemPageBytes = 4096;

/** New pages that are timed at each growth: the median is that of an undisturbed one. */
const timedPages = 9;

/** Shared where that is possible, so that threads can be turned on at any time: it costs one thread nothing that could be measured. */
function newMemory(initial: number): WebAssembly.Memory {
  const limits = { initial, maximum: maxPages };
  if (hasSharedMemory()) {
    try {
      return new WebAssembly.Memory({ ...limits, shared: true });
    } catch {
      // Not every host reserves so much shared memory.
    }
  }
  return new WebAssembly.Memory(limits);
}

export class LinearMemory {
  readonly memory: WebAssembly.Memory;
  /** Whether threads may have the memory in common. */
  readonly isShared: boolean;
  private readonly slackBytes: number;
  private readonly clock: () => number;
  u8!: Uint8Array<ArrayBuffer>;
  i32!: Int32Array<ArrayBuffer>;
  f32!: Float32Array<ArrayBuffer>;

  /** `slackBytes` at both ends stay out of use. */
  constructor(slackBytes: number, pages: number, clock: () => number) {
    this.slackBytes = slackBytes;
    this.clock = clock;
    this.memory = newMemory((2 * slackBytes) / pageBytes + pages);
    this.isShared = hasSharedMemory() && (this.memory.buffer as unknown) instanceof SharedArrayBuffer;
    this.view();
  }

  get buffer(): ArrayBuffer {
    return this.memory.buffer as ArrayBuffer;
  }

  /** Where the bytes in use end. */
  get end(): number {
    return this.memory.buffer.byteLength - this.slackBytes;
  }

  private view(): void {
    this.u8 = new Uint8Array(this.buffer);
    this.i32 = new Int32Array(this.buffer);
    this.f32 = new Float32Array(this.buffer);
  }

  /** Adds at least so many bytes; false when that cannot be had. */
  grow(bytes: number): boolean {
    const now = this.memory.buffer.byteLength / pageBytes;
    // By an eighth more than asked, so that a growing program does not grow page by page.
    const wanted = Math.ceil(bytes / pageBytes);
    for (const pages of [Math.min(wanted + (now >> 3), maxPages - now), wanted]) {
      if (pages < wanted) continue;
      try {
        this.memory.grow(pages);
      } catch {
        continue;
      }
      this.view();
      return true;
    }
    return false;
  }

  /**
   * Milliseconds that the system takes for one byte of the pages from `start` on, which nobody may have touched yet: it fetches them when
   * they are first written to, which costs between a tenth of a microsecond a page and, on some virtual machines, tens of microseconds.
   */
  freshCost(start: number): number {
    const times: number[] = [];
    const first = Math.ceil(start / systemPageBytes) * systemPageBytes;
    for (let i = 0; i < timedPages; i++) {
      const began = this.clock();
      this.u8[first + i * systemPageBytes] = 0;
      times.push(this.clock() - began);
    }
    return times.sort((a, b) => a - b)[timedPages >> 1]! / systemPageBytes;
  }
}
