/**
 * Runs a `Kernel` by walking it: the oracle of the emitter's tests.
 * @module
 */
import { hostMath } from '../../../src/backends/wasm/host-math.ts';
import { castScalar, type DType, isFloat, saturate, type TypedArray } from '../../../src/ir/dtype.ts';
import { wordsOf } from '../../support/words.ts';
import type { Axis, BufferRef, Expr, Local } from '../../../src/ir/loop/expr.ts';
import type { Combine, Kernel, MatrixRef, Stmt } from '../../../src/ir/loop/kernel.ts';

interface Env {
  readonly axes: Map<Axis, number>;
  readonly locals: Map<Local, number>;
  readonly buffers: Map<BufferRef, TypedArray>;
}

const bits = new DataView(new ArrayBuffer(8));

function unary(fn: string, d: DType, x: number): number {
  switch (fn) {
    case 'neg':
      return -x;
    case 'abs':
      return Math.abs(x);
    case 'sign':
      return Math.sign(x);
    case 'floor':
      return Math.floor(x);
    case 'ceil':
      return Math.ceil(x);
    case 'trunc':
      return Math.trunc(x);
    case 'sqrt':
      return Math.sqrt(x);
    case 'round_even': {
      const r = Math.round(x);
      return Math.abs(x % 1) === 0.5 && r % 2 !== 0 ? r - 1 : r;
    }
    case 'is_finite':
      return Number.isFinite(x) ? 1 : 0;
    case 'not':
      return d === 'bool' ? 1 - x : ~x;
    case 'popcount':
      return (x >>> 0).toString(2).replaceAll('0', '').length;
    case 'high_word':
      return wordsOf(x)[1]!;
    case 'low_word':
      return wordsOf(x)[0]!;
    case 'clz':
      return Math.clz32(x) - (d === 'uint8' ? 24 : 0);
    default:
      return hostMath[fn]!(x);
  }
}

function shift(fn: string, d: DType, x: number, y: number): number {
  const n = y >>> 0;
  if (fn === 'shl') return n > 31 ? 0 : x << n;
  if (fn === 'shr_logical') return n > 31 ? 0 : x >>> n;
  const signed = d === 'uint8' ? (x << 24) >> 24 : x | 0;
  return signed >> Math.min(n, 31);
}

function binary(fn: string, d: DType, x: number, y: number): number {
  const u = (v: number): number => (d === 'int32' ? v : v >>> 0);
  switch (fn) {
    case 'add':
      return x + y;
    case 'sub':
      return x - y;
    case 'mul':
      return isFloat(d) ? x * y : Math.imul(x, y);
    case 'div':
      if (isFloat(d)) return x / y;
      return y === 0 ? -1 : Math.trunc(u(x) / u(y));
    case 'rem':
      if (isFloat(d)) return x % y;
      return y === 0 ? x : u(x) % u(y);
    case 'max':
      return Math.max(x, y);
    case 'min':
      return Math.min(x, y);
    case 'and':
      return x & y;
    case 'or':
      return x | y;
    case 'xor':
      return x ^ y;
    case 'shl':
    case 'shr_logical':
    case 'shr_arithmetic':
      return shift(fn, d, x, y);
    case 'eq':
      return Number(x === y);
    case 'ne':
      return Number(x !== y);
    case 'lt':
      return Number(x < y);
    case 'le':
      return Number(x <= y);
    case 'gt':
      return Number(x > y);
    case 'ge':
      return Number(x >= y);
    case 'copysign':
      return (Object.is(y, -0) || y < 0 ? -1 : 1) * Math.abs(x);
    default:
      return hostMath[fn]!(x, y);
  }
}

function convert(from: DType, to: DType, x: number): number {
  if (to === 'bool') return x !== 0 ? 1 : 0;
  if (isFloat(from) && !isFloat(to)) return saturate(x, to);
  return castScalar(x, to);
}

function bitcast(from: DType, to: DType, x: number): number {
  if (from === 'float32') bits.setFloat32(0, x);
  else bits.setInt32(0, x);
  return to === 'float32' ? bits.getFloat32(0) : to === 'uint32' ? bits.getUint32(0) : bits.getInt32(0);
}

