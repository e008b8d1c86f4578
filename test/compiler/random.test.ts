/**
 * Random programs: compiled and interpreted = evaluated one equation at a time. Kernels, stores in place, donation and control flow
 * meet in ways that nobody would write down.
 * @module
 */
import * as fc from 'fast-check';
import { describe, it } from 'vitest';
import { drawArgs, expectPlanMatches } from './check-plan.ts';
import { chooser, randomProgram } from './random-program.ts';

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
});
