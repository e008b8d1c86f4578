/**
 * Runs a TypeScript file in this process: `node scripts/run-ts.mjs [--built] FILE [ARGUMENTS…]`.
 * `cotangent` means the sources; with `--built` it means the built package in `dist/`, as a user would have it.
 * (Node 20 cannot run TypeScript itself, hence a loader; one process, so that signals and exit codes are the file's own.)
 * @module
 */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { register } from 'tsx/esm/api';

const built = process.argv[2] === '--built';
const [file, ...rest] = process.argv.slice(built ? 3 : 2);
const path = resolve(file ?? '');

if (file === undefined || !existsSync(path)) {
  console.error(file === undefined ? 'run-ts: expected a file to run.' : `run-ts: no such file: ${file}`);
  process.exitCode = 2;
} else {
  register({ tsconfig: fileURLToPath(new URL(`../tsconfig${built ? '.build' : ''}.json`, import.meta.url)) });
  process.argv = [process.argv[0], path, ...rest];
  await import(pathToFileURL(path).href);
}