export function evaluate(e: Expr, env: Env): number {
  const go = (x: Expr): number => evaluate(x, env);
  switch (e.op) {
    case 'const':
      return castScalar(e.value, e.dtype);
    case 'axis':
      return env.axes.get(e.axis)!;
    case 'local':
      return env.locals.get(e.local)!;
    case 'load': {
      const i = go(e.index);
      if (!(i >= 0 && i < e.buffer.size)) throw new Error(`load out of range: ${i} of ${e.buffer.size}`);
      return env.buffers.get(e.buffer)![i]!;
    }
    case 'unary':
      return castScalar(unary(e.fn, e.x.dtype, go(e.x)), e.dtype);
    case 'binary':
      return castScalar(binary(e.fn, e.x.dtype, go(e.x), go(e.y)), e.dtype);
    case 'ternary':
      return castScalar(hostMath[e.fn]!(go(e.x), go(e.y), go(e.z)), e.dtype);
    case 'select':
      return go(e.cond) !== 0 ? go(e.then) : go(e.otherwise);
    case 'convert':
      return convert(e.x.dtype, e.dtype, go(e.x));
    case 'bitcast':
      return bitcast(e.x.dtype, e.dtype, go(e.x));
  }
}

function identity(c: Combine, d: DType): number {
  if (c === 'mul') return 1;
  if (c === 'and') return castScalar(d === 'bool' ? 1 : -1, d);
  if (c === 'max') return isFloat(d) ? -Infinity : d === 'int32' ? -2147483648 : 0;
  if (c === 'min') return isFloat(d) ? Infinity : castScalar(d === 'bool' ? 1 : d === 'int32' ? 2147483647 : -1, d);
  return 0;
}

function run(stmts: readonly Stmt[], env: Env): void {
  for (const s of stmts) runStmt(s, env);
}

function runStmt(s: Stmt, env: Env): void {
  switch (s.kind) {
    case 'for':
      for (let i = 0; i < s.axis.extent; i++) {
        env.axes.set(s.axis, i);
        run(s.body, env);
      }
      return;
    case 'store': {
      const i = evaluate(s.index, env);
      if (!(i >= 0 && i < s.buffer.size)) throw new Error(`store out of range: ${i} of ${s.buffer.size}`);
      env.buffers.get(s.buffer)![i] = evaluate(s.value, env);
      return;
    }
    case 'set':
      env.locals.set(s.local, evaluate(s.value, env));
      return;
    case 'if':
      return run(evaluate(s.cond, env) !== 0 ? s.then : s.otherwise, env);
    case 'while':
      while (evaluate(s.cond, env) !== 0) run(s.body, env);
      return;
    case 'reduce': {
      const d = s.target.dtype;
      let acc = identity(s.combine, d);
      const go = (k: number): void => {
        if (k === s.axes.length) {
          acc = binary(s.combine, d, acc, evaluate(s.element, env));
          if (!isFloat(d)) acc = castScalar(acc, d);
          return;
        }
        for (let i = 0; i < s.axes[k]!.extent; i++) {
          env.axes.set(s.axes[k]!, i);
          go(k + 1);
        }
      };
      go(0);
      env.locals.set(s.target, castScalar(acc, d));
      return;
    }
    case 'gemm': {
      const at = (r: MatrixRef, i: number, j: number): [TypedArray, number] => [
        env.buffers.get(r.buffer)!,
        evaluate(r.offset, env) + i * r.rowStride + j * r.colStride,
      ];
      for (let i = 0; i < s.m; i++) {
        for (let j = 0; j < s.n; j++) {
          let sum = 0;
          for (let k = 0; k < s.k; k++) {
            const [a, ai] = at(s.a, i, k);
            const [b, bi] = at(s.b, k, j);
            sum += a[ai]! * b[bi]!;
          }
          const [c, ci] = at(s.c, i, j);
          c[ci] = s.accumulate ? c[ci]! + sum : sum;
          if (s.epilogue === undefined) continue;
          env.axes.set(s.epilogue.row, i);
          env.axes.set(s.epilogue.column, j);
          run(s.epilogue.body, env);
        }
      }
    }
  }
}

/** Runs the kernel on the given arrays, which it writes to. */
export function interpretKernel(k: Kernel, buffers: readonly TypedArray[]): void {
  const refs = [...k.inputs, ...k.outputs, ...k.scratch];
  run(k.body, { axes: new Map(), locals: new Map(), buffers: new Map(refs.map((r, i) => [r, buffers[i]!])) });
}
