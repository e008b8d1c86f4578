/**
 * The demo as a user runs it: a process with flags, files it leaves behind, and a page in a browser.
 * @module
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { canRunChromium, launchChromium, serve } from '../browser/chromium.ts';
import { type Run, runExample, type Stop } from './process.ts';

const folder = mkdtempSync(join(tmpdir(), 'digits-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const demo = (args: readonly string[], stop?: Stop): Promise<Run> => runExample('digits', args, stop);

const file = (name: string): string => join(folder, name);
const quick = ['--model', 'mlp', '--epochs', '2', '--batch', '160'];

describe('a short run', () => {
  let run: Run;
  beforeAll(async () => {
    run = await demo([...quick, '--checkpoint', file('whole.json'), '--report', file('report.html')]);
  }, 120_000);

  test('trains, and ends with the test accuracy', () => {
    expect(run.code).toBe(0);
    expect(run.err).toMatch(/100% \| epoch 2\/2 \| loss [\d.]+ \| accuracy [\d.]+ % \| \d+ images\/s \| 0 s left/);
    const score = /test accuracy: (\d+\.\d\d) %\n$/.exec(run.out)?.[1];
    expect(Number(score)).toBeGreaterThan(80);
  });

  test('interrupted and resumed, it reaches the same state bit for bit', async () => {
    const args = [...quick, '--checkpoint', file('parts.json'), '--report', file('parts.html')];
    const first = await demo(args, { signal: 'SIGINT' });
    expect(first.code).toBe(130);
    expect(first.err).toContain('run again with --resume');
    const step = (
      JSON.parse((JSON.parse(readFileSync(file('parts.json'), 'utf8')) as { body: string }).body) as { step: number }
    ).step;
    expect(step).toBeLessThan(100);
    const second = await demo([...args, '--resume']);
    expect(second.code).toBe(0);
    expect(second.out).toContain(`resumed at step ${step} of 100`);
    expect(readFileSync(file('parts.json'), 'utf8')).toBe(readFileSync(file('whole.json'), 'utf8'));
  }, 120_000);

  test.runIf(canRunChromium)(
    'writes a report that a browser shows whole',
    async () => {
      const server = await serve({ '/': readFileSync(file('report.html'), 'utf8'), '/favicon.ico': '' });
      const chromium = await launchChromium();
      try {
        const tab = await chromium.browser.newPage();
        const problems: string[] = [];
        tab.on('pageerror', (e) => problems.push(String(e)));
        tab.on('console', (m) => void (m.type() === 'error' && problems.push(m.text())));
        await tab.goto(server.url);
        const seen = (await tab.evaluate(`({
        title: document.querySelector('h1').textContent,
        curves: [...document.querySelectorAll('#loss path, #accuracy path')].filter((p) => (p.getAttribute('d') ?? '').length > 100).length,
        cells: document.querySelectorAll('#confusion .role-mark text, #confusion text').length,
        pictures: [...document.querySelectorAll('#mistakes img')].map((i) => i.naturalWidth),
        loss: document.querySelector('#loss-program').textContent,
        gradient: document.querySelector('#gradient-program').textContent,
      })`)) as { title: string; curves: number; cells: number; pictures: number[]; loss: string; gradient: string };
        expect(problems).toEqual([]);
        expect(seen.title).toMatch(/^Digits: \d\d\.\d\d % of the test set$/);
        expect(seen.curves).toBeGreaterThanOrEqual(2);
        expect(seen.cells).toBeGreaterThanOrEqual(100);
        expect(seen.pictures.length).toBeGreaterThan(0);
        expect(new Set(seen.pictures)).toEqual(new Set([28]));
        expect(seen.loss).toContain('dot_general');
        expect(seen.gradient.length).toBeGreaterThan(seen.loss.length);
      } finally {
        await chromium.close();
        await server.close();
      }
    },
    120_000,
  );
});

describe('mistakes at the keyboard get one line', () => {
  writeFileSync(file('broken.json'), '{"format":"cotangent-digits-1","sha256":"0","body":"{}"}');
  writeFileSync(file('garbage.json'), 'not json');
  const cases: [string, string[], number, RegExp][] = [
    ['an unknown flag', ['--modle', 'mlp'], 2, /^digits: Unknown option `--modle`.*--help lists the options\.\n$/],
    ['an unknown model', ['--model', 'resnet'], 2, /^digits: --model expects cnn or mlp, got resnet\.\n$/],
    ['a bad number', ['--epochs', 'many'], 2, /^digits: --epochs expects a whole number of at least 1, got many\.\n$/],
    [
      'too large a batch',
      ['--batch', '9000'],
      2,
      /^digits: --batch expects at most 8000, the size of the training set, got 9000\.\n$/,
    ],
    ['a stray argument', ['cnn'], 2, /^digits: Unused args: `cnn`; --help lists the options\.\n$/],
    ['missing data', ['--data', file('nowhere')], 1, /^digits: cannot read .*0\.json; run npm ci/],
    ['no checkpoint', ['--resume', '--checkpoint', file('none.json')], 1, /^digits: there is no checkpoint/],
    ['a corrupt checkpoint', ['--resume', '--checkpoint', file('broken.json')], 1, /checksum does not match/],
    ['a checkpoint that is no JSON', ['--resume', '--checkpoint', file('garbage.json')], 1, /it does not parse/],
  ];
  test.each(cases)('%s', async (_name, args, code, message) => {
    const run = await demo(args);
    expect(run.err).toMatch(message);
    expect(run.err.trimEnd().split('\n')).toHaveLength(1);
    expect(run.code).toBe(code);
  });
});
