/**
 * Tensors that a derivative makes for itself. Nobody else holds them, so their memory is freed as soon as they have served, where a
 * collector would have to find out first. Only what the library's own rules compute is recorded, never what a user's function does.
 * May import: `ir`, `core`.
 * @module
 */
import { ConcreteTensor, type Tensor, Tracer } from './tensor.ts';

/** Tensors from this many bytes on are worth it: below, freeing costs as much as a collector does. */
const scratchBytes: number = 2 << 10;
/** The same for values that a user may still look at by way of a tracer that has outlived its trace. */
export const tracedBytes: number = 16 << 10;

export class Scratch {
  private readonly made = new Set<Tensor>();
  private recent: Tensor[] = [];

  /** `x` was made for this derivative alone. */
  own(x: Tensor, atLeast: number = scratchBytes): void {
    if (!(x instanceof ConcreteTensor) || x.aval.bytes < atLeast) return;
    if (this.made.has(x)) return;
    this.made.add(x);
    this.recent.push(x);
    x.storage.hold?.(true);
  }

  get isEmpty(): boolean {
    return this.made.size === 0;
  }

  owns(x: Tensor): boolean {
    return this.made.has(x);
  }

  all(): Iterable<Tensor> {
    return this.made;
  }

  /** What came since the last call. */
  takeRecent(): readonly Tensor[] {
    const { recent } = this;
    if (recent.length > 0) this.recent = [];
    return recent;
  }

  /** Someone else may hold `x` now, and what it is made of if it is traced. */
  keep(x: Tensor): void {
    if (this.made.size === 0) return;
    if (x instanceof Tracer) for (const part of x.parts()) this.keep(part);
    else if (this.made.delete(x)) (x as ConcreteTensor).storage.hold?.(false);
  }

  keepAll(): void {
    for (const x of this.made) this.keep(x);
  }

  free(x: Tensor): void {
    if (this.made.delete(x)) (x as ConcreteTensor).dispose();
  }

  freeAll(): void {
    for (const x of this.made) (x as ConcreteTensor).dispose();
    this.made.clear();
  }
}

let outermost: Scratch | undefined;

/** Scratch of the outermost derivative that is under way: what derivatives inside it make for themselves lasts as long as it does. */
export const outermostScratch = (): Scratch | undefined => outermost;

/** Runs a function of the user's inside a derivative; what is made for that may be freed with `scratch`, if there is one. */
export function insideDerivative<T>(scratch: Scratch | undefined, f: () => T): T {
  const before = outermost;
  outermost = scratch;
  try {
    return f();
  } finally {
    outermost = before;
  }
}

let current: Scratch | undefined;

/** From now on, what is computed belongs to `scratch`, or with `undefined` to nobody; gives what to hand back here afterwards. */
export function recordScratch(scratch: Scratch | undefined): Scratch | undefined {
  const before = current;
  current = scratch;
  return before;
}

/** Results of an operation that has just been computed. */
export function noteScratch(outs: readonly Tensor[]): void {
  if (current !== undefined) for (const out of outs) current.own(out);
}
