/**
 * `Nest` → `LirStmt`s: loops with their vector main parts and scalar remainders, stores, assignments, branches, matrix products.
 * May import: `ir`, `encode`, `kernel`.
 * @module
 */
import { dtypeInfo } from '../../../ir/dtype.ts';
import type { BufferRef, Local } from '../../../ir/loop/expr.ts';
import type { FunctionBuilder } from '../encode/function.ts';
import type { ModuleBuilder } from '../encode/module.ts';
import type { OpName, ValueType } from '../encode/opcodes.ts';
import { gemmSignature } from '../gemm/signature.ts';
import type { PreparedKernel } from './emit.ts';
import { type Lir, LirBuilder, type LirStmt, type LirStore } from './lir.ts';
import { ReduceLowering } from './lower-reduce.ts';
import { ValueLowering } from './lower-value.ts';
import type { Loop, NestStmt, StoreItem } from './nest.ts';
import { extentSite, gemmSite, type IntSite } from './params.ts';
import { scalarType } from './scalar-ops.ts';
import { axisCoefficient } from './vectorize.ts';

/** What the lowering of reductions needs to make loops and locals. */
export interface LoopMaker {
  scalarLoop(loop: Loop, body: () => LirStmt[]): LirStmt;
  /** Part of a loop's range; nothing when the range is known to be empty. */
  rangeLoop(loop: Loop, from: Lir, to: Lir, step: number, body: () => LirStmt[], runs?: boolean): LirStmt[];
  plainLoop(from: Lir, to: Lir, step: number, body: (counter: Lir) => LirStmt[]): LirStmt[];
  newLocal(type: ValueType): number;
  /** The value a local has now. */
  read(local: number, type: ValueType): Lir;
  assignScalar(target: Local, value: Lir): LirStmt;
  assignLanes(target: Local, parts: readonly Lir[]): LirStmt;
  int(site: IntSite, value: number): Lir;
}

const doubleArgs = (arity: number): ValueType[] => Array.from({ length: arity }, () => 'f64');

/** Bytes 0, 4, 8, 12: the low byte of each 32-bit lane. */
const lowBytes: readonly number[] = [0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12];

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

  constructor(f: FunctionBuilder, module: ModuleBuilder, kernel: PreparedKernel) {
    this.f = f;
    this.module = module;
    this.kernel = kernel;
    this.v = new ValueLowering(this.b, {
      pointer: (buffer) => this.b.get(kernel.nest.buffers.indexOf(buffer), 'i32', 0, 0),
      int: (site, value) => this.int(site, value),
      isParametric: kernel.isParametric,
      host: (name, arity) => module.importFunction('math', name, { params: doubleArgs(arity), results: ['f64'] }),
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

  private block(stmts: readonly NestStmt[]): LirStmt[] {
    return stmts.flatMap((s) => this.stmt(s));
  }

  private stmt(s: NestStmt): LirStmt[] {
    switch (s.kind) {
      case 'for':
        return this.forLoop(s);
      case 'stores':
        return [{ kind: 'stores', items: s.items.flatMap((i) => this.store(i)) }];
      case 'set':
        return [this.set(s)];
      case 'reduce':
        return this.reductions.lower(s, this.kernel.plan.get(s)?.unroll ?? 0);
      case 'if': {
        const cond = this.v.value(s.cond);
        return [{ kind: 'if', cond, then: this.block(s.then), otherwise: this.block(s.otherwise) }];
      }
      case 'while':
        return [this.whileLoop(s)];
      case 'gemm':
        return [this.gemm(s)];
    }
  }

  // Loops

  private forLoop(s: Extract<NestStmt, { kind: 'for' }>): LirStmt[] {
    const strategy = this.kernel.plan.get(s);
    if (strategy === undefined) return [this.scalarLoop(s.loop, () => this.block(s.body))];
    const extent = this.int(extentSite(s.loop), s.loop.axis.extent);
    const widths = strategy.unroll > 1 ? [strategy.unroll, 1] : [1];
    const out: LirStmt[] = [];
    let from: Lir = this.b.i32(0);
    for (const parts of widths) {
      const to = this.b.and(extent, -4 * parts);
      this.v.setMode({ loop: s.loop, parts });
      out.push(...this.rangeLoop(s.loop, from, to, 4 * parts, () => this.block(s.body)));
      from = to;
    }
    this.v.setMode(undefined);
    out.push(...this.rangeLoop(s.loop, from, extent, 1, () => this.block(s.body)));
    return out;
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

  private store(item: StoreItem): LirStore[] {
    const { buffer, index, value } = item;
    const { lanes } = this.v;
    if (lanes === undefined || !(this.v.isVarying(index) || this.v.isVarying(value))) return [this.storeScalar(item)];
    const count = buffer.dtype === 'float64' ? 2 * lanes.parts : lanes.parts;
    const perPart = buffer.dtype === 'float64' ? 2 : 4;
    const c = axisCoefficient(index, lanes.loop);
    const out: LirStore[] = [];
    for (let p = 0; p < count; p++) {
      const part = this.storable(buffer, this.v.part(value, p));
      if (c === 1) out.push(this.storeVector(buffer, item, part, p * perPart));
      else for (let lane = 0; lane < perPart; lane++) out.push(this.storeLane(item, part, c, p * perPart + lane, lane));
    }
    return out;
  }

  private storeScalar({ buffer, index, value }: StoreItem): LirStore {
    const { address, offset } = this.v.address(buffer, index);
    const op: OpName =
      buffer.dtype === 'float32'
        ? 'f32.store'
        : buffer.dtype === 'float64'
          ? 'f64.store'
          : dtypeInfo[buffer.dtype].bytes === 1
            ? 'i32.store8'
            : 'i32.store';
    return { op, address, value: this.v.value(value), offset, lane: 0 };
  }

  /** A vector as it is laid out in memory: bytes are gathered in the low lane. */
  private storable(buffer: BufferRef, part: Lir): Lir {
    if (dtypeInfo[buffer.dtype].bytes > 1) return part;
    const bytes = buffer.dtype === 'bool' ? this.b.op('v128.and', part, this.v.vectors.constant(1, 'int32')) : part;
    return this.b.shuffle(bytes, bytes, lowBytes);
  }

  private storeVector(buffer: BufferRef, { index }: StoreItem, value: Lir, element: number): LirStore {
    const { address, offset } = this.v.address(buffer, index);
    const { bytes } = dtypeInfo[buffer.dtype];
    return {
      op: bytes > 1 ? 'v128.store' : 'v128.store32_lane',
      address,
      value,
      offset: offset + element * bytes,
      lane: 0,
    };
  }

  private storeLane(
    { buffer, index }: StoreItem,
    value: Lir,
    c: number | undefined,
    element: number,
    lane: number,
  ): LirStore {
    const { bytes } = dtypeInfo[buffer.dtype];
    const op: OpName = bytes === 8 ? 'v128.store64_lane' : bytes === 4 ? 'v128.store32_lane' : 'v128.store8_lane';
    if (c === 0) return { op, ...this.v.address(buffer, index), value, lane };
    return { op, ...this.v.laneAddress(buffer, index, element, c !== undefined), value, lane };
  }

  // Matrix products

  private gemm(s: Extract<NestStmt, { kind: 'gemm' }>): LirStmt {
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
    ];
    const name = s.dtype === 'float64' ? 'dgemm' : 'sgemm';
    return { kind: 'call', index: this.module.importFunction('gemm', name, gemmSignature), args };
  }
}
