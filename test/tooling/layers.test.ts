/**
 * The layer rule holds for the sources, and a planted violation is reported by the name of the file it is in.
 * @module
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { checkLayers } from '../../scripts/check-layers.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folders: string[] = [];

/** A source folder of its own that holds these files. */
function plant(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'cotangent-layers-'));
  folders.push(folder);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(folder, dirname(path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

test('the sources keep to their layers', () => {
  expect(checkLayers(join(root, 'src'))).toEqual([]);
});

describe('a planted violation is reported', () => {
  test('core importing a backend', () => {
    const folder = plant({
      'core/bind.ts': "import { run } from '../backends/wasm/run.ts';\nexport const bind: unknown = run;",
      'backends/wasm/run.ts': 'export const run = 1;',
    });
    expect(checkLayers(folder)).toEqual([
      'core/bind.ts: layer core may import from util, ir, got backends/wasm/run.ts.',
    ]);
  });

  test('a type of a later layer, by import type, export from, import() and typeof import()', () => {
    const ways = {
      'ir/a.ts': "import type { Tensor } from '../core/tensor.ts';\nexport type A = Tensor;",
      'ir/b.ts': "export * from '../core/tensor.ts';",
      'ir/c.ts': "export const load = (): Promise<unknown> => import('../core/tensor.ts');",
      'ir/d.ts': "export type D = typeof import('../core/tensor.ts');",
    };
    const folder = plant({ ...ways, 'core/tensor.ts': 'export interface Tensor {}' });
    expect(checkLayers(folder).map((line) => line.slice(0, line.indexOf(':')))).toEqual(Object.keys(ways));
  });

  test('a folder that is no layer, and an entry reached from a layer', () => {
    const folder = plant({
      'index.ts': "export * from './misc/a.ts';",
      'misc/a.ts': 'export const a = 1;',
      'nn/a.ts': "export * from '../index.ts';",
    });
    expect(checkLayers(folder)).toEqual([
      expect.stringMatching(/^misc\/a\.ts: expected a layer .*, got folder misc\/\.$/),
      expect.stringMatching(/^nn\/a\.ts: layer nn may import from .*, got index\.ts\.$/),
    ]);
  });

  test('a package, and a Node module that would keep the file from loading in a browser', () => {
    const folder = plant({
      'util/a.ts': "import 'left-pad';",
      'util/b.ts': "import { readFileSync } from 'node:fs';\nexport const read: unknown = readFileSync;",
      'util/c.ts': "export const os = (): Promise<unknown> => import('node:os');",
    });
    expect(checkLayers(folder).map((line) => line.slice(0, line.indexOf(' ')))).toEqual(['util/a.ts:', 'util/b.ts:']);
  });

  test('a package that another layer may load, or another one than may be loaded', () => {
    const folder = plant({
      'nn/a.ts': "import { PbfWriter } from 'pbf';\nexport const Writer: unknown = PbfWriter;",
      'onnx/a.ts': "import { PbfWriter } from 'pbf';\nexport const Writer: unknown = PbfWriter;",
      'onnx/b.ts': "import 'left-pad';",
    });
    expect(checkLayers(folder).map((line) => line.slice(0, line.indexOf(' ')))).toEqual(['nn/a.ts:', 'onnx/b.ts:']);
  });

  test('an import cycle, with the way round it', () => {
    const folder = plant({
      'ir/a.ts': "import { b } from './b.ts';\nexport const a: unknown = b;",
      'ir/b.ts': "export { c as b } from './c.ts';",
      'ir/c.ts': "import { a } from './a.ts';\nexport const c: unknown = a;",
    });
    expect(checkLayers(folder)).toEqual([
      'ir/a.ts: expected no import cycle, got ir/a.ts -> ir/b.ts -> ir/c.ts -> ir/a.ts.',
    ]);
  });

  test('but not a cycle that only types close', () => {
    const folder = plant({
      'ir/a.ts': "import type { B } from './b.ts';\nexport interface A { b: B }",
      'ir/b.ts': "import { type A } from './a.ts';\nexport interface B { a: A }",
    });
    expect(checkLayers(folder)).toEqual([]);
  });

  test('by the command, with exit code 1', () => {
    const folder = plant({ 'util/a.ts': "import '../ir/b.ts';", 'ir/b.ts': 'export const b = 1;' });
    const command = ['scripts/run-ts.mjs', 'scripts/check-layers.ts', folder];
    const { status, stderr } = spawnSync(process.execPath, command, { cwd: root, encoding: 'utf8' });
    expect([status, stderr.trim()]).toEqual([1, 'util/a.ts: layer util may import from nothing else, got ir/b.ts.']);
  });
});
