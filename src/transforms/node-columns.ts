/**
 * The nodes of a tape as columns of numbers, in blocks of one size. A tape as long as a loop would otherwise be copied as it grows, and
 * followed by the garbage collector; blocks of tapes that have ended serve the next.
 * May import: nothing.
 * @module
 */

const blockBits = 12;
const blockSize: number = 1 << blockBits;
const within: number = blockSize - 1;
/** Blocks kept for later tapes: 6 MB. */
const maxSpare = 64;

interface Block {
  /** Left and right operands, alternately. */
  readonly operands: Int32Array;
  /** Their slopes. */
  readonly slopes: Float64Array;
}

const spare: Block[] = [];

const newBlock = (): Block => ({
  operands: new Int32Array(2 * blockSize),
  slopes: new Float64Array(2 * blockSize),
});

export class NodeColumns {
  private readonly blocks: Block[] = [];
  private last: Block | undefined;
  private count = 0;

  get length(): number {
    return this.count;
  }

  /** Appends a node; gives its number. */
  push(left: number, right: number, leftSlope: number, rightSlope: number): number {
    const i = this.count++;
    const at = (i & within) * 2;
    if (at === 0) this.blocks.push((this.last = spare.pop() ?? newBlock()));
    const { operands, slopes } = this.last!;
    operands[at] = left;
    operands[at + 1] = right;
    slopes[at] = leftSlope;
    slopes[at + 1] = rightSlope;
    return i;
  }

  left(i: number): number {
    return this.blocks[i >> blockBits]!.operands[(i & within) * 2]!;
  }

  right(i: number): number {
    return this.blocks[i >> blockBits]!.operands[(i & within) * 2 + 1]!;
  }

  leftSlope(i: number): number {
    return this.blocks[i >> blockBits]!.slopes[(i & within) * 2]!;
  }

  rightSlope(i: number): number {
    return this.blocks[i >> blockBits]!.slopes[(i & within) * 2 + 1]!;
  }

  /** Hands the memory on. No node is left. */
  clear(): void {
    this.count = 0;
    this.last = undefined;
    for (const block of this.blocks.splice(0)) if (spare.length < maxSpare) spare.push(block);
  }
}
