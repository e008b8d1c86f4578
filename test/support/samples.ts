/**
 * Operands and comparisons for the suites that walk the registry.
 * @module
 */
import { Aval } from '../../src/ir/aval.ts';
import { isFloat, makeTypedArray, type TypedArray } from '../../src/ir/dtype.ts';
import { type AnyPrimitive, type MaybeZero, recordOf, type Sample } from '../../src/core/primitive.ts';
import { type ConcreteTensor, deviceTensor, type Tensor } from '../../src/core/tensor.ts';
import { bind } from '../../src/core/trace.ts';
import { firstDifference, type Tolerance } from './tolerances.ts';

export type AnySample = Sample<object>;
export type FlatFunction = (args: readonly Tensor[]) => Tensor[];

/** Uniform numbers in [0, 1) that depend on the seed only (mulberry32, public domain, T. Ettinger). */
export function randomSource(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const out = [...items];
  for (let i = out.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [out[i], out[j]] = [out[j]!, out[i]!];
  }
  return out;
}

/** Kinks of the library's functions lie at multiples of ½: numbers nearer than this are moved away, to distinct places. */
const KINK_DISTANCE = 0.05;

function awayFromKinks(x: number, [lo, hi]: Range): number {
  const kink = Math.round(2 * x) / 2;
  const distance = Math.abs(x - kink);
  if (distance >= KINK_DISTANCE) return x;
  const moves = [kink + KINK_DISTANCE + distance, kink - KINK_DISTANCE - distance];
  const [preferred, other] = x >= kink ? moves : moves.reverse();
  return preferred! > lo && preferred! < hi ? preferred! : other!;
}

/** `n` numbers of a range, all different, in random order: one from each of `n` equal parts. */
function spread(n: number, range: Range, random: () => number): number[] {
  const [lo, hi] = range;
  const values = Array.from({ length: n }, (_, i) => lo + ((i + 0.25 + 0.5 * random()) / n) * (hi - lo));
  return shuffled(values, random).map((x) => awayFromKinks(x, range));
}

type Range = readonly [number, number];

function drawIntegers(aval: Aval, random: () => number): TypedArray {
  const out = makeTypedArray(aval.dtype, aval.size);
  const count = aval.dtype === 'bool' ? 2 : 8;
  const shift = aval.dtype === 'int32' ? 4 : 0;
  for (let i = 0; i < out.length; i++) out[i] = Math.floor(random() * count) - shift;
  return out;
}

/** Floats of several arrays with one range are drawn together, so that no two are equal. */
function drawAll(avals: readonly Aval[], rangeOf: (i: number) => Range, random: () => number): TypedArray[] {
  const pools = new Map<string, number[]>();
  const key = (i: number): string => rangeOf(i).join();
  avals.forEach((a, i) => {
    if (!isFloat(a.dtype) || pools.has(key(i))) return;
    const total = avals.reduce((sum, b, j) => (isFloat(b.dtype) && key(j) === key(i) ? sum + b.size : sum), 0);
    pools.set(key(i), spread(total, rangeOf(i), random));
  });
  return avals.map((a, i) => {
    if (!isFloat(a.dtype)) return drawIntegers(a, random);
    const out = makeTypedArray(a.dtype, a.size);
    out.set(pools.get(key(i))!.splice(0, a.size));
    return out;
  });
}

const isRange = (domain: NonNullable<AnySample['domain']>): domain is Range => typeof domain[0] === 'number';

function rangeOf(sample: AnySample, operand: number): Range {
  const domain = sample.domain ?? [-2, 2];
  return isRange(domain) ? domain : domain[operand]!;
}

/** Operands of a sample. */
export function drawOperands(sample: AnySample, seed: number): ConcreteTensor[] {
  const drawn = drawAll(sample.avals, (i) => rangeOf(sample, i), randomSource(seed));
  return sample.avals.map((aval, i) => {
    const data = sample.data?.[i];
    if (data) drawn[i]!.set(data);
    return deviceTensor(drawn[i]!, aval);
  });
}

/** A tangent or cotangent: numbers around 1 in size, of either sign. */
export function drawLike(avals: readonly Aval[], seed: number): ConcreteTensor[] {
  const drawn = drawAll(avals, () => [-1.5, 1.5], randomSource(seed ^ 0x9e3779b9));
  return avals.map((a, i) => deviceTensor(drawn[i]!, a.strong()));
}

/** Operands that the sample is differentiated in. */
export function differentiable(sample: AnySample): number[] {
  return sample.avals.flatMap((a, i) => {
    const isWanted = sample.differentiable?.includes(i) ?? true;
    return isFloat(a.dtype) && isWanted ? [i] : [];
  });
}

export const outputsOf = (primitive: AnyPrimitive, sample: AnySample): readonly Aval[] =>
  primitive.abstractEval(sample.avals, sample.params);

