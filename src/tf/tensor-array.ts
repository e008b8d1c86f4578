/**
 * Arrays of tensors that are written one by one, also in loops that are traced.
 * May import: everything up to `api`.
 * @module
 */
import { type DType, isDType } from '../ir/dtype.ts';
import { Aval } from '../ir/aval.ts';
import { ArgumentError, DTypeError, ShapeError, TraceError } from '../ir/errors.ts';
import { sameShape, type Shape } from '../ir/shape.ts';
import { registerPytreeClass } from '../core/pytree.ts';
import type { TreeNode } from '../core/tree-node.ts';
import { ConcreteTensor, type Tensor } from '../core/tensor.ts';
import { zeros } from '../transforms/jvp.ts';
import { asTensor, type TensorLike } from '../api/lift.ts';
import { checkOptions } from '../api/options.ts';
import { pad, reshape, take } from '../api/numpy/index.ts';
import { dynamicIndexInDim, dynamicUpdateIndexInDim } from '../api/lax/index.ts';

export interface TensorArrayOptions {
  /** Number of entries (default 0). */
  readonly size?: number;
  /** Grow when an entry past the end is written (default false). Not in a traced loop. */
  readonly dynamicSize?: boolean;
  /** Shape of the entries; known from the first one that is written where it is not given. A traced loop needs it. */
  readonly elementShape?: Shape;
}

/**
 * An immutable array of tensors of one shape and dtype: `write` gives a new one. It is a tree with one tensor, so that it can be carried
 * through `whileLoop`, where an ordinary array could not collect values.
 *
 * @example
 * ```ts
 * import { constant, fn, TensorArray, whileLoop } from 'cotangent/tf';
 * import { np, type Tensor } from 'cotangent';
 * const squares = fn((n: Tensor) => {
 *   const start = new TensorArray('float32', { size: 4, elementShape: [] });
 *   const [, array] = whileLoop(
 *     (i) => np.less(i, n),
 *     (i, a) => [i.add(1), a.write(i, np.square(i.astype('float32')))],
 *     [constant(0, 'int32'), start],
 *   );
 *   return array.stack();
 * });
 * console.log(String(squares(constant(3, 'int32')))); // => [0, 1, 4, 0]
 * ```
 */
export class TensorArray implements TreeNode {
  readonly dtype: DType;
  readonly dynamicSize: boolean;
  private readonly numEntries: number;
  /** f[size,...elementShape]; undefined while the shape of an entry is not known. */
  private readonly entries: Tensor | undefined;

  constructor(dtype: DType, options: TensorArrayOptions = {}) {
    if (!isDType(dtype)) throw new DTypeError(`TensorArray: expected a dtype, got ${String(dtype)}.`);
    checkOptions('TensorArray', options, ['size', 'dynamicSize', 'elementShape']);
    const { size = 0, dynamicSize = false, elementShape } = options;
    if (!Number.isInteger(size) || size < 0)
      throw new ArgumentError(`TensorArray: expected a size of at least 0, got ${String(size)}.`);
    this.dtype = dtype;
    this.dynamicSize = dynamicSize;
    this.numEntries = size;
    this.entries = elementShape && zeros(new Aval([size, ...elementShape], dtype));
  }

  /** Tells types that instances are nodes of pytrees. */
  get isTreeNode(): true {
    return true;
  }

  private with(entries: Tensor): TensorArray {
    return TensorArray.fromParts({ dtype: this.dtype, dynamicSize: this.dynamicSize, size: entries.shape[0]! }, [
      entries,
    ]);
  }

  /** Number of entries. */
  size(): number {
    return this.numEntries;
  }

  get elementShape(): Shape | undefined {
    return this.entries?.shape.slice(1);
  }

  private known(op: string): Tensor {
    if (this.entries !== undefined) return this.entries;
    throw new ShapeError(
      `TensorArray.${op}: expected an array whose entries have a known shape, got one that nothing was written to.`,
      'give it { elementShape }.',
    );
  }

