/**
 * Strided slices and padding, each other's adjoints.
 * May import: `ir`, `core`, `primitives/structural`, `primitives/select`.
 * @module
 */
import { type Aval, bool, f32, f64, i32 } from '../ir/aval.ts';
import { DTypeError, ShapeError } from '../ir/errors.ts';
import { binary, type Expr, iadd, idiv, imod, imul, int, isub, select as selectExpr } from '../ir/loop/expr.ts';
import { rowMajorStrides, sameShape } from '../ir/shape.ts';
import { definePrimitive, isLinearInput, type Primitive } from '../core/primitive.ts';
import { scalarTensor, type Tensor } from '../core/tensor.ts';
import { bind1 } from '../core/trace.ts';
import { filled } from './fill.ts';
import { select } from './select.ts';
import { firstOf, type RuleList } from './simplify-rules.ts';
import { type Pieces, simplifyPad, simplifySlice } from './slice-rules.ts';
import { broadcastInDimP, broadcastTo, forEachIndex, moveBatchToFront, reduceSum, reshape } from './structural.ts';

const pieces = (): Pieces => ({ slice: sliceP, pad: padP, broadcast: broadcastInDimP });

/** Rewrites of slices that later families add. */
export const sliceRules: RuleList<SliceParams> = [];

export interface SliceParams {
  readonly start: readonly number[];
  /** Exclusive. */
  readonly limit: readonly number[];
  /** Positive. */
  readonly strides: readonly number[];
}

function sliceShape(x: Aval, { start, limit, strides }: SliceParams): number[] {
  const fits = (d: number): boolean =>
    start[d]! >= 0 && start[d]! <= limit[d]! && limit[d]! <= x.shape[d]! && strides[d]! > 0;
  const isRank = [start, limit, strides].every((list) => list.length === x.ndim);
  if (!isRank || !x.shape.every((_, d) => fits(d))) {
    throw new ShapeError(
      `slice: expected 0 ≤ start ≤ limit ≤ size and stride ≥ 1 on every axis, got start [${start.join(',')}], ` +
        `limit [${limit.join(',')}], strides [${strides.join(',')}] for ${x.toString()}.`,
      'clamp the limits to the shape; negative indices count from the end only in np indexing.',
      { shape: x.shape, start, limit, strides },
    );
  }
  return x.shape.map((_, d) => Math.ceil((limit[d]! - start[d]!) / strides[d]!));
}

/** Length of an axis of `n` elements with `interior` elements inserted between neighbours. */
const dilated = (n: number, interior: number): number => (n === 0 ? 0 : (n - 1) * (interior + 1) + 1);

/** y[i] = x[start + i·stride]. */
export const sliceP: Primitive<SliceParams> = definePrimitive<SliceParams>({
  name: 'slice',
  abstractEval: ([x], params) => [x!.withShape(sliceShape(x!, params))],
  // The cotangent goes back where the elements came from, with zeros between and around.
  calculus: {
    kind: 'linear',
    transpose: ([ct], [x], { start, strides }) => {
      const interior = strides.map((s) => s - 1);
      const high = x!.aval.shape.map((n, d) => n - start[d]! - dilated(ct!.aval.shape[d]!, interior[d]!));
      return [pad(ct!, scalarTensor(0, ct!.aval.dtype), { low: start, high, interior })];
    },
  },
  batch: ({ size }, [x], [bdim], { start, limit, strides }) => {
    const insert = (list: readonly number[], value: number): number[] => list.toSpliced(bdim!, 0, value);
    return [[slice(x!, { start: insert(start, 0), limit: insert(limit, size), strides: insert(strides, 1) })], [bdim!]];
  },
  reference: ([x], [out], { start, strides }) => {
    const own = rowMajorStrides(x!.aval.shape);
    forEachIndex(out!.aval.shape, (index, o) => {
      let i = 0;
      for (let d = 0; d < index.length; d++) i += (start[d]! + index[d]! * strides[d]!) * own[d]!;
      out!.data[o] = x!.data[i]!;
    });
  },
  lower: {
    kind: 'pointwise',
    element: ({ params: { start, strides }, index, load }) => [
      load(
        0,
        index.map((e, d) => iadd(imul(e, int(strides[d]!)), int(start[d]!))),
      ),
    ],
  },
  simplify: (view) => simplifySlice(view, pieces()) ?? firstOf(sliceRules, view),
  samples: [
    { avals: [f32(5)], params: { start: [1], limit: [4], strides: [1] } },
    { avals: [f64(4, 5)], params: { start: [0, 1], limit: [4, 5], strides: [2, 3] } },
    { avals: [f32(3, 4)], params: { start: [1, 2], limit: [1, 4], strides: [1, 1] } },
    { avals: [f32()], params: { start: [], limit: [], strides: [] } },
    { avals: [i32(6)], params: { start: [1], limit: [6], strides: [2] } },
    { avals: [bool(4)], params: { start: [2], limit: [4], strides: [1] } },
  ],
});

