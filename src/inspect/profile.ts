/**
 * `profile`: how long each kernel of a function takes, what it computes and moves, and which line made it.
 * May import: `api` and everything below it.
 * @module
 */
import {
  type AnyFunction,
  checkFunction,
  functionName,
  type LiftArgs,
  normalizeArgnums,
  type Tensors,
} from '../api/args.ts';
import { WasmStorage } from '../backends/wasm/storage.ts';
import { checkCount, checkOptions } from '../api/options.ts';
import { historyOf } from '../api/jit-history.ts';
import { activeExecutor, withExecutor } from '../core/executor.ts';
import { flatten, unflatten } from '../core/pytree.ts';
import { observeSites } from '../core/site.ts';
import { ConcreteTensor, deviceTensor, type Tensor } from '../core/tensor.ts';
import type { TypedArray } from '../ir/dtype.ts';
import { refusePromise } from './refuse-promise.ts';
import { Profile, type ProfileRow, type Span } from './profile-report.ts';
import { ProfilingExecutor, type Recorder, type Subject } from './profiling-executor.ts';

export interface ProfileOptions {
  /** Calls that are measured. Default: what half a second allows, at least 3 and at most 100. */
  readonly repetitions?: number;
  /** Calls before that. Default: what 0.2 s allow, at least 2 and at most 50. (Engines compile WebAssembly twice: soon, then well.) */
  readonly warmup?: number;
  /** Spans that are kept for `toChromeTrace`; later ones count in the table only. Default 100,000. */
  readonly maxSpans?: number;
}

const defaults = { maxSpans: 100_000, measureMs: 500, warmupMs: 200 };

/** What was recorded in one call: milliseconds and runs by number of subject. */
interface CallRecord {
  readonly ms: number[];
  readonly runs: number[];
}

class Tape implements Recorder {
  readonly subjects: Subject[] = [];
  readonly calls: CallRecord[] = [];
  readonly spans: Span[] = [];
  droppedSpans = 0;
  private readonly numbers = new Map<string, number>();
  private readonly maxSpans: number;
  private current: CallRecord | undefined;

  constructor(maxSpans: number) {
    this.maxSpans = maxSpans;
  }

  subject(key: string, make: () => Subject): number {
    let n = this.numbers.get(key);
    if (n === undefined) this.numbers.set(key, (n = this.subjects.push(make()) - 1));
    return n;
  }

  record(subject: number, start: number, end: number): void {
    const { current } = this;
    if (current === undefined) return;
    current.ms[subject] = (current.ms[subject] ?? 0) + (end - start);
    current.runs[subject] = (current.runs[subject] ?? 0) + 1;
    if (this.spans.length < this.maxSpans) this.spans.push({ subject: this.subjects[subject]!, start, end });
    else this.droppedSpans++;
  }

