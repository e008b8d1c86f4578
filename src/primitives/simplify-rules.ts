/**
 * Pieces of which records make their `simplify` rules. Each is exact: for NaN, infinities, −0 and wrapping integers too.
 * May import: `ir`.
 * @module
 */
import { type DType, dtypeInfo, isFloat } from '../ir/dtype.ts';
import type { Aval } from '../ir/aval.ts';
import { type Atom, Equation, Literal, type Params, type PrimitiveInfo, Var } from '../ir/program.ts';
import { type Replacement, scalarOf, type SimplifyRule, type SimplifyView } from '../ir/simplify.ts';

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

/** One equation after the other in place of one, and the value of the last. */
export function otherEquations(equations: readonly Equation[]): Replacement {
  return { kind: 'equations', equations, values: [equations.at(-1)!.outputs[0]!] };
}

/** An equation with one new variable as its result. */
export const equationOf = (primitive: PrimitiveInfo, inputs: readonly Atom[], params: object, aval: Aval): Equation =>
  new Equation(primitive, inputs, params as Params, [new Var(aval)]);

/** The parameters of an equation that is known to apply a primitive that has such. */
export const paramsOf = <P>(eqn: Equation): P => eqn.params as unknown as P;

/** The operand of `primitive` where operand `k` is its result. */
export function operandOf<P>({ inputs, producer }: View<P>, k: number, primitive: PrimitiveInfo): Atom | undefined {
  const inner = producer(inputs[k]!);
  return inner?.primitive === primitive ? inner.inputs[0] : undefined;
}

/** The equation behind operand 0, if it applies `primitive`. */
export function innerOf<P>({ inputs, producer }: View<P>, primitive: PrimitiveInfo): Equation | undefined {
  const inner = producer(inputs[0]!);
  return inner?.primitive === primitive ? inner : undefined;
}

/** Rules of one record that more than one family gives. */
export type RuleList<P> = SimplifyRule<P>[];

/** What the first rule that applies makes of an equation. */
export function firstOf<P>(rules: RuleList<P>, view: View<P>): Result {
  for (const rule of rules) {
    const result = rule(view);
    if (result !== undefined) return result;
  }
  return undefined;
}

/** f(f(x)) = x. */
export const involution = (view: View, self: PrimitiveInfo): Result => {
  const inner = innerOf(view, self);
  return inner === undefined ? undefined : replaceBy(view, inner.inputs[0]!);
};

/** f(f(x)) = f(x). */
export const idempotent = (view: View, self: PrimitiveInfo): Result => {
  return innerOf(view, self) === undefined ? undefined : keepOperand(view, 0);
};

/** x ∘ x = x. */
export const sameOperands = (view: View): Result =>
  view.inputs[0] === view.inputs[1] ? keepOperand(view, 0) : undefined;

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
