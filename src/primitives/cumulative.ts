/**
 * Running sums, products, extremes and log-sum-exps along an axis.
 * May import: `ir`, `core`, `primitives/structural`, the elementwise families, `primitives/slice`, `primitives/movement`.
 * @module
 */
import { type Aval, f32, f64, i32, u32 } from '../ir/aval.ts';
import { type DType, isFloat } from '../ir/dtype.ts';
import { DTypeError } from '../ir/errors.ts';
import { binary, convert, type Expr, int, isub, linearize, select as selectExpr, unary } from '../ir/loop/expr.ts';
import type { KernelBuilder } from '../ir/loop/kernel.ts';
import { sizeOf } from '../ir/shape.ts';
import { type Calculus, definePrimitive, type HostArray, type Primitive, type Sample } from '../core/primitive.ts';
import type { Tensor } from '../core/tensor.ts';
import { bind1 } from '../core/trace.ts';
import { add, like, mul, sub } from './arithmetic.ts';
import { eq, gt, lt } from './compare.ts';
import { exp, log } from './elementwise-exp.ts';
import { isFinite, max, min, shareAtTie } from './elementwise-number.ts';
import { type Dual, scanDual } from './scan-dual.ts';
import { select } from './select.ts';

export interface CumulativeParams {
  readonly axis: number;
  /** From the last element to the first. */
  readonly reverse: boolean;
}

interface CumulativeRules {
  readonly name: string;
  readonly floatOnly?: boolean;
  readonly calculus: Calculus<CumulativeParams>;
  /** The running value from the one before and the next element. */
  readonly step: (acc: number, x: number, dtype: DType) => number;
  readonly stepExpr: (acc: Expr, x: Expr) => Expr;
  readonly samples: readonly Sample<CumulativeParams>[];
}

/** Calls `visit` with the positions along the axis in order, for every line of the array. */
function forEachLine(
  x: Aval,
  { axis, reverse }: CumulativeParams,
  visit: (positions: readonly number[]) => void,
): void {
  const n = x.shape[axis]!;
  const inner = sizeOf(x.shape.slice(axis + 1));
  const lines = n === 0 ? 0 : x.size / n;
  for (let line = 0; line < lines; line++) {
    const start = Math.floor(line / inner) * n * inner + (line % inner);
    const positions = Array.from({ length: n }, (_, k) => start + (reverse ? n - 1 - k : k) * inner);
    visit(positions);
  }
}

function evaluate(x: HostArray, out: HostArray, params: CumulativeParams, step: CumulativeRules['step']): void {
  forEachLine(x.aval, params, (positions) => {
    let acc = 0;
    positions.forEach((p, k) => {
      acc = k === 0 ? x.data[p]! : step(acc, x.data[p]!, x.aval.dtype);
      out.data[p] = acc;
    });
  });
}

/** Floats accumulate in float64 whatever their dtype; integers in their own. */
function build(
  b: KernelBuilder,
  x: Aval,
  { axis, reverse }: CumulativeParams,
  stepExpr: CumulativeRules['stepExpr'],
): void {
  const n = x.shape[axis]!;
  const wide: DType = isFloat(x.dtype) ? 'float64' : x.dtype;
  if (x.size === 0) return;
  b.parallel(
    x.shape.filter((_, i) => i !== axis),
    (index) => {
      const at = (k: Expr): Expr => {
        const position = reverse ? isub(int(n - 1), k) : k;
        return linearize([...index.slice(0, axis), position, ...index.slice(axis)], x.shape);
      };
      const element = (k: Expr): Expr => convert(b.load(b.inputs[0]!, at(k)), wide);
      const acc = b.local(wide, element(int(0)));
      b.store(b.outputs[0]!, at(int(0)), convert(b.get(acc), x.dtype));
      b.loop(n - 1, (i) => {
        const k = binary('add', i, int(1));
        b.set(acc, stepExpr(b.get(acc), element(k)));
        b.store(b.outputs[0]!, at(k), convert(b.get(acc), x.dtype));
      });
    },
  );
}

