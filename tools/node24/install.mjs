/**
 * Installs this folder's own dependencies unless they are there: the Node 24 binary, on the platforms that have one.
 * It never fails the command it is part of; without the binary, `npm test` says that it skips the runs on it.
 * @module
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('.', import.meta.url));
const npm = process.env.npm_execpath;

// The hidden lockfile is what npm leaves behind after a whole install, an empty one included.
if (npm !== undefined && !existsSync(`${folder}node_modules/.package-lock.json`)) {
  const { status } = spawnSync(process.execPath, [npm, 'ci', '--ignore-scripts', '--loglevel=error'], { cwd: folder });
  if (status !== 0)
    console.error('tools/node24: npm could not install the Node 24 binary; the tests will run without.');
}
