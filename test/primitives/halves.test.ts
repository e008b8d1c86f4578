/**
 * 16-bit floats through every primitive that takes float32: the samples of the records with their float32 operands in 16 bits.
 * Operations round their result once, so a value is the float32 value, rounded; derivatives follow the float32 ones from afar.
 * @module
 */
import { describe, expect, it } from 'vitest';
import type { Aval } from '../../src/ir/aval.ts';
import { isFloat, isHalf, toRaw } from '../../src/ir/dtype.ts';
import { DTypeError } from '../../src/ir/errors.ts';
import type { HalfDType } from '../../src/ir/half.ts';
import { verifyProgram } from '../../src/ir/verify.ts';
import { getExecutor, setActiveExecutor } from '../../src/core/executor.ts';
import { allPrimitives, type AnyPrimitive } from '../../src/core/primitive.ts';
import { traceProgram } from '../../src/core/program-trace.ts';
import { type ConcreteTensor, deviceTensor, type Tensor } from '../../src/core/tensor.ts';
import { setUpDevices } from '../../src/api/device.ts';
import '../../src/primitives/index.ts';
import { jvpFlat } from '../../src/transforms/jvp.ts';
import { Linearized } from '../../src/transforms/linearize.ts';
import {
  type AnySample,
  applied,
  describeSample,
  differentiable,
  drawLike,
  drawOperands,
  elements,
  elementsOrZero,
  expectClose,
  type FlatFunction,
  outputsOf,
  restricted,
} from '../support/samples.ts';
import { backends, type Tolerance } from '../support/tolerances.ts';

setUpDevices();
setActiveExecutor('reference');
const reference = getExecutor('reference');

const narrowed = (a: Aval, dtype: HalfDType): Aval => (a.dtype === 'float32' ? a.withDType(dtype) : a);

/** The sample in 16 bits; undefined where the primitive takes no such operands, or has none. */
function inHalf(primitive: AnyPrimitive, sample: AnySample, dtype: HalfDType): AnySample | undefined {
  const half = { ...sample, avals: sample.avals.map((a) => narrowed(a, dtype)) };
  if (!half.avals.some((a) => isHalf(a.dtype))) return undefined;
  try {
    outputsOf(primitive, half);
    return half;
  } catch (e) {
    if (e instanceof DTypeError) return undefined;
    throw e;
  }
}

/** Numbers that both dtypes have. */
function operands(half: AnySample): { narrow: ConcreteTensor[]; wide: ConcreteTensor[] } {
  const narrow = drawOperands(half, 1);
  const wide = narrow.map((t) =>
    isHalf(t.dtype) ? deviceTensor(t.read().slice() as Float32Array<ArrayBuffer>, t.aval.withDType('float32')) : t,
  );
  return { narrow, wide };
}

const within = (dtype: HalfDType, places: number): Tolerance => {
  const ulp = dtype === 'float16' ? 2 ** -10 : 2 ** -7;
  return { rtol: places * ulp, atol: (places * ulp) / 2 };
};

function checkValues(primitive: AnyPrimitive, sample: AnySample, half: AnySample, dtype: HalfDType): void {
  const outAvals = outputsOf(primitive, half);
  const { narrow, wide } = operands(half);
  const what = describeSample(half);
  const got = reference.execute(primitive, narrow, half.params, outAvals);
  const expected = reference.execute(primitive, wide, sample.params, outputsOf(primitive, sample));
  got.forEach((o, i) => {
    expectClose(`${what} output ${i}`, elements(o), elements(expected[i]!), within(dtype, isHalf(o.dtype) ? 1 : 0));
    // Nothing but numbers of the dtype.
    if (isHalf(o.dtype)) expect([...elements(deviceTensor(elements(o), o.aval))]).toEqual([...elements(o)]);
  });
  checkBackend(primitive, half, got);
}

