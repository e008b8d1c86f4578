/**
 * Runs kernels in plain JavaScript, statement by statement. Parallel loops run backward: what depends on their order shows.
 * @module
 */
import { castScalar, type DType, isFloat, isHalf, saturate, type TypedArray } from '../../src/ir/dtype.ts';
import { halfBits, halfValue } from '../../src/ir/half.ts';
import { wordsOf } from '../support/words.ts';
import type { Axis, BinaryOp, BufferRef, Expr, UnaryOp } from '../../src/ir/loop/expr.ts';
import type { Combine, Epilogue, Gemm, Kernel, MatrixRef, Stmt, Store } from '../../src/ir/loop/kernel.ts';

const roundEven = (x: number): number => {
  const r = Math.round(x);
  return Math.abs(x % 1) === 0.5 && r % 2 !== 0 ? r - 1 : r;
};

const unaries: Partial<Record<UnaryOp, (x: number, dtype: DType) => number>> = {
  neg: (x) => -x,
  abs: Math.abs,
  floor: Math.floor,
  ceil: Math.ceil,
  trunc: Math.trunc,
  round_even: roundEven,
  sign: Math.sign,
  sqrt: Math.sqrt,
  rsqrt: (x) => 1 / Math.sqrt(x),
  cbrt: Math.cbrt,
  exp: Math.exp,
  exp2: (x) => 2 ** x,
  expm1: Math.expm1,
  log: Math.log,
  log2: Math.log2,
  log10: Math.log10,
  log1p: Math.log1p,
  logistic: (x) => 1 / (1 + Math.exp(-x)),
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  asin: Math.asin,
  acos: Math.acos,
  atan: Math.atan,
  sinh: Math.sinh,
  cosh: Math.cosh,
  tanh: Math.tanh,
  asinh: Math.asinh,
  acosh: Math.acosh,
  atanh: Math.atanh,
  high_word: (x) => wordsOf(x)[1]!,
  low_word: (x) => wordsOf(x)[0]!,
  is_finite: (x) => (Number.isFinite(x) ? 1 : 0),
  not: (x, dtype) => (dtype === 'bool' ? 1 - x : ~x),
};

const integerDivide = (x: number, y: number): number => (y === 0 ? -1 : Math.trunc(x / y));

const shift = (x: number, y: number, by: (x: number, y: number) => number, beyond: number): number =>
  y >>> 0 >= 32 ? beyond : by(x, y);

const binaries: Partial<Record<BinaryOp, (x: number, y: number, dtype: DType) => number>> = {
  add: (x, y) => x + y,
  sub: (x, y) => x - y,
  mul: (x, y, d) => (isFloat(d) ? x * y : Math.imul(x, y)),
  div: (x, y, d) => (isFloat(d) ? x / y : integerDivide(x, y)),
  rem: (x, y, d) => (!isFloat(d) && y === 0 ? x : x % y),
  max: (x, y) => Math.max(x, y),
  min: (x, y) => Math.min(x, y),
  pow: (x, y) => x ** y,
  atan2: (y, x) => Math.atan2(y, x),
  and: (x, y) => x & y,
  or: (x, y) => x | y,
  xor: (x, y) => x ^ y,
  shl: (x, y) => shift(x, y, (a, b) => a << b, 0),
  shr_logical: (x, y) => shift(x, y, (a, b) => a >>> b, 0),
  shr_arithmetic: (x, y, d) => {
    const signed = d === 'uint8' ? (x << 24) >> 24 : x | 0;
    return shift(signed, y, (a, b) => a >> b, signed < 0 ? -1 : 0);
  },
  eq: (x, y) => Number(x === y),
  ne: (x, y) => Number(x !== y),
  lt: (x, y) => Number(x < y),
  le: (x, y) => Number(x <= y),
  gt: (x, y) => Number(x > y),
  ge: (x, y) => Number(x >= y),
};

const identities: Record<Combine, (dtype: DType) => number> = {
  add: () => 0,
  mul: () => 1,
  or: () => 0,
  xor: () => 0,
  and: (d) => (d === 'bool' ? 1 : -1),
  max: (d) => (isFloat(d) ? -Infinity : d === 'int32' ? -2147483648 : 0),
  min: (d) =>
    isFloat(d) ? Infinity : d === 'int32' ? 2147483647 : d === 'uint32' ? 4294967295 : d === 'bool' ? 1 : 255,
};

const bits = new DataView(new ArrayBuffer(8));

function bitcast(x: number, from: DType, to: DType): number {
  if (isHalf(from) && isHalf(to)) return halfValue(halfBits(x, from), to);
  if (isHalf(from) || isHalf(to)) throw new Error(`bitcast from ${from} to ${to}`);
  const write = {
    float32: 'setFloat32',
    float64: 'setFloat64',
    int32: 'setInt32',
    uint32: 'setUint32',
    uint8: 'setUint8',
    bool: 'setUint8',
  } as const;
  const read = {
    float32: 'getFloat32',
    float64: 'getFloat64',
    int32: 'getInt32',
    uint32: 'getUint32',
    uint8: 'getUint8',
    bool: 'getUint8',
  } as const;
  bits[write[from]](0, x);
  return bits[read[to]](0);
}

export class KernelInterpreter {
  private readonly memory: ReadonlyMap<BufferRef, TypedArray>;
  private readonly axes = new Map<Axis, number>();
  private readonly locals = new Map<number, number>();

  constructor(kernel: Kernel, arrays: readonly TypedArray[]) {
    const buffers = [...kernel.inputs, ...kernel.outputs, ...kernel.scratch];
    this.memory = new Map(buffers.map((b, i) => [b, arrays[i]!]));
  }

