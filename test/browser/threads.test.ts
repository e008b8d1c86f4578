/**
 * Threads in headless Chromium: in a page that is cross-origin isolated, and in one that is not.
 * @module
 */
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { beforeAll, describe, expect, test } from 'vitest';
import { canRunChromium, launchChromium, serve } from './chromium.ts';
import type { ThreadsReport } from './threads-page.ts';

const page = `
import { report } from './threads-page.ts';
report().then((r) => { globalThis.threadsReport = r; }, (e) => { globalThis.threadsReport = String(e?.stack ?? e); });
`;

interface Run {
  readonly report: ThreadsReport | string;
  readonly messages: readonly string[];
}

async function bundle(): Promise<string> {
  const result = await build({
    stdin: { contents: page, resolveDir: dirname(fileURLToPath(import.meta.url)), loader: 'ts' },
    bundle: true,
    // As a site would ship it: the worker's program must survive that.
    minify: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    logLevel: 'silent',
  });
  return result.outputFiles[0]?.text ?? '';
}

async function run(script: string, isIsolated: boolean): Promise<Run> {
  const html =
    '<!doctype html><meta charset="utf-8"><title>threads</title><script type="module" src="page.js"></script>';
  const server = await serve({ '/': html, '/page.js': script, '/favicon.ico': '' }, isIsolated);
  const chromium = await launchChromium();
  try {
    const tab = await chromium.browser.newPage();
    const messages: string[] = [];
    tab.on('pageerror', (error) => messages.push(String(error)));
    tab.on('console', (message) => messages.push(message.text()));
    await tab.goto(server.url);
    await tab.waitForFunction('globalThis.threadsReport !== undefined', { timeout: 60_000 });
    return { report: (await tab.evaluate('globalThis.threadsReport')) as ThreadsReport | string, messages };
  } finally {
    await chromium.close();
    await server.close();
  }
}

describe.skipIf(!canRunChromium)('two threads in headless Chromium', () => {
  let script = '';

  beforeAll(async () => {
    script = await bundle();
  }, 120_000);

  test('work together in a page that is cross-origin isolated', async () => {
    const { report, messages } = await run(script, true);
    expect(report).toMatchObject({ isIsolated: true, threads: 2, different: 0 });
    expect((report as ThreadsReport).delegated).toBeGreaterThan(0);
    expect(messages).toEqual([]);
  }, 120_000);

  test('are one elsewhere, with a warning and the same results', async () => {
    const { report, messages } = await run(script, false);
    expect(report).toMatchObject({ isIsolated: false, threads: 1, delegated: 0, different: 0 });
    expect(messages).toEqual([expect.stringMatching(/no SharedArrayBuffer: using one thread/)]);
  }, 120_000);
});
