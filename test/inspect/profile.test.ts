/** The profiler: rows, counts, floating-point operations, bytes and source lines are known; times are only times. */
import { inspect } from 'node:util';
import { describe, expect, test, vi } from 'vitest';
import { configure, grad, jit, lax, np, nn, type Tensor, valueAndGrad } from 'cotangent';
import { Profile, profile, type ProfileRow } from 'cotangent/inspect';
import type { ConcreteTensor } from '../../src/core/tensor.ts';
import { digits } from '../../src/inspect/text.ts';

/** Line of the call as the engine has it: the test runner's own map of lines is not one that the library could know. */
function line(): number {
  const { prepareStackTrace } = Error;
  Error.prepareStackTrace = (_error, frames) => frames[1]!.getLineNumber();
  const found = new Error().stack as unknown as number;
  Error.prepareStackTrace = prepareStackTrace;
  return found;
}

const few = { repetitions: 2, warmup: 1 };

/** Rows of kernels that a primitive is part of, whatever it is fused with. */
const rowsOf = ({ rows }: Profile, primitive: string): ProfileRow[] => rows.filter((r) => r.name.includes(primitive));

const runsOf = (p: Profile, primitive: string): number => rowsOf(p, primitive).reduce((n, r) => n + r.count, 0);

describe('what compiled code does', () => {
  test('a matrix product has 2mnk operations, reads both factors and writes the result', () => {
    const p = profile(
      jit((x: Tensor, w: Tensor) => np.dot(x, w)),
      few,
    )(np.ones([30, 20]), np.ones([20, 50]));
    expect(p.rows).toHaveLength(1);
    expect(p.rows[0]).toMatchObject({
      kind: 'kernel',
      size: '30×50×20',
      count: 1,
      flops: 2 * 30 * 50 * 20,
      bytes: 4 * (30 * 20 + 20 * 50 + 30 * 50),
      share: 1,
    });
    expect(p.flops).toBe(60_000);
    expect(String(p.result.shape)).toBe('30,50');
  });

  test('an elementwise chain counts each operation once an element, whatever it costs', () => {
    const p = profile(
      jit((x: Tensor) => np.tanh(x.mul(3).add(1))),
      few,
    )(np.ones([1000]));
    expect(p.rows).toHaveLength(1);
    expect(p.rows[0]).toMatchObject({ size: 'f32[1000]', flops: 3000, bytes: 8000 });
  });

  test('a sum counts its additions, and integers and comparisons of them nothing', () => {
    const sum = profile(
      jit((x: Tensor) => np.sum(x)),
      few,
    )(np.ones([4096]));
    expect(sum.flops).toBe(4096);
    const integers = profile(
      jit((x: Tensor) => np.sum(x.add(1).mul(3))),
      few,
    )(np.ones([4096]).astype('int32'));
    expect(integers.flops).toBe(0);
  });

  test('what does not depend on a loop counts outside it', () => {
    // Row by row: one exp for each row, one product for each element.
    const p = profile(
      jit((x: Tensor, s: Tensor) => x.mul(np.exp(s))),
      few,
    )(np.ones([8, 1000]), np.ones([8, 1]));
    expect(p.flops).toBeLessThanOrEqual(8 * 1000 + 8);
    expect(p.flops).toBeGreaterThanOrEqual(8 * 1000);
  });

  test('a kernel inside a loop counts as often as it runs', () => {
    const f = jit((w: Tensor, xs: Tensor) =>
      lax.scan((h: Tensor, x: Tensor) => [np.tanh(np.dot(w, h).add(x)), null] as const, np.zeros([16]), xs),
    );
    const p = profile(f as (w: Tensor, xs: Tensor) => unknown, few)(np.ones([16, 16]), np.ones([25, 16]));
    expect(runsOf(p as Profile, 'dot_general')).toBe(25);
    expect(p.flops).toBe(25 * (2 * 16 * 16 + 16 + 16));
    for (const r of p.rows) expect(r.meanUs).toBeCloseTo(r.totalUs / r.count);
  });

  test('loops and branches that depend on data count what ran', () => {
    const f = jit((n: Tensor, x: Tensor) =>
      lax.whileLoop(
        ([i]: readonly Tensor[]) => np.less(i!, n),
        ([i, y]: readonly Tensor[]) => [
          i!.add(1),
          lax.cond(
            np.less(i!, 2),
            (z: Tensor) => np.dot(z, z),
            (z: Tensor) => z.mul(0.5),
            y!,
          ),
        ],
        [np.array(0, { dtype: 'int32' }), x],
      ),
    );
    const p = profile(f as (n: Tensor, x: Tensor) => unknown, few)(
      np.array(7, { dtype: 'int32' }),
      np.eye(8),
    ) as Profile;
    expect(runsOf(p, 'dot_general')).toBe(2);
  });

  test('arguments that the function does not donate are not copied', () => {
    const [x, w] = [np.ones([300]).add(1), np.ones([300]).add(2)];
    const step = jit((v: Tensor, u: Tensor) => v.mul(u), { donateArgnums: -1 });
    const reads = [x, w].map((t) => vi.spyOn(t as ConcreteTensor, 'read'));
    const seen = profile(step, { repetitions: 1, warmup: 0 })(x, w);
    // A copy for the call with the profiler and one for the call without.
    expect(reads.map((r) => r.mock.calls.length)).toEqual([0, 2]);
    expect([seen.calls, w.dataSync()[299], x.dataSync()[299]]).toEqual([1, 3, 2]);
  });

  test('arguments that the function donates are copied: the profile leaves them alive', () => {
    const step = jit((w: Tensor, g: Tensor) => w.sub(g.mul(0.1)), { donateArgnums: 0 });
    const w = np.ones([500]);
    const p = profile(step, few)(w, np.ones([500]));
    expect([p.calls, w.toArray()]).toEqual([2, Array.from({ length: 500 }, () => 1)]);
    expect(p.result.dataSync()[0]).toBeCloseTo(0.9);
  });
});

