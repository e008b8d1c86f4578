/**
 * vmap: a function of one example as a function of a batch.
 * May import: everything up to `control`, `api/lift`, `api/args`.
 * @module
 */
import { ArgumentError, ShapeError } from '../ir/errors.ts';
import type { BatchDim } from '../core/primitive.ts';
import { broadcastPrefix, type TreeDef, unflatten } from '../core/pytree.ts';
import type { Tensor } from '../core/tensor.ts';
import { batchFlat } from '../transforms/batch.ts';
import { materializeBatch, moveAxis, moveBatchToFront } from '../primitives/structural.ts';
import {
  type AnyFunction,
  checkFunction,
  FlatFunction,
  flattenArgs,
  type FlatTree,
  type LiftArgs,
  type Tensors,
} from './args.ts';
import { installMethods } from './methods.ts';
import { checkOptions, isOptions, optionsOf } from './options.ts';

// Whoever transforms a function may call methods on what it is given.
installMethods();

/** A tree prefix of axes: a number or null for a whole argument, or containers as in the argument. */
export type AxisTree = number | null | readonly AxisTree[] | { readonly [key: string]: AxisTree };

export interface VmapOptions {
  /** Axis to map of every argument; `null` for one that is the same for all. One entry an argument, or one for all. Default 0. */
  readonly inAxes?: AxisTree;
  /** Where the mapped axis goes in every result. Default 0. */
  readonly outAxes?: AxisTree;
  /** Number of examples, needed when no argument is mapped. */
  readonly axisSize?: number;
  /** Name for collectives (`lax.psum`, `lax.pmean`) inside the function. */
  readonly axisName?: string;
}

/** Axes given by position: `vmap(f, [0, null])`, `vmap(f, 1, 1)`. Trees of objects go in an array, or in the options. */
export type PositionalAxes = number | null | readonly AxisTree[];

const vmapKeys = ['inAxes', 'outAxes', 'axisSize', 'axisName'] as const;

function vmapOptions(first: unknown, second: unknown): VmapOptions {
  const leading = optionsOf<VmapOptions>('vmap', 'inAxes', first, undefined, vmapKeys);
  if (second === undefined) return leading;
  const more = isOptions(second) ? (second as VmapOptions) : { outAxes: second as AxisTree };
  checkOptions('vmap', more, vmapKeys);
  return { ...leading, ...more };
}

const isAxis = (x: unknown): boolean => x === null || typeof x === 'number';

/**
 * Maps a function over an axis of its arguments, without a loop.
 *
 * @param options an object, or `inAxes` (and then `outAxes`) by position
 * @returns a function of batched arguments giving batched results
 * @throws ShapeError if mapped axes have different sizes, naming both
 * @example
 * ```ts
 * import { np, vmap } from 'cotangent';
 * const dots = vmap((a, b) => np.dot(a, b));
 * console.log(String(dots(np.array([[1, 2], [3, 4]]), np.array([[1, 1], [1, 0]])))); // => [3, 3]
 * ```
 */
export function vmap<A extends readonly unknown[] = Tensor[], const R = unknown>(
  f: (...args: A) => R,
  options?: VmapOptions | PositionalAxes,
  rest?: VmapOptions | PositionalAxes,
): (...args: LiftArgs<A>) => Tensors<R> {
  checkFunction('vmap', f);
  const { inAxes = 0, outAxes = 0, axisSize, axisName } = vmapOptions(options, rest);
  return (...args) => {
    const tree = flattenArgs('vmap', args);
    const prefix =
      Array.isArray(inAxes) && inAxes.length !== args.length ? badCount(inAxes.length, args.length) : inAxes;
    const axes = broadcastPrefix('vmap inAxes', prefix, tree.def, isAxis) as BatchDim[];
    const dims = axes.map((a, i) => checkAxis(a, tree, i));
    const size = batchSize(tree, dims, axisSize);
    const flat = new FlatFunction('vmap', f as AnyFunction, tree.def);
    const [outs, outDims] = batchFlat({ size, axisName }, flat.call, tree.leaves, dims);
    return unflatten(flat.def, placeOutputs(outs, outDims, flat.def, outAxes, size)) as Tensors<R>;
  };
}

function badCount(given: number, count: number): never {
  throw new ArgumentError(
    `vmap: expected one entry of inAxes for each of ${count} arguments, got ${given}.`,
    'give a number for all arguments, or an array with one entry each (null for an unmapped one).',
  );
}

function checkAxis(axis: BatchDim, { leaves, def }: FlatTree, i: number): BatchDim {
  if (axis === null) return null;
  const x = leaves[i]!;
  if (Number.isInteger(axis) && axis >= -x.ndim && axis < x.ndim) return axis < 0 ? axis + x.ndim : axis;
  throw new ShapeError(
    `vmap: expected args${def.path(i)} to have an axis ${String(axis)}, got ${x.aval.toString()}.`,
    x.ndim === 0 ? 'pass inAxes with null for arguments that are not mapped.' : 'choose an axis that it has.',
  );
}

function batchSize({ leaves, def }: FlatTree, dims: readonly BatchDim[], axisSize: number | undefined): number {
  if (axisSize !== undefined && !(Number.isInteger(axisSize) && axisSize >= 0)) {
    throw new ArgumentError(`vmap: expected axisSize to be a number of examples, got ${String(axisSize)}.`);
  }
  const first = dims.findIndex((d) => d !== null);
  if (first < 0 && axisSize === undefined) {
    throw new ArgumentError(
      'vmap: expected at least one mapped argument, got none.',
      'pass axisSize, or a number in inAxes.',
    );
  }
  const sizeOf = (i: number): number => leaves[i]!.shape[dims[i]!]!;
  const size = axisSize ?? sizeOf(first);
  const odd = dims.findIndex((d, i) => d !== null && sizeOf(i) !== size);
  if (odd < 0) return size;
  const from = axisSize === undefined ? `args${def.path(first)}` : 'axisSize';
  throw new ShapeError(
    `vmap: expected axis ${dims[odd]!} of args${def.path(odd)} to have size ${size}, got ${leaves[odd]!.aval.toString()}; size ${size} came from ${from}.`,
    'map axes of one size, or pass null in inAxes for what is not mapped.',
    { size, got: sizeOf(odd) },
  );
}

function placeOutputs(
  outs: readonly Tensor[],
  dims: readonly BatchDim[],
  def: TreeDef,
  outAxes: AxisTree,
  size: number,
): Tensor[] {
  const axes = broadcastPrefix('vmap outAxes', outAxes, def, isAxis) as BatchDim[];
  return outs.map((o, i) => {
    const [dim, axis] = [dims[i]!, axes[i]!];
    if (axis === null) {
      if (dim === null) return o;
      throw new ArgumentError(
        `vmap: expected result${def.path(i)} to be the same for all examples (outAxes null), but it is mapped.`,
        'give it an axis in outAxes.',
      );
    }
    const front = dim === null ? materializeBatch(size, [o], [null])[0]! : moveBatchToFront(o, dim);
    if (Number.isInteger(axis) && axis >= -front.ndim && axis < front.ndim)
      return moveAxis(front, 0, axis < 0 ? axis + front.ndim : axis);
    throw new ShapeError(
      `vmap: expected outAxes between ${-front.ndim} and ${front.ndim - 1} for result${def.path(i)}, got ${String(axis)}.`,
      `the result is ${o.aval.toString()} for the whole batch.`,
    );
  });
}
