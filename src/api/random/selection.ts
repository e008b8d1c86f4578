/**
 * Orders and choices: permutation, choice, categorical.
 * May import: everything up to `control`, `api/args`, `api/lax`.
 * @module
 */
import type { Shape } from '../../ir/shape.ts';
import { normalizeAxis, sizeOf } from '../../ir/shape.ts';
import { ArgumentError, ShapeError } from '../../ir/errors.ts';
import type { Tensor } from '../../core/tensor.ts';
import { add, like, mul, sub } from '../../primitives/arithmetic.ts';
import { argmax } from '../../primitives/arg-reduce.ts';
import { lt } from '../../primitives/compare.ts';
import { convert } from '../../primitives/convert.ts';
import { cumsum } from '../../primitives/cumulative.ts';
import { log } from '../../primitives/elementwise-exp.ts';
import { gather } from '../../primitives/indexing.ts';
import { iota } from '../../primitives/iota.ts';
import { sliceAxis } from '../../primitives/slice.ts';
import { sort } from '../../primitives/sort.ts';
import { moveAxis, reduceSum, reshape } from '../../primitives/structural.ts';
import { topK } from '../lax/reduce.ts';
import { asTensor, promoteToFloat, type TensorLike } from '../lift.ts';
import { readOptions } from '../named.ts';
import { gumbelOf } from './continuous.ts';
import { bits32, splitKeys } from './keys.ts';
import { randint, uniformBetween } from './uniform.ts';
import { type ShapeLike, toShape } from '../sizes.ts';

/** x[…, indices, …] along an axis; positions are in bounds. */
function take(x: Tensor, indices: Tensor, axis: number): Tensor {
  const kept = x.shape.map((_, d) => d).filter((d) => d !== axis);
  return gather(x, reshape(indices, [...indices.shape, 1]), {
    dimensionNumbers: {
      offsetDims: kept.map((d) => (d < axis ? d : d + indices.ndim - 1)),
      collapsedSliceDims: [axis],
      startIndexMap: [axis],
      operandBatchingDims: [],
      startIndicesBatchingDims: [],
    },
    sliceSizes: x.shape.map((n, d) => (d === axis ? 1 : n)),
    mode: 'promise_in_bounds',
  });
}

/**
 * Sorts by random 32-bit keys, as often as it takes to make a tie in every round unlikely (less than one in size³; the number of rounds
 * is JAX's).
 */
function shuffled(key: TensorLike, x: Tensor, axis: number): Tensor {
  const rounds = Math.ceil((3 * Math.log(Math.max(1, x.size))) / Math.log(2 ** 32 - 1));
  let [current, out] = [asTensor(key), x];
  for (let i = 0; i < rounds; i++) {
    const [next, subkey] = splitKeys(current);
    const order = bits32('random.permutation', subkey!, x.shape);
    out = sort([order, out], { dimension: axis, numKeys: 1, isStable: true })[1]!;
    current = next!;
  }
  return out;
}

export interface PermutationOptions {
  readonly axis?: number;
  /** Every line along the axis gets an order of its own. */
  readonly independent?: boolean;
}

/**
 * The numbers 0 … n − 1, or the entries of an array along an axis, in random order.
 * @example
 * ```ts
 * import { np, random } from 'cotangent';
 * console.log(String(np.sort(random.permutation(random.key(1), 5)))); // => [0, 1, 2, 3, 4]
 * ```
 */
export function permutation(
  key: TensorLike,
  x: number | TensorLike,
  axis?: number | PermutationOptions,
  independent?: boolean | PermutationOptions,
): Tensor {
  const o = readOptions<PermutationOptions>('random.permutation', ['axis', 'independent'], [axis, independent]);
  if (typeof x === 'number') {
    if (!Number.isInteger(x) || x < 0)
      throw new ArgumentError(`random.permutation: expected a non-negative integer, got ${String(x)}.`);
    return shuffled(key, iota([x], 'int32'), 0);
  }
  const t = asTensor(x);
  if (t.ndim === 0) return permutation(key, t.item(), o);
  const d = normalizeAxis('random.permutation', o.axis ?? 0, t.ndim);
  if (o.independent || t.ndim === 1) return shuffled(key, t, d);
  return take(t, shuffled(key, iota([t.shape[d]!], 'int32'), 0), d);
}

export interface ChoiceOptions {
  readonly shape?: ShapeLike;
  readonly replace?: boolean;
  /** Probabilities of the entries. */
  readonly p?: TensorLike;
  readonly axis?: number;
}

