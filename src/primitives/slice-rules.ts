/**
 * Rewrite rules of slices, padding, reversal and concatenation.
 * May import: `ir`, `primitives/simplify-rules`.
 * @module
 */
import type { PrimitiveInfo } from '../ir/program.ts';
import { type Replacement, scalarOf, type SimplifyView } from '../ir/simplify.ts';
import { innerOf, keepOperand, otherEquation, paramsOf } from './simplify-rules.ts';

type View<P> = SimplifyView<P>;
type Result = Replacement | undefined;
type List = readonly number[];

interface Slice {
  readonly start: List;
  readonly limit: List;
  readonly strides: List;
}

interface Pad {
  readonly low: List;
  readonly high: List;
  readonly interior: List;
}

/** The primitives that the rules look through. */
export interface Pieces {
  readonly slice: PrimitiveInfo;
  readonly pad: PrimitiveInfo;
  readonly broadcast: PrimitiveInfo;
}

const isZero = (list: List): boolean => list.every((n) => n === 0);

export function simplifySlice(view: View<Slice>, p: Pieces): Result {
  return keepOperand(view, 0) ?? sliceOfSlice(view, p) ?? sliceOfPad(view, p) ?? sliceOfBroadcast(view, p);
}

/** Elements s + t·(s' + t'·i) of the first operand. */
function sliceOfSlice(view: View<Slice>, p: Pieces): Result {
  const inner = innerOf(view, p.slice);
  if (inner === undefined) return undefined;
  const [outer, first] = [view.params, paramsOf<Slice>(inner)];
  const at = (d: number, i: number): number => first.start[d]! + first.strides[d]! * i;
  const start = outer.start.map((s, d) => at(d, s));
  // One past the last element that is taken; of nothing, nothing.
  const limit = outer.limit.map((l, d) => (l > outer.start[d]! ? at(d, l - 1) + 1 : start[d]!));
  const strides = outer.strides.map((s, d) => s * first.strides[d]!);
  const bounded = start.map((s, d) => Math.min(s, first.limit[d]!));
  const params = { start: bounded, limit: limit.map((l, d) => Math.max(bounded[d]!, l)), strides };
  return otherEquation(p.slice, inner.inputs, params);
}

/** A slice that lies inside what was padded. */
function sliceOfPad(view: View<Slice>, p: Pieces): Result {
  const inner = innerOf(view, p.pad);
  if (inner === undefined) return undefined;
  const { low, interior } = paramsOf<Pad>(inner);
  const { start, limit, strides } = view.params;
  const { shape } = inner.inputs[0]!.aval;
  const fits = shape.every((n, d) => start[d]! >= low[d]! && limit[d]! <= low[d]! + n && limit[d]! > start[d]!);
  if (!fits || !isZero(interior)) return undefined;
  const moved = (list: List): number[] => list.map((s, d) => s - low[d]!);
  return otherEquation(p.slice, inner.inputs.slice(0, 1), { start: moved(start), limit: moved(limit), strides });
}

/** A slice along axes that repeat their elements. */
function sliceOfBroadcast(view: View<Slice>, p: Pieces): Result {
  const inner = innerOf(view, p.broadcast);
  if (inner === undefined) return undefined;
  const x = inner.inputs[0]!.aval;
  const { shape: from, dims } = paramsOf<{ readonly shape: List; readonly dims: List }>(inner);
  const { shape } = view.outputs[0]!;
  const isWhole = dims.every((d, k) => x.shape[k] === 1 || (shape[d] === from[d] && view.params.start[d] === 0));
  return isWhole ? otherEquation(p.broadcast, inner.inputs, { shape, dims }) : undefined;
}

/** Of a concatenation, a slice that lies in one operand. */
export function sliceOfConcatenation(view: View<Slice>, slice: PrimitiveInfo, concatenate: PrimitiveInfo): Result {
  const inner = innerOf(view, concatenate);
  if (inner === undefined) return undefined;
  const { axis } = paramsOf<{ readonly axis: number }>(inner);
  const { start, limit, strides } = view.params;
  let before = 0;
  for (const x of inner.inputs) {
    const n = x.aval.shape[axis]!;
    if (start[axis]! >= before && limit[axis]! <= before + n && limit[axis]! > start[axis]!) {
      const moved = (list: List): number[] => list.map((s, d) => (d === axis ? s - before : s));
      return otherEquation(slice, [x], { start: moved(start), limit: moved(limit), strides });
    }
    before += n;
  }
  return undefined;
}

/** Padding with nothing, and padding twice with the same value. */
export function simplifyPad(view: View<Pad>, p: Pieces): Result {
  const { low, high, interior } = view.params;
  if (isZero(low) && isZero(high) && isZero(interior)) return keepOperand(view, 0);
  const inner = innerOf(view, p.pad);
  if (inner === undefined || !isZero(interior)) return undefined;
  const first = paramsOf<Pad>(inner);
  const [value, other] = [view.inputs[1]!, inner.inputs[1]!];
  const isSame = value === other || (scalarOf(value) !== undefined && Object.is(scalarOf(value), scalarOf(other)));
  // What a negative edge cuts off does not come back.
  const adds = [...low, ...high, ...first.low, ...first.high].every((n) => n >= 0);
  if (!isSame || !adds || !isZero(first.interior)) return undefined;
  const sum = (a: List, b: List): number[] => a.map((n, d) => n + b[d]!);
  return otherEquation(p.pad, inner.inputs, { low: sum(low, first.low), high: sum(high, first.high), interior });
}

/** Axes of size 1 look the same from both ends, and what is reversed twice is not reversed. */
export function simplifyReverse(view: View<{ readonly axes: List }>, self: PrimitiveInfo): Result {
  const { shape } = view.inputs[0]!.aval;
  const axes = view.params.axes.filter((a) => shape[a] !== 1);
  if (axes.length === 0) return keepOperand(view, 0);
  const inner = innerOf(view, self);
  if (inner === undefined)
    return axes.length < view.params.axes.length ? otherEquation(self, view.inputs, { axes }) : undefined;
  const first = paramsOf<{ readonly axes: List }>(inner).axes;
  const both = [...axes.filter((a) => !first.includes(a)), ...first.filter((a) => !axes.includes(a))];
  return otherEquation(self, inner.inputs, { axes: both.toSorted((a, b) => a - b) });
}

/** Operands without elements, and a concatenation of one. */
export function simplifyConcatenate(view: View<{ readonly axis: number }>, self: PrimitiveInfo): Result {
  if (view.inputs.length === 1) return keepOperand(view, 0);
  const inputs = view.inputs.filter((x) => x.aval.shape[view.params.axis] !== 0);
  return inputs.length > 0 && inputs.length < view.inputs.length ? otherEquation(self, inputs, view.params) : undefined;
}
