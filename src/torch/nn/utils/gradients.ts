/**
 * Functions of the gradients and values of many parameters: `nn.utils`.
 * May import: everything up to `api`, `tape`, `nn`.
 * @module
 */
import { ArgumentError, ShapeError } from '../../../ir/errors.ts';
import type { Tensor as CoreTensor } from '../../../core/tensor.ts';
import * as np from '../../../api/numpy/index.ts';
import { cat } from '../../ops/join.ts';
import { type Arguments, readArguments } from '../../ops/named.ts';
import { Tensor } from '../../tensor.ts';
import { assignValue } from '../../views.ts';

type Tensors = Tensor | Iterable<Tensor>;

const listOf = (x: Tensors): Tensor[] => (x instanceof Tensor ? [x] : [...x]);
const gradsOf = (x: Tensors): Tensor[] => listOf(x).flatMap(({ grad }) => (grad === null ? [] : [grad]));

export interface ClipOptions {
  /** Of the norm; 2. `Infinity` for the largest entry. */
  readonly normType?: number | undefined;
  /** Throw for a norm that is NaN or infinite; false. */
  readonly errorIfNonfinite?: boolean | undefined;
  /** How PyTorch is to compute it: changes nothing here. */
  readonly foreach?: boolean | null | undefined;
}

const clipNames = ['normType', 'errorIfNonfinite', 'foreach'] as const;

/** The p-norm of all entries of some tensors together. */
function totalNorm(xs: readonly CoreTensor[], p: number): CoreTensor {
  const norms = xs.map((x) => {
    const size = np.abs(x);
    if (p === Infinity) return np.max(size);
    return p === 2 ? np.sum(np.square(size)) : np.sum(np.power(size, p));
  });
  const all = np.stack(norms);
  if (p === Infinity) return np.max(all);
  return p === 2 ? np.sqrt(np.sum(all)) : np.power(np.sum(all), 1 / p);
}

/**
 * Scales gradients, in place, so that the norm of them all is at most `maxNorm`.
 * @returns the norm before
 * @example
 * ```ts
 * import { nn, tensor } from 'cotangent/torch';
 * const w = tensor([3, 4], { requiresGrad: true });
 * w.mul(w).sum().div(2).backward();
 * console.log(nn.utils.clipGradNorm_(w, 1).item()); // => 5
 * console.log(Array.from(w.grad?.dataSync() ?? [], (g) => g.toFixed(3))); // => [ '0.600', '0.800' ]
 * ```
 */
export function clipGradNorm_(
  parameters: Tensors,
  maxNorm: number,
  ...args: Arguments<ClipOptions, typeof clipNames>
): Tensor {
  const options = readArguments<ClipOptions>('clipGradNorm_', clipNames, args);
  const grads = gradsOf(parameters);
  if (grads.length === 0) return new Tensor(np.array(0));
  const norm = totalNorm(
    grads.map((g) => g.value),
    options.normType ?? 2,
  );
  if (options.errorIfNonfinite === true && !Number.isFinite(norm.item())) {
    throw new ArgumentError(
      `clipGradNorm_: expected a finite norm, got ${norm.item()}: the total norm of the gradients is non-finite, so it cannot be clipped.`,
    );
  }
  const factor = np.minimum(np.divide(maxNorm, np.add(norm, 1e-6)), 1);
  for (const g of grads) assignValue('clipGradNorm_', g, np.multiply(g.value, np.astype(factor, g.dtype)));
  return new Tensor(norm);
}

/** Gradients, in place, between −clipValue and clipValue. */
export function clipGradValue_(parameters: Tensors, clipValue: number): void {
  for (const g of gradsOf(parameters)) assignValue('clipGradValue_', g, np.clip(g.value, -clipValue, clipValue));
}

/** All entries in one vector; gradients flow back. */
export const parametersToVector = (parameters: Iterable<Tensor>): Tensor =>
  cat([...parameters].map((p) => p.reshape(-1)));

/** The entries of a vector into parameters, in place. */
export function vectorToParameters(vector: Tensor, parameters: Iterable<Tensor>): void {
  const list = [...parameters];
  const total = list.reduce((n, p) => n + p.numel(), 0);
  if (vector.ndim !== 1 || vector.numel() !== total) {
    throw new ShapeError(`vectorToParameters: expected a vector of ${total} numbers, got ${vector.aval.toString()}.`);
  }
  let start = 0;
  for (const p of list) {
    const part = vector.detach().narrow(0, start, p.numel()).reshape(p.shape);
    assignValue('vectorToParameters', p, np.astype(part.value, p.dtype));
    start += p.numel();
  }
}
