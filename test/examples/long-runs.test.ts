/**
 * The examples that train for minutes, cut short: each runs, shows its progress, writes its page, and after a kill −9 between
 * checkpoints goes on to the same bits.
 * @module
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { runExample } from './process.ts';

const folder = mkdtempSync(join(tmpdir(), 'examples-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Case {
  readonly name: string;
  /** Small enough for a test; a checkpoint comes before the end. */
  readonly args: readonly string[];
  readonly steps: number;
  readonly hasPicture: boolean;
  readonly lastLine: RegExp;
}

const small = ['--layers', '1', '--width', '16', '--heads', '2', '--context', '16', '--batch', '4', '--sample', '20'];

const cases: readonly Case[] = [
  {
    name: 'moby-dick',
    args: [...small, '--steps', '300'],
    steps: 300,
    hasPicture: false,
    lastLine: /^validation: [23]\.\d{3} nats a character$/,
  },
  {
    name: 'splats',
    args: ['--splats', '12', '--steps', '250'],
    steps: 250,
    hasPicture: true,
    lastLine: /^PSNR: (1[6-9]|2\d)\.\d\d dB$/,
  },
  {
    name: 'burgers',
    args: ['--width', '8', '--layers', '1', '--points', '64', '--steps', '800', '--viscosity', '0.1'],
    steps: 800,
    hasPicture: true,
    lastLine: /^relative error: \d+\.\d\d %$/,
  },
  {
    name: 'tabular',
    args: ['--every', '12', '--penguin-steps', '10', '--air-steps', '10'],
    steps: 20,
    hasPicture: true,
    lastLine: /^forecast: \d+\.\d\d ppm off over 124 months, \d+\.\d % within the band$/,
  },
];

describe.each(cases)('$name', ({ name, args, steps, hasPicture, lastLine }) => {
  const filesOf = (label: string): { checkpoint: string; report: string; picture: string; flags: string[] } => {
    const [checkpoint, report, picture] = ['json', 'html', 'png'].map((kind) =>
      join(folder, `${name}-${label}.${kind}`),
    );
    const flags = ['--checkpoint', checkpoint!, '--report', report!, ...(hasPicture ? ['--picture', picture!] : [])];
    return { checkpoint: checkpoint!, report: report!, picture: picture!, flags };
  };
  const whole = filesOf('whole');
  const parts = filesOf('parts');

  test('runs to its end, with a page and a picture', async () => {
    const run = await runExample(name, [...args, ...whole.flags]);
    expect(run.err).toMatch(new RegExp(`100% \\| step ${steps}/${steps} .*\\| 0 s left`));
    expect(run.code).toBe(0);
    expect(run.out.trimEnd().split('\n').at(-1)).toMatch(lastLine);
    expect(readFileSync(whole.report, 'utf8')).toMatch(/^<!doctype html>[^]*<svg[^]*<\/html>\n$/);
    if (hasPicture)
      expect([...readFileSync(whole.picture).subarray(1, 4)].map((c) => String.fromCharCode(c)).join('')).toBe('PNG');
  });

  test('killed between checkpoints and resumed, it reaches the same state bit for bit', async () => {
    const first = await runExample(name, [...args, ...parts.flags], { signal: 'SIGKILL', file: parts.checkpoint });
    expect(first.code).toBeNull();
    expect(existsSync(parts.report)).toBe(false);
    const second = await runExample(name, [...args, ...parts.flags, '--resume']);
    expect(second.code).toBe(0);
    expect(second.out).toMatch(new RegExp(`resumed at step \\d+ of ${steps}`));
    expect(readFileSync(parts.checkpoint, 'utf8')).toBe(readFileSync(whole.checkpoint, 'utf8'));
  });
});
