/**
 * Changing the element type: by value (`convert`) or by bits (`bitcast`).
 * May import: `ir`, `core`, `primitives/structural`.
 * @module
 */
import { Aval, bool, scalarAval, f32, f64, i32, u32, u8 } from '../ir/aval.ts';
import { type DType, dtypeInfo, fromRaw, isFloat, isInteger, saturate, toRaw } from '../ir/dtype.ts';
import { DTypeError } from '../ir/errors.ts';
import { bitcast as bitcastExpr, convert as convertExpr } from '../ir/loop/expr.ts';
import { definePrimitive, type Primitive } from '../core/primitive.ts';
import type { Tensor } from '../core/tensor.ts';
import { bind1 } from '../core/trace.ts';
import { innerOf, keepOperand, replaceBy } from './simplify-rules.ts';

export interface ConvertParams {
  readonly dtype: DType;
  /** The result takes the dtype of what it meets, like a number does. */
  readonly weakType?: boolean;
}

/** One value: a float becomes an integer by truncation and saturation (NaN gives 0), an integer another by wrapping. */
function convertScalar(x: number, from: DType, to: DType): number {
  if (to === 'bool') return x !== 0 ? 1 : 0;
  // Other roundings and wrappings happen when the element is stored.
  return isFloat(from) && isInteger(to) ? saturate(x, to) : x;
}

/** Dtypes that hold every value of another. */
const wider: { readonly [D in DType]: readonly DType[] } = {
  bool: ['uint8', 'int32', 'uint32', 'float16', 'bfloat16', 'float32', 'float64'],
  uint8: ['int32', 'uint32', 'float16', 'bfloat16', 'float32', 'float64'],
  int32: ['float64'],
  uint32: ['float64'],
  float16: ['float32', 'float64'],
  bfloat16: ['float32', 'float64'],
  float32: ['float64'],
  float64: [],
};

const widens = (from: DType, to: DType): boolean => wider[from].includes(to);

export const convertP: Primitive<ConvertParams> = definePrimitive<ConvertParams>({
  name: 'convert',
  isConversion: true,
  abstractEval: ([x], { dtype, weakType = false }) => [
    x!.shape.length === 0 ? scalarAval(dtype, weakType) : new Aval(x!.shape, dtype, weakType),
  ],
  calculus: {
    // Linear between floats; anything else is constant almost everywhere.
    kind: 'smooth',
    jvp: (_primals, [t], _outs, { dtype }) => [t && isFloat(dtype) ? convert(t, dtype) : null],
    transpose: ([ct], [x]) => [isFloat(x!.aval.dtype) ? convert(ct!, x!.aval.dtype) : null],
  },
  batch: (_context, [x], [bdim], params) => [[bind1(convertP, [x!], params)], [bdim!]],
  reference: ([x], [out], { dtype }) => {
    for (let i = 0; i < x!.data.length; i++) out!.data[i] = convertScalar(x!.data[i]!, x!.aval.dtype, dtype);
  },
  lower: {
    kind: 'pointwise',
    element: ({ params, index, load }) => [convertExpr(load(0, index), params.dtype)],
  },
  simplify: (view) => {
    const inner = innerOf(view, convertP);
    // There and back again is the identity when the way there loses nothing.
    const isLossless = inner !== undefined && widens(inner.inputs[0]!.aval.dtype, inner.outputs[0]!.aval.dtype);
    return keepOperand(view, 0) ?? (isLossless ? replaceBy(view, inner.inputs[0]!) : undefined);
  },
  onHost: { compute: (x, _y, _z, from, { dtype }) => convertScalar(x, from, dtype), keepsFloats: false },
  samples: [
    { avals: [f64(2, 3)], params: { dtype: 'float32' } },
    { avals: [f32(4)], params: { dtype: 'float64' } },
    { avals: [f32(0)], params: { dtype: 'float64', weakType: true } },
    { avals: [f32(5)], params: { dtype: 'int32' }, data: [[1.9, -1.9, 3e9, -3e9, NaN]] },
    { avals: [f64(4)], params: { dtype: 'uint32' }, data: [[4294967295, -1, 0.5, 1e20]] },
    { avals: [f32(4)], params: { dtype: 'uint8' }, data: [[254.7, -3, 300, 7]] },
    { avals: [f64(4)], params: { dtype: 'bool' }, data: [[0, -0, 0.1, NaN]] },
    { avals: [i32(3)], params: { dtype: 'float32' }, data: [[-1, 16777217, 5]] },
    { avals: [u32(2)], params: { dtype: 'float64' }, data: [[4294967295, 1]] },
    { avals: [u32(3)], params: { dtype: 'float32' }, data: [[4294967295, 1, 2147483648]] },
    { avals: [i32(3)], params: { dtype: 'uint32' }, data: [[-1, 0, 5]] },
    { avals: [u32(2)], params: { dtype: 'int32' }, data: [[4294967295, 7]] },
    { avals: [i32(3)], params: { dtype: 'uint8' }, data: [[-1, 256, 77]] },
    { avals: [u8(2)], params: { dtype: 'int32' }, data: [[255, 3]] },
    { avals: [u8(2)], params: { dtype: 'float32' }, data: [[255, 3]] },
    { avals: [i32(3)], params: { dtype: 'bool' }, data: [[-1, 0, 256]] },
    { avals: [bool(2, 2)], params: { dtype: 'float32' } },
    { avals: [bool(3)], params: { dtype: 'int32' } },
  ],
});

export function convert(x: Tensor, dtype: DType, weakType = false): Tensor {
  if (x.aval.dtype === dtype && x.aval.weakType === weakType) return x;
  return bind1(convertP, [x], weakType ? { dtype, weakType } : { dtype });
}

export interface DTypeParams {
  readonly dtype: DType;
}

/** The same bits under another dtype of equal width. */
export const bitcastP: Primitive<DTypeParams> = definePrimitive<DTypeParams>({
  name: 'bitcast',
  abstractEval: ([x], { dtype }) => {
    const fits = dtypeInfo[dtype].bytes === dtypeInfo[x!.dtype].bytes && (dtype === 'bool') === (x!.dtype === 'bool');
    if (!fits) {
      throw new DTypeError(
        `bitcast: expected dtypes of equal width, got ${x!.toString()} to ${dtype}.`,
        'float32, int32 and uint32 cast into each other; use astype to convert values.',
      );
    }
    return [new Aval(x!.shape, dtype)];
  },
  calculus: { kind: 'piecewise-constant' },
  batch: (_context, [x], [bdim], { dtype }) => [[bitcast(x!, dtype)], [bdim!]],
  reference: ([x], [out]) => {
    const raw = toRaw(x!.data, x!.aval.dtype);
    const { dtype } = out!.aval;
    out!.data.set(fromRaw(dtypeInfo[dtype].view(raw.buffer, raw.byteOffset, raw.length), dtype));
  },
  lower: {
    kind: 'pointwise',
    element: ({ params, index, load }) => [bitcastExpr(load(0, index), params.dtype)],
  },
  samples: [
    { avals: [f32(2, 3)], params: { dtype: 'uint32' } },
    { avals: [i32(3)], params: { dtype: 'float32' }, data: [[0x3f800000, -1082130432, 0]] },
    { avals: [u32(2)], params: { dtype: 'int32' }, data: [[4294967295, 1]] },
  ],
});

export const bitcast = (x: Tensor, dtype: DType): Tensor =>
  x.aval.dtype === dtype ? x : bind1(bitcastP, [x], { dtype });
