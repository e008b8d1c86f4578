/**
 * Modified Bessel functions of the first kind.
 * May import: `primitives`, `api`.
 * @module
 */
import * as prim from '../../primitives/index.ts';
import { mul, onFloats, type Unary } from './arithmetic.ts';

/** I₀(x). */
export const i0: Unary = onFloats((x) => mul(prim.exp(prim.abs(x!)), prim.besselI0e(x!)));

/** e^(−|x|) I₀(x), which does not overflow. */
export const i0e: Unary = onFloats((x) => prim.besselI0e(x!));

/** I₁(x). */
export const i1: Unary = onFloats((x) => mul(prim.exp(prim.abs(x!)), prim.besselI1e(x!)));

/** e^(−|x|) I₁(x), which does not overflow. */
export const i1e: Unary = onFloats((x) => prim.besselI1e(x!));
