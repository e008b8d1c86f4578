/**
 * Initial values, put in place: `nn.init`.
 * May import: everything up to `api`, `tape`, `nn`.
 * @module
 */
import { ArgumentError, ShapeError } from '../../ir/errors.ts';
import { sizeOf } from '../../ir/shape.ts';
import * as np from '../../api/numpy/index.ts';
import * as keyed from '../../api/random/index.ts';
import { type GeneratorOption, keyFrom } from '../generator.ts';
import { withModes } from '../modes.ts';
import { fullLike } from '../ops/fill.ts';
import * as sampling from '../ops/sampling.ts';
import { Tensor } from '../tensor.ts';
import { changeInPlace } from '../views.ts';

const unrecorded = <T>(f: () => T): T => withModes({ isGradEnabled: false }, f);

/** Fills with uniform numbers from [a, b). */
export const uniform_ = (x: Tensor, a = 0, b = 1, options: GeneratorOption = {}): Tensor =>
  unrecorded(() => sampling.uniform_(x, a, b, options));

export const normal_ = (x: Tensor, mean = 0, std = 1, options: GeneratorOption = {}): Tensor =>
  unrecorded(() => sampling.normal_(x, mean, std, options));

/** Normal numbers, those outside [a, b] drawn again. */
export const truncNormal_ = (x: Tensor, mean = 0, std = 1, a = -2, b = 2, options: GeneratorOption = {}): Tensor =>
  unrecorded(() =>
    changeInPlace('truncNormal_', x, () => {
      const [low, high] = [(a - mean) / std, (b - mean) / std];
      const drawn = keyed.truncatedNormal(
        keyFrom(options),
        low,
        high,
        x.shape,
        x.dtype === 'float64' ? 'float64' : 'float32',
      );
      return new Tensor(np.astype(np.add(np.multiply(drawn, std), mean), x.dtype));
    }),
  );

export const constant_ = (x: Tensor, value: number): Tensor =>
  unrecorded(() => changeInPlace('constant_', x, () => fullLike(x, value)));
export const ones_ = (x: Tensor): Tensor => constant_(x, 1);
export const zeros_ = (x: Tensor): Tensor => constant_(x, 0);

/** The identity matrix. */
export function eye_(x: Tensor): Tensor {
  const [n, m] = matrix('eye_', x);
  return unrecorded(() => changeInPlace('eye_', x, () => new Tensor(np.eye(n, m, { dtype: x.dtype }))));
}

/** A matrix with orthonormal rows or columns, whichever are fewer, times `gain`; all dimensions after the first count as columns. */
export function orthogonal_(x: Tensor, gain = 1, options: GeneratorOption = {}): Tensor {
  checkWeight('orthogonal_', x);
  const rows = x.shape[0]!;
  const columns = x.numel() / rows;
  const [count, length] = rows < columns ? [rows, columns] : [columns, rows];
  const vectors = new Float64Array(keyed.normal(keyFrom(options), [count, length], 'float32').dataSync());
  orthonormalize(vectors, count, length);
  const basis = np.multiply(np.reshape(np.array(vectors), [count, length]), gain);
  const value = np.reshape(rows < columns ? basis : np.transpose(basis), x.shape);
  return unrecorded(() => changeInPlace('orthogonal_', x, () => new Tensor(np.astype(value, x.dtype))));
}

/** Gram and Schmidt's way, twice over for orthogonality to the last bits. */
function orthonormalize(vectors: Float64Array, count: number, length: number): void {
  const row = (i: number): Float64Array => vectors.subarray(i * length, (i + 1) * length);
  const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, x, k) => sum + x * b[k]!, 0);
  for (let i = 0; i < count; i++) {
    const v = row(i);
    for (let j = 0; j < 2 * i; j++) {
      const u = row(j % i);
      const along = dot(v, u);
      v.forEach((x, k) => (v[k] = x - along * u[k]!));
    }
    const norm = Math.sqrt(dot(v, v));
    v.forEach((x, k) => (v[k] = x / norm));
  }
}

