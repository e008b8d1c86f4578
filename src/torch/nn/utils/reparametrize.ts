/**
 * Weights as functions of other parameters, computed before each call: `nn.utils.weightNorm`, `nn.utils.spectralNorm`.
 * May import: everything up to `api`, `tape`, `nn`.
 * @module
 */
import { ArgumentError } from '../../../ir/errors.ts';
import { checkCount } from '../../../api/options.ts';
import { randn } from '../../random.ts';
import { noGrad } from '../../grad-mode.ts';
import type { RemovableHandle } from '../../hooks.ts';
import { norm } from '../../ops/statistics.ts';
import type { Tensor } from '../../tensor.ts';
import { ConvTranspose1d, ConvTranspose2d, ConvTranspose3d } from '../conv.ts';
import { normalize } from '../functional/distance.ts';
import { Layer } from '../layer.ts';
import type { Module } from '../module.ts';
import { Parameter } from '../parameter.ts';

type Fields = Record<string, unknown>;
const fieldsOf = (module: Module): Fields => module as unknown as Fields;

/** The field whose name in state dicts is that of the weight with `_` and a suffix. */
const fieldFor = (module: Module, name: string, suffix: string): string =>
  module instanceof Layer ? `${name}${suffix.slice(0, 1).toUpperCase()}${suffix.slice(1)}` : `${name}_${suffix}`;

type Kind = 'weightNorm' | 'spectralNorm';
const handles = new WeakMap<Module, Map<string, RemovableHandle>>();

/** Takes a parameter out of a module. @throws ArgumentError if it has none of that name, or it is computed already */
function takeOut(op: Kind, module: Module, name: string): Parameter {
  const found = fieldsOf(module)[name];
  if (found instanceof Parameter) {
    Reflect.deleteProperty(module, name);
    return found;
  }
  throw new ArgumentError(
    `${op}: expected a module with a parameter ${JSON.stringify(name)}, got ${module.constructor.name} without it${handles.get(module)?.has(`${op} ${name}`) === true ? `: cannot register two hooks on the same parameter ${name}` : ''}.`,
    'namedParameters() lists them.',
  );
}

/** Computes the weight now, and before each call. */
function keepComputing(op: Kind, module: Module, name: string, weightOf: (module: Module) => Tensor): void {
  const compute = (m: Module): void => void (fieldsOf(m)[name] = weightOf(m));
  compute(module);
  const own = handles.get(module) ?? new Map<string, RemovableHandle>();
  handles.set(
    module,
    own.set(
      `${op} ${name}`,
      module.registerForwardPreHook((m) => compute(m)),
    ),
  );
}

/** Makes the weight a parameter again. */
function stopComputing(op: Kind, module: Module, name: string, parts: readonly string[]): void {
  const key = `${op} ${name}`;
  const handle = handles.get(module)?.get(key);
  if (handle === undefined) {
    throw new ArgumentError(
      `remove${op.slice(0, 1).toUpperCase()}${op.slice(1)}: expected a module with ${op} of ${JSON.stringify(name)}, got ${module.constructor.name} without it: ${op} of '${name}' not found.`,
    );
  }
  handle.remove();
  handles.get(module)!.delete(key);
  const value = (fieldsOf(module)[name] as Tensor).detach();
  for (const part of [name, ...parts]) Reflect.deleteProperty(module, part);
  module.registerParameter(name, new Parameter(value));
}

/** The norm of each slice along a dimension, of all for null; shaped to broadcast. */
function normsOf(v: Tensor, dim: number | null): Tensor {
  if (dim === null) return norm(v);
  const axis = dim < 0 ? dim + v.ndim : dim;
  return norm(
    v,
    2,
    v.shape.map((_, d) => d).filter((d) => d !== axis),
    true,
  );
}

/**
 * Weights as g v / |v|, with the size g and the direction v as parameters (`weight_g`, `weight_v`).
 * @param dim along which there is a norm for each slice; null for one norm of all
 * @returns the module
 * @see Salimans & Kingma (2016), arXiv:1602.07868
 * @example
 * ```ts
 * import { nn, ones } from 'cotangent/torch';
 * const layer = nn.utils.weightNorm(new nn.Linear(3, 2));
 * console.log(Object.keys(layer.stateDict())); // => [ 'bias', 'weight_g', 'weight_v' ]
 * console.log(layer.call(ones(4, 3)).shape); // => [ 4, 2 ]
 * ```
 */
