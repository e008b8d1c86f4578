/**
 * Runs the cases of `smoke-page.ts` inside headless Chromium and reports each as a test of its own.
 * @module
 */
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { beforeAll, describe, expect, test } from 'vitest';
import { canRunChromium, launchChromium, serve } from './chromium.ts';
import { cases } from './smoke-page.ts';

interface Report {
  /** From case name to `null` (passed) or the message of the error. */
  readonly results: Record<string, string | null>;
  readonly consoleErrors: readonly string[];
}

const page = `
import { cases } from './smoke-page.ts';
const results = {};
for (const { name, run } of cases) {
  try { await run(); results[name] = null; } catch (error) { results[name] = String(error?.stack ?? error); }
}
globalThis.smokeResults = results;
`;

async function bundle(): Promise<string> {
  const result = await build({
    stdin: { contents: page, resolveDir: dirname(fileURLToPath(import.meta.url)), loader: 'ts' },
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    logLevel: 'silent',
  });
  return result.outputFiles[0]?.text ?? '';
}

async function runInChromium(script: string): Promise<Report> {
  const html = '<!doctype html><meta charset="utf-8"><title>smoke</title><script type="module" src="page.js"></script>';
  const server = await serve({ '/': html, '/page.js': script, '/favicon.ico': '' });
  const chromium = await launchChromium();
  try {
    const tab = await chromium.browser.newPage();
    const consoleErrors: string[] = [];
    tab.on('pageerror', (error) => consoleErrors.push(String(error)));
    tab.on('console', (message) => {
      if (message.type() === 'error') consoleErrors.push(message.text());
    });
    await tab.goto(server.url);
    try {
      await tab.waitForFunction('globalThis.smokeResults !== undefined', { timeout: 60_000 });
    } catch {
      return { results: {}, consoleErrors: ['the page never reported its results', ...consoleErrors] };
    }
    const results = (await tab.evaluate('globalThis.smokeResults')) as Report['results'];
    return { results, consoleErrors };
  } finally {
    await chromium.close();
    await server.close();
  }
}

describe.skipIf(!canRunChromium)('in headless Chromium', () => {
  let report: Report = { results: {}, consoleErrors: [] };

  beforeAll(async () => {
    report = await runInChromium(await bundle());
  }, 120_000);

  test('the page logs no error', () => {
    expect(report.consoleErrors).toEqual([]);
  });

  for (const { name } of cases) {
    test(name, () => {
      expect(report.results[name]).toBeNull();
    });
  }
});
