/**
 * The result of a profile: a row a kernel, as a table and as a trace for a viewer.
 * May import: `api` and everything below it.
 * @module
 */
import type { Subject } from './profiling-executor.ts';
import { digits, duration, logAsText, plural, scaled, table } from './text.ts';

/** One kernel, copy or eager operation, summed over the times it runs in one call of the function. */
export interface ProfileRow {
  /** `kernel` and `copy` are parts of compiled code; an `operation` is one that ran by itself. */
  readonly kind: 'kernel' | 'copy' | 'operation';
  readonly name: string;
  /** `m×n×k` of a matrix product; else the largest array of a kernel, or the operands of an operation. */
  readonly size: string;
  /** Runs in one call. */
  readonly count: number;
  /** Microseconds in one call: median over the calls measured (mean, where the clock is coarse). */
  readonly totalUs: number;
  readonly meanUs: number;
  /** Of the time of all rows, 0 to 1. */
  readonly share: number;
  /** Floating-point operations in one call. */
  readonly flops: number;
  /** Bytes read and written in one call. */
  readonly bytes: number;
  /** 10⁹ floating-point operations a second. */
  readonly gflops: number;
  /** 10⁹ bytes a second. */
  readonly gbs: number;
  /** Lines of the user's code that it comes from (`src/train.ts:20`), the dearest first. */
  readonly sources: readonly string[];
}

/** An event of the Trace Event Format: `X` spans and `M` metadata. */
export interface TraceEvent {
  readonly name: string;
  readonly ph: 'X' | 'M';
  readonly cat?: string;
  readonly pid: number;
  readonly tid: number;
  /** Microseconds. */
  readonly ts?: number;
  readonly dur?: number;
  readonly args: Readonly<Record<string, string | number>>;
}

export interface ChromeTrace {
  readonly traceEvents: readonly TraceEvent[];
  readonly displayTimeUnit: 'ms';
  readonly otherData: Readonly<Record<string, string | number>>;
}

/** One span of time; milliseconds. */
export interface Span {
  readonly subject: Subject;
  readonly start: number;
  readonly end: number;
}

interface ProfileData<R> {
  readonly name: string;
  readonly device: string;
  readonly rows: readonly ProfileRow[];
  readonly spans: readonly Span[];
  readonly droppedSpans: number;
  readonly calls: number;
  readonly callUs: number;
  readonly profiledCallUs: number;
  readonly arenaBytes: number;
  /** Step of a clock so coarse that times are means; else 0. */
  readonly coarseClockUs: number;
  readonly result: R;
}

/** Rows that a table shows unless told otherwise. */
const shownRows = 30;
const maxName = 40;
const maxSize = 28;

const cut = (text: string, length: number): string => (text.length > length ? `${text.slice(0, length - 1)}…` : text);

/** What one call of a function did. Prints as a table. */
export class Profile<R = unknown> {
  static {
    logAsText(this.prototype);
  }

  readonly name: string;
  readonly device: string;
  /** The dearest first. */
  readonly rows: readonly ProfileRow[];
  /** Calls that were measured. */
  readonly calls: number;
  /** Microseconds of one call as it runs without the profiler: median over the calls measured. */
  readonly callUs: number;
  /** The same under the profiler's clock. */
  readonly profiledCallUs: number;
  /** Bytes of temporary memory of the compiled code: the largest of its Programs. */
  readonly arenaBytes: number;
  /** What the last call returned. */
  readonly result: R;
  private readonly coarseClockUs: number;
  private readonly spans: readonly Span[];
  private readonly droppedSpans: number;

  constructor(data: ProfileData<R>) {
    this.name = data.name;
    this.device = data.device;
    this.rows = data.rows;
    this.calls = data.calls;
    this.callUs = data.callUs;
    this.profiledCallUs = data.profiledCallUs;
    this.arenaBytes = data.arenaBytes;
    this.result = data.result;
    this.coarseClockUs = data.coarseClockUs;
    this.spans = data.spans;
    this.droppedSpans = data.droppedSpans;
  }

  /** Microseconds of all rows. */
  get rowsUs(): number {
    return this.sum((r) => r.totalUs);
  }

  /** Floating-point operations of one call. */
  get flops(): number {
    return this.sum((r) => r.flops);
  }

  /** Bytes that kernels read and write in one call. */
  get bytes(): number {
    return this.sum((r) => r.bytes);
  }

  private sum(of: (row: ProfileRow) => number): number {
    return this.rows.reduce((t, r) => t + of(r), 0);
  }

  toString(): string {
    return this.table();
  }

  /** A table of the dearest `limit` rows, and what all add up to. */
  table(limit: number = shownRows): string {
    if (this.rows.length === 0)
      return [
        ...this.heading(),
        'No operation ran on this device. (Plain numbers only? Inside a trace? A function of another copy of the package?)',
      ].join('\n');
    const shown = this.rows.slice(0, limit);
    const [unit, perUnit] = this.rowsUs >= 10_000 ? (['ms', 1000] as const) : (['µs', 1] as const);
    const hasRepeats = shown.some((r) => r.count !== 1);
    const cells = shown.map((r) => [
      cut(r.name, maxName),
      cut(r.size, maxSize),
      digitsOfCount(r.count),
      digits(r.totalUs / perUnit),
      ...(hasRepeats ? [digits(r.meanUs / perUnit)] : []),
      `${(100 * r.share).toFixed(1)}`,
      scaled(r.flops),
      scaled(r.bytes, 'B'),
      r.flops > 0 && r.totalUs > 0 ? digits(r.gflops) : '',
      r.bytes > 0 && r.totalUs > 0 ? digits(r.gbs) : '',
      sourceText(r.sources),
    ]);
    const left = (title: string): { title: string; align: 'left' } => ({ title, align: 'left' });
    const right = (title: string): { title: string; align: 'right' } => ({ title, align: 'right' });
    const columns = [
      left(this.rows.some((r) => r.kind === 'operation') ? 'operation' : 'kernel'),
      left('size'),
      right('count'),
      right(`time ${unit}`),
      ...(hasRepeats ? [right(`each ${unit}`)] : []),
      right('%'),
      right('flop'),
      right('moved'),
      right('GF/s'),
      right('GB/s'),
      left('source'),
    ];
    return [...this.heading(), table(columns, cells), ...this.rest(limit), ...this.footing()].join('\n');
  }

