/**
 * Times workloads with tinybench: each result is checked against a reference before anything is timed, rounds of all workloads are
 * interleaved, and what was measured is reported with its spread and the load of the machine.
 * @module
 */
import { loadavg } from 'node:os';
import { Bench } from 'tinybench';

/** What is timed: `run` reads its result. */
export interface Running {
  readonly run: () => unknown;
  /** Throws if a result is wrong. Called once, before any timing. */
  readonly check: () => void;
}

export interface Workload {
  readonly name: string;
  /** Work in one run, for the rate. */
  readonly work: number;
  readonly unit: 'flop' | 'byte' | 'element' | 'operation' | 'step' | 'node';
  readonly setUp: () => Running;
}

/** The time of one workload over that of another, from the same rounds. */
export interface Ratio {
  readonly name: string;
  readonly of: string;
  readonly to: string;
  /** Work of `of` over work of `to`, where they differ. */
  readonly perWork?: boolean;
}

export interface Options {
  readonly rounds: number;
  /** Milliseconds a workload is run in each round. */
  readonly time: number;
  readonly report: (row: object) => void;
}

/** @throws Error naming the workload, if the numbers differ by more than `tolerance` of the larger of 1 and the expected one */
export function expectClose(what: string, got: number, expected: number, tolerance: number): void {
  if (Math.abs(got - expected) <= tolerance * Math.max(1, Math.abs(expected))) return;
  throw new Error(`${what}: expected ${expected}, got ${got}`);
}

interface Case {
  readonly workload: Workload;
  readonly run: () => unknown;
  readonly firstMs: number;
  /** Of each round, in milliseconds. */
  readonly medians: number[];
  readonly bests: number[];
}

const round = (x: number): number => Number(x.toPrecision(4));
const least = (xs: readonly number[]): number => Math.min(...xs);

function median(xs: readonly number[]): number {
  const sorted = xs.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1]!;
}

function start(workload: Workload): Case {
  const { run, check } = workload.setUp();
  const begin = performance.now();
  run();
  const firstMs = performance.now() - begin;
  check();
  return { workload, run, firstMs, medians: [], bests: [] };
}

async function measure({ workload, run, medians, bests }: Case, time: number): Promise<void> {
  const bench = new Bench({ time, warmupTime: time / 5 });
  bench.add(workload.name, () => void run());
  await bench.run();
  const { result } = bench.tasks[0]!;
  if (!('latency' in result)) throw new Error(`${workload.name}: no result`);
  medians.push(result.latency.p50);
  bests.push(result.latency.min);
}

/** Times all workloads; `ratios` of those among them are reported last. */
export async function compare(
  workloads: readonly Workload[],
  ratios: readonly Ratio[],
  { rounds, time, report }: Options,
): Promise<void> {
  const cases = workloads.map(start);
  for (let i = 0; i < rounds; i++) for (const c of cases) await measure(c, time);
  for (const c of cases) {
    const { name, work, unit } = c.workload;
    const middle = median(c.medians);
    report({
      name,
      median_ms: round(middle),
      best_ms: round(least(c.bests)),
      spread: round((Math.max(...c.medians) - least(c.medians)) / middle),
      first_ms: round(c.firstMs),
      rate: round(work / (least(c.bests) / 1000)),
      unit: `${unit}/s`,
      load: round(loadavg()[0]!),
    });
  }
  const found = (name: string): Case | undefined => cases.find((c) => c.workload.name === name);
  for (const { name, of, to, perWork } of ratios) {
    const [a, b] = [found(of), found(to)];
    if (a === undefined || b === undefined) continue;
    const scale = perWork === true ? b.workload.work / a.workload.work : 1;
    report({ ratio: name, of, to, value: round((scale * least(a.bests)) / least(b.bests)) });
  }
}
