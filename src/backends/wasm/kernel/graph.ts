/**
 * Builds `Node`s: interning, interval analysis, and the integer identities that make index expressions affine.
 * May import: `ir`, `kernel/node`.
 * @module
 */
import { type DType, dtypeInfo, isHalf, saturate } from '../../../ir/dtype.ts';
import {
  type Axis,
  type BinaryOp,
  type BufferRef,
  isComparison,
  type Local,
  type TernaryOp,
  type UnaryOp,
  unaryDType,
} from '../../../ir/loop/expr.ts';
import { depthBit, isBounded, isConst, type Node, type NodeKind, noRange, speculationSlack } from './node.ts';

interface Affine {
  constant: number;
  readonly terms: Map<Node, number>;
}

/** Up to three numbers below 2^17 fit in the 53 bits of a number that is a key. */
const keyBase = 131072;

/** Affine nodes with more terms than this are opaque to their users, so that long integer sums stay linear in size. */
const maxTerms = 8;

const emptyArgs: readonly Node[] = [];
const noCoefficients: readonly number[] = [];

/** Values that a lane of more bits holds. A 16-bit float is its bits. */
const ranges: Partial<Record<DType, { readonly lo: number; readonly hi: number }>> = {
  bool: { lo: 0, hi: 1 },
  uint8: { lo: 0, hi: 255 },
  float16: { lo: 0, hi: 65535 },
  bfloat16: { lo: 0, hi: 65535 },
};

/** Whether an element is at a place that is safe to read: in the buffer, or not too far from it. */
function isNear(buffer: BufferRef, { lo, hi }: Node): boolean {
  const { bytes } = dtypeInfo[buffer.dtype];
  return lo * bytes >= -speculationSlack && (hi - buffer.size) * bytes <= speculationSlack;
}

type Fields = Partial<Omit<Node, 'id' | 'kind' | 'dtype'>>;

export class Graph {
  /** Constants, leaves and affine forms by a description. */
  private readonly table = new Map<string, Node>();
  /** Operations by function (and dtype, where the operands do not tell), then by operands. */
  private readonly operations = new Map<string, Map<number | string, Node>>();
  private count = 0;

  private intern(key: string, kind: NodeKind, dtype: DType, fields: Fields): Node {
    let node = this.table.get(key);
    if (node === undefined) this.table.set(key, (node = this.create(kind, dtype, fields)));
    return node;
  }

  private create(kind: NodeKind, dtype: DType, fields: Fields): Node {
    const args = fields.args ?? emptyArgs;
    let { level = 0, deps = 0, isUnsafe = false } = fields;
    let height = 0;
    for (let i = 0; i < args.length; i++) {
      const a = args[i]!;
      if (a.level > level) level = a.level;
      deps |= a.deps;
      isUnsafe ||= a.isUnsafe;
      if (a.height >= height) height = a.height + 1;
    }
    const range = ranges[dtype] ?? noRange;
    return {
      id: this.count++,
      kind,
      dtype,
      fn: fields.fn,
      args,
      coefficients: fields.coefficients ?? noCoefficients,
      value: fields.value ?? 0,
      ref: fields.ref,
      lo: Math.max(fields.lo ?? range.lo, range.lo),
      hi: Math.min(fields.hi ?? range.hi, range.hi),
      level,
      deps,
      isUnsafe,
      height,
    };
  }

  constant(value: number, dtype: DType): Node {
    const key = `c${dtype}:${Object.is(value, -0) ? '-0' : value}`;
    const isInt = dtype === 'int32' || dtype === 'bool' || dtype === 'uint8';
    return this.intern(key, 'const', dtype, isInt ? { value, lo: value, hi: value } : { value });
  }

  int(value: number): Node {
    return this.constant(value | 0, 'int32');
  }

  axis(axis: Axis, depth: number): Node {
    const range = { lo: 0, hi: Math.max(axis.extent - 1, 0) };
    return this.intern(`a${axis.id}`, 'axis', 'int32', { ref: axis, level: depth, deps: depthBit(depth), ...range });
  }

  local(local: Local, version: number, level: number, deps: number): Node {
    return this.intern(`l${local.id}:${version}`, 'local', local.dtype, { ref: local, value: version, level, deps });
  }

