/**
 * Elementwise operations. ONNX broadcasts as the library does. Unsigned integers are computed in 64 bits and wrapped by the conversion
 * back, because runtimes have few kernels for them.
 * May import: `primitives`, `onnx/{graph,lowering}`.
 * @module
 */
import { type DType, isFloat, isInteger } from '../ir/dtype.ts';
import { largestOf, leastOf } from '../ir/limits.ts';
import * as p from '../primitives/index.ts';
import { isIntegral, isUnsigned, type OnnxGraph } from './graph.ts';
import { entry, type Entry, type Lowering, refuse } from './lowering.ts';
import type { OnnxType } from './proto.ts';

/** Names of the operands, all in `type`, to the name of the result in it. */
type Rule = (g: OnnxGraph, names: readonly string[], type: OnnxType) => string;

/** The rule in 64-bit integers for the dtypes that are said, and as it is for the others. */
const widened =
  (rule: Rule, isWidened: (dtype: DType) => boolean = isUnsigned): Lowering<object> =>
  ({ g, x, outs }) => {
    const { dtype } = x[0]!.aval;
    if (!isWidened(dtype))
      return rule(
        g,
        x.map(({ name }) => name),
        dtype,
      );
    const y = rule(
      g,
      x.map((operand) => g.as(operand, 'int64')),
      'int64',
    );
    return outs[0]!.dtype === 'bool' ? y : g.cast(y, outs[0]!.dtype);
  };

const direct =
  (op: string): Rule =>
  (g, names) =>
    g.op(op, names);

const arithmetic = (op: string): Lowering<object> => widened(direct(op));

/** Booleans compare as numbers. */
const comparison = (op: string): Lowering<object> => widened(direct(op), (d) => isUnsigned(d) || d === 'bool');

/** Towards zero; −1 (all bits) where the divisor is 0, as the library has it. Runtimes may crash there. */
const divide: Rule = (g, [x, y], type) => {
  if (type !== 'int64') return g.op('Div', [x!, y!]);
  const isZero = g.op('Equal', [y!, g.scalar(0, type)]);
  const quotient = g.op('Div', [x!, g.where(isZero, g.scalar(1, type), y!)]);
  return g.where(isZero, g.scalar(-1, type), quotient);
};

/** With the sign of x; x where the divisor is 0. */
const remainder: Rule = (g, [x, y], type) => {
  if (type !== 'int64') return g.op('Mod', [x!, y!], { fmod: 1 });
  const isZero = g.op('Equal', [y!, g.scalar(0, type)]);
  return g.where(isZero, x!, g.op('Mod', [x!, g.where(isZero, g.scalar(1, type), y!)], { fmod: 1 }));
};

/** By squaring. */
function power(g: OnnxGraph, x: string, n: number, type: OnnxType): string {
  let [base, out]: [string, string | undefined] = [x, undefined];
  for (let rest = n; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) out = out === undefined ? base : g.op('Mul', [out, base]);
    if (rest > 1) base = g.op('Mul', [base, base]);
  }
  // x⁰ in the shape of x, also where x is no number
  return out ?? g.op('Expand', [g.scalar(1, type), g.op('Shape', [x])]);
}

const integerPow: Lowering<{ readonly exponent: number }> = (application) =>
  widened((g, [x], type) => {
    const { exponent: n } = application.params;
    const y = power(g, x!, Math.abs(n), type);
    return n >= 0 ? y : divide(g, [g.scalar(1, type), y], type);
  }, isIntegral)(application);

/** Booleans by one operator, integers by another. */
const logical =
  (onBool: string, onBits: string): Lowering<object> =>
  ({ g, x }) =>
    g.op(
      x[0]!.aval.dtype === 'bool' ? onBool : onBits,
      x.map(({ name }) => name),
    );

/** Logical shifts of 32 bits; 0 for distances beyond. */
function shifted(g: OnnxGraph, x: string, distance: string, direction: 'LEFT' | 'RIGHT'): string {
  const isNear = g.op('Less', [g.cast(distance, 'int64'), g.scalar(32, 'int64')]);
  const near = g.cast(g.where(isNear, g.cast(distance, 'int64'), g.scalar(0, 'int64')), 'uint32');
  const y = g.op('BitShift', [x, near], { direction });
  return g.cast(g.where(isNear, g.cast(y, 'int64'), g.scalar(0, 'int64')), 'uint32');
}

