/**
 * Rewrite rules of contractions: permuted operands and results are read and written where they lie, and sums of products of arrays that
 * meet in the summed axes only are matrix products.
 * May import: `ir`, `primitives/{simplify-rules,structural-rules,dot-views}`.
 * @module
 */
import type { Aval } from '../ir/aval.ts';
import { isFloat } from '../ir/dtype.ts';
import type { Atom, Equation, PrimitiveInfo } from '../ir/program.ts';
import type { Replacement, SimplifyView } from '../ir/simplify.ts';
import {
  type DotParams,
  freeAxes,
  isReadInRuns,
  isWrittenInRuns,
  type PermutedDotParams,
  viewsOf,
} from './dot-views.ts';
import { equationOf, innerOf, otherEquation, otherEquations, paramsOf } from './simplify-rules.ts';
import type { Movements } from './structural-rules.ts';

type View<P> = SimplifyView<P>;
type Result = Replacement | undefined;
type Pair = readonly [readonly number[], readonly number[]];

const isAscending = (list: readonly number[]): boolean => list.every((x, i) => i === 0 || x > list[i - 1]!);
const onSide = (pair: Pair, side: 0 | 1, f: (d: number) => number): Pair =>
  side === 0 ? [pair[0].map(f), pair[1]] : [pair[0], pair[1].map(f)];

/** A permuted operand is contracted over the axes it had before, if it is a matrix there. */
export function absorbTransposes(view: View<DotParams>, self: PrimitiveInfo, transpose: PrimitiveInfo): Result {
  for (const side of [0, 1] as const) {
    const inner = view.producer(view.inputs[side]!);
    if (inner?.primitive !== transpose) continue;
    const { permutation } = paramsOf<{ readonly permutation: readonly number[] }>(inner);
    const axis = (d: number): number => permutation[d]!;
    // Free axes of the result are in the order in which the operand has them.
    const free = freeAxes(permutation.length, view.params, side).map(axis);
    const params = {
      contract: onSide(view.params.contract, side, axis),
      batch: onSide(view.params.batch, side, axis),
    };
    const x = inner.inputs[0]!;
    const [left, right] = side === 0 ? [x, view.inputs[1]!] : [view.inputs[0]!, x];
    if (!isAscending(free) || !isReadInRuns(viewsOf(left.aval, right.aval, params)[side])) continue;
    return otherEquation(self, [left, right], params);
  }
  return undefined;
}

/** A result whose free axes change places is the product of the operands in the other order. */
export function transposedDot(view: View<{ readonly permutation: readonly number[] }>, dot: PrimitiveInfo): Result {
  const inner = innerOf(view, dot);
  if (inner === undefined || view.uses(view.inputs[0]!) > 1) return undefined;
  const params = paramsOf<DotParams>(inner);
  const [x, y] = inner.inputs as readonly [Atom, Atom];
  const batch = params.batch[0].length;
  const xFree = freeAxes(x.aval.ndim, params, 0).length;
  const yFree = freeAxes(y.aval.ndim, params, 1).length;
  const swapped = Array.from({ length: batch + yFree + xFree }, (_, i) =>
    i < batch ? i : i < batch + yFree ? i + xFree : i - yFree,
  );
  if (!view.params.permutation.every((d, i) => d === swapped[i])) return undefined;
  const { contract, batch: pairs } = params;
  return otherEquation(dot, [y, x], { contract: [contract[1], contract[0]], batch: [pairs[1], pairs[0]] });
}

/** Any other permutation of a result that is a product's alone: the products write where it wants their results. */
export function permutedDot(
  view: View<{ readonly permutation: readonly number[] }>,
  dot: PrimitiveInfo,
  permuted: PrimitiveInfo,
): Result {
  const inner = innerOf(view, dot) ?? innerOf(view, permuted);
  if (inner === undefined || view.uses(view.inputs[0]!) > 1 || !isFloat(view.outputs[0]!.dtype)) return undefined;
  const given = paramsOf<PermutedDotParams>(inner);
  const { permutation } = view.params;
  const params = { ...given, permutation: permutation.map((d) => given.permutation?.[d] ?? d) };
  const [x, y] = inner.inputs as readonly [Atom, Atom];
  return isWrittenInRuns(...viewsOf(x.aval, y.aval, params)) ? otherEquation(permuted, [x, y], params) : undefined;
}

/** What sums of products are rewritten with. */
export interface Contraction extends Movements {
  readonly mul: PrimitiveInfo;
  readonly dot: PrimitiveInfo;
}

