/**
 * Phases of a kernel: each becomes a function of its own for a part of its work. The kernel hands the parts out to the threads, or does one
 * after the other itself.
 * May import: `encode`, `kernel`, `threads/layout`.
 * @module
 */
import type { FunctionBuilder } from '../encode/function.ts';
import type { ModuleBuilder } from '../encode/module.ts';
import { layout } from '../threads/layout.ts';
import { type Bounds, type ChunkInt, defineChunk, parallelSignature, type Threading } from './chunk.ts';
import type { PreparedKernel } from './emit.ts';
import type { Lir, LirBuilder, LirStmt, LirStore } from './lir.ts';
import type { Loop, NestStmt } from './nest.ts';
import { extentSite, type IntSite } from './params.ts';
import { type Phase, phaseSite } from './phases.ts';

export type PhaseStmt = Extract<NestStmt, { kind: 'for' | 'gemm' | 'reduce' }>;

/** The loop that is cut into chunks. */
const outermost = (s: Exclude<PhaseStmt, { kind: 'gemm' }>): Loop => (s.kind === 'for' ? s.loop : s.loops[0]!);

/** What the lowering of a phase needs of the function around it. */
export interface PhaseMaker {
  readonly b: LirBuilder;
  readonly module: ModuleBuilder;
  readonly kernel: PreparedKernel;
  int(site: IntSite, value: number): Lir;
  /** What memory holds now. */
  reloadInt(address: Lir, offset: number): Lir;
  counterOf(loop: Loop): Lir;
  plainLoop(from: Lir, to: Lir, step: number, body: (counter: Lir) => LirStmt[]): LirStmt[];
  /**
   * Writes, in `f`, iterations `from`…`to` of a loop or of a reduction's outermost loop, or part `from` of `to` of a product. The counters of the loops around it are the
   * last parameters before these two.
   * @returns the functions of the host that it calls
   */
  writePart(f: FunctionBuilder, s: PhaseStmt, phase: Phase, from: number, to: number): ReadonlySet<string>;
}

export function lowerPhase(maker: PhaseMaker, s: PhaseStmt, phase: Phase, threading: Threading): LirStmt[] {
  const { b, module, kernel } = maker;
  const own = kernel.nest.buffers.length + kernel.values.length;
  const args = [
    ...Array.from({ length: own }, (_, i) => b.get(i, 'i32', 0, 0)),
    ...phase.around.map((l) => maker.counterOf(l)),
  ];
  const params = Array.from({ length: args.length + 2 }, () => 'i32' as const);
  const f = module.defineFunction({ params, results: [] }, `${kernel.nest.name}_${phase.ordinal}`);
  const hostCalls = maker.writePart(f, s, phase, args.length, args.length + 1);
  const alone = runAlone(maker, s, phase, f, args);
  if (threading.isAlone || ![...hostCalls].every((name) => threading.isPortable(name))) return alone;

  const slot = defineChunk(module, threading, f, args.length, boundsOf(kernel, s, phase));
  const control = b.i32(threading.control);
  const items = args.map((value, i): LirStore => ({
    op: 'i32.store',
    address: control,
    value,
    offset: layout.args + 4 * i,
    lane: 0,
  }));
  const parallel = module.importFunction('threads', 'parallel', parallelSignature);
  const threads = maker.reloadInt(control, layout.threads);
  const share: LirStmt = { kind: 'call', index: parallel, args: [b.i32(slot), chunksOf(maker, s, phase, threads)] };
  const isShared = b.op('i32.gt_s', threads, b.i32(1));
  return [{ kind: 'if', cond: isShared, then: [{ kind: 'stores', items }, share], otherwise: alone }];
}

/** Parts of a product are copies more, and no bit depends on how many there are: only as many as these threads need. */
function chunksOf(maker: PhaseMaker, s: PhaseStmt, phase: Phase, threads: Lir): Lir {
  const { b } = maker;
  const chunks = maker.int(phaseSite(phase, 'chunks'), phase.chunks);
  if (s.kind !== 'gemm') return chunks;
  const perThread = maker.int(phaseSite(phase, 'grain'), phase.grain);
  const isPositive = b.op('i32.gt_s', perThread, b.i32(0));
  const wanted = b.mul(threads, b.select(isPositive, perThread, b.op('i32.sub', b.i32(0), perThread)));
  return b.select(b.op('i32.lt_s', wanted, chunks), wanted, chunks);
}

function boundsOf({ isParametric, nest, sites }: PreparedKernel, s: PhaseStmt, phase: Phase): Bounds {
  const int = (site: IntSite, value: number): ChunkInt =>
    isParametric ? { argument: nest.buffers.length + sites.get(site)! } : { value };
  if (s.kind === 'gemm') return { kind: 'part', perThread: int(phaseSite(phase, 'grain'), phase.grain) };
  const extent = int(extentSite(outermost(s)), outermost(s).axis.extent);
  return { kind: 'range', grain: int(phaseSite(phase, 'grain'), phase.grain), extent };
}

/**
 * All of the phase on this thread. A call never leaves the code that it began in: so that a loop whose code is not optimised yet need not run
 * in it to its end, it is done chunk by chunk here too. (10⁷ elements of tanh, exp and sin, first call: 33 ms, not 54.)
 */
function runAlone(maker: PhaseMaker, s: PhaseStmt, phase: Phase, f: FunctionBuilder, args: readonly Lir[]): LirStmt[] {
  const { b } = maker;
  const call = (from: Lir, to: Lir): LirStmt => ({
    kind: 'call',
    index: f.ordinal,
    args: [...args, from, to],
    isDefined: true,
  });
  if (s.kind === 'gemm') return [call(b.i32(0), b.i32(1))];
  const extent = maker.int(extentSite(outermost(s)), outermost(s).axis.extent);
  const grain = maker.int(phaseSite(phase, 'grain'), phase.grain);
  return maker.plainLoop(b.i32(0), maker.int(phaseSite(phase, 'chunks'), phase.chunks), 1, (i) => {
    const [from, end] = [b.mul(i, grain), b.mul(b.add(i, b.i32(1)), grain)];
    return [call(from, b.select(b.op('i32.lt_s', end, extent), end, extent))];
  });
}
