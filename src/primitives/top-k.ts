/**
 * The first elements of an order along an axis, without sorting the rest.
 * May import: `ir`, `core`, `primitives/{structural,iota,indexing,movement,slice,sort,sort-lower}`.
 * @module
 */
import { Aval, bool, f32, f64, i32, u8 } from '../ir/aval.ts';
import { ShapeError } from '../ir/errors.ts';
import {
  binary,
  type BufferRef,
  convert,
  type Expr,
  iadd,
  imul,
  int,
  load,
  type Local,
  select,
  unary,
} from '../ir/loop/expr.ts';
import type { KernelBuilder } from '../ir/loop/kernel.ts';
import { rowMajorStrides, sizeOf } from '../ir/shape.ts';
import { definePrimitive, type HostArray, type Primitive } from '../core/primitive.ts';
import type { Tensor } from '../core/tensor.ts';
import { bind } from '../core/trace.ts';
import { takeAlongAxis } from './indexing.ts';
import { iota } from './iota.ts';
import { reverse } from './movement.ts';
import { sliceAxis } from './slice.ts';
import { compare, sort } from './sort.ts';
import { keysBefore } from './sort-lower.ts';
import { forEachIndex, moveBatchToFront } from './structural.ts';

export interface TopKParams {
  readonly dimension: number;
  readonly k: number;
  /** Whether the largest come first, and NaN before them; else the smallest, and NaN last. */
  readonly largest: boolean;
}

/** Enough groups that the k-th of their first elements is not far behind the k-th of all. */
const groupsFor = (n: number, k: number): number => Math.min(n, Math.max(32, 8 * Math.ceil(k / 2)));

/** Whether looking for k of n elements, which takes k² and n, is less work than sorting them. */
const isFew = (n: number, k: number): boolean => k * k <= n && 2 * groupsFor(n, k) <= n;

/** The first k elements along an axis in descending or ascending order, and their positions (int32). Of equal ones the first come first. */
export const topKP: Primitive<TopKParams> = definePrimitive<TopKParams>({
  name: 'top_k',
  abstractEval: ([x], { dimension, k }) => {
    const n = x!.shape[dimension];
    if (n === undefined || k > n) {
      throw new ShapeError(
        `top_k: expected at least ${k} elements along axis ${dimension}, got ${x!.toString()}.`,
        'take fewer elements, or along another axis.',
        { shape: x!.shape, dimension, k },
      );
    }
    const shape = x!.shape.with(dimension, k);
    return [new Aval(shape, x!.dtype), new Aval(shape, 'int32')];
  },
  // Locally a fixed choice: tangents are taken from where the elements are.
  calculus: {
    kind: 'smooth',
    jvp: (_primals, [t], [, positions], { dimension }) => [t ? takeAlongAxis(t, positions!, dimension) : null, null],
  },
  batch: (_context, [x], [bdim], p) => [
    bind(topKP, [moveBatchToFront(x!, bdim!)], { ...p, dimension: p.dimension + 1 }),
    [0, 0],
  ],
  reference: ([x], outs, p) => evaluate(x!, outs, p),
  lower: { kind: 'loops', build: (b, [x], _outs, p) => lowerTopK(b, x!, p) },
  samples: [
    { avals: [f32(40)], params: { dimension: 0, k: 3, largest: true } },
    { avals: [f64(2, 50)], params: { dimension: 1, k: 2, largest: false } },
    { avals: [f64(31, 3)], params: { dimension: 0, k: 4, largest: true } },
    { avals: [f32(2, 5)], params: { dimension: 1, k: 5, largest: true } },
    // Equal elements, more than candidates.
    { avals: [i32(60)], params: { dimension: 0, k: 2, largest: true } },
    { avals: [u8(60)], params: { dimension: 0, k: 9, largest: false } },
    { avals: [bool(30)], params: { dimension: 0, k: 3, largest: true } },
    { avals: [f32(1)], params: { dimension: 0, k: 1, largest: true } },
    { avals: [f64(2, 0)], params: { dimension: 1, k: 0, largest: true }, maxOrder: 0 },
    {
      avals: [f32(7)],
      params: { dimension: 0, k: 5, largest: true },
      data: [[NaN, 1, -0, 0, Infinity, NaN, 1]],
      maxOrder: 0,
    },
  ],
});

