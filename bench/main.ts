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
import { familyNames, scaling } from './scaling.ts';
import { ratios, workloads } from './workloads.ts';

const usage = '[--only NAME] [--rounds N] [--time MS] [--threads N] [--simd256] [--json FILE] [--growth]';

/** A mistake on the command line, told without a stack. */
class UsageError extends Error {}

interface Options {
  readonly only: readonly string[];
  readonly rounds: number;
  readonly time: number;
  readonly threads: number;
  readonly simd256: boolean;
  readonly json: string | undefined;
  readonly growth: boolean;
}

function positive(name: string, text: string): number {
  const n = Number(text);
  if (Number.isInteger(n) && n > 0) return n;
  throw new UsageError(`--${name}: expected a positive integer, got ${text}`);
}

function readOptions(): Options {
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
  const { only, simd256, json, growth: isGrowth } = values;
  const names = isGrowth ? ['transformer', ...familyNames] : [...workloads.map(({ name }) => name), 'memory'];
  const unknown = only.find((part) => !names.some((name) => name.includes(part)));
  if (unknown !== undefined)
    throw new UsageError(`--only: expected a part of a name, got ${unknown}; names: ${names.join('; ')}`);
  const [rounds, time] = [positive('rounds', values.rounds), positive('time', values.time)];
  return { only, rounds, time, threads: positive('threads', values.threads), simd256, json, growth: isGrowth };
}

/** Prints rows, or puts them into a file. */
function reporter(json: string | undefined): (row: object) => void {
  if (json === undefined) return (row) => console.log(JSON.stringify(row));
  try {
    writeFileSync(json, '');
  } catch (error) {
    throw new UsageError(`--json: ${error instanceof Error ? error.message : String(error)}`);
  }
  return (row) => appendFileSync(json, `${JSON.stringify(row)}\n`);
}

async function main(): Promise<void> {
  const { only, rounds, time, threads, simd256, json, growth: isGrowth } = readOptions();
  const report = reporter(json);
  const isWanted = (name: string): boolean => only.length === 0 || only.some((part) => name.includes(part));
  configure({ threads, simd256 });
  const [cpu] = cpus();
  const [load] = loadavg();
  report({ node: process.version, cpu: cpu?.model ?? 'unknown', cores: cpus().length, load, threads, simd256 });
  if (isGrowth) {
    if (isWanted('transformer')) growth(report);
    scaling(4, only, report);
    return;
  }
  const wanted = workloads.filter(({ name }) => isWanted(name));
  await compare(wanted, ratios, { rounds, time, report });
  if (isWanted('memory')) memory(report);
}

const isUsageError = (error: unknown): error is Error =>
  error instanceof UsageError ||
  (error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS'));

try {
  await main();
} catch (error) {
  if (!isUsageError(error)) throw error;
  console.error(error.message.split('\n')[0]);
  console.error(`usage: npm run bench -- ${usage}`);
  process.exitCode = 2;
}
