/**
 * `Nest` → `LirStmt`s: loops with their vector main parts and scalar remainders, stores, assignments, branches, matrix products.
 * May import: `ir`, `encode`, `kernel`.
 * @module
 */
import type { BufferRef, Local } from '../../../ir/loop/expr.ts';
import type { FunctionBuilder } from '../encode/function.ts';
import type { ModuleBuilder } from '../encode/module.ts';
import type { OpName, ValueType } from '../encode/opcodes.ts';
import { hasRelaxedSimd } from '../features.ts';
import { gemmBlocksSignature, gemmSignature } from '../gemm/signature.ts';
import { type GemmName, gemmName } from '../gemm/work.ts';
import type { Threading } from './chunk.ts';
import { canRepeat } from './repeat.ts';
import type { PreparedKernel } from './emit.ts';
import { areInterleaved, storeInterleaved } from './interleave.ts';
import { type Lir, LirBuilder, type LirStmt } from './lir.ts';
import type { LoopMaker } from './loop-maker.ts';
import { lowerPhase, type PhaseMaker, type PhaseStmt } from './lower-phase.ts';
import { ReduceLowering } from './lower-reduce.ts';
import { stagedLoop } from './lower-stages.ts';
import { lowerStore } from './lower-store.ts';
import { blockLoops, tileLoops } from './lower-tiles.ts';
import { ValueLowering } from './lower-value.ts';
import type { ForLoop, Loop, NestStmt, StoreItem } from './nest.ts';
import { type Node, partialBytes, partialsAddress, stagesAddress, stagesBytes } from './node.ts';
import { extentSite, gemmSite, type IntSite } from './params.ts';
import { type Phase, phaseSite } from './phases.ts';
import { scalarType } from './scalar-ops.ts';
import { perfectNest } from './tiles.ts';
import { heavyHeight, keepsOrder } from './vectorize.ts';
import { sharedValues } from './walk-lir.ts';
import { writeLir } from './write-lir.ts';

type For = Extract<NestStmt, { kind: 'for' }>;
type Gemm = Extract<NestStmt, { kind: 'gemm' }>;

const doubleArgs = (arity: number): ValueType[] => Array.from({ length: arity }, () => 'f64');

export class NestLowering implements LoopMaker {
  private readonly f: FunctionBuilder;
  private readonly module: ModuleBuilder;
  private readonly kernel: PreparedKernel;
  private readonly b = new LirBuilder();
  private readonly v: ValueLowering;
  private readonly reductions: ReduceLowering;
  /** Lir loops around the current statement. */
  private depth = 0;
  /** Tells successive values of a local apart; negative, so as not to meet the versions of the nest's locals. */
  private nextTag = -1;
  private readonly threading: Threading | undefined;
  /** Functions of the host that the code calls. */
  private readonly hostCalls = new Set<string>();

  /** `threading`: the phases of the kernel become functions of their own, which threads share. */
  constructor(f: FunctionBuilder, module: ModuleBuilder, kernel: PreparedKernel, threading?: Threading) {
    this.f = f;
    this.module = module;
    this.kernel = kernel;
    this.threading = threading;
    this.v = new ValueLowering(this.b, {
      pointer: (buffer) => this.b.get(kernel.nest.buffers.indexOf(buffer), 'i32', 0, 0),
      int: (site, value) => this.int(site, value),
      isParametric: kernel.isParametric,
      isRelaxed: hasRelaxedSimd(),
      host: (name, arity) => {
        this.hostCalls.add(name);
        return module.importFunction('math', name, { params: doubleArgs(arity), results: ['f64'] });
      },
      vectorGlobal: (bytes) => module.vectorGlobal(bytes),
    });
    this.reductions = new ReduceLowering(this.v, this);
  }

  lower(): LirStmt[] {
    return this.block(this.kernel.nest.body);
  }

  int(site: IntSite, value: number): Lir {
    const { isParametric, sites, nest } = this.kernel;
    const at = isParametric ? sites.get(site) : undefined;
    return at === undefined ? this.b.i32(value) : this.b.get(nest.buffers.length + at, 'i32', 0, 0);
  }

  newLocal(type: ValueType): number {
    return this.f.local(type);
  }

  read(local: number, type: ValueType): Lir {
    return this.b.get(local, type, this.depth, this.nextTag--);
  }

