/**
 * Rewrite rules of arithmetic. Signs move between factors and terms, because IEEE 754 rounds to nearest the same way on both sides of 0;
 * nothing else is reassociated in floating point. Integers wrap, so their sums and products of constants are collected.
 * May import: `ir`, `primitives/simplify-rules`.
 * @module
 */
import { castScalar, isFloat } from '../ir/dtype.ts';
import { type Atom, Literal, type PrimitiveInfo } from '../ir/program.ts';
import { type Replacement, scalarOf, type SimplifyView } from '../ir/simplify.ts';
import {
  exactReciprocal,
  innerOf,
  involution,
  neutralOperand,
  operandOf,
  otherEquation,
  replaceBy,
} from './simplify-rules.ts';

type View = SimplifyView<object>;
type Result = Replacement | undefined;

/** The primitives that the rules turn into each other. */
export interface Arithmetic {
  readonly add: PrimitiveInfo;
  readonly sub: PrimitiveInfo;
  readonly mul: PrimitiveInfo;
  readonly div: PrimitiveInfo;
  readonly neg: PrimitiveInfo;
}

const noParams = {};

const literalLike = ({ aval }: Atom, scalar: number): Literal =>
  new Literal({ aval, scalar: castScalar(scalar, aval.dtype) });

/** −c for a literal c. */
function negated(a: Atom): Literal | undefined {
  const value = scalarOf(a);
  return value === undefined ? undefined : literalLike(a, -value);
}

/** (x ∘ c) ∘ d = x ∘ (c ∘ d) for integers: c ∘ d is exact modulo 2³². */
function collectLiterals(view: View, self: PrimitiveInfo, combine: (c: number, d: number) => number): Result {
  const inner = innerOf(view, self);
  const d = scalarOf(view.inputs[1]!);
  if (inner === undefined || d === undefined || isFloat(view.outputs[0]!.dtype)) return undefined;
  const c = scalarOf(inner.inputs[1]!);
  if (c === undefined) return undefined;
  return otherEquation(self, [inner.inputs[0]!, literalLike(view.inputs[1]!, combine(c, d))], noParams);
}

/** A literal stands second. */
function literalSecond({ inputs: [x, y] }: View, self: PrimitiveInfo): Result {
  if (scalarOf(x!) === undefined || scalarOf(y!) !== undefined) return undefined;
  return otherEquation(self, [y!, x!], noParams);
}

export function simplifyAdd(view: View, p: Arithmetic): Result {
  const [x, y] = view.inputs;
  // x + (−0) = x, while x + 0 turns −0 into 0; integers have one zero.
  const neutral = neutralOperand(view, 1, () => -0) ?? neutralOperand(view, 0, () => -0);
  if (neutral !== undefined) return neutral;
  const [negX, negY] = [operandOf(view, 0, p.neg), operandOf(view, 1, p.neg)];
  if (negY !== undefined) return otherEquation(p.sub, [x!, negY], noParams);
  if (negX !== undefined) return otherEquation(p.sub, [y!, negX], noParams);
  return literalSecond(view, p.add) ?? collectLiterals(view, p.add, (c, d) => c + d);
}

export function simplifySub(view: View, p: Arithmetic): Result {
  const [x, y] = view.inputs;
  const neutral = neutralOperand(view, 1, () => 0);
  if (neutral !== undefined) return neutral;
  const negY = operandOf(view, 1, p.neg);
  if (negY !== undefined) return otherEquation(p.add, [x!, negY], noParams);
  const first = scalarOf(x!);
  const isInteger = !isFloat(view.outputs[0]!.dtype);
  // 0 − 0 = 0 while −(0) = −0, so floats must start from −0.
  const isZero = first !== undefined && (isInteger ? first === 0 : Object.is(first, -0));
  if (isZero && y!.aval.equals(view.outputs[0]!, true)) return otherEquation(p.neg, [y!], noParams);
  const minus = isInteger ? negated(y!) : undefined;
  return minus && otherEquation(p.add, [x!, minus], noParams);
}

export function simplifyMul(view: View, p: Arithmetic): Result {
  const [x, y] = view.inputs;
  const neutral = neutralOperand(view, 1, () => 1) ?? neutralOperand(view, 0, () => 1) ?? literalSecond(view, p.mul);
  if (neutral !== undefined) return neutral;
  if (scalarOf(y!) === -1 && x!.aval.equals(view.outputs[0]!, true)) return otherEquation(p.neg, [x!], noParams);
  const negX = operandOf(view, 0, p.neg);
  // (−x) · (−y) = x · y and (−x) · c = x · (−c)
  const other = operandOf(view, 1, p.neg) ?? negated(y!);
  if (negX !== undefined && other !== undefined) return otherEquation(p.mul, [negX, other], noParams);
  return collectLiterals(view, p.mul, Math.imul);
}

export function simplifyDiv(view: View, p: Arithmetic): Result {
  const [x, y] = view.inputs;
  const neutral = neutralOperand(view, 1, () => 1);
  if (neutral !== undefined) return neutral;
  const reciprocal = exactReciprocal(y!);
  if (reciprocal !== undefined) return otherEquation(p.mul, [x!, reciprocal], noParams);
  const negX = operandOf(view, 0, p.neg);
  const other = operandOf(view, 1, p.neg) ?? negated(y!);
  // Not for integers: the least one is its own negative.
  if (negX === undefined || other === undefined || !isFloat(view.outputs[0]!.dtype)) return undefined;
  return otherEquation(p.div, [negX, other], noParams);
}

/** −(−x) = x; −(x · c) = x · (−c), where nothing else needs x · c. */
export function simplifyNeg(view: View, p: Arithmetic): Result {
  const twice = involution(view, p.neg);
  const inner = innerOf(view, p.mul);
  if (twice !== undefined || inner === undefined || view.uses(view.inputs[0]!) > 1) return twice;
  const c = negated(inner.inputs[1]!);
  return c && otherEquation(p.mul, [inner.inputs[0]!, c], noParams);
}

/** Choices that are made already: by a known predicate, between equal values, or again by the same predicate. */
export function simplifySelect(view: View, self: PrimitiveInfo): Result {
  const [c, a, b] = view.inputs;
  const known = scalarOf(c!);
  if (a === b || known === 1) return replaceBy(view, a!);
  if (known === 0) return replaceBy(view, b!);
  // select(c, select(c, a, d), b) = select(c, a, b), and likewise in the other branch.
  const [inA, inB] = [view.producer(a!), view.producer(b!)];
  if (inA?.primitive === self && inA.inputs[0] === c) return otherEquation(self, [c!, inA.inputs[1]!, b!], noParams);
  if (inB?.primitive === self && inB.inputs[0] === c) return otherEquation(self, [c!, a!, inB.inputs[2]!], noParams);
  const isIdentity = view.outputs[0]!.dtype === 'bool' && scalarOf(a!) === 1 && scalarOf(b!) === 0;
  return isIdentity ? replaceBy(view, c!) : undefined;
}
