/**
 * How often a property is tried, and on which examples: the same ones in every run of the suite, so that what fails fails again.
 *
 * | variable              | meaning                                                              |
 * | --------------------- | -------------------------------------------------------------------- |
 * | `COTANGENT_TEST_SEED` | draws other examples; a whole number                                 |
 * | `COTANGENT_TEST_RUNS` | tries each property so many times as often; give a seed along with it |
 *
 * @module
 */
const seed = Number(process.env.COTANGENT_TEST_SEED ?? '20261130');
const factor = Number(process.env.COTANGENT_TEST_RUNS ?? '1');

export const runs = (numRuns: number): { numRuns: number; seed: number } => ({ numRuns: numRuns * factor, seed });
