/** Every primitive as a model of its own, on every sample of its record, run by onnxruntime. */
import { describe, expect, test } from 'vitest';
import { setUpDevices } from '../../src/api/device.ts';
import { callP } from '../../src/control/call.ts';
import { checkpointP } from '../../src/control/checkpoint.ts';
import { condP } from '../../src/control/cond.ts';
import { customJvpCallP } from '../../src/control/custom.ts';
import { scanP } from '../../src/control/scan.ts';
import { whileP } from '../../src/control/while.ts';
import { getExecutor, setActiveExecutor } from '../../src/core/executor.ts';
import { allPrimitives, type AnyPrimitive } from '../../src/core/primitive.ts';
import { traceProgram } from '../../src/core/program-trace.ts';
import { Aval } from '../../src/ir/aval.ts';
import { programToOnnx } from '../../src/onnx/export.ts';
import { lowerings, unsupported } from '../../src/onnx/table.ts';
import { type AnySample, applied, describeSample, drawOperands } from '../support/samples.ts';
import { firstDifference } from '../support/tolerances.ts';
import { isMissingKernel, runModel } from './runtime.ts';

setUpDevices();
setActiveExecutor('reference');
const reference = getExecutor('reference');
const controlFlow = [callP, checkpointP, condP, customJvpCallP, scanP, whileP].map((p) => p.name);

/** What ONNX has no operator for, though it has the primitive for other dtypes. */
const refused = new Set([
  'shift_left uint8',
  'shift_right_logical uint8',
  'shift_right_arithmetic uint8',
  ...['and', 'or', 'xor'].flatMap((op) => [`reduce_${op} int32`, `reduce_${op} uint32`]),
  'conv_general_dilated int32',
  'erfc float64',
]);

/** What is valid, but the runtime has no kernel for: run in float32 in place of float64. */
const withoutKernel = new Set(
  [
    'conv_general_dilated',
    'tan',
    'asin',
    'acos',
    'atan',
    'atan2',
    'sinh',
    'cosh',
    'asinh',
    'acosh',
    'atanh',
    'erf',
  ].map((name) => `${name} float64`),
);

const nameOf = (primitive: AnyPrimitive, sample: AnySample): string =>
  `${primitive.name} ${sample.avals[0]?.dtype ?? ''}`;

const inFloat32 = (sample: AnySample): AnySample => ({
  ...sample,
  avals: sample.avals.map((a) => (a.dtype === 'float64' ? new Aval(a.shape, 'float32') : a)),
});

async function check(primitive: AnyPrimitive, sample: AnySample): Promise<void> {
  const what = describeSample(sample);
  const { program } = traceProgram(primitive.name, sample.avals, applied(primitive, sample));
  if (refused.has(nameOf(primitive, sample)) && program.outAvals[0]!.size > 0) {
    expect(() => programToOnnx(program), what).toThrow(/exportOnnx: expected/);
    return;
  }
  const args = drawOperands(sample, 1);
  const expected = reference.compile(program, {})(args);
  const inputs = Object.fromEntries(args.map((x, i) => [`input${i}`, x]));
  const outs = await runModel(programToOnnx(program), inputs);
  expected.forEach((y, i) => {
    const got = outs[`output${i}`]!;
    expect([got.dtype, got.shape], what).toEqual([y.dtype, y.shape]);
    const gap = firstDifference(got.data, y.dataSync(), { rtol: 1e-5, atol: 1e-6 });
    expect(gap, `${what} output ${i}`).toBe(undefined);
  });
}

async function checkOrWithoutKernel(primitive: AnyPrimitive, sample: AnySample): Promise<void> {
  if (!withoutKernel.has(nameOf(primitive, sample))) return check(primitive, sample);
  await check(primitive, inFloat32(sample));
  await check(primitive, sample).catch((error: unknown) => {
    if (!isMissingKernel(error)) throw error;
  });
}

describe('as a model computes what it does here:', () => {
  const supported = allPrimitives().filter((p) => !unsupported.has(p) && p.samples.length > 0);
  test.each(supported.map((p) => [p.name, p] as const))('%s', async (_name, primitive) => {
    for (const sample of primitive.samples) await checkOrWithoutKernel(primitive, sample);
  });
});

test('every primitive has a lowering, or a reason why not, or is replaced by a Program', () => {
  const isKnown = (p: AnyPrimitive): boolean => lowerings.has(p) !== unsupported.has(p);
  const others = allPrimitives().filter((p) => !isKnown(p));
  const kinds = others.map(({ name, lower }) => [name, lower.kind] as const);
  expect(kinds.filter(([, kind]) => kind !== 'expand' && kind !== 'control')).toEqual([]);
  expect(kinds.map(([name]) => name)).toEqual(expect.arrayContaining(controlFlow));
});
