/**
 * Data sets that come as files of npm packages.
 * @module
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { UserError } from './user-error.ts';

const { resolve } = createRequire(import.meta.url);

/**
 * The path of a file in an installed package, whether the package exports that file or not.
 * @throws UserError if the package is not installed
 */
export function packageFile(program: string, name: string, ...path: readonly string[]): string {
  const folder = join('node_modules', ...name.split('/'));
  let main: string;
  try {
    main = resolve(name);
  } catch {
    throw new UserError(`${program}: the npm package ${name} is not installed; run npm ci.`);
  }
  return join(main.slice(0, main.lastIndexOf(folder)), folder, ...path);
}