  load(buffer: BufferRef, index: Node, version: number, level: number, isGuarded: boolean): Node {
    const isSafe = isGuarded || isNear(buffer, index);
    const fields = { ref: buffer, args: [index], value: version, level, isUnsafe: !isSafe };
    return this.intern(`m${buffer.id}:${version}:${index.id}${isSafe ? '' : '!'}`, 'load', buffer.dtype, fields);
  }

  // Affine arithmetic

  private addScaled(into: Affine, n: Node, scale: number): void {
    const isSum = n.kind === 'affine' && n.args.length <= maxTerms;
    if (isSum || n.kind === 'const') into.constant = (into.constant + Math.imul(n.value, scale)) | 0;
    if (isSum) n.args.forEach((a, i) => this.addTerm(into, a, Math.imul(n.coefficients[i]!, scale)));
    else if (n.kind !== 'const') this.addTerm(into, n, scale);
  }

  private addTerm({ terms }: Affine, atom: Node, c: number): void {
    const sum = ((terms.get(atom) ?? 0) + c) | 0;
    if (sum === 0) terms.delete(atom);
    else terms.set(atom, sum);
  }

  /** q·d·c + r·c with q = x / d and r = x rem d is x·c. */
  private recombine(a: Affine): void {
    for (let again = true; again;) {
      again = false;
      for (const [rem, c] of a.terms) {
        if (rem.kind !== 'binary' || rem.fn !== 'rem' || rem.args[1]!.kind !== 'const' || rem.args[0]!.lo < 0) continue;
        const [x, d] = [rem.args[0]!, rem.args[1]!.value];
        const quotient = this.quotient(x, d);
        if (a.terms.get(quotient) !== Math.imul(c, d)) continue;
        a.terms.delete(rem);
        a.terms.delete(quotient);
        this.addScaled(a, x, c);
        again = true;
        break;
      }
    }
  }

  private fromAffine(a: Affine): Node {
    if (a.terms.size > 1) this.recombine(a);
    if (a.terms.size === 0) return this.int(a.constant);
    const entries = [...a.terms].sort((p, q) => p[0].id - q[0].id);
    if (entries.length === 1 && a.constant === 0 && entries[0]![1] === 1) return entries[0]![0];
    let [lo, hi] = [a.constant, a.constant];
    let bounded = true;
    for (const [n, c] of entries) {
      bounded &&= isBounded(n);
      lo += c > 0 ? c * n.lo : c * n.hi;
      hi += c > 0 ? c * n.hi : c * n.lo;
    }
    const range = bounded && lo >= noRange.lo && hi <= noRange.hi ? { lo, hi } : noRange;
    const args = entries.map((e) => e[0]);
    const coefficients = entries.map((e) => e[1]);
    const key = `+${a.constant}:${entries.map(([n, c]) => `${c}*${n.id}`).join()}`;
    return this.intern(key, 'affine', 'int32', { args, coefficients, value: a.constant, ...range });
  }

  add(x: Node, y: Node): Node {
    return this.combine(x, 1, y, 1);
  }

  scale(x: Node, factor: number): Node {
    return this.combine(x, factor, this.int(0), 0);
  }

  private combine(x: Node, cx: number, y: Node, cy: number): Node {
    if (cx === 1 && (cy === 0 || isConst(y, 0))) return x;
    if (cy === 1 && isConst(x, 0)) return y;
    const a: Affine = { constant: 0, terms: new Map() };
    this.addScaled(a, x, cx);
    this.addScaled(a, y, cy);
    return this.fromAffine(a);
  }

  /**
   * `index` where `guard` holds, elsewhere some element that is safe to read. Of a sum, only the terms that may lead anywhere are made 0
   * elsewhere: so the index of a row that is looked up still runs along that row.
   */
  guardedIndex(guard: Node, index: Node, buffer: BufferRef): Node {
    if (index.kind === 'affine') {
      const sum: Affine = { constant: index.value, terms: new Map() };
      const elsewhere: Affine = { constant: index.value, terms: new Map() };
      for (let i = 0; i < index.args.length; i++) {
        const [a, c] = [index.args[i]!, index.coefficients[i]!];
        if (isBounded(a)) this.addScaled(elsewhere, a, c);
        this.addScaled(sum, isBounded(a) ? a : this.select(guard, a, this.int(0)), c);
      }
      if (isNear(buffer, this.fromAffine(elsewhere))) return this.fromAffine(sum);
    }
    return this.select(guard, index, this.int(0));
  }

