/**
 * `Node` → `Lir` in lanes of the loop that is being vectorised.
 * May import: `ir`, `kernel`.
 * @module
 */
import { dtypeInfo } from '../../../ir/dtype.ts';
import {
  type BinaryOp,
  type BufferRef,
  isComparison,
  type Local,
  type TernaryOp,
  type UnaryOp,
  isWord,
} from '../../../ir/loop/expr.ts';
import { isWide } from '../wide.ts';
import { axisCoefficient } from './coefficient.ts';
import { hostFallbacks, internalUnary } from './internal-ops.ts';
import type { Lir, LirBuilder } from './lir.ts';
import type { ValueLowering } from './lower-value.ts';
import type { Node } from './node.ts';
import { termSite } from './params.ts';
import type { VectorOps } from './vector-ops.ts';

export class LaneLowering {
  private readonly v: ValueLowering;
  private readonly b: LirBuilder;
  private readonly vectors: VectorOps;

  constructor(v: ValueLowering) {
    this.v = v;
    this.b = v.b;
    this.vectors = v.vectors;
  }

  /** Part `p` of the node's value; every part of what does not vary is the same. */
  lane(n: Node, p: number): Lir {
    if (!this.v.isVarying(n)) {
      return this.v.remembered(n.id * 64 + 1, () => this.vectors.splat(this.v.scalar(n), n.dtype));
    }
    return this.v.remembered(n.id * 64 + 2 + p, () => this.v.stagedPart(n, p) ?? this.makeLane(n, p));
  }

  /** Mask of a bool for 64-bit part `q`. */
  private mask64(n: Node, q: number): Lir {
    if (!this.v.isVarying(n)) return this.lane(n, 0);
    return this.v.remembered(n.id * 64 + 34 + q, () => {
      const [x, y] = n.args;
      if (n.kind === 'binary' && x!.dtype === 'float64') {
        return this.vectors.binary(n.fn as BinaryOp, 'float64', this.lane(x!, q), this.lane(y!, q))!;
      }
      if (n.kind === 'binary' && x!.dtype === 'bool') {
        const made = this.vectors.binary(n.fn as BinaryOp, 'bool', this.mask64(x!, q), this.mask64(y!, q));
        if (made !== undefined) return made;
      }
      if (n.kind === 'unary' && n.fn === 'usually') return this.mask64(x!, q);
      if (n.kind === 'unary' && n.fn === 'not') return this.b.op('v128.not', this.mask64(x!, q));
      return this.vectors.maskTo64(this.lane(n, q >> 1), q);
    });
  }

  private makeLane(n: Node, p: number): Lir {
    const { vectors } = this;
    const [x, y, z] = n.args;
    switch (n.kind) {
      case 'const':
        throw new Error('internal: a constant does not vary');
      case 'axis': {
        const counter = this.b.op('i32x4.splat', this.v.counterOf(n));
        return this.b.op('i32x4.add', counter, vectors.lanes32([0, 1, 2, 3].map((l) => 4 * p + l)));
      }
      case 'affine':
        return this.affineLane(n, p);
      case 'local': {
        const local = n.ref as Local;
        return this.b.get(this.v.laneLocal(local)![p]!, 'v128', this.v.depthOf[n.level]!, n.value);
      }
      case 'load':
        return this.loadLane(n, p);
      case 'unary':
        return this.unaryLane(n, x!, p);
      case 'binary':
        return this.binaryLane(n, x!, y!, p);
      case 'ternary':
        if (n.fn === 'madd') return vectors.madd(n.dtype, this.lane(x!, p), this.lane(y!, p), this.lane(z!, p));
        return this.lanewise(n, [x!, y!, z!], p, (e) =>
          this.v.scalars.ternary(n.fn as TernaryOp, n.dtype, e[0]!, e[1]!, e[2]!),
        );
      case 'select':
        return this.selectLane(n, x!, y!, z!, p);
      case 'convert':
        return this.convertLane(n, x!, p);
      case 'bitcast':
        return this.lane(x!, p);
    }
  }

  private lanewise(n: Node, args: readonly Node[], p: number, apply: (xs: Lir[]) => Lir): Lir {
    const made = this.vectors.lanewise(
      args.map((a) => ({ v: this.lane(a, p), dtype: a.dtype })),
      n.dtype,
      apply,
    );
    return this.apart(made, p);
  }

