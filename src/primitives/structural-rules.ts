/**
 * Rewrite rules of the operations that move elements and of reductions over repeated ones: compositions become one operation, and what
 * only adds or moves axes of size 1 becomes a reshape, which costs nothing.
 * May import: `ir`, `primitives/simplify-rules`.
 * @module
 */
import type { Aval } from '../ir/aval.ts';
import { castScalar, isFloat } from '../ir/dtype.ts';
import { type Atom, type Equation, Literal, type PrimitiveInfo } from '../ir/program.ts';
import { sameShape, type Shape, sizeOf, tryBroadcastShapes } from '../ir/shape.ts';
import type { Replacement, SimplifyView } from '../ir/simplify.ts';
import { equationOf, innerOf, keepOperand, otherEquation, otherEquations, paramsOf } from './simplify-rules.ts';

type View<P> = SimplifyView<P>;
type Result = Replacement | undefined;

/** The primitives that the rules turn into each other. */
export interface Movements {
  readonly broadcast: PrimitiveInfo;
  readonly reshape: PrimitiveInfo;
  readonly transpose: PrimitiveInfo;
}

interface Broadcast {
  readonly shape: Shape;
  readonly dims: readonly number[];
}

interface Permutation {
  readonly permutation: readonly number[];
}

const isAscending = (list: readonly number[]): boolean => list.every((x, i) => i === 0 || x > list[i - 1]!);

export function simplifyBroadcast(view: View<Broadcast>, p: Movements): Result {
  const inner = innerOf(view, p.broadcast);
  const { shape, dims } = view.params;
  if (inner !== undefined) {
    const innerDims = paramsOf<Broadcast>(inner).dims;
    return otherEquation(p.broadcast, inner.inputs, { shape, dims: innerDims.map((d) => dims[d]!) });
  }
  const kept = dims.length === shape.length ? keepOperand(view, 0) : undefined;
  // Nothing is repeated: only axes of size 1 are added.
  const addsOnes = view.inputs[0]!.aval.size === sizeOf(shape) && isAscending(dims);
  return kept ?? (addsOnes ? otherEquation(p.reshape, view.inputs, { shape }) : undefined);
}

export function simplifyReshape(view: View<{ readonly shape: Shape }>, p: Movements): Result {
  const inner = innerOf(view, p.reshape);
  return keepOperand(view, 0) ?? (inner && otherEquation(p.reshape, inner.inputs, view.params));
}

export function simplifyTranspose(view: View<Permutation>, p: Movements): Result {
  const { permutation } = view.params;
  if (permutation.every((q, i) => q === i)) return keepOperand(view, 0);
  const twice = innerOf(view, p.transpose);
  if (twice !== undefined) {
    const first = paramsOf<Permutation>(twice).permutation;
    return otherEquation(p.transpose, twice.inputs, { permutation: permutation.map((q) => first[q]!) });
  }
  const { shape } = view.inputs[0]!.aval;
  if (isAscending(permutation.filter((q) => shape[q] !== 1)))
    return otherEquation(p.reshape, view.inputs, { shape: view.outputs[0]!.shape });
  const spread = innerOf(view, p.broadcast);
  if (spread === undefined) return undefined;
  const dims = paramsOf<Broadcast>(spread).dims.map((d) => permutation.indexOf(d));
  return isAscending(dims)
    ? otherEquation(p.broadcast, spread.inputs, { shape: view.outputs[0]!.shape, dims })
    : undefined;
}

/** What a reduction needs to know of itself to look through a broadcast. */
export interface Repeated {
  /** The reduction itself. */
  readonly self: PrimitiveInfo;
  /** Equations for `count` equal elements reduced, given one of them; none where that is the element. */
  readonly combine: (x: Atom, count: number) => readonly Equation[] | undefined;
  /** Whether reducing in two steps gives the same bits as reducing in one. */
  readonly isAssociative: boolean;
}

/** Reduction of an array that repeats elements: each is reduced once. */
export function reduceRepeated(view: View<{ readonly axes: readonly number[] }>, p: Movements, rule: Repeated): Result {
  const inner = innerOf(view, p.broadcast);
  if (inner === undefined) return undefined;
  const { axes } = view.params;
  const { shape, dims } = paramsOf<Broadcast>(inner);
  const x = inner.inputs[0]!;
  const isRepeated = (d: number): boolean =>
    !dims.includes(d) || (x.aval.shape[dims.indexOf(d)] === 1 && shape[d] !== 1);
  const count = axes.filter(isRepeated).reduce((product, d) => product * shape[d]!, 1);
  const own = dims.flatMap((d, k) => (axes.includes(d) && !isRepeated(d) ? [k] : []));
  if (count < 2 || !isAscending(dims) || (own.length > 0 && !rule.isAssociative)) return undefined;
  const equations: Equation[] = [];
  let value = x;
  const then = (more: readonly Equation[]): void => {
    equations.push(...more);
    value = more.at(-1)?.outputs[0] ?? value;
  };
  const without = (a: Aval, list: readonly number[]): Aval => a.withShape(a.shape.filter((_, k) => !list.includes(k)));
  if (own.length > 0) then([equationOf(rule.self, [x], { axes: own }, without(x.aval, own))]);
  const combined = rule.combine(value, count);
  if (combined === undefined) return undefined;
  then(combined);
  // Axes that the result keeps, without those of size 1 that are reduced away.
  const keptDims = dims.filter((d) => !axes.includes(d));
  const keptShape = dims.flatMap((d, k) => (axes.includes(d) ? [] : [x.aval.shape[k]!]));
  if (!sameShape(keptShape, value.aval.shape))
    then([equationOf(p.reshape, [value], { shape: keptShape }, value.aval.withShape(keptShape))]);
  const outDims = keptDims.map((d) => d - axes.filter((a) => a < d).length);
  const out = view.outputs[0]!;
  then([equationOf(p.broadcast, [value], { shape: out.shape, dims: outDims }, value.aval.withShape(out.shape))]);
  return otherEquations(equations);
}

