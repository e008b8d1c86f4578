/**
 * The settings that `npm test` asks for reach the library.
 * @module
 */
import { config } from 'cotangent';
import { expect, it } from 'vitest';

it('runs with the settings of this configuration', () => {
  expect(config.threads).toBe(Number(process.env.COTANGENT_TEST_THREADS ?? '1'));
  expect(config.simd256).toBe(process.env.COTANGENT_TEST_SIMD256 === '1');
});
