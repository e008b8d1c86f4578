/**
 * Arithmetic on float tensors of one dtype with numbers mixed in, in which the formulas of this folder are written.
 * May import: `core`, `primitives`, `api/lift`.
 * @module
 */
import type { Tensor } from '../../core/tensor.ts';
import * as prim from '../../primitives/index.ts';
import { viaFloat32 } from '../halves.ts';
import { promoteToFloat, type TensorLike } from '../lift.ts';

/** A tensor, or a number that takes the dtype of the other operand. */
export type Operand = Tensor | number;

function both(f: (x: Tensor, y: Tensor) => Tensor): (x: Operand, y: Operand) => Tensor {
  return (x, y) => {
    if (typeof x === 'number') return f(prim.like(y as Tensor, x), y as Tensor);
    return f(x, typeof y === 'number' ? prim.like(x, y) : y);
  };
}

type Binary = (x: Operand, y: Operand) => Tensor;
export const add: Binary = both(prim.add);
export const sub: Binary = both(prim.sub);
export const mul: Binary = both(prim.mul);
export const div: Binary = both(prim.div);
export const pow: Binary = both(prim.pow);
export const max: Binary = both(prim.max);
export const min: Binary = both(prim.min);
export const eq: Binary = both(prim.eq);
export const ne: Binary = both(prim.ne);
export const lt: Binary = both(prim.lt);
export const le: Binary = both(prim.le);
export const gt: Binary = both(prim.gt);
export const ge: Binary = both(prim.ge);
export const square = (x: Tensor): Tensor => prim.mul(x, x);
export const either = (first: Tensor, ...rest: Tensor[]): Tensor => rest.reduce(prim.or, first);

/** a where c holds, b elsewhere; at least one of the two is a tensor. */
export function where(c: Tensor, a: Operand, b: Operand): Tensor {
  const like = (typeof a === 'number' ? b : a) as Tensor;
  const of = (x: Operand): Tensor => (typeof x === 'number' ? prim.like(like, x) : x);
  return prim.select(c, of(a), of(b));
}

/** Σ cᵢ xⁿ⁻¹⁻ⁱ: coefficients from the highest power. */
export function polynomial(coefficients: readonly number[], x: Tensor): Tensor {
  const [first, ...rest] = coefficients;
  return rest.reduce((sum: Tensor, c) => add(mul(sum, x), c), prim.like(x, first!));
}

/** A public function of float tensors: its arguments are promoted together. Of 16-bit floats it is computed in float32. */
export function onFloats<A extends readonly TensorLike[]>(f: (...xs: Tensor[]) => Tensor): (...xs: A) => Tensor {
  return (...xs) => viaFloat32(f, ...promoteToFloat(...xs));
}

export type Unary = (x: TensorLike) => Tensor;
export type OfTwo = (x: TensorLike, y: TensorLike) => Tensor;