function defineCumulative(rules: CumulativeRules): Primitive<CumulativeParams> {
  const { name } = rules;
  const primitive: Primitive<CumulativeParams> = definePrimitive<CumulativeParams>({
    name,
    abstractEval: ([x]) => {
      if (x!.dtype === 'bool' || (rules.floatOnly && !isFloat(x!.dtype))) {
        const wanted = rules.floatOnly ? 'float' : 'integer or float';
        throw new DTypeError(
          `${name}: expected ${wanted} elements, got ${x!.toString()}.`,
          'convert with astype first.',
        );
      }
      return [x!];
    },
    calculus: rules.calculus,
    batch: (_context, [x], [bdim], { axis, reverse }) => [
      [bind1(primitive, [x!], { axis: axis >= bdim! ? axis + 1 : axis, reverse })],
      [bdim!],
    ],
    reference: ([x], [out], params) => evaluate(x!, out!, params, rules.step),
    lower: { kind: 'loops', build: (b, [x], _outs, params) => build(b, x!, params, rules.stepExpr) },
    samples: rules.samples,
  });
  return primitive;
}

const forward = (axis: number): CumulativeParams => ({ axis, reverse: false });
const backward = (axis: number): CumulativeParams => ({ axis, reverse: true });

const floatSamples: readonly Sample<CumulativeParams>[] = [
  { avals: [f32(5)], params: forward(0) },
  { avals: [f64(2, 3, 2)], params: forward(1) },
  { avals: [f64(3, 4)], params: backward(1) },
  { avals: [f32(4, 2)], params: backward(0) },
  { avals: [f32(1)], params: forward(0) },
  { avals: [f64(0, 2)], params: forward(0) },
  { avals: [f64(2, 0)], params: forward(0) },
];
const integerSamples: readonly Sample<CumulativeParams>[] = [
  { avals: [i32(2, 3)], params: forward(1), data: [[65536, 65537, 3, -5, 2147483647, 2]] },
  { avals: [u32(4)], params: backward(0), data: [[1, 4294967295, 7, 65536]] },
];

/** y[i] = Σ x[j] over j ≤ i. Integers wrap. */
export const cumsumP: Primitive<CumulativeParams> = defineCumulative({
  name: 'cumsum',
  // x[j] feeds every y[i] with i ≥ j: its cotangent is the running sum from the other end.
  calculus: { kind: 'linear', transpose: ([ct], _operands, { axis, reverse }) => [cumsum(ct!, axis, !reverse)] },
  step: (acc, x, dtype) => (isFloat(dtype) ? acc + x : (acc + x) | 0),
  stepExpr: (acc, x) => binary('add', acc, x),
  samples: [...floatSamples, ...integerSamples],
});

type Combine = (a: Dual, b: Dual) => Dual;

/** The tangent by a tree of binary combinations, whose derivatives of every order are those of the parts. */
const scanCalculus = (combine: Combine): Calculus<CumulativeParams> => ({
  kind: 'smooth',
  jvp: ([x], [t], _outs, { axis, reverse }) => [
    t ? scanDual({ primal: x!, tangent: t }, axis, reverse, combine).tangent : null,
  ],
});

/** y[i] = Π x[j] over j ≤ i. Integers wrap. */
export const cumprodP: Primitive<CumulativeParams> = defineCumulative({
  name: 'cumprod',
  // d(ab) = da·b + a·db divides by nothing: zeros are no exception.
  calculus: scanCalculus((a, b) => ({
    primal: mul(a.primal, b.primal),
    tangent: add(mul(a.tangent, b.primal), mul(a.primal, b.tangent)),
  })),
  step: (acc, x, dtype) => (isFloat(dtype) ? acc * x : Math.imul(acc, x)),
  stepExpr: (acc, x) => binary('mul', acc, x),
  samples: [...floatSamples, ...integerSamples, { avals: [f64(5)], params: forward(0), data: [[2, 0, 3, 0, 4]] }],
});