  reload(address: Lir, offset: number, op: OpName = 'v128.load'): Lir {
    return this.b.make(op, [address], { imm: offset, level: this.depth, tag: this.nextTag-- });
  }

  private block(stmts: readonly NestStmt[]): LirStmt[] {
    return stmts.flatMap((s) => this.stmt(s));
  }

  private stmt(s: NestStmt): LirStmt[] {
    const phase = this.threading === undefined ? undefined : this.kernel.phases.get(s);
    if (phase !== undefined) return this.phase(s as PhaseStmt, phase, this.threading!);
    switch (s.kind) {
      case 'for':
        return this.forLoop(s);
      case 'stores':
        return this.stores(s.items);
      case 'set':
        return [this.set(s)];
      case 'reduce':
        return this.reductions.lower(s, this.kernel.plan.get(s));
      case 'if': {
        const cond = this.v.value(s.cond);
        return [{ kind: 'if', cond, then: this.block(s.then), otherwise: this.block(s.otherwise) }];
      }
      case 'while':
        return [this.whileLoop(s)];
      case 'gemm':
        return this.gemm(s);
    }
  }

  // Phases

  private phase(s: PhaseStmt, phase: Phase, threading: Threading): LirStmt[] {
    const { b, module, kernel } = this;
    const maker: PhaseMaker = {
      b,
      module,
      kernel,
      int: (site, value) => this.int(site, value),
      reloadInt: (address, offset) => b.make('i32.load', [address], { imm: offset, tag: this.nextTag-- }),
      counterOf: (loop) => this.v.counterOf(loop.node),
      plainLoop: (from, to, step, body) => this.plainLoop(from, to, step, body),
      writePart: (f, ...rest) => new NestLowering(f, module, kernel).writePart(...rest),
    };
    const stmts = lowerPhase(maker, s, phase, threading);
    if (s.kind !== 'reduce') return stmts;
    return [...stmts, ...this.reductions.joinParts(s, this.int(phaseSite(phase, 'chunks'), phase.chunks))];
  }

  /** All of a function for a part of a phase (see `PhaseMaker`). */
  private writePart(s: PhaseStmt, phase: Phase, fromIndex: number, toIndex: number): ReadonlySet<string> {
    const { b } = this;
    const { around } = phase;
    around.forEach((l, i) => {
      this.v.depthOf[l.depth] = 0;
      this.v.bindAxis(l.node, b.get(fromIndex - around.length + i, 'i32', 0, 0));
    });
    const [from, to] = [b.get(fromIndex, 'i32', 0, 0), b.get(toIndex, 'i32', 0, 0)];
    writeLir(this.f, this.partOf(s, phase, from, to));
    return this.hostCalls;
  }

  private partOf(s: PhaseStmt, phase: Phase, from: Lir, to: Lir): LirStmt[] {
    const { b } = this;
    if (s.kind === 'gemm') return this.gemm(s, from, to);
    const part = b.op('i32.div_u', from, this.int(phaseSite(phase, 'grain'), phase.grain));
    const stages = b.add(b.i32(stagesAddress), b.mul(part, b.i32(stagesBytes)));
    if (s.kind === 'for') return this.forLoop(s, { from, to, stages });
    const memory = b.add(b.i32(partialsAddress), b.mul(part, b.i32(partialBytes)));
    return this.reductions.lower(s, this.kernel.plan.get(s), { from, to, memory, stages });
  }

  // Loops

  /** `range`: a part of the iterations; where the loop runs in lanes it begins at a multiple of all groups. */
  private forLoop(s: For, range?: { readonly from: Lir; readonly to: Lir; readonly stages?: Lir }): LirStmt[] {
    const strategy = this.kernel.plan.get(s);
    const extent = range?.to ?? this.int(extentSite(s.loop), s.loop.axis.extent);
    if (strategy === undefined)
      return this.rangeLoop(
        s.loop,
        range?.from ?? this.b.i32(0),
        extent,
        1,
        () => this.block(s.body),
        range === undefined,
      );
    if (strategy.kind !== 'lanes') {
      const nest = perfectNest(s)!;
      const from = range?.from ?? this.b.i32(0);
      return (strategy.kind === 'tiles' ? tileLoops : blockLoops)(this.v, this, nest, from, extent);
    }
    const widths = strategy.unroll > 1 ? [strategy.unroll, 1] : [1];
    const out: LirStmt[] = [];
    let from: Lir = range?.from ?? this.b.i32(0);
    for (const parts of widths) {
      const to = this.b.and(extent, -4 * parts);
      this.v.setMode({ loop: s.loop, parts });
      const memory = range?.stages ?? this.b.i32(stagesAddress);
      const body = (): LirStmt[] => this.lanesBlock(s.body);
      const steps = { from, to, step: 4 * parts };
      out.push(...stagedLoop(this.v, this, s.loop, steps, { stages: strategy.stages, memory }, body));
      from = to;
      // Parts of the range end at multiples of all groups, or where the whole does.
      if (!this.kernel.isParametric && s.loop.axis.extent % (4 * parts) === 0) {
        this.v.setMode(undefined);
        return out;
      }
    }
    out.push(...this.remainder(s, from, extent));
    return out;
  }

