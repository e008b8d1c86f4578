/**
 * Reductions over axes other than the sum, which stands with its adjoint in `structural`.
 * May import: `ir`, `core`, `primitives/structural`, the elementwise families, `primitives/slice`.
 * @module
 */
import { type Aval, bool, f32, f64, i32, u32 } from '../ir/aval.ts';
import { type DType, dtypeInfo, isFloat } from '../ir/dtype.ts';
import { DTypeError } from '../ir/errors.ts';
import { largestOf, leastOf } from '../ir/limits.ts';
import type { Combine } from '../ir/loop/kernel.ts';
import { type Calculus, definePrimitive, type MaybeZero, type Primitive, type Sample } from '../core/primitive.ts';
import { scalarTensor, type Tensor } from '../core/tensor.ts';
import { bind1 } from '../core/trace.ts';
import { add, div, mul } from './arithmetic.ts';
import { eq } from './compare.ts';
import { convert } from './convert.ts';
import { pad, sliceAxis } from './slice.ts';
import { type AxesParams, interleave, movements, reduceInto, reduceSum, reshape, transpose } from './structural.ts';
import { simplifyReduction } from './structural-rules.ts';

interface ReductionRules {
  readonly name: string;
  readonly combine: Combine;
  readonly accepts: 'number' | 'logical';
  readonly identity: (dtype: DType) => number;
  readonly step: (x: number, y: number, dtype: DType) => number;
  readonly calculus: Calculus<AxesParams>;
  readonly samples: readonly Sample<AxesParams>[];
}

function checkDType(name: string, accepts: ReductionRules['accepts'], x: Aval): void {
  if (dtypeInfo[x.dtype].category !== (accepts === 'number' ? 'bool' : 'float')) return;
  const wanted = accepts === 'number' ? 'integer or float' : 'boolean or integer';
  throw new DTypeError(`${name}: expected ${wanted} elements, got ${x.toString()}.`, 'convert with astype first.');
}

const without = (shape: readonly number[], axes: readonly number[]): number[] =>
  shape.filter((_, i) => !axes.includes(i));

/** x ∘ x = x, in any order. */
const idempotent: ReadonlySet<Combine> = new Set<Combine>(['max', 'min', 'and', 'or']);

/** Declares y[i] = combine over j of x[i,j]. */
function defineReduction(rules: ReductionRules): Primitive<AxesParams> {
  const { name, combine, identity, step } = rules;
  const primitive: Primitive<AxesParams> = definePrimitive<AxesParams>({
    name,
    abstractEval: ([x], { axes }) => {
      checkDType(name, rules.accepts, x!);
      return [x!.withShape(without(x!.shape, axes))];
    },
    calculus: rules.calculus,
    batch: (_context, [x], [bdim], { axes }) => {
      const moved = axes.map((a) => (a < bdim! ? a : a + 1));
      return [[reduce(primitive, x!, moved)], [bdim! - moved.filter((a) => a < bdim!).length]];
    },
    reference: ([x], [out], { axes }) => {
      const { dtype } = x!.aval;
      const totals = new Float64Array(out!.data.length).fill(identity(dtype));
      reduceInto(x!, axes, (o, v) => (totals[o] = step(totals[o]!, v, dtype)));
      out!.data.set(totals);
    },
    lower: {
      kind: 'reduction',
      combine: () => combine,
      extents: ([x], { axes }) => axes.map((a) => x!.shape[a]!),
      element: ({ inputs, params, index, reduceIndex, load }) =>
        load(0, interleave(inputs[0]!, params.axes, index, reduceIndex)),
    },
    simplify: (view) =>
      simplifyReduction(view, { self: primitive, isIdempotent: idempotent.has(combine) }, movements()),
    samples: rules.samples,
  });
  return primitive;
}

const reduce = (primitive: Primitive<AxesParams>, x: Tensor, axes: readonly number[]): Tensor =>
  axes.length === 0 ? x : bind1(primitive, [x], { axes });

/** The reduced axes merged into one at the front. */
function mergeToFront(x: Tensor, axes: readonly number[]): Tensor {
  const kept = x.aval.shape.map((_, i) => i).filter((i) => !axes.includes(i));
  const n = axes.reduce((product, a) => product * x.aval.shape[a]!, 1);
  return reshape(transpose(x, [...axes, ...kept]), [n, ...without(x.aval.shape, axes)]);
}

/** Halves along axis 0, the second filled up with `value` when it is one shorter. */
function halves(x: Tensor, value: number): [Tensor, Tensor] {
  const n = x.aval.shape[0]!;
  const half = Math.ceil(n / 2);
  const second = sliceAxis(x, 0, half, n);
  const zeros = x.aval.shape.map(() => 0);
  const high = zeros.map((_, i) => (i === 0 ? 2 * half - n : 0));
  return [
    sliceAxis(x, 0, 0, half),
    pad(second, scalarTensor(value, x.aval.dtype), { low: zeros, high, interior: zeros }),
  ];
}

/**
 * Tangent of a product, through a tree of d(ab) = da·b + a·db. Nothing is divided by an element, so zeros are no exception, and the
 * tree consists of multiplications, so the same holds of its derivatives.
 */
function productTangent(x: Tensor, t: Tensor, axes: readonly number[]): MaybeZero {
  let [product, tangent] = [mergeToFront(x, axes), mergeToFront(t, axes)];
  if (product.aval.shape[0] === 0) return null;
  while (product.aval.shape[0]! > 1) {
    const [a, b] = halves(product, 1);
    const [da, db] = halves(tangent, 0);
    tangent = add(mul(da, b), mul(a, db));
    product = mul(a, b);
  }
  return reshape(tangent, without(x.aval.shape, axes));
}

