/**
 * The 16-bit floats as bits. float16 is IEEE 754's binary16 (11 bits of precision, exponents −14…15, largest number 65504); bfloat16 is
 * the upper half of a float32 (8 bits, exponents −126…127). Rounding is to nearest, ties to even, once, from any number; both have
 * subnormals, infinities and NaN.
 * May import: nothing.
 * @module
 */

/** An element type of 16 bits. Nothing computes in it: values are rounded to it when they are stored. */
export type HalfDType = 'float16' | 'bfloat16';

interface Format {
  /** Bits of precision, the hidden one counted. */
  readonly precision: number;
  readonly minExponent: number;
  /** What is this large or larger rounds to infinity: halfway from the largest number to the next power of two. */
  readonly overflow: number;
}

const formats: { readonly [D in HalfDType]: Format } = {
  float16: { precision: 11, minExponent: -14, overflow: 65520 },
  bfloat16: { precision: 8, minExponent: -126, overflow: (2 - 2 ** -8) * 2 ** 127 },
};

const double: Float64Array<ArrayBuffer> = /* @__PURE__ */ new Float64Array(1);
const doubleWords: Int32Array<ArrayBuffer> = /* @__PURE__ */ new Int32Array(double.buffer);
const single: Float32Array<ArrayBuffer> = /* @__PURE__ */ new Float32Array(1);
const singleBits: Uint32Array<ArrayBuffer> = /* @__PURE__ */ new Uint32Array(single.buffer);

/** The number of the format that is nearest to `x`, of two the even one. */
export function roundHalf(x: number, dtype: HalfDType): number {
  if (x === 0 || !Number.isFinite(x)) return x;
  const { precision, minExponent, overflow } = formats[dtype];
  const size = Math.abs(x);
  if (size >= overflow) return x > 0 ? Infinity : -Infinity;
  double[0] = size;
  const exponent = Math.max((doubleWords[1]! >>> 20) - 1023, minExponent);
  // Numbers next to `shift` are as far apart as the format's next to `size`: the addition rounds, and keeps the parity.
  const shift = 2 ** (exponent - precision + 53);
  const rounded = size + shift - shift;
  return x > 0 ? rounded : -rounded;
}

/** The bits of the nearest number of the format. A NaN is quiet, positive and without payload. */
export function halfBits(x: number, dtype: HalfDType): number {
  if (Number.isNaN(x)) return dtype === 'float16' ? 0x7e00 : 0x7fc0;
  const rounded = roundHalf(x, dtype);
  if (dtype === 'bfloat16') {
    single[0] = rounded;
    return singleBits[0]! >>> 16;
  }
  const sign = rounded < 0 || Object.is(rounded, -0) ? 0x8000 : 0;
  // A float32 2^-112 times as large has the same exponent field, and the same subnormals.
  single[0] = Math.abs(rounded) * 2 ** -112;
  return sign | Math.min(singleBits[0]! >>> 13, 0x7c00);
}

/** The number that the bits stand for. */
export function halfValue(bits: number, dtype: HalfDType): number {
  if (dtype === 'bfloat16') {
    singleBits[0] = bits << 16;
    return single[0]!;
  }
  const field = (bits >>> 10) & 31;
  const fraction = bits & 1023;
  const size =
    field === 31
      ? fraction === 0
        ? Infinity
        : NaN
      : field === 0
        ? fraction * 2 ** -24
        : (1024 + fraction) * 2 ** (field - 25);
  return (bits & 0x8000) === 0 ? size : -size;
}

/** The bits of an array of numbers. */
export function encodeHalf(values: ArrayLike<number>, dtype: HalfDType): Uint16Array<ArrayBuffer> {
  const out = new Uint16Array(values.length);
  for (let i = 0; i < out.length; i++) out[i] = halfBits(values[i]!, dtype);
  return out;
}

/** The numbers of an array of bits. */
export function decodeHalf(bits: ArrayLike<number>, dtype: HalfDType): Float32Array<ArrayBuffer> {
  const out = new Float32Array(bits.length);
  for (let i = 0; i < out.length; i++) out[i] = halfValue(bits[i]!, dtype);
  return out;
}
