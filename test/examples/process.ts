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

/** Sends `signal` as soon as `when` holds, for the progress shown so far. */
export interface Stop {
  readonly signal: 'SIGINT' | 'SIGKILL';
  readonly when: (progress: string) => boolean;
}

export function runExample(name: string, args: readonly string[], stop?: Stop): Promise<Run> {
  const script = ['scripts/run-ts.mjs', '--built', `examples/${name}/main.ts`];
  const child = spawn(process.execPath, [...script, ...args], { cwd: root });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const timer = setInterval(() => {
    if (stop?.when(err) !== true) return;
    clearInterval(timer);
    child.kill(stop.signal);
  }, 5);
  return new Promise((resolve) =>
    child.on('close', (code) => {
      clearInterval(timer);
      resolve({ code, out, err });
    }),
  );
}
