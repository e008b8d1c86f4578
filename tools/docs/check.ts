/**
 * Checks examples: writes each as a module, type-checks all of them in one run of the compiler, and loads each.
 * @module
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { extractExamples } from './extract.ts';
import type { Example } from './extract.ts';
import { instrument } from './instrument.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Examples written out as modules in a folder of their own. */
export interface ExampleModules {
  /** The paths of the modules, in the order of the examples. */
  readonly paths: readonly string[];
  /** From an example's index to the compiler's messages, each with the place in the documentation it is about. */
  typeErrors(): ReadonlyMap<number, readonly string[]>;
  remove(): void;
}

/** The paths of the files below a folder of the project, in order; none if there is no such folder. */
function filesUnder(folder: string, ending: string): string[] {
  if (!existsSync(join(root, folder))) return [];
  const names = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' });
  const paths = names.filter((name) => name.endsWith(ending)).map((name) => `${folder}/${name}`);
  return paths.sort();
}

/** Every example of the README, of `docs/` and of the sources. */
export function projectExamples(): Example[] {
  const files = ['README.md', 'CONTRIBUTING.md', ...filesUnder('docs', '.md'), ...filesUnder('src', '.ts')];
  return files.flatMap((file) => extractExamples(file, readFileSync(join(root, file), 'utf8')));
}

/**
 * Writes the examples as modules.
 * @param publicNames what the entry `cotangent` exports
 */
export function writeExamples(examples: readonly Example[], publicNames: readonly string[]): ExampleModules {
  // Inside the project, so that the modules resolve what the project's own files do.
  mkdirSync(join(root, '.cache'), { recursive: true });
  const folder = mkdtempSync(join(root, '.cache', 'examples-'));
  const runtime = relative(folder, join(root, 'tools/docs/runtime.ts'));
  const paths = examples.map((example, index) => {
    const path = join(folder, `example-${index}.ts`);
    writeFileSync(path, instrument(example, { publicNames, runtime }));
    return path;
  });
  return {
    paths,
    typeErrors: () => typeErrors(folder, examples),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function typeErrors(folder: string, examples: readonly Example[]): Map<number, string[]> {
  const compilerOptions = { isolatedDeclarations: false, declaration: false, allowUnreachableCode: true };
  const config = { extends: '../../tsconfig.json', compilerOptions, include: ['*.ts'], exclude: [] };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
  const compiler = join(root, 'node_modules/typescript/bin/tsc');
  const run = spawnSync(process.execPath, [compiler, '-p', folder, '--pretty', 'false'], {
    cwd: root,
    encoding: 'utf8',
  });
  const found = new Map<number, string[]>();
  for (const [, name, line, message] of run.stdout.matchAll(/example-(\d+)\.ts\((\d+),\d+\): (.*)/g)) {
    const example = examples[Number(name)]!;
    const messages = found.get(Number(name)) ?? [];
    messages.push(`${example.file}:${example.line + Number(line) - 1}: ${message}`);
    found.set(Number(name), messages);
  }
  return found;
}
