/**
 * Dropout as modules.
 * May import: everything up to `api`, `tape`, `nn`.
 * @module
 */
import { ArgumentError } from '../../ir/errors.ts';
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

  constructor(...options: Arguments<DropoutLayerOptions, ['p', 'inplace']>) {
    super();
    const op = new.target.name;
    const { p = 0.5, inplace = false } = readArguments<DropoutLayerOptions>(op, ['p', 'inplace'], options);
    if (!(p >= 0 && p <= 1)) {
      throw new ArgumentError(
        `${op}: expected a probability from 0 to 1, got ${p}: dropout probability has to be between 0 and 1.`,
      );
    }
    this.p = p;
    this.inplace = inplace;
  }

  forward(x: TensorLike): Tensor {
    const t = toTensor(x);
    return this.inplace && this.training ? changeInPlace('dropout_', t, () => this.drop(t)) : this.drop(t);
  }

  protected drop(x: Tensor): Tensor {
    return F.dropout(x, { p: this.p, training: this.training });
  }

  override extraRepr(): string {
    return `p=${this.p}, inplace=${python(this.inplace)}`;
  }
}

/** Whole channels set to 0. */
export class Dropout1d extends Dropout {
  protected override drop(x: Tensor): Tensor {
    return F.dropout1d(x, { p: this.p, training: this.training });
  }
}

export class Dropout2d extends Dropout {
  protected override drop(x: Tensor): Tensor {
    return F.dropout2d(x, { p: this.p, training: this.training });
  }
}

export class Dropout3d extends Dropout {
  protected override drop(x: Tensor): Tensor {
    return F.dropout3d(x, { p: this.p, training: this.training });
  }
}

/** Elements set to the value that `SELU` has far below 0, and all moved so that mean 0 and variance 1 stay. */
export class AlphaDropout extends Dropout {
  protected override drop(x: Tensor): Tensor {
    return F.alphaDropout(x, { p: this.p, training: this.training });
  }
}

/** `AlphaDropout` of whole channels. */
export class FeatureAlphaDropout extends Dropout {
  protected override drop(x: Tensor): Tensor {
    return F.featureAlphaDropout(x, { p: this.p, training: this.training });
  }
}
