/**
 * Properties that hold of every program, on random ones.
 * @module
 */
import { type Arbitrary, assert, property } from 'fast-check';
import { describe, it } from 'vitest';
import { setUpDevices } from '../../src/api/device.ts';
import { verifyProgram } from '../../src/ir/verify.ts';
import { executorNames, getExecutor, setActiveExecutor } from '../../src/core/executor.ts';
import { traceProgram } from '../../src/core/program-trace.ts';
import type { Tensor } from '../../src/core/tensor.ts';
import { batchFlat } from '../../src/transforms/batch.ts';
import { jvpFlat } from '../../src/transforms/jvp.ts';
import { Linearized } from '../../src/transforms/linearize.ts';
import { type RandomProgram, randomPrograms } from '../support/random-program.ts';
import {
  dot,
  drawLike,
  elements,
  elementsOrZero,
  expectClose,
  type FlatFunction,
  numericalJvp,
  stacked,
  unstacked,
} from '../support/samples.ts';
import { differences, differenceStep, randomProgram as rounding } from '../support/tolerances.ts';
import { runs } from '../support/runs.ts';

setUpDevices();
setActiveExecutor('reference');

const avalsOf = (xs: readonly Tensor[]): Tensor['aval'][] => xs.map((x) => x.aval);

/** Outputs on a device, eagerly and compiled, from the same numbers. */
function onDevice(name: string, program: RandomProgram): { eager: ArrayLike<number>[]; compiled: ArrayLike<number>[] } {
  const traced = traceProgram('random', avalsOf(program.inputs), program.f).program;
  verifyProgram(traced);
  setActiveExecutor(name);
  try {
    const eager = program.f(program.inputs).map(elements);
    return { eager, compiled: getExecutor(name).compile(traced, {})(program.inputs).map(elements) };
  } finally {
    setActiveExecutor('reference');
  }
}

function checkDevices(program: RandomProgram, dtype: 'float32' | 'float64'): void {
  const expected = onDevice('reference', program).eager;
  for (const name of executorNames()) {
    for (const [mode, outs] of Object.entries(onDevice(name, program))) {
      outs.forEach((o, i) => expectClose(`${name} ${mode} ${program.text}`, o, expected[i]!, rounding[dtype]));
    }
  }
}

function gradient(f: FlatFunction): FlatFunction {
  return (args) => {
    const linear = new Linearized('gradient', f, args);
    const cts = drawLike(avalsOf(linear.outs), 5);
    return linear.vjp(cts).map((g, i) => g ?? drawLike([args[i]!.aval], 0)[0]!);
  };
}

function checkTangents({ f, inputs, text }: RandomProgram): void {
  const tangents = drawLike(avalsOf(inputs), 3);
  const [outs, got] = jvpFlat('jvp', f, inputs, tangents);
  const expected = numericalJvp(f, inputs, tangents, differenceStep.float64);
  outs.forEach((o, i) => expectClose(text, elementsOrZero(got[i]!, o.aval), expected[i]!, differences.float64));
}

function checkAdjoint({ f, inputs, text }: RandomProgram): void {
  const linear = new Linearized('vjp', f, inputs);
  const [tangents, cts] = [drawLike(avalsOf(inputs), 3), drawLike(avalsOf(linear.outs), 4)];
  const forward = linear.jvp(tangents).map((t, i) => dot(elements(cts[i]!), elementsOrZero(t, linear.outs[i]!.aval)));
  const backward = linear.vjp(cts).map((c, i) => dot(elements(tangents[i]!), elementsOrZero(c, inputs[i]!.aval)));
  const sum = (xs: readonly number[]): number => xs.reduce((a, b) => a + b, 0);
  expectClose(text, [sum(backward)], [sum(forward)], rounding.float64);
}

function checkVmap({ f, inputs, text }: RandomProgram): void {
  const size = 3;
  const draws = Array.from({ length: size }, (_, b) => (b === 0 ? inputs : drawLike(avalsOf(inputs), 7 + b)));
  // The first input is shared when there are others.
  const dims = inputs.map((x, i) => (i === 0 && inputs.length > 1 ? null : x.aval.ndim));
  const args = dims.map((d, i): Tensor =>
    d === null
      ? inputs[i]!
      : stacked(
          draws.map((xs) => xs[i]!),
          d,
        ),
  );
  const [outs, outDims] = batchFlat({ size, axisName: undefined }, f, args, dims);
  draws.forEach((xs, b) => {
    const one = f(xs.map((x, i) => (dims[i] === null ? inputs[i]! : x)));
    outs.forEach((o, i) => {
      const got = outDims[i] === null ? elements(o) : unstacked(o, outDims[i]!, b);
      expectClose(`${text}, batch ${b}`, got, elements(one[i]!), rounding.float64);
    });
  });
}

const check = (programs: Arbitrary<RandomProgram>, holds: (program: RandomProgram) => void): void =>
  assert(property(programs, holds), runs(200));

describe('a random program', () => {
  it('gives the same in float64 eagerly and compiled, on every device', () => {
    check(randomPrograms('float64', false), (program) => checkDevices(program, 'float64'));
  });

  it('gives the same in float32 eagerly and compiled, on every device', () => {
    check(randomPrograms('float32', true), (program) => checkDevices(program, 'float32'));
  });

  it('has the tangents that central differences have', () => {
    check(randomPrograms('float64', true), checkTangents);
  });

  it('has a gradient whose tangents central differences have', () => {
    check(randomPrograms('float64', true), (program) => checkTangents({ ...program, f: gradient(program.f) }));
  });

  it('has a reverse mode that is the adjoint of its forward mode, also at kinks', () => {
    check(randomPrograms('float64', false), checkAdjoint);
  });

  it('has a gradient whose reverse mode is the adjoint of its forward mode', () => {
    check(randomPrograms('float64', false), (program) => checkAdjoint({ ...program, f: gradient(program.f) }));
  });

  it('gives under vmap what a loop gives', () => {
    check(randomPrograms('float64', false), checkVmap);
  });

  it('has a gradient that gives under vmap what a loop gives', () => {
    check(randomPrograms('float64', false), (program) => checkVmap({ ...program, f: gradient(program.f) }));
  });
});
