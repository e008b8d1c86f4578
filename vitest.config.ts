/**
 * The test runner's settings. Tests import the library by its public name, and the aliases point that at the sources,
 * so a test run needs no build.
 * @module
 */
import { fileURLToPath } from 'node:url';
import type { ViteUserConfig } from 'vitest/config';

const src = fileURLToPath(new URL('./src', import.meta.url));

const config: ViteUserConfig = {
  resolve: {
    alias: [
      { find: /^cotangent$/, replacement: `${src}/index.ts` },
      { find: /^cotangent\/(.+)$/, replacement: `${src}/$1/index.ts` },
    ],
  },
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['**/node_modules/**', 'test/tooling/fixtures/**'],
    environment: 'node',
    setupFiles: ['test/support/configure.ts'],
    // Processes, so that a test that sets engine flags or measures resident memory sees only its own file.
    pool: 'forks',
    // Only the optimising compiler makes 256-bit code, and most tests are over before it would come to theirs.
    execArgv: process.env.COTANGENT_TEST_SIMD256 === '1' ? ['--expose-gc', '--no-liftoff'] : ['--expose-gc'],
    maxWorkers: 2,
    // None takes 10 s on a machine of its own; a busy one may be many times slower.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
};

export default config;
