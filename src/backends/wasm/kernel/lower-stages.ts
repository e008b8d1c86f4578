/**
 * A loop in stages (see `stages.ts`), block by block: a loop for each function that has one, whose values wait in memory, and the loop
 * itself, which reads them.
 * May import: `ir`, `kernel`.
 * @module
 */
import { dtypeInfo } from '../../../ir/dtype.ts';
import type { Lir, LirStmt, LirStore } from './lir.ts';
import type { LoopMaker, Steps } from './loop-maker.ts';
import type { ValueLowering } from './lower-value.ts';
import type { Loop } from './nest.ts';
import type { Stages } from './stages.ts';

/** The stages of a loop, if it has any, and the address where their values wait. */
export interface Staging {
  readonly stages: Stages | undefined;
  readonly memory: Lir;
}

/** Iterations of `loop` in lanes, in stages if it has any. */
export function stagedLoop(
  v: ValueLowering,
  loops: LoopMaker,
  loop: Loop,
  { from, to, step, runs }: Steps,
  { stages, memory }: Staging,
  body: () => LirStmt[],
): LirStmt[] {
  if (stages === undefined) return loops.rangeLoop(loop, from, to, step, body, runs);
  const { b } = v;
  return loops.plainLoop(from, to, stages.block, (start) => {
    const full = b.add(start, b.i32(stages.block));
    const end = b.select(b.op('i32.lt_s', full, to), full, to);
    const out: LirStmt[] = [];
    let place = 0;
    for (const value of stages.values) {
      const { bytes } = dtypeInfo[value.dtype];
      const at = place;
      const address = (): Lir => b.add(memory, b.mul(b.op('i32.sub', v.counterOf(loop.node), start), b.i32(bytes)));
      const store = (_: unknown, p: number): LirStore => ({
        op: 'v128.store',
        address: address(),
        offset: at + 16 * p,
        value: v.part(value, p),
        lane: 0,
      });
      const items = (): LirStore[] => Array.from({ length: v.partsOf(value) }, store);
      const stores = (): LirStmt[] => [{ kind: 'stores', items: items(), inPairs: loops.inPairs([value]) }];
      out.push(...loops.rangeLoop(loop, start, end, step, () => loops.branchOnGuards(stores), true));
      v.stage(value, (p) => loops.reload(address(), at + 16 * p));
      place += stages.block * bytes;
    }
    out.push(...loops.rangeLoop(loop, start, end, step, body, true));
    v.unstage();
    return out;
  });
}
