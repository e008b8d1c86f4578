/**
 * Random programs: compiled and interpreted = evaluated one equation at a time. Kernels, stores in place, donation and control flow
 * meet in ways that nobody would write down.
 * @module
 */
import * as fc from 'fast-check';
import { describe, it } from 'vitest';
import { WasmExecutor } from '../../src/backends/wasm/executor.ts';
import { hostTensor } from '../../src/core/tensor.ts';
import { drawArgs, expectPlanMatches, expectResults } from './check-plan.ts';
import { chooser, randomProgram } from './random-program.ts';
import { randomRowProgram } from './random-rows.ts';

describe('random programs', () => {
  it('give the results of their equations, whatever is fused and wherever it is stored', () => {
    fc.assert(
      fc.property(
        fc.infiniteStream(fc.nat(0xffff)),
        fc.integer({ min: 1, max: 40 }),
        fc.nat(),
        (stream, size, seed) => {
          const { program, donate } = randomProgram(chooser(stream), size);
          expectPlanMatches(program, drawArgs(program.inAvals, seed), '', { donate });
        },
      ),
      { numRuns: 300 },
    );
  });

  it('over rows give them too, in as many passes as it takes', () => {
    fc.assert(
      fc.property(
        fc.infiniteStream(fc.nat(0xffff)),
        fc.integer({ min: 1, max: 40 }),
        fc.nat(),
        (stream, size, seed) => {
          const { program, donate } = randomRowProgram(chooser(stream), size);
          expectPlanMatches(program, drawArgs(program.inAvals, seed), '', { donate });
        },
      ),
      { numRuns: 300 },
    );
  });

  it('over rows give them on the wasm device', () => {
    const device = new WasmExecutor();
    fc.assert(
      fc.property(
        fc.infiniteStream(fc.nat(0xffff)),
        fc.integer({ min: 1, max: 30 }),
        fc.nat(),
        (stream, size, seed) => {
          const { program } = randomRowProgram(chooser(stream), size);
          const args = drawArgs(program.inAvals, seed);
          const tensors = args.map((data, i) => hostTensor(data, program.inAvals[i]!));
          const results = device
            .compile(
              program,
              {},
            )(tensors)
            .map((t) => t.read());
          // Products accumulate in single precision there, one after the other.
          expectResults(program, args, results, 'wasm', 25);
        },
      ),
      { numRuns: 60 },
    );
  });
});