/** The tangents as those of `max` and `min`: halves at a tie. */
const extremeCalculus = (isMax: boolean): Calculus<CumulativeParams> =>
  scanCalculus(({ primal: a, tangent: da }, { primal: b, tangent: db }) => {
    const [winsA, winsB] = isMax ? [gt(a, b), lt(a, b)] : [lt(a, b), gt(a, b)];
    return {
      primal: isMax ? max(a, b) : min(a, b),
      tangent: add(mul(da, shareAtTie(winsA, a, b)), mul(db, shareAtTie(winsB, a, b))),
    };
  });

/** y[i] = max x[j] over j ≤ i; NaN from the first NaN on. */
export const cummaxP: Primitive<CumulativeParams> = defineCumulative({
  name: 'cummax',
  calculus: extremeCalculus(true),
  step: (acc, x) => Math.max(acc, x),
  stepExpr: (acc, x) => binary('max', acc, x),
  samples: [...floatSamples, ...integerSamples],
});

/** y[i] = min x[j] over j ≤ i; NaN from the first NaN on. */
export const cumminP: Primitive<CumulativeParams> = defineCumulative({
  name: 'cummin',
  calculus: extremeCalculus(false),
  step: (acc, x) => Math.min(acc, x),
  stepExpr: (acc, x) => binary('min', acc, x),
  samples: [...floatSamples, ...integerSamples],
});

/** log(eᵃ + eᵇ), by the larger; an infinite larger one is the answer itself. */
function logAddExpScalar(a: number, b: number): number {
  const larger = Math.max(a, b);
  return Number.isFinite(larger) ? larger + Math.log1p(Math.exp(Math.min(a, b) - larger)) : larger;
}

function logAddExpExpr(a: Expr, b: Expr): Expr {
  const larger = binary('max', a, b);
  const rest = unary('log1p', unary('exp', binary('sub', binary('min', a, b), larger)));
  return selectExpr(unary('is_finite', larger), binary('add', larger, rest), larger);
}

/** z = log(eᵃ + eᵇ) with dz = e^(a−z) da + e^(b−z) db. Where z is −∞ both weights are 0; where it is ∞ that of an infinite term is 1. */
function logAddExpDual(a: Dual, b: Dual): Dual {
  const larger = max(a.primal, b.primal);
  const zero = like(larger, 0);
  const isShifted = isFinite(larger);
  const shift = select(isShifted, larger, zero);
  // The terms are exact where an operand is infinite too: e^(−∞) = 0 and e^(∞) = ∞.
  const sum = add(exp(sub(a.primal, shift)), exp(sub(b.primal, shift)));
  const safeSum = select(isShifted, sum, like(larger, 1));
  const primal = select(isShifted, add(shift, log(safeSum)), larger);
  const reference = select(eq(primal, like(primal, -Infinity)), zero, primal);
  const weight = (x: Tensor): Tensor => {
    const isWhole = eq(x, like(x, Infinity));
    return select(isWhole, like(x, 1), exp(sub(select(isWhole, zero, x), reference)));
  };
  return { primal, tangent: add(mul(a.tangent, weight(a.primal)), mul(b.tangent, weight(b.primal))) };
}

/** y[i] = log Σ e^x[j] over j ≤ i. */
export const cumlogsumexpP: Primitive<CumulativeParams> = defineCumulative({
  name: 'cumlogsumexp',
  floatOnly: true,
  calculus: scanCalculus(logAddExpDual),
  step: logAddExpScalar,
  stepExpr: logAddExpExpr,
  samples: [
    ...floatSamples,
    { avals: [f64(4)], params: forward(0), data: [[-Infinity, -Infinity, 1, 2]], maxOrder: 0 },
  ],
});

export const cumsum = (x: Tensor, axis: number, reverse = false): Tensor => bind1(cumsumP, [x], { axis, reverse });
export const cumprod = (x: Tensor, axis: number, reverse = false): Tensor => bind1(cumprodP, [x], { axis, reverse });
export const cummax = (x: Tensor, axis: number, reverse = false): Tensor => bind1(cummaxP, [x], { axis, reverse });
export const cummin = (x: Tensor, axis: number, reverse = false): Tensor => bind1(cumminP, [x], { axis, reverse });
export const cumlogsumexp = (x: Tensor, axis: number, reverse = false): Tensor =>
  bind1(cumlogsumexpP, [x], { axis, reverse });
