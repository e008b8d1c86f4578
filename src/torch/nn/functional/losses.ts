/**
 * Losses: those of `cotangent/nn` with PyTorch's arguments and defaults.
 * May import: everything up to `api`, `tape`, `nn`.
 * @module
 */
import { isInteger } from '../../../ir/dtype.ts';
import { DTypeError, ShapeError } from '../../../ir/errors.ts';
import { sameShape } from '../../../ir/shape.ts';
import type { Tensor as CoreTensor } from '../../../core/tensor.ts';
import * as np from '../../../api/numpy/index.ts';
import * as binary from '../../../nn/losses/binary.ts';
import * as classes from '../../../nn/losses/cross-entropy.ts';
import * as distributions from '../../../nn/losses/distributions.ts';
import type { Reduction } from '../../../nn/losses/reduction.ts';
import * as regression from '../../../nn/losses/regression.ts';
import { type TensorLike, toTensor, withParams } from '../../ops/define.ts';
import type { Tensor } from '../../tensor.ts';
import { checkRange } from './index-range.ts';
import { checkLossOptions, type LossOptions } from './loss-options.ts';

type Reduced = { readonly reduction: Reduction };

/** A loss of tensors and numbers. @param names of the options it has beside `reduction` */
function loss<P extends object>(
  name: string,
  names: readonly string[],
  f: (xs: readonly CoreTensor[], params: P & Reduced) => CoreTensor,
): (xs: readonly TensorLike[], options: LossOptions, params: P) => Tensor {
  const apply = withParams<P & Reduced>(name, f);
  return (xs, options, params) => {
    checkLossOptions(name, options, names);
    return apply(xs, { ...params, reduction: options.reduction ?? 'mean' });
  };
}

type Elementwise = (input: TensorLike, target: TensorLike, options?: LossOptions) => Tensor;

const elementwise = (name: string, f: (x: CoreTensor, t: CoreTensor, o: Reduced) => CoreTensor): Elementwise => {
  const apply = loss<object>(name, [], ([x, t], o) => f(x!, t!, o));
  return (input, target, options = {}) => apply([input, target], options, {});
};

/** (input − target)² */
export const mseLoss: Elementwise = elementwise('mseLoss', regression.mseLoss);
/** |input − target| */
export const l1Loss: Elementwise = elementwise('l1Loss', regression.l1Loss);

const smoothL1Of = loss<{ readonly beta: number }>('smoothL1Loss', ['beta'], ([x, t], o) =>
  regression.smoothL1Loss(x!, t!, o),
);
export interface SmoothL1Options extends LossOptions {
  /** Where the square turns into a line; 1. */
  readonly beta?: number | undefined;
}
export const smoothL1Loss = (input: TensorLike, target: TensorLike, options: SmoothL1Options = {}): Tensor =>
  smoothL1Of([input, target], options, { beta: options.beta ?? 1 });

const huberOf = loss<{ readonly delta: number }>('huberLoss', ['delta'], ([x, t], o) =>
  regression.huberLoss(x!, t!, o),
);
export interface HuberOptions extends LossOptions {
  /** Where the square turns into a line; 1. */
  readonly delta?: number | undefined;
}
export const huberLoss = (input: TensorLike, target: TensorLike, options: HuberOptions = {}): Tensor =>
  huberOf([input, target], options, { delta: options.delta ?? 1 });

export interface NllOptions extends LossOptions {
  /** A factor for each class `[C]`; a mean divides by the sum of the factors of the targets. */
  readonly weight?: TensorLike | null | undefined;
  /** A target that does not count; −100. */
  readonly ignoreIndex?: number | undefined;
}

export interface CrossEntropyOptions extends NllOptions {
  /** Part of every target that is spread over all classes; 0. */
  readonly labelSmoothing?: number | undefined;
}

interface ClassLoss {
  readonly axis: number;
  readonly ignoreIndex: number | null;
}

const nllOf = loss<ClassLoss>('nllLoss', ['weight', 'ignoreIndex'], ([x, t, w], { ignoreIndex, ...o }) =>
  classes.nllLoss(x!, t!, { ...o, ignoreIndex: ignoreIndex!, ...(w !== undefined && { classWeights: w }) }),
);
const crossEntropyOf = loss<ClassLoss & { readonly labelSmoothing: number }>(
  'crossEntropyLoss',
  ['weight', 'ignoreIndex', 'labelSmoothing'],
  ([x, t, w], { ignoreIndex, ...o }) =>
    classes.crossEntropy(x!, t!, {
      ...o,
      ...(ignoreIndex !== null && { ignoreIndex }),
      ...(w !== undefined && { classWeights: w }),
    }),
);

