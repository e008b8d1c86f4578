/** Source sites where a user's bundler has joined the library into a file of its own choice. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, expect, test } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'cotangent-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const library = fileURLToPath(new URL('../../src/index.ts', import.meta.url));
const page = (name: string): string => `
  import { makeProgram, np } from ${JSON.stringify(library)};
  function ${name}(x) { return np.sin(x); }
  export const site = () => String(makeProgram(${name})(1).equations[0].site);
`;

test("the user's files beside a folder of chunks are not the library's", async () => {
  for (const name of ['first', 'second']) writeFileSync(join(folder, `${name}.js`), page(name));
  await build({
    entryPoints: ['first', 'second'].map((name) => join(folder, `${name}.js`)),
    outdir: join(folder, 'out', 'pages'),
    chunkNames: '../chunks/[name]-[hash]',
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'neutral',
    target: 'es2022',
    tsconfigRaw: {},
    logLevel: 'error',
  });
  for (const name of ['first', 'second']) {
    const { site } = (await import(join(folder, 'out', 'pages', `${name}.mjs`))) as { site: () => string };
    expect(site()).toMatch(new RegExp(`^${name} \\(.*pages/${name}\\.mjs:\\d+:\\d+\\)$`));
  }
});
