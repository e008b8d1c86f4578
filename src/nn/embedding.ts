/**
 * Embedding: a table of vectors, looked up by integers.
 * May import: `core`, `primitives`, `api`.
 * @module
 */
import { isInteger } from '../ir/dtype.ts';
import { ArgumentError, DTypeError } from '../ir/errors.ts';
import { scalarTensor, type Tensor } from '../core/tensor.ts';
import { asTensor, promoteToFloat, type TensorLike } from '../api/lift.ts';
import { type Initializer, normal } from '../api/nn/initializers.ts';
import { take } from '../api/numpy/indexing.ts';
import { stopGradientOf } from '../primitives/barrier.ts';
import { eq } from '../primitives/compare.ts';
import { convert } from '../primitives/convert.ts';
import { dotGeneral } from '../primitives/dot.ts';
import { like } from '../primitives/arithmetic.ts';
import { iota } from '../primitives/iota.ts';
import { select } from '../primitives/select.ts';
import { reshape } from '../primitives/structural.ts';
import { checkLast, checkNames, checkSizes, keysOf, parameter, type ParameterOptions } from './checks.ts';
import { Layer } from './module.ts';

export interface EmbeddingOptions extends ParameterOptions {
  /** An entry whose vector gets no gradient (it stays what it is). Its initial value is 0. */
  readonly paddingIndex?: number;
  /** Of the table `[numEmbeddings, features]`; standard normal. */
  readonly weightInit?: Initializer;
}

/**
 * A table `[numEmbeddings, features]`; each integer of the input becomes its row. Integers outside the table give NaN.
 *
 * @example
 * ```ts
 * import { np, random } from 'cotangent';
 * import { Embedding } from 'cotangent/nn';
 * const table = new Embedding(10, 4, { key: random.key(0) });
 * console.log(table.call(np.array([[1, 2, 3]], { dtype: 'int32' })).shape); // => [ 1, 3, 4 ]
 * ```
 */
export class Embedding extends Layer {
  /** `[numEmbeddings, features]` */
  readonly weight: Tensor;
  readonly paddingIndex: number | null;

  constructor(numEmbeddings: number, features: number, options: EmbeddingOptions) {
    super();
    checkNames('Embedding', options, ['key', 'dtype', 'paddingIndex', 'weightInit']);
    checkSizes('Embedding', { numEmbeddings, features });
    const [key] = keysOf('Embedding', options, 2) as [Tensor];
    const { paddingIndex, weightInit = normal(1) } = options;
    const table = parameter(weightInit, key, [numEmbeddings, features], options);
    if (paddingIndex !== undefined) checkIndex(paddingIndex, numEmbeddings);
    this.paddingIndex = paddingIndex ?? null;
    this.weight = paddingIndex === undefined ? table : withoutRow(table, paddingIndex);
  }

  /**
   * @param x integers of any shape
   * @returns `[...x.shape, features]`
   * @throws DTypeError for floats
   */
  call(x: TensorLike): Tensor {
    const t = asTensor(x);
    // Bare numbers and nested arrays of them are floats by default, and integral here.
    const indices = x === t || isInteger(t.dtype) ? t : convert(t, 'int32');
    if (!isInteger(indices.dtype)) {
      throw new DTypeError(
        `${this.toString()}: expected integers, got ${t.aval.toString()}.`,
        "convert with astype('int32').",
      );
    }
    const rows = take(this.weight, indices, 0);
    if (this.paddingIndex === null) return rows;
    const isPadding = reshape(eq(indices, like(indices, this.paddingIndex)), [...indices.shape, 1]);
    return select(isPadding, stopGradientOf(rows), rows);
  }

  /**
   * The scores of x against every row: x · weightᵀ, for output layers that share the table.
   * @param x `[…, features]`
   * @returns `[…, numEmbeddings]`
   */
  attend(x: TensorLike): Tensor {
    checkLast(this, x, this.weight.shape[1]!);
    const [t, weight] = promoteToFloat(x, this.weight) as [Tensor, Tensor];
    return dotGeneral(t, weight, { contract: [[t.ndim - 1], [1]], batch: [[], []] });
  }

  override toString(): string {
    return `Embedding(${this.weight.shape[0]!} × ${this.weight.shape[1]!})`;
  }
}

function checkIndex(index: number, count: number): void {
  if (Number.isInteger(index) && index >= 0 && index < count) return;
  throw new ArgumentError(`Embedding: expected paddingIndex from 0 to ${count - 1}, got ${String(index)}.`);
}

/** The table with zeros in one row. */
const withoutRow = (table: Tensor, row: number): Tensor =>
  select(eq(iota([table.shape[0]!, 1], 'int32', 0), scalarTensor(row, 'int32')), like(table, 0), table);
