/**
 * Padding of windows, as convolutions and pooling take it, and window reductions.
 * May import: `ir`, `core`, `primitives`, `api/lift`.
 * @module
 */
import { ArgumentError } from '../../ir/errors.ts';
import { largestOf, leastOf } from '../../ir/limits.ts';
import type { Tensor } from '../../core/tensor.ts';
import { pad } from '../../primitives/slice.ts';
import {
  reduceWindowMax,
  reduceWindowMin,
  reduceWindowMul,
  reduceWindowSum,
  type WindowParams,
} from '../../primitives/window.ts';
import { asTensor, type TensorLike } from '../lift.ts';
import { readOptions } from '../named.ts';
import { add, max, min, mul } from './elementwise.ts';
import { type Binary, scalarLike } from './operands.ts';

/** Sizes before and after on each axis, or a rule: `SAME` keeps ⌈size / stride⌉, `VALID` pads nothing. */
export type Padding =
  | 'SAME'
  | 'SAME_LOWER'
  | 'VALID'
  | readonly (readonly [number, number])[]
  | readonly (readonly number[])[];

/** Explicit padding of each axis. */
export function resolvePadding(
  op: string,
  padding: Padding | string,
  sizes: readonly number[],
  windows: readonly number[],
  strides: readonly number[],
): (readonly [number, number])[] {
  if (typeof padding !== 'string') return padding.map(([low, high]) => [low!, high!] as const);
  const rule = padding.toUpperCase();
  if (rule === 'VALID') return sizes.map(() => [0, 0] as const);
  if (rule === 'SAME' || rule === 'SAME_LOWER') {
    return sizes.map((n, d) => {
      const out = Math.ceil(n / strides[d]!);
      const total = Math.max((out - 1) * strides[d]! + windows[d]! - n, 0);
      const less = Math.floor(total / 2);
      return rule === 'SAME' ? ([less, total - less] as const) : ([total - less, less] as const);
    });
  }
  throw new ArgumentError(
    `${op}: expected padding 'SAME', 'SAME_LOWER', 'VALID' or pairs of numbers, got '${padding}'.`,
  );
}

interface Monoid {
  readonly reduce: (x: Tensor, params: WindowParams) => Tensor;
  readonly combine: Binary;
  /** The neutral element of a dtype. */
  readonly identity: (dtype: Tensor['dtype']) => number;
}

const monoids = new Map<unknown, Monoid>([
  [add, { reduce: reduceWindowSum, combine: add, identity: () => 0 }],
  [mul, { reduce: reduceWindowMul, combine: mul, identity: () => 1 }],
  [max, { reduce: reduceWindowMax, combine: max, identity: leastOf }],
  [min, { reduce: reduceWindowMin, combine: min, identity: largestOf }],
]);

/** The number of a concrete scalar. */
const numberOf = (x: TensorLike): number | undefined => (typeof x === 'number' ? x : asTensor(x).scalar);

interface WindowArguments {
  readonly windowDimensions: readonly number[];
  readonly windowStrides: readonly number[];
  readonly padding: Padding;
  readonly baseDilation: readonly number[];
  readonly windowDilation: readonly number[];
}

const windowNames = ['windowDimensions', 'windowStrides', 'padding', 'baseDilation', 'windowDilation'] as const;

function windowParams(x: Tensor, given: Partial<WindowArguments>): WindowParams {
  const ones = x.shape.map(() => 1);
  const {
    windowDimensions = ones,
    windowStrides = ones,
    padding = 'VALID',
    baseDilation = ones,
    windowDilation = ones,
  } = given;
  const sizes = x.shape.map((n, d) => (n === 0 ? 0 : (n - 1) * baseDilation[d]! + 1));
  const windows = windowDimensions.map((n, d) => (n - 1) * (windowDilation[d] ?? 1) + 1);
  return {
    windowDimensions,
    windowStrides,
    padding: resolvePadding('lax.reduceWindow', padding, sizes, windows, windowStrides),
    baseDilation,
    windowDilation,
  };
}

/**
 * Reduces every window of x. The computation is `lax.add`, `lax.mul`, `lax.max` or `lax.min`.
 *
 * @param init where a window starts, and what padding holds
 * @returns one element a window
 * @example
 * ```ts
 * import { lax, np } from 'cotangent';
 * const x = np.array([[1, 5, 2, 0], [3, 4, 8, 1]]);
 * console.log(String(lax.reduceWindow(x, -Infinity, lax.max, [2, 2], [2, 2], 'VALID'))); // => [[5, 8]]
 * ```
 */
export function reduceWindow(
  x: TensorLike,
  init: TensorLike,
  computation: (x: Tensor, y: Tensor) => Tensor,
  windowDimensions: readonly number[] | Partial<WindowArguments>,
  windowStrides?: readonly number[] | Partial<WindowArguments> | null,
  padding?: Padding | Partial<WindowArguments> | null,
  baseDilation?: readonly number[] | Partial<WindowArguments> | null,
  windowDilation?: readonly number[] | Partial<WindowArguments> | null,
): Tensor {
  const monoid = monoids.get(computation);
  if (!monoid) {
    throw new ArgumentError(
      'lax.reduceWindow: expected the computation lax.add, lax.mul, lax.max or lax.min, got another function.',
      'pass one of these functions itself, not a wrapper of it.',
    );
  }
  const t = asTensor(x);
  const given = readOptions<WindowArguments>('lax.reduceWindow', windowNames, [
    windowDimensions,
    windowStrides,
    padding,
    baseDilation,
    windowDilation,
  ]);
  const params = windowParams(t, given);
  const isNeutral = isNeutralStart(numberOf(init), monoid.identity(t.dtype), t);
  return isNeutral ? monoid.reduce(t, params) : reduceFrom(t, scalarLike(t, init), monoid, params);
}

/** ±∞ stands for the ends of an integer dtype's range. */
function isNeutralStart(start: number | undefined, neutral: number, { dtype }: Tensor): boolean {
  if (start === undefined || start === neutral) return start === neutral;
  return start === (neutral === leastOf(dtype) ? -Infinity : neutral === largestOf(dtype) ? Infinity : Number.NaN);
}

/** A start that is not neutral counts in the padding too: it is written there, and met once more by every window. */
function reduceFrom(x: Tensor, init: Tensor, { reduce, combine }: Monoid, params: WindowParams): Tensor {
  const padded = pad(x, init, {
    low: params.padding.map(([low]) => low),
    high: params.padding.map(([, high]) => high),
    interior: params.baseDilation.map((n) => n - 1),
  });
  const ones = x.shape.map(() => 1);
  return combine(init, reduce(padded, { ...params, padding: x.shape.map(() => [0, 0] as const), baseDilation: ones }));
}
