/**
 * Low-level form of a kernel: instructions as hash-consed values (`Lir`) under structured statements (`LirStmt`). One `Lir` is one
 * WebAssembly instruction; the writer decides what lives in a local, what is hoisted, and the order.
 * May import: `encode`.
 * @module
 */
import type { OpName, ValueType } from '../encode/opcodes.ts';

export interface Lir {
  readonly id: number;
  /** `guarded`: args are condition (mask), value, operands; the value where the condition holds, else host function `imm` of the operands. */
  readonly op: OpName | 'const' | 'get' | 'global' | 'call' | 'guarded';
  readonly type: ValueType;
  readonly args: readonly Lir[];
  /** Value of a const, index of a local, global or import, offset of a memory access. */
  readonly imm: number;
  /** Lane of a lane access. */
  readonly lane: number;
  /** Lanes of a shuffle. */
  readonly bytes: readonly number[] | undefined;
  /** Depth of the innermost loop it must be computed in. */
  readonly level: number;
  /** True for loads that may only run where the program says. */
  readonly isUnsafe: boolean;
}

export interface LirStore {
  readonly op: OpName;
  readonly address: Lir;
  readonly value: Lir;
  readonly offset: number;
  readonly lane: number;
}

export type LirStmt =
  /** counter = from; while (counter < to) { body; counter += step }. `runs` promises at least one iteration. */
  | {
      readonly kind: 'loop';
      readonly counter: number;
      readonly from: Lir;
      readonly to: Lir;
      readonly step: number;
      readonly runs: boolean;
      readonly depth: number;
      readonly body: readonly LirStmt[];
    }
  /** `inPairs`: every two values, which are computed alike, are computed step by step side by side. */
  | { readonly kind: 'stores'; readonly items: readonly LirStore[]; readonly inPairs?: boolean }
  /** All values are computed before the first is assigned. */
  | {
      readonly kind: 'set';
      readonly items: readonly { readonly local: number; readonly value: Lir }[];
      readonly inPairs?: boolean;
    }
  | {
      readonly kind: 'if';
      readonly cond: Lir;
      readonly then: readonly LirStmt[];
      readonly otherwise: readonly LirStmt[];
      /** Values that both the condition and the branches use: computed once, before it. */
      readonly shared?: readonly Lir[];
    }
  | { readonly kind: 'while'; readonly cond: Lir; readonly depth: number; readonly body: readonly LirStmt[] }
  /** Of the import at `index`, of the function defined as number `index`, or of `entry` of the table, a function of type `index`. */
  | {
      readonly kind: 'call';
      readonly index: number;
      readonly args: readonly Lir[];
      readonly isDefined?: boolean;
      readonly entry?: Lir;
    };

const scalarTypes: ReadonlySet<string> = new Set<ValueType>(['i32', 'i64', 'f32', 'f64']);
const comparison = /^f(32|64)\.(eq|ne|lt|gt|le|ge)$/;

/** Type of an instruction's result, by its name. */
function resultType(op: OpName): ValueType {
  const dot = op.indexOf('.');
  const [head, tail] = [op.slice(0, dot), op.slice(dot + 1)];
  if (scalarTypes.has(head)) return comparison.test(op) ? 'i32' : (head as ValueType);
  if (tail.startsWith('extract_lane')) return head === 'f32x4' ? 'f32' : head === 'f64x2' ? 'f64' : 'i32';
  return tail === 'any_true' || tail === 'all_true' || tail === 'bitmask' ? 'i32' : 'v128';
}

const resultTypes = new Map<OpName, ValueType>();
function typeOf(op: OpName): ValueType {
  let type = resultTypes.get(op);
  if (type === undefined) resultTypes.set(op, (type = resultType(op)));
  return type;
}

interface Extra {
  readonly imm?: number;
  readonly lane?: number;
  readonly bytes?: readonly number[];
  readonly level?: number;
  readonly isUnsafe?: boolean;
  readonly type?: ValueType;
  /** Tells apart values that look alike: the version of a local or of memory. */
  readonly tag?: number;
}

const none: Extra = {};

/** Up to three numbers below 2^17 fit in the 53 bits of a number that is a key. */
const keyBase = 131072;