  /** What is left after the last whole group: one more, which begins early enough to be whole, or one element at a time. */
  private remainder(s: For, from: Lir, extent: Lir): LirStmt[] {
    const { b } = this;
    const isRepeated = canRepeat(s.body);
    this.v.setMode(isRepeated ? { loop: s.loop, parts: 1 } : undefined);
    const isKnown = from.op === 'const' && extent.op === 'const';
    const last = b.add(extent, b.i32(-4));
    const start = isKnown && from.imm < extent.imm ? last : b.select(b.op('i32.lt_s', from, extent), last, extent);
    const [first, step] = isRepeated ? [isKnown && from.imm >= extent.imm ? extent : start, 4] : [from, 1];
    const stmts = this.rangeLoop(s.loop, first, extent, step, () => this.block(s.body));
    this.v.setMode(undefined);
    return stmts;
  }

  /** One group of lanes. Where all guards hold, which is checked once for all of it, in code without them. */
  private lanesBlock(body: readonly NestStmt[]): LirStmt[] {
    // Guards are computed before anything is stored or set.
    if (body.length > 1 || body[0]!.kind !== 'stores') return this.block(body);
    return this.branchOnGuards(() => this.block(body));
  }

  branchOnGuards(lower: () => LirStmt[]): LirStmt[] {
    const { result, masks } = this.v.assuming(lower);
    const [first, ...rest] = masks;
    if (first === undefined) return result;
    const all = rest.reduce((sum, mask) => this.b.op('v128.and', sum, mask), first);
    // The engines need half the instructions of `all_true`.
    const cond = this.b.op('i32.eq', this.b.op('i32x4.bitmask', all), this.b.i32(15));
    return [{ kind: 'if', cond, then: result, otherwise: lower(), shared: sharedValues(cond, result) }];
  }

  scalarLoop(loop: Loop, body: () => LirStmt[]): LirStmt {
    return this.rangeLoop(loop, this.b.i32(0), this.int(extentSite(loop), loop.axis.extent), 1, body, true)[0]!;
  }

  rangeLoop(loop: Loop, from: Lir, to: Lir, step: number, body: () => LirStmt[], runs = false): LirStmt[] {
    return this.counted(from, to, step, runs, (counter) => {
      this.v.depthOf[loop.depth] = this.depth;
      this.v.bindAxis(loop.node, counter);
      return body();
    });
  }

  plainLoop(from: Lir, to: Lir, step: number, body: (counter: Lir) => LirStmt[]): LirStmt[] {
    return this.counted(from, to, step, false, body);
  }

  private counted(from: Lir, to: Lir, step: number, runs: boolean, body: (counter: Lir) => LirStmt[]): LirStmt[] {
    const isKnown = from.op === 'const' && to.op === 'const';
    if (isKnown && from.imm >= to.imm) return [];
    const counter = this.f.local('i32');
    this.depth++;
    const { depth } = this;
    const stmts = body(this.b.get(counter, 'i32', depth, this.nextTag--));
    this.depth--;
    return [{ kind: 'loop', counter, from, to, step, runs: runs || isKnown, depth, body: stmts }];
  }

  private whileLoop(s: Extract<NestStmt, { kind: 'while' }>): LirStmt {
    this.depth++;
    const { depth } = this;
    this.v.depthOf[s.depth] = depth;
    const cond = this.v.value(s.cond);
    const body = this.block(s.body);
    this.depth--;
    return { kind: 'while', cond, depth, body };
  }

  // Assignments

