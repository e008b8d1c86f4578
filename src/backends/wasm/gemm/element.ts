/**
 * What the routines need to know of an element type.
 * May import: `encode`, `kernel/lir`.
 * @module
 */
import type { OpName } from '../encode/opcodes.ts';
import type { Lir, LirBuilder } from '../kernel/lir.ts';

export interface Element {
  readonly scalar: 'f32' | 'f64';
  readonly vector: 'f32x4' | 'f64x2';
  readonly bytes: number;
  /** Elements in a v128. */
  readonly lanes: number;
  readonly loadSplat: OpName;
  readonly zero: (b: LirBuilder) => Lir;
}

export const single: Element = {
  scalar: 'f32',
  vector: 'f32x4',
  bytes: 4,
  lanes: 4,
  loadSplat: 'v128.load32_splat',
  zero: (b) => b.f32(0),
};

export const double: Element = {
  scalar: 'f64',
  vector: 'f64x2',
  bytes: 8,
  lanes: 2,
  loadSplat: 'v128.load64_splat',
  zero: (b) => b.f64(0),
};

/** x·y + sum, in one rounding where the engine has relaxed SIMD. */
export function multiplyAdd(b: LirBuilder, e: Element, isRelaxed: boolean, x: Lir, y: Lir, sum: Lir): Lir {
  if (isRelaxed) return b.op(`${e.vector}.relaxed_madd`, x, y, sum);
  return b.op(`${e.vector}.add`, sum, b.op(`${e.vector}.mul`, x, y));
}

export const zeroVector = (b: LirBuilder, e: Element): Lir => b.op(`${e.vector}.splat`, e.zero(b));
