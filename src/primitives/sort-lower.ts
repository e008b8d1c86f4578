/**
 * Loops of sort: each line is sorted stably, all operands moving together between two sets of buffers. One key is sorted by its digits
 * (radix-sort), several and those of short lines by merging.
 * May import: `ir`, `core`, `primitives/radix-sort`.
 * @module
 */
import type { Aval } from '../ir/aval.ts';
import { isFloat } from '../ir/dtype.ts';
import {
  binary,
  type BufferRef,
  convert,
  type Expr,
  iadd,
  imul,
  int,
  isub,
  load,
  type Local,
  select,
  unary,
} from '../ir/loop/expr.ts';
import type { KernelBuilder } from '../ir/loop/kernel.ts';
import { sizeOf } from '../ir/shape.ts';
import { digitCount, radixSort } from './radix-sort.ts';

export interface SortParams {
  readonly dimension: number;
  /** The first operands, compared lexicographically; the others are carried. */
  readonly numKeys: number;
  /** Whether equal elements must keep their order (they always do). */
  readonly isStable: boolean;
}

/** The value as it is compared: booleans as integers. */
const key = (value: Expr): Expr =>
  value.dtype === 'bool' || value.dtype === 'uint8' ? convert(value, 'int32') : value;

const and = (x: Expr, y: Expr): Expr => binary('and', x, y);
const or = (x: Expr, y: Expr): Expr => binary('or', x, y);

/** Whether x sorts strictly before y; NaN after every number. */
function before(x: Expr, y: Expr): Expr {
  // A number x, and not y ≤ x: then y is larger, or NaN.
  return isFloat(x.dtype) ? and(binary('eq', x, x), unary('not', binary('le', y, x))) : binary('lt', x, y);
}

/** Whether x and y tie. */
function ties(x: Expr, y: Expr): Expr {
  const isEqual = binary('eq', x, y);
  return isFloat(x.dtype) ? or(isEqual, and(binary('ne', x, x), binary('ne', y, y))) : isEqual;
}

/** Whether the keys `xs` sort strictly before `ys`, lexicographically. */
export function keysBefore(xs: readonly Expr[], ys: readonly Expr[]): Expr {
  const [x, y] = [key(xs[0]!), key(ys[0]!)];
  return xs.length === 1 ? before(x, y) : or(before(x, y), and(ties(x, y), keysBefore(xs.slice(1), ys.slice(1))));
}

/** Merges neighbouring sorted runs of `width` elements of `from` into runs of twice that in `to`. */
function mergePass(
  b: KernelBuilder,
  from: readonly BufferRef[],
  to: readonly BufferRef[],
  keys: number,
  n: number,
  width: Expr,
): void {
  const start = b.local('int32', 0);
  b.while(binary('lt', b.get(start), int(n)), () => {
    const middle = b.keep(binary('min', iadd(b.get(start), width), int(n)));
    const end = b.keep(binary('min', iadd(middle, width), int(n)));
    const [left, right, at] = [
      b.local('int32', b.get(start)),
      b.local('int32', middle),
      b.local('int32', b.get(start)),
    ];
    const [l, r, o] = [b.get(left), b.get(right), b.get(at)];
    const move = (local: Local): void => {
      from.forEach((buffer, k) => b.store(to[k]!, o, load(buffer, b.get(local))));
      b.set(local, iadd(b.get(local), int(1)));
      b.set(at, iadd(o, int(1)));
    };
    // Without branches: which side is taken is as good as random, and a wrong guess of the processor costs more than the work.
    b.while(and(binary('lt', l, middle), binary('lt', r, end)), () => {
      const read = (index: Expr): Expr[] => from.map((buffer) => b.keep(load(buffer, index)));
      const [x, y] = [read(l), read(r)];
      // Of equals the left one goes first: that makes the sort stable.
      const isRight = b.keep(keysBefore(y.slice(0, keys), x.slice(0, keys)));
      to.forEach((buffer, k) => b.store(buffer, o, select(isRight, y[k]!, x[k]!)));
      const step = b.keep(convert(isRight, 'int32'));
      b.set(right, iadd(r, step));
      b.set(left, iadd(l, isub(int(1), step)));
      b.set(at, iadd(o, int(1)));
    });
    b.while(binary('lt', l, middle), () => move(left));
    b.while(binary('lt', r, end), () => move(right));
    b.set(start, end);
  });
}

/** Leaves the result where it was, by merging runs of 1, 2, 4, … elements. */
function mergeSort(
  b: KernelBuilder,
  ping: readonly BufferRef[],
  pong: readonly BufferRef[],
  keys: number,
  n: number,
): void {
  const width = b.local('int32', 1);
  // Two passes a round, so that the result is always back in the first set.
  b.while(binary('lt', b.get(width), int(n)), () => {
    mergePass(b, ping, pong, keys, n, b.get(width));
    b.set(width, imul(b.get(width), int(2)));
    mergePass(b, pong, ping, keys, n, b.get(width));
    b.set(width, imul(b.get(width), int(2)));
  });
}

/** Lines of fewer elements a digit are merged: so many cost about as much as counting. */
const leastPerDigit = 16;

export function lowerSort(b: KernelBuilder, inputs: readonly Aval[], { dimension, numKeys }: SortParams): void {
  const { shape } = inputs[0]!;
  const n = shape[dimension]!;
  const inner = sizeOf(shape.slice(dimension + 1));
  const outer = sizeOf(shape.slice(0, dimension));
  if (n * inner * outer === 0) return;
  const buffers = (): BufferRef[] => inputs.map((x) => b.scratch(x.dtype, n));
  const [ping, pong] = [buffers(), buffers()];
  const digits = digitCount(inputs[0]!.dtype);
  const isByDigits = numKeys === 1 && n >= Math.max(64, leastPerDigit * digits);
  const tables = isByDigits ? b.scratch('int32', digits * 256) : undefined;
  b.loop(outer, (i) =>
    b.loop(inner, (j) => {
      const line = b.keep(iadd(imul(i, int(n * inner)), j));
      const at = (e: Expr): Expr => iadd(line, imul(e, int(inner)));
      ping.forEach((buffer, k) => b.parallel([n], ([e]) => b.store(buffer, e!, load(b.inputs[k]!, at(e!)))));
      let sorted: readonly BufferRef[] = ping;
      if (isByDigits) sorted = radixSort(b, ping, pong, tables!, n);
      else mergeSort(b, ping, pong, numKeys, n);
      sorted.forEach((buffer, k) => b.parallel([n], ([e]) => b.store(b.outputs[k]!, at(e!), load(buffer, e!))));
    }),
  );
}
