/**
 * What happened to a jitted function: its calls and compilations, each with its cause; and the warning after many.
 * Only text is kept of what was passed.
 * May import: `ir`, `core`, `compiler`.
 * @module
 */
import { settings } from '../core/config.ts';
import { equationSite, placeOf } from '../core/site.ts';
import { hashSeed, hashString } from '../compiler/equal.ts';
import type { Program, SourceSite } from '../ir/program.ts';
import type { CacheEntry, CallKind } from './jit-cache.ts';
import { type ChangeKind, changesBetween, countChanges, describeChange, type RecompileChange } from './jit-changes.ts';

/** One compilation of a jitted function. */
export interface Compilation {
  /** 1 for the first. */
  readonly number: number;
  /** Number of the call that needed it. */
  readonly call: number;
  /** Where that call was made: `src/train.ts:20`; empty when unknown. */
  readonly place: string;
  /** The arguments' avals: `args[0].w f32[2,3], args[1] f32[32]`. */
  readonly signature: string;
  /** The compilation that `changes` are relative to: the most similar one before. */
  readonly nearest: number | undefined;
  /** Empty for the first. */
  readonly changes: readonly RecompileChange[];
  readonly equations: number;
  /** Tracing the function, in milliseconds. */
  readonly traceMs: number;
  /** Making code and running it once, in milliseconds; undefined under another transformation, where nothing runs. */
  firstRunMs: number | undefined;
}

/** Compilations that are remembered. */
const maxCompilations = 256;

/** Leaves of the arguments that a signature shows. */
const maxShown = 6;

function signatureOf({ avals, def }: CallKind): string {
  const shown = avals.slice(0, maxShown).map((a, i) => `args${def.path(i)} ${a.toString()}`);
  const rest = avals.length - shown.length;
  return rest > 0 ? `${shown.join(', ')} and ${rest} more` : shown.join(', ');
}

/** The entry that differs in the fewest places; among equals the latest. */
function nearestOf(kind: CallKind, entries: readonly CacheEntry[]): CacheEntry | undefined {
  let best: CacheEntry | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const entry of entries) {
    const distance = countChanges(entry, kind);
    if (distance > least || (distance === least && entry.compilation < best!.compilation)) continue;
    [best, least] = [entry, distance];
  }
  return best;
}

const histories = new WeakMap<object, JitHistory>();

/** The history of a function made by `jit`. */
export const historyOf = (jitted: object): JitHistory | undefined => histories.get(jitted);

export class JitHistory {
  readonly name: string;
  /** Where `jit` was called. */
  readonly site: SourceSite;
  /** Arguments whose memory a call takes, as `jit` was told. */
  readonly donateArgnums: number | readonly number[];
  readonly compilations: Compilation[] = [];
  /** All compilations, also those that are not remembered any more. */
  total = 0;
  calls = 0;
  private readonly source: string;

  constructor(jitted: object, name: string, f: object, donateArgnums: number | readonly number[]) {
    this.name = name;
    this.donateArgnums = donateArgnums;
    this.source = `${name} ${f.toString().slice(0, 500)}`;
    this.site = equationSite();
    histories.set(jitted, this);
  }

  /** Notes a compilation. `captured` describes what the function closes over, `dropped` names an earlier compilation for such calls. */
  record(
    kind: CallKind,
    entries: readonly CacheEntry[],
    made: { traceMs: number; program: Program; captured: readonly string[]; dropped: number | undefined },
  ): Compilation {
    const nearest = nearestOf(kind, entries);
    let changes: readonly RecompileChange[] = nearest === undefined ? [] : changesBetween(nearest, kind);
    if (made.captured.length > 0)
      changes = [{ kind: 'captured values', path: '', before: '', after: list(made.captured) }];
    else if (made.dropped !== undefined)
      changes = [{ kind: 'dropped', path: '', before: `#${made.dropped}`, after: `#${this.total + 1}` }];
    const compilation: Compilation = {
      number: ++this.total,
      call: this.calls,
      place: placeOf(equationSite()),
      signature: signatureOf(kind),
      nearest: made.captured.length > 0 || made.dropped !== undefined ? undefined : nearest?.compilation,
      changes,
      equations: made.program.equations.length,
      traceMs: made.traceMs,
      firstRunMs: undefined,
    };
    if (this.compilations.length >= maxCompilations) this.compilations.shift();
    this.compilations.push(compilation);
    if (this.total === settings.recompileWarningLimit) this.warn(compilation);
    if (this.total === 1) this.noteFirst(compilation, made.program);
    return compilation;
  }