  /**
   * A vector that was put together lane by lane, made to look unlike its neighbour. V8 13.6 tries to join two that are alike, and asks
   * whether the second needs the first by following what seems to be every path between them: with much before, that takes forever.
   */
  private apart(v: Lir, p: number): Lir {
    return isWide() && p % 2 === 1 ? this.b.op('v128.or', v, v) : v;
  }

  private affineLane(n: Node, p: number): Lir {
    const { b } = this;
    let fixed: Lir[] = [];
    let sum: Lir | undefined;
    const negative: Lir[] = [];
    if (n.value !== 0) fixed.push(this.v.context.int(termSite(n), n.value));
    n.args.forEach((a, i) => {
      if (!this.v.isVarying(a)) {
        fixed.push(b.mul(this.v.scalar(a), this.v.coefficient(n, i)));
        return;
      }
      const c = n.coefficients[i]!;
      const v = this.lane(a, p);
      if (c === -1) negative.push(v);
      else {
        const scaled = c === 1 ? v : b.op('i32x4.mul', v, this.vectors.splat(this.v.coefficient(n, i), 'int32'));
        sum = sum === undefined ? scaled : b.op('i32x4.add', sum, scaled);
      }
    });
    for (const v of negative) sum = sum === undefined ? b.op('i32x4.neg', v) : b.op('i32x4.sub', sum, v);
    if (fixed.length === 0) return sum!;
    fixed = fixed.sort((s, t) => s.level - t.level);
    const uniform = this.vectors.splat(
      fixed.reduce((s, t) => b.add(s, t)),
      'int32',
    );
    return b.op('i32x4.add', sum!, uniform);
  }

  private unaryLane(n: Node, x: Node, p: number): Lir {
    const fn = n.fn as UnaryOp;
    if (isWord(fn))
      return this.vectors.everySecond('int32', this.lane(x, 2 * p), this.lane(x, 2 * p + 1), fn === 'high_word');
    const made =
      x.dtype === 'float64' && n.dtype === 'bool'
        ? this.narrowMask(n, p, (q) => this.vectors.unary(fn, x.dtype, this.lane(x, q))!)
        : (internalUnary(this.v, fn, this.lane(x, p)) ?? this.vectors.unary(fn, x.dtype, this.lane(x, p)));
    return made ?? this.lanewise(n, [x], p, (e) => this.v.hostOrUnary(n, e[0]!));
  }

  private narrowMask(n: Node, p: number, mask: (q: number) => Lir): Lir {
    return this.vectors.narrow(mask(2 * p), mask(2 * p + 1));
  }

  private binaryLane(n: Node, x: Node, y: Node, p: number): Lir {
    const fn = n.fn as BinaryOp;
    if (x.dtype === 'float64' && isComparison(fn)) return this.narrowMask(n, p, (q) => this.mask64(n, q));
    if ((fn === 'max' || fn === 'min') && (x.kind === 'const' || y.kind === 'const')) {
      const [value, limit] = x.kind === 'const' ? [y, x] : [x, y];
      const made = this.vectors.limit(fn, n.dtype, this.lane(value, p), limit.value);
      if (made !== undefined) return made;
    }
    const isShift = fn === 'shl' || fn === 'shr_logical' || fn === 'shr_arithmetic';
    const made = isShift
      ? this.shiftLane(fn, n, x, y, p)
      : this.vectors.binary(fn, x.dtype, this.lane(x, p), this.lane(y, p));
    return made ?? this.lanewise(n, [x, y], p, (e) => this.v.scalars.binary(fn, x.dtype, e[0]!, e[1]!));
  }

  private shiftLane(
    fn: 'shl' | 'shr_logical' | 'shr_arithmetic',
    n: Node,
    x: Node,
    y: Node,
    p: number,
  ): Lir | undefined {
    if (this.v.isVarying(y)) return undefined;
    const amount = y.kind === 'const' ? this.b.i32(y.value) : this.v.scalar(y);
    return this.vectors.shift(fn, n.dtype, this.lane(x, p), amount);
  }

