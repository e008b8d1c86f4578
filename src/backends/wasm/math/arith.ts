/**
 * Short spellings for arithmetic on `Expr`s, in which the expansions of this folder are written. A number stands for a
 * constant of the other operand's dtype. Nothing is folded or reordered: the rounding of each written operation is part
 * of the algorithm.
 * May import: `ir`.
 * @module
 */
import type { DType } from '../../../ir/dtype.ts';
import { type BinaryOp, binary, bitcast, constant, type Expr, select, unary } from '../../../ir/loop/expr.ts';

export type Operand = Expr | number;

const lift = (x: Operand, dtype: DType): Expr => (typeof x === 'number' ? literal(x, dtype) : x);

/** A constant, rounded to float32 where that is its dtype. */
export const literal = (value: number, dtype: DType): Expr =>
  constant(dtype === 'float32' ? Math.fround(value) : value, dtype);

function apply(fn: BinaryOp, x: Operand, y: Operand): Expr {
  const dtype = typeof x !== 'number' ? x.dtype : typeof y !== 'number' ? y.dtype : 'float64';
  return binary(fn, lift(x, dtype), lift(y, dtype));
}

export const add = (x: Operand, y: Operand): Expr => apply('add', x, y);
export const sub = (x: Operand, y: Operand): Expr => apply('sub', x, y);
export const mul = (x: Operand, y: Operand): Expr => apply('mul', x, y);
export const div = (x: Operand, y: Operand): Expr => apply('div', x, y);
export const lt = (x: Operand, y: Operand): Expr => apply('lt', x, y);
export const le = (x: Operand, y: Operand): Expr => apply('le', x, y);
export const ne = (x: Operand, y: Operand): Expr => apply('ne', x, y);
export const gt = (x: Operand, y: Operand): Expr => apply('gt', x, y);
export const ge = (x: Operand, y: Operand): Expr => apply('ge', x, y);
export const eq = (x: Operand, y: Operand): Expr => apply('eq', x, y);
export const and = (x: Operand, y: Operand): Expr => apply('and', x, y);
export const or = (x: Operand, y: Operand): Expr => apply('or', x, y);
export const xor = (x: Operand, y: Operand): Expr => apply('xor', x, y);
export const shl = (x: Operand, y: number): Expr => apply('shl', x, y);
export const shr = (x: Operand, y: number): Expr => apply('shr_logical', x, y);
export const sar = (x: Operand, y: number): Expr => apply('shr_arithmetic', x, y);

/** Of int32: for floats, see `atLeast` and `atMost`. */
export const intMax = (x: Expr, y: number): Expr => apply('max', x, y);

/** x y + z, rounded once or twice. Its users must be right either way, for instance where x y is exact. */
export const madd = (x: Expr, y: Operand, z: Operand): Expr => ({
  op: 'ternary',
  dtype: x.dtype,
  fn: 'madd',
  x,
  y: lift(y, x.dtype),
  z: lift(z, x.dtype),
});

/** A condition that hardly ever fails. `where` of it computes the other branch only when it does, if it can. */
export const usually = (cond: Expr): Expr => unary('usually', cond);

export const neg = (x: Expr): Expr => unary('neg', x);
export const not = (x: Expr): Expr => unary('not', x);
export const abs = (x: Expr): Expr => unary('abs', x);
export const sqrt = (x: Expr): Expr => unary('sqrt', x);
export const copysign = (x: Operand, sign: Expr): Expr => apply('copysign', x, sign);

export const int32Bits = (x: Expr): Expr => bitcast(x, 'int32');
export const float32FromBits = (x: Expr): Expr => bitcast(x, 'float32');

/** `cond ? x : y`; at least one branch is an Expr. */
export function where(cond: Expr, x: Operand, y: Operand): Expr {
  const dtype = typeof x !== 'number' ? x.dtype : typeof y !== 'number' ? y.dtype : 'float64';
  return select(cond, lift(x, dtype), lift(y, dtype));
}

/** `limit < x ? limit : x`: keeps a NaN in `x`. This very shape is one `pmin` instruction. */
export const atMost = (x: Expr, limit: Operand): Expr => where(lt(limit, x), limit, x);

/** `x < limit ? limit : x`: keeps a NaN in `x`. This very shape is one `pmax` instruction. */
export const atLeast = (x: Expr, limit: Operand): Expr => where(lt(x, limit), limit, x);

/** `c[0] + c[1] x + …` by Horner's rule. */
export function polynomial(x: Expr, c: readonly number[]): Expr {
  let y: Expr = literal(c[c.length - 1]!, x.dtype);
  for (let i = c.length - 2; i >= 0; i--) y = madd(y, x, c[i]!);
  return y;
}

/**
 * The same polynomial as the sum of its even and its odd powers: one operation more, in half as long a chain. For long functions, of which
 * a processor has no two elements in its window, so that it waits for the chain.
 */
export function inHalves(x: Expr, c: readonly number[]): Expr {
  const z = mul(x, x);
  const even = c.filter((_, i) => i % 2 === 0);
  const odd = c.filter((_, i) => i % 2 === 1);
  return madd(polynomial(z, odd), x, polynomial(z, even));
}