/** y[i] = Π_j x[i,j]. Integers wrap. */
export const reduceProdP: Primitive<AxesParams> = defineReduction({
  name: 'reduce_prod',
  combine: 'mul',
  accepts: 'number',
  identity: () => 1,
  step: (x, y, dtype) => (isFloat(dtype) ? x * y : Math.imul(x, y)),
  calculus: { kind: 'smooth', jvp: ([x], [t], _outs, { axes }) => [t ? productTangent(x!, t, axes) : null] },
  samples: [
    { avals: [f32(2, 3)], params: { axes: [1] } },
    { avals: [f64(2, 3, 4)], params: { axes: [0, 2] }, domain: [0.5, 1.5] },
    { avals: [f64(5)], params: { axes: [0] }, data: [[2, 0, 3, -1, 4]] },
    { avals: [f64(2, 3)], params: { axes: [1] }, data: [[2, 0, 0, 0, 0, 0]] },
    { avals: [f32(0, 3)], params: { axes: [0] } },
    { avals: [f32(3, 0)], params: { axes: [0] } },
    { avals: [i32(3)], params: { axes: [0] }, data: [[65536, 65537, -3]] },
    { avals: [u32(3)], params: { axes: [0] }, data: [[65536, 65537, 3]] },
  ],
});

/** dy = mean of dx over the elements that equal the extreme: a tie shares the cotangent evenly. */
const chooserCalculus: Calculus<AxesParams> = {
  kind: 'smooth',
  jvp: ([x], [t], [y], { axes }) => {
    if (!t) return [null];
    const kept = reshape(
      y!,
      x!.aval.shape.map((n, i) => (axes.includes(i) ? 1 : n)),
    );
    const isChosen = convert(eq(x!, kept), t.aval.dtype);
    return [div(reduceSum(mul(t, isChosen), axes), reduceSum(isChosen, axes))];
  },
};

/** Distinct values: at a tie there is no derivative to compare with. */
const extremeSamples: readonly Sample<AxesParams>[] = [
  { avals: [f32(2, 3)], params: { axes: [1] }, data: [[-0.5, 0.7, 0.1, 1.2, -1.4, 0.3]] },
  { avals: [f64(2, 2, 2)], params: { axes: [0, 2] }, data: [[0.4, -0.2, 1.1, 0.9, -0.7, 0.6, -1.3, 0.2]] },
  { avals: [f64(3, 0)], params: { axes: [0] } },
  { avals: [f32()], params: { axes: [] } },
  { avals: [i32(2, 2)], params: { axes: [0] }, data: [[-3, 7, 5, -2147483648]] },
  { avals: [u32(3)], params: { axes: [0] }, data: [[7, 4294967295, 0]] },
];

/** y[i] = max_j x[i,j]; NaN if there is one. Of nothing: the smallest value of the dtype. */
export const reduceMaxP: Primitive<AxesParams> = defineReduction({
  name: 'reduce_max',
  combine: 'max',
  accepts: 'number',
  identity: leastOf,
  step: (x, y) => Math.max(x, y),
  calculus: chooserCalculus,
  samples: extremeSamples,
});

/** y[i] = min_j x[i,j]; NaN if there is one. Of nothing: the largest value of the dtype. */
export const reduceMinP: Primitive<AxesParams> = defineReduction({
  name: 'reduce_min',
  combine: 'min',
  accepts: 'number',
  identity: largestOf,
  step: (x, y) => Math.min(x, y),
  calculus: chooserCalculus,
  samples: extremeSamples,
});

const logicSamples: readonly Sample<AxesParams>[] = [
  { avals: [bool(3, 2)], params: { axes: [0] }, data: [[1, 0, 1, 1, 1, 0]] },
  { avals: [bool(0, 2)], params: { axes: [0] } },
  { avals: [i32(2, 2)], params: { axes: [0, 1] }, data: [[7, 6, -2, 12]] },
  { avals: [u32(3)], params: { axes: [0] }, data: [[0xff00ff00, 0xfff00000, 0x80000001]] },
];

const defineLogical = (
  combine: 'and' | 'or' | 'xor',
  identity: (dtype: DType) => number,
  step: (x: number, y: number) => number,
): Primitive<AxesParams> =>
  defineReduction({
    name: `reduce_${combine}`,
    combine,
    accepts: 'logical',
    identity,
    step,
    calculus: { kind: 'piecewise-constant' },
    samples: logicSamples,
  });

/** True where all are true; of integers, the bits that all share. */
export const reduceAndP: Primitive<AxesParams> = defineLogical(
  'and',
  (dtype) => (dtype === 'bool' ? 1 : -1),
  (x, y) => x & y,
);

/** True where any is true; of integers, the bits that any has. */
export const reduceOrP: Primitive<AxesParams> = defineLogical(
  'or',
  () => 0,
  (x, y) => x | y,
);

/** True where an odd number are true; of integers, the parity of each bit. */
export const reduceXorP: Primitive<AxesParams> = defineLogical(
  'xor',
  () => 0,
  (x, y) => x ^ y,
);

export const reduceProd = (x: Tensor, axes: readonly number[]): Tensor => reduce(reduceProdP, x, axes);
export const reduceMax = (x: Tensor, axes: readonly number[]): Tensor => reduce(reduceMaxP, x, axes);
export const reduceMin = (x: Tensor, axes: readonly number[]): Tensor => reduce(reduceMinP, x, axes);
export const reduceAnd = (x: Tensor, axes: readonly number[]): Tensor => reduce(reduceAndP, x, axes);
export const reduceOr = (x: Tensor, axes: readonly number[]): Tensor => reduce(reduceOrP, x, axes);
export const reduceXor = (x: Tensor, axes: readonly number[]): Tensor => reduce(reduceXorP, x, axes);