type Precedes = (x: Expr, y: Expr) => Expr;

/** The elements of one line. */
interface Line {
  readonly n: number;
  readonly k: number;
  readonly element: (e: Expr) => Expr;
  readonly precedes: Precedes;
}

/** Candidates for the first k: their values and positions, as many as there is room for, and as many again to sort them into. */
interface Candidates {
  readonly found: readonly [BufferRef, BufferRef];
  readonly spare: readonly [BufferRef, BufferRef];
}

/**
 * Lines are seen as groups of every so-many-th element. Of the first elements of all groups, the k-th is a bound: k elements are there at least
 * that do not come after it. So only groups whose first does not either are looked through, and what comes after the bound is dropped.
 */
function lowerTopK(b: KernelBuilder, x: Aval, { dimension, k, largest }: TopKParams): void {
  const n = x.shape[dimension]!;
  const inner = sizeOf(x.shape.slice(dimension + 1));
  const outer = sizeOf(x.shape.slice(0, dimension));
  if (k * inner * outer === 0) return;
  const room = 2 * k + 16;
  const pair = (): [BufferRef, BufferRef] => [b.scratch(x.dtype, room), b.scratch('int32', room)];
  const candidates: Candidates = { found: pair(), spare: pair() };
  const best = b.scratch(x.dtype, groupsFor(n, k));
  const precedes: Precedes = (p, q) => (largest ? keysBefore([q], [p]) : keysBefore([p], [q]));
  b.loop(outer, (i) =>
    b.loop(inner, (j) => {
      const start = b.keep(iadd(imul(i, int(n * inner)), j));
      const element = (e: Expr): Expr => load(b.inputs[0]!, iadd(start, imul(e, int(inner))));
      const line: Line = { n, k, element, precedes };
      const bound = boundOf(b, line, best);
      collect(b, line, best, bound, candidates);
      const first = b.keep(iadd(imul(i, int(k * inner)), j));
      candidates.found.forEach((buffer, o) =>
        b.parallel([k], ([e]) => b.store(b.outputs[o]!, iadd(first, imul(e!, int(inner))), load(buffer, e!))),
      );
    }),
  );
}

/** Fills `best` with the first element of each group, in the order of `precedes`, and gives the k-th of them. */
function boundOf(b: KernelBuilder, { n, k, element, precedes }: Line, best: BufferRef): Local {
  const groups = best.size;
  b.parallel([groups], ([g]) => {
    const value = b.local(best.dtype, element(g!));
    b.loop(Math.floor(n / groups) - 1, (row) => {
      const other = b.keep(element(iadd(imul(iadd(row, int(1)), int(groups)), g!)));
      b.set(value, select(precedes(other, b.get(value)), other, b.get(value)));
    });
    b.store(best, g!, b.get(value));
  });
  const bound = b.local(best.dtype, 0);
  b.loop(groups, (i) => {
    const value = b.keep(load(best, i));
    const rank = rankOf(b, best, groups, value, precedes, (j) => binary('lt', j, i));
    b.if(binary('eq', rank, int(k - 1)), () => b.set(bound, value));
  });
  return bound;
}

/** Whether x goes before y: if it precedes it, or neither precedes the other and x is earlier. */
const goesBefore = (precedes: Precedes, x: Expr, y: Expr, isEarlier: Expr): Expr =>
  binary('or', precedes(x, y), binary('and', isEarlier, unary('not', precedes(y, x))));

/** How many of the first `count` values go before one: those that precede it, and equals of it that `isEarlier`. */
function rankOf(
  b: KernelBuilder,
  values: BufferRef,
  count: number,
  value: Expr,
  precedes: Precedes,
  isEarlier: (j: Expr) => Expr,
): Expr {
  return b.reduce('add', [count], 'int32', ([j]) => {
    const other = load(values, j!);
    return convert(goesBefore(precedes, other, value, isEarlier(j!)), 'int32');
  });
}

