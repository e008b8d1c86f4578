/**
 * Dropout, with a key for every call that trains.
 * May import: `core`, `primitives`, `api`.
 * @module
 */
import type { Tensor } from '../core/tensor.ts';
import { ArgumentError } from '../ir/errors.ts';
import { normalizeAxes } from '../ir/shape.ts';
import { promoteToFloat, type TensorLike } from '../api/lift.ts';
import { bernoulli } from '../api/random/uniform.ts';
import { like, mul } from '../primitives/arithmetic.ts';
import { select } from '../primitives/select.ts';
import { broadcastTo } from '../primitives/structural.ts';
import { checkNames, checkRange } from './checks.ts';
import { type CallOptions, Layer } from './module.ts';

export interface DropoutOptions {
  /** Axes along which all is kept or dropped together (`[2, 3]` drops whole channels of NCHW images); none. */
  readonly sharedAxes?: readonly number[];
}

/**
 * In training, elements become 0 with probability `rate` and the others are divided by 1 − rate; in evaluation nothing happens
 * (Srivastava et al., 2014).
 *
 * @example
 * ```ts
 * import { np, random } from 'cotangent';
 * import { Dropout } from 'cotangent/nn';
 * const layer = new Dropout(0.5);
 * console.log(String(layer.call(np.ones([3])))); // => [1, 1, 1]
 * const trained = layer.call(np.ones([1000]), { train: true, key: random.key(0) });
 * console.log(String(np.unique(trained))); // => [0, 2]
 * ```
 */
export class Dropout extends Layer {
  readonly rate: number;
  readonly sharedAxes: readonly number[];

  /** @param rate probability of 0, from 0 to 1 */
  constructor(rate = 0.5, options: DropoutOptions = {}) {
    super();
    checkNames('Dropout', options, ['sharedAxes']);
    checkRange('Dropout', 'rate', rate, 0, 1);
    this.rate = rate;
    this.sharedAxes = options.sharedAxes ?? [];
  }

  /** @throws ArgumentError in training without a key */
  call(x: TensorLike, options: CallOptions = {}): Tensor {
    const [t] = promoteToFloat(x) as [Tensor];
    if (options.train !== true || this.rate === 0) return t;
    if (options.key === undefined) {
      throw new ArgumentError(
        `${this.toString()}: expected a random key in training, got none.`,
        'call it with { train: true, key }, a new key every step (random.split), or without train to evaluate.',
      );
    }
    if (this.rate === 1) return broadcastTo(like(t, 0), t.shape);
    const shared = normalizeAxes('Dropout', this.sharedAxes, t.ndim);
    const kept = bernoulli(
      options.key,
      1 - this.rate,
      t.shape.map((n, d) => (shared.includes(d) ? 1 : n)),
    );
    return select(kept, mul(t, like(t, 1 / (1 - this.rate))), like(t, 0));
  }

  override toString(): string {
    return `Dropout(${this.rate})`;
  }
}