/** Where classes stand: in dimension 1, behind the batch. */
const classAxis = (x: Tensor): number => (x.ndim === 1 ? 0 : 1);

function classOperands(
  input: TensorLike,
  target: TensorLike,
  { weight }: NllOptions,
): [Tensor, Tensor, ...TensorLike[]] {
  const [x, t] = [toTensor(input), toTensor(target)];
  return weight === null || weight === undefined ? [x, t] : [x, t, weight];
}

/**
 * −input at the target, for log probabilities `[N, C, …]` and integer targets `[N, …]`.
 */
export function nllLoss(input: TensorLike, target: TensorLike, options: NllOptions = {}): Tensor {
  const operands = classOperands(input, target, options);
  const [x, t] = operands;
  if (!isInteger(t.dtype)) throw floatTarget('nllLoss', t);
  const ignoreIndex = options.ignoreIndex ?? -100;
  checkClasses('nllLoss', x, t, ignoreIndex);
  return nllOf(operands, options, { axis: classAxis(x), ignoreIndex });
}

/**
 * `nllLoss` of `logSoftmax`: targets are class numbers `[N, …]`, or probabilities of the shape of the input.
 * @param input logits `[N, C, …]` or `[C]`
 * @example
 * ```ts
 * import { nn, tensor } from 'cotangent/torch';
 * const logits = tensor([[0, 0], [0, 200]], { requiresGrad: true });
 * const loss = nn.functional.crossEntropy(logits, tensor([0, 1], { dtype: 'long' }));
 * loss.backward();
 * console.log(logits.grad?.tolist()); // => [ [ -0.25, 0.25 ], [ 0, 0 ] ]
 * ```
 */
export function crossEntropy(input: TensorLike, target: TensorLike, options: CrossEntropyOptions = {}): Tensor {
  const operands = classOperands(input, target, options);
  const [x, t] = operands;
  const isClasses = isInteger(t.dtype);
  const ignoreIndex = options.ignoreIndex ?? -100;
  if (isClasses) checkClasses('crossEntropy', x, t, ignoreIndex);
  else if (!sameShape(x.shape, t.shape)) throw floatTarget('crossEntropy', t);
  return crossEntropyOf(operands, options, {
    axis: classAxis(x),
    ignoreIndex: isClasses ? ignoreIndex : null,
    labelSmoothing: options.labelSmoothing ?? 0,
  });
}

/** Throws for class numbers that the input does not have. */
function checkClasses(op: string, x: Tensor, target: Tensor, ignoreIndex: number): void {
  const count = x.shape[classAxis(x)];
  if (count === undefined) return; // The loss says what is wrong with a scalar.
  checkRange(op, 'targets', target, count, 'Target is out of bounds', 'number classes from 0.', ignoreIndex);
}

const floatTarget = (op: string, target: Tensor): DTypeError =>
  new DTypeError(
    `${op}: expected integers as targets, got ${target.aval.toString()}: expected scalar type Long.`,
    "convert class numbers with .to('long').",
  );

export interface BinaryOptions extends LossOptions {
  /** A factor for every loss, which broadcasts. */
  readonly weight?: TensorLike | null | undefined;
}

export interface LogitOptions extends BinaryOptions {
  /** A factor for the losses of positive targets, which broadcasts. */
  readonly posWeight?: TensorLike | null | undefined;
}

interface Factors {
  readonly hasWeight: boolean;
  readonly hasPosWeight: boolean;
}