/**
 * From this many multiplications on, and this many rows and columns, a sum of products is worth a matrix product. Fused sums of float32
 * accumulate in float64 and matrix products do not (their error is that of `matmul`), so the rewrite is kept to where the terms are many
 * more than the operands: a fused sum reads m·n·k terms one by one, measured at a thirtieth of the rate.
 */
const minTerms = 4096;
const minExtent = 4;

/** An operand of the product: an array without axes of size 1, and the axes of the product that its own are. */
interface Factor {
  readonly equations: readonly Equation[];
  readonly value: Atom;
  readonly axes: readonly number[];
}

/** Σ over `axes` of x·y, where x and y have the summed axes in common and other axes of their own. */
export function sumOfProducts(view: View<{ readonly axes: readonly number[] }>, p: Contraction): Result {
  const product = innerOf(view, p.mul);
  const out = view.outputs[0]!;
  if (product === undefined || view.uses(view.inputs[0]!) > 1 || !isFloat(out.dtype)) return undefined;
  const { shape } = product.outputs[0]!.aval;
  const { axes } = view.params;
  const [x, y] = product.inputs.map((a) => factorOf(view, a, shape, p));
  const summed = axes.filter((d) => shape[d] !== 1);
  if (!summed.every((d) => x!.axes.includes(d) && y!.axes.includes(d))) return undefined;
  // An axis along which both repeat their elements is neither's own.
  if (!shape.every((e, d) => e === 1 || x!.axes.includes(d) || y!.axes.includes(d))) return undefined;
  const both = x!.axes.filter((d) => y!.axes.includes(d) && !axes.includes(d));
  const own = (f: Factor, g: Factor): number[] => f.axes.filter((d) => !g.axes.includes(d));
  const [mAxes, nAxes] = [own(x!, y!), own(y!, x!)];
  const extent = (list: readonly number[]): number => list.reduce((e, d) => e * shape[d]!, 1);
  const [m, n, k] = [extent(mAxes), extent(nAxes), extent(summed)];
  if (Math.min(m, n, k) < minExtent || m * n * k < minTerms) return undefined;
  const at = (f: Factor, list: readonly number[]): number[] => list.map((d) => f.axes.indexOf(d));
  const params: DotParams = { contract: [at(x!, summed), at(y!, summed)], batch: [at(x!, both), at(y!, both)] };
  const order = [...both, ...mAxes, ...nAxes];
  const dotAval = out.withShape(order.map((d) => shape[d]!));
  const dot = equationOf(p.dot, [x!.value, y!.value], params, dotAval);
  return inOrder([...x!.equations, ...y!.equations, dot], order, out, p);
}

/** The result with its axes ascending, and those of size 1 back in place. */
function inOrder(equations: readonly Equation[], order: readonly number[], out: Aval, p: Movements): Replacement {
  const all = [...equations];
  const value = (): Atom => all.at(-1)!.outputs[0]!;
  const sorted = order.toSorted((a, b) => a - b);
  const permutation = sorted.map((d) => order.indexOf(d));
  if (!isAscending(permutation)) {
    const from = value().aval;
    all.push(
      equationOf(p.transpose, [value()], { permutation }, from.withShape(permutation.map((i) => from.shape[i]!))),
    );
  }
  if (value().aval.ndim !== out.ndim) all.push(equationOf(p.reshape, [value()], { shape: out.shape }, out));
  return otherEquations(all);
}

/** An operand that was stretched is taken as it was; axes of size 1 go. */
function factorOf<P>(view: View<P>, a: Atom, shape: readonly number[], p: Contraction): Factor {
  const lead = shape.length - a.aval.ndim;
  const inner = view.producer(a);
  const spread = inner?.primitive === p.broadcast ? inner : undefined;
  const from = spread === undefined ? a : spread.inputs[0]!;
  const dims =
    spread === undefined ? a.aval.shape.map((_, i) => i) : paramsOf<{ dims: readonly number[] }>(spread).dims;
  const kept = from.aval.shape.flatMap((e, i) => (e === 1 ? [] : [i]));
  const axes = kept.map((i) => dims[i]! + lead);
  const dense = kept.map((i) => from.aval.shape[i]!);
  if (dense.length === from.aval.ndim) return { equations: [], value: from, axes };
  const narrow = equationOf(p.reshape, [from], { shape: dense }, from.aval.withShape(dense));
  return { equations: [narrow], value: narrow.outputs[0]!, axes };
}