function checkBackend(primitive: AnyPrimitive, half: AnySample, expected: readonly ConcreteTensor[]): void {
  const { program } = traceProgram(primitive.name, half.avals, applied(primitive, half));
  verifyProgram(program);
  const executor = getExecutor('wasm');
  try {
    setActiveExecutor('wasm');
    const args = drawOperands(half, 1);
    const eager = executor.execute(
      primitive,
      args,
      half.params,
      expected.map((o) => o.aval),
    );
    const compiled = executor.compile(program, {})(args);
    eager.forEach((o, i) => {
      const what = `wasm ${describeSample(half)} output ${i}`;
      expect(o.aval.toString(), what).toBe(expected[i]!.aval.toString());
      expectClose(what, elements(o), elements(expected[i]!), backends['wasm']![o.aval.dtype]);
      expect(toRaw(elements(compiled[i]!), o.aval.dtype), what).toEqual(toRaw(elements(o), o.aval.dtype));
    });
  } finally {
    setActiveExecutor('reference');
  }
}

function checkTangents(primitive: AnyPrimitive, sample: AnySample, half: AnySample, dtype: HalfDType): void {
  const { narrow, wide } = operands(half);
  const wanted = differentiable(half).filter((i) => isHalf(half.avals[i]!.dtype));
  if (wanted.length === 0) return;
  const floats =
    (f: FlatFunction): FlatFunction =>
    (args) =>
      f(args).filter((o) => isFloat(o.dtype));
  const ts = drawLike(
    wanted.map((i) => half.avals[i]!),
    2,
  );
  const wideTs = ts.map((t) =>
    deviceTensor(t.read().slice() as Float32Array<ArrayBuffer>, t.aval.withDType('float32')),
  );
  const run = (p: AnySample, all: readonly Tensor[], tangents: readonly Tensor[]) => {
    const f = floats(restricted(applied(primitive, p), all, wanted));
    const primals = wanted.map((i) => all[i]!);
    const [outs, touts] = jvpFlat('jvp', f, primals, tangents);
    if (half.forwardOnly) return { outs, touts, grads: [] };
    const linear = new Linearized('vjp', f, primals);
    const cts = drawLike(
      linear.outs.map((o) => (o.dtype === 'float32' ? o.aval.withDType(dtype) : o.aval)),
      3,
    );
    const given = cts.map((c, i) =>
      deviceTensor(elements(c) as Float32Array<ArrayBuffer>, linear.outs[i]!.aval.strong()),
    );
    return { outs, touts, grads: linear.vjp(given) };
  };
  const [got, expected] = [run(half, narrow, ts), run(sample, wide, wideTs)];
  const what = describeSample(half);
  got.touts.forEach((t, i) => {
    const { aval } = got.outs[i]!;
    if (t) expect(t.aval.toString(), what).toBe(aval.strong().toString());
    expectClose(
      `${what} tangent ${i}`,
      elementsOrZero(t, aval),
      elementsOrZero(expected.touts[i]!, aval),
      within(dtype, 12),
    );
  });
  got.grads.forEach((g, i) => {
    const { aval } = narrow[wanted[i]!]!;
    if (g) expect(g.aval.toString(), what).toBe(aval.strong().toString());
    expectClose(
      `${what} gradient ${i}`,
      elementsOrZero(g, aval),
      elementsOrZero(expected.grads[i]!, aval),
      within(dtype, 12),
    );
  });
}

describe.each(['float16', 'bfloat16'] as const)('%s', (dtype) => {
  const tried = allPrimitives().map((p) => ({
    p,
    samples:
      p.calculus.kind === 'structured'
        ? []
        : p.samples.flatMap((s) => {
            const half = inHalf(p, s, dtype);
            return half === undefined ? [] : [{ s, half }];
          }),
  }));
  const taken = tried.filter(({ samples }) => samples.length > 0);

  it('is taken by what takes float32', () => {
    const refused = tried.filter(
      ({ p, samples }) =>
        samples.length === 0 &&
        p.calculus.kind !== 'structured' &&
        p.samples.some((s) => s.avals.some((a) => a.dtype === 'float32')),
    );
    expect(refused.map(({ p }) => p.name)).toEqual(['bitcast', 'next_after']);
    expect(taken.length).toBeGreaterThan(80);
  });

  it.each(taken.map(({ p, samples }) => [p.name, p, samples] as const))(
    '%s: values and derivatives',
    (_name, p, samples) => {
      for (const { s, half } of samples) {
        checkValues(p, s, half, dtype);
        checkTangents(p, s, half, dtype);
      }
    },
  );
});