/** `x[start:limit:strides]` with all three given for every axis. */
export function slice(x: Tensor, params: SliceParams): Tensor {
  const isWhole = x.aval.shape.every(
    (n, d) => params.start[d] === 0 && params.limit[d] === n && params.strides[d] === 1,
  );
  return isWhole ? x : bind1(sliceP, [x], params);
}

/** `x[start:limit]` along one axis. */
export function sliceAxis(x: Tensor, axis: number, start: number, limit: number, stride = 1): Tensor {
  const on = (value: number, other: (n: number) => number): number[] =>
    x.aval.shape.map((n, d) => (d === axis ? value : other(n)));
  return slice(x, { start: on(start, () => 0), limit: on(limit, (n) => n), strides: on(stride, () => 1) });
}

/** Per axis; `low` and `high` may be negative, which cuts elements off. */
export interface PadParams {
  readonly low: readonly number[];
  readonly high: readonly number[];
  /** Elements inserted between neighbours. */
  readonly interior: readonly number[];
}

function padShape(x: Aval, value: Aval, { low, high, interior }: PadParams): number[] {
  if (value.ndim !== 0) {
    throw new ShapeError(`pad: expected a scalar padding value, got ${value.toString()}.`, 'pad with one number.', {
      value: value.shape,
    });
  }
  if (value.dtype !== x.dtype) {
    throw new DTypeError(
      `pad: expected a padding value of the operand's dtype, got ${x.toString()} and ${value.toString()}.`,
      'convert the padding value with astype first.',
    );
  }
  const isRank = [low, high, interior].every((list) => list.length === x.ndim);
  const shape = x.shape.map((n, d) => dilated(n, interior[d]!) + low[d]! + high[d]!);
  if (!isRank || shape.some((n) => n < 0) || interior.some((n) => n < 0)) {
    throw new ShapeError(
      `pad: expected interior ≥ 0 and a non-negative result on every axis, got low [${low.join(',')}], high [${high.join(',')}], ` +
        `interior [${interior.join(',')}] for ${x.toString()}.`,
      'give one entry per axis, and cut off no more than there is.',
      { shape: x.shape, low, high, interior },
    );
  }
  return shape;
}

const both = (x: Expr, y: Expr): Expr => binary('and', x, y);

/** Per axis: the operand index under an output index, and whether there is one. `undefined` where there always is. */
function padIndex(index: Expr, n: number, size: number, low: number, interior: number): [Expr, Expr | undefined] {
  const from = isub(index, int(low));
  const conditions: Expr[] = [];
  if (low > 0) conditions.push(binary('ge', from, int(0)));
  if (size - low > dilated(n, interior)) conditions.push(binary('lt', from, int(dilated(n, interior))));
  if (interior > 0) conditions.push(binary('eq', imod(from, interior + 1), int(0)));
  return [idiv(from, interior + 1), conditions.length > 0 ? conditions.reduce(both) : undefined];
}