function checkChoice(count: number, wanted: number, replace: boolean, p: Tensor | undefined): void {
  if (wanted > 0 && count <= 0)
    throw new ArgumentError('random.choice: expected something to choose from, got nothing.');
  if (!replace && wanted > count) {
    throw new ArgumentError(
      `random.choice: expected at most ${count} draws without replacement, got ${wanted}.`,
      'draw fewer, or pass { replace: true }.',
    );
  }
  if (p && (p.ndim !== 1 || p.shape[0] !== count)) {
    throw new ShapeError(
      `random.choice: expected one probability for each of ${count} entries, got ${p.aval.toString()}.`,
    );
  }
}

/**
 * Entries drawn from `a` (or from 0 … a − 1), with or without replacement.
 * @param shape and what follows: by position, or by name in one object
 * @example
 * ```ts
 * import { random } from 'cotangent';
 * console.log(random.choice(random.key(0), 10, [4], { replace: false }).shape); // => [ 4 ]
 * ```
 */
export function choice(
  key: TensorLike,
  a: number | TensorLike,
  shape?: ShapeLike | ChoiceOptions,
  replace?: boolean | ChoiceOptions,
  p?: TensorLike | ChoiceOptions,
  axis?: number,
): Tensor {
  const o = readOptions<ChoiceOptions>('random.choice', ['shape', 'replace', 'p', 'axis'], [shape, replace, p, axis]);
  const source = typeof a === 'number' ? undefined : asTensor(a);
  const from = source && source.ndim > 0 ? source : undefined;
  const d = from ? normalizeAxis('random.choice', o.axis ?? 0, from.ndim) : 0;
  const count = from ? from.shape[d]! : typeof a === 'number' ? a : source!.item();
  const size = toShape('random.choice', o.shape ?? []);
  const weights = o.p === undefined ? undefined : promoteToFloat(o.p)[0]!;
  const isReplaced = o.replace ?? true;
  checkChoice(count, sizeOf(size), isReplaced, weights);
  if (!weights && !isReplaced) return firstOfPermutation(key, from ?? count, d, size);
  const picks = weights ? weighted(key, weights, size, isReplaced) : randint(key, size, 0, count);
  return from ? take(from, picks, d) : picks;
}

function firstOfPermutation(key: TensorLike, from: Tensor | number, axis: number, size: Shape): Tensor {
  const all = permutation(key, from, axis);
  const first = sliceAxis(all, axis, 0, sizeOf(size));
  return reshape(
    first,
    all.shape.flatMap((n, d) => (d === axis ? size : [n])),
  );
}

/** Positions with the given probabilities: by inverting the running sum, or (without replacement) the largest of log p + Gumbel noise. */
function weighted(key: TensorLike, p: Tensor, size: Shape, replace: boolean): Tensor {
  if (!replace) {
    const scores = add(gumbelOf(key, p.shape, p.dtype), log(p));
    return reshape(topK(scores, sizeOf(size))[1], size);
  }
  const total = cumsum(p, 0);
  const n = p.shape[0]!;
  const u = uniformBetween('random.choice', key, size, p.dtype, 0, 1);
  const r = mul(reshape(sliceAxis(total, 0, n - 1, n), []), sub(like(u, 1), u));
  const isBelow = lt(total, reshape(r, [...size, 1]));
  return reduceSum(convert(isBelow, 'int32'), [size.length]);
}

export interface CategoricalOptions {
  readonly axis?: number;
  /** Ends with the shape of the logits without their axis. */
  readonly shape?: ShapeLike;
  readonly replace?: boolean;
}

/**
 * Positions along an axis, drawn with probabilities softmax(logits): the largest of logits + Gumbel noise.
 * @example
 * ```ts
 * import { np, random } from 'cotangent';
 * console.log(random.categorical(random.key(0), np.zeros([3, 5])).shape); // => [ 3 ]
 * ```
 */
export function categorical(
  key: TensorLike,
  logits: TensorLike,
  axis?: number | CategoricalOptions,
  shape?: ShapeLike | CategoricalOptions,
): Tensor {
  const o = readOptions<CategoricalOptions>('random.categorical', ['axis', 'shape', 'replace'], [axis, shape]);
  const [x] = promoteToFloat(logits);
  const d = normalizeAxis('random.categorical', o.axis ?? -1, x!.ndim);
  const batch = x!.shape.filter((_, k) => k !== d);
  const size = o.shape === undefined ? batch : toShape('random.categorical', o.shape);
  const prefix = size.slice(0, size.length - batch.length);
  if (o.replace === false) {
    const scores = moveAxis(add(x!, gumbelOf(key, x!.shape, x!.dtype)), d, x!.ndim - 1);
    const picks = topK(scores, sizeOf(prefix))[1];
    return reshape(moveAxis(picks, picks.ndim - 1, 0), size);
  }
  const drawn = size.slice(prefix.length).toSpliced(d, 0, x!.shape[d]!);
  const scores = add(gumbelOf(key, [...prefix, ...drawn], x!.dtype), x!);
  return argmax(scores, prefix.length + d);
}
