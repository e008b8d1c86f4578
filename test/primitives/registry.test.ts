/**
 * The table-driven suite: every rule of every primitive, on every sample of its record.
 * @module
 */
import { describe, expect, it } from 'vitest';
import { isFloat, makeTypedArray } from '../../src/ir/dtype.ts';
import { verifyProgram } from '../../src/ir/verify.ts';
import { executorNames, getExecutor, setActiveExecutor } from '../../src/core/executor.ts';
import { allPrimitives, type AnyPrimitive, type MaybeZero } from '../../src/core/primitive.ts';
import { traceProgram } from '../../src/core/program-trace.ts';
import { type ConcreteTensor, hostTensor, type Tensor } from '../../src/core/tensor.ts';
import { setUpDevices } from '../../src/api/device.ts';
import { callP } from '../../src/control/call.ts';
import { checkpointP } from '../../src/control/checkpoint.ts';
import { condP } from '../../src/control/cond.ts';
import { customJvpCallP, customVjpCallP } from '../../src/control/custom.ts';
import { scanP } from '../../src/control/scan.ts';
import { whileP } from '../../src/control/while.ts';
import * as families from '../../src/primitives/index.ts';
import { batchFlat } from '../../src/transforms/batch.ts';
import { customLinearP } from '../../src/transforms/custom-linear.ts';
import { jvpFlat } from '../../src/transforms/jvp.ts';
import { Linearized } from '../../src/transforms/linearize.ts';
import {
  type AnySample,
  applied,
  coarsest,
  describeSample,
  differentiable,
  dot,
  drawLike,
  drawOperands,
  elements,
  elementsOrZero,
  expectClose,
  type FlatFunction,
  numericalJvp,
  outputsOf,
  restricted,
  stacked,
  subsets,
  unstacked,
} from '../support/samples.ts';
import { backends, differences, differenceStep, rounding } from '../support/tolerances.ts';

setUpDevices();
setActiveExecutor('reference');
const reference = getExecutor('reference');

/** Samples of a primitive that have derivatives of an order, with operands and the positions differentiated in. */
function differentiableSamples(primitive: AnyPrimitive, order: number): { sample: AnySample; wanted: number[] }[] {
  return primitive.samples.flatMap((sample) => {
    const wanted = differentiable(sample);
    const hasFloatResult = outputsOf(primitive, sample).some((a) => isFloat(a.dtype));
    const hasOrder = (sample.maxOrder ?? Infinity) >= order;
    return wanted.length > 0 && hasFloatResult && hasOrder ? [{ sample, wanted }] : [];
  });
}

interface Point {
  readonly f: FlatFunction;
  readonly primals: readonly ConcreteTensor[];
  readonly tangents: readonly ConcreteTensor[];
  readonly what: string;
  readonly dtype: 'float32' | 'float64';
}

function pointOf(primitive: AnyPrimitive, sample: AnySample, wanted: readonly number[]): Point {
  const args = drawOperands(sample, 1);
  const primals = wanted.map((i) => args[i]!);
  const avals = [...primals.map((p) => p.aval), ...outputsOf(primitive, sample)];
  return {
    f: restricted(applied(primitive, sample), args, wanted),
    primals,
    tangents: drawLike(
      primals.map((p) => p.aval),
      2,
    ),
    what: describeSample(sample),
    dtype: coarsest(avals),
  };
}

/** Float results only. */
const floats =
  (f: FlatFunction): FlatFunction =>
  (args) =>
    f(args).filter((o) => isFloat(o.dtype));

/** The cotangents of all operands as a function of the operands. */
function gradientOf(f: FlatFunction, cts: readonly Tensor[]): FlatFunction {
  return (args) => {
    const linear = new Linearized('gradient', floats(f), args);
    return linear.vjp(cts).map((g, i) => g ?? zerosLike(args[i]!));
  };
}

