/**
 * `Node` → `Lir`, in two ways: one element at a time, and in lanes of the loop that is being vectorised. In lanes, a 32-bit value has
 * `unroll` parts of four lanes and a float64 twice as many of two; what does not vary along the lanes is computed once and spread.
 * May import: `ir`, `kernel`.
 * @module
 */
import { type DType, dtypeInfo } from '../../../ir/dtype.ts';
import type { BinaryOp, BufferRef, Local, TernaryOp, UnaryOp } from '../../../ir/loop/expr.ts';
import type { OpName } from '../encode/opcodes.ts';
import { hostFallbacks, internalUnary } from './internal-ops.ts';
import type { Lir, LirBuilder } from './lir.ts';
import { LaneLowering } from './lower-lanes.ts';
import { type Loop, visitNodes } from './nest.ts';
import { depthBit, type Node } from './node.ts';
import { coefficientSite, constantSite, type IntSite, termSite } from './params.ts';
import { type HostImport, ScalarOps, scalarType } from './scalar-ops.ts';
import { VectorOps } from './vector-ops.ts';

/** What the lowering needs from the function around it. */
export interface ValueContext {
  readonly pointer: (b: BufferRef) => Lir;
  /** An integer of the nest: a constant, or a parameter of the function. */
  readonly int: (site: IntSite, value: number) => Lir;
  readonly isParametric: boolean;
  /** Whether the engine has relaxed SIMD. */
  readonly isRelaxed: boolean;
  readonly host: HostImport;
  readonly vectorGlobal: (bytes: Uint8Array) => number;
}

export interface LaneMode {
  readonly loop: Loop;
  /** Groups of four lanes. */
  readonly parts: number;
  /** In tiles: part p is not a further group of lanes, but the same lanes in iteration p of this loop. */
  readonly rows?: Loop;
}

const integerLoads: Readonly<Record<number, OpName>> = { 1: 'i32.load8_u', 2: 'i32.load16_u', 4: 'i32.load' };

const scalarLoad = (dtype: DType): OpName =>
  dtype === 'float32' ? 'f32.load' : dtype === 'float64' ? 'f64.load' : integerLoads[dtypeInfo[dtype].bytes]!;

/** Recursion bound; deeper graphs are lowered bottom-up in slices of this height. */
const maxHeight = 60;

export class ValueLowering {
  readonly b: LirBuilder;
  readonly scalars: ScalarOps;
  readonly vectors: VectorOps;
  readonly context: ValueContext;
  private readonly inLanes: LaneLowering;
  private mode: LaneMode | undefined;
  private memo = new Map<number, Lir>();
  /** Lir loop depth of each loop depth of the nest. */
  readonly depthOf: number[] = [0];
  private readonly axes = new Map<Node, Lir>();
  private assumed: Set<Lir> | undefined;
  /** Values that are in memory: how part `p` of one is loaded. */
  private readonly staged = new Map<Node, (p: number) => Lir>();
  /** wasm locals of nest locals: one for the scalar, or one a part. */
  private readonly scalarLocals = new Map<Local, number>();
  private readonly laneLocals = new Map<Local, readonly number[]>();

  constructor(b: LirBuilder, context: ValueContext) {
    this.b = b;
    this.context = context;
    this.scalars = new ScalarOps(b, context.host, context.isRelaxed);
    this.vectors = new VectorOps(b, context.vectorGlobal, context.isRelaxed);
    this.inLanes = new LaneLowering(this);
  }

  get lanes(): LaneMode | undefined {
    return this.mode;
  }

  setMode(mode: LaneMode | undefined): void {
    this.mode = mode;
    this.memo = new Map();
  }

  /**
   * What `lower` gives where every guard of lanes is taken to hold, and the guards. Code without branches around single values is
   * shorter, and the engine can join adjacent vectors of it to wider ones.
   */
  assuming<T>(lower: () => T): { readonly result: T; readonly masks: readonly Lir[] } {
    const masks = new Set<Lir>();
    this.assumed = masks;
    this.memo = new Map();
    const result = lower();
    this.assumed = undefined;
    this.memo = new Map();
    return { result, masks: [...masks] };
  }

  /** Whether code is being made for the case that all guards hold; the mask is then one of them. */
  assume(mask: Lir): boolean {
    this.assumed?.add(mask);
    return this.assumed !== undefined;
  }

  bindAxis(axis: Node, counter: Lir): void {
    this.axes.set(axis, counter);
    this.memo = new Map();
  }

  counterOf(axis: Node): Lir {
    return this.axes.get(axis)!;
  }

  bindScalar(local: Local, index: number): void {
    this.scalarLocals.set(local, index);
    this.laneLocals.delete(local);
  }

