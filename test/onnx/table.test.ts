/** Every primitive as a model of its own, on every sample of its record, run by onnxruntime. */
import { describe, expect, test } from 'vitest';
import 'cotangent';
import { Aval } from '../../src/ir/aval.ts';
import { DTypeError, FileError } from '../../src/ir/errors.ts';
import { getExecutor, setActiveExecutor } from '../../src/core/executor.ts';
import { allPrimitives, type AnyPrimitive } from '../../src/core/primitive.ts';
import { traceProgram } from '../../src/core/program-trace.ts';
import { setUpDevices } from '../../src/api/device.ts';
import { exportOnnx } from 'cotangent/onnx';
import { programToOnnx } from '../../src/onnx/export.ts';
import { lowerings, unsupported } from '../../src/onnx/table.ts';
import '../../src/control/call.ts';
import { type AnySample, applied, describeSample, drawOperands } from '../support/samples.ts';
import { firstDifference } from '../support/tolerances.ts';
import { isMissingKernel, runModel } from './runtime.ts';

setUpDevices();
setActiveExecutor('reference');
const reference = getExecutor('reference');

const missing = new Set<string>();

async function check(primitive: AnyPrimitive, sample: AnySample): Promise<void> {
  const what = describeSample(sample);
  const { program } = traceProgram(primitive.name, sample.avals, applied(primitive, sample));
  const args = drawOperands(sample, 1);
  const expected = reference.compile(program, {})(args);
  let bytes: Uint8Array;
  try {
    bytes = programToOnnx(program);
  } catch (error) {
    if (!(error instanceof DTypeError)) throw error;
    missing.add(`${primitive.name} ${sample.avals[0]?.dtype} (refused)`);
    return;
  }
  const inputs = Object.fromEntries(args.map((x, i) => [`input${i}`, { aval: x.aval, data: x.dataSync() }]));
  let outs: Awaited<ReturnType<typeof runModel>>;
  try {
    outs = await runModel(bytes, inputs);
  } catch (error) {
    if (!isMissingKernel(error)) throw new Error(`${primitive.name} ${what}: ${String(error)}`);
    missing.add(`${primitive.name} ${sample.avals[0]?.dtype ?? ''}`);
    return;
  }
  expected.forEach((y, i) => {
    const got = outs[`output${i}`]!;
    expect([got.dtype, got.shape], what).toEqual([y.dtype, y.shape]);
    const tolerance = { rtol: 1e-5, atol: 1e-6 };
    expect(firstDifference(Array.from(got.data, Number), y.dataSync(), tolerance), `${what} output ${i}`).toBe(
      undefined,
    );
  });
}

describe('as a model of its own computes what it does here', () => {
  const supported = allPrimitives().filter((p) => !unsupported.has(p) && p.samples.length > 0);
  test.each(supported.map((p) => [p.name, p] as const))('%s', async (_name, primitive) => {
    for (const sample of primitive.samples) await check(primitive, sample);
  });
  test('missing', () => {
    console.log([...missing].join('\n'));
  });
});
void [Aval, FileError, exportOnnx, lowerings];