  run(body: readonly Stmt[]): void {
    for (const s of body) this.statement(s);
  }

  private array(buffer: BufferRef, index: number): TypedArray {
    const a = this.memory.get(buffer);
    if (a === undefined) throw new Error(`buffer ${buffer.id} is not one of the kernel's`);
    if (!Number.isInteger(index) || index < 0 || index >= a.length)
      throw new Error(`index ${index} outside 0…${a.length - 1}`);
    return a;
  }

  private statement(s: Stmt): void {
    switch (s.kind) {
      case 'for':
        for (let i = 0; i < s.axis.extent; i++) {
          this.axes.set(s.axis, s.parallel ? s.axis.extent - 1 - i : i);
          this.run(s.body);
        }
        return;
      case 'store':
        this.prepareStore(s, new Map())();
        return;
      case 'set':
        this.locals.set(s.local.id, this.value(s.value));
        return;
      case 'if':
        this.run(this.value(s.cond) !== 0 ? s.then : s.otherwise);
        return;
      case 'while':
        while (this.value(s.cond) !== 0) this.run(s.body);
        return;
      case 'reduce':
        this.reduce(s);
        return;
      case 'gemm':
        this.gemm(s);
    }
  }

  /** Computes what is stored; the result stores it. */
  private prepareStore({ buffer, index, value }: Store, memo: Map<Expr, number>): () => void {
    if (value.dtype !== buffer.dtype) throw new Error(`store of ${value.dtype} to ${buffer.dtype}`);
    const [i, x] = [this.value(index, memo), this.value(value, memo)];
    const array = this.array(buffer, i);
    return () => void (array[i] = x);
  }

  private reduce({ target, combine, axes, element, stores = [] }: Extract<Stmt, { kind: 'reduce' }>): void {
    let acc = identities[combine](target.dtype);
    const fn = binaries[combine]!;
    const walk = (depth: number): void => {
      const axis = axes[depth];
      if (axis === undefined) {
        const memo = new Map<Expr, number>();
        acc = fn(acc, this.value(element, memo), target.dtype);
        stores.map((store) => this.prepareStore(store, memo)).forEach((store) => store());
        if (!isFloat(target.dtype)) acc = castScalar(acc, target.dtype);
        return;
      }
      for (let i = 0; i < axis.extent; i++) {
        this.axes.set(axis, i);
        walk(depth + 1);
      }
    };
    walk(0);
    this.locals.set(target.id, castScalar(acc, target.dtype));
  }

  private gemm(g: Gemm): void {
    const at = (m: MatrixRef, i: number, j: number): number => {
      const index = this.value(m.offset) + i * m.rowStride + j * m.colStride;
      this.array(m.buffer, index);
      return index;
    };
    for (let i = 0; i < g.m; i++) {
      for (let j = 0; j < g.n; j++) {
        const c = at(g.c, i, j);
        let sum = g.accumulate ? this.memory.get(g.c.buffer)![c]! : 0;
        for (let k = 0; k < g.k; k++) {
          sum += this.memory.get(g.a.buffer)![at(g.a, i, k)]! * this.memory.get(g.b.buffer)![at(g.b, k, j)]!;
        }
        this.memory.get(g.c.buffer)![c] = sum;
      }
    }
    if (g.epilogue !== undefined) this.epilogue(g.epilogue);
  }

  /** Backward: its order is not defined. */
  private epilogue({ row, column, body }: Epilogue): void {
    for (let i = row.extent - 1; i >= 0; i--) {
      for (let j = column.extent - 1; j >= 0; j--) {
        this.axes.set(row, i);
        this.axes.set(column, j);
        this.run(body);
      }
    }
  }

  /** Memoised for one statement only: a load must see what earlier statements stored. */
  private value(e: Expr, memo: Map<Expr, number> = new Map<Expr, number>()): number {
    const known = memo.get(e);
    if (known !== undefined) return known;
    const out = castScalar(this.compute(e, memo), e.dtype);
    memo.set(e, out);
    return out;
  }

  private compute(e: Expr, memo: Map<Expr, number>): number {
    const sub = (x: Expr): number => this.value(x, memo);
    switch (e.op) {
      case 'const':
        return e.value;
      case 'axis': {
        const i = this.axes.get(e.axis);
        if (i === undefined) throw new Error('axis outside its loop');
        return i;
      }
      case 'local': {
        const x = this.locals.get(e.local.id);
        if (x === undefined) throw new Error('local before it is set');
        return x;
      }
      case 'load': {
        const index = sub(e.index);
        return this.array(e.buffer, index)[index]!;
      }
      case 'unary': {
        const f = unaries[e.fn as UnaryOp];
        if (f === undefined) throw new Error(`the interpreter has no ${e.fn}`);
        return f(sub(e.x), e.x.dtype);
      }
      case 'binary': {
        const f = binaries[e.fn];
        if (f === undefined) throw new Error(`the interpreter has no ${e.fn}`);
        return f(sub(e.x), sub(e.y), e.x.dtype);
      }
      case 'select':
        return sub(e.cond) !== 0 ? sub(e.then) : sub(e.otherwise);
      case 'convert': {
        const x = sub(e.x);
        const truncates = isFloat(e.x.dtype) && !isFloat(e.dtype) && e.dtype !== 'bool';
        return truncates ? saturate(x, e.dtype) : castScalar(x, e.dtype);
      }
      case 'bitcast':
        return bitcast(sub(e.x), e.x.dtype, e.dtype);
      default:
        throw new Error(`the interpreter has no ${e.op}`);
    }
  }
}
