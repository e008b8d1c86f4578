/**
 * Pooling layers, and their inverse.
 * May import: everything up to `api`, `tape`, `nn`.
 * @module
 */
import type { TensorLike } from '../ops/define.ts';
import { type Arguments, readArguments } from '../ops/named.ts';
import type { Tensor } from '../tensor.ts';
import * as A from './functional/adaptive-pooling.ts';
import * as F from './functional/pooling.ts';
import * as U from './functional/unpooling.ts';
import type { Sizes } from './functional/windows.ts';
import { Layer, python } from './layer.ts';

/** Windows of one size. */
abstract class Windowed<O extends { readonly stride?: Sizes | null | undefined }> extends Layer {
  readonly kernelSize: Sizes;
  readonly options: O;

  constructor(kernelSize: Sizes, options: O) {
    super();
    this.kernelSize = kernelSize;
    this.options = options;
  }

  protected get stride(): Sizes {
    return this.options.stride ?? this.kernelSize;
  }
}

// Other than the function's these positions have `returnIndices` before `ceilMode`.
const maxPoolNames = ['stride', 'padding', 'dilation', 'returnIndices', 'ceilMode'] as const;

type Positional = Arguments<F.MaxPoolOptions, typeof maxPoolNames>;
/** Options by name, of which R says whether positions are returned; or by position. */
type MaxArguments<R extends boolean> =
  | [options: F.MaxPoolOptions & { readonly returnIndices?: R | undefined }]
  | Positional;

type MaxResult<R extends boolean> = R extends true ? [values: Tensor, indices: Tensor] : Tensor;

/** `R`: whether it gives positions too. */
abstract class MaxPool<R extends boolean> extends Windowed<F.MaxPoolOptions> {
  protected abstract readonly pool: F.MaxPoolFunction;

  constructor(kernelSize: Sizes, ...options: MaxArguments<R>) {
    super(kernelSize, readArguments(new.target.name, maxPoolNames, options));
  }

  /** @param x `[N, C, …]` or `[C, …]` @returns the largest of each window, with their positions if `returnIndices` says so */
  forward(x: TensorLike): MaxResult<R> {
    return this.pool(x, this.kernelSize, this.options) as MaxResult<R>;
  }

  override extraRepr(): string {
    const { padding = 0, dilation = 1, ceilMode = false } = this.options;
    return (
      `kernel_size=${python(this.kernelSize)}, stride=${python(this.stride)}, padding=${python(padding)}, ` +
      `dilation=${python(dilation)}, ceil_mode=${python(ceilMode)}`
    );
  }
}

abstract class AvgPool extends Windowed<F.AvgPoolOptions> {
  protected abstract readonly pool: typeof F.avgPool1d;

  constructor(kernelSize: Sizes, ...options: F.AvgPoolArguments) {
    super(kernelSize, readArguments(new.target.name, F.avgPoolNames, options));
  }

  /** @param x `[N, C, …]` or `[C, …]` */
  forward(x: TensorLike): Tensor {
    return this.pool(x, this.kernelSize, this.options);
  }

  override extraRepr(): string {
    const { padding = 0 } = this.options;
    return `kernel_size=${python(this.kernelSize)}, stride=${python(this.stride)}, padding=${python(padding)}`;
  }
}

/**
 * The largest of each window.
 * @example
 * ```ts
 * import { nn, tensor } from 'cotangent/torch';
 * const [values, indices] = new nn.MaxPool1d(2, { returnIndices: true }).call(tensor([[1, 3, 2, 4]]));
 * console.log(values.tolist(), indices.tolist()); // => [ [ 3, 4 ] ] [ [ 1, 3 ] ]
 * ```
 */
export class MaxPool1d<R extends boolean = false> extends MaxPool<R> {
  protected readonly pool: F.MaxPoolFunction = F.maxPool1d;
}
export class MaxPool2d<R extends boolean = false> extends MaxPool<R> {
  protected readonly pool: F.MaxPoolFunction = F.maxPool2d;
}
export class MaxPool3d<R extends boolean = false> extends MaxPool<R> {
  protected readonly pool: F.MaxPoolFunction = F.maxPool3d;
}
/** The mean of each window. */
export class AvgPool1d extends AvgPool {
  protected readonly pool: typeof F.avgPool1d = F.avgPool1d;

  override extraRepr(): string {
    return super.extraRepr().replaceAll(/=(\d+)/g, '=($1,)');
  }
}
export class AvgPool2d extends AvgPool {
  protected readonly pool: typeof F.avgPool2d = F.avgPool2d;
}
export class AvgPool3d extends AvgPool {
  protected readonly pool: typeof F.avgPool3d = F.avgPool3d;
}

abstract class LPPool extends Windowed<F.LpPoolOptions> {
  readonly normType: number;
  protected abstract readonly pool: typeof F.lpPool1d;

  constructor(normType: number, kernelSize: Sizes, ...options: Arguments<F.LpPoolOptions, ['stride', 'ceilMode']>) {
    super(kernelSize, readArguments(new.target.name, ['stride', 'ceilMode'], options));
    this.normType = normType;
  }

  /** @param x `[N, C, …]` or `[C, …]` */
  forward(x: TensorLike): Tensor {
    return this.pool(x, this.normType, this.kernelSize, this.options);
  }