const zerosLike = (x: Tensor): Tensor => hostTensor(makeTypedArray(x.dtype, x.size), x.aval.strong());

function checkShapes(primitive: AnyPrimitive, sample: AnySample): void {
  const expected = outputsOf(primitive, sample);
  const { program } = traceProgram(primitive.name, sample.avals, applied(primitive, sample));
  verifyProgram(program);
  const outs = reference.compile(program, {})(drawOperands(sample, 1));
  expect(outs.map((o) => o.aval.toString())).toEqual(expected.map((a) => a.toString()));
  outs.forEach((o, i) => {
    const data = o.read();
    expect(data.constructor).toBe(makeTypedArray(expected[i]!.dtype, 0).constructor);
    expect(data.length).toBe(expected[i]!.size);
  });
}

function checkJvp(p: Point): void {
  const f = floats(p.f);
  const [outs, tangents] = jvpFlat('jvp', f, p.primals, p.tangents);
  const expected = numericalJvp(f, p.primals, p.tangents, differenceStep[p.dtype]);
  outs.forEach((o, i) => {
    if (tangents[i]) expect(tangents[i].aval.toString(), p.what).toBe(o.aval.strong().toString());
    expectClose(`${p.what} output ${i}`, elementsOrZero(tangents[i]!, o.aval), expected[i]!, differences[p.dtype]);
  });
}

function checkAdjoint(p: Point): void {
  const linear = new Linearized('vjp', floats(p.f), p.primals);
  const tangents = linear.jvp(p.tangents);
  const cts = drawLike(
    linear.outs.map((o) => o.aval),
    3,
  );
  const cotangents = linear.vjp(cts);
  const forward = linear.outs.map((o, i) => dot(elements(cts[i]!), elementsOrZero(tangents[i]!, o.aval)));
  const backward = p.primals.map((x, i) => dot(elements(p.tangents[i]!), elementsOrZero(cotangents[i]!, x.aval)));
  const sum = (xs: number[]): number => xs.reduce((a, b) => a + b, 0);
  cotangents.forEach((c, i) => {
    if (c) expect(c.aval.toString(), p.what).toBe(p.primals[i]!.aval.strong().toString());
  });
  expectClose(p.what, [sum(backward)], [sum(forward)], rounding[p.dtype]);
}

function checkSecondOrder(p: Point): void {
  const cts = drawLike(
    floats(p.f)(p.primals).map((o) => o.aval),
    3,
  );
  const gradient = gradientOf(p.f, cts);
  const [, tangents] = jvpFlat('jvp', gradient, p.primals, p.tangents);
  const expected = numericalJvp(gradient, p.primals, p.tangents, differenceStep[p.dtype]);
  p.primals.forEach((x, i) => {
    expectClose(`${p.what} operand ${i}`, elementsOrZero(tangents[i]!, x.aval), expected[i]!, differences[p.dtype]);
  });
}

function checkReverseOverReverse(p: Point): void {
  const cts = drawLike(
    floats(p.f)(p.primals).map((o) => o.aval),
    3,
  );
  checkAdjoint({ ...p, f: gradientOf(p.f, cts) });
}

const batchSize = 2;
const context = { size: batchSize, axisName: undefined };

/** Every operand drawn twice, and stacked where it is mapped. */
function batchedOperands(
  sample: AnySample,
  mapped: readonly number[],
  shift: number,
): { each: Tensor[][]; args: Tensor[]; dims: (number | null)[] } {
  const draws = Array.from({ length: batchSize }, (_, b) => drawOperands(sample, 10 + b));
  const dims = sample.avals.map((a, i) => (mapped.includes(i) ? (i + shift) % (a.ndim + 1) : null));
  const each = draws.map((args) => args.map((x, i): Tensor => (dims[i] === null ? draws[0]![i]! : x)));
  const args = dims.map((d, i): Tensor =>
    d === null
      ? draws[0]![i]!
      : stacked(
          draws.map((x) => x[i]!),
          d,
        ),
  );
  return { each, args, dims };
}

