/**
 * Places buffers: results in the memory of donated inputs, temporaries in one arena (best fit over their intervals of life, in place of
 * a dying operand where a kernel allows it), and turns draft steps into steps with addresses.
 * May import: `ir`.
 * @module
 */
import { Arena } from './arena.ts';
import type { DraftStep, MemoryBuffer, View } from './draft.ts';
import { donate } from './donate.ts';
import { MinHeap } from './heap.ts';
import { analyzeLiveness, byTarget, type Interval, isWhole, type Liveness, type Takeover } from './liveness.ts';
import type { Slot, Step } from './plan.ts';

export interface PlannedMemory {
  readonly steps: readonly Step[];
  readonly arenaBytes: number;
  /** Output → donated input whose memory it takes. */
  readonly donations: ReadonlyMap<number, number>;
}

/** `donated`: inputs whose memory the outputs may take, and the kinds of memory they and the outputs are. */
export function planMemory(
  draft: readonly DraftStep[],
  donated: ReadonlyMap<number, string>,
  outputs: readonly string[],
): PlannedMemory {
  const liveness = analyzeLiveness(draft);
  const donations = donate(liveness, donated, outputs);
  const { offsets, bytes } = placeTemporaries(liveness);
  return { steps: resolveSteps(draft, offsets, donations), arenaBytes: bytes, donations };
}

/** Temporaries get offsets in the order in which they come to life. */
function placeTemporaries(liveness: Liveness): { offsets: Map<MemoryBuffer, number>; bytes: number } {
  const temporaries = [...liveness.intervals.values()].filter((i) => i.buffer.home.kind === 'arena');
  temporaries.sort((a, b) => a.start - b.start);
  const takeovers = byTarget(liveness.takeovers);
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

function resolveSteps(
  draft: readonly DraftStep[],
  offsets: ReadonlyMap<MemoryBuffer, number>,
  donations: ReadonlyMap<number, number>,
): Step[] {
  const slot = ({ buffer, offset, strides }: View): Slot => ({
    base: buffer.home,
    offset: offset + (buffer.home.kind === 'arena' ? offsets.get(buffer)! : 0),
    strides,
  });
  const resolveAll = (steps: readonly DraftStep[]): Step[] => steps.flatMap(resolve);
  const resolve = (step: DraftStep): Step | Step[] => {
    switch (step.kind) {
      case 'kernel':
        return { kind: 'kernel', kernel: step.kernel, slots: step.views.map(slot) };
      case 'copy': {
        const [from, to] = [slot(step.from), slot(step.to)];
        return isSamePlace(from, to, donations) ? [] : { kind: 'copy', from, to, bytes: step.bytes };
      }
      case 'branch':
        return { kind: 'branch', index: slot(step.index), branches: step.branches.map(resolveAll) };
      case 'while':
        return {
          kind: 'while',
          cond: resolveAll(step.cond),
          predicate: slot(step.predicate),
          body: resolveAll(step.body),
        };
      case 'for':
        return { ...step, body: resolveAll(step.body) };
    }
  };
  return resolveAll(draft);
}

/** A result that took the memory of its operand needs no copy. */
function isSamePlace(a: Slot, b: Slot, donations: ReadonlyMap<number, number>): boolean {
  if (a.strides.length > 0 || b.strides.length > 0 || a.offset !== b.offset) return false;
  const place = ({ base }: Slot): string => {
    if (base.kind === 'arena') return 'arena';
    const input = base.kind === 'output' ? donations.get(base.index) : undefined;
    return input === undefined ? `${base.kind} ${base.index}` : `input ${input}`;
  };
  return place(a) === place(b);
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
