/**
 * Functions of one number: roots, exponentials, trigonometry, error functions. Operands are floats.
 * May import: `primitives`, `onnx/{graph,lowering}`.
 * @module
 */
import type { DType } from '../ir/dtype.ts';
import * as p from '../primitives/index.ts';
import type { OnnxGraph } from './graph.ts';
import { entry, type Entry, type Lowering, refuse } from './lowering.ts';

const direct =
  (op: string): Lowering<object> =>
  ({ g, x }) =>
    g.op(
      op,
      x.map(({ name }) => name),
    );

/** A composition, with constants of the operand's dtype. */
const composed =
  (rule: (g: OnnxGraph, x: string, c: (value: number) => string, dtype: DType) => string): Lowering<object> =>
  ({ g, x }) => {
    const { name, aval } = x[0]!;
    return rule(g, name, (value) => g.scalar(value, aval.dtype), aval.dtype);
  };

type Constant = (value: number) => string;

/** eˣ − 1 = 2 tanh(x/2) / (1 − tanh(x/2)): near 0 the difference would cancel. */
function expm1(g: OnnxGraph, x: string, c: Constant): string {
  const t = g.op('Tanh', [g.op('Mul', [x, c(0.5)])]);
  const near = g.op('Div', [g.op('Add', [t, t]), g.op('Sub', [c(1), t])]);
  const far = g.op('Sub', [g.op('Exp', [x]), c(1)]);
  return g.where(g.op('Less', [g.op('Abs', [x]), c(0.5)]), near, far);
}

/** log u · x / (u − 1) with u = 1 + x as it is rounded: the error of u divides out (W. Kahan). */
export function log1p(g: OnnxGraph, x: string, c: Constant): string {
  const u = g.op('Add', [x, c(1)]);
  const isOne = g.op('Equal', [u, c(1)]);
  const ratio = g.op('Div', [x, g.op('Sub', [u, c(1)])]);
  const isNear = g.op('Less', [g.op('Abs', [x]), c(1)]);
  return g.where(isOne, x, g.op('Mul', [g.op('Log', [u]), g.where(isNear, ratio, c(1))]));
}

function cbrt(g: OnnxGraph, x: string, c: Constant): string {
  return g.op('Mul', [g.op('Sign', [x]), g.op('Pow', [g.op('Abs', [x]), c(1 / 3)])]);
}

/** Coefficients in t = 1 / (1 + |x|/2) of log(erfc |x| / t) + x², relative error 1.2e-7 everywhere (Numerical Recipes, 2nd ed., §6.2). */
const erfcSeries = [
  -1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398, 1.48851587, -0.82215223,
  0.17087277,
];

const erfc: Lowering<object> = ({ g, x }) => {
  const { name, aval } = x[0]!;
  if (aval.dtype === 'float64')
    refuse('erfc of float32', x, 'ONNX has erf only, whose difference from 1 cancels; use float32.');
  const c = (value: number): string => g.scalar(value, aval.dtype);
  const z = g.op('Abs', [name]);
  const t = g.op('Div', [c(1), g.op('Add', [c(1), g.op('Mul', [z, c(0.5)])])]);
  const series = erfcSeries.reduceRight((sum: string | undefined, a) => {
    return sum === undefined ? c(a) : g.op('Add', [c(a), g.op('Mul', [t, sum])]);
  }, undefined)!;
  const tail = g.op('Mul', [t, g.op('Exp', [g.op('Sub', [series, g.op('Mul', [z, z])])])]);
  // Where both sides are of order 1 the operator is exacter.
  const isNear = g.op('Less', [z, c(0.5)]);
  const far = g.where(g.op('Less', [name, c(0)]), g.op('Sub', [c(2), tail]), tail);
  return g.where(isNear, g.op('Sub', [c(1), g.op('Erf', [name])]), far);
};

const atan2: Lowering<object> = ({ g, x }) => {
  const [y, at] = x.map(({ name }) => name) as [string, string];
  const { dtype } = x[0]!.aval;
  const c = (value: number): string => g.scalar(value, dtype);
  const isNegative = g.op('Less', [at, c(0)]);
  const isOrigin = g.op('And', [g.op('Equal', [at, c(0)]), g.op('Equal', [y, c(0)])]);
  const angle = g.op('Atan', [g.op('Div', [y, g.where(isOrigin, c(1), at)])]);
  const turn = g.where(g.op('Less', [y, c(0)]), c(-Math.PI), c(Math.PI));
  return g.where(isNegative, g.op('Add', [angle, turn]), angle);
};

const trunc = composed((g, x, c) => g.where(g.op('Less', [x, c(0)]), g.op('Ceil', [x]), g.op('Floor', [x])));

export const functions: readonly Entry[] = [
  entry(p.sqrtP, direct('Sqrt')),
  entry(
    p.rsqrtP,
    composed((g, x) => g.op('Reciprocal', [g.op('Sqrt', [x])])),
  ),
  entry(p.cbrtP, composed(cbrt)),
  entry(p.expP, direct('Exp')),
  entry(
    p.exp2P,
    composed((g, x, c) => g.op('Pow', [c(2), x])),
  ),
  entry(p.expm1P, composed(expm1)),
  entry(p.logP, direct('Log')),
  entry(
    p.log2P,
    composed((g, x, c) => g.op('Mul', [g.op('Log', [x]), c(Math.LOG2E)])),
  ),
  entry(
    p.log10P,
    composed((g, x, c) => g.op('Mul', [g.op('Log', [x]), c(Math.LOG10E)])),
  ),
  entry(p.log1pP, composed(log1p)),
  entry(p.logisticP, direct('Sigmoid')),
  entry(p.powP, direct('Pow')),
  entry(p.floorP, direct('Floor')),
  entry(p.ceilP, direct('Ceil')),
  entry(p.truncP, trunc),
  entry(p.roundP, direct('Round')),
  entry(p.sinP, direct('Sin')),
  entry(p.cosP, direct('Cos')),
  entry(p.tanP, direct('Tan')),
  entry(p.asinP, direct('Asin')),
  entry(p.acosP, direct('Acos')),
  entry(p.atanP, direct('Atan')),
  entry(p.atan2P, atan2),
  entry(p.sinhP, direct('Sinh')),
  entry(p.coshP, direct('Cosh')),
  entry(p.tanhP, direct('Tanh')),
  entry(p.asinhP, direct('Asinh')),
  entry(p.acoshP, direct('Acosh')),
  entry(p.atanhP, direct('Atanh')),
  entry(p.erfP, direct('Erf')),
  entry(p.erfcP, erfc),
];
