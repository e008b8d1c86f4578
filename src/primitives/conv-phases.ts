/**
 * Convolution of an operand with holes (transposed convolution, and the gradient of one with strides) without multiplying by the
 * zeros in them: the positions of the result fall into phases, in each of which only some elements of the kernel meet elements of
 * the operand. Each phase is a plain convolution with those.
 * May import: `ir`, `core`, `primitives/{strided-view,conv-shape}`.
 * @module
 */
import { constant, type Expr, int, linearize, load } from '../ir/loop/expr.ts';
import type { KernelBuilder } from '../ir/loop/kernel.ts';
import { rowMajorStrides, sizeOf } from '../ir/shape.ts';
import type { ConvArrays } from './conv-lower.ts';
import type { ConvParams } from './conv-shape.ts';
import { offsetOf } from './strided-view.ts';

/** One phase of one axis: results `first`, `first` + dilation, …, and kernel elements `tap`, `tap` + `tapStep`, … */
interface AxisPhase {
  readonly first: number;
  readonly count: number;
  readonly tap: number;
  readonly tapStep: number;
  readonly taps: number;
  /** Distance of those kernel elements in the operand without holes, and the padding before it. */
  readonly dilation: number;
  readonly low: number;
}

/** More phases than this have hardly any elements each. */
const mostPhases = 16;

interface AxisGeometry {
  readonly out: number;
  readonly kernel: number;
  readonly lhsDilation: number;
  readonly rhsDilation: number;
  readonly low: number;
}

/**
 * Result o meets kernel element k at position o + k·r - low of the dilated operand, which is an element where that is a multiple
 * of the dilation d. For o = first + d·q these k are d / gcd(r, d) apart, and the position divided by d is
 * q + (first + tap·r - low)/d + t·(tapStep·r/d).
 */
function phasesOf({ out, kernel, lhsDilation: d, rhsDilation: r, low }: AxisGeometry): AxisPhase[] {
  const tapStep = d / greatestDivisor(r, d);
  return Array.from({ length: Math.min(d, out) }, (_, first) => {
    let tap = 0;
    while (tap < tapStep && (first + tap * r - low) % d !== 0) tap++;
    const taps = tap === tapStep || tap >= kernel ? 0 : Math.ceil((kernel - tap) / tapStep);
    const count = Math.ceil((out - first) / d);
    return { first, count, tap, tapStep, taps, dilation: (tapStep * r) / d, low: -(first + tap * r - low) / d };
  });
}

const greatestDivisor = (x: number, y: number): number => (y === 0 ? x : greatestDivisor(y, x % y));

type Convolve = (b: KernelBuilder, arrays: ConvArrays, params: ConvParams) => void;

/** Whether the convolution has such holes, and has been written, by phases. */
export function lowerByPhases(b: KernelBuilder, arrays: ConvArrays, params: ConvParams, convolve: Convolve): boolean {
  const { dimensionNumbers: n, lhsDilation, rhsDilation, windowStrides, padding } = params;
  const count = lhsDilation.reduce((product, d) => product * d, 1);
  const isStrided = lhsDilation.some((d, i) => d > 1 && windowStrides[i] !== 1);
  if (count === 1 || count > mostPhases || isStrided) return false;
  const axes = lhsDilation.map((d, i) => {
    const out = arrays.out.aval.shape[n.out[i + 2]!]!;
    if (d === 1) return [undefined];
    const kernel = arrays.rhs.aval.shape[n.rhs[i + 2]!]!;
    return phasesOf({ out, kernel, lhsDilation: d, rhsDilation: rhsDilation[i]!, low: padding[i]![0] });
  });
  for (const phases of combinations(axes)) lowerPhase(b, arrays, params, phases, convolve);
  return true;
}

function combinations<T>(lists: readonly (readonly T[])[]): T[][] {
  return lists.reduce<T[][]>((all, list) => all.flatMap((head) => list.map((x) => [...head, x])), [[]]);
}

function lowerPhase(
  b: KernelBuilder,
  { lhs, rhs, out }: ConvArrays,
  params: ConvParams,
  phases: readonly (AxisPhase | undefined)[],
  convolve: Convolve,
): void {
  const { dimensionNumbers: n } = params;
  const pick = (numbers: readonly number[], shape: readonly number[], of: (p: AxisPhase) => number): number[] =>
    shape.map((whole, axis) => {
      const phase = phases[numbers.indexOf(axis) - 2];
      return phase === undefined ? whole : of(phase);
    });
  const ones = (shape: readonly number[]): number[] => shape.map(() => 1);
  const zeros = (shape: readonly number[]): number[] => shape.map(() => 0);
  const outShape = pick(n.out, out.aval.shape, (p) => p.count);
  const outSteps = pick(n.out, ones(outShape), (p) => params.lhsDilation[phases.indexOf(p)]!);
  const toOut = strided(out.aval.shape, outShape, pick(n.out, zeros(outShape), (p) => p.first), outSteps); // prettier-ignore
  if (phases.some((p) => p?.taps === 0)) {
    b.parallel(outShape, (index) => b.store(out.buffer, toOut(index), constant(0, out.aval.dtype)));
    return;
  }
  const rhsShape = pick(n.rhs, rhs.aval.shape, (p) => p.taps);
  const rhsSteps = pick(n.rhs, ones(rhsShape), (p) => p.tapStep);
  const fromRhs = strided(rhs.aval.shape, rhsShape, pick(n.rhs, zeros(rhsShape), (p) => p.tap), rhsSteps); // prettier-ignore
  const kernel = { aval: rhs.aval.withShape(rhsShape), buffer: b.scratch(rhs.aval.dtype, sizeOf(rhsShape)) };
  const result = { aval: out.aval.withShape(outShape), buffer: b.scratch(out.aval.dtype, sizeOf(outShape)) };
  b.parallel(rhsShape, (index) => b.store(kernel.buffer, linearize(index, rhsShape), load(rhs.buffer, fromRhs(index))));
  convolve(
    b,
    { lhs, rhs: kernel, out: result },
    {
      ...params,
      lhsDilation: ones(phases.map(() => 1)),
      rhsDilation: phases.map((p, i) => p?.dilation ?? params.rhsDilation[i]!),
      padding: phases.map((p, i): readonly [number, number] => (p === undefined ? params.padding[i]! : [p.low, 0])),
    },
  );
  b.parallel(outShape, (index) => b.store(out.buffer, toOut(index), load(result.buffer, linearize(index, outShape))));
}

/** Offset in an array of `whole` shape of element `index` of the part that begins at `first` and goes on in `steps`. */
function strided(
  whole: readonly number[],
  part: readonly number[],
  first: readonly number[],
  steps: readonly number[],
): (index: readonly Expr[]) => Expr {
  const strides = rowMajorStrides(whole);
  const start = first.reduce((sum, e, d) => sum + e * strides[d]!, 0);
  const axes = part.map((extent, d) => ({ extent, stride: steps[d]! * strides[d]! }));
  return (index) => offsetOf(index, axes, int(start));
}