export const applied =
  (primitive: AnyPrimitive, sample: AnySample): FlatFunction =>
  (args) =>
    bind(recordOf({ primitive }), args, sample.params);

/** The function of some operands only; the others stay as they are. */
export function restricted(f: FlatFunction, args: readonly Tensor[], wanted: readonly number[]): FlatFunction {
  return (some) => {
    const full = [...args];
    wanted.forEach((i, k) => (full[i] = some[k]!));
    return f(full);
  };
}

export const elements = (t: Tensor): TypedArray => t.dataSync();

/** Elements of a tangent, or zeros for a symbolic zero. */
export const elementsOrZero = (t: MaybeZero, aval: Aval): ArrayLike<number> =>
  t === null ? Array.from({ length: aval.size }, () => 0) : elements(t);

/** x + Σ step·direction, in the arithmetic of x's dtype. */
export function displaced(x: Tensor, direction: Tensor, step: number): Tensor {
  const [a, d] = [elements(x), elements(direction)];
  const out = makeTypedArray(x.dtype, a.length);
  for (let i = 0; i < a.length; i++) out[i] = a[i]! + step * d[i]!;
  return deviceTensor(out, x.aval);
}

/** Directional derivative of every output by central differences of fourth order. */
export function numericalJvp(
  f: FlatFunction,
  primals: readonly Tensor[],
  tangents: readonly Tensor[],
  step: number,
): Float64Array[] {
  const at = (k: number): Tensor[] => f(primals.map((p, i) => displaced(p, tangents[i]!, k * step)));
  const [m2, m1, p1, p2] = [at(-2), at(-1), at(1), at(2)].map((outs) => outs.map(elements));
  return p1!.map((right, o) => {
    const result = new Float64Array(right.length);
    for (let i = 0; i < right.length; i++) {
      result[i] = (8 * (right[i]! - m1![o]![i]!) - (p2![o]![i]! - m2![o]![i]!)) / (12 * step);
    }
    return result;
  });
}

export const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
};

/** The least precise float dtype among several avals: it bounds what a comparison can show. */
export function coarsest(avals: readonly Aval[]): 'float32' | 'float64' {
  return avals.some((a) => a.dtype === 'float32') ? 'float32' : 'float64';
}

export const describeSample = (sample: AnySample): string =>
  `(${sample.avals.map((a) => a.toString()).join(', ')}) ${showParams(sample.params)}`;

function showParams(params: object): string {
  const show = (v: unknown): string => {
    if (Array.isArray(v)) return `[${v.map(show).join(',')}]`;
    return typeof v === 'object' && v !== null && v.constructor !== Object
      ? v.constructor.name
      : (JSON.stringify(v) ?? String(v));
  };
  const entries = Object.entries(params).map(([k, v]) => `${k}: ${show(v)}`);
  return entries.length === 0 ? '' : `{${entries.join(', ')}}`;
}

/** Throws, naming sample and quantity, if two lists of numbers differ. */
export function expectClose(
  what: string,
  got: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: Tolerance,
): void {
  const difference = firstDifference(got, expected, tolerance);
  if (difference !== undefined) throw new Error(`${what}: ${difference}`);
}

/** Stacks the elements of several tensors of one aval along a new axis. */
export function stacked(tensors: readonly Tensor[], axis: number): ConcreteTensor {
  const { shape, dtype } = tensors[0]!.aval;
  const n = tensors.length;
  const inner = shape.slice(axis).reduce((a, b) => a * b, 1);
  const data = makeTypedArray(dtype, n * tensors[0]!.size);
  tensors.forEach((t, b) => {
    elements(t).forEach((x, i) => {
      data[Math.floor(i / inner) * n * inner + b * inner + (i % inner)] = x;
    });
  });
  return deviceTensor(data, new Aval([...shape.slice(0, axis), n, ...shape.slice(axis)], dtype));
}

/** Elements at position `b` of an axis. */
export function unstacked(t: Tensor, axis: number, b: number): number[] {
  const { shape } = t.aval;
  const n = shape[axis]!;
  const inner = shape.slice(axis + 1).reduce((x, y) => x * y, 1);
  const data = elements(t);
  const out: number[] = [];
  for (let i = 0; i < data.length; i++) if (Math.floor(i / inner) % n === b) out.push(data[i]!);
  return out;
}

/** Non-empty subsets of `0…n−1`; beyond 4 only the single ones, the pairs of neighbours, and all. */
export function subsets(n: number): number[][] {
  const all = Array.from({ length: n }, (_, i) => i);
  if (n <= 4) {
    return Array.from({ length: 2 ** n - 1 }, (_, mask) => all.filter((i) => ((mask + 1) >> i) % 2 === 1));
  }
  return [...all.map((i) => [i]), ...all.slice(1).map((i) => [i - 1, i]), all];
}
