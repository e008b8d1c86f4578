/**
 * Random programs: compiled and interpreted = evaluated one equation at a time. Kernels, stores in place, donation and control flow
 * meet in ways that nobody would write down.
 * @module
 */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WasmExecutor } from '../../src/backends/wasm/executor.ts';
import { type DType, toRaw, type TypedArray } from '../../src/ir/dtype.ts';
import type { Program } from '../../src/ir/program.ts';
import { setUpDevices } from '../../src/api/device.ts';
import { evalProgram } from '../../src/core/evaluate.ts';
import { getExecutor, setActiveExecutor } from '../../src/core/executor.ts';
import { type ConcreteTensor, hostTensor } from '../../src/core/tensor.ts';
import { drawArgs, expectPlanMatches, expectResults } from './check-plan.ts';
import { chooser, randomProgram, type RandomProgram } from './random-program.ts';
import { randomRowProgram } from './random-rows.ts';
import { runs } from '../support/runs.ts';

/** A source of choices, a size, and a seed of arguments. */
const drawn = (most: number) =>
  fc.tuple(fc.infiniteStream(fc.nat(0xffff)), fc.integer({ min: 1, max: most }), fc.nat());

/** Distance of 1 to the next number. */
const roundings: Partial<Record<DType, number>> = { float16: 2 ** -10, bfloat16: 2 ** -7, float32: 2 ** -23 };

/** Numbers near 1 and below: sums are added up in an order that depends on what is fused with them. */
function expectNear(actual: TypedArray, expected: TypedArray, tolerance: number, program: Program): void {
  Array.from(expected).forEach((e, i) => {
    const isNear = Object.is(actual[i], e) || Math.abs(actual[i]! - e) <= tolerance * Math.max(1, Math.abs(e));
    if (!isNear) throw new Error(`element ${i} is ${actual[i]}, expected ${e}: ${program.toString()}`);
  });
}

describe('random programs', () => {
  it('give the results of their equations, whatever is fused and wherever it is stored', () => {
    fc.assert(
      fc.property(drawn(40), ([stream, size, seed]) => {
        const { program, donate } = randomProgram(chooser(stream), size);
        expectPlanMatches(program, drawArgs(program.inAvals, seed), '', { donate });
      }),
      runs(300),
    );
  });

  it('over rows give them too, in as many passes as it takes', () => {
    fc.assert(
      fc.property(drawn(40), ([stream, size, seed]) => {
        const { program, donate } = randomRowProgram(chooser(stream), size);
        expectPlanMatches(program, drawArgs(program.inAvals, seed), '', { donate });
      }),
      runs(300),
    );
  });

  it('over rows give them on the wasm device', () => {
    const device = new WasmExecutor();
    fc.assert(
      fc.property(drawn(30), ([stream, size, seed]) => {
        const { program } = randomRowProgram(chooser(stream), size);
        const args = drawArgs(program.inAvals, seed);
        const tensors = args.map((data, i) => hostTensor(data, program.inAvals[i]!));
        const run = device.compile(program, {});
        const results = run(tensors).map((t) => t.read());
        // Products accumulate in single precision there, one after the other.
        expectResults(program, args, results, 'wasm', 25);
      }),
      runs(60),
    );
  });

  it.each([
    ['float16', ['float16', 'float32']],
    ['bfloat16', ['bfloat16', 'float32']],
    ['both', ['float16', 'bfloat16', 'float32']],
  ] as const)(
    'in 16 bits (%s) give bit for bit what eager operations give, but for the order of sums',
    (_name, dtypes) => {
      setUpDevices();
      const device = getExecutor('wasm');
      const check = ({ program, donate }: RandomProgram, seed: number): void => {
        const args = (): ConcreteTensor[] =>
          drawArgs(program.inAvals, seed).map((data, i) => hostTensor(data, program.inAvals[i]!));
        const eager = evalProgram(program, args());
        const hasSums = /reduce_sum|cumsum|dot_general/.test(program.toString());
        device
          .compile(program, { donate })(args())
          .forEach((t, o) => {
            const expected = (eager[o] as ConcreteTensor).read();
            if (hasSums) expectNear(t.read(), expected, 4 * (roundings[t.aval.dtype] ?? 0), program);
            else expect(toRaw(t.read(), t.aval.dtype), program.toString()).toEqual(toRaw(expected, t.aval.dtype));
          });
      };
      const random = runs(40);
      setActiveExecutor('wasm');
      try {
        fc.assert(
          fc.property(drawn(25), ([stream, size, seed]) => check(randomProgram(chooser(stream), size, dtypes), seed)),
          random,
        );
        fc.assert(
          fc.property(drawn(25), ([stream, size, seed]) =>
            check(randomRowProgram(chooser(stream), size, dtypes), seed),
          ),
          random,
        );
      } finally {
        setActiveExecutor('reference');
      }
    },
  );
});
