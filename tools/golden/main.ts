/**
 * `npm run golden -- FILE [--only PATTERN] [--device NAME] [--threads N] [--simd256] [--verbose]`: runs a file of golden
 * cases. Exit code 0 when no result is wrong (cases may be missing a function), 1 when one is, 2 for a bad file or a bad flag.
 * @module
 */

import { parseArgs } from 'node:util';
import { configure, devices, setDevice } from 'cotangent';
import { CaseFileError, readCases } from './cases.ts';
import { missingLines, runCases, skippedLines, summaryLines, wrongLines } from './report.ts';

interface Options {
  readonly file: string;
  readonly only: string | undefined;
  readonly device: string | undefined;
  readonly threads: number;
  readonly simd256: boolean;
  readonly verbose: boolean;
}

function readOptions(): Options {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      only: { type: 'string' },
      device: { type: 'string' },
      threads: { type: 'string', default: '1' },
      simd256: { type: 'boolean', default: false },
      verbose: { type: 'boolean', default: false },
    },
  });
  const [file, ...rest] = positionals;
  if (file === undefined || rest.length > 0)
    throw new CaseFileError(
      'usage: golden FILE [--only PATTERN] [--device NAME] [--threads N] [--simd256] [--verbose]',
    );
  const threads = Number(values.threads);
  if (!Number.isInteger(threads) || threads < 1)
    throw new CaseFileError(`--threads: expected a positive integer, got ${values.threads}`);
  const { only, device, simd256, verbose } = values;
  return { file, only, device, threads, simd256, verbose };
}

function pattern(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch {
    throw new CaseFileError(`--only: not a regular expression: ${text}`);
  }
}

function selectDevice(name: string): void {
  if (!devices().includes(name))
    throw new CaseFileError(`--device: expected one of ${devices().join(', ')}, got ${name}`);
  setDevice(name);
}

function main(): number {
  const { file, only, device, threads, simd256, verbose } = readOptions();
  // Each case compiles functions of its own.
  configure({ threads, simd256, recompileWarningLimit: Infinity });
  if (device !== undefined) selectDevice(device);
  const wanted = only === undefined ? undefined : pattern(only);
  const cases = readCases(file).filter(({ n }) => wanted === undefined || wanted.test(n));
  if (cases.length === 0) throw new CaseFileError(`--only: no case of ${file} matches ${only}`);
  const report = runCases(cases, (name, outcome) => {
    if (verbose) console.log(`${outcome.kind.padEnd(8)} ${name}`);
  });
  for (const line of [
    ...skippedLines(report),
    ...missingLines(report),
    ...wrongLines(report),
    ...summaryLines(report),
  ]) {
    console.log(line);
  }
  return report.wrong > 0 ? 1 : 0;
}

/** Errors of use are one line; anything else is a fault of the runner and keeps its stack. */
function isUsageError(error: unknown): error is Error {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return error instanceof CaseFileError || code.startsWith('ERR_PARSE_ARGS');
}

try {
  process.exitCode = main();
} catch (error) {
  if (!isUsageError(error)) throw error;
  console.error(error.message.split('\n')[0]);
  process.exitCode = 2;
}
