/**
 * Every primitive of the registry, compiled and interpreted, gives what its reference rule gives.
 * @module
 */
import { describe, expect, it } from 'vitest';
import '../../src/primitives/index.ts';
import '../../src/control/call.ts';
import '../../src/control/checkpoint.ts';
import '../../src/control/cond.ts';
import '../../src/control/custom.ts';
import '../../src/control/scan.ts';
import '../../src/control/while.ts';
import { allPrimitives } from '../../src/core/primitive.ts';
import { applied, describeSample, drawOperands, outputsOf } from '../support/samples.ts';
import { expectPlanMatches, trace } from './check-plan.ts';

/** Functions that the interpreter leaves to the backends' own tests. */
const isOutside = (error: unknown): boolean =>
  error instanceof Error && error.message.startsWith('the interpreter has no');

describe('a Program of one equation computes what its reference rule says', () => {
  for (const primitive of allPrimitives()) {
    it(primitive.name, () => {
      for (const [i, sample] of primitive.samples.entries()) {
        const program = trace(sample.avals, applied(primitive, sample));
        expect(program.outAvals.map(String), describeSample(sample)).toEqual(outputsOf(primitive, sample).map(String));
        try {
          expectPlanMatches(
            program,
            drawOperands(sample, 17 + i).map((t) => t.read()),
            describeSample(sample),
          );
        } catch (error) {
          if (!isOutside(error)) throw error;
        }
      }
    });
  }
});