describe('which line made it', () => {
  test('a kernel names the lines of the operations it is made of, the dearest first', () => {
    const lines: number[] = [];
    const f = jit((x: Tensor) => {
      lines.push(line());
      const y = x.add(1);
      return np.tanh(y);
    });
    const p = profile(f, few)(np.ones([100]));
    expect(p.rows[0]!.sources.map((s) => s.replace(/^.*\//, ''))).toEqual([
      `profile.test.ts:${lines[0]! + 2}`,
      `profile.test.ts:${lines[0]! + 1}`,
    ]);
  });

  test.each(['compiled', 'eager'])('what a derivative adds names the forward line: %s', (how) => {
    let at = 0;
    const loss = (w: Tensor, x: Tensor): Tensor => {
      at = line();
      const h = np.dot(x, w);
      return np.sum(np.square(h));
    };
    const df = how === 'eager' ? grad(loss) : jit((w: Tensor, x: Tensor) => valueAndGrad(loss)(w, x));
    const { rows } = profile(df as (w: Tensor, x: Tensor) => unknown, few)(np.ones([40, 30]), np.ones([20, 40]));
    const products = rows.filter((r) => r.name.includes('dot_general'));
    expect(products).toHaveLength(2);
    const forward = new RegExp(`profile\\.test\\.ts:${at + 1}$`);
    for (const r of products) expect(r.sources).toContainEqual(expect.stringMatching(forward));
  });
});

describe('what runs outside jit', () => {
  test('is listed operation by operation, with shapes', () => {
    const p = profile((x: Tensor) => np.sum(np.exp(x).mul(x)), few)(np.ones([300]));
    const shown = p.rows.map((r) => `${r.kind} ${r.name} ${r.size} ${r.count} ${r.flops}`).sort();
    expect(shown).toEqual([
      'operation exp f32[300] 1 300',
      'operation mul f32[300] f32[300] 1 300',
      'operation reduce_sum f32[300] 1 300',
    ]);
  });

  test('a jitted function called from there is opened up', () => {
    const inner = jit((x: Tensor) => np.dot(x, x));
    const p = profile((x: Tensor) => inner(inner(x)).add(1), few)(np.eye(32));
    expect(p.rows.map((r) => `${r.kind} ${r.name} ${r.count}`).sort()).toEqual([
      'kernel dot_general 2',
      'operation add 1',
    ]);
  });

  test('a device without instrumented code is timed operation by operation', () => {
    const p = configure({ defaultDevice: 'reference' }, () => profile((x: Tensor) => np.exp(x), few)(np.ones([10])));
    expect([p.device, p.rows.map((r) => r.name)]).toEqual(['reference', ['exp']]);
  });

  test('nothing is recorded once the profile is done', () => {
    const f = (x: Tensor): Tensor => np.exp(x);
    const p = profile(f, few)(np.ones([300]));
    const before = p.toChromeTrace().traceEvents.length;
    f(np.ones([300]));
    expect(p.toChromeTrace().traceEvents).toHaveLength(before);
  });
});

describe('the trace', () => {
  const layer = jit(function layer(x: Tensor, w: Tensor): Tensor {
    return nn.softmax(np.dot(x, w));
  });
  const p = profile(layer, { repetitions: 3, warmup: 1 })(np.ones([64, 32]), np.ones([32, 48]));
  const trace = JSON.parse(JSON.stringify(p.toChromeTrace())) as ReturnType<typeof p.toChromeTrace>;
  const spans = trace.traceEvents.filter((e) => e.ph === 'X');

  test('has the form that viewers of Chrome traces read', () => {
    expect(Object.keys(trace)).toEqual(['traceEvents', 'displayTimeUnit', 'otherData']);
    expect(trace.traceEvents.filter((e) => e.ph === 'M').map((e) => [e.name, e.args.name])).toEqual([
      ['process_name', 'cotangent (wasm)'],
      ['thread_name', 'calling thread'],
    ]);
    for (const e of spans) {
      expect(e).toMatchObject({
        name: expect.any(String),
        cat: expect.any(String),
        pid: 1,
        tid: 1,
        args: expect.any(Object),
      });
      expect(e.ts).toBeGreaterThanOrEqual(0);
      expect(e.dur).toBeGreaterThanOrEqual(0);
    }
    expect(Math.min(...spans.map((e) => e.ts!))).toBe(0);
  });

  test('has one span a run of a kernel, inside the span of its program', () => {
    const programs = spans.filter((e) => e.cat === 'program');
    const kernels = spans.filter((e) => e.cat === 'kernel');
    expect(programs.map((e) => e.name)).toEqual(Array.from({ length: 6 }, () => 'jit(layer)'));
    expect(kernels).toHaveLength(3 * p.rows.reduce((n, r) => n + r.count, 0));
    const slack = 1e-3;
    for (const k of kernels) {
      const around = programs.filter((e) => e.ts! <= k.ts! + slack && k.ts! + k.dur! <= e.ts! + e.dur! + slack);
      expect(around).toHaveLength(2);
    }
  });

  test('says of a kernel what it computes, moves and comes from', () => {
    const product = spans.find((e) => e.name.includes('dot_general'))!;
    expect(product.args).toMatchObject({ size: '64×48×32', flops: 2 * 64 * 48 * 32 });
    expect(product.args.source).toMatch(/profile\.test\.ts:\d+/);
  });

  test('nests by containment to the nanosecond, also where the clock is so coarse that spans start and end together', () => {
    const cost = { flops: 0, productFlops: 0, bytes: 0 };
    const span = (kind: 'program' | 'kernel', name: string, start: number, end: number) => ({
      subject: { kind, name, size: '', cost, sources: [] },
      start,
      end,
    });
    // As they are noted: what ends first comes first. Milliseconds of a clock that steps by 0.1.
    const noted = [
      span('kernel', 'first', 1000.1, 1000.1),
      span('kernel', 'second', 1000.1, 1000.4),
      span('program', 'inner', 1000.1, 1000.4),
      span('program', 'outer', 1000.1, 1000.4),
    ];
    const { traceEvents } = new Profile({
      name: 'f',
      device: 'wasm',
      rows: [],
      spans: noted,
      droppedSpans: 0,
      calls: 1,
      callUs: 1,
      profiledCallUs: 1,
      arenaBytes: 0,
      coarseClockUs: 100,
      result: undefined,
    }).toChromeTrace();
    const events = traceEvents.filter((e) => e.ph === 'X');
    expect(events.map((e) => [e.name, e.ts, e.dur])).toEqual([
      ['outer', 0, 300],
      ['inner', 0, 300],
      ['second', 0, 300],
      ['first', 0, 0],
    ]);
    const nanoseconds = (us: number | undefined): number => Math.round(1000 * us!);
    for (const [i, e] of spans.entries()) {
      expect(nanoseconds(e.ts) / 1000).toBe(e.ts);
      const around = spans.slice(0, i).findLast((o) => o.ts! + o.dur! > e.ts!);
      if (around !== undefined)
        expect(nanoseconds(e.ts) + nanoseconds(e.dur)).toBeLessThanOrEqual(
          nanoseconds(around.ts) + nanoseconds(around.dur),
        );
    }
  });

  test('keeps no more spans than asked for, and says how many it dropped', () => {
    const short = profile(layer, { repetitions: 3, warmup: 1, maxSpans: 4 })(np.ones([64, 32]), np.ones([32, 48]));
    const { traceEvents, otherData } = short.toChromeTrace();
    expect(traceEvents.filter((e) => e.ph === 'X')).toHaveLength(4);
    expect(otherData.droppedEvents).toBe(spans.length - 4);
  });
});

describe('the table', () => {
  const wide = jit((x: Tensor, w: Tensor) => np.sum(np.tanh(np.dot(x, w))));
  const p = profile(wide, few)(np.ones([64, 32]), np.ones([32, 48]));
  const lines = String(p).split('\n');

  test('has a row for each kernel under its titles, aligned', () => {
    const titles = lines.findIndex((l) => l.startsWith('kernel'));
    const rows = lines.slice(titles + 1, titles + 1 + p.rows.length);
    expect(lines[titles]).toMatch(/^kernel +size +count +time [µm]s +% +flop +moved +GF\/s +GB\/s +source$/);
    const column = lines[titles]!.indexOf('source');
    for (const r of rows) {
      expect(r.slice(column)).toMatch(/^\S*profile\.test\.ts:\d+/);
      expect(r.slice(0, column)).toMatch(/ {2}$/);
    }
  });

  test('says what a call takes, and what is not in kernels', () => {
    expect(lines[0]).toMatch(/^jit\(function\) on wasm: [\d.]+ [µm]s a call \(median of 2 calls\)/);
    expect(lines.at(-2)).toMatch(/^kernels: [\d.]+ [µm]s; [\d.]+ k flop \([\d.]+ GF\/s\), [\d.]+ kB moved/);
    expect(lines.at(-1)).toMatch(/^around them: [\d.]+ [µm]s \([\d.]+ % of a call\)$/);
  });

  test('a function that computes nothing gives no rows, and says so', () => {
    const idle = profile(() => 1, few)();
    expect(idle.rows).toEqual([]);
    expect(String(idle)).toMatch(/^function on wasm: [\d.]+ [µm]s a call [^]*\nNo operation ran on this device\./);
  });

  test('a number that is too small for its digits is not shown as nothing', () => {
    expect([0, 0.004, 0.006, 1.234, 12.34, 1234.5].map(digits)).toEqual([
      '0.00',
      '<0.01',
      '0.01',
      '1.23',
      '12.3',
      '1235',
    ]);
  });

  test('a limit leaves out the cheapest, and says so', () => {
    const many = profile((x: Tensor) => np.sum(np.exp(np.sin(x))), few)(np.ones([300]));
    expect(many.table(1)).toMatch(/\n… 2 more: [\d.]+ [µm]s, [\d.]+ %\n/);
  });
});

test('a function that returns a Promise is an error', () => {
  expect(() => profile(async (x: Tensor) => x, few)(np.ones([2]))).toThrow(
    'profile: expected a function that returns at once, got one that returns a Promise.',
  );
});

test.each([
  [{ times: 3 }, 'repetitions, warmup, maxSpans, got times'],
  [{ w: np.ones([2]) }, 'arguments go to the result: profile(f)(x).'],
  [{ repetitions: 0 }, 'expected repetitions to be an integer of at least 1, got 0.'],
  [{ warmup: '3' }, 'expected warmup to be an integer of at least 0, got "3".'],
  [{ maxSpans: Number.NaN }, 'expected maxSpans to be an integer of at least 0, got NaN.'],
])('options that are wrong are an error: %j', (options, message) => {
  expect(() => profile((x: Tensor) => x, options as never)).toThrow(message);
});

test('what a function throws comes through, and later calls are not recorded', () => {
  let fails = true;
  const f = (x: Tensor): Tensor => {
    if (fails) throw new RangeError('mine');
    return np.exp(x);
  };
  expect(() => profile(f, few)(np.ones([2]))).toThrow(new RangeError('mine'));
  fails = false;
  expect(profile(f, few)(np.ones([2])).rows.map((r) => r.name)).toEqual(['exp']);
});

test('logging a profile prints its table', () => {
  const p = profile((x: Tensor) => np.exp(x), few)(np.ones([2]));
  expect(inspect(p)).toBe(String(p));
});