  /** Splits x = d·a + r by the terms that d divides. */
  private splitBy(x: Node, d: number): { a: Node; r: Node } {
    const p: Affine = { constant: 0, terms: new Map() };
    this.addScaled(p, x, 1);
    const a: Affine = { constant: Math.floor(p.constant / d), terms: new Map() };
    const r: Affine = { constant: p.constant - a.constant * d, terms: new Map() };
    for (const [n, c] of p.terms) {
      if (c % d === 0) a.terms.set(n, c / d);
      else r.terms.set(n, c);
    }
    return { a: this.fromAffine(a), r: this.fromAffine(r) };
  }

  /** x / d for x ≥ 0 and a constant d > 0. */
  quotient(x: Node, d: number): Node {
    if (d === 1) return x;
    if (x.hi < d) return this.int(0);
    if (x.kind === 'const') return this.int(Math.floor(x.value / d));
    const { a, r } = this.splitBy(x, d);
    if (r.lo >= 0 && r.hi < d) return a;
    if (r.lo >= 0 && isBounded(a) && !isConst(a, 0)) return this.add(a, this.quotient(r, d));
    if (x.kind === 'binary' && x.fn === 'div' && x.args[1]!.kind === 'const' && x.args[0]!.lo >= 0) {
      return this.quotient(x.args[0]!, x.args[1]!.value * d);
    }
    const range = { lo: Math.floor(x.lo / d), hi: Math.floor(x.hi / d) };
    return this.op('binary', 'div', 'int32', [x, this.int(d)], range);
  }

  /** x rem d for x ≥ 0 and a constant d > 0. */
  remainder(x: Node, d: number): Node {
    if (d === 1) return this.int(0);
    if (x.hi < d) return x;
    if (x.kind === 'const') return this.int(x.value % d);
    const { a, r } = this.splitBy(x, d);
    if (r.lo >= 0 && r.hi < d) return r;
    if (r.lo >= 0 && !isConst(a, 0)) return this.remainder(r, d);
    return this.op('binary', 'rem', 'int32', [x, this.int(d)], { lo: 0, hi: d - 1 });
  }

  private op(kind: NodeKind, fn: Node['fn'], dtype: DType, args: readonly Node[], fields: Fields = {}): Node {
    const name = fn ?? (kind === 'select' ? kind : `${kind} ${dtype}`);
    let table = this.operations.get(name);
    if (table === undefined) this.operations.set(name, (table = new Map()));
    const key = this.keyOf(args);
    let node = table.get(key);
    if (node === undefined) table.set(key, (node = this.create(kind, dtype, { ...fields, fn, args })));
    return node;
  }

  private keyOf(args: readonly Node[]): number | string {
    let key = 0;
    let isSmall = args.length <= 3;
    for (let i = 0; i < args.length; i++) {
      const { id } = args[i]!;
      key = key * keyBase + id;
      isSmall &&= id < keyBase;
    }
    return isSmall ? key : args.map((a) => a.id).join();
  }

  // Operations

  unary(fn: UnaryOp, x: Node): Node {
    if (x.dtype === 'int32') {
      if (fn === 'neg') return this.scale(x, -1);
      if (fn === 'abs' && x.lo >= 0) return x;
    }
    if (fn === 'not' && x.dtype === 'bool' && x.kind === 'const') return this.constant(1 - x.value, 'bool');
    return this.op('unary', fn, unaryDType(fn, x.dtype), [x]);
  }

  binary(fn: BinaryOp, x: Node, y: Node): Node {
    if (x.dtype === 'int32') return this.intBinary(fn, x, y);
    if (x.dtype === 'bool' && (fn === 'and' || fn === 'or')) {
      const absorbing = fn === 'and' ? 0 : 1;
      if (isConst(x, absorbing) || isConst(y, 1 - absorbing)) return x;
      if (isConst(y, absorbing) || isConst(x, 1 - absorbing)) return y;
    }
    return this.op('binary', fn, isComparison(fn) ? 'bool' : x.dtype, [x, y]);
  }