/** y = x with `value` around and between its elements. */
export const padP: Primitive<PadParams> = definePrimitive<PadParams>({
  name: 'pad',
  abstractEval: ([x, value], params) => [x!.withShape(padShape(x!, value!, params))],
  // y = P x + value · mask: elements go back to where they came from, and the padding value collects the rest.
  calculus: {
    kind: 'linear',
    transpose: ([ct], [x, value], params) => [
      isLinearInput(x!) ? unpad(ct!, x.aval, params) : null,
      isLinearInput(value!)
        ? reduceSum(
            outside(ct!, x!.aval, params),
            ct!.aval.shape.map((_, d) => d),
          )
        : null,
    ],
  },
  batch: ({ size }, [x, value], [xdim, vdim], params) => {
    const insert = (list: readonly number[]): number[] => list.toSpliced(xdim ?? 0, 0, 0);
    const wider = { low: insert(params.low), high: insert(params.high), interior: insert(params.interior) };
    if (vdim === null) return [[pad(x!, value!, wider)], [xdim!]];
    const front = xdim === null ? broadcastTo(x!, [size, ...x!.aval.shape]) : moveBatchToFront(x!, xdim!);
    const at0 = { low: [0, ...params.low], high: [0, ...params.high], interior: [0, ...params.interior] };
    const padded = pad(front, scalarTensor(0, x!.aval.dtype), at0);
    const ones = padded.aval.shape.map((_, d) => (d === 0 ? size : 1));
    return [[select(paddingMask(front.aval, at0), broadcastTo(reshape(value!, ones), padded.aval.shape), padded)], [0]];
  },
  reference: ([x, value], [out], { low, interior }) => {
    out!.data.fill(value!.data[0]!);
    const shape = out!.aval.shape;
    const strides = rowMajorStrides(shape);
    forEachIndex(x!.aval.shape, (index, i) => {
      const to = index.map((e, d) => low[d]! + e * (interior[d]! + 1));
      if (to.every((e, d) => e >= 0 && e < shape[d]!))
        out!.data[to.reduce((sum, e, d) => sum + e * strides[d]!, 0)] = x!.data[i]!;
    });
  },
  lower: {
    kind: 'pointwise',
    element: ({ inputs: [x], outputs: [out], params: { low, interior }, index, load }) => {
      const value = load(1, []);
      if (x!.size === 0) return [value];
      const axes = index.map((e, d) => padIndex(e, x!.shape[d]!, out!.shape[d]!, low[d]!, interior[d]!));
      const conditions = axes.map(([, c]) => c).filter((c) => c !== undefined);
      const inside = load(
        0,
        axes.map(([from]) => from),
      );
      return [conditions.length === 0 ? inside : selectExpr(conditions.reduce(both), inside, value)];
    },
  },
  simplify: (view) => simplifyPad(view, pieces()),
  samples: [
    { avals: [f32(3), f32()], params: { low: [1], high: [2], interior: [0] } },
    { avals: [f64(3, 2), f64()], params: { low: [1, -1], high: [-1, 2], interior: [2, 1] } },
    { avals: [f32(0, 2), f32()], params: { low: [1, 0], high: [1, 1], interior: [1, 0] } },
    { avals: [f32(4), f32()], params: { low: [-2], high: [-2], interior: [0] } },
    { avals: [f64(), f64()], params: { low: [], high: [], interior: [] } },
    { avals: [i32(3), i32()], params: { low: [-1], high: [4], interior: [1] } },
    { avals: [bool(2), bool()], params: { low: [1], high: [1], interior: [1] } },
  ],
});

/** Adjoint of padding in the operand: undo the edges (cut off elements come back as zeros), then take every stride-th element. */
function unpad(ct: Tensor, x: Aval, { low, high, interior }: PadParams): Tensor {
  const flat = x.shape.map(() => 0);
  const edges = { low: low.map((n) => -n), high: high.map((n) => -n), interior: flat };
  const whole = pad(ct, scalarTensor(0, ct.aval.dtype), edges);
  return slice(whole, { start: flat, limit: whole.aval.shape, strides: interior.map((n) => n + 1) });
}

/** True where padding `x` writes the padding value. */
const paddingMask = (x: Aval, params: PadParams): Tensor =>
  pad(filled(x.withDType('bool'), 0), scalarTensor(1, 'bool'), params);

const outside = (ct: Tensor, x: Aval, params: PadParams): Tensor =>
  select(paddingMask(x, params), ct, filled(ct.aval, 0));

/** `x` with the scalar `value` around (`low`, `high`) and between (`interior`) its elements. */
export function pad(x: Tensor, value: Tensor, params: PadParams): Tensor {
  const isNothing = [params.low, params.high, params.interior].every((list) => list.every((n) => n === 0));
  return isNothing && sameShape(x.aval.shape, padShape(x.aval, value.aval, params))
    ? x
    : bind1(padP, [x, value], params);
}
