/**
 * Why a jitted function was compiled as often as it was.
 * May import: `api` and everything below it.
 * @module
 */
import { describe } from '../api/options.ts';
import { describeChange } from '../api/jit-changes.ts';
import { type Compilation, historyOf, remediesFor } from '../api/jit-history.ts';
import { placeOf } from '../core/site.ts';
import { ArgumentError } from '../ir/errors.ts';
import { duration, logAsText, plural } from './text.ts';

/** The compilations of one jitted function, oldest first. Prints as text. */
export class RecompileReport {
  static {
    logAsText(this.prototype);
  }

  /** Name of the function that was given to `jit`. */
  readonly name: string;
  /** Where `jit` was called: `src/train.ts:20`; empty when unknown. */
  readonly place: string;
  readonly calls: number;
  /** How often it was compiled; `compilations` has the latest 256. */
  readonly total: number;
  readonly compilations: readonly Compilation[];

  constructor(name: string, place: string, calls: number, total: number, compilations: readonly Compilation[]) {
    this.name = name;
    this.place = place;
    this.calls = calls;
    this.total = total;
    this.compilations = compilations;
  }

  /** Milliseconds spent tracing, in the compilations listed. */
  get traceMs(): number {
    return this.compilations.reduce((t, c) => t + c.traceMs, 0);
  }

  /** Milliseconds spent making code, the first run of it included. */
  get firstRunMs(): number {
    return this.compilations.reduce((t, c) => t + (c.firstRunMs ?? 0), 0);
  }

  toString(): string {
    const made = this.place === '' ? '' : `, made at ${this.place}`;
    const head = `jit(${this.name})${made}: ${plural(this.total, 'compilation')} in ${plural(this.calls, 'call')}`;
    if (this.total === 0) return `${head}.`;
    const runs = this.firstRunMs === 0 ? '' : `, ${duration(this.firstRunMs)} compiling and running once`;
    const fixes: { kind: string; remedy: string }[] = remediesFor(this.compilations.flatMap((c) => c.changes));
    if (this.compilations.some((c) => c.equations >= longProgram)) fixes.push({ kind: 'length', remedy: loopRemedy });
    return [
      `${head}; ${duration(this.traceMs)} tracing${runs}.`,
      ...(this.total > this.compilations.length ? [`  (the latest ${this.compilations.length} follow)`] : []),
      ...this.compilations.flatMap(describeCompilation),
      ...fixes.map(({ kind, remedy }) => (fixes.length === 1 ? `Fix: ${remedy}` : `Fix (${kind}): ${remedy}`)),
    ].join('\n');
  }
}

/** Equations from which on a Program can take seconds to compile. */
const longProgram = 5000;

const loopRemedy =
  'write a long loop as lax.scan or lax.foriLoop, whose body is compiled once, with what differs between the steps in an array; ' +
  'an unrolled loop is compiled step by step, and each step apart whose constants are its own.';

/** Changes that are listed for one compilation. */
const maxChanges = 8;

function describeCompilation(c: Compilation): string[] {
  const from = c.place === '' ? '' : ` from ${c.place}`;
  const first = c.firstRunMs === undefined ? 'not run by itself' : `first run ${duration(c.firstRunMs)}`;
  const facts = `call ${c.call}${from}; ${plural(c.equations, 'equation')}, trace ${duration(c.traceMs)}, ${first}`;
  if (c.changes.length === 0) {
    const cause = c.number === 1 ? 'first call' : 'nothing earlier to compare with';
    return [`  #${c.number} ${cause}: ${c.signature || 'no arguments'}`, `     ${facts}`];
  }
  const shown = c.changes.slice(0, maxChanges).map(describeChange);
  if (c.changes.length > maxChanges) shown.push(`and ${c.changes.length - maxChanges} more`);
  const nearest = c.nearest === undefined || c.nearest === c.number - 1 ? '' : ` (compared with #${c.nearest})`;
  const [head, ...rest] = shown;
  return [`  #${c.number} ${head!}${nearest}`, ...rest.map((line) => `     ${line}`), `     ${facts}`];
}

/**
 * Says, for each compilation of a jitted function, which argument changed and how.
 *
 * A compilation is compared with the most similar one before it. Arguments are named by path (`args[0].w`); a change is one of shape, dtype,
 * weak type (a bare number for an array, or the reverse), structure (containers or keys), static value, setting, values closed over, or an
 * entry that was dropped because the function had been compiled for more than 512 kinds of call since.
 *
 * @param f a function made by `jit`
 * @returns the report; `String(report)` is meant for reading
 * @throws ArgumentError if `f` was not made by `jit`
 * @example
 * ```ts
 * import { jit, np, type Tensor } from 'cotangent';
 * import { explainRecompile } from 'cotangent/inspect';
 * const total = jit(function total(p: { w: Tensor }) { return np.sum(p.w); });
 * total({ w: np.ones([3]) });
 * total({ w: np.ones([4]) });
 * const report = explainRecompile(total);
 * console.log(report.total, report.compilations[1]?.changes[0]?.path); // => 2 args[0].w
 * console.log(String(report));
 * // => jit(total)…: 2 compilations in 2 calls; …
 * //      #1 first call: args[0].w f32[3]
 * //         call 1 …; 1 equation, trace …
 * //      #2 args[0].w changed shape, f32[3] → f32[4]
 * //         call 2 …; 1 equation, trace …
 * //    Fix: pad the argument to one shape, or to a few (powers of two, say), with a mask for what is real.
 * ```
 */
export function explainRecompile(f: (...args: never[]) => unknown): RecompileReport {
  const history = typeof f === 'function' ? historyOf(f) : undefined;
  if (history === undefined) {
    const got = typeof f === 'function' ? `function ${f.name === '' ? 'without a name' : f.name}` : describe(f);
    throw new ArgumentError(
      `explainRecompile: expected a function made by jit, got ${got}.`,
      'pass what jit(…) returned, after calling it.',
    );
  }
  const { name, site, calls, total, compilations } = history;
  return new RecompileReport(name, placeOf(site), calls, total, [...compilations]);
}
