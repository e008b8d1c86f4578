/** explainRecompile names the argument and what changed; many compilations give one warning; the cache is bounded. */
import { afterEach, beforeEach, describe, expect, type MockInstance, test, vi } from 'vitest';
import { configure, grad, jit, np, type Tensor } from 'cotangent';
import { explainRecompile } from 'cotangent/inspect';

let warn: MockInstance<typeof console.warn>;

beforeEach(() => {
  configure({ recompileWarningLimit: 8 });
  warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
});

afterEach(() => {
  warn.mockRestore();
});

/** The causes, one line a compilation after the first. */
const causes = (f: (...args: never[]) => unknown): string[] =>
  explainRecompile(f)
    .compilations.slice(1)
    .map(({ changes }) => changes.map((c) => `${c.kind}: ${c.path} ${c.before} → ${c.after}`).join('; '));

const total = (p: { w: Tensor; b: Tensor | null }, x: Tensor): Tensor => {
  const y = np.sum(np.dot(x, p.w));
  return p.b === null ? y : y.add(p.b);
};

describe('what changed', () => {
  test('calls of one kind are compiled once', () => {
    const f = jit(total);
    for (let i = 0; i < 5; i++) f({ w: np.ones([2]), b: 0 }, np.ones([3, 2]));
    const report = explainRecompile(f);
    expect([report.total, report.calls, report.compilations.length]).toEqual([1, 5, 1]);
    expect(report.compilations[0]!.changes).toEqual([]);
    expect(report.compilations[0]!.firstRunMs).toBeGreaterThan(0);
    expect(String(report)).toMatch(
      /^jit\(total\), made at \S*explain-recompile\.test\.ts:\d+: 1 compilation in 5 calls; /,
    );
  });

  test('a Program of thousands of equations is advised to be a loop, a short one is not', () => {
    const unrolled = (n: number) =>
      jit((x: Tensor) => {
        let y = x;
        for (let i = 0; i < n; i++) y = y.add(1);
        return y;
      });
    const [short, long] = [unrolled(10), unrolled(5000)];
    for (const f of [short, long]) f(np.ones([2]));
    expect(String(explainRecompile(short))).not.toContain('Fix');
    expect(String(explainRecompile(long))).toMatch(/\nFix: write a long loop as lax\.scan/);
  });

  test('shape, dtype, weak type and structure, each with the path of the argument', () => {
    const f = jit(total);
    const w = np.ones([2]);
    f({ w, b: np.array(1) }, np.ones([3, 2]));
    f({ w, b: np.array(1) }, np.ones([4, 2]));
    f({ w, b: np.array(1) }, np.ones([4, 2]).astype('float64'));
    f({ w, b: 1 }, np.ones([4, 2]));
    f({ w, b: null }, np.ones([4, 2]));
    expect(causes(f)).toEqual([
      'shape: args[1] f32[3,2] → f32[4,2]',
      'dtype: args[1] f32[4,2] → f64[4,2]',
      'weak type: args[0].b f32[] → f32*[]',
      'structure: args[0].b an array → null',
    ]);
    const text = String(explainRecompile(f));
    expect(text).toContain('#2 args[1] changed shape, f32[3,2] → f32[4,2]\n');
    expect(text).toContain(
      'args[0].b changed weak type, f32[] → f32*[] (a bare number, where there was an array) (compared with #2)',
    );
    expect(text).toMatch(/\n {5}call 2 from \S*explain-recompile\.test\.ts:\d+; 3 equations, trace /);
    expect(text).toContain('Fix (shape): pad');
  });

  test('keys that came and went', () => {
    const f = jit((p: Record<string, Tensor>) => np.sum(Object.values(p)[0]!));
    f({ w: np.ones([2]), b: np.ones([2]) });
    f({ w: np.ones([2]), c: np.ones([2]) });
    expect(explainRecompile(f).compilations[1]!.changes).toMatchObject([
      { kind: 'structure', path: 'args[0]', note: 'new: c; missing: b' },
    ]);
  });

  test('the comparison is with the most similar compilation, not with the last', () => {
    const f = jit((x: Tensor, y: Tensor) => np.sum(x).add(np.sum(y)));
    f(np.ones([2]), np.ones([2]));
    f(np.ones([7]), np.ones([8]));
    f(np.ones([2]), np.ones([3]));
    const [, , last] = explainRecompile(f).compilations;
    expect([last!.nearest, last!.changes.map((c) => c.path)]).toEqual([1, ['args[1]']]);
  });

  test('static values, and that an equal object is still another one', () => {
    const f = jit((x: Tensor, how: unknown) => (how === 'twice' ? x.mul(2) : x), { staticArgnums: 1 });
    f(1, 'once');
    f(1, 'twice');
    f(1, { scale: [1, 2] });
    f(1, { scale: [1, 2] });
    f(1, () => 1);
    f(1, () => 1);
    const notes = explainRecompile(f).compilations.map((c) => c.changes[0]?.note);
    expect(causes(f).slice(0, 2)).toEqual([
      'static value: args[1] "once" → "twice"',
      'static value: args[1] "twice" → {scale: [1, 2]}',
    ]);
    expect(notes[3]).toBe('another object with the same content');
    expect(notes[5]).toBe('another function with the same source');
  });

  test('static values that are large, or hold themselves, are shown in part', () => {
    const f = jit((x: Tensor, _s: unknown) => x, { staticArgnums: 1 });
    const cyclic: Record<string, unknown> = { name: 'loop' };
    cyclic.self = cyclic;
    f(1, cyclic);
    f(
      1,
      Array.from({ length: 100_000 }, (_, i) => i),
    );
    f(1, new Float32Array(7));
    f(1, { nested: { deep: { deeper: { deepest: { end: 1 } } } } });
    expect(explainRecompile(f).compilations.map((c) => c.changes[0]?.after)).toEqual([
      undefined,
      expect.stringMatching(/^\[0, 1, 2, .*…$/),
      'Float32Array(7) …',
      '{nested: {deep: {deeper: {deepest: …}}}}',
    ]);
    expect(explainRecompile(f).compilations[1]!.changes[0]!.before).toMatch(/^\{name: "loop", self: \{name: "loop", /);
  });

  test('a setting that changes what is traced', () => {
    const f = jit((x: Tensor) => x.mul(2));
    const x = np.ones([2]);
    f(x);
    configure({ defaultDtype: 'float64' }, () => f(x));
    expect(causes(f)).toEqual(['setting: config.defaultDtype float32 → float64']);
  });

  test('a value of an enclosing derivative makes every call a compilation', () => {
    let inner: ((y: Tensor) => Tensor) | undefined;
    grad((x: Tensor) => {
      inner = jit((y: Tensor) => y.mul(x));
      return inner(np.array(2)).add(inner(np.array(2)));
    })(np.array(3));
    const { total: count, compilations } = explainRecompile(inner!);
    expect(count).toBe(2);
    expect(compilations[1]!.changes).toMatchObject([{ kind: 'captured values', after: 'f32[] (traced by grad)' }]);
  });

  test('what is traced into an enclosing jit is not a compilation of its own', () => {
    let inner: ((y: Tensor) => Tensor) | undefined;
    jit((x: Tensor) => {
      inner = jit((y: Tensor) => y.mul(x));
      return inner(np.array(2)).add(inner(np.array(2)));
    })(np.array(3));
    expect(explainRecompile(inner!).total).toBe(0);
  });

  test('only a jitted function can be explained', () => {
    expect(() => explainRecompile(total as never)).toThrow(
      'explainRecompile: expected a function made by jit, got function total.',
    );
    expect(() => explainRecompile(np.ones([1]) as never)).toThrow('made by jit, got a tensor.');
    expect(() => explainRecompile(null as never)).toThrow('made by jit, got null.');
  });
});

describe('the cache', () => {
  test('is bounded, drops what is unused for longest, and the report says so', () => {
    configure({ recompileWarningLimit: Number.POSITIVE_INFINITY }, () => {
      const f = jit((x: Tensor, n: unknown) => (n === -1 ? x : x.add(1)), { staticArgnums: 1 });
      f(1, -1);
      for (let i = 0; i < 512; i++) {
        f(1, i);
        if (i === 300) f(1, -1);
      }
      expect(explainRecompile(f).total).toBe(513);
      f(1, -1); // Used since: kept.
      expect(explainRecompile(f).total).toBe(513);
      f(1, 0); // Dropped for the 513th.
      const { total: count, compilations } = explainRecompile(f);
      expect(count).toBe(514);
      expect(compilations.at(-1)!.changes).toMatchObject([{ kind: 'dropped', before: '#2' }]);
      expect(String(explainRecompile(f))).toContain('#514 compiled before (#2), but dropped from the cache since');
    });
  });

  test('a static object can be collected once it is dropped', async () => {
    const gc = (globalThis as { gc?: () => void }).gc!;
    const f = jit((x: Tensor, _s: unknown) => x, { staticArgnums: 1 });
    const refs = configure({ recompileWarningLimit: Number.POSITIVE_INFINITY }, () =>
      Array.from({ length: 600 }, () => {
        const s = { big: new Float64Array(8) };
        f(1, s);
        return new WeakRef(s);
      }),
    );
    for (let i = 0; i < 20 && refs.slice(0, 80).some((r) => r.deref() !== undefined); i++) {
      await new Promise((resolve) => setTimeout(resolve));
      gc();
    }
    expect(refs.slice(0, 80).filter((r) => r.deref() !== undefined)).toEqual([]);
    expect(refs.at(-1)!.deref()).toBeDefined();
  });
});

describe('the warning', () => {
  test('comes once, at the limit, with cause and remedy', () => {
    const f = jit(function padded(x: Tensor) {
      return np.sum(x);
    });
    for (let n = 1; n <= 7; n++) f(np.ones([n]));
    expect(warn).not.toHaveBeenCalled();
    for (let n = 8; n <= 20; n++) f(np.ones([n]));
    expect(warn.mock.calls.length).toBe(1);
    expect(warn.mock.calls[0]![0]).toMatch(
      /^cotangent: jit\(padded\) \(made at \S+:\d+\) has been compiled 8 times in 8 calls\.\n {2}The last time args\[0\] changed shape, f32\[7\] → f32\[8\]\.\n {2}Fix: pad/,
    );
  });

  test('config.recompileWarningLimit sets when, or never', () => {
    configure({ recompileWarningLimit: 2 }, () => {
      const f = jit((x: Tensor) => np.sum(x));
      f(np.ones([1]));
      f(np.ones([2]));
      expect(warn.mock.calls.length).toBe(1);
    });
    configure({ recompileWarningLimit: Number.POSITIVE_INFINITY }, () => {
      const f = jit((x: Tensor) => np.sum(x));
      for (let n = 1; n <= 10; n++) f(np.ones([n]));
      expect(warn.mock.calls.length).toBe(1);
    });
    expect(() => configure({ recompileWarningLimit: 0 })).toThrow(
      'config.recompileWarningLimit: expected a positive integer, or Infinity for no warning, got 0.',
    );
  });

  test('a jitted function made anew for each call is found by the place that makes it', () => {
    const train = (n: number): void => {
      for (let i = 0; i < n; i++) jit((x: Tensor) => x.mul(2))(np.ones([3]));
    };
    train(7);
    expect(warn).not.toHaveBeenCalled();
    train(5);
    expect(warn.mock.calls.length).toBe(1);
    expect(warn.mock.calls[0]![0]).toMatch(
      /8 functions jit\(function\) were made at \S*explain-recompile\.test\.ts:\d+, and each was compiled for args\[0\] f32\[3\]\.[^]*Fix: call jit once, outside the loop/,
    );
  });

  test('functions of one place that differ in their arguments or their source are no such thing', () => {
    for (let n = 1; n <= 12; n++) jit((x: Tensor) => np.sum(x))(np.ones([n]));
    const repeat = (n: number) => (x: Tensor) => Array.from({ length: n }).reduce<Tensor>((y) => y.mul(2), x);
    for (let n = 1; n <= 12; n++) jit(repeat(n))(np.ones([3]));
    expect(warn).not.toHaveBeenCalled();
  });
});