  private selectLane(n: Node, cond: Node, then: Node, otherwise: Node, p: number): Lir {
    const { b } = this;
    const mask = n.dtype === 'float64' ? this.mask64(cond, p) : this.lane(cond, p);
    const name = hostFallbacks.get(otherwise.fn);
    if (cond.fn === 'usually' && this.v.assume(mask)) return this.lane(then, p);
    if (name !== undefined) {
      const operands = otherwise.args.map((a) => this.lane(a, p));
      return this.v.guarded(n, name, mask, this.lane(then, p), operands);
    }
    const s = n.dtype === 'float32' ? 'f32x4' : n.dtype === 'float64' ? 'f64x2' : undefined;
    // y < x ? y : x and x < y ? y : x are single instructions (with just these NaN and zero rules).
    if (s !== undefined && cond.fn === 'lt' && cond.kind === 'binary') {
      const [l, r] = cond.args;
      if (l === then && r === otherwise) return b.op(`${s}.pmin`, this.lane(otherwise, p), this.lane(then, p));
      if (r === then && l === otherwise) return b.op(`${s}.pmax`, this.lane(otherwise, p), this.lane(then, p));
    }
    return this.vectors.select(n.dtype, mask, this.lane(then, p), this.lane(otherwise, p));
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
    const c = axisCoefficient(index, this.v.lanes!.loop);
    if (this.v.lanes!.rows !== undefined) return this.loadRow(n, index, c, p);
    if (c === undefined) return this.gatherLane(n, buffer, index, p);
    const { address, offset } = this.v.address(buffer, index);
    const { bytes } = dtypeInfo[buffer.dtype];
    const perPart = n.dtype === 'float64' ? 2 : 4;
    if (c === 1 && bytes === 2) return this.halfWords(n, address, offset, p);
    if (c === 1) return this.widenMemory(n, address, offset + p * perPart * bytes);
    if (bytes > 2 && c === -1) return this.reversed(n, address, offset - (p * perPart + perPart - 1) * bytes);
    if (bytes > 2 && c === 2) return this.everySecond(n, address, offset + 32 * p);
    const stride = this.laneStride(index, bytes);
    return this.loadLanes(n, (lane) => {
      const steps = p * perPart + lane;
      if (stride.op === 'const' && stride.imm > 0) return { address, offset: offset + steps * stride.imm };
      return { address: this.b.add(address, this.b.mul(stride, this.b.i32(steps))), offset };
    });
  }

  /** Part `p` of a tile: a row, or half of one of float64. What lies side by side along the rows is loaded so, and exchanged. */
  private loadRow(n: Node, index: Node, c: number | undefined, p: number): Lir {
    const { b } = this;
    const buffer = n.ref as BufferRef;
    const isDouble = n.dtype === 'float64';
    const [row, half] = isDouble ? [p >> 1, p & 1] : [p, 0];
    if (c === 0 || c === 1) {
      const { address, offset } = this.v.atRow(buffer, index, row);
      const splat = isDouble ? 'v128.load64_splat' : 'v128.load32_splat';
      const at = c === 0 ? offset : offset + 16 * half;
      return b.make(c === 0 ? splat : 'v128.load', [address], this.v.memoryExtra(n, at));
    }
    const { address, offset } = this.v.address(buffer, index);
    const stride = this.laneStride(index, dtypeInfo[buffer.dtype].bytes);
    /** Vector `v` of column `q`. */
    const column = (q: number, v: number): Lir => {
      const at = b.mul(stride, b.i32(q));
      return at.op === 'const'
        ? this.vectorAt(n, address, offset + 16 * v + at.imm)
        : this.vectorAt(n, b.add(address, at), offset + 16 * v);
    };
    if (isDouble) {
      const [low, high] = [0, 1].map((q) => column(2 * half + q, row >> 1));
      return this.vectors.shuffleLanes(n.dtype, low!, high!, row % 2 === 0 ? [0, 2] : [1, 3]);
    }
    const pairs = row < 2 ? [0, 4, 1, 5] : [2, 6, 3, 7];
    const [low, high] = [0, 2].map((q) => this.vectors.shuffleLanes(n.dtype, column(q, 0), column(q + 1, 0), pairs));
    return this.vectors.shuffleLanes(n.dtype, low!, high!, row % 2 === 0 ? [0, 1, 4, 5] : [2, 3, 6, 7]);
  }

  private vectorAt(n: Node, address: Lir, offset: number): Lir {
    // The offset of an access is unsigned.
    const base = offset < 0 ? this.b.add(address, this.b.i32(offset)) : address;
    return this.b.make('v128.load', [base], this.v.memoryExtra(n, Math.max(offset, 0)));
  }

  /** A vector of neighbouring elements, the last first. */
  private reversed(n: Node, address: Lir, offset: number): Lir {
    return this.vectors.reverse(n.dtype, this.vectorAt(n, address, offset));
  }