function checkVmap(primitive: AnyPrimitive, sample: AnySample, mapped: readonly number[], shift: number): void {
  const f = applied(primitive, sample);
  const { each, args, dims } = batchedOperands(sample, mapped, shift);
  const expected = each.map((one) => f(one));
  const [outs, outDims] = batchFlat(context, f, args, dims);
  const what = `${describeSample(sample)} mapped at ${JSON.stringify(dims)}`;
  outs.forEach((o, i) => {
    for (let b = 0; b < batchSize; b++) {
      const got = outDims[i] === null ? elements(o) : unstacked(o, outDims[i]!, b);
      const one = expected[b]![i]!;
      const shape = o.aval.shape.filter((_, d) => d !== outDims[i]);
      expect(shape, what).toEqual(one.aval.shape);
      expect(o.aval.dtype, what).toBe(one.aval.dtype);
      expectClose(`${what}, batch ${b}, output ${i}`, got, elements(one), rounding[one.aval.dtype]);
    }
  });
}

function checkVmapOfJvp(primitive: AnyPrimitive, sample: AnySample, wanted: readonly number[]): void {
  const every = sample.avals.map((_, i) => i);
  const { args, dims } = batchedOperands(sample, every, 0);
  const n = args.length;
  const tangents = drawLike(
    wanted.map((i) => args[i]!.aval),
    4,
  );
  const f = floats(applied(primitive, sample));
  const withTangents = (xs: readonly Tensor[], ts: readonly Tensor[]): MaybeZero[] =>
    xs.map((_, i) => (wanted.includes(i) ? ts[wanted.indexOf(i)]! : null));
  const jvpOf: FlatFunction = (xs) => {
    const [outs, touts] = jvpFlat('jvp', f, xs.slice(0, n), withTangents(xs.slice(0, n), xs.slice(n)));
    return touts.map((t, i) => t ?? zerosLike(outs[i]!));
  };
  const allDims = [...dims, ...wanted.map((i) => dims[i]!)];
  const [inner, innerDims] = batchFlat(context, jvpOf, [...args, ...tangents], allDims);
  let outDims: readonly (number | null)[] = [];
  const vmapped: FlatFunction = (xs) => {
    const [outs, d] = batchFlat(context, f, xs, dims);
    outDims = d;
    return outs;
  };
  const [outs, outer] = jvpFlat('jvp', vmapped, args, withTangents(args, tangents));
  outs.forEach((o, i) => {
    for (let b = 0; b < batchSize; b++) {
      const slice = (t: Tensor, d: number | null): ArrayLike<number> => (d === null ? elements(t) : unstacked(t, d, b));
      const got = slice(inner[i]!, innerDims[i]!);
      const expected = outer[i] ? slice(outer[i], outDims[i]!) : Array.from({ length: got.length }, () => 0);
      expectClose(
        `${describeSample(sample)}, output ${i} of ${o.aval.toString()}`,
        got,
        expected,
        rounding[coarsest([o.aval])],
      );
    }
  });
}

function checkBackend(name: string, primitive: AnyPrimitive, sample: AnySample): void {
  const outAvals = outputsOf(primitive, sample);
  const expected = reference.execute(primitive, drawOperands(sample, 1), sample.params, outAvals);
  const executor = getExecutor(name);
  const { program } = traceProgram(primitive.name, sample.avals, applied(primitive, sample));
  try {
    setActiveExecutor(name);
    const args = drawOperands(sample, 1);
    const runs = {
      eager: executor.execute(primitive, args, sample.params, outAvals),
      compiled: executor.compile(program, {})(args),
    };
    for (const [mode, outs] of Object.entries(runs)) {
      outs.forEach((o, i) => {
        const what = `${name} ${mode} ${describeSample(sample)} output ${i}`;
        expect(o.aval.toString(), what).toBe(outAvals[i]!.toString());
        expectClose(what, elements(o), elements(expected[i]!), backends[name]![o.aval.dtype]);
      });
    }
  } finally {
    setActiveExecutor('reference');
  }
}

