/**
 * The test runner's settings. Tests import the library by its public name, and the aliases point that at the sources,
 * so a test run needs no build.
 *
 * Loading the library costs more than most files' tests do. Those that only compute therefore share processes (the project
 * `shared`), each file starting from the same settings (`test/support/shared.ts`); those that set engine flags, stand in for a
 * module, or ask for memory, caches, places and times have a process of their own (`alone`).
 * @module
 */
import { fileURLToPath } from 'node:url';
import type { ViteUserConfig } from 'vitest/config';

const src = fileURLToPath(new URL('./src', import.meta.url));

/** Folders whose tests only compute, but for files on how work grows, and on all primitives that are loaded. */
const shared = [
  'api',
  'control',
  'golden',
  'interop',
  'ir',
  'nn',
  'onnx',
  'optim',
  'primitives',
  'random',
  'tf',
  'torch',
  'transforms',
  'util',
].map((folder) => `test/${folder}/**/!(scaling|registry|table).test.ts`);

/** Left out of this run by `scripts/test.ts`. (The runner's own `--exclude` does not reach projects.) */
const left = (process.env.COTANGENT_TEST_EXCLUDE ?? '').split(' ').filter((pattern) => pattern !== '');

const never = ['**/node_modules/**', 'test/tooling/fixtures/**', ...left];
const setup = 'test/support/configure.ts';

const config: ViteUserConfig = {
  resolve: {
    alias: [
      { find: /^cotangent$/, replacement: `${src}/index.ts` },
      { find: /^cotangent\/(.+)$/, replacement: `${src}/$1/index.ts` },
    ],
  },
  test: {
    environment: 'node',
    pool: 'forks',
    // Only the optimising compiler makes 256-bit code, and most tests are over before it would come to theirs.
    execArgv: process.env.COTANGENT_TEST_SIMD256 === '1' ? ['--expose-gc', '--no-liftoff'] : ['--expose-gc'],
    maxWorkers: 2,
    // None takes 10 s on a machine of its own; a busy one may be many times slower.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'alone',
          include: ['test/**/*.test.ts'],
          exclude: [...never, ...shared],
          setupFiles: [setup],
        },
      },
      {
        extends: true,
        test: {
          name: 'shared',
          include: shared,
          exclude: never,
          setupFiles: [setup, 'test/support/shared.ts'],
          isolate: false,
        },
      },
    ],
  },
};

export default config;
