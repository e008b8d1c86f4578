/**
 * Places buffers: results in the memory of donated inputs, temporaries in one arena (best fit over their intervals of life, in place of
 * a dying operand where a kernel allows it), and turns draft steps into steps with addresses.
 * May import: `ir`.
 * @module
 */
import { Arena } from './arena.ts';
import type { DraftStep, MemoryBuffer, View } from './draft.ts';
import { MinHeap } from './heap.ts';
import { analyzeLiveness, type Interval, type Liveness, type Takeover } from './liveness.ts';
import type { Slot, Step } from './plan.ts';

export interface PlannedMemory {
  readonly steps: readonly Step[];
  readonly arenaBytes: number;
  /** Output → donated input whose memory it takes. */
  readonly donations: ReadonlyMap<number, number>;
}

/** `donated`: indices of inputs whose memory the outputs may take. */
export function planMemory(draft: readonly DraftStep[], donated: ReadonlyMap<number, string>, outputs: readonly string[]): PlannedMemory {
  const liveness = analyzeLiveness(draft);
  const donations = donate(liveness, donated, outputs);
  const { offsets, bytes } = placeTemporaries(liveness);
  return { steps: resolveSteps(draft, offsets), arenaBytes: bytes, donations };
}

/** Temporaries get offsets in the order in which they come to life. */
function placeTemporaries(liveness: Liveness): { offsets: Map<MemoryBuffer, number>; bytes: number } {
  const temporaries = [...liveness.intervals.values()].filter((i) => i.buffer.home.kind === 'arena');
  temporaries.sort((a, b) => a.start - b.start);
  const takeovers = takeoversByTarget(liveness.takeovers);
  const offsets = new Map<MemoryBuffer, number>();
  const arena = new Arena();
  const dying = new MinHeapOfIntervals();
  const taken = new Set<MemoryBuffer>();
  for (const interval of temporaries) {
    for (let dead = dying.popBefore(interval.start); dead !== undefined; dead = dying.popBefore(interval.start)) {
      if (!taken.has(dead.buffer)) arena.free(offsets.get(dead.buffer)!, dead.buffer.bytes);
    }
    const source = takeovers.get(interval.buffer)?.find((t) => mayTakeOver(t, interval, liveness, taken));
    if (source === undefined) offsets.set(interval.buffer, arena.allocate(interval.buffer.bytes));
    else {
      offsets.set(interval.buffer, offsets.get(source.from.buffer)!);
      taken.add(source.from.buffer);
    }
    dying.push(interval);
  }
  return { offsets, bytes: arena.size };
}

function takeoversByTarget(takeovers: readonly Takeover[]): Map<MemoryBuffer, Takeover[]> {
  const out = new Map<MemoryBuffer, Takeover[]>();
  for (const t of takeovers) {
    const list = out.get(t.to.buffer);
    if (list === undefined) out.set(t.to.buffer, [t]);
    else list.push(t);
  }
  return out;
}

const isWhole = (v: View): boolean => v.offset === 0 && v.strides.length === 0;

/** The target comes to life in the very step in which the source dies, in the same iteration of the same loops. */
function mayTakeOver(t: Takeover, target: Interval, liveness: Liveness, taken: ReadonlySet<MemoryBuffer>): boolean {
  const source = liveness.intervals.get(t.from.buffer)!;
  return (
    source.buffer.home.kind === 'arena' &&
    source.buffer !== target.buffer &&
    !taken.has(source.buffer) &&
    source.end === t.position &&
    target.start === t.position &&
    source.buffer.depth === target.buffer.depth &&
    source.buffer.bytes === target.buffer.bytes &&
    isWhole(t.from) &&
    isWhole(t.to)
  );
}

/** Outputs take the memory of donated inputs of the same kind that are dead when the output comes to life. */
function donate(liveness: Liveness, donated: ReadonlyMap<number, string>, outputs: readonly string[]): Map<number, number> {
  const donations = new Map<number, number>();
  if (donated.size === 0) return donations;
  const byHome = (kind: 'input' | 'output'): Map<number, Interval> => {
    const found = new Map<number, Interval>();
    for (const i of liveness.intervals.values()) if (i.buffer.home.kind === kind) found.set(i.buffer.home.index, i);
    return found;
  };
  const [ins, outs] = [byHome('input'), byHome('output')];
  const takeovers = takeoversByTarget(liveness.takeovers);
  const free = new Set(donated.keys());
  const fits = (out: Interval, input: number, inPlace: boolean): boolean => {
    const source = ins.get(input);
    if (source === undefined || source.end < out.start) return true;
    const list = takeovers.get(out.buffer) ?? [];
    return (
      inPlace &&
      source.end === out.start &&
      list.some((t) => t.position === out.start && t.from.buffer === source.buffer && isWhole(t.from) && isWhole(t.to))
    );
  };
  for (const inPlaceFirst of [true, false]) {
    for (const [index, interval] of outs) {
      if (donations.has(index)) continue;
      const found = [...free].find(
        (i) =>
          donated.get(i) === outputs[index] &&
          fits(interval, i, true) &&
          (!inPlaceFirst || (ins.has(i) && ins.get(i)!.end === interval.start)),
      );
      if (found === undefined) continue;
      donations.set(index, found);
      free.delete(found);
    }
  }
  return donations;
}

function resolveSteps(draft: readonly DraftStep[], offsets: ReadonlyMap<MemoryBuffer, number>): Step[] {
  const slot = (v: View): Slot => {
    const { home } = v.buffer;
    const base = home.kind === 'arena' ? offsets.get(v.buffer)! : 0;
    return { base: home, offset: base + v.offset, strides: v.strides };
  };
  const resolve = (step: DraftStep): Step => {
    switch (step.kind) {
      case 'kernel':
        return { kind: 'kernel', kernel: step.kernel, slots: step.views.map(slot) };
      case 'copy':
        return { kind: 'copy', from: slot(step.from), to: slot(step.to), bytes: step.bytes };
      case 'branch':
        return { kind: 'branch', index: slot(step.index), branches: step.branches.map((b) => b.map(resolve)) };
      case 'while':
        return { kind: 'while', cond: step.cond.map(resolve), predicate: slot(step.predicate), body: step.body.map(resolve) };
      case 'for':
        return { ...step, body: step.body.map(resolve) };
    }
  };
  return draft.map(resolve);
}

/** Intervals ordered by their ends. */
class MinHeapOfIntervals {
  private readonly heap = new MinHeap();
  private readonly items: Interval[] = [];

  push(interval: Interval): void {
    this.heap.push(interval.end, this.items.length);
    this.items.push(interval);
  }

  /** An interval that ended before `position`. */
  popBefore(position: number): Interval | undefined {
    const key = this.heap.peekKey();
    if (key === undefined || key >= position) return undefined;
    return this.items[this.heap.pop()!];
  }
}
