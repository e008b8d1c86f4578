/**
 * Runs before each test file: gives the library the settings that `npm test` runs the suite with.
 *
 * | variable                 | setting                    |
 * | ------------------------ | -------------------------- |
 * | `COTANGENT_TEST_THREADS` | `config.threads`, a number |
 * | `COTANGENT_TEST_SIMD256` | `config.simd256`, 0 or 1   |
 *
 * @module
 */
import { settings } from '../../src/core/config.ts';

// Not the library's own `configure`: some files test what importing the library does.
settings.threads = Number(process.env.COTANGENT_TEST_THREADS ?? '1');
settings.simd256 = process.env.COTANGENT_TEST_SIMD256 === '1';
// Tests compile the same functions over and over; the warning has tests of its own.
settings.recompileWarningLimit = Number.POSITIVE_INFINITY;
