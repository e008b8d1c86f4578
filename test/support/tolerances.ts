/**
 * Every tolerance of the table-driven suites, by dtype and backend. `rtol` is relative to the larger of the two numbers; `atol` is
 * relative to the largest element of the compared array or 1, since derivatives of a whole array share its scale.
 * @module
 */
import type { DType } from '../../src/ir/dtype.ts';

export interface Tolerance {
  readonly rtol: number;
  readonly atol: number;
}

const exact: Tolerance = { rtol: 0, atol: 0 };

/** 16-bit floats are rounded once an operation: what is computed twice may differ by a last place each time. */
const table = (float32: Tolerance, float64: Tolerance, ulps = 8): { readonly [D in DType]: Tolerance } => ({
  bool: exact,
  uint8: exact,
  int32: exact,
  uint32: exact,
  float16: { rtol: ulps * 2 ** -10, atol: ulps * 2 ** -11 },
  bfloat16: { rtol: ulps * 2 ** -7, atol: ulps * 2 ** -8 },
  float32,
  float64,
});

/** Two ways of computing the same thing, each with a handful of roundings. */
export const rounding: { readonly [D in DType]: Tolerance } = table(
  { rtol: 2e-5, atol: 2e-6 },
  { rtol: 1e-12, atol: 1e-13 },
);

/** The same for programs of a dozen operations, whose roundings add up. */
export const randomProgram: { readonly [D in DType]: Tolerance } = table(
  { rtol: 1e-3, atol: 1e-4 },
  { rtol: 1e-9, atol: 1e-10 },
);

/** Against central differences of fourth order: the differences' own error dominates. */
export const differences: { readonly [D in DType]: Tolerance } = table(
  { rtol: 3e-3, atol: 3e-3 },
  { rtol: 1e-7, atol: 1e-8 },
);

/** Step of those differences. */
export const differenceStep: { readonly float32: number; readonly float64: number } = { float32: 1e-2, float64: 5e-4 };

/** A backend against the float64 reference. */
export const backends: { readonly [name: string]: { readonly [D in DType]: Tolerance } } = {
  reference: table(exact, exact, 0),
  // A last place of 16-bit floats, where float32 and float64 fall on different sides of the middle.
  wasm: table({ rtol: 1e-6, atol: 3e-7 }, { rtol: 4e-15, atol: 1e-15 }, 1),
};

/** The position of the first element that differs by more than `tolerance`, described; undefined if there is none. */
export function firstDifference(
  got: ArrayLike<number>,
  expected: ArrayLike<number>,
  { rtol, atol }: Tolerance,
): string | undefined {
  if (got.length !== expected.length) return `length ${got.length}, expected ${expected.length}`;
  let scale = 1;
  for (let i = 0; i < expected.length; i++) {
    if (Number.isFinite(expected[i]!)) scale = Math.max(scale, Math.abs(expected[i]!));
  }
  for (let i = 0; i < got.length; i++) {
    const [a, b] = [got[i]!, expected[i]!];
    if (Object.is(a, b) || a === b || (Number.isNaN(a) && Number.isNaN(b))) continue;
    const isNear = Math.abs(a - b) <= rtol * Math.max(Math.abs(a), Math.abs(b)) + atol * scale;
    if (!isNear) return `element ${i}: got ${a}, expected ${b}`;
  }
  return undefined;
}