  bindLanes(local: Local, indices: readonly number[]): void {
    this.laneLocals.set(local, indices);
    this.scalarLocals.delete(local);
  }

  scalarLocal(local: Local): number | undefined {
    return this.scalarLocals.get(local);
  }

  laneLocal(local: Local): readonly number[] | undefined {
    return this.laneLocals.get(local);
  }

  /** From now on parts of the value are loaded by `load`. */
  stage(n: Node, load: (p: number) => Lir): void {
    this.staged.set(n, load);
    this.memo = new Map();
  }

  unstage(): void {
    this.staged.clear();
    this.memo = new Map();
  }

  stagedPart(n: Node, p: number): Lir | undefined {
    return this.staged.get(n)?.(p);
  }

  isVarying(n: Node): boolean {
    const { mode } = this;
    if (mode === undefined) return false;
    const bits = depthBit(mode.loop.depth) | (mode.rows === undefined ? 0 : depthBit(mode.rows.depth));
    return (n.deps & bits) !== 0;
  }

  /** Number of v128 parts of a value of this node's dtype. */
  partsOf(n: Node): number {
    return n.dtype === 'float64' ? 2 * this.mode!.parts : this.mode!.parts;
  }

  remembered(key: number, make: () => Lir): Lir {
    let value = this.memo.get(key);
    if (value === undefined) this.memo.set(key, (value = make()));
    return value;
  }

  /** Lowers what is deep below `root` first, so that the recursion stays shallow. */
  private prepare(root: Node): void {
    if (root.height <= 2 * maxHeight) return;
    visitNodes([root], new Set(), (n) => {
      // Three heights in a row: a path may skip one, hardly all.
      if (n.height % maxHeight > 2 || n.height < 3) return;
      if (!this.isVarying(n)) this.scalar(n);
      else if (n.dtype !== 'int32' || n.kind !== 'affine')
        for (let p = 0; p < this.partsOf(n); p++) this.inLanes.lane(n, p);
    });
  }

  /** Value of the node outside lanes. */
  value(n: Node): Lir {
    this.prepare(n);
    return this.scalar(n);
  }

  /** Address of lane `lane` (counted over all parts) of a store: of any index, or of one that is affine in the vectorised axis. */
  laneAddress(buffer: BufferRef, index: Node, lane: number, isAffine: boolean): { address: Lir; offset: number } {
    if (isAffine) return this.inLanes.stridedAddress(buffer, index, lane);
    return { address: this.inLanes.laneAddress(buffer, index, lane), offset: 0 };
  }

  /** Part `p` of the node's value in lanes. */
  part(n: Node, p: number): Lir {
    this.prepare(n);
    return this.inLanes.lane(n, p);
  }

  // One element

  scalar(n: Node): Lir {
    return this.remembered(n.id * 64, () => this.makeScalar(n));
  }

  private makeScalar(n: Node): Lir {
    const { scalars } = this;
    const [x, y, z] = n.args;
    switch (n.kind) {
      case 'const':
        return n.dtype === 'int32' ? this.context.int(constantSite(n), n.value) : scalars.constant(n.value, n.dtype);
      case 'axis':
        return this.axes.get(n)!;
      case 'affine':
        return this.affine(n);
      case 'local':
        return this.readScalar(n);
      case 'load': {
        const { address, offset } = this.address(n.ref as BufferRef, x!);
        return this.loadScalar(n, address, offset);
      }
      case 'unary':
        return internalUnary(this, n.fn as UnaryOp, this.scalar(x!)) ?? this.hostOrUnary(n, this.scalar(x!));
      case 'binary':
        return this.scalarBinary(n, x!, y!);
      case 'ternary':
        return scalars.ternary(n.fn as TernaryOp, n.dtype, this.scalar(x!), this.scalar(y!), this.scalar(z!));
      case 'select': {
        const name = hostFallbacks.get(z!.fn);
        if (name === undefined) return this.b.select(this.scalar(x!), this.scalar(y!), this.scalar(z!));
        return this.guarded(
          n,
          name,
          this.scalar(x!),
          this.scalar(y!),
          z!.args.map((a) => this.scalar(a)),
        );
      }
      case 'convert':
        return scalars.convert(x!.dtype, n.dtype, this.scalar(x!));
      case 'bitcast':
        return scalars.bitcast(x!.dtype, n.dtype, this.scalar(x!));
    }
  }

  hostOrUnary(n: Node, x: Lir): Lir {
    const fn = n.fn as UnaryOp;
    const name = hostFallbacks.get(fn);
    return name === undefined ? this.scalars.unary(fn, n.args[0]!.dtype, x) : this.scalars.call(name, n.dtype, [x]);
  }

