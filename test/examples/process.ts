/**
 * Runs an example as a user does: a process with flags, against the built package.
 * @module
 */
import { spawn } from 'node:child_process';

export interface Run {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

const root = new URL('../..', import.meta.url).pathname;

/**
 * The process sends itself `signal` once `file` exists, or at once without one: in either case between two steps. (A signal from
 * here could come after the last step, where the machine is busy.)
 */
export interface Stop {
  readonly signal: 'SIGINT' | 'SIGKILL';
  readonly file?: string;
}

export function runExample(name: string, args: readonly string[], stop?: Stop): Promise<Run> {
  const preload = stop === undefined ? [] : ['--import', './test/examples/stop.mjs'];
  const script = ['scripts/run-ts.mjs', '--built', `examples/${name}/main.ts`];
  const child = spawn(process.execPath, [...preload, ...script, ...args], {
    cwd: root,
    env: { ...process.env, COTANGENT_TEST_SIGNAL: stop?.signal, COTANGENT_TEST_FILE: stop?.file },
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, out, err })));
}