/**
 * Reductions that give the element itself where there is only one: over axes of size 1 they are reshapes. Those that combine equal elements
 * to the same, in any order, can also be joined, and take repeated elements once.
 */
export function simplifyReduction(
  view: View<{ readonly axes: readonly number[] }>,
  { self, isIdempotent }: { readonly self: PrimitiveInfo; readonly isIdempotent: boolean },
  p: Movements,
): Result {
  const { axes } = view.params;
  const { shape } = view.inputs[0]!.aval;
  if (axes.every((a) => shape[a] === 1))
    return otherEquation(p.reshape, view.inputs, { shape: view.outputs[0]!.shape });
  if (!isIdempotent) return undefined;
  const inner = innerOf(view, self);
  if (inner !== undefined && view.uses(view.inputs[0]!) === 1)
    return otherEquation(self, inner.inputs, { axes: joinedAxes(view, inner) });
  return reduceRepeated(view, p, { self, combine: () => [], isAssociative: true });
}

/** The axes that two reductions, one after the other, take away from the operand of the first. */
function joinedAxes(view: View<{ readonly axes: readonly number[] }>, inner: Equation): number[] {
  const first = paramsOf<{ readonly axes: readonly number[] }>(inner).axes;
  const left = inner.inputs[0]!.aval.shape.map((_, d) => d).filter((d) => !first.includes(d));
  return [...first, ...view.params.axes.map((a) => left[a]!)].toSorted((a, b) => a - b);
}

/**
 * x repeated n times adds up to n·x: a sum of float32 is accumulated in float64, exactly for so few terms, and rounded once, as the product
 * is; integers wrap alike. (Sums of float64 round on the way.) A sum starts from 0, which turns −0 into 0.
 */
export const timesCount =
  (p: { readonly add: PrimitiveInfo; readonly mul: PrimitiveInfo }) =>
  (x: Atom, count: number): readonly Equation[] | undefined => {
    const { dtype } = x.aval;
    // Up to 2²⁴ every integer is a float32 (IEEE 754), and the sum of as many float32 numbers fits the 53 bits of float64.
    if (dtype === 'float64' || count > 2 ** 24) return undefined;
    const scalar = (value: number): Literal =>
      new Literal({ aval: x.aval.strong().withShape([]), scalar: castScalar(value, dtype) });
    const product = equationOf(p.mul, [x, scalar(count)], {}, x.aval);
    return isFloat(dtype) ? [product, equationOf(p.add, [product.outputs[0]!, scalar(0)], {}, x.aval)] : [product];
  };

/**
 * Elementwise operations broadcast by themselves: an operand that was stretched along leading axes, or from a scalar, is taken as it was,
 * where another one gives the result its shape.
 */
export function withoutBroadcasts<P extends object>(
  view: View<P>,
  self: PrimitiveInfo,
  broadcast: PrimitiveInfo,
): Result {
  const out = view.outputs[0]!.shape;
  if (out.length === 0) return undefined;
  let inputs: readonly Atom[] = view.inputs;
  view.inputs.forEach((a, k) => {
    const from = narrower(view, a, broadcast);
    if (from === undefined) return;
    const shapes = inputs.map((b, j) => (j === k ? from.aval.shape : b.aval.shape));
    if (sameShape(tryBroadcastShapes(shapes) ?? [], out)) inputs = inputs.with(k, from);
  });
  return inputs === view.inputs ? undefined : otherEquation(self, inputs, view.params);
}

/** The operand of a broadcast that an elementwise operation would do by itself. */
function narrower<P>({ producer }: View<P>, a: Atom, broadcast: PrimitiveInfo): Atom | undefined {
  const inner = producer(a);
  if (inner?.primitive !== broadcast) return undefined;
  const { shape, dims } = paramsOf<Broadcast>(inner);
  const lead = shape.length - dims.length;
  return dims.every((d, k) => d === k + lead) ? inner.inputs[0] : undefined;
}

/** f(broadcast x) = broadcast f(x), for one operand beside scalars: f is computed once for each element of x. */
export function broadcastLast<P extends object>(view: View<P>, self: PrimitiveInfo, broadcast: PrimitiveInfo): Result {
  const out = view.outputs[0]!;
  const stretched = view.inputs.filter((a) => a.aval.ndim > 0);
  const inner = stretched.length === 1 ? view.producer(stretched[0]!) : undefined;
  if (inner?.primitive !== broadcast || !sameShape(inner.outputs[0]!.aval.shape, out.shape)) return undefined;
  const x = inner.inputs[0]!;
  if (x.aval.size >= out.size) return undefined;
  const inputs = view.inputs.map((a) => (a === stretched[0] ? x : a));
  const value = equationOf(self, inputs, view.params, out.withShape(x.aval.shape));
  return otherEquations([value, equationOf(broadcast, [value.outputs[0]!], inner.params, out)]);
}