  /**
   * A vector of every second element. Where the first is odd, of the vectors that begin one element before, which are those
   * of the even elements if these are needed, too. Reads up to one element beyond, which the slack of the heap allows.
   */
  private everySecond(n: Node, address: Lir, offset: number): Lir {
    const { bytes } = dtypeInfo[n.dtype];
    const isOdd = (offset / bytes) % 2 === 1;
    const from = isOdd ? offset - bytes : offset;
    const [low, high] = [this.vectorAt(n, address, from), this.vectorAt(n, address, from + 16)];
    return this.vectors.everySecond(n.dtype, low, high, isOdd);
  }

  /** Bytes between the addresses of neighbouring lanes. */
  private laneStride(index: Node, bytes: number): Lir {
    const i = index.args.indexOf(this.v.lanes!.loop.node);
    return this.b.mul(this.v.coefficient(index, i), this.b.i32(bytes));
  }

  /** Neighbouring elements of two bytes. Two parts are loaded at once. */
  private halfWords(n: Node, address: Lir, offset: number, p: number): Lir {
    const { b } = this;
    const extra = (part: number): ReturnType<ValueLowering['memoryExtra']> => this.v.memoryExtra(n, offset + 8 * part);
    if (this.v.lanes!.parts % 2 === 1)
      return b.op('i32x4.extend_low_i16x8_u', b.make('v128.load64_zero', [address], extra(p)));
    const both = b.make('v128.load', [address], extra(p - (p % 2)));
    return b.op(p % 2 === 0 ? 'i32x4.extend_low_i16x8_u' : 'i32x4.extend_high_i16x8_u', both);
  }

  /** A vector of neighbouring elements in memory. */
  private widenMemory(n: Node, address: Lir, offset: number): Lir {
    const { b } = this;
    const extra = this.v.memoryExtra(n, offset);
    const width = dtypeInfo[n.dtype].bytes;
    if (width > 2) return b.make('v128.load', [address], extra);
    const bytes = b.make('v128.load32_zero', [address], extra);
    const words = b.op('i32x4.extend_low_i16x8_u', b.op('i16x8.extend_low_i8x16_u', bytes));
    return n.dtype === 'bool' ? b.op('i32x4.neg', words) : words;
  }

  private loadLanes(n: Node, at: (lane: number) => { address: Lir; offset: number }): Lir {
    const { b } = this;
    const count = n.dtype === 'float64' ? 2 : 4;
    if (dtypeInfo[n.dtype].bytes <= 2) {
      const elements = Array.from({ length: count }, (_, l) => this.v.loadScalar(n, at(l).address, at(l).offset));
      return this.vectors.assemble(elements, n.dtype);
    }
    const bits = n.dtype === 'float64' ? '64' : '32';
    const first = at(0);
    let v = b.make(`v128.load${bits}_splat`, [first.address], this.v.memoryExtra(n, first.offset));
    for (let lane = 1; lane < count; lane++) {
      const { address, offset } = at(lane);
      v = b.make(`v128.load${bits}_lane`, [address, v], { ...this.v.memoryExtra(n, offset), lane });
    }
    return v;
  }

  private gatherLane(n: Node, buffer: BufferRef, index: Node, p: number): Lir {
    return this.loadLanes(n, (lane) => ({
      address: this.laneAddress(buffer, index, n.dtype === 'float64' ? 2 * p + lane : 4 * p + lane),
      offset: 0,
    }));
  }

  /** Address of the element that lane `lane` (counted over all parts) of a non-affine index picks. */
  laneAddress(buffer: BufferRef, index: Node, lane: number): Lir {
    const { b } = this;
    const element = this.vectors.extract(this.lane(index, lane >> 2), 'int32', lane & 3);
    return b.add(this.v.context.pointer(buffer), b.mul(element, b.i32(dtypeInfo[buffer.dtype].bytes)));
  }

  /** Address of lane `lane` of an index that is affine in the vectorised axis, for stores. */
  stridedAddress(buffer: BufferRef, index: Node, lane: number): { address: Lir; offset: number } {
    const { address, offset } = this.v.address(buffer, index);
    const stride = this.laneStride(index, dtypeInfo[buffer.dtype].bytes);
    if (stride.op === 'const' && stride.imm > 0) return { address, offset: offset + lane * stride.imm };
    return { address: this.b.add(address, this.b.mul(stride, this.b.i32(lane))), offset };
  }
}
