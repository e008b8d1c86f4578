/**
 * The state of modules by name.
 * May import: everything up to `api`, `tape`, `nn`.
 * @module
 */
import { ArgumentError } from '../../ir/errors.ts';
import { sameShape } from '../../ir/shape.ts';
import { convert } from '../../primitives/convert.ts';
import { type TensorLike, toTensor } from '../ops/define.ts';
import type { Tensor } from '../tensor.ts';
import { assignValue, detachView } from '../views.ts';

/** Tensors by name. */
export type StateDict = Record<string, Tensor>;
/** What a state can be loaded from: tensors of either kind, nested arrays or typed arrays by name. */
export type StateSource = Readonly<Record<string, TensorLike>>;

export interface LoadOptions {
  /** Whether all names must match; true. */
  readonly strict?: boolean | undefined;
}

export interface LoadResult {
  /** Names that the module has and the dict has not. */
  readonly missingKeys: readonly string[];
  /** Names that the dict has and the module has not. */
  readonly unexpectedKeys: readonly string[];
}

type Members = readonly (readonly [name: string, tensor: Tensor])[];

/** The members without history; they share their elements. */
export const stateOf = (members: Members): StateDict =>
  Object.fromEntries(members.map(([name, t]) => [name, detachView(t)]));

const quoted = (names: readonly string[]): string => names.map((n) => `"${n}"`).join(', ');
const sizes = (t: Tensor): string => `[${t.shape.join(', ')}]`;

/** Copies into the members what the dict has under their names. */
export function loadInto(
  title: string,
  members: Members,
  dict: StateSource,
  { strict = true }: LoadOptions,
): LoadResult {
  const known = new Set(members.map(([name]) => name));
  const missingKeys = [...known].filter((name) => !Object.hasOwn(dict, name));
  const unexpectedKeys = Object.keys(dict).filter((name) => !known.has(name));
  const pairs = members
    .filter(([name]) => Object.hasOwn(dict, name))
    .map(([name, to]) => ({ name, to, from: toTensor(dict[name]!) }));
  const mismatched = pairs.filter(({ to, from }) => !sameShape(to.shape, from.shape));
  const problems = [
    ...(strict && missingKeys.length > 0 ? [`Missing key(s) in state_dict: ${quoted(missingKeys)}.`] : []),
    ...(strict && unexpectedKeys.length > 0 ? [`Unexpected key(s) in state_dict: ${quoted(unexpectedKeys)}.`] : []),
    ...mismatched.map(
      ({ name, to, from }) =>
        `size mismatch for ${name}: copying a param with shape ${sizes(from)} from checkpoint, the shape in current model is ${sizes(to)}.`,
    ),
  ];
  if (problems.length > 0) throw mismatch(title, problems, { missingKeys, unexpectedKeys });
  for (const { to, from } of pairs) {
    const value = from.dtype === to.dtype ? from.value : convert(from.value, to.dtype);
    assignValue('loadStateDict', to, value);
  }
  return { missingKeys, unexpectedKeys };
}

const mismatch = (title: string, problems: readonly string[], details: LoadResult): ArgumentError =>
  new ArgumentError(
    `loadStateDict: expected the state of a ${title}, got one that differs. Error(s) in loading state_dict for ${title}:\n  ${problems.join('\n  ')}`,
    'strict: false leaves out names that do not match; sizes must.',
    { ...details },
  );
