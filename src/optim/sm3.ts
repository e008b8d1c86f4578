/**
 * SM3: sums of squared gradients kept by rows and columns, as in Adagrad but in little memory. Definitions and defaults are optax's.
 * May import: `core`, `primitives`, `api`.
 * @module
 */
import type { TensorLike } from '../api/lift.ts';
import { checkOptions } from '../api/options.ts';
import { unflatten } from '../core/pytree.ts';
import { scalarTensor, type Tensor } from '../core/tensor.ts';
import * as prim from '../primitives/index.ts';
import { complement, fullLike, leavesOf, mapLeaves, scaled, shifted } from './leaves.ts';
import { updateMoment } from './moments.ts';
import { type GradientTransformation, transformation } from './transformation.ts';

export interface Sm3Options {
  /** Decay of the mean of updates; 0.9. */
  readonly b1?: TensorLike;
  /** Decay of the sums of squares; 1: none. */
  readonly b2?: TensorLike;
  /** Added inside the root; 1e-8. */
  readonly eps?: TensorLike;
}

interface Sm3State {
  /** For each leaf a vector for each axis: what the sums of squares of its slices are at most. A scalar has one, of one element. */
  readonly mu: unknown;
  /** Mean of updates. */
  readonly nu: unknown;
}

const lengths = (x: Tensor): readonly number[] => (x.ndim === 0 ? [1] : x.shape);

/** The least of the bounds of the slices that an element lies in. */
function boundsOf(x: Tensor, mu: readonly Tensor[]): Tensor {
  const along = (v: Tensor, axis: number): Tensor =>
    prim.reshape(
      v,
      x.shape.map((n, i) => (i === axis ? n : 1)),
    );
  return mu.map((v, axis) => prim.broadcastTo(along(v, axis), x.shape)).reduce(prim.min);
}

/** The largest element of each slice along an axis. */
function largestOf(sums: Tensor, axis: number): Tensor {
  const others = sums.shape.flatMap((_, i) => (i === axis ? [] : [i]));
  return others.length === 0 ? prim.reshape(sums, [sums.size]) : prim.reduceMax(sums, others);
}

/** 1/√(x + eps); 0 where x is. */
function inverseRoot(x: Tensor, eps: TensorLike): Tensor {
  const isZero = prim.le(x, prim.like(x, 0));
  return prim.select(isZero, prim.like(x, 0), prim.rsqrt(shifted(prim.select(isZero, prim.like(x, 1), x), eps)));
}

/**
 * The moving average of g / √(s + eps), where s is g² and the least bound of the element's slices; their new bounds are the largest s.
 * State `{ mu, nu }`: an n × m matrix has n + m bounds.
 * @see Anil, Gupta, Koren and Singer, Memory-Efficient Adaptive Optimization, 2019 (SM3-II)
 */
export function scaleBySm3(options: Sm3Options = {}): GradientTransformation {
  checkOptions('scaleBySm3', options, ['b1', 'b2', 'eps']);
  const { b1 = 0.9, b2 = 1, eps = 1e-8 } = options;
  const sumOf = (g: Tensor, mu: readonly Tensor[]): Tensor => {
    const [squares, bounds] = [prim.mul(g, g), boundsOf(g, mu)];
    return b2 === 1 ? prim.add(squares, bounds) : prim.add(scaled(squares, complement(b2)), scaled(bounds, b2));
  };
  return transformation<Sm3State>({
    init: (params) => {
      const nu = fullLike('sm3', params, 0);
      const [leaves, def] = leavesOf('sm3', nu);
      const zeros = (x: Tensor): Tensor[] => lengths(x).map((n) => prim.broadcastTo(scalarTensor(0, x.dtype), [n]));
      return { mu: unflatten(def, leaves.map(zeros)), nu };
    },
    update: (grads, state) => {
      const old = leavesOf('sm3', state.mu)[0];
      const mu: Tensor[][] = [];
      let at = 0;
      const step = (g: Tensor): Tensor => {
        const sums = sumOf(g, old.slice(at, (at += lengths(g).length)));
        mu.push(lengths(g).map((_, axis) => largestOf(sums, axis)));
        return prim.mul(g, inverseRoot(sums, eps));
      };
      const nu = updateMoment('sm3', mapLeaves('sm3', step, grads, state.nu), state.nu, b1, 1);
      return [nu, { mu: unflatten(leavesOf('sm3', grads)[1], mu), nu }];
    },
  });
}
