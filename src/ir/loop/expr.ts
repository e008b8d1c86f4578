/**
 * Scalar expressions: what one element of a result is, in terms of loop axes and loads. Every backend compiles these; nothing here
 * knows a backend. An `Expr` is pure; a load reads its buffer when the statement that holds it runs.
 * May import: `ir`.
 * @module
 */
import type { DType } from '../dtype.ts';

/** Functions of one argument. Types: `neg abs sign` any number; the rest floats unless said. */
export type UnaryOp =
  | 'neg'
  | 'abs'
  | 'sign'
  | 'floor'
  | 'ceil'
  | 'trunc'
  | 'round_even'
  | 'sqrt'
  | 'rsqrt'
  | 'cbrt'
  | 'exp'
  | 'exp2'
  | 'expm1'
  | 'log'
  | 'log2'
  | 'log10'
  | 'log1p'
  | 'logistic'
  | 'sin'
  | 'cos'
  | 'tan'
  | 'asin'
  | 'acos'
  | 'atan'
  | 'sinh'
  | 'cosh'
  | 'tanh'
  | 'asinh'
  | 'acosh'
  | 'atanh'
  | 'erf'
  | 'erfc'
  | 'erf_inv'
  | 'lgamma'
  | 'digamma'
  | 'bessel_i0e'
  | 'bessel_i1e'
  | 'is_finite' // → bool
  | 'not' // bool: logical; integers: bitwise
  | 'popcount'
  | 'clz' // integers
  | 'high_word'
  | 'low_word' // the halves of a float64's pattern → int32
  | InternalUnaryOp;

/** Produced only by a backend's expansions of the functions above, never by a `lower` rule. */
export type InternalUnaryOp =
  | 'exponent' // floor(log2 x) as float64, of a positive normal float64
  | 'mantissa' // x / 2^exponent(x), in [1, 2), of a positive normal float64
  | 'exp2_int' // 2^x of an integral float64 in [-1023, 1024], whose ends give 0 and infinity
  | 'head' // a float64 with its low 32 bits cleared
  | 'alternating' // 1 or -1, as the last bit of a float64's pattern is 0 or 1
  | 'usually' // bool → the same bool, which hardly ever fails: lanes may compute the rest behind a branch
  | 'sin_large'
  | 'cos_large'
  | 'tan_large' // beyond the vectorised reduction: one call of the host a lane, behind a guard
  | 'lgamma_rest'; // the same, where there is no vectorised lgamma

/** Functions of two arguments of one dtype; comparisons give bool. */
export type BinaryOp =
  | 'add'
  | 'sub'
  | 'mul'
  | 'div' // div of integers truncates toward zero; x / 0 = -1, INT_MIN / -1 = INT_MIN (as XLA)
  | 'rem' // sign of the dividend (floats: C fmod; integers: x rem 0 = x)
  | 'max'
  | 'min' // NaN if either is NaN; max(-0, 0) = 0
  | 'pow'
  | 'atan2'
  | 'next_after'
  | 'and'
  | 'or'
  | 'xor' // bool: logical; integers: bitwise
  | 'shl'
  | 'shr_logical'
  | 'shr_arithmetic' // shifts by ≥ 32 give 0 (or the sign)
  | 'eq'
  | 'ne'
  | 'lt'
  | 'le'
  | 'gt'
  | 'ge'
  | 'igamma'
  | 'igammac'
  | 'igamma_grad_a'
  | 'polygamma'
  | 'zeta'
  | 'copysign' // floats, internal: magnitude of x, sign of y
  | 'rem_large'; // floats, internal: rem beyond the vectorised one, as `sin_large` is

export type TernaryOp = 'betainc' | 'madd'; // internal, floats: x y + z, rounded once or twice, as the engine can

/** One counted loop. `extent` is known when compiling, or an int32 expression. */
export interface Axis {
  readonly kind: 'axis';
  readonly id: number;
  readonly extent: number;
}

/** A buffer that a kernel reads or writes. Its element offset 0 is where the kernel's caller says. */
export interface BufferRef {
  readonly kind: 'buffer';
  readonly id: number;
  readonly dtype: DType;
  /** Number of elements. */
  readonly size: number;
  readonly role: 'input' | 'output' | 'scratch';
}

/** A mutable local of a kernel, for accumulators. */
export interface Local {
  readonly kind: 'local';
  readonly id: number;
  readonly dtype: DType;
}

export type Expr =
  | { readonly op: 'const'; readonly dtype: DType; readonly value: number }
  | { readonly op: 'axis'; readonly dtype: 'int32'; readonly axis: Axis }
  | { readonly op: 'local'; readonly dtype: DType; readonly local: Local }
  /** Element `index` (int32) of a buffer. */
  | { readonly op: 'load'; readonly dtype: DType; readonly buffer: BufferRef; readonly index: Expr }
  | { readonly op: 'unary'; readonly dtype: DType; readonly fn: UnaryOp; readonly x: Expr }
  | { readonly op: 'binary'; readonly dtype: DType; readonly fn: BinaryOp; readonly x: Expr; readonly y: Expr }
  | {
      readonly op: 'ternary';
      readonly dtype: DType;
      readonly fn: TernaryOp;
      readonly x: Expr;
      readonly y: Expr;
      readonly z: Expr;
    }
  /** `then` where `cond` else `otherwise`. Loads in the branch not taken are not performed: it guards out-of-range indices. */
  | { readonly op: 'select'; readonly dtype: DType; readonly cond: Expr; readonly then: Expr; readonly otherwise: Expr }
  /** Value conversion (float → integer truncates and saturates; anything → bool is `!= 0`). */
  | { readonly op: 'convert'; readonly dtype: DType; readonly x: Expr }
  /** Reinterpretation of bits between dtypes of equal width. */
  | { readonly op: 'bitcast'; readonly dtype: DType; readonly x: Expr };

