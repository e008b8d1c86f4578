/**
 * `Node` → `Lir`, in two ways: one element at a time, and in lanes of the loop that is being vectorised. In lanes, a 32-bit value has
 * `unroll` parts of four lanes and a float64 twice as many of two; what does not vary along the lanes is computed once and spread.
 * May import: `ir`, `kernel`.
 * @module
 */
import { dtypeInfo } from '../../../ir/dtype.ts';
import { type BinaryOp, type BufferRef, isComparison, type Local, type TernaryOp, type UnaryOp } from '../../../ir/loop/expr.ts';
import type { OpName } from '../encode/opcodes.ts';
import { internalUnary } from './internal-ops.ts';
import type { Lir, LirBuilder } from './lir.ts';
import { type Loop, visitNodes } from './nest.ts';
import { depthBit, type Node } from './node.ts';
import { coefficientSite, constantSite, type IntSite, termSite } from './params.ts';
import { type HostImport, ScalarOps, scalarType } from './scalar-ops.ts';
import { VectorOps } from './vector-ops.ts';
import { axisCoefficient } from './vectorize.ts';

/** What the lowering needs from the function around it. */
export interface ValueContext {
  readonly pointer: (b: BufferRef) => Lir;
  /** An integer of the nest: a constant, or a parameter of the function. */
  readonly int: (site: IntSite, value: number) => Lir;
  readonly isParametric: boolean;
  readonly host: HostImport;
  readonly vectorGlobal: (bytes: Uint8Array) => number;
}

export interface LaneMode {
  readonly loop: Loop;
  /** Groups of four lanes. */
  readonly parts: number;
}

/** Recursion bound; deeper graphs are lowered bottom-up in slices of this height. */
const maxHeight = 60;

const large: ReadonlyMap<unknown, string> = new Map([
  ['sin_large', 'sin'],
  ['cos_large', 'cos'],
  ['tan_large', 'tan'],
]);

export class ValueLowering {
  readonly b: LirBuilder;
  readonly scalars: ScalarOps;
  readonly vectors: VectorOps;
  private readonly context: ValueContext;
  private mode: LaneMode | undefined;
  private memo = new Map<number, Lir>();
  /** Lir loop depth of each loop depth of the nest. */
  readonly depthOf: number[] = [0];
  private readonly axes = new Map<Node, Lir>();
  /** wasm locals of nest locals: one for the scalar, or one a part. */
  private readonly scalarLocals = new Map<Local, number>();
  private readonly laneLocals = new Map<Local, readonly number[]>();

  constructor(b: LirBuilder, context: ValueContext) {
    this.b = b;
    this.context = context;
    this.scalars = new ScalarOps(b, context.host);
    this.vectors = new VectorOps(b, this.scalars, context.vectorGlobal);
  }

  get lanes(): LaneMode | undefined {
    return this.mode;
  }

  setMode(mode: LaneMode | undefined): void {
    this.mode = mode;
    this.memo = new Map();
  }

