/**
 * Dtypes by the names that PyTorch has for them.
 * May import: everything up to `api`.
 * @module
 */
import { type DType, dtypeInfo, isDType } from '../ir/dtype.ts';
import { DTypeError } from '../ir/errors.ts';

/** A dtype of the core, or one of PyTorch's names for it. */
export type Dtype = DType | 'float' | 'double' | 'int' | 'int64' | 'long' | 'byte' | 'half';

// Integers have 32 bits here: JavaScript's numbers hold those exactly in every operation.
const aliases: { readonly [name in Exclude<Dtype, DType>]: DType } = {
  float: 'float32',
  double: 'float64',
  int: 'int32',
  int64: 'int32',
  long: 'int32',
  byte: 'uint8',
  half: 'float16',
};

export function toDtype(dtype: Dtype): DType {
  if (isDType(dtype)) return dtype;
  const found: DType | undefined = Object.hasOwn(aliases, dtype) ? aliases[dtype] : undefined;
  if (found !== undefined) return found;
  throw new DTypeError(
    `dtype: expected one of the dtypes, got ${String(dtype)}.`,
    `dtypes: ${Object.keys(dtypeInfo).join(', ')}, and the names ${Object.keys(aliases).join(', ')}.`,
  );
}
