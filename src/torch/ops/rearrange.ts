/**
 * Copies of elements in other places: repeated, reversed, shifted.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import { ShapeError } from '../../ir/errors.ts';
import { normalizeAxes, normalizeAxis } from '../../ir/shape.ts';
import * as prim from '../../primitives/index.ts';
import * as np from '../../api/numpy/index.ts';
import { Tensor } from '../tensor.ts';
import { inOrder, type Sizes, sizesOf } from './axes.ts';
import { type TensorLike, toTensor, type Unary, unary, withParams } from './define.ts';
import { type Named, named } from './named.ts';

const repeated = withParams<readonly number[]>('repeat', ([x], reps) => np.tile(x!, reps));

/** Copies along each dimension, and along new ones in front. */
export function repeat(x: TensorLike, ...sizes: Sizes): Tensor {
  const tensor = toTensor(x);
  const counts = sizesOf(sizes);
  if (counts.length >= tensor.ndim) return repeated([tensor], counts);
  throw new ShapeError(
    `repeat: expected a number for each dimension of ${tensor.aval.toString()}, got [${counts.join(', ')}]: Number of dimensions of ` +
      'repeat dims can not be smaller than number of dimensions of tensor.',
    'tile takes fewer.',
  );
}
/** Copies along each dimension; as many as the tensor has suffice. */
export const tile = (x: TensorLike, ...sizes: Sizes): Tensor => repeated([x], sizesOf(sizes));

interface Repeats {
  readonly axis: number | null;
  readonly repeats: number | readonly number[];
}

const interleaved = withParams<Repeats>('repeatInterleave', ([x], { axis, repeats }) =>
  np.repeat(x!, repeats as number[], { axis }),
);

export interface RepeatInterleaveOptions {
  /** How often, for all or for each position. */
  readonly repeats: number | readonly number[] | Tensor;
  /** Of all elements in order, unless given. */
  readonly dim?: number | null | undefined;
}

/** Each position of a dimension repeated in place. */
export const repeatInterleave: Named<RepeatInterleaveOptions, ['repeats', 'dim']> = named(
  'repeatInterleave',
  ['repeats', 'dim'],
  (x, { repeats, dim }: RepeatInterleaveOptions) => {
    const tensor = toTensor(x);
    return interleaved([tensor], {
      repeats: repeats instanceof Tensor ? Array.from(repeats.dataSync(), Number) : repeats,
      axis: dim === undefined || dim === null ? null : normalizeAxis('repeatInterleave', dim, tensor.ndim),
    });
  },
);

const flipped = withParams<readonly number[]>('flip', ([x], axes) => np.flip(x!, axes));

/** Dimensions reversed. */
export function flip(x: TensorLike, ...dims: Sizes): Tensor {
  const tensor = toTensor(x);
  return flipped([tensor], normalizeAxes('flip', sizesOf(dims), tensor.ndim));
}
export const fliplr = (x: TensorLike): Tensor => flip(x, 1);
export const flipud = (x: TensorLike): Tensor => flip(x, 0);

interface Shifts {
  readonly shifts: readonly number[];
  readonly axes: readonly number[] | null;
}

const rolled = withParams<Shifts>('roll', ([x], { shifts, axes }) =>
  axes === null ? np.roll(x!, shifts[0]!) : np.roll(x!, shifts, axes),
);

export interface RollOptions {
  readonly shifts: number | readonly number[];
  readonly dims?: number | readonly number[] | null | undefined;
}

/** Elements shifted along dimensions, round the end; without dimensions over all elements in order. */
export const roll: Named<RollOptions, ['shifts', 'dims']> = named(
  'roll',
  ['shifts', 'dims'],
  (x, { shifts, dims }: RollOptions) => {
    const tensor = toTensor(x);
    return rolled([tensor], {
      shifts: typeof shifts === 'number' ? [shifts] : shifts,
      axes: dims === undefined || dims === null ? null : inOrder('roll', dims, tensor.ndim),
    });
  },
);

const turnedBy = withParams<readonly [number, readonly [number, number]]>('rot90', ([x], [k, axes]) =>
  np.rot90(x!, k, axes),
);

export interface Rot90Options {
  /** How often; 1. */
  readonly k?: number | undefined;
  readonly dims?: readonly [number, number] | undefined;
}

/** Turned by 90° k times, from the first dimension towards the second. */
export const rot90: Named<Rot90Options, ['k', 'dims']> = named(
  'rot90',
  ['k', 'dims'],
  (x, { k = 1, dims = [0, 1] }: Rot90Options) => turnedBy([x], [k, dims]),
);

/** The same values as a tensor of their own, with history. */
export const clone: Unary = unary('clone', (x) => prim.barrier([x])[0]!);
export const contiguous = (x: TensorLike): Tensor => toTensor(x);
