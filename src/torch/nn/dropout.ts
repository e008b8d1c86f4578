/**
 * Dropout as modules.
 * May import: everything up to `api`, `tape`, `nn`.
 * @module
 */
import { type TensorLike, toTensor } from '../ops/define.ts';
import { type Arguments, readArguments } from '../ops/named.ts';
import type { Tensor } from '../tensor.ts';
import { changeInPlace } from '../views.ts';
import * as F from './functional/dropout.ts';
import { Layer, python } from './layer.ts';

export interface DropoutLayerOptions {
  /** The probability of an element to become 0; 0.5. */
  readonly p?: number | undefined;
  /** Whether to change the input, and return it; false. */
  readonly inplace?: boolean | undefined;
}

/** Elements set to 0 with probability p in training; the identity otherwise. */
export class Dropout extends Layer {
  readonly p: number;
  readonly inplace: boolean;
  protected readonly drop: typeof F.dropout = F.dropout;

  constructor(...options: Arguments<DropoutLayerOptions, ['p', 'inplace']>) {
    super();
    const op = new.target.name;
    const { p = 0.5, inplace = false } = readArguments<DropoutLayerOptions>(op, ['p', 'inplace'], options);
    F.checkProbability(op, p);
    this.p = p;
    this.inplace = inplace;
  }

  forward(x: TensorLike): Tensor {
    const t = toTensor(x);
    const { p, training } = this;
    const result = (): Tensor => this.drop(t, { p, training });
    return this.inplace && training ? changeInPlace('dropout_', t, result) : result();
  }

  override extraRepr(): string {
    return `p=${this.p}, inplace=${python(this.inplace)}`;
  }
}

/** Whole channels set to 0. */
export class Dropout1d extends Dropout {
  protected override readonly drop: typeof F.dropout = F.dropout1d;
}

export class Dropout2d extends Dropout {
  protected override readonly drop: typeof F.dropout = F.dropout2d;
}

export class Dropout3d extends Dropout {
  protected override readonly drop: typeof F.dropout = F.dropout3d;
}

/** Elements set to the value that `SELU` has far below 0, and all moved so that mean 0 and variance 1 stay. */
export class AlphaDropout extends Dropout {
  protected override readonly drop: typeof F.dropout = F.alphaDropout;
}

/** `AlphaDropout` of whole channels. */
export class FeatureAlphaDropout extends Dropout {
  protected override readonly drop: typeof F.dropout = F.featureAlphaDropout;
}
