/**
 * Dropout: elements, channels.
 * May import: everything up to `api`, `tape`, `nn`.
 * @module
 */
import { ArgumentError } from '../../../ir/errors.ts';
import * as keyed from '../../../api/random/index.ts';
import { type GeneratorOption, keyFrom } from '../../generator.ts';
import { type TensorLike, toTensor } from '../../ops/define.ts';
import { Tensor } from '../../tensor.ts';
import { masked } from './linear.ts';

export interface DropoutOptions extends GeneratorOption {
  /** The probability that an element becomes 0; 0.5. */
  readonly p?: number | undefined;
  /** Without it nothing is dropped; true. */
  readonly training?: boolean | undefined;
}

function dropped(op: string, x: TensorLike, options: DropoutOptions, maskShape: (x: Tensor) => number[]): Tensor {
  const { p = 0.5, training = true } = options;
  if (!(p >= 0 && p <= 1)) {
    throw new ArgumentError(
      `${op}: expected a probability from 0 to 1, got ${p}: dropout probability has to be between 0 and 1.`,
    );
  }
  const t = toTensor(x);
  if (!training || p === 0) return t;
  const mask = keyed.bernoulli(keyFrom(options), 1 - p, maskShape(t));
  return masked([t, new Tensor(mask)], p === 1 ? 0 : 1 / (1 - p));
}

/**
 * Elements set to 0 with probability p, the others divided by 1 − p, so that the mean stays.
 * @example
 * ```ts
 * import { manualSeed, nn, ones } from 'cotangent/torch';
 * manualSeed(0);
 * const x = ones(1000);
 * const kept = nn.functional.dropout(x, { p: 0.25 }).gt(0).sum().item();
 * console.log(kept > 700 && kept < 800); // => true
 * ```
 */
export const dropout = (x: TensorLike, options: DropoutOptions = {}): Tensor =>
  dropped('dropout', x, options, (t) => [...t.shape]);

/** Whole channels of `[N, C, …]`, or `[C, …]` of `spatial` dimensions, set to 0. */
const channels =
  (op: string, spatial: number) =>
  (x: TensorLike, options: DropoutOptions = {}): Tensor =>
    dropped(op, x, options, (t) => t.shape.map((n, d) => (d < t.ndim - spatial ? n : 1)));

type Dropout = (x: TensorLike, options?: DropoutOptions) => Tensor;

export const dropout1d: Dropout = channels('dropout1d', 1);
export const dropout2d: Dropout = channels('dropout2d', 2);
export const dropout3d: Dropout = channels('dropout3d', 3);
