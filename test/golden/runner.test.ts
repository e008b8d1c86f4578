/**
 * The runner of golden cases: what it accepts as equal, how it classes outcomes, and its command line.
 * @module
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { mismatch } from '../../tools/golden/arrays.ts';
import type { GoldenArray } from '../../tools/golden/arrays.ts';
import type { OpCase } from '../../tools/golden/cases.ts';
import { camelCase } from '../../tools/golden/python-host.ts';
import { runCase } from '../../tools/golden/run-case.ts';

const plain = { relative: 1e-12, absolute: 1e-12 };
const f64 = (s: number[], v: (number | string)[]): GoldenArray => ({ d: 'f64', s, v });
const tensor = (dtype: string, shape: number[], data: number[]): unknown => ({ dtype, shape, dataSync: () => data });

describe('mismatch', () => {
  it.each([
    ['nan is nan', [NaN, Infinity, -Infinity], ['nan', 'inf', '-inf']],
    ['a relative gap of 1e-13', [1e10 + 1e-3, 1, 1], [1e10, 1, 1]],
    ['an absolute gap of 1e-13 at a tiny value', [1e-13, 0, 0], [0, 0, 0]],
    ['a sign of zero', [-0, 0, 0], [0, '-0.0', 0]],
  ])('accepts %s', (_, actual, expected) => {
    expect(mismatch(tensor('float64', [3], actual), f64([3], expected), plain)).toBeUndefined();
  });

  it.each([
    ['nan for a number', [NaN], [1], /element 0: expected 1, got NaN/],
    ['a number for nan', [1], ['nan'], /expected NaN, got 1/],
    ['the other infinity', [-Infinity], ['inf'], /expected Infinity/],
    ['a relative gap of 1e-11', [1 + 1e-11], [1], /gap 1\.0e-11/],
  ])('refuses %s', (_, actual, expected, message) => {
    expect(mismatch(tensor('float64', [1], actual), f64([1], expected), plain)).toMatch(message);
  });

  it('checks shape and dtype', () => {
    expect(mismatch(tensor('float64', [1, 1], [1]), f64([1], [1]), plain)).toBe('expected shape [1], got [1,1]');
    expect(mismatch(tensor('float32', [1], [1]), f64([1], [1]), plain)).toBe('expected dtype float64, got float32');
  });

  it('takes integers exactly, 64 bits wide as 32', () => {
    expect(mismatch(tensor('int32', [1], [3]), { d: 'i64', s: [1], v: [3] }, plain)).toBeUndefined();
    expect(mismatch(tensor('int32', [1], [4]), { d: 'i32', s: [1], v: [3] }, plain)).toMatch(/expected 3, got 4/);
  });

  it('skips what does not fit', () => {
    const wide = { d: 'u64', s: [1], v: ['15571024786774969728'] };
    expect(() => mismatch(tensor('uint32', [1], [0]), wide, plain)).toThrow(/does not fit in 32 bits/);
    expect(() => mismatch(tensor('float64', [1], [0]), { d: 'c128', s: [1], v: [0, 0] }, plain)).toThrow(/complex/);
  });
});

describe('camelCase', () => {
  it.each([
    ['take_along_axis', 'takeAlongAxis'],
    ['atleast_1d', 'atleast1d'],
    ['PRNGKey', 'PRNGKey'],
    ['i0e', 'i0e'],
    ['bool_', 'bool_'],
    ['log1p', 'log1p'],
  ])('%s is %s', (name, expected) => {
    expect(camelCase(name)).toBe(expected);
  });
});

describe('runCase', () => {
  const base: OpCase = { n: 't', expr: 'jnp.sin(x)', args: ['x'], in: [f64([1], [0])], out: [f64([1], [0])] };

  it('passes a right value', () => {
    expect(runCase(base)).toEqual({ kind: 'pass' });
  });

  it('calls a different value wrong, in every stage that has it', () => {
    const outcome = runCase({ ...base, out: [f64([1], [0.5])], diff: ['x'], t: [f64([1], [1])], jvp: [f64([1], [2])] });
    const stages = outcome.kind === 'wrong' ? outcome.failures.map((f) => f.stage) : [];
    expect(stages).toEqual(['value', 'jit value', 'jvp']);
  });

  it('calls an unknown name missing, and names it', () => {
    expect(runCase({ ...base, expr: 'jnp.no_such_thing(x)' })).toEqual({
      kind: 'missing',
      api: 'np.noSuchThing',
    });
  });

  it('calls what the library throws wrong', () => {
    expect(runCase({ ...base, expr: 'jnp.reshape(x, (5,))' }).kind).toBe('wrong');
  });

  it('passes an expected error, and no other', () => {
    const { out: _, ...failing } = base;
    expect(runCase({ ...failing, expr: 'jnp.reshape(x, (5,))', err: 'cannot reshape' })).toEqual({ kind: 'pass' });
    expect(runCase({ ...failing, err: 'cannot happen' }).kind).toBe('wrong');
  });

  it('skips what is unspecified', () => {
    expect(runCase({ ...base, tags: ['unspecified'] })).toEqual({ kind: 'skipped', reason: 'unspecified' });
  });
});

describe('the command', () => {
  const folder = mkdtempSync(join(tmpdir(), 'golden-'));
  const golden = (content: string, ...flags: string[]): { status: number | null; stdout: string; stderr: string } => {
    const file = join(folder, 'cases.json');
    writeFileSync(file, content);
    const args = ['--import', 'tsx', 'tools/golden/main.ts', file, ...flags];
    return spawnSync(process.execPath, args, { encoding: 'utf8' });
  };
  const cases = (expected: number): string =>
    JSON.stringify({
      cases: [
        { n: 'sin', expr: 'jnp.sin(x)', args: ['x'], in: [f64([1], [0])], out: [f64([1], [expected])] },
        { n: 'none', expr: 'jnp.no_such_thing(x)', args: ['x'], in: [f64([1], [0])], out: [f64([1], [0])] },
      ],
    });

  it('ends with the counts, and succeeds when nothing is wrong', () => {
    const { status, stdout } = golden(cases(0));
    expect(stdout).toMatch(
      /missing {2}np\.noSuchThing: none\nfailed: 0 wrong, 1 missing.*\n1 passed, 1 failed, 0 skipped\n$/,
    );
    expect(status).toBe(0);
  });

  it('fails and names a wrong case', () => {
    const { status, stdout } = golden(cases(1));
    expect(stdout).toMatch(/wrong {4}sin \[value\] element 0: expected 1, got 0/);
    expect(status).toBe(1);
  });

  it('runs only the cases asked for', () => {
    expect(golden(cases(0), '--only', '^sin').stdout).toMatch(/1 passed, 0 failed, 0 skipped\n$/);
  });

  it.each([
    ['{', [], /not valid JSON/],
    ['{}', [], /a list 'cases'/],
    ['{"cases":[{}]}', [], /case 0 is neither/],
    ['{"cases":[]}', ['--frob'], /Unknown option '--frob'/],
    ['{"cases":[]}', ['--only', '('], /not a regular expression/],
  ])('answers %j %j with one line and code 2', (content, flags, message) => {
    const { status, stderr } = golden(content, ...flags);
    expect(stderr).toMatch(message);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(status).toBe(2);
  });
});
