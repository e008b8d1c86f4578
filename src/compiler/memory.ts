/**
 * Places buffers: results in the memory of donated inputs, temporaries in one arena (best fit over their intervals of life, in place of
 * a dying operand where a kernel allows it), and turns draft steps into steps with addresses.
 * May import: `ir`.
 * @module
 */
import type { DraftStep, MemoryBuffer, View } from './draft.ts';
import { donate } from './donate.ts';
import { analyzeLiveness, byTarget, type Interval, isWhole, type Liveness, type Takeover } from './liveness.ts';
import { pack } from './pack.ts';
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

/** Temporaries that take over the memory of one that dies form one span with it; spans are packed. */
function placeTemporaries(liveness: Liveness): { offsets: Map<MemoryBuffer, number>; bytes: number } {
  const temporaries = [...liveness.intervals.values()].filter((i) => i.buffer.home.kind === 'arena');
  temporaries.sort((a, b) => a.start - b.start);
  const takeovers = byTarget(liveness.takeovers);
  const spans: { readonly bytes: number; readonly start: number; end: number }[] = [];
  const spanOf = new Map<MemoryBuffer, number>();
  const taken = new Set<MemoryBuffer>();
  for (const { buffer, start, end } of temporaries) {
    const interval = liveness.intervals.get(buffer)!;
    const source = takeovers.get(buffer)?.find((t) => mayTakeOver(t, interval, liveness, taken));
    if (source === undefined) spanOf.set(buffer, spans.push({ bytes: buffer.bytes, start, end }) - 1);
    else {
      const span = spanOf.get(source.from.buffer)!;
      spans[span]!.end = end;
      spanOf.set(buffer, span);
      taken.add(source.from.buffer);
    }
  }
  const { offsets, bytes } = pack(spans);
  return { offsets: new Map([...spanOf].map(([buffer, span]) => [buffer, offsets[span]!])), bytes };
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
