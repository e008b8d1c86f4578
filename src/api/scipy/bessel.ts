/**
 * Modified Bessel functions of the first kind.
 * May import: `primitives`, `api`.
 * @module
 */
import type { Tensor } from '../../core/tensor.ts';
import * as prim from '../../primitives/index.ts';
import { customJvp } from '../custom.ts';
import { mul, onFloats, type Unary } from './arithmetic.ts';

const i1Of = (x: Tensor): Tensor => mul(prim.exp(prim.abs(x)), prim.besselI1e(x));
const i0Of = customJvp<[Tensor], Tensor>((x) => mul(prim.exp(prim.abs(x)), prim.besselI0e(x)));
// I₀′ = I₁, which is 0 at 0; the product rule would lose it to cancellation.
i0Of.defjvps((dx, _y, x) => mul(dx, i1Of(x!)));

/** I₀(x). */
export const i0: Unary = onFloats((x) => i0Of(x));

/** e^(−|x|) I₀(x), which does not overflow. */
export const i0e: Unary = onFloats((x) => prim.besselI0e(x));

/** I₁(x). */
export const i1: Unary = onFloats((x) => i1Of(x));

/** e^(−|x|) I₁(x), which does not overflow. */
export const i1e: Unary = onFloats((x) => prim.besselI1e(x));
