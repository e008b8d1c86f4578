/**
 * Runs a list of cases and words the result.
 * @module
 */

import type { GoldenCase } from './cases.ts';
import { runCase } from './run-case.ts';
import type { Outcome } from './run-case.ts';

export interface Report {
  readonly outcomes: ReadonlyMap<string, Outcome>;
  readonly passed: number;
  readonly wrong: number;
  readonly missing: number;
  readonly skipped: number;
}

/** Runs every case; `onCase` hears of each outcome as it comes. */
export function runCases(
  cases: readonly GoldenCase[],
  onCase: (name: string, outcome: Outcome) => void = () => {},
): Report {
  const outcomes = new Map<string, Outcome>();
  for (const golden of cases) {
    const outcome = runCase(golden);
    outcomes.set(golden.n, outcome);
    onCase(golden.n, outcome);
  }
  const count = (kind: Outcome['kind']): number => [...outcomes.values()].filter((o) => o.kind === kind).length;
  return {
    outcomes,
    passed: count('pass'),
    wrong: count('wrong'),
    missing: count('missing'),
    skipped: count('skipped'),
  };
}

function firstLines(text: string): string {
  return (text.split('\n')[0] ?? '').slice(0, 300);
}

/** The lines for the wrong cases: name, stage, and the first difference of each stage. */
export function wrongLines({ outcomes }: Report): string[] {
  return [...outcomes].flatMap(([name, outcome]) =>
    outcome.kind === 'wrong'
      ? outcome.failures.map((f) => `wrong    ${name} [${f.stage}] ${firstLines(f.detail)}`)
      : [],
  );
}

function grouped(report: Report, label: 'missing' | 'skipped', reasonOf: (o: Outcome) => string | undefined): string[] {
  const groups = new Map<string, string[]>();
  for (const [name, outcome] of report.outcomes) {
    const reason = reasonOf(outcome);
    if (reason !== undefined) groups.set(reason, [...(groups.get(reason) ?? []), name]);
  }
  const lines = [...groups].sort(([a], [b]) => a.localeCompare(b));
  return lines.map(([reason, names]) => `${label.padEnd(8)} ${reason}: ${names.join(', ')}`);
}

/** The lines for the cases that need a name the library lacks, grouped by that name. */
export function missingLines(report: Report): string[] {
  return grouped(report, 'missing', (o) => (o.kind === 'missing' ? o.api : undefined));
}

/** The lines for the cases left out, grouped by reason. */
export function skippedLines(report: Report): string[] {
  return grouped(report, 'skipped', (o) => (o.kind === 'skipped' ? o.reason : undefined));
}

/** The last two lines: the split of the failures, and the counts. */
export function summaryLines({ passed, wrong, missing, skipped }: Report): string[] {
  return [
    `failed: ${wrong} wrong, ${missing} missing (not built yet)`,
    `${passed} passed, ${wrong + missing} failed, ${skipped} skipped`,
  ];
}