  override extraRepr(): string {
    const { stride, ceilMode = false } = this.options;
    return (
      `norm_type=${python(this.normType)}, kernel_size=${python(this.kernelSize)}, stride=${python(stride)}, ` +
      `ceil_mode=${python(ceilMode)}`
    );
  }
}

/** (Σ xᵖ)^(1/p) of each window. */
export class LPPool1d extends LPPool {
  protected readonly pool: typeof F.lpPool1d = F.lpPool1d;
}
export class LPPool2d extends LPPool {
  protected readonly pool: typeof F.lpPool2d = F.lpPool2d;
}
export class LPPool3d extends LPPool {
  protected readonly pool: typeof F.lpPool3d = F.lpPool3d;
}

abstract class MaxUnpool extends Windowed<Omit<U.UnpoolOptions, 'outputSize'>> {
  protected abstract readonly pool: typeof U.maxUnpool1d;

  constructor(kernelSize: Sizes, ...options: Arguments<Omit<U.UnpoolOptions, 'outputSize'>, ['stride', 'padding']>) {
    super(kernelSize, readArguments(new.target.name, ['stride', 'padding'], options));
  }

  /**
   * @param x what pooling gave
   * @param indices the positions that it gave
   * @param outputSize the shape of what was pooled, where several pool to the same
   */
  forward(x: TensorLike, indices: TensorLike, outputSize?: readonly number[] | null): Tensor {
    return this.pool(x, indices, this.kernelSize, { ...this.options, outputSize });
  }

  override extraRepr(): string {
    const { padding = 0 } = this.options;
    const full = (x: Sizes): string => python(typeof x === 'number' ? this.spatial.map(() => x) : x);
    return `kernel_size=${full(this.kernelSize)}, stride=${full(this.stride)}, padding=${full(padding)}`;
  }

  /** One entry for each spatial dimension. */
  protected abstract readonly spatial: readonly null[];
}

/** Elements at their positions from max pooling, and 0 elsewhere. */
export class MaxUnpool1d extends MaxUnpool {
  protected readonly pool: typeof U.maxUnpool1d = U.maxUnpool1d;
  protected readonly spatial: readonly null[] = [null];
}
export class MaxUnpool2d extends MaxUnpool {
  protected readonly pool: typeof U.maxUnpool1d = U.maxUnpool2d;
  protected readonly spatial: readonly null[] = [null, null];
}
export class MaxUnpool3d extends MaxUnpool {
  protected readonly pool: typeof U.maxUnpool1d = U.maxUnpool3d;
  protected readonly spatial: readonly null[] = [null, null, null];
}

/** As many bins as are asked for. */
abstract class AdaptivePool extends Layer {
  readonly outputSize: A.OutputSizes;

  constructor(outputSize: A.OutputSizes) {
    super();
    this.outputSize = outputSize;
  }

  override extraRepr(): string {
    return `output_size=${python(this.outputSize)}`;
  }
}

abstract class AdaptiveAvgPool extends AdaptivePool {
  protected abstract readonly pool: typeof A.adaptiveAvgPool1d;

  /** @param x `[N, C, …]` or `[C, …]` */
  forward(x: TensorLike): Tensor {
    return this.pool(x, this.outputSize);
  }
}

/** Means of as many bins as are asked for. */
export class AdaptiveAvgPool1d extends AdaptiveAvgPool {
  protected readonly pool: typeof A.adaptiveAvgPool1d = A.adaptiveAvgPool1d;
}
export class AdaptiveAvgPool2d extends AdaptiveAvgPool {
  protected readonly pool: typeof A.adaptiveAvgPool1d = A.adaptiveAvgPool2d;
}
export class AdaptiveAvgPool3d extends AdaptiveAvgPool {
  protected readonly pool: typeof A.adaptiveAvgPool1d = A.adaptiveAvgPool3d;
}

/** `R`: whether it gives positions too. */
abstract class AdaptiveMaxPool<R extends boolean> extends AdaptivePool {
  readonly returnIndices: boolean;
  protected abstract readonly pool: A.AdaptiveMaxFunction;

  constructor(
    outputSize: A.OutputSizes,
    ...options: Arguments<{ readonly returnIndices?: R | undefined }, ['returnIndices']>
  ) {
    super(outputSize);
    const given = readArguments<{ readonly returnIndices?: R }>(new.target.name, ['returnIndices'], options);
    this.returnIndices = given.returnIndices ?? false;
  }

  /** @param x `[N, C, …]` or `[C, …]` @returns the largest of each bin, with their positions if `returnIndices` says so */
  forward(x: TensorLike): MaxResult<R> {
    const { pool, outputSize } = this;
    const result = this.returnIndices ? pool(x, outputSize, true) : pool(x, outputSize);
    return result as MaxResult<R>;
  }
}

/** The largest of each of as many bins as are asked for. */
export class AdaptiveMaxPool1d<R extends boolean = false> extends AdaptiveMaxPool<R> {
  protected readonly pool: A.AdaptiveMaxFunction = A.adaptiveMaxPool1d;
}
export class AdaptiveMaxPool2d<R extends boolean = false> extends AdaptiveMaxPool<R> {
  protected readonly pool: A.AdaptiveMaxFunction = A.adaptiveMaxPool2d;
}
export class AdaptiveMaxPool3d<R extends boolean = false> extends AdaptiveMaxPool<R> {
  protected readonly pool: A.AdaptiveMaxFunction = A.adaptiveMaxPool3d;
}