  private heading(): string[] {
    const clock = this.coarseClockUs > 0 ? `; the clock steps by ${duration(this.coarseClockUs / 1000)}` : '';
    const average = `${this.coarseClockUs > 0 ? 'mean' : 'median'} of ${plural(this.calls, 'call')}${clock}`;
    const overhead = this.profiledCallUs - this.callUs;
    const under =
      overhead > 0.02 * this.callUs ? `, ${duration(this.profiledCallUs / 1000)} with the profiler's clock` : '';
    return [`${this.name} on ${this.device}: ${duration(this.callUs / 1000)} a call (${average})${under}`, ''];
  }

  private rest(limit: number): string[] {
    const rest = this.rows.slice(limit);
    if (rest.length === 0) return [];
    const us = rest.reduce((t, r) => t + r.totalUs, 0);
    return [`… ${rest.length} more: ${duration(us / 1000)}, ${((100 * us) / this.rowsUs).toFixed(1)} %`];
  }

  private footing(): string[] {
    const { rowsUs, flops, bytes, callUs } = this;
    const rate = flops > 0 ? `${scaled(flops)} flop (${digits(flops / rowsUs / 1e3)} GF/s), ` : '';
    const what = this.rows.some((r) => r.kind === 'operation') ? 'operations' : 'kernels';
    const outside = Math.max(0, callUs - rowsUs);
    const arena = this.arenaBytes > 0 ? `; ${scaled(this.arenaBytes, 'B')} of temporary memory` : '';
    return [
      '',
      `${what}: ${duration(rowsUs / 1000)}; ${rate}${scaled(bytes, 'B')} moved (${digits(bytes / rowsUs / 1e3)} GB/s)${arena}`,
      `around them: ${duration(outside / 1000)} (${((100 * outside) / callUs).toFixed(1)} % of a call)`,
    ];
  }

  /**
   * The spans of all measured calls in the Trace Event Format: write `JSON.stringify(profile.toChromeTrace())` to a file and open it in
   * chrome://tracing or ui.perfetto.dev.
   */
  toChromeTrace(): ChromeTrace {
    const spans = inOrder(this.spans);
    const zero = spans[0]?.start ?? 0;
    const metadata = (name: string, value: string): TraceEvent => ({
      name,
      ph: 'M',
      pid: 1,
      tid: 1,
      args: { name: value },
    });
    const otherData: Record<string, string | number> = { function: this.name, device: this.device };
    if (this.droppedSpans > 0) otherData.droppedEvents = this.droppedSpans;
    return {
      traceEvents: [
        metadata('process_name', `cotangent (${this.device})`),
        metadata('thread_name', 'calling thread'),
        ...spans.map((s) => traceEvent(s, zero)),
      ],
      displayTimeUnit: 'ms',
      otherData,
    };
  }
}

const digitsOfCount = (n: number): string => (Number.isInteger(n) ? String(n) : n.toFixed(1));

function sourceText(sources: readonly string[]): string {
  const [first, ...rest] = sources;
  if (first === undefined) return '';
  // Further lines of the same file need no file.
  const file = first.slice(0, first.lastIndexOf(':') + 1);
  const others = rest.slice(0, 2).map((s) => (s.startsWith(file) ? s.slice(file.length) : s));
  return [first, ...others].join(', ') + (rest.length > 2 ? ` +${rest.length - 2}` : '');
}

/**
 * By time, and of those that start together the outer ones first: a viewer nests a span in the one before it. Where the clock is coarse they
 * may end together too; then a program is outside of what it runs, and of two programs the one that was noted later.
 */
function inOrder(spans: readonly Span[]): readonly Span[] {
  const rank = new Map(spans.map((s, i) => [s, s.subject.kind === 'program' ? -i : i + 1]));
  return spans.toSorted((a, b) => a.start - b.start || b.end - a.end || rank.get(a)! - rank.get(b)!);
}

function traceEvent({ subject, start, end }: Span, zero: number): TraceEvent {
  const { kind, name, size, cost, sources } = subject;
  const args: Record<string, string | number> = {};
  if (size !== '') args.size = size;
  if (kind !== 'program') Object.assign(args, { flops: cost.flops, bytes: cost.bytes });
  if (sources.length > 0) args.source = sources.join(', ');
  // Both ends in whole nanoseconds, so that no rounding lets a span end after the one around it: viewers drop such spans.
  const nanoseconds = (ms: number): number => Math.round(1e6 * (ms - zero));
  const ts = nanoseconds(start);
  return { name, ph: 'X', cat: kind, pid: 1, tid: 1, ts: ts / 1000, dur: (nanoseconds(end) - ts) / 1000, args };
}
