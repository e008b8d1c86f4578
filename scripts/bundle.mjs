/**
 * Joins the compiled modules (`dist/modules/`) into a file for each entry of the package, and shared chunks: an engine loads a few files
 * in a quarter of the time that it needs for six hundred. Bundlers get the modules themselves, of which they keep what is used.
 * Run by `npm run build`, after the compiler.
 * @module
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const { exports } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));

await build({
  absWorkingDir: root,
  entryPoints: Object.values(exports).flatMap(({ module }) => module ?? []),
  outbase: 'dist/modules',
  outdir: 'dist',
  // The library knows its own frames by this name (`core/site.ts`).
  chunkNames: 'chunks/cotangent-[hash]',
  bundle: true,
  // Entries share what they have in common: a tensor of one is a tensor of all.
  splitting: true,
  format: 'esm',
  platform: 'neutral',
  packages: 'external',
  target: 'es2022',
  logLevel: 'warning',
  tsconfigRaw: {},
});