/**
 * Makes and shares `Lir` values. Called for every instruction, mostly before the engine has optimised it: `for … of` and destructured
 * arrays, which then make an object for each step, are avoided here and in the writer.
 */
export class LirBuilder {
  /** Values by operation, then by operands and the rest. */
  private readonly tables = new Map<Lir['op'], Map<number | string, Lir>>();
  private count = 0;

  make(op: Lir['op'], args: readonly Lir[], extra: Extra = none): Lir {
    let table = this.tables.get(op);
    if (table === undefined) this.tables.set(op, (table = new Map()));
    const key = this.keyOf(args, extra);
    const found = table.get(key);
    if (found !== undefined) return found;
    let { level = 0, isUnsafe = false } = extra;
    for (let i = 0; i < args.length; i++) {
      const a = args[i]!;
      if (a.level > level) level = a.level;
      isUnsafe ||= a.isUnsafe;
    }
    const type = extra.type ?? (op === 'select' ? args[0]!.type : typeOf(op as OpName));
    const { imm = 0, lane = 0, bytes } = extra;
    const made: Lir = { id: this.count++, op, type, args, imm, lane, bytes, level, isUnsafe };
    table.set(key, made);
    return made;
  }

  private keyOf(args: readonly Lir[], extra: Extra): number | string {
    if (extra === none && args.length <= 3) {
      let key = 0;
      let isSmall = true;
      for (let i = 0; i < args.length; i++) {
        const { id } = args[i]!;
        key = key * keyBase + id;
        isSmall &&= id < keyBase;
      }
      if (isSmall) return key;
    }
    const { imm = 0, lane = 0, bytes, tag = 0, type = '' } = extra;
    let key = `${Object.is(imm, -0) ? '-0' : imm} ${lane} ${tag} ${type}`;
    for (let i = 0; i < args.length; i++) key += `,${args[i]!.id}`;
    return bytes === undefined ? key : `${key};${bytes.join()}`;
  }

  op(name: OpName, ...args: readonly Lir[]): Lir {
    return this.make(name, args);
  }

  i32(value: number): Lir {
    return this.make('const', [], { imm: value | 0, type: 'i32' });
  }

  f32(value: number): Lir {
    return this.make('const', [], { imm: value, type: 'f32' });
  }

  f64(value: number): Lir {
    return this.make('const', [], { imm: value, type: 'f64' });
  }

  /** The current value of a local, assigned at loop depth `level`; `tag` tells assignments apart. */
  get(local: number, type: ValueType, level: number, tag: number): Lir {
    return this.make('get', [], { imm: local, type, level, tag });
  }

  lane(name: OpName, lane: number, ...args: readonly Lir[]): Lir {
    return this.make(name, args, { lane });
  }

  shuffle(a: Lir, b: Lir, bytes: readonly number[]): Lir {
    return this.make('i8x16.shuffle', [a, b], { bytes });
  }

  select(cond: Lir, then: Lir, otherwise: Lir): Lir {
    return this.make('select', [then, otherwise, cond]);
  }

  // Integer arithmetic with the folding that addresses need.

  add(a: Lir, b: Lir): Lir {
    if (a.op === 'const' && b.op === 'const') return this.i32(a.imm + b.imm);
    if (a.op === 'const') return a.imm === 0 ? b : this.op('i32.add', b, a);
    return b.op === 'const' && b.imm === 0 ? a : this.op('i32.add', a, b);
  }

  mul(a: Lir, b: Lir): Lir {
    if (a.op === 'const' && b.op === 'const') return this.i32(Math.imul(a.imm, b.imm));
    if (a.op === 'const') return this.mul(b, a);
    if (b.op === 'const') {
      if (b.imm === 1) return a;
      if (b.imm === 0) return b;
      if (b.imm === -1) return this.op('i32.sub', this.i32(0), a);
      const shift = Math.log2(b.imm);
      if (b.imm > 0 && Number.isInteger(shift)) return this.op('i32.shl', a, this.i32(shift));
    }
    return this.op('i32.mul', a, b);
  }

  and(a: Lir, mask: number): Lir {
    return a.op === 'const' ? this.i32(a.imm & mask) : this.op('i32.and', a, this.i32(mask));
  }
}