  /** `fast` where `cond`, else a host call, which runs only when an element needs it. */
  guarded(n: Node, name: string, cond: Lir, fast: Lir, operands: readonly Lir[]): Lir {
    if (fast.type === 'v128' && this.assume(cond)) return fast;
    const extra = {
      imm: this.context.host(name, operands.length),
      lane: n.dtype === 'float64' ? 1 : 0,
      type: fast.type,
    };
    return this.b.make('guarded', [cond, fast, ...operands], extra);
  }

  private scalarBinary(n: Node, x: Node, y: Node): Lir {
    const fn = n.fn as BinaryOp;
    // Quotients and remainders of non-negative indices.
    if (x.dtype === 'int32' && (fn === 'div' || fn === 'rem') && x.lo >= 0 && y.kind === 'const' && y.value > 0) {
      return this.b.op(fn === 'div' ? 'i32.div_u' : 'i32.rem_u', this.scalar(x), this.scalar(y));
    }
    const isShift = fn === 'shl' || fn === 'shr_logical' || fn === 'shr_arithmetic';
    const right = isShift && y.kind === 'const' ? this.b.i32(y.value) : this.scalar(y);
    return this.scalars.binary(fn, x.dtype, this.scalar(x), right);
  }

  private readScalar(n: Node): Lir {
    const local = n.ref as Local;
    const index = this.scalarLocals.get(local);
    if (index === undefined) throw new Error(`internal: local ${local.id} is read before it is set`);
    return this.b.get(index, scalarType(local.dtype), this.depthOf[n.level]!, n.value);
  }

  private affine(n: Node): Lir {
    const { b } = this;
    const terms = n.args.map((a, i) => b.mul(this.scalar(a), this.coefficient(n, i)));
    terms.sort((p, q) => p.level - q.level);
    const start = n.value === 0 ? b.i32(0) : this.context.int(termSite(n), n.value);
    return terms.reduce((sum, t) => b.add(sum, t), start);
  }

  coefficient(n: Node, i: number): Lir {
    const c = n.coefficients[i]!;
    return c === 1 || c === -1 ? this.b.i32(c) : this.context.int(coefficientSite(n, i), c);
  }

  /** Byte address of an element (the first lane's, in lanes), as base + a constant offset that the access itself can carry. */
  address(buffer: BufferRef, index: Node): { address: Lir; offset: number } {
    const { b } = this;
    const { bytes } = dtypeInfo[buffer.dtype];
    const base = this.context.pointer(buffer);
    const scaled = (x: Lir): Lir => b.mul(x, b.i32(bytes));
    if (index.kind === 'const') {
      const at = this.context.int(constantSite(index), index.value);
      if (at.op !== 'const') return { address: b.add(base, scaled(at)), offset: 0 };
      return at.imm >= 0 ? { address: base, offset: at.imm * bytes } : { address: b.add(base, scaled(at)), offset: 0 };
    }
    if (index.kind !== 'affine') return { address: b.add(base, scaled(this.scalar(index))), offset: 0 };
    const terms = index.args.map((a, i) => b.mul(this.scalar(a), scaled(this.coefficient(index, i))));
    // Outer loops' terms first: their partial sums are computed outside the inner loops.
    terms.sort((p, q) => p.level - q.level);
    const inOffset = !this.context.isParametric && index.value > 0 && index.lo - index.value >= 0;
    const start =
      inOffset || index.value === 0 ? base : b.add(base, scaled(this.context.int(termSite(index), index.value)));
    return { address: terms.reduce((sum, t) => b.add(sum, t), start), offset: inOffset ? index.value * bytes : 0 };
  }

  /** The address of an element in row `row` of a tile. */
  atRow(buffer: BufferRef, index: Node, row: number): { address: Lir; offset: number } {
    const { b } = this;
    const first = this.address(buffer, index);
    const { node } = this.mode!.rows!;
    const i = index.args.indexOf(node);
    const step = index === node ? b.i32(1) : i < 0 ? b.i32(0) : this.coefficient(index, i);
    const distance = b.mul(b.mul(step, b.i32(dtypeInfo[buffer.dtype].bytes)), b.i32(row));
    if (distance.op === 'const' && distance.imm >= 0)
      return { address: first.address, offset: first.offset + distance.imm };
    return { address: b.add(first.address, distance), offset: first.offset };
  }

  memoryExtra(n: Node, offset: number): { imm: number; level: number; isUnsafe: boolean; tag: number } {
    // Loads of buffers that the kernel writes stay in the loop of the last write.
    const level = n.value === 0 ? 0 : this.depthOf[n.level]!;
    return { imm: offset, level, isUnsafe: n.isUnsafe, tag: n.value };
  }

  loadScalar(n: Node, address: Lir, offset: number): Lir {
    const { b } = this;
    const extra = this.memoryExtra(n, offset);
    return b.make(scalarLoad(n.dtype), [address], extra);
  }
}
