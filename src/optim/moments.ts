/**
 * Running moments of gradients, and the correction of their bias toward the zeros they start from.
 * May import: `core`, `primitives`, `api`.
 * @module
 */
import type { TensorLike } from '../api/lift.ts';
import type { Tensor } from '../core/tensor.ts';
import * as prim from '../primitives/index.ts';
import { cast, castTo, complement, mapLeaves, scaled } from './leaves.ts';

/** decay · m + (1 − decay) · gᵒʳᵈᵉʳ of one leaf. */
function average(g: Tensor, m: Tensor, decay: TensorLike, order: 1 | 2): Tensor {
  const term = order === 1 ? g : prim.mul(g, g);
  return prim.add(scaled(term, complement(decay)), scaled(cast(m, g.dtype), decay));
}

/** Moving average of the gradients (order 1) or of their squares (order 2). */
export const updateMoment = <P>(op: string, grads: P, moments: unknown, decay: TensorLike, order: 1 | 2): P =>
  mapLeaves(op, (g, m) => average(g, m!, decay, order), grads, moments);

/**
 * 1 − decayᵏ, the part of a moving average that has been filled after k steps. For a number it is −expm1(k log decay), which keeps
 * the digits that 1 − 0.999ᵏ loses in float32.
 */
function filledPart(decay: TensorLike, count: Tensor, like: Tensor): Tensor {
  const k = prim.convert(count, like.dtype);
  if (typeof decay === 'number') return prim.neg(prim.expm1(prim.mul(k, prim.like(k, Math.log(decay)))));
  return prim.sub(prim.like(k, 1), prim.pow(castTo(k.dtype, decay), k));
}

/** moments / (1 − decayᵏ). */
export const correctBias = <P>(op: string, moments: P, decay: TensorLike, count: Tensor): P =>
  mapLeaves(op, (m) => prim.div(m, filledPart(decay, count, m)), moments);
