/**
 * The package's entries are those the sources have.
 * @module
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { exports } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { exports: Record<string, unknown> };
const layersWithoutEntry = new Set([
  'api',
  'backends',
  'compiler',
  'control',
  'core',
  'ir',
  'primitives',
  'transforms',
  'util',
]);

test('every face with an index.ts is exported, and nothing else', () => {
  const faces = readdirSync(`${root}src`).filter(
    (name) => existsSync(`${root}src/${name}/index.ts`) && !layersWithoutEntry.has(name),
  );
  expect(Object.keys(exports).sort()).toEqual(['.', './package.json', ...faces.map((name) => `./${name}`)].sort());
});

test('every entry has types, a file for engines, and for bundlers the module that its source compiles to', () => {
  for (const [entry, target] of Object.entries(exports)) {
    if (entry === './package.json') continue;
    const file = entry === '.' ? 'index' : `${entry.slice(2)}/index`;
    expect(target, entry).toEqual({
      types: `./dist/${file}.d.ts`,
      module: `./dist/modules/${file}.js`,
      default: `./dist/${file}.js`,
    });
  }
});