const shift =
  (direction: 'LEFT' | 'RIGHT', isArithmetic = false): Lowering<object> =>
  ({ g, x, outs }) => {
    const [value, distance] = x;
    if (value!.aval.dtype === 'uint8') refuse('shifts of 32-bit integers', x, 'convert with astype first.');
    const by = g.as(distance!, 'uint32');
    if (!isArithmetic) return g.cast(shifted(g, g.as(value!, 'uint32'), by, direction), outs[0]!.dtype);
    // x ≫ s = ~(~x ⋙ s) for negative x
    const signed = g.as(value!, 'int32');
    const isNegative = g.op('Less', [signed, g.scalar(0, 'int32')]);
    const magnitude = g.where(isNegative, g.op('BitwiseNot', [signed]), signed);
    const y = g.cast(shifted(g, g.cast(magnitude, 'uint32'), by, direction), 'int32');
    return g.cast(g.where(isNegative, g.op('BitwiseNot', [y]), y), outs[0]!.dtype);
  };

const select: Lowering<object> = ({ g, x, outs }) => {
  const [c, a, b] = x;
  const { dtype } = outs[0]!;
  if (dtype === 'bool') {
    const other = g.op('And', [g.op('Not', [c!.name]), b!.name]);
    return g.op('Or', [g.op('And', [c!.name, a!.name]), other]);
  }
  if (dtype !== 'uint32') return g.where(c!.name, a!.name, b!.name);
  return g.cast(g.where(c!.name, g.as(a!, 'int64'), g.as(b!, 'int64')), dtype);
};

const isFinite: Lowering<object> = ({ g, x, outs }) => {
  const [{ name, aval }] = x as [(typeof x)[number]];
  if (!isFloat(aval.dtype)) return g.filled(g.scalar(1, 'bool'), outs[0]!.shape);
  // x − x is 0 for numbers and NaN for the others.
  return g.op('Equal', [g.op('Sub', [name, name]), g.scalar(0, aval.dtype)]);
};

/** A float outside the range of the integers becomes the nearest of them, NaN 0: what a cast makes of them is up to the runtime. */
const convert: Lowering<object> = ({ g, x, outs }) => {
  const [{ aval }] = x as [(typeof x)[number]];
  const to = outs[0]!.dtype;
  if (!isFloat(aval.dtype) || !isInteger(to)) {
    // Narrower integers take the low bits.
    return to === 'uint8' && isIntegral(aval.dtype) && aval.dtype !== 'uint8'
      ? g.cast(g.op('BitwiseAnd', [g.as(x[0]!, 'int64'), g.scalar(255, 'int64')]), to)
      : g.as(x[0]!, to);
  }
  const wide = g.as(x[0]!, 'float64');
  const [low, high] = [leastOf(to), largestOf(to)];
  const number = g.where(g.op('Equal', [wide, wide]), wide, g.scalar(0, 'float64'));
  const inside = g.op('Clip', [number, g.scalar(low, 'float64'), g.scalar(high, 'float64')]);
  return to === 'int32' ? g.cast(inside, to) : g.cast(g.cast(inside, 'int64'), to);
};

export const elementwise: readonly Entry[] = [
  entry(p.addP, arithmetic('Add')),
  entry(p.subP, arithmetic('Sub')),
  entry(p.mulP, arithmetic('Mul')),
  entry(p.divP, widened(divide, isIntegral)),
  entry(p.remP, widened(remainder, isIntegral)),
  entry(p.negP, arithmetic('Neg')),
  entry(p.integerPowP, integerPow),
  entry(p.maxP, arithmetic('Max')),
  entry(p.minP, arithmetic('Min')),
  entry(p.absP, arithmetic('Abs')),
  entry(
    p.signP,
    widened((g, [x], type) => {
      const sign = g.op('Sign', [x!]);
      // Of NaN it is NaN here.
      return type === 'float32' || type === 'float64' ? g.where(g.op('Equal', [x!, x!]), sign, x!) : sign;
    }),
  ),
  entry(p.eqP, comparison('Equal')),
  entry(
    p.neP,
    widened(
      (g, names) => g.op('Not', [g.op('Equal', names)]),
      (d) => isUnsigned(d) || d === 'bool',
    ),
  ),
  entry(p.ltP, comparison('Less')),
  entry(p.leP, comparison('LessOrEqual')),
  entry(p.gtP, comparison('Greater')),
  entry(p.geP, comparison('GreaterOrEqual')),
  entry(p.notP, logical('Not', 'BitwiseNot')),
  entry(p.andP, logical('And', 'BitwiseAnd')),
  entry(p.orP, logical('Or', 'BitwiseOr')),
  entry(p.xorP, logical('Xor', 'BitwiseXor')),
  entry(p.shiftLeftP, shift('LEFT')),
  entry(p.shiftRightLogicalP, shift('RIGHT')),
  entry(p.shiftRightArithmeticP, shift('RIGHT', true)),
  entry(p.selectP, select),
  entry(
    p.clampP,
    widened((g, [lo, x, hi]) => g.op('Min', [g.op('Max', [x!, lo!]), hi!])),
  ),
  entry(p.convertP, convert),
  entry(p.isFiniteP, isFinite),
  entry(p.barrierP, ({ x }) => x[0]!.name),
  entry(p.stopGradientP, ({ x }) => x[0]!.name),
];