const isRecord = (x: unknown): x is AnyPrimitive => typeof x === 'object' && x !== null && 'abstractEval' in x;

describe('the registry', () => {
  it('holds every record that the families and the control flow declare', () => {
    const control: readonly unknown[] = [callP, checkpointP, condP, scanP, whileP];
    const declared = [...Object.values(families), ...control].filter(isRecord);
    const registered = new Set(allPrimitives());
    expect(declared.length).toBeGreaterThan(90);
    expect(declared.filter((p) => !registered.has(p)).map((p) => p.name)).toEqual([]);
  });

  it('has no name twice', () => {
    const names = allPrimitives().map((p) => p.name);
    expect(names.filter((n, i) => names.indexOf(n) !== i)).toEqual([]);
  });
});

/** They carry a user's functions; the tests of `customJvp` and `customVjp` cover them. */
const carriesUserFunctions: ReadonlySet<string> = new Set([
  customJvpCallP.name,
  customVjpCallP.name,
  customLinearP.name,
]);

const table = allPrimitives().filter((p) => !carriesUserFunctions.has(p.name));

describe.each(table.map((p) => [p.name, p] as const))('%s', (_name, primitive) => {
  it('has samples', () => {
    expect(primitive.samples.length).toBeGreaterThan(0);
  });

  it('gives results of the shapes and dtypes that abstract evaluation predicts', () => {
    for (const sample of primitive.samples) checkShapes(primitive, sample);
  });

  const first = differentiableSamples(primitive, 1);
  it.runIf(first.length > 0)('has the tangents that central differences have', () => {
    for (const { sample, wanted } of first) checkJvp(pointOf(primitive, sample, wanted));
  });

  const reversible = first.filter(({ sample }) => !sample.forwardOnly);
  it.runIf(reversible.length > 0)('has a reverse mode that is the adjoint of its forward mode', () => {
    for (const { sample, wanted } of reversible) checkAdjoint(pointOf(primitive, sample, wanted));
  });

  const several = reversible.filter(({ wanted }) => wanted.length > 1);
  it.runIf(several.length > 0)('has a derivative in each operand alone', () => {
    for (const { sample, wanted } of several) for (const i of wanted) checkAdjoint(pointOf(primitive, sample, [i]));
  });

  const second = differentiableSamples(primitive, 2).filter(({ sample }) => !sample.forwardOnly);
  it.runIf(second.length > 0)('has second derivatives, forward over reverse, that central differences have', () => {
    for (const { sample, wanted } of second) checkSecondOrder(pointOf(primitive, sample, wanted));
  });

  it.runIf(second.length > 0)('has a reverse mode over reverse that is the adjoint of forward over reverse', () => {
    for (const { sample, wanted } of second) checkReverseOverReverse(pointOf(primitive, sample, wanted));
  });

  const mappable = primitive.samples.filter((s) => s.avals.length > 0);
  it.runIf(mappable.length > 0)(
    'gives under vmap what a loop gives, whichever operands are mapped and at whichever axis',
    () => {
      for (const sample of mappable) {
        const rank = Math.max(...sample.avals.map((a) => a.ndim));
        for (const mapped of subsets(sample.avals.length)) {
          for (let shift = 0; shift <= rank; shift++) checkVmap(primitive, sample, mapped, shift);
        }
      }
    },
  );

  it.runIf(first.length > 0)('has equal tangents whether vmap or jvp comes first', () => {
    for (const { sample, wanted } of first) checkVmapOfJvp(primitive, sample, wanted);
  });

  it.each(executorNames().filter((n) => n !== 'reference'))(
    'agrees with the reference on %s, eager and compiled',
    (name) => {
      for (const sample of primitive.samples) checkBackend(name, primitive, sample);
    },
  );
});