  /** A new array with `value` at `index`. Past the end of an array of fixed size nothing can be written. */
  write(index: TensorLike, value: TensorLike): TensorArray {
    const x = this.element(value);
    const at = asTensor(index).astype('int32');
    const base = this.entries ?? zeros(new Aval([this.numEntries, ...x.shape], this.dtype));
    if (at instanceof ConcreteTensor) {
      const i = at.item();
      return this.with(dynamicUpdateIndexInDim(this.grown(base, i), x, i, 0));
    }
    if (this.dynamicSize) {
      throw new TraceError(
        'TensorArray.write: expected an array of fixed size in a traced loop, got one that grows.',
        'give it { size } for the most entries that there can be.',
      );
    }
    return this.with(dynamicUpdateIndexInDim(base, x, at, 0));
  }

  private grown(base: Tensor, i: number): Tensor {
    if (i >= 0 && i < base.shape[0]!) return base;
    if (i < 0 || !this.dynamicSize) this.checkIndex('write', i);
    return pad(base, [[0, i + 1 - base.shape[0]!], ...base.shape.slice(1).map((): [number, number] => [0, 0])]);
  }

  private checkIndex(op: string, i: number): void {
    if (i >= 0 && i < this.numEntries) return;
    throw new ArgumentError(
      `TensorArray.${op}: expected an index from 0 to ${this.numEntries - 1}, got ${i}.`,
      'give it a larger { size }, or { dynamicSize: true } to write past its end.',
    );
  }

  private element(value: TensorLike): Tensor {
    const given = asTensor(value);
    const x = given.aval.weakType ? given.astype(this.dtype) : given;
    const shape = this.elementShape ?? x.shape;
    const expected = new Aval(shape, this.dtype);
    if (x.dtype !== this.dtype)
      throw new DTypeError(`TensorArray.write: expected ${expected.toString()}, got ${x.aval.toString()}.`);
    if (!sameShape(x.shape, shape))
      throw new ShapeError(`TensorArray.write: expected ${expected.toString()}, got ${x.aval.toString()}.`);
    return x;
  }

  /** The entry at `index`. */
  read(index: TensorLike): Tensor {
    const all = this.known('read');
    const at = asTensor(index).astype('int32');
    if (at instanceof ConcreteTensor) this.checkIndex('read', at.item());
    return dynamicIndexInDim(all, at, { axis: 0, keepdims: false });
  }

  /** All entries along a new first axis. */
  stack(): Tensor {
    return this.known('stack');
  }

  /** The entries at `indices`, along a new first axis. */
  gather(indices: TensorLike): Tensor {
    return take(this.known('gather'), asTensor(indices).astype('int32'), { axis: 0 });
  }

  /** The entries one after the other along their first axis. */
  concat(): Tensor {
    const all = this.known('concat');
    if (all.ndim >= 2) return reshape(all, [-1, ...all.shape.slice(2)]);
    throw new ShapeError(
      'TensorArray.concat: expected entries with an axis to join along, got scalars.',
      'use stack().',
    );
  }

  /** An array with the slices of `value` along its first axis. */
  unstack(value: TensorLike): TensorArray {
    const x = asTensor(value);
    if (x.ndim === 0)
      throw new ShapeError(`TensorArray.unstack: expected at least one axis, got ${x.aval.toString()}.`);
    return this.with(x.astype(this.dtype));
  }

  /** An array with other entries from the slices of `value` at `indices`. */
  scatter(indices: readonly number[], value: TensorLike): TensorArray {
    const x = asTensor(value);
    return indices.reduce((array: TensorArray, at, i) => array.write(at, x.slice(i)), this);
  }

  /** @internal */
  static parts(array: TensorArray): readonly [readonly unknown[], unknown] {
    return [[array.entries ?? null], { dtype: array.dtype, dynamicSize: array.dynamicSize, size: array.numEntries }];
  }

  /** @internal */
  static fromParts(aux: unknown, [entries]: readonly unknown[]): TensorArray {
    const { size: numEntries, ...rest } = aux as { dtype: DType; dynamicSize: boolean; size: number };
    const array = Object.create(TensorArray.prototype) as TensorArray;
    return Object.assign(array, rest, { numEntries, entries: entries ?? undefined });
  }
}

registerPytreeClass(TensorArray, TensorArray.parts, TensorArray.fromParts);
