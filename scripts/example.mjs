/**
 * `npm run example NAME -- [OPTIONS…]`: runs an example against the built package.
 * @module
 */
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../examples/', import.meta.url));
const names = readdirSync(folder).filter((name) => existsSync(`${folder}${name}/main.ts`));
const [name, ...rest] = process.argv.slice(2);

if (name !== undefined && names.includes(name)) {
  process.argv = [process.argv[0], 'run-ts.mjs', '--built', `${folder}${name}/main.ts`, ...rest];
  await import('./run-ts.mjs');
} else {
  console.error(`example: expected one of ${names.join(', ')}, got ${name ?? 'nothing'}.`);
  process.exitCode = 2;
}