export function weightNorm<M extends Module>(module: M, name = 'weight', dim: number | null = 0): M {
  const weight = takeOut('weightNorm', module, name);
  const [g, v] = [fieldFor(module, name, 'g'), fieldFor(module, name, 'v')];
  module.registerParameter(g, new Parameter(normsOf(weight.detach(), dim)));
  module.registerParameter(v, new Parameter(weight.detach()));
  keepComputing('weightNorm', module, name, (m) => {
    const [size, direction] = [fieldsOf(m)[g] as Tensor, fieldsOf(m)[v] as Tensor];
    return direction.mul(size.div(normsOf(direction, dim)));
  });
  return module;
}

/** Undoes `weightNorm`; the weight keeps its value. */
export function removeWeightNorm<M extends Module>(module: M, name = 'weight'): M {
  stopComputing('weightNorm', module, name, [fieldFor(module, name, 'g'), fieldFor(module, name, 'v')]);
  return module;
}

export interface SpectralNormOptions {
  /** How often to go on towards the largest singular value in each call in training; 1. */
  readonly nPowerIterations?: number | undefined;
  /** Least length of the vectors; 1e-12. */
  readonly eps?: number | undefined;
  /** The dimension of outputs; 0, but 1 of transposed convolutions. */
  readonly dim?: number | null | undefined;
}

const isTransposed = (module: Module): boolean =>
  [ConvTranspose1d, ConvTranspose2d, ConvTranspose3d].some((type) => module instanceof type);

/** A weight as a matrix with outputs as rows. */
const matrixOf = (weight: Tensor, dim: number): Tensor => weight.movedim(dim, 0).reshape([weight.shape[dim]!, -1]);

/**
 * Weights divided by (an estimate of) their largest singular value. The parameter is `weight_orig`; the estimate's vectors are buffers.
 * @returns the module
 * @see Miyato et al. (2018), arXiv:1802.05957
 * @example
 * ```ts
 * import { nn } from 'cotangent/torch';
 * const layer = nn.utils.spectralNorm(new nn.Linear(3, 2));
 * console.log(Object.keys(layer.stateDict())); // => [ 'bias', 'weight_orig', 'weight_u', 'weight_v' ]
 * ```
 */
export function spectralNorm<M extends Module>(module: M, name = 'weight', options: SpectralNormOptions = {}): M {
  const { nPowerIterations = 1, eps = 1e-12 } = options;
  const dim = options.dim ?? (isTransposed(module) ? 1 : 0);
  checkCount('spectralNorm', 'nPowerIterations', nPowerIterations, 1);
  const weight = takeOut('spectralNorm', module, name);
  const [orig, u, v] = ['orig', 'u', 'v'].map((suffix) => fieldFor(module, name, suffix)) as [string, string, string];
  const [rows, columns] = matrixOf(weight, dim).shape as [number, number];
  const unit = (n: number): Tensor => normalize(randn([n], { dtype: weight.dtype }), { dim: 0, eps });
  module.registerParameter(orig, weight);
  module.registerBuffer(u, unit(rows));
  module.registerBuffer(v, unit(columns));
  keepComputing('spectralNorm', module, name, (m) => {
    const [w, left, right] = [orig, u, v].map((field) => fieldsOf(m)[field]) as [Tensor, Tensor, Tensor];
    const matrix = matrixOf(w, dim);
    if (m.training) noGrad(() => approach(matrix, left, right, nPowerIterations, eps));
    // Copies, so that the next call does not change what this one saved.
    const [a, b] = [left.clone(), right.clone()];
    return w.div(a.dot(matrix.mv(b)));
  });
  return module;
}

/** Power iterations: u and v towards the singular vectors of the largest singular value, in place. */
function approach(matrix: Tensor, u: Tensor, v: Tensor, count: number, eps: number): void {
  for (let i = 0; i < count; i++) {
    v.copy_(normalize(matrix.t().mv(u), { dim: 0, eps }));
    u.copy_(normalize(matrix.mv(v), { dim: 0, eps }));
  }
}

/** Undoes `spectralNorm`; the weight keeps its value. */
export function removeSpectralNorm<M extends Module>(module: M, name = 'weight'): M {
  stopComputing(
    'spectralNorm',
    module,
    name,
    ['orig', 'u', 'v'].map((suffix) => fieldFor(module, name, suffix)),
  );
  return module;
}