/** The first k elements, sorted. Looks through groups, and through what is in no group. */
function collect(b: KernelBuilder, line: Line, best: BufferRef, bound: Local, candidates: Candidates): void {
  const { n, k, element, precedes } = line;
  const [values, positions] = candidates.found;
  const groups = best.size;
  const whole = n - (n % groups);
  const size = b.local('int32', 0);
  // Equals of the bound count up to this position.
  const beyond = b.local('int32', n);
  const add = (value: Expr, position: Expr): void => {
    b.store(values, b.get(size), value);
    b.store(positions, b.get(size), position);
  };
  b.loop(groups + 1, (g) => {
    const isRest = b.keep(binary('eq', g, int(groups)));
    const isIn = unary('not', precedes(b.get(bound), load(best, select(isRest, int(0), g))));
    b.if(binary('or', isRest, isIn), () => {
      const place = b.local('int32', select(isRest, int(whole), g));
      const [step, end] = [select(isRest, int(1), int(groups)), select(isRest, int(n), int(whole))].map((x) =>
        b.keep(x),
      );
      b.while(binary('lt', b.get(place), end!), () => {
        const value = b.keep(element(b.get(place)));
        // Without a branch: what is not counted is written over.
        add(value, b.get(place));
        const isKept = goesBefore(precedes, value, b.get(bound), binary('lt', b.get(place), b.get(beyond)));
        b.set(size, iadd(b.get(size), convert(isKept, 'int32')));
        b.set(place, iadd(b.get(place), step!));
        b.if(binary('eq', b.get(size), int(values.size)), () => {
          sortCandidates(b, candidates, precedes);
          b.set(bound, load(values, int(k - 1)));
          b.set(beyond, load(positions, int(k - 1)));
          b.set(size, int(k));
        });
      });
    });
  });
  // The rest of the room is filled with what comes after all: equals of the bound, behind the line.
  b.while(binary('lt', b.get(size), int(values.size)), () => {
    add(b.get(bound), int(n));
    b.set(size, iadd(b.get(size), int(1)));
  });
  sortCandidates(b, candidates, precedes);
}

/** Each goes where the number of those before it says: work for vectors, and without branches. */
function sortCandidates(b: KernelBuilder, { found, spare }: Candidates, precedes: Precedes): void {
  const [values, positions] = found;
  b.loop(values.size, (i) => {
    const position = b.keep(load(positions, i));
    const isEarlier = (j: Expr): Expr => binary('lt', load(positions, j), position);
    const rank = rankOf(b, values, values.size, b.keep(load(values, i)), precedes, isEarlier);
    found.forEach((buffer, o) => b.store(spare[o]!, rank, load(buffer, i)));
  });
  found.forEach((buffer, o) => b.parallel([values.size], ([e]) => b.store(buffer, e!, load(spare[o]!, e!))));
}

function evaluate(
  x: HostArray,
  [values, positions]: readonly HostArray[],
  { dimension, k, largest }: TopKParams,
): void {
  const { shape } = x.aval;
  const strides = rowMajorStrides(shape);
  const outStrides = rowMajorStrides(shape.with(dimension, k));
  const step = strides[dimension]!;
  const sign = largest ? -1 : 1;
  forEachIndex(shape.with(dimension, 1), (index) => {
    const startOf = (by: readonly number[]): number => index.reduce((sum, e, d) => sum + e * by[d]!, 0);
    const [start, out] = [startOf(strides), startOf(outStrides)];
    const at = (e: number): number => x.data[start + e * step]!;
    const order = Array.from({ length: shape[dimension]! }, (_, e) => e).sort((p, q) => sign * compare(at(p), at(q)));
    order.slice(0, k).forEach((from, e) => {
      values!.data[out + e * outStrides[dimension]!] = at(from);
      positions!.data[out + e * outStrides[dimension]!] = from;
    });
  });
}

/** `[values, positions]`. For more than a few of the elements, all are sorted. */
export function topK(x: Tensor, params: TopKParams): [Tensor, Tensor] {
  const { dimension, k, largest } = params;
  const n = x.aval.shape[dimension]!;
  if (isFew(n, k)) return bind(topKP, [x], params) as [Tensor, Tensor];
  // The largest: sorted backwards and turned round, so that equal elements keep their order.
  const turned = (y: Tensor): Tensor => (largest ? reverse(y, [dimension]) : y);
  const operands = [x, iota(x.aval.shape, 'int32', dimension)].map(turned);
  const sorted = sort(operands, { dimension, numKeys: 1, isStable: true });
  return sorted.map((y) => sliceAxis(turned(y), dimension, 0, k)) as [Tensor, Tensor];
}