  private set(s: Extract<NestStmt, { kind: 'set' }>): LirStmt {
    if (!this.v.isVarying(s.result)) return this.assignScalar(s.local, this.v.value(s.value));
    const count = this.v.partsOf(s.result);
    return this.assignLanes(
      s.local,
      Array.from({ length: count }, (_, p) => this.v.part(s.value, p)),
    );
  }

  assignScalar(target: Local, value: Lir): LirStmt {
    let local = this.v.scalarLocal(target);
    if (local === undefined) this.v.bindScalar(target, (local = this.f.local(scalarType(target.dtype))));
    return { kind: 'set', items: [{ local, value }] };
  }

  assignLanes(target: Local, parts: readonly Lir[]): LirStmt {
    let locals = this.v.laneLocal(target);
    if (locals?.length !== parts.length) this.v.bindLanes(target, (locals = parts.map(() => this.f.local('v128'))));
    return { kind: 'set', items: parts.map((value, p) => ({ local: locals![p]!, value })) };
  }

  // Stores

  stores(items: readonly StoreItem[]): LirStmt[] {
    if (items.length === 0) return [];
    const inPairs = this.inPairs(items.map((i) => i.value));
    const { lanes } = this.v;
    const isInterleaved = lanes !== undefined && lanes.rows === undefined && areInterleaved(items, lanes.loop);
    const lowered = isInterleaved ? storeInterleaved(this.v, items) : items.flatMap((i) => lowerStore(this.v, i));
    return [{ kind: 'stores', items: lowered, inPairs }];
  }

  /**
   * Whether the engine should find the two vectors of heavy values computed side by side: one that keeps the order of the code loads
   * constants, of which there are more than registers, once for both.
   */
  inPairs(values: readonly Node[]): boolean {
    const { v } = this;
    return (
      keepsOrder() && v.lanes?.parts === 2 && v.lanes.rows === undefined && values.some((n) => n.height >= heavyHeight)
    );
  }

  // Matrix products

  /** All of the product, or one part of `parts`. */
  private gemm(s: Gemm, part: Lir = this.b.i32(0), parts: Lir = this.b.i32(1)): LirStmt[] {
    const int = (field: string, value: number): Lir => this.int(gemmSite(s, field, this.kernel.gemms), value);
    const at = (r: { buffer: BufferRef; offset: Extract<NestStmt, { kind: 'gemm' }>['a']['offset'] }): Lir => {
      const { address, offset } = this.v.address(r.buffer, r.offset);
      return this.b.add(address, this.b.i32(offset));
    };
    const args = [
      int('m', s.m),
      int('n', s.n),
      int('k', s.k),
      at(s.a),
      int('ars', s.a.rowStride),
      int('acs', s.a.colStride),
      at(s.b),
      int('brs', s.b.rowStride),
      int('bcs', s.b.colStride),
      at(s.c),
      int('crs', s.c.rowStride),
      this.b.i32(s.accumulate ? 1 : 0),
      part,
      parts,
    ];
    const name = gemmName(s.dtype === 'float64', s.epilogue !== undefined);
    if (s.epilogue !== undefined) return this.blocks(name, args, s.epilogue);
    return [{ kind: 'call', index: this.module.importFunction('gemm', name, gemmSignature), args }];
  }

  /** Block by block of the result, with the epilogue of each. */
  private blocks(name: GemmName, args: readonly Lir[], rows: ForLoop): LirStmt[] {
    const { b } = this;
    const columns = rows.body[0] as ForLoop;
    const index = this.module.importFunction('gemm', name, gemmBlocksSignature);
    const block = this.f.local('i32');
    const call = (values: readonly Lir[]): LirStmt => {
      const extra = { imm: index, type: 'i32', level: this.depth, tag: this.nextTag--, isUnsafe: true } as const;
      return { kind: 'set', items: [{ local: block, value: b.make('call', values, extra) }] };
    };
    const begin = call(args);
    this.depth++;
    const { depth } = this;
    const cond = this.read(block, 'i32');
    const word = (offset: number): Lir =>
      b.make('i32.load', [cond], { imm: offset, level: depth, tag: this.nextTag-- });
    const body = this.rangeLoop(rows.loop, word(0), word(4), 1, () =>
      this.forLoop(columns, { from: word(8), to: word(12) }),
    );
    body.push(call(args.map(() => b.i32(0))));
    this.depth--;
    return [begin, { kind: 'while', cond, depth, body }];
  }
}
