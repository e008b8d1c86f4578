/**
 * Pieces of which records make their `simplify` rules. Each is exact: for NaN, infinities, −0 and wrapping integers too.
 * May import: `ir`.
 * @module
 */
import { type DType, dtypeInfo, isFloat } from '../ir/dtype.ts';
import { type Atom, type Equation, Literal, type Params, type PrimitiveInfo } from '../ir/program.ts';
import { type Replacement, scalarOf, type SimplifyView } from '../ir/simplify.ts';

type View<P = object> = SimplifyView<P>;
type Result = Replacement | undefined;

/** Operand `k` in place of the equation, if it has the shape and dtype of the result. */
export function keepOperand(view: View, k: number): Result {
  return replaceBy(view, view.inputs[k]!);
}

/** A value in place of the equation, if it fits. */
export function replaceBy({ outputs }: View, value: Atom): Result {
  return value.aval.equals(outputs[0]!, true) ? { kind: 'values', values: [value] } : undefined;
}

export const otherEquation = (primitive: PrimitiveInfo, inputs: readonly Atom[], params: object): Replacement => ({
  kind: 'equation',
  primitive,
  inputs,
  params: params as Params,
});

/** The equation behind operand 0, if it applies `primitive`. */
export function innerOf<P>({ inputs, producer }: View<P>, primitive: PrimitiveInfo): Equation | undefined {
  const inner = producer(inputs[0]!);
  return inner?.primitive === primitive ? inner : undefined;
}

/** f(f(x)) = x. */
export const involution = (view: View, self: PrimitiveInfo): Result => {
  const inner = innerOf(view, self);
  return inner === undefined ? undefined : replaceBy(view, inner.inputs[0]!);
};

/** x ∘ e = x, where operand `k` of 1 or 0 is the neutral `e` of the operation at its dtype. */
export function neutralOperand(view: View, k: 0 | 1, neutral: (dtype: DType) => number): Result {
  const e = view.inputs[k]!;
  const value = scalarOf(e);
  // Integers have one zero; floats tell −0 from 0.
  if (value === undefined) return undefined;
  const wanted = neutral(e.aval.dtype);
  const isNeutral = isFloat(e.aval.dtype) ? Object.is(value, wanted) : value === wanted;
  return isNeutral ? keepOperand(view, 1 - k) : undefined;
}

/**
 * The reciprocal of a divisor, as a literal, when dividing and multiplying round alike: for powers of two whose reciprocal is normal.
 */
export function exactReciprocal(divisor: Atom): Literal | undefined {
  const value = scalarOf(divisor);
  const { dtype } = divisor.aval;
  if (value === undefined || !isFloat(dtype) || !Number.isFinite(value) || value === 0) return undefined;
  const exponent = Math.log2(Math.abs(value));
  // Smallest exponents of normal numbers: IEEE 754 binary32 and binary64.
  const lowest = dtypeInfo[dtype].bytes === 4 ? -126 : -1022;
  if (!Number.isInteger(exponent) || 2 ** exponent !== Math.abs(value) || -exponent < lowest || exponent < lowest)
    return undefined;
  return new Literal({ aval: divisor.aval, scalar: 1 / value });
}