const comparisons: ReadonlySet<BinaryOp> = new Set<BinaryOp>(['eq', 'ne', 'lt', 'le', 'gt', 'ge']);

export const isComparison = (fn: BinaryOp): boolean => comparisons.has(fn);

export const constant = (value: number, dtype: DType): Expr => ({ op: 'const', dtype, value });
export const int = (value: number): Expr => ({ op: 'const', dtype: 'int32', value });
export const axisExpr = (axis: Axis): Expr => ({ op: 'axis', dtype: 'int32', axis });
export const load = (buffer: BufferRef, index: Expr): Expr => ({ op: 'load', dtype: buffer.dtype, buffer, index });

/** The dtype of `fn` of a value of dtype `x`. */
export function unaryDType(fn: UnaryOp, x: DType): DType {
  if (fn === 'is_finite') return 'bool';
  return isWord(fn) ? 'int32' : x;
}

export const isWord = (fn: UnaryOp): fn is 'high_word' | 'low_word' => fn === 'high_word' || fn === 'low_word';

export function unary(fn: UnaryOp, x: Expr): Expr {
  return { op: 'unary', dtype: unaryDType(fn, x.dtype), fn, x };
}

export function binary(fn: BinaryOp, x: Expr, y: Expr): Expr {
  return { op: 'binary', dtype: isComparison(fn) ? 'bool' : x.dtype, fn, x, y };
}

export function select(cond: Expr, then: Expr, otherwise: Expr): Expr {
  return { op: 'select', dtype: then.dtype, cond, then, otherwise };
}

export const convert = (x: Expr, dtype: DType): Expr => (x.dtype === dtype ? x : { op: 'convert', dtype, x });
export const bitcast = (x: Expr, dtype: DType): Expr => (x.dtype === dtype ? x : { op: 'bitcast', dtype, x });

const asConst = (e: Expr): number | undefined => (e.op === 'const' ? e.value : undefined);

/** Integer arithmetic on indices, with the folding that keeps index expressions readable. */
export function iadd(x: Expr, y: Expr): Expr {
  const [a, b] = [asConst(x), asConst(y)];
  if (a !== undefined && b !== undefined) return int(a + b);
  if (a === 0) return y;
  return b === 0 ? x : binary('add', x, y);
}

export function isub(x: Expr, y: Expr): Expr {
  const [a, b] = [asConst(x), asConst(y)];
  if (a !== undefined && b !== undefined) return int(a - b);
  return b === 0 ? x : binary('sub', x, y);
}

export function imul(x: Expr, y: Expr): Expr {
  const [a, b] = [asConst(x), asConst(y)];
  if (a !== undefined && b !== undefined) return int(a * b);
  if (a === 0 || b === 0) return int(0);
  if (a === 1) return y;
  return b === 1 ? x : binary('mul', x, y);
}

/** Quotient of non-negative indices. */
export function idiv(x: Expr, d: number): Expr {
  const a = asConst(x);
  if (a !== undefined) return int(Math.floor(a / d));
  return d === 1 ? x : binary('div', x, int(d));
}

/** Remainder of non-negative indices. */
export function imod(x: Expr, d: number): Expr {
  const a = asConst(x);
  if (a !== undefined) return int(a % d);
  return d === 1 ? int(0) : binary('rem', x, int(d));
}

/** Row-major linear index of a multi-index. */
export function linearize(index: readonly Expr[], shape: readonly number[]): Expr {
  let out: Expr = int(0);
  let stride = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    if (shape[i] !== 1) out = iadd(imul(index[i]!, int(stride)), out);
    stride *= shape[i]!;
  }
  return out;
}

/** Multi-index of a row-major linear index. */
export function delinearize(linear: Expr, shape: readonly number[]): Expr[] {
  const out: Expr[] = [];
  let stride = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    const d = shape[i]!;
    const q = idiv(linear, stride);
    out.unshift(d === 1 ? int(0) : i === 0 ? q : imod(q, d));
    stride *= d;
  }
  return out;
}

/** The expressions that an expression is made of, one level down. */
export function operandsOf(e: Expr): readonly Expr[] {
  switch (e.op) {
    case 'const':
    case 'axis':
    case 'local':
      return [];
    case 'load':
      return [e.index];
    case 'unary':
    case 'convert':
    case 'bitcast':
      return [e.x];
    case 'binary':
      return [e.x, e.y];
    case 'ternary':
      return [e.x, e.y, e.z];
    case 'select':
      return [e.cond, e.then, e.otherwise];
  }
}
