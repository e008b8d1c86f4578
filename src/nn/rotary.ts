/**
 * Rotary position embedding.
 * May import: `ir`, `core`, `primitives`, `api`.
 * @module
 */
import { ShapeError } from '../ir/errors.ts';
import type { Tensor } from '../core/tensor.ts';
import { arrayFrom, promoteToFloat, type TensorLike } from '../api/lift.ts';
import { checkChoice } from '../api/options.ts';
import { add, div, like, mul, sub } from '../primitives/arithmetic.ts';
import { exp } from '../primitives/elementwise-exp.ts';
import { cos, sin } from '../primitives/elementwise-trig.ts';
import { iota } from '../primitives/iota.ts';
import { concatenate } from '../primitives/movement.ts';
import { sliceAxis } from '../primitives/slice.ts';
import { reshape } from '../primitives/structural.ts';
import { checkNames } from './checks.ts';

export interface RotaryOptions {
  /** Positions of the vectors: `[T]`, or `[B, T]`; 0, 1, 2, … */
  readonly positions?: TensorLike;
  /** Wavelengths go from 2π to 2π · base; 10000. */
  readonly base?: number;
  /** Which features turn together: feature i and i + half (`'halves'`, the default), or 2i and 2i + 1 (`'pairs'`). */
  readonly layout?: 'halves' | 'pairs';
}

/**
 * Turns pairs of features by angles that grow with the position, so that products of queries and keys depend on their distance only (Su et
 * al., 2021). Pair i of n turns by position · base^(−i/n).
 *
 * @param x `[…, T, heads, features]` with an even number of features
 * @returns like x
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * import { rotaryEmbedding } from 'cotangent/nn';
 * const x = np.ones([2, 1, 2]); // two positions, one head, one pair
 * console.log(String(rotaryEmbedding(x).slice(1))); // => [[-0.301168…, 1.381773…]]
 * ```
 */
export function rotaryEmbedding(x: TensorLike, options: RotaryOptions = {}): Tensor {
  checkNames('rotaryEmbedding', options, ['positions', 'base', 'layout']);
  const { base = 10000, layout = 'halves' } = options;
  checkChoice('rotaryEmbedding', 'layout', layout, ['halves', 'pairs']);
  const [t] = promoteToFloat(x) as [Tensor];
  const features = t.shape.at(-1) ?? 0;
  if (t.ndim < 3 || features % 2 !== 0) {
    throw new ShapeError(
      `rotaryEmbedding: expected […,T,heads,features] with an even number of features, got ${t.aval.toString()}.`,
    );
  }
  const half = features / 2;
  const angles = anglesOf(t, half, base, options.positions);
  const [c, s] = [cos(angles), sin(angles)];
  const turn = (a: Tensor, b: Tensor): readonly [Tensor, Tensor] => [
    sub(mul(a, c), mul(b, s)),
    add(mul(b, c), mul(a, s)),
  ];
  const last = t.ndim - 1;
  if (layout === 'halves') {
    return concatenate(turn(sliceAxis(t, last, 0, half), sliceAxis(t, last, half, features)), last);
  }
  const split = reshape(t, [...t.shape.slice(0, -1), half, 2]);
  const part = (i: number): Tensor => reshape(sliceAxis(split, last + 1, i, i + 1), [...t.shape.slice(0, -1), half]);
  const turned = turn(part(0), part(1)).map((y) => reshape(y, [...y.shape, 1]));
  return reshape(concatenate(turned, last + 1), t.shape);
}

/** position · base^(−i/half), as wide as x needs: `[…, T, 1, half]`. */
function anglesOf(x: Tensor, half: number, base: number, given: TensorLike | undefined): Tensor {
  const length = x.shape.at(-3)!;
  const positions = given === undefined ? iota([length], x.dtype, 0) : arrayFrom(given, x.dtype);
  if (positions.ndim === 0 || positions.ndim > x.ndim - 2 || positions.shape.at(-1) !== length) {
    throw new ShapeError(
      `rotaryEmbedding: expected positions […,${length}] for ${x.aval.toString()}, got ${positions.aval.toString()}.`,
    );
  }
  const exponents = div(iota([half], x.dtype, 0), like(x, half));
  const rates = exp(mul(exponents, like(x, -Math.log(base))));
  const missing = x.ndim - 2 - positions.ndim;
  const wide = reshape(positions, [...Array.from({ length: missing }, () => 1), ...positions.shape, 1, 1]);
  return mul(wide, reshape(rates, [...Array.from({ length: x.ndim - 1 }, () => 1), half]));
}