  /** A jitted function made anew for each call compiles anew for each call. */
  private noteFirst({ signature }: Compilation, program: Program): void {
    const limit = settings.recompileWarningLimit;
    const place = placeOf(this.site);
    if (limit === Number.POSITIVE_INFINITY || place === '') return;
    const key = hashString(hashSeed, `${place} ${this.source} ${signature} ${outlineOf(program)}`);
    if (countFirst(key) !== limit) return;
    console.warn(
      `cotangent: ${limit} functions jit(${this.name}) were made at ${place}, and each was compiled for ${signature || 'no arguments'}.\n` +
        '  A jitted function keeps its own compilations, so one that is made anew for each call compiles at each call.\n' +
        '  Fix: call jit once, outside the loop, and pass what changes as arguments.\n' +
        '  config.recompileWarningLimit says when to warn (Infinity: never).',
    );
  }

  private warn(last: Compilation): void {
    const place = placeOf(this.site);
    const made = place === '' ? '' : ` (made at ${place})`;
    console.warn(
      `cotangent: jit(${this.name})${made} has been compiled ${this.total} times in ${this.calls} calls.\n` +
        `  The last time ${last.changes.map(describeChange).slice(0, 3).join('; ')}.\n` +
        `  Fix: ${remediesFor(last.changes)[0]?.remedy ?? 'see below.'}\n${hint}`,
    );
  }
}

const hint =
  "  explainRecompile(f) of 'cotangent/inspect' lists every cause; config.recompileWarningLimit says when to warn (Infinity: never).";

const list = (items: readonly string[]): string =>
  items.length > 3 ? `${items.slice(0, 3).join(', ')} and ${items.length - 3} more` : items.join(', ');

const remedies: Readonly<Record<ChangeKind, string>> = {
  shape: 'pad the argument to one shape, or to a few (powers of two, say), with a mask for what is real.',
  dtype: 'give the argument one dtype: array(x, { dtype }), x.astype(dtype).',
  'weak type': 'pass an array each time, or a bare number each time.',
  structure: 'pass the same containers with the same keys at every call; null can stand for what is missing.',
  'static value':
    'pass it as an array unless shapes or control flow depend on it; make an object or function once and pass that same one.',
  setting: 'change settings before the first call, not between calls.',
  'captured values': 'pass the traced value as an argument of the jitted function.',
  dropped: 'fewer kinds of arguments: static values that are new at every call push everything else out.',
};

/** What to do about each kind of change among these, the commonest first. */
export function remediesFor(changes: readonly RecompileChange[]): { kind: ChangeKind; remedy: string }[] {
  const counts = new Map<ChangeKind, number>();
  for (const { kind } of changes) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1]).map(([kind]) => ({ kind, remedy: remedies[kind] }));
}

/** How often a jitted function of one place, source, signature and outline was compiled for the first time; bounded, oldest out. */
const firsts = new Map<number, number>();
const maxFirsts = 256;

function countFirst(key: number): number {
  const count = (firsts.get(key) ?? 0) + 1;
  firsts.delete(key);
  firsts.set(key, count);
  if (firsts.size > maxFirsts) firsts.delete(firsts.keys().next().value!);
  return count;
}

/** What tells functions apart that one line makes: the operations they consist of. */
const outlineOf = ({ equations }: Program): string =>
  `${equations.length} ${equations
    .slice(0, 500)
    .map((e) => e.primitive.name)
    .join()}`;
