/**
 * `npm run bench -- [--only NAME] [--rounds N] [--time MS] [--threads N] [--simd256] [--json FILE] [--growth]`: times the library. Each
 * result is checked before it is timed. JSON lines go to standard output, or to a file. Timings only inform: nothing fails on them.
 * @module
 */
import { appendFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { configure } from 'cotangent';
import { growth } from './growth.ts';
import { compare } from './harness.ts';
import { memory } from './memory.ts';
import { scaling } from './scaling.ts';
import { ratios, workloads } from './workloads.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true, default: [] },
    rounds: { type: 'string', default: '3' },
    time: { type: 'string', default: '300' },
    threads: { type: 'string', default: '1' },
    simd256: { type: 'boolean', default: false },
    json: { type: 'string' },
    growth: { type: 'boolean', default: false },
  },
});

function positive(name: string, text: string): number {
  const n = Number(text);
  if (Number.isInteger(n) && n > 0) return n;
  throw new Error(`--${name}: expected a positive integer, got ${text}`);
}

const { json, simd256, only } = values;
const [rounds, time, threads] = [
  positive('rounds', values.rounds),
  positive('time', values.time),
  positive('threads', values.threads),
];
if (json !== undefined) writeFileSync(json, '');
const report = (row: object): void => {
  const line = JSON.stringify(row);
  if (json === undefined) console.log(line);
  else appendFileSync(json, `${line}\n`);
};
const isWanted = (name: string): boolean => only.length === 0 || only.some((part) => name.includes(part));

configure({ threads, simd256 });
report({
  node: process.version,
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  load: loadavg()[0],
  threads,
  simd256,
});
if (values.growth) {
  growth(report);
  scaling(4, only, report);
} else {
  await compare(
    workloads.filter(({ name }) => isWanted(name)),
    ratios,
    { rounds, time, report },
  );
  if (isWanted('memory')) memory(report);
}
