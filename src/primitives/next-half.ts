/**
 * The neighbours of a 16-bit float, as a number and as a scalar expression of float32 operands.
 * May import: `ir`.
 * @module
 */
import { halfBits, type HalfDType, halfValue } from '../ir/half.ts';
import { binary, bitcast, constant, type Expr, select, unary } from '../ir/loop/expr.ts';

/** The next number of the format after x toward y; y if they are equal; NaN if either is. */
export function nextHalf(x: number, y: number, format: HalfDType): number {
  if (Number.isNaN(x) || Number.isNaN(y)) return NaN;
  if (x === y) return y;
  if (x === 0) return y > 0 ? halfValue(1, format) : halfValue(0x8001, format);
  return halfValue(halfBits(x, format) + (y > x === x > 0 ? 1 : -1), format);
}

/** 2⁻¹¹² times a float16 has the bits of the float16, moved; a bfloat16 has the upper bits of the float32. */
const layouts = {
  float16: { scale: 2 ** -112, step: 2 ** 13, beyond: 65536 },
  bfloat16: { scale: 1, step: 2 ** 16, beyond: Number.POSITIVE_INFINITY },
} as const;

/** The same of two numbers of the format, as float32. */
export function nextHalfExpr(x: Expr, y: Expr, format: HalfDType): Expr {
  const { scale, step, beyond } = layouts[format];
  const float = (value: number): Expr => constant(value, 'float32');
  const int = (value: number): Expr => constant(value, 'int32');
  const size = binary('min', unary('abs', x), float(beyond));
  const bits = bitcast(binary('mul', size, float(scale)), 'int32');
  // Away from zero where y lies on the same side, farther out.
  const isAway = binary('eq', binary('gt', y, x), binary('gt', x, float(0)));
  const moved = binary('add', bits, select(isAway, int(step), int(-step)));
  const next = binary('mul', bitcast(moved, 'float32'), float(1 / scale));
  const tiniest = binary('mul', bitcast(int(step), 'float32'), float(1 / scale));
  const isZero = binary('eq', x, float(0));
  const negative = binary('lt', select(isZero, y, x), float(0));
  const magnitude = select(isZero, tiniest, next);
  const neighbour = select(negative, unary('neg', magnitude), magnitude);
  const isNumber = binary('and', binary('eq', x, x), binary('eq', y, y));
  return select(isNumber, select(binary('eq', x, y), y, neighbour), float(Number.NaN));
}
