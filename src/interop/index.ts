/**
 * The entry `cotangent/interop`: arrays and tables of other libraries.
 * @module
 */
export {
  type ArrowColumns,
  type ArrowTable,
  fromArrow,
  type FromArrowOptions,
  type PlainColumn,
  toArrow,
  type ToArrowOptions,
} from './arrow.ts';
export type { ArrowData, ArrowType, ArrowVector, Nulls } from './arrow-column.ts';
export { fromNdarray, type FromNdarrayOptions, type NdarrayLike, type PlainNdarray, toNdarray } from './ndarray.ts';
export type { NumericArray } from '../api/typed-arrays.ts';
