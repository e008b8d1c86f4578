/**
 * How many bytes of tensors may come to be before the heap looks for dropped ones. A look is a full collection: it takes milliseconds,
 * whatever it finds. Not looking takes memory, and time as well, since every tensor then lies on pages that the system has yet to fetch.
 * So the first look is due when such pages have cost about as much as it will; from then on the budget doubles as long as looks take a
 * notable part of the time, up to a limit past which memory counts for more. A program that keeps what it makes is looked through at
 * doubling intervals only.
 * May import: nothing.
 * @module
 */

/** What the first look will take, in milliseconds: a collection of a small heap. */
const expectedCost = 8;

/** Bounds of the budget while little is alive. */
const leastBytes: number = 4 << 20;
const mostBytes: number = 64 << 20;

/** Looks may take this part of the time before the budget doubles. */
const notablePart: number = 1 / 20;

export class SearchBudget {
  private readonly clock: () => number;
  private base = mostBytes;
  private alive = 0;
  private hasLooked = false;
  private lastEnd: number;

  /** `clock` tells milliseconds. */
  constructor(clock: () => number) {
    this.clock = clock;
    this.lastEnd = clock();
  }

  /** Bytes that may come to be before the next look. */
  get bytes(): number {
    return Math.max(this.base, 2 * this.alive);
  }

  /** What a byte of memory costs, in milliseconds, that is touched for the first time. */
  learnFreshCost(cost: number): void {
    if (this.hasLooked) return;
    this.base = Math.min(mostBytes, Math.max(leastBytes, cost > 0 ? expectedCost / cost : mostBytes));
  }

  /** Makes a look, and learns from its time, and from the bytes then alive that `look` gives (undefined: it could not look). */
  spend(look: () => number | undefined): boolean {
    const begin = this.clock();
    const alive = look();
    const end = this.clock();
    if (alive === undefined) return false;
    if (end - begin > notablePart * (end - this.lastEnd)) this.base = Math.min(mostBytes, 2 * this.base);
    this.alive = alive;
    this.lastEnd = end;
    this.hasLooked = true;
    return true;
  }
}
