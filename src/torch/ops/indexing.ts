/**
 * Indexing: parts by numbers and ranges (views), by masks and index tensors (copies), and the functions that gather and scatter.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import { ShapeError } from '../../ir/errors.ts';
import { sameShape } from '../../ir/shape.ts';
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
import { clone } from './rearrange.ts';
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

/** An entry with arrays made tensors. */
type Entry = number | Range | null | '...' | ':' | Tensor;

const isPlain = (entry: unknown): entry is Exclude<Entry, Tensor> =>
  entry === null || typeof entry === 'number' || typeof entry === 'string' || isOptions(entry);

const entriesOf = (index: readonly Index[]): Entry[] =>
  index.map((entry) => {
    if (isPlain(entry)) return entry;
    const t = toTensor(entry as TensorLike);
    return t.dtype === 'bool' ? t : new Tensor(asIndices(entry, t.value));
  });

/** Dimensions that an entry stands at. */
function widthOf(entry: Entry): number {
  if (entry === null || entry === '...') return 0;
  return entry instanceof Tensor && entry.dtype === 'bool' ? entry.ndim : 1;
}

const widthOfAll = (entries: readonly Entry[]): number => entries.reduce((n: number, e) => n + widthOf(e), 0);

/**
 * Numbers, ranges and new dimensions first, as a view; what is left for tensors. So a number among tensors takes a part, as in PyTorch, and
 * is no tensor that broadcasts with them, as in NumPy.
 */
function parted(x: Tensor, entries: readonly Entry[]): readonly [part: Tensor, rest: readonly Entry[]] {
  const isTensor = (e: Entry): e is Tensor => e instanceof Tensor;
  const isWhole = (e: Entry): boolean => e === '...' || e === ':' || (isOptions(e) && Object.keys(e).length === 0);
  if (!entries.some(isTensor) || entries.every((e) => isTensor(e) || isWhole(e))) return [x, entries];
  const whole = (count: number): Entry[] => Array.from({ length: count }, () => ({}));
  const left = x.ndim - widthOfAll(entries);
  const basic = entries.flatMap((e) => (isTensor(e) ? whole(widthOf(e)) : [e]));
  const rest = entries.flatMap((e) => {
    if (isTensor(e)) return [e];
    return whole(e === '...' ? left : typeof e === 'number' ? 0 : 1);
  });
  return [get(x, ...basic), rest];
}

/** The index as a pattern, and the index tensors in it: integers, wrapped into the dimension they stand at. */
function patternOf(x: Tensor, index: readonly Entry[]): { pattern: Pattern; tensors: CoreTensor[] } {
  const tensors: CoreTensor[] = [];
  const add = (t: CoreTensor): { tensor: number } => ({ tensor: tensors.push(t) - 1 });
  const used = widthOfAll(index);
  let axis = 0;
  const entries = index.flatMap((entry): Pattern['entries'] => {
    const start = axis;
    axis += entry === '...' ? x.ndim - used : widthOf(entry);
    if (!(entry instanceof Tensor)) return [entry];
    const { value } = entry;
    if (value.dtype === 'bool') return maskPositions(x, value, start).map(add);
    return [add(checkedIndices(x, value, start))];
  });
  return { pattern: { entries }, tensors };
}

/** Positions of a mask, one vector for each dimension that it stands at. */
function maskPositions(x: Tensor, mask: CoreTensor, start: number): CoreTensor[] {
  const along = x.shape.slice(start, start + mask.ndim);
  if (!sameShape(along, mask.shape)) {
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
  const [tensor, entries] = parted(toTensor(x), entriesOf(index));
  const { pattern, tensors } = patternOf(tensor, entries);
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
  const all = entriesOf(entries);
  if (parted(tensor, all)[0] === tensor) return put(tensor, all, values, accumulate);
  const copy = clone(tensor);
  const [part, rest] = parted(copy, all);
  changeInPlace('indexPut', part, () => put(part, rest, values, accumulate));
  return copy;
}

function put(tensor: Tensor, entries: readonly Entry[], values: TensorLike, accumulate: boolean): Tensor {
  const { pattern, tensors } = patternOf(tensor, entries);
  const operation = placed.of({ pattern, accumulate });
  return applyOperation(operation, [tensor.asCore(), beside(tensor, values), ...tensors], 'IndexPutBackward0')[0]!;
}

/** `x[index] = value`, in place: `x.set([1, { start: 2 }], 0)`. What was there before has no derivative any more. */
export function set(x: TensorLike, entries: readonly Index[], value: TensorLike): Tensor {
  const tensor = toTensor(x);
  const [from, rest] = parted(tensor, entriesOf(entries));
  if (rest.some((e) => e instanceof Tensor)) {
    changeInPlace('set', from, () => put(from, rest, value, false));
    return tensor;
  }
  const part = get(tensor, ...rest);
  changeInPlace('set', part, () => expand(toTensor(beside(part, value)), part.shape));
  return tensor;
}
