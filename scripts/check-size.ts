/**
 * The size budget: bundles and minifies what a user would write against the built package, gzips it, and compares the
 * bytes with `size-budget.json`. Prints one line an entry and exits 1 if any is over.
 * Run after a build, as `node scripts/run-ts.mjs scripts/check-size.ts`.
 * @module
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

interface Budget {
  readonly name: string;
  /** A module a user might write; what it does not reach should fall away. */
  readonly code: string;
  readonly maxGzipBytes: number;
}

const root = fileURLToPath(new URL('..', import.meta.url));

async function gzipBytes(code: string): Promise<number> {
  const result = await build({
    stdin: { contents: code, resolveDir: root },
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    logLevel: 'error',
    // Without this the bundler would follow the project's own path aliases to the sources.
    tsconfigRaw: {},
  });
  return gzipSync(result.outputFiles[0]!.contents, { level: 9 }).byteLength;
}

const budgets = JSON.parse(readFileSync(new URL('../size-budget.json', import.meta.url), 'utf8')) as Budget[];
for (const { name, code, maxGzipBytes } of budgets) {
  const bytes = await gzipBytes(code);
  const verdict = bytes <= maxGzipBytes ? 'ok' : 'over budget';
  console.log(`size: ${name}: ${bytes} bytes gzipped of ${maxGzipBytes}: ${verdict}`);
  if (bytes > maxGzipBytes) process.exitCode = 1;
}