function binaryLoss(
  name: string,
  names: readonly string[],
  f: typeof binary.binaryCrossEntropyWithLogits | typeof binary.binaryCrossEntropy,
) {
  const apply = loss<Factors>(name, names, ([x, t, ...rest], { hasWeight, hasPosWeight, reduction }) =>
    f(x!, t!, {
      reduction,
      ...(hasWeight && { weights: rest[0]! }),
      ...(hasPosWeight && { posWeight: rest.at(-1)! }),
    }),
  );
  return (input: TensorLike, target: TensorLike, options: LogitOptions = {}): Tensor => {
    const [x, t] = [toTensor(input), toTensor(target)];
    if (!sameShape(x.shape, t.shape)) {
      throw new ShapeError(
        `${name}: expected a target like the input, ${x.aval.toString()}, got ${t.aval.toString()}: target size must be the same as input size.`,
        'reshape one of them.',
      );
    }
    const { weight, posWeight } = options;
    const given = [weight, posWeight].filter((w): w is TensorLike => w !== null && w !== undefined);
    const isGiven = (w: unknown): boolean => w !== null && w !== undefined;
    return apply([x, t, ...given], options, { hasWeight: isGiven(weight), hasPosWeight: isGiven(posWeight) });
  };
}

/** −t log p − (1 − t) log(1 − p), with logarithms of at least −100. */
export const binaryCrossEntropy: (input: TensorLike, target: TensorLike, options?: BinaryOptions) => Tensor =
  binaryLoss('binaryCrossEntropy', ['weight'], binary.binaryCrossEntropy);
/** `binaryCrossEntropy` of the sigmoid of the input, without loss of precision. */
export const binaryCrossEntropyWithLogits: (input: TensorLike, target: TensorLike, options?: LogitOptions) => Tensor =
  binaryLoss('binaryCrossEntropyWithLogits', ['weight', 'posWeight'], binary.binaryCrossEntropyWithLogits);

export interface KlOptions {
  /** Also `'batchmean'`: the sum divided by the size of the first dimension. */
  readonly reduction?: Reduction | 'batchmean' | undefined;
  /** Whether targets are logarithms; false. */
  readonly logTarget?: boolean | undefined;
}

const klOf = withParams<{ readonly reduction: Reduction | 'batchmean'; readonly logTarget: boolean }>(
  'klDiv',
  ([x, t], { reduction, logTarget }) =>
    distributions.klDiv(x!, t!, { logTarget, reduction: reduction === 'batchmean' ? 'batchMean' : reduction }),
);

/** target (log target − input): the input is a logarithm. */
export const klDiv = (input: TensorLike, target: TensorLike, options: KlOptions = {}): Tensor => {
  const { reduction = 'mean', logTarget = false } = options;
  checkLossOptions('klDiv', options, ['logTarget'], ['none', 'mean', 'sum', 'batchmean']);
  return klOf([input, target], { reduction, logTarget });
};

export interface PoissonOptions extends LossOptions {
  /** Whether the input is a logarithm; true. */
  readonly logInput?: boolean | undefined;
  /** Whether to add Stirling's approximation of log target!; false. */
  readonly full?: boolean | undefined;
  readonly eps?: number | undefined;
}

const poissonOf = loss<{ readonly logInput: boolean; readonly full: boolean; readonly epsilon: number }>(
  'poissonNllLoss',
  ['logInput', 'full', 'eps'],
  ([x, t], o) => distributions.poissonNllLoss(x!, t!, o),
);

/** exp(input) − target · input */
export const poissonNllLoss = (input: TensorLike, target: TensorLike, options: PoissonOptions = {}): Tensor => {
  const { logInput = true, full = false, eps = 1e-8 } = options;
  return poissonOf([input, target], options, { logInput, full, epsilon: eps });
};

export interface GaussianOptions extends LossOptions {
  /** Whether to add log(2π) / 2; false. */
  readonly full?: boolean | undefined;
  /** Least variance; 1e-6. */
  readonly eps?: number | undefined;
}

const gaussianOf = loss<{ readonly full: boolean; readonly epsilon: number }>(
  'gaussianNllLoss',
  ['full', 'eps'],
  ([x, t, v], o) => distributions.gaussianNllLoss(x!, t!, v!.ndim === x!.ndim - 1 ? np.expandDims(v!, -1) : v!, o),
);

/** (log var + (input − target)² / var) / 2. @param variance like the input, or without its last dimension, or 1 there */
export const gaussianNllLoss = (
  input: TensorLike,
  target: TensorLike,
  variance: TensorLike,
  options: GaussianOptions = {},
): Tensor => {
  const { full = false, eps = 1e-6 } = options;
  return gaussianOf([input, target, variance], options, { full, epsilon: eps });
};
