/**
 * Types of arguments of a traced function, with dimensions that may be left open.
 * May import: everything up to `api`.
 * @module
 */
import type { Aval } from '../ir/aval.ts';
import { type DType, isDType } from '../ir/dtype.ts';
import { DTypeError } from '../ir/errors.ts';

/** A dtype, and a shape in which `null` fits every size; a shape of `null` fits every shape. */
export class TensorSpec {
  readonly shape: readonly (number | null)[] | null;
  readonly dtype: DType;

  constructor(shape: readonly (number | null)[] | null, dtype: DType = 'float32') {
    if (!isDType(dtype)) throw new DTypeError(`TensorSpec: expected a dtype, got ${String(dtype)}.`);
    this.shape = shape;
    this.dtype = dtype;
  }

  fits(aval: Aval): boolean {
    const { shape } = this;
    if (aval.dtype !== this.dtype) return false;
    return (
      shape === null || (shape.length === aval.shape.length && shape.every((n, i) => n === null || n === aval.shape[i]))
    );
  }

  toString(): string {
    return `${this.dtype}[${this.shape === null ? '…' : this.shape.map((n) => n ?? '?').join(',')}]`;
  }
}
