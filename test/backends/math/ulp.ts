/**
 * Distances in units in the last place.
 * @module
 */

interface Format {
  readonly precision: number;
  readonly minExponent: number;
  readonly round: (x: number) => number;
  /** The largest finite number and half a unit: from here on, values round to infinity. */
  readonly overflow: number;
}

const float32: Format = { precision: 24, minExponent: -126, round: Math.fround, overflow: 2 ** 128 - 2 ** 103 };
const float64: Format = { precision: 53, minExponent: -1022, round: (x) => x, overflow: Infinity };

/** floor(log2 |x|), exactly. */
function exponentOf(x: number): number {
  const guess = Math.floor(Math.log2(Math.abs(x)));
  if (2 ** guess > Math.abs(x)) return guess - 1;
  return 2 ** (guess + 1) <= Math.abs(x) ? guess + 1 : guess;
}

function distance(got: number, high: number, low: number, f: Format): number {
  if (Number.isNaN(high)) return Number.isNaN(got) ? 0 : Infinity;
  const rounded = f.round(high);
  if (Object.is(got, rounded) && (low === 0 || !Number.isFinite(got))) return Math.abs(got - high) / unit(high, f) || 0;
  if (!Number.isFinite(got))
    return Number.isFinite(high) && Math.abs(high) >= f.overflow * (1 - 2 ** -22) ? 1 : Infinity;
  if (got === 0 && rounded === 0 && high === 0) return Infinity; // the sign of zero is wrong
  return Math.abs(got - high - low) / unit(high, f);
}

const unit = (x: number, f: Format): number => {
  if (!Number.isFinite(x)) return Infinity;
  return 2 ** (Math.max(f.minExponent, x === 0 ? f.minExponent : exponentOf(x)) - f.precision + 1);
};

/** Of a float32 result from a value known to float64. */
export const ulp32 = (got: number, want: number): number =>
  distance(got, Math.abs(want) >= float32.overflow ? Math.sign(want) * Infinity : want, 0, float32);

/** Of a float64 result from `high + low`. */
export const ulp64 = (got: number, high: number, low = 0): number => distance(got, high, low, float64);