  /** Records one call. */
  measure(call: () => void): void {
    this.current = { ms: [], runs: [] };
    this.calls.push(this.current);
    try {
      call();
    } finally {
      this.current = undefined;
    }
  }
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

const mean = (values: readonly number[]): number => values.reduce((t, x) => t + x, 0) / values.length;

/** Milliseconds between two readings of the clock that differ, at least. */
function clockStep(): number {
  let [step, last] = [Number.POSITIVE_INFINITY, performance.now()];
  const end = last + 2;
  while (last < end) {
    const now = performance.now();
    if (now > last) step = Math.min(step, now - last);
    last = now;
  }
  return step;
}

/** Where the clock is coarser than this (ms), as in pages, most short spans read as nothing, and only their mean tells. */
const coarseStep = 0.002;

/** Milliseconds that an empty span takes: the clock itself. */
function clockCost(): number {
  const rounds = 200;
  let best = Number.POSITIVE_INFINITY;
  for (let batch = 0; batch < 5; batch++) {
    let sum = 0;
    for (let i = 0; i < rounds; i++) {
      const start = performance.now();
      sum += performance.now() - start;
    }
    best = Math.min(best, sum / rounds);
  }
  return best;
}

function rowsOf({ subjects, calls }: Tape, clockMs: number, average: typeof mean): ProfileRow[] {
  const rows = subjects.flatMap((subject, n): ProfileRow[] => {
    const { kind, name, size, cost, sources } = subject;
    const count = calls.reduce((t, c) => t + (c.runs[n] ?? 0), 0) / calls.length;
    if (kind === 'program' || count === 0) return [];
    const totalUs = 1000 * average(calls.map((c) => Math.max(0, (c.ms[n] ?? 0) - clockMs * (c.runs[n] ?? 0))));
    const [flops, bytes] = [cost.flops * count, cost.bytes * count];
    const perSecond = (x: number): number => (totalUs > 0 ? x / totalUs / 1e3 : 0);
    const rates = { gflops: perSecond(flops), gbs: perSecond(bytes) };
    return [{ kind, name, size, count, totalUs, meanUs: totalUs / count, share: 0, flops, bytes, ...rates, sources }];
  });
  const total = rows.reduce((t, r) => t + r.totalUs, 0);
  return rows
    .map((r) => ({ ...r, share: total > 0 ? r.totalUs / total : 0 }))
    .sort((a, b) => b.totalUs - a.totalUs || b.flops - a.flops);
}

/** Arguments with fresh copies of the tensors that the function donates, so that the call can be repeated. */
function copyDonated(f: AnyFunction, args: readonly unknown[]): readonly unknown[] {
  const history = historyOf(f);
  if (history === undefined) return args;
  const donated = normalizeArgnums('jit', history.donateArgnums, args.length);
  return args.map((x, i) => (donated.includes(i) ? copyTensors(x) : x));
}

function copyTensors(tree: unknown): unknown {
  const [leaves, def] = flatten(tree);
  const copy = (x: unknown): unknown => {
    if (!(x instanceof ConcreteTensor)) return x;
    const made = deviceTensor(x.read().slice() as TypedArray, x.aval);
    // Now, for the call is not to be charged with it.
    if (made.storage instanceof WasmStorage) made.storage.pin();
    return made;
  };
  return unflatten(def, leaves.map(copy));
}

/** Calls `run` until it has been called `least` times and `ms` are over, or `most` times. */
function repeat(ms: number, least: number, most: number, run: () => void): void {
  const start = performance.now();
  for (let n = 0; n < most && (n < least || performance.now() - start < ms); n++) run();
}

/**
 * Measures a function kernel by kernel.
 *
 * `profile(f)(...args)` calls `f` several times and says for each kernel of its compiled code (a jitted function, a loop) how often it ran
 * and how long, how many floating-point operations it made and bytes it moved, at what rate, and which lines of your code it comes from; under
 * `grad` those are the lines of the forward pass. What runs outside `jit` is listed operation by operation, dispatch included.
 *
 * A floating-point operation is an addition, a multiplication, a comparison, or a function such as `exp`, whatever it costs; a matrix product
 * of `[m,k]` and `[k,n]` has 2·m·n·k. Bytes are those of each element once for reading and once for writing, however often a cache serves it.
 * Times are those of the calling thread. A page without cross-origin isolation has a clock of 0.1 ms: there times are means, not medians, and
 * those of small kernels are rough.
 *
 * @param f a function of pytrees of tensors, jitted or not; arguments that it donates are copied before each call
 * @returns a function of the arguments, which gives the profile; `String(profile)` is a table, `profile.toChromeTrace()` is for a viewer
 * @throws ArgumentError if f returns a Promise
 * @example
 * ```ts
 * import { jit, np } from 'cotangent';
 * import { profile } from 'cotangent/inspect';
 * const layer = jit((x, w) => np.tanh(np.dot(x, w)));
 * const p = profile(layer)(np.ones([64, 32]), np.ones([32, 16]));
 * const product = p.rows.find((row) => row.name.includes('dot_general'));
 * console.log(product?.size, p.flops); // => 64×16×32 66560
 * console.log(p.toChromeTrace().traceEvents.length > 4); // => true
 * ```
 */
export function profile<A extends readonly unknown[] = Tensor[], const R = unknown>(
  f: (...args: A) => R,
  options: ProfileOptions = {},
): (...args: LiftArgs<A>) => Profile<Tensors<R>> {
  checkFunction('profile', f);
  checkOptions('profile', options, ['repetitions', 'warmup', 'maxSpans'], 'arguments go to the result: profile(f)(x).');
  checkCount('profile', 'repetitions', options.repetitions, 1);
  checkCount('profile', 'warmup', options.warmup, 0);
  checkCount('profile', 'maxSpans', options.maxSpans, 0);
  const name = historyOf(f) === undefined ? functionName(f as AnyFunction) : `jit(${historyOf(f)!.name})`;
  return (...args) => run(name, f as AnyFunction, args, options) as Profile<Tensors<R>>;
}

function run(name: string, f: AnyFunction, args: readonly unknown[], options: ProfileOptions): Profile {
  const { repetitions, warmup, maxSpans = defaults.maxSpans } = options;
  const inner = activeExecutor();
  const tape = new Tape(maxSpans);
  const executor = new ProfilingExecutor(inner, tape);
  const whole = tape.subject('call', () => ({
    kind: 'program',
    name,
    size: '',
    cost: { flops: 0, productFlops: 0, bytes: 0 },
    sources: [],
  }));
  const [plain, profiled]: [number[], number[]] = [[], []];
  let result: unknown;
  const timed = (times: number[]): void => {
    const fresh = copyDonated(f, args);
    const start = performance.now();
    result = f(...(fresh as never[]));
    const end = performance.now();
    refusePromise('profile', result);
    times.push(end - start);
    tape.record(whole, start, end);
  };
  const both = (): void => {
    timed(plain);
    withExecutor(executor, () => observeSites(() => tape.measure(() => timed(profiled))));
  };
  // The first call compiles, which may take longer than all others.
  if (warmup !== 0) both();
  repeat(defaults.warmupMs, (warmup ?? 2) - 1, (warmup ?? 50) - 1, both);
  [plain, profiled].forEach((times) => times.splice(0));
  tape.calls.splice(0);
  tape.spans.splice(0);
  tape.droppedSpans = 0;
  repeat(defaults.measureMs, repetitions ?? 3, repetitions ?? 100, both);
  const step = clockStep();
  const isCoarse = step > coarseStep;
  const average = isCoarse ? mean : median;
  return new Profile({
    name,
    device: inner.name,
    rows: rowsOf(tape, isCoarse ? 0 : clockCost(), average),
    spans: tape.spans,
    droppedSpans: tape.droppedSpans,
    calls: profiled.length,
    callUs: 1000 * average(plain),
    profiledCallUs: 1000 * average(profiled),
    coarseClockUs: isCoarse ? 1000 * step : 0,
    arenaBytes: executor.arenaBytes,
    result,
  });
}
