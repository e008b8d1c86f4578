/**
 * Every example of the documentation type-checks, runs, and prints what it says it prints.
 * @module
 */
import * as cotangent from 'cotangent';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { projectExamples, writeExamples } from '../../tools/docs/check.ts';
import { extractExamples } from '../../tools/docs/extract.ts';

const publicNames = Object.keys(cotangent);
const load = (path: string): Promise<unknown> => import(/* @vite-ignore */ path);

describe('every example of the documentation holds', () => {
  const examples = projectExamples();
  const modules = writeExamples(examples, publicNames);
  let typeErrors: ReadonlyMap<number, readonly string[]> = new Map();
  beforeAll(() => {
    typeErrors = modules.typeErrors();
  });
  afterAll(() => modules.remove());

  test('there are examples to check', () => {
    expect(examples.length).toBeGreaterThan(0);
  });

  for (const [index, { file, line, runs }] of examples.entries()) {
    test(`${file}:${line}`, async () => {
      expect(typeErrors.get(index) ?? []).toEqual([]);
      if (runs) await load(modules.paths[index]!);
    });
  }
});

describe('a wrong example is found', () => {
  const wrong = [
    'Text.',
    '```ts',
    "const greeting: string = 'hello';",
    'console.log(greeting.length); // => 6',
    '```',
    '```ts',
    'const count: number = 2; // => 2',
    'const text: string = count;',
    '```',
    '```ts',
    'const list = [1, 2];',
    'list.map((x) => 2 * x); // => [ 2, 4 ]',
    'console.log(list, 0.8414709848); // => [ 1, 2 ] 0.84…',
    'console.log(`a',
    'b`);',
    '// => a',
    '//    b',
    '```',
    '```ts no-run',
    "throw new Error('never runs');",
    '```',
    '```sh',
    'not TypeScript',
    '```',
  ];
  const examples = extractExamples('wrong.md', wrong.join('\n'));
  const modules = writeExamples(examples, publicNames);
  afterAll(() => modules.remove());

  test('blocks of other languages are left out', () => {
    expect(examples.map(({ line, runs }) => [line, runs])).toEqual([
      [3, true],
      [7, true],
      [11, true],
      [20, false],
    ]);
  });

  test('a printed value that differs is reported with its line', async () => {
    await expect(load(modules.paths[0]!)).rejects.toThrow('wrong.md:4: printed 5, expected 6');
  });

  test('a type error is reported with its line, and only for its example', () => {
    const errors = modules.typeErrors();
    expect([...errors.keys()]).toEqual([1]);
    expect(errors.get(1)?.[0]).toMatch(/^wrong\.md:8: error TS2322/);
  });

  test('expressions, elisions and values of several lines are compared', async () => {
    await load(modules.paths[2]!);
  });
});

describe('examples of doc comments', () => {
  const source = [
    '/**',
    ' * Adds.',
    ' * @example',
    ' * ```ts',
    ' * 1 + 1; // => 2',
    ' * ```',
    ' * @returns the sum',
    ' */',
    'export const add = 1;',
    '/** Doubles.',
    ' * @example',
    ' * 2 * 2; // => 4',
    ' */',
  ];
  const examples = extractExamples('source.ts', source.join('\n'));

  test('are found with and without a fence, with the line they stand on', () => {
    expect(examples.map(({ line, code }) => [line, code])).toEqual([
      [5, '1 + 1; // => 2'],
      [12, '2 * 2; // => 4'],
    ]);
  });
});
