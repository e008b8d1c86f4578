/**
 * Starts the headless Chromium that the npm package `@sparticuz/chromium` carries, and serves a page to it.
 * The package ships the browser and the system libraries it needs as brotli archives made for a cloud function; this
 * file unpacks both once and runs them from a folder of its own, so nothing has to be installed on the machine.
 * @module
 */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { launch } from 'puppeteer-core';
import type { Browser } from 'puppeteer-core';

const root = fileURLToPath(new URL('../..', import.meta.url));
const cache = join(root, 'node_modules', '.cache', 'cotangent');

const flags = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Whether this machine can run the packaged browser, which is built for Linux on x64 alone. */
export const canRunChromium: boolean = process.platform === 'linux' && process.arch === 'x64';

/** A running browser with an empty profile; `close` ends it and removes the profile. */
export interface RunningChromium {
  readonly browser: Browser;
  close(): Promise<void>;
}

/**
 * Unpacks the browser on first use and starts it.
 * @param extraFlags further command-line flags, after the standard ones
 * @returns the browser; call `close` when done
 */
export async function launchChromium(extraFlags: readonly string[] = []): Promise<RunningChromium> {
  const folder = await unpackedChromium();
  const home = await mkdtemp(join(tmpdir(), 'cotangent-chromium-'));
  const browser = await launch({
    executablePath: join(folder, 'chromium'),
    userDataDir: join(home, 'profile'),
    args: [...flags, ...extraFlags],
    env: {
      ...process.env,
      HOME: home,
      XDG_CONFIG_HOME: home,
      XDG_CACHE_HOME: home,
      FONTCONFIG_PATH: join(folder, 'fonts'),
      LD_LIBRARY_PATH: join(folder, 'al2023', 'lib'),
    },
  });
  return {
    browser,
    async close() {
      await browser.close();
      await rm(home, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** The folder that holds the unpacked browser. Concurrent first uses each unpack, and the first rename wins. */
async function unpackedChromium(): Promise<string> {
  const manifest = await readFile(join(root, 'node_modules/@sparticuz/chromium/package.json'), 'utf8');
  const { version } = JSON.parse(manifest) as { version: string };
  const folder = join(cache, `chromium-${version}`);
  if (existsSync(join(folder, 'chromium'))) return folder;
  await mkdir(dirname(folder), { recursive: true });
  const fresh = await mkdtemp(`${folder}-`);
  await withEnvironment({ TMPDIR: fresh, AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs20.x' }, async () => {
    // The package decides at import time whether to unpack its system libraries, hence the late import.
    const { default: chromium } = await import('@sparticuz/chromium');
    await chromium.executablePath();
  });
  try {
    await rename(fresh, folder);
  } catch (error) {
    if (!existsSync(join(folder, 'chromium'))) throw error;
    await rm(fresh, { recursive: true, force: true });
  }
  return folder;
}

async function withEnvironment(values: Record<string, string>, body: () => Promise<void>): Promise<void> {
  const saved = { ...process.env };
  Object.assign(process.env, values);
  try {
    await body();
  } finally {
    for (const name of Object.keys(process.env)) if (!(name in saved)) delete process.env[name];
    Object.assign(process.env, saved);
  }
}

/** A server on the loopback address; `url` ends in a slash. */
export interface RunningServer {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Serves fixed documents, with the headers that make a page cross-origin isolated (and so give it SharedArrayBuffer).
 * @param documents from path (`/`, `/page.js`) to its text; `.js` paths are served as JavaScript, the rest as HTML
 * @param isIsolated whether those headers are sent
 */
export async function serve(documents: Readonly<Record<string, string>>, isIsolated = true): Promise<RunningServer> {
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname;
    const text = documents[path];
    response.writeHead(text === undefined ? 404 : 200, {
      'content-type': `${path.endsWith('.js') ? 'text/javascript' : 'text/html'}; charset=utf-8`,
      ...(isIsolated
        ? { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' }
        : {}),
    });
    response.end(text ?? 'not found');
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/`, close: () => closeServer(server) };
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.closeAllConnections();
    server.close((error) => {
      if (error) reject(error);
      else resolve();
    });
  });
}
