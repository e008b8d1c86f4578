/**
 * Short innermost loops: of two, three or four elements, which fill no vector. They are written out, and the loop around them runs in
 * lanes: what it stores is then vectors of every second (third, fourth) element, which are put together to vectors of neighbours.
 * May import: `ir`, `compiler/loads`, `kernel`.
 * @module
 */
import { type DType, dtypeInfo } from '../../../ir/dtype.ts';
import type { Stmt, Store } from '../../../ir/loop/kernel.ts';
import { countNodes } from '../../../compiler/loads.ts';
import { axisCoefficient } from './coefficient.ts';
import type { Lir, LirStore } from './lir.ts';
import type { ValueLowering } from './lower-value.ts';
import type { Loop, StoreItem } from './nest.ts';

/** Elements of a short loop. */
const longest = 4;
/** Iterations of the loop around it that fill lanes, and operations that are not too many to be written several times. */
const leastIterations = 16;
const mostNodes = 100;

export interface ShortLoop {
  readonly axis: Extract<Stmt, { kind: 'for' }>['axis'];
  readonly store: Store;
}

/** The short loop that is all there is in a parallel loop of so many iterations, if it is to be written out. */
export function shortLoop(body: readonly Stmt[], iterations: number): ShortLoop | undefined {
  const [loop, ...others] = body;
  if (loop?.kind !== 'for' || !loop.parallel || others.length > 0 || iterations < leastIterations) return undefined;
  const [store, ...more] = loop.body;
  if (loop.axis.extent > longest || loop.axis.extent < 2 || store?.kind !== 'store' || more.length > 0)
    return undefined;
  return countNodes(store.value, mostNodes) < mostNodes ? { axis: loop.axis, store } : undefined;
}

/**
 * Stores to elements 0, 1 … n - 1 from a place that n times some axis leads to: the terms of their indices with that factor, and none where
 * they are not such. The same for indices that differ in other numbers only.
 */
export function interleavedTerms(items: readonly StoreItem[]): readonly number[] {
  const [first] = items;
  const n = items.length;
  if (first === undefined || n < 2 || n > longest) return [];
  const { buffer, index } = first;
  if (dtypeInfo[buffer.dtype].bytes < 4 || (n > 2 && dtypeInfo[buffer.dtype].bytes > 4)) return [];
  const isNext = ({ buffer: b, index: { args, coefficients, value } }: StoreItem, j: number): boolean =>
    b === buffer &&
    value === index.value + j &&
    args.length === index.args.length &&
    args.every((a, i) => a === index.args[i] && coefficients[i] === index.coefficients[i]);
  return items.every(isNext) ? index.args.flatMap((_, i) => (index.coefficients[i] === n ? [i] : [])) : [];
}

/** Whether stores in lanes of `loop` are interleaved. */
export const areInterleaved = (items: readonly StoreItem[], loop: Loop): boolean =>
  interleavedTerms(items).length > 0 && axisCoefficient(items[0]!.index, loop) === items.length;

/** Vectors of neighbours, out of one of every item for each part. */
export function storeInterleaved(v: ValueLowering, items: readonly StoreItem[]): LirStore[] {
  const { buffer, index, value } = items[0]!;
  const { address, offset } = v.address(buffer, index);
  const out: LirStore[] = [];
  for (let p = 0; p < v.partsOf(value); p++) {
    const vectors = items.map((i) => v.part(i.value, p));
    vectors.forEach((_, q) => {
      const at = offset + 16 * (p * vectors.length + q);
      out.push({ op: 'v128.store', address, offset: at, value: neighbours(v, buffer.dtype, vectors, q), lane: 0 });
    });
  }
  return out;
}

/** Vector `q` of the elements that the vectors give in turn. */
function neighbours({ vectors: ops }: ValueLowering, dtype: DType, vectors: readonly Lir[], q: number): Lir {
  const n = vectors.length;
  const lanes = 16 / dtypeInfo[dtype].bytes;
  const lanesFrom = (k: number, otherwise: (lane: number) => number): number[] =>
    Array.from({ length: lanes }, (_, l) => {
      const element = q * lanes + l;
      return element % n === k ? lanes + Math.floor(element / n) : otherwise(l);
    });
  // Of the first two, and then what each of the others has.
  const ofFirst = (l: number): number => Math.floor((q * lanes + l) / n);
  let value = ops.shuffleLanes(dtype, vectors[0]!, vectors[1]!, lanesFrom(1, ofFirst));
  const inPlace = (l: number): number => l;
  for (let k = 2; k < n; k++) value = ops.shuffleLanes(dtype, value, vectors[k]!, lanesFrom(k, inPlace));
  return value;
}
