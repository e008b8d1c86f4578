/**
 * Multiply-add with one rounding, exactly, and whether the engine's does that.
 * @module
 */
import { ModuleBuilder } from '../../../src/backends/wasm/encode/module.ts';
import { hasRelaxedSimd } from '../../../src/backends/wasm/features.ts';

const f64 = new Float64Array(1);
const u64 = new BigUint64Array(f64.buffer);
const u32 = new Uint32Array(f64.buffer);

/** x = mantissa · 2^exponent of a finite number. */
function decompose(x: number): { mantissa: bigint; exponent: number } {
  f64[0] = x;
  const bits = u64[0]!;
  const biased = Number((bits >> 52n) & 2047n);
  const fraction = bits & 0xfffffffffffffn;
  const magnitude = biased === 0 ? fraction : fraction | 0x10000000000000n;
  return { mantissa: bits >> 63n === 1n ? -magnitude : magnitude, exponent: Math.max(biased, 1) - 1075 };
}

/** mantissa · 2^exponent, rounded to `precision` bits (fewer where subnormal), ties to even. */
function compose(mantissa: bigint, exponent: number, precision: number, least: number): number {
  if (mantissa < 0n) return -compose(-mantissa, exponent, precision, least);
  const excess = Math.max(mantissa.toString(2).length - precision, least - exponent);
  if (excess <= 0) return Number(mantissa) * 2 ** exponent;
  const half = 1n << BigInt(excess - 1);
  const quotient = mantissa >> BigInt(excess);
  const rest = mantissa & (2n * half - 1n);
  const up = rest > half || (rest === half && (quotient & 1n) === 1n);
  const e = exponent + excess;
  // In two steps: 2^e itself may be out of range.
  return Number(up ? quotient + 1n : quotient) * 2 ** Math.max(e, -1000) * 2 ** Math.min(e + 1000, 0);
}

function exactly(x: number, y: number, z: number, precision: number, least: number): number {
  const rough = x * y + z;
  if (!Number.isFinite(x) || !Number.isFinite(y) || !Number.isFinite(z) || x === 0 || y === 0) return rough;
  const [a, b, c] = [decompose(x), decompose(y), decompose(z)];
  const exponent = a.exponent + b.exponent;
  const low = Math.min(exponent, c.exponent);
  const sum = ((a.mantissa * b.mantissa) << BigInt(exponent - low)) + (c.mantissa << BigInt(c.exponent - low));
  return sum === 0n ? rough : compose(sum, low, precision, least);
}

/** What rounding left of x + y, exactly (Knuth). */
function lostBySum(x: number, y: number, sum: number): number {
  const added = sum - x;
  return x - (sum - added) + (y - added);
}

/** The first 26 bits (Veltkamp). */
function head(x: number): number {
  const scaled = x * (2 ** 27 + 1);
  return scaled - (scaled - x);
}

/** What rounding left of x y, exactly (Dekker). */
function lostByProduct(x: number, y: number, product: number): number {
  const [a, b] = [head(x), head(y)];
  const [c, d] = [x - a, y - b];
  return c * d - (product - a * b - c * b - a * d);
}

/** sum + lost, where `sum` is that rounded to nearest: rounded to odd instead, so that one more rounding is as good as one in all. */
function roundedToOdd(sum: number, lost: number): number {
  if (lost === 0 || !Number.isFinite(sum)) return sum;
  f64[0] = sum;
  if ((u32[0]! & 1) === 1) return sum;
  if (lost > 0 === sum > 0) u32[0]!++;
  else if (u32[0]!-- === 0) u32[1]!--;
  return f64[0];
}

/** Whether neither a part of a product with it nor a sum is out of range, and nothing is subnormal. */
const isModerate = (x: number): boolean => Math.abs(x) > 2 ** -400 && Math.abs(x) < 2 ** 400;

/**
 * x y + z of float64, rounded once.
 * @see S. Boldo and G. Melquiond, Emulation of a FMA and correctly rounded sums: proved algorithms using rounding to odd, 2008
 */
export function fma64(x: number, y: number, z: number): number {
  if (!isModerate(x) || !isModerate(y) || !isModerate(z)) return exactly(x, y, z, 53, -1074);
  const product = x * y;
  const rest = lostByProduct(x, y, product);
  const low = z + rest;
  const high = product + low;
  const [lowLost, highLost] = [lostBySum(z, rest, low), lostBySum(product, low, high)];
  const tail = lowLost + highLost;
  return high + roundedToOdd(tail, lostBySum(lowLost, highLost, tail));
}

/** x y + z of float32, rounded once: to odd in float64 first, where the product is exact. */
export function fma32(x: number, y: number, z: number): number {
  const product = x * y;
  const sum = product + z;
  return Math.fround(roundedToOdd(sum, lostBySum(product, z, sum)));
}

/** Whether the engine's multiply-add rounds once: 1 + 2^-12 squared less its value in float32 is then 2^-24. */
export function engineFuses(): boolean {
  if (!hasRelaxedSimd()) return false;
  const module = new ModuleBuilder();
  const f = module.defineFunction({ params: [], results: ['f32'] });
  for (const value of [1 + 2 ** -12, 1 + 2 ** -12, -(1 + 2 ** -11)]) {
    f.f32(value);
    f.op('f32x4.splat');
  }
  f.op('f32x4.relaxed_madd');
  f.lane('f32x4.extract_lane', 0);
  module.exportFunction('run', f);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.build()));
  return (exports.run as () => number)() !== 0;
}
