/**
 * Models as flat tables of named tensors, and back: what files hold.
 * May import: `ir`, `core`, `api`.
 * @module
 */
import { flatten, unflatten } from '../core/pytree.ts';
import { Tensor } from '../core/tensor.ts';
import { ArgumentError, TreeError } from '../ir/errors.ts';
import { sameShape } from '../ir/shape.ts';
import { asTensor, type TensorLike } from '../api/lift.ts';
import { describe } from '../api/options.ts';
import { convert } from '../primitives/convert.ts';
import { checkNames } from './checks.ts';
import { type Leaf, leavesOf } from './leaves.ts';

/** Tensors by name. */
export type StateDict = Readonly<Record<string, TensorLike>>;

/**
 * The tensors of a model by name: `layers.0.weight`, in the order of the model's fields. Buffers are among them.
 * @throws ArgumentError if a leaf is no tensor
 * @example
 * ```ts
 * import { random } from 'cotangent';
 * import { Linear, Sequential, stateDict } from 'cotangent/nn';
 * const model = new Sequential([new Linear(2, 3, { key: random.key(0) })]);
 * console.log(Object.keys(stateDict(model))); // => [ 'layers.0.weight', 'layers.0.bias' ]
 * ```
 */
export function stateDict(model: unknown): Record<string, Tensor> {
  const out: Record<string, Tensor> = {};
  for (const { name, value } of leavesOf(model)) {
    if (!(value instanceof Tensor)) {
      throw new ArgumentError(
        `stateDict: expected tensors, got ${describe(value)} at ${name || 'the root'}.`,
        'keep settings in fields of modules, outside containers that hold tensors.',
      );
    }
    out[name] = value;
  }
  return out;
}

/** Where an entry of the model comes from: a name in the table, and what turns that tensor into the model's layout. */
export interface Source {
  readonly name: string;
  readonly transform?: (x: Tensor) => Tensor;
}

/** From names of the model to names in the table: a function, or a table of those that differ. */
export type NameMap = Readonly<Record<string, string | Source>> | ((name: string) => string | Source);

export interface LoadOptions {
  /** Where entries come from, if names or layouts differ; `torchNames(model)` for PyTorch's. */
  readonly map?: NameMap;
  /** Whether every tensor of the model must be in the table, and every entry of the table be used; true. */
  readonly strict?: boolean;
}

function sourceOf(map: NameMap | undefined, name: string): Source {
  const given = typeof map === 'function' ? map(name) : map && Object.hasOwn(map, name) ? map[name]! : name;
  return typeof given === 'string' ? { name: given } : given;
}

/** The names in a table that the model is loaded from. */
export const sourceNames = (model: unknown, map?: NameMap): string[] =>
  leavesOf(model).map(({ name }) => sourceOf(map, name).name);

interface Problems {
  readonly missing: string[];
  readonly shapes: string[];
}

/** The tensor for a leaf, in its dtype; what does not fit is noted. */
function entryFor(leaf: Leaf, dict: StateDict, source: Source, strict: boolean, problems: Problems): Tensor {
  const current = leaf.value as Tensor;
  if (!Object.hasOwn(dict, source.name)) {
    if (strict) problems.missing.push(source.name === leaf.name ? leaf.name : `${source.name} (for ${leaf.name})`);
    return current;
  }
  const given = asTensor(dict[source.name]!);
  const value = source.transform ? source.transform(given) : given;
  if (sameShape(value.shape, current.shape))
    return value.dtype === current.dtype ? value : convert(value, current.dtype);
  problems.shapes.push(`${leaf.name} is ${current.aval.toString()}, got ${value.aval.toString()}`);
  return current;
}

/**
 * The model with the tensors of a table, converted to the dtypes of the model. Everything that does not fit is named in one error.
 *
 * @param dict as `stateDict` makes it, or a file holds it
 * @throws TreeError for entries that are missing, unexpected, or of another shape
 * @example
 * ```ts
 * import { np, random } from 'cotangent';
 * import { Linear, loadStateDict } from 'cotangent/nn';
 * const empty = new Linear(2, 1, { key: random.key(0) });
 * // A table of another library: kernels are [in, out] there.
 * const dict = { 'dense/kernel': np.array([[1], [2]]), 'dense/bias': np.array([3]) };
 * const layer = loadStateDict(empty, dict, {
 *   map: { weight: { name: 'dense/kernel', transform: (x) => x.T }, bias: 'dense/bias' },
 * });
 * console.log(String(layer.call(np.array([1, 1])))); // => [6]
 * ```
 */
export function loadStateDict<T>(model: T, dict: StateDict, options: LoadOptions = {}): T {
  checkNames('loadStateDict', options, ['map', 'strict']);
  const { map, strict = true } = options;
  const problems: Problems = { missing: [], shapes: [] };
  const used = new Set<string>();
  stateDict(model);
  const loaded = leavesOf(model).map((leaf) => {
    const source = sourceOf(map, leaf.name);
    used.add(source.name);
    return entryFor(leaf, dict, source, strict, problems);
  });
  const unexpected = strict ? Object.keys(dict).filter((name) => !used.has(name)) : [];
  throwProblems(problems, unexpected);
  return unflatten(flatten(model)[1], loaded) as T;
}

function throwProblems({ missing, shapes }: Problems, unexpected: readonly string[]): void {
  const parts = [
    missing.length > 0 ? `missing: ${missing.join(', ')}` : '',
    unexpected.length > 0 ? `unexpected: ${unexpected.join(', ')}` : '',
    shapes.length > 0 ? `other shapes: ${shapes.join('; ')}` : '',
  ].filter((text) => text !== '');
  if (parts.length === 0) return;
  throw new TreeError(
    `loadStateDict: expected the entries of the model, got ${parts.join('; ')}.`,
    'map names and layouts with { map } (torchNames(model) for PyTorch), or load what fits with { strict: false }.',
    { missing, unexpected, shapes },
  );
}