  private intBinary(fn: BinaryOp, x: Node, y: Node): Node {
    if (fn === 'add') return this.combine(x, 1, y, 1);
    if (fn === 'sub') return this.combine(x, 1, y, -1);
    if (fn === 'mul' && y.kind === 'const') return this.scale(x, y.value);
    if (fn === 'mul' && x.kind === 'const') return this.scale(y, x.value);
    if (fn === 'div' && y.kind === 'const' && y.value > 0 && x.lo >= 0) return this.quotient(x, y.value);
    if (fn === 'rem' && y.kind === 'const' && y.value > 0 && x.lo >= 0) return this.remainder(x, y.value);
    if (isComparison(fn)) return this.intComparison(fn, x, y);
    if (fn === 'max') {
      if (x.lo >= y.hi) return x;
      if (y.lo >= x.hi) return y;
      return this.op('binary', fn, 'int32', [x, y], { lo: Math.max(x.lo, y.lo), hi: Math.max(x.hi, y.hi) });
    }
    if (fn === 'min') {
      if (x.hi <= y.lo) return x;
      if (y.hi <= x.lo) return y;
      return this.op('binary', fn, 'int32', [x, y], { lo: Math.min(x.lo, y.lo), hi: Math.min(x.hi, y.hi) });
    }
    return this.op('binary', fn, 'int32', [x, y], this.intRange(fn, x, y));
  }

  private intRange(fn: BinaryOp, x: Node, y: Node): Fields {
    if (fn === 'mul' && isBounded(x) && isBounded(y)) {
      const p = [x.lo * y.lo, x.lo * y.hi, x.hi * y.lo, x.hi * y.hi];
      const [lo, hi] = [Math.min(...p), Math.max(...p)];
      if (lo >= noRange.lo && hi <= noRange.hi) return { lo, hi };
    }
    if (fn === 'rem' && y.kind === 'const' && y.value > 0) return { lo: 1 - y.value, hi: y.value - 1 };
    if (fn === 'and' && x.lo >= 0 && y.lo >= 0) return { lo: 0, hi: Math.min(x.hi, y.hi) };
    return {};
  }

  private intComparison(fn: BinaryOp, x: Node, y: Node): Node {
    const known = isBounded(x) && isBounded(y) ? this.knownComparison(fn, x, y) : undefined;
    return known === undefined ? this.op('binary', fn, 'bool', [x, y]) : this.constant(known, 'bool');
  }

  private knownComparison(fn: BinaryOp, x: Node, y: Node): number | undefined {
    const { lo, hi } = this.combine(x, 1, y, -1);
    switch (fn) {
      case 'lt':
        return hi < 0 ? 1 : lo >= 0 ? 0 : undefined;
      case 'le':
        return hi <= 0 ? 1 : lo > 0 ? 0 : undefined;
      case 'gt':
        return lo > 0 ? 1 : hi <= 0 ? 0 : undefined;
      case 'ge':
        return lo >= 0 ? 1 : hi < 0 ? 0 : undefined;
      case 'eq':
        return lo > 0 || hi < 0 ? 0 : lo === 0 && hi === 0 ? 1 : undefined;
      default:
        return lo > 0 || hi < 0 ? 1 : lo === 0 && hi === 0 ? 0 : undefined;
    }
  }

  ternary(fn: TernaryOp, x: Node, y: Node, z: Node): Node {
    return this.op('ternary', fn, x.dtype, [x, y, z]);
  }

  select(cond: Node, then: Node, otherwise: Node): Node {
    if (cond.kind === 'const') return cond.value !== 0 ? then : otherwise;
    if (then === otherwise) return then;
    const range = { lo: Math.min(then.lo, otherwise.lo), hi: Math.max(then.hi, otherwise.hi) };
    return this.op('select', undefined, then.dtype, [cond, then, otherwise], range);
  }

  convert(x: Node, dtype: DType): Node {
    if (x.dtype === dtype) return x;
    if (x.kind === 'const') return this.constant(convertConstant(x.value, x.dtype, dtype), dtype);
    const isSmall = dtype === 'int32' && (x.dtype === 'bool' || x.dtype === 'uint8');
    return this.op('convert', undefined, dtype, [x], isSmall ? { lo: x.lo, hi: x.hi } : {});
  }

  bitcast(x: Node, dtype: DType): Node {
    if (x.dtype === dtype) return x;
    return this.op('bitcast', undefined, dtype, [x], isHalf(x.dtype) ? { lo: x.lo, hi: x.hi } : {});
  }
}

/** What a conversion of the constant gives. */
export function convertConstant(value: number, from: DType, to: DType): number {
  if (to === 'float64') return value;
  if (to === 'float32') return Math.fround(value);
  if (to === 'bool') return value !== 0 ? 1 : 0;
  if (from === 'float32' || from === 'float64') return saturate(value, to);
  return to === 'int32' ? value | 0 : to === 'uint32' ? value >>> 0 : value & 255;
}