  bindAxis(axis: Node, counter: Lir): void {
    this.axes.set(axis, counter);
    this.memo = new Map();
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

  isVarying(n: Node): boolean {
    return this.mode !== undefined && (n.deps & depthBit(this.mode.loop.depth)) !== 0;
  }

  /** Number of v128 parts of a value of this node's dtype. */
  partsOf(n: Node): number {
    return n.dtype === 'float64' ? 2 * this.mode!.parts : this.mode!.parts;
  }

  private remembered(key: number, make: () => Lir): Lir {
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
      else if (n.dtype !== 'int32' || n.kind !== 'affine') for (let p = 0; p < this.partsOf(n); p++) this.lane(n, p);
    });
  }

  /** Value of the node outside lanes. */
  value(n: Node): Lir {
    this.prepare(n);
    return this.scalar(n);
  }

  /** Part `p` of the node's value in lanes. */
  part(n: Node, p: number): Lir {
    this.prepare(n);
    return this.lane(n, p);
  }

  // One element

  private scalar(n: Node): Lir {
    return this.remembered(n.id * 64, () => this.makeScalar(n));
  }

  private makeScalar(n: Node): Lir {
    const { scalars } = this;
    const [x, y, z] = n.args;
    switch (n.kind) {
      case 'const': return n.dtype === 'int32' ? this.context.int(constantSite(n), n.value) : scalars.constant(n.value, n.dtype);
      case 'axis': return this.axes.get(n)!;
      case 'affine': return this.affine(n);
      case 'local': return this.readScalar(n);
      case 'load': {
        const { address, offset } = this.address(n.ref as BufferRef, x!);
        return this.loadScalar(n, address, offset);
      }
      case 'unary':
        return internalUnary(this, n.fn as UnaryOp, this.scalar(x!)) ?? this.hostOrUnary(n, this.scalar(x!));
      case 'binary': return this.scalarBinary(n, x!, y!);
      case 'ternary': return scalars.ternary(n.fn as TernaryOp, n.dtype, this.scalar(x!), this.scalar(y!), this.scalar(z!));
      case 'select': {
        const name = large.get(z!.fn);
        if (name === undefined) return this.b.select(this.scalar(x!), this.scalar(y!), this.scalar(z!));
        return this.guarded(n, name, this.scalar(x!), this.scalar(y!), this.scalar(z!.args[0]!));
      }
      case 'convert': return scalars.convert(x!.dtype, n.dtype, this.scalar(x!));
      case 'bitcast': return scalars.bitcast(x!.dtype, n.dtype, this.scalar(x!));
    }
  }

  private hostOrUnary(n: Node, x: Lir): Lir {
    const fn = n.fn as UnaryOp;
    const name = large.get(fn);
    return name === undefined
      ? this.scalars.unary(fn, n.args[0]!.dtype, x)
      : this.scalars.call(name, n.dtype, [x]);
  }

  /** `fast` where `cond`, else a host call, which runs only when an element needs it. */
  private guarded(n: Node, name: string, cond: Lir, fast: Lir, x: Lir): Lir {
    const extra = { imm: this.context.host(name, 1), lane: n.dtype === 'float64' ? 1 : 0, type: fast.type };
    return this.b.make('guarded', [cond, fast, x], extra);
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

  private coefficient(n: Node, i: number): Lir {
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
    const start = inOffset || index.value === 0 ? base : b.add(base, scaled(this.context.int(termSite(index), index.value)));
    return { address: terms.reduce((sum, t) => b.add(sum, t), start), offset: inOffset ? index.value * bytes : 0 };
  }

  private memoryExtra(n: Node, offset: number): { imm: number; level: number; isUnsafe: boolean; tag: number } {
    // Loads of buffers that the kernel writes stay in the loop of the last write.
    const level = n.value === 0 ? 0 : this.depthOf[n.level]!;
    return { imm: offset, level, isUnsafe: n.isUnsafe, tag: n.value };
  }

  private loadScalar(n: Node, address: Lir, offset: number): Lir {
    const { b } = this;
    const extra = this.memoryExtra(n, offset);
    const op: OpName =
      n.dtype === 'float32' ? 'f32.load' : n.dtype === 'float64' ? 'f64.load'
      : dtypeInfo[n.dtype].bytes === 1 ? 'i32.load8_u' : 'i32.load';
    return b.make(op, [address], extra);
  }

  // Lanes

  private lane(n: Node, p: number): Lir {
    if (!this.isVarying(n)) {
      return this.remembered(n.id * 64 + 1, () => this.vectors.splat(this.scalar(n), n.dtype));
    }
    return this.remembered(n.id * 64 + 2 + p, () => this.makeLane(n, p));
  }

  /** Mask of a bool for 64-bit part `q`. */
  private mask64(n: Node, q: number): Lir {
    if (!this.isVarying(n)) return this.lane(n, 0);
    return this.remembered(n.id * 64 + 34 + q, () => {
      const [x, y] = n.args;
      if (n.kind === 'binary' && x!.dtype === 'float64') {
        return this.vectors.binary(n.fn as BinaryOp, 'float64', this.lane(x!, q), this.lane(y!, q))!;
      }
      if (n.kind === 'binary' && x!.dtype === 'bool') {
        const made = this.vectors.binary(n.fn as BinaryOp, 'bool', this.mask64(x!, q), this.mask64(y!, q));
        if (made !== undefined) return made;
      }
      if (n.kind === 'unary' && n.fn === 'not') return this.b.op('v128.not', this.mask64(x!, q));
      return this.vectors.maskTo64(this.lane(n, q >> 1), q);
    });
  }

  private makeLane(n: Node, p: number): Lir {
    const { vectors } = this;
    const [x, y, z] = n.args;
    switch (n.kind) {
      case 'const': throw new Error('internal: a constant does not vary');
      case 'axis': {
        const counter = this.b.op('i32x4.splat', this.axes.get(n)!);
        return this.b.op('i32x4.add', counter, vectors.lanes32([0, 1, 2, 3].map((l) => 4 * p + l)));
      }
      case 'affine': return this.affineLane(n, p);
      case 'local': {
        const local = n.ref as Local;
        return this.b.get(this.laneLocals.get(local)![p]!, 'v128', this.depthOf[n.level]!, n.value);
      }
      case 'load': return this.loadLane(n, p);
      case 'unary': return this.unaryLane(n, x!, p);
      case 'binary': return this.binaryLane(n, x!, y!, p);
      case 'ternary': return this.lanewise(n, [x!, y!, z!], p, (e) => this.scalars.ternary(n.fn as TernaryOp, n.dtype, e[0]!, e[1]!, e[2]!));
      case 'select': return this.selectLane(n, x!, y!, z!, p);
      case 'convert': return this.convertLane(n, x!, p);
      case 'bitcast': return this.lane(x!, p);
    }
  }

  private lanewise(n: Node, args: readonly Node[], p: number, apply: (xs: Lir[]) => Lir): Lir {
    return this.vectors.lanewise(args.map((a) => ({ v: this.lane(a, p), dtype: a.dtype })), n.dtype, apply);
  }

  private affineLane(n: Node, p: number): Lir {
    const { b } = this;
    let fixed: Lir[] = [];
    let sum: Lir | undefined;
    if (n.value !== 0) fixed.push(this.context.int(termSite(n), n.value));
    n.args.forEach((a, i) => {
      if (!this.isVarying(a)) {
        fixed.push(b.mul(this.scalar(a), this.coefficient(n, i)));
        return;
      }
      const c = n.coefficients[i]!;
      const v = this.lane(a, p);
      if (sum !== undefined && c === -1) sum = b.op('i32x4.sub', sum, v);
      else {
        const scaled = c === 1 ? v : b.op('i32x4.mul', v, this.vectors.splat(this.coefficient(n, i), 'int32'));
        sum = sum === undefined ? scaled : b.op('i32x4.add', sum, scaled);
      }
    });
    if (fixed.length === 0) return sum!;
    fixed = fixed.sort((s, t) => s.level - t.level);
    const uniform = this.vectors.splat(fixed.reduce((s, t) => b.add(s, t)), 'int32');
    return b.op('i32x4.add', sum!, uniform);
  }

  private unaryLane(n: Node, x: Node, p: number): Lir {
    const fn = n.fn as UnaryOp;
    const made =
      x.dtype === 'float64' && n.dtype === 'bool'
        ? this.narrowMask(n, p, (q) => this.vectors.unary(fn, x.dtype, this.lane(x, q))!)
        : (internalUnary(this, fn, this.lane(x, p)) ?? this.vectors.unary(fn, x.dtype, this.lane(x, p)));
    return made ?? this.lanewise(n, [x], p, (e) => this.hostOrUnary(n, e[0]!));
  }

  private narrowMask(n: Node, p: number, mask: (q: number) => Lir): Lir {
    return this.vectors.narrow(mask(2 * p), mask(2 * p + 1));
  }

  private binaryLane(n: Node, x: Node, y: Node, p: number): Lir {
    const fn = n.fn as BinaryOp;
    if (x.dtype === 'float64' && isComparison(fn)) return this.narrowMask(n, p, (q) => this.mask64(n, q));
    const isShift = fn === 'shl' || fn === 'shr_logical' || fn === 'shr_arithmetic';
    const made = isShift
      ? this.shiftLane(fn, n, x, y, p)
      : this.vectors.binary(fn, x.dtype, this.lane(x, p), this.lane(y, p));
    return made ?? this.lanewise(n, [x, y], p, (e) => this.scalars.binary(fn, x.dtype, e[0]!, e[1]!));
  }

  private shiftLane(fn: 'shl' | 'shr_logical' | 'shr_arithmetic', n: Node, x: Node, y: Node, p: number): Lir | undefined {
    if (this.isVarying(y)) return undefined;
    const amount = y.kind === 'const' ? this.b.i32(y.value) : this.scalar(y);
    return this.vectors.shift(fn, n.dtype, this.lane(x, p), amount);
  }

  private selectLane(n: Node, cond: Node, then: Node, otherwise: Node, p: number): Lir {
    const { b } = this;
    const mask = n.dtype === 'float64' ? this.mask64(cond, p) : this.lane(cond, p);
    const name = large.get(otherwise.fn);
    if (name !== undefined) return this.guarded(n, name, mask, this.lane(then, p), this.lane(otherwise.args[0]!, p));
    const s = n.dtype === 'float32' ? 'f32x4' : n.dtype === 'float64' ? 'f64x2' : undefined;
    // y < x ? y : x and x < y ? y : x are single instructions (with just these NaN and zero rules).
    if (s !== undefined && cond.fn === 'lt' && cond.kind === 'binary') {
      const [l, r] = cond.args;
      if (l === then && r === otherwise) return b.op(`${s}.pmin`, this.lane(otherwise, p), this.lane(then, p));
      if (r === then && l === otherwise) return b.op(`${s}.pmax`, this.lane(otherwise, p), this.lane(then, p));
    }
    return b.op('v128.bitselect', this.lane(then, p), this.lane(otherwise, p), mask);
  }

  private convertLane(n: Node, x: Node, p: number): Lir {
    if (n.dtype === 'float64') return this.vectors.widen(x.dtype, this.lane(x, p >> 1), p);
    if (x.dtype === 'float64') {
      return this.vectors.narrowFloats(n.dtype, this.lane(x, 2 * p), this.lane(x, 2 * p + 1));
    }
    return this.vectors.convert32(x.dtype, n.dtype, this.lane(x, p));
  }

  private loadLane(n: Node, p: number): Lir {
    const buffer = n.ref as BufferRef;
    const index = n.args[0]!;
    const c = axisCoefficient(index, this.mode!.loop);
    if (c === undefined) return this.gatherLane(n, buffer, index, p);
    const { address, offset } = this.address(buffer, index);
    const { bytes } = dtypeInfo[buffer.dtype];
    const perPart = n.dtype === 'float64' ? 2 : 4;
    if (c === 1) return this.widenMemory(n, address, offset + p * perPart * bytes);
    const stride = this.laneStride(index, bytes);
    return this.loadLanes(n, (lane) => {
      const steps = p * perPart + lane;
      if (stride.op === 'const' && stride.imm > 0) return { address, offset: offset + steps * stride.imm };
      return { address: this.b.add(address, this.b.mul(stride, this.b.i32(steps))), offset };
    });
  }

  /** Bytes between the addresses of neighbouring lanes. */
  private laneStride(index: Node, bytes: number): Lir {
    const i = index.args.indexOf(this.mode!.loop.node);
    return this.b.mul(this.coefficient(index, i), this.b.i32(bytes));
  }

  /** A vector of neighbouring elements in memory. */
  private widenMemory(n: Node, address: Lir, offset: number): Lir {
    const { b } = this;
    const extra = this.memoryExtra(n, offset);
    if (dtypeInfo[n.dtype].bytes > 1) return b.make('v128.load', [address], extra);
    const bytes = b.make('v128.load32_zero', [address], extra);
    const words = b.op('i32x4.extend_low_i16x8_u', b.op('i16x8.extend_low_i8x16_u', bytes));
    return n.dtype === 'bool' ? b.op('i32x4.neg', words) : words;
  }

  private loadLanes(n: Node, at: (lane: number) => { address: Lir; offset: number }): Lir {
    const { b } = this;
    const count = n.dtype === 'float64' ? 2 : 4;
    if (dtypeInfo[n.dtype].bytes === 1) {
      const elements = Array.from({ length: count }, (_, l) => this.loadScalar(n, at(l).address, at(l).offset));
      return this.vectors.assemble(elements, n.dtype);
    }
    const bits = n.dtype === 'float64' ? '64' : '32';
    const first = at(0);
    let v = b.make(`v128.load${bits}_splat`, [first.address], this.memoryExtra(n, first.offset));
    for (let lane = 1; lane < count; lane++) {
      const { address, offset } = at(lane);
      v = b.make(`v128.load${bits}_lane`, [address, v], { ...this.memoryExtra(n, offset), lane });
    }
    return v;
  }

  private gatherLane(n: Node, buffer: BufferRef, index: Node, p: number): Lir {
    return this.loadLanes(n, (lane) => ({ address: this.laneAddress(buffer, index, n.dtype === 'float64' ? 2 * p + lane : 4 * p + lane), offset: 0 }));
  }

  /** Address of the element that lane `lane` (counted over all parts) of a non-affine index picks. */
  laneAddress(buffer: BufferRef, index: Node, lane: number): Lir {
    const { b } = this;
    const element = this.vectors.extract(this.lane(index, lane >> 2), 'int32', lane & 3);
    return b.add(this.context.pointer(buffer), b.mul(element, b.i32(dtypeInfo[buffer.dtype].bytes)));
  }

  /** Address of lane `lane` of an index that is affine in the vectorised axis, for stores. */
  stridedAddress(buffer: BufferRef, index: Node, lane: number): { address: Lir; offset: number } {
    const { address, offset } = this.address(buffer, index);
    const stride = this.laneStride(index, dtypeInfo[buffer.dtype].bytes);
    if (stride.op === 'const' && stride.imm > 0) return { address, offset: offset + lane * stride.imm };
    return { address: this.b.add(address, this.b.mul(stride, this.b.i32(lane))), offset };
  }
}