function matrix(op: string, x: Tensor): [number, number] {
  if (x.ndim === 2) return [x.shape[0]!, x.shape[1]!];
  throw new ShapeError(`${op}: expected a matrix, got ${x.aval.toString()}.`);
}

/** Inputs of one output, and outputs of one input, of a weight `[out, in, ...kernel]`. */
function fans(op: string, x: Tensor): { readonly fanIn: number; readonly fanOut: number } {
  checkWeight(op, x);
  const [out, ins, ...kernel] = x.shape as [number, number, ...number[]];
  const field = sizeOf(kernel);
  return { fanIn: ins * field, fanOut: out * field };
}

function checkWeight(op: string, x: Tensor): void {
  if (x.ndim < 2) {
    throw new ShapeError(
      `${op}: expected a weight of at least 2 dimensions, got ${x.aval.toString()}: fan in and fan out can not be computed for tensor ` +
        'with fewer than 2 dimensions.',
      'use uniform_ or normal_ for vectors.',
    );
  }
}

export type Nonlinearity =
  | 'linear'
  | 'conv1d'
  | 'conv2d'
  | 'conv3d'
  | 'sigmoid'
  | 'tanh'
  | 'relu'
  | 'leakyRelu'
  | 'selu';

/** By how much a weight is scaled so that a nonlinearity keeps the size of its inputs. */
export function calculateGain(nonlinearity: Nonlinearity, param = 0.01): number {
  const gains: { readonly [name in Nonlinearity]: number } = {
    linear: 1,
    conv1d: 1,
    conv2d: 1,
    conv3d: 1,
    sigmoid: 1,
    tanh: 5 / 3,
    relu: Math.SQRT2,
    leakyRelu: Math.sqrt(2 / (1 + param * param)),
    selu: 3 / 4,
  };
  if (Object.hasOwn(gains, nonlinearity)) return gains[nonlinearity];
  throw new ArgumentError(
    `calculateGain: expected one of ${Object.keys(gains).join(', ')}, got ${String(nonlinearity)}.`,
  );
}

/** Uniform on ±gain √(6 / (fanIn + fanOut)). @see Glorot & Bengio (2010) */
export function xavierUniform_(x: Tensor, gain = 1, options: GeneratorOption = {}): Tensor {
  const { fanIn, fanOut } = fans('xavierUniform_', x);
  const bound = gain * Math.sqrt(6 / (fanIn + fanOut));
  return uniform_(x, -bound, bound, options);
}

export function xavierNormal_(x: Tensor, gain = 1, options: GeneratorOption = {}): Tensor {
  const { fanIn, fanOut } = fans('xavierNormal_', x);
  return normal_(x, 0, gain * Math.sqrt(2 / (fanIn + fanOut)), options);
}

export interface KaimingOptions extends GeneratorOption {
  /** Slope of the leaky ReLU; 0. */
  readonly a?: number | undefined;
  /** Which of the two keeps its size; `'fanIn'`. */
  readonly mode?: 'fanIn' | 'fanOut' | undefined;
  /** `'leakyRelu'`. */
  readonly nonlinearity?: Nonlinearity | undefined;
}

function kaimingStd(op: string, x: Tensor, options: KaimingOptions): number {
  const { a = 0, mode = 'fanIn', nonlinearity = 'leakyRelu' } = options;
  return calculateGain(nonlinearity, a) / Math.sqrt(fans(op, x)[mode]);
}

/** Uniform with standard deviation gain / √fan. @see He et al. (2015) */
export function kaimingUniform_(x: Tensor, options: KaimingOptions = {}): Tensor {
  const bound = Math.sqrt(3) * kaimingStd('kaimingUniform_', x, options);
  return uniform_(x, -bound, bound, options);
}

export const kaimingNormal_ = (x: Tensor, options: KaimingOptions = {}): Tensor =>
  normal_(x, 0, kaimingStd('kaimingNormal_', x, options), options);

/** Fan in and fan out of a weight `[out, in, ...kernel]`. */
export function fanInAndFanOut(x: Tensor): [fanIn: number, fanOut: number] {
  const { fanIn, fanOut } = fans('fanInAndFanOut', x);
  return [fanIn, fanOut];
}
