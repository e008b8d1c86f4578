/**
 * Abstract values: what is known of a value before it is computed.
 * May import: `ir`.
 * @module
 */
import { type DType, dtypeInfo } from './dtype.ts';
import { type Shape, sameShape, sizeOf } from './shape.ts';

/** Shape, dtype and weakness of an array. Prints as `f32[2,3]`; a weak type has a star: `f32*[]`. */
export class Aval {
  readonly shape: Shape;
  readonly dtype: DType;
  /** True for what came from a bare JavaScript number: it takes the dtype of what it meets. */
  readonly weakType: boolean;

  constructor(shape: Shape, dtype: DType, weakType = false) {
    this.shape = shape;
    this.dtype = dtype;
    this.weakType = weakType;
  }

  get ndim(): number {
    return this.shape.length;
  }

  /** Number of elements. */
  get size(): number {
    return sizeOf(this.shape);
  }

  /** Bytes of the elements. */
  get bytes(): number {
    return this.size * dtypeInfo[this.dtype].bytes;
  }

  withShape(shape: Shape): Aval {
    return new Aval(shape, this.dtype, this.weakType);
  }

  withDType(dtype: DType): Aval {
    return new Aval(this.shape, dtype, false);
  }

  /** The same value with a strong type. */
  strong(): Aval {
    return this.weakType ? new Aval(this.shape, this.dtype, false) : this;
  }

  /** Equality of shape and dtype; weakness is compared too unless told otherwise. */
  equals(other: Aval, ignoreWeakType = false): boolean {
    return (
      this.dtype === other.dtype &&
      sameShape(this.shape, other.shape) &&
      (ignoreWeakType || this.weakType === other.weakType)
    );
  }

  toString(): string {
    return `${dtypeInfo[this.dtype].short}${this.weakType ? '*' : ''}[${this.shape.join(',')}]`;
  }
}

const scalarAvals = new Map<string, Aval>();

/** The aval of a scalar: one object for each type, so that equal ones are found by identity. */
export function scalarAval(dtype: DType, weakType = false): Aval {
  const key = weakType ? `${dtype}*` : dtype;
  let found = scalarAvals.get(key);
  if (found === undefined) scalarAvals.set(key, (found = new Aval([], dtype, weakType)));
  return found;
}

const make =
  (dtype: DType) =>
  (...shape: number[]): Aval =>
    new Aval(shape, dtype);

/** `f32(2, 3)` is the aval `f32[2,3]`; likewise the others. */
export const f32: (...shape: number[]) => Aval = make('float32');
export const f64: (...shape: number[]) => Aval = make('float64');
export const i32: (...shape: number[]) => Aval = make('int32');
export const u32: (...shape: number[]) => Aval = make('uint32');
export const u8: (...shape: number[]) => Aval = make('uint8');
export const bool: (...shape: number[]) => Aval = make('bool');
