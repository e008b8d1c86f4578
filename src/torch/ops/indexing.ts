/**
 * Indexing: parts by numbers and ranges (views), by masks and index tensors (copies), and the functions that gather and scatter.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import { ShapeError } from '../../ir/errors.ts';
import type { Tensor as CoreTensor } from '../../core/tensor.ts';
import { updateIndexed } from '../../api/at.ts';
import { getIndexed, type Index as CoreIndex, type Range } from '../../api/indexing.ts';
import * as np from '../../api/numpy/index.ts';
import { isOptions } from '../../api/options.ts';
import { OperationFamily } from '../../tape/operation.ts';
import { applyOperation, Tensor } from '../tensor.ts';
import { changeInPlace, makeView } from '../views.ts';
import { type TensorLike, toTensor } from './define.ts';
import { asIndices, beside, checkedIndices } from './index-operands.ts';
import { expand } from './shape.ts';

/**
 * One entry of an index: a number, a range `{ start, stop, step }` (`{}` or `':'` for a whole dimension), `null` for a new dimension,
 * `'...'` for as many whole ones as are left, a tensor or array of integers, or a boolean mask.
 */
export type Index = number | Range | null | '...' | ':' | Tensor | readonly number[] | readonly boolean[];

/** Entries that are plain data, with tensors taken out of them: what an operation may be known by. */
interface Pattern {
  readonly entries: readonly (number | Range | null | string | { readonly tensor: number })[];
}

/** The index as a pattern, and the index tensors in it: integers, wrapped into the dimension they stand at. */
function patternOf(x: Tensor, index: readonly Index[]): { pattern: Pattern; tensors: CoreTensor[] } {
  const tensors: CoreTensor[] = [];
  const add = (t: CoreTensor): { tensor: number } => ({ tensor: tensors.push(t) - 1 });
  const used = index.reduce((n: number, e) => n + widthOf(e), 0);
  let axis = 0;
  const entries = index.flatMap((entry): Pattern['entries'] => {
    const start = axis;
    axis += entry === '...' ? x.ndim - used : widthOf(entry);
    if (entry === null || typeof entry === 'number' || typeof entry === 'string' || isOptions(entry))
      return [entry as number | Range | null | string];
    const t = toTensor(entry as TensorLike).value;
    if (t.dtype === 'bool') return maskPositions(x, t, start).map(add);
    return [add(checkedIndices(x, asIndices(entry, t), start))];
  });
  return { pattern: { entries }, tensors };
}

const isMask = (entry: Index): boolean =>
  entry instanceof Tensor ? entry.dtype === 'bool' : Array.isArray(entry) && typeof entry[0] === 'boolean';

function widthOf(entry: Index): number {
  if (entry === null || entry === '...') return 0;
  return isMask(entry) && entry instanceof Tensor ? entry.ndim : 1;
}

/** Positions of a mask, one vector for each dimension that it stands at. */
function maskPositions(x: Tensor, mask: CoreTensor, start: number): CoreTensor[] {
  const along = x.shape.slice(start, start + mask.ndim);
  if (along.join() !== mask.shape.join()) {
    throw new ShapeError(
      `index: expected a mask of the shape [${along.join(', ')}] of the dimensions it stands at, got ${mask.aval.toString()}.`,
      'a mask has one boolean for each element, or each row, that it selects from.',
    );
  }
  return np.nonzero(mask);
}

/** The index that a pattern and its tensors stand for. */
const fill = ({ entries }: Pattern, tensors: readonly CoreTensor[]): CoreIndex[] =>
  entries.map((e) => (isOptions(e) && 'tensor' in e ? tensors[e.tensor]! : (e as CoreIndex)));

const sliced = new OperationFamily<Pattern>('slice', ([x], pattern) => [getIndexed('index', x!, fill(pattern, []))]);
const gathered = new OperationFamily<Pattern>('index', ([x, ...tensors], pattern) => [
  getIndexed('index', x!, fill(pattern, tensors)),
]);

/**
 * Part of a tensor: `x.get(0, { start: 1 })` is `x[0, 1:]`. With numbers and ranges alone it is a view.
 * @throws ShapeError for positions out of bounds
 */
export function get(x: TensorLike, ...index: Index[]): Tensor {
  const tensor = toTensor(x);
  const { pattern, tensors } = patternOf(tensor, index);
  if (tensors.length === 0) return makeView(sliced.of(pattern), tensor, nodeOf(pattern));
  return applyOperation(gathered.of(pattern), [tensor.asCore(), ...tensors], 'IndexBackward0')[0]!;
}

const nodeOf = ({ entries }: Pattern): string =>
  entries.every((e) => typeof e === 'number') ? 'SelectBackward0' : 'SliceBackward0';

/** `get` with the index as an array. */
export const index = (x: TensorLike, entries: readonly Index[]): Tensor => get(x, ...entries);

interface Placing {
  readonly pattern: Pattern;
  readonly accumulate: boolean;
}

const placed = new OperationFamily<Placing>('indexPut', ([x, value, ...tensors], { pattern, accumulate }) => [
  updateIndexed('indexPut', x!, fill(pattern, tensors), accumulate ? 'add' : 'set', value!),
]);

/** A copy with a part replaced, or with values added to it. */
export function indexPut(x: TensorLike, entries: readonly Index[], values: TensorLike, accumulate = false): Tensor {
  const tensor = toTensor(x);
  const { pattern, tensors } = patternOf(tensor, entries);
  const operation = placed.of({ pattern, accumulate });
  return applyOperation(operation, [tensor.asCore(), beside(tensor, values), ...tensors], 'IndexPutBackward0')[0]!;
}

/** `x[index] = value`, in place: `x.set([1, { start: 2 }], 0)`. What was there before has no derivative any more. */
export function set(x: TensorLike, entries: readonly Index[], value: TensorLike): Tensor {
  const tensor = toTensor(x);
  const { tensors } = patternOf(tensor, entries);
  if (tensors.length > 0) return changeInPlace('set', tensor, () => indexPut(tensor, entries, value));
  const part = get(tensor, ...entries);
  changeInPlace('set', part, () => expand(toTensor(beside(part, value)), part.shape));
  return tensor;
}
