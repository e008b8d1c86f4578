/**
 * When each buffer holds something: first and last position in the order of execution.
 *
 * A buffer that is declared outside a loop and touched inside is alive for the whole loop, since every iteration may need it.
 * May import: `ir`.
 * @module
 */
import type { DraftStep, MemoryBuffer, View } from './draft.ts';

export interface Interval {
  readonly buffer: MemoryBuffer;
  start: number;
  end: number;
}

/** A result that may take over the memory of a value which dies in the same step. */
export interface Takeover {
  readonly from: View;
  readonly to: View;
  readonly position: number;
}

export interface Liveness {
  readonly intervals: ReadonlyMap<MemoryBuffer, Interval>;
  readonly takeovers: readonly Takeover[];
}

export const isWhole = (v: View): boolean => v.offset === 0 && v.strides.length === 0;

/** Takeovers by the buffer that would take over. */
export function byTarget(takeovers: readonly Takeover[]): Map<MemoryBuffer, Takeover[]> {
  const out = new Map<MemoryBuffer, Takeover[]>();
  for (const t of takeovers) {
    const list = out.get(t.to.buffer);
    if (list === undefined) out.set(t.to.buffer, [t]);
    else list.push(t);
  }
  return out;
}

interface Loop {
  readonly start: number;
  readonly touched: Set<Interval>;
}

export function analyzeLiveness(steps: readonly DraftStep[]): Liveness {
  const analysis = new Analysis();
  analysis.walk(steps);
  return analysis;
}

class Analysis implements Liveness {
  readonly intervals: Map<MemoryBuffer, Interval> = new Map<MemoryBuffer, Interval>();
  readonly takeovers: Takeover[] = [];
  private readonly loops: Loop[] = [];
  private position = 0;

  walk(steps: readonly DraftStep[]): void {
    for (const step of steps) this.step(step);
  }

  private touch({ buffer }: View): void {
    let interval = this.intervals.get(buffer);
    if (interval === undefined) {
      this.intervals.set(buffer, (interval = { buffer, start: this.position, end: this.position }));
    }
    interval.end = this.position;
    const loop = this.loops[buffer.depth];
    if (loop === undefined) return;
    interval.start = Math.min(interval.start, loop.start);
    loop.touched.add(interval);
  }

  private loop(body: () => void): void {
    const loop: Loop = { start: ++this.position, touched: new Set() };
    this.loops.push(loop);
    body();
    this.loops.pop();
    this.position++;
    for (const interval of loop.touched) interval.end = this.position;
  }

  private step(step: DraftStep): void {
    this.position++;
    switch (step.kind) {
      case 'kernel':
        for (const v of step.views) this.touch(v);
        this.kernelTakeovers(step);
        return;
      case 'copy':
        this.touch(step.from);
        this.touch(step.to);
        this.takeovers.push({ from: step.from, to: step.to, position: this.position });
        return;
      case 'branch':
        this.touch(step.index);
        for (const b of step.branches) this.walk(b);
        return;
      case 'while':
        this.loop(() => {
          this.walk(step.cond);
          this.position++;
          this.touch(step.predicate);
          this.walk(step.body);
        });
        return;
      case 'for':
        this.loop(() => this.walk(step.body));
    }
  }

  /** Only buffers that the kernel touches once: a second view of the same memory could be read at other positions. */
  private kernelTakeovers(step: Extract<DraftStep, { kind: 'kernel' }>): void {
    for (const { input, output } of step.reuse) {
      const [from, to] = [step.views[input]!, step.views[step.kernel.inputs.length + output]!];
      const isOnly = step.views.every((v, i) => i === input || v.buffer !== from.buffer);
      if (isOnly) this.takeovers.push({ from, to, position: this.position });
    }
  }
}
