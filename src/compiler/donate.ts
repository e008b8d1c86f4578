/**
 * Which outputs take the memory of donated inputs.
 * May import: `ir`.
 * @module
 */
import { byTarget, type Interval, isWhole, type Liveness } from './liveness.ts';

/**
 * Output → donated input of the same kind of memory whose last use lies before the output comes to life, or is the very kernel that
 * writes the output in place. `donated` and `outputs` give the kinds.
 */
export function donate(
  liveness: Liveness,
  donated: ReadonlyMap<number, string>,
  outputs: readonly string[],
): Map<number, number> {
  const donations = new Map<number, number>();
  if (donated.size === 0) return donations;
  const [ins, outs] = [byIndex(liveness, 'input'), byIndex(liveness, 'output')];
  const free = new Set(donated.keys());
  const give = (output: number, input: number): void => {
    donations.set(output, input);
    free.delete(input);
  };
  // Outputs with the fewest choices choose first.
  const wishes = inPlaceChoices(liveness, donated, outputs, ins, outs).sort(
    (a, b) => a.inputs.length - b.inputs.length,
  );
  for (const { output, inputs } of wishes) {
    const found = inputs.find((i) => free.has(i));
    if (found !== undefined) give(output, found);
  }
  for (const [output, interval] of outs) {
    if (donations.has(output)) continue;
    const found = [...free].find((i) => donated.get(i) === outputs[output] && (ins.get(i)?.end ?? -1) < interval.start);
    if (found !== undefined) give(output, found);
  }
  return donations;
}

function byIndex(liveness: Liveness, kind: 'input' | 'output'): Map<number, Interval> {
  const out = new Map<number, Interval>();
  for (const i of liveness.intervals.values()) if (i.buffer.home.kind === kind) out.set(i.buffer.home.index, i);
  return out;
}

function inPlaceChoices(
  liveness: Liveness,
  donated: ReadonlyMap<number, string>,
  outputs: readonly string[],
  ins: ReadonlyMap<number, Interval>,
  outs: ReadonlyMap<number, Interval>,
): { output: number; inputs: number[] }[] {
  const takeovers = byTarget(liveness.takeovers);
  return [...outs].map(([output, { buffer, start }]) => {
    const inputs = (takeovers.get(buffer) ?? []).flatMap(({ from, to, position }) => {
      const { home } = from.buffer;
      if (home.kind !== 'input' || position !== start || !isWhole(from) || !isWhole(to)) return [];
      const fits = donated.get(home.index) === outputs[output] && ins.get(home.index)!.end === position;
      return fits ? [home.index] : [];
    });
    return { output, inputs };
  });
}
