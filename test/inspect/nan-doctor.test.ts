/** nanDoctor names the operation that makes the first NaN, forward and in the gradient, and what its operands were. */
import { describe, expect, test } from 'vitest';
import { configure, customVjp, jit, lax, np, type Tensor } from 'cotangent';
import { nanDoctor, type NanReport } from 'cotangent/inspect';

const shown = ({ findings }: NanReport): string[] =>
  findings.map((f) => `${f.phase} ${f.operation} ${f.kind} [${f.index.join()}] ${f.count}/${f.size}`);

test('a function without NaN is healthy', () => {
  const report = nanDoctor((x: Tensor) => np.sum(np.exp(x)))(np.array([1, 2]));
  expect([report.isHealthy, report.first, report.operations]).toEqual([true, undefined, 2]);
  expect(String(report)).toBe('function: no NaN and no infinity (2 operations looked at).');
});

describe('in the forward pass', () => {
  test('the operation, the place in the result, and the operands there', () => {
    const report = nanDoctor((x: Tensor) => np.sum(np.log(x.sub(1))))(
      np.array([
        [2, 0.5],
        [3, 4],
      ]),
    );
    expect(report.first).toMatchObject({
      kind: 'NaN',
      phase: 'forward',
      operation: 'log',
      place: expect.stringMatching(/nan-doctor\.test\.ts:\d+$/),
      aval: 'f32[2,2]',
      index: [0, 1],
      count: 1,
      size: 4,
      operands: [{ aval: 'f32[2,2]', value: -0.5, min: -0.5, max: 3 }],
    });
    expect(String(report)).toMatch(
      /^function: the first NaN is made in the forward pass \(3 operations looked at\)\.\n {2}forward: log at \S+:\d+ makes NaN: f32\[2,2\], 1 of 4 elements, first at \[0,1\]\n {4}operand 0: f32\[2,2\], -0\.5 there, from -0\.5 to 3\n/,
    );
  });

  test('0 · ∞ is a NaN that is made, though an operand is infinite', () => {
    const report = nanDoctor((x: Tensor, y: Tensor) => x.mul(np.exp(y)), { gradient: false })(
      np.array([1, 0]),
      np.array([2, 1000]),
    );
    expect(shown(report)).toEqual(['forward exp Infinity [1] 1/2', 'forward mul NaN [1] 1/2']);
  });

  test('inside a jitted function, a loop and a branch, with the iteration', () => {
    const f = jit((x: Tensor, steps: Tensor) =>
      lax.scan(
        (h: Tensor, s: Tensor) => {
          const next = lax.cond(
            np.greater(s, 0),
            (v: Tensor) => np.sqrt(v),
            (v: Tensor) => v.sub(1),
            h,
          ) as Tensor;
          return [next, null] as const;
        },
        x,
        steps,
      ),
    );
    const report = nanDoctor(f as (x: Tensor, steps: Tensor) => unknown, { gradient: false })(
      np.array([0.5]),
      np.array([0, 0, 1, 0]),
    );
    expect(report.findings).toMatchObject([
      { operation: 'sqrt', context: 'scan, iteration 2', operands: [{ value: -1.5 }] },
    ]);
    expect(report.first!.place).toMatch(/nan-doctor\.test\.ts/);
  });

  test('a while loop counts its iterations', () => {
    const f = (x: Tensor): unknown =>
      lax.whileLoop(
        ([i]: readonly Tensor[]) => np.less(i!, 5),
        ([i, y]: readonly Tensor[]) => [i!.add(1), np.log(y!)],
        [np.array(0), x],
      );
    const report = nanDoctor(f)(np.array([5]));
    expect(report.first).toMatchObject({ operation: 'log', context: 'while, iteration 3' });
    expect(report.noGradient).toMatch(/while loop/);
  });

  test('infinities that are put there on purpose are no findings, nor is what they pass through', () => {
    const mask = (x: Tensor): Tensor => np.max(np.where(np.array([true, false, true]), x, Number.NEGATIVE_INFINITY));
    expect(shown(nanDoctor(mask)(np.array([1, 2, 3])))).toEqual([]);
  });

  test('NaN among the arguments is named as such', () => {
    const report = nanDoctor((p: { w: Tensor }) => np.sum(p.w))({ w: np.array([1, Number.NaN, Number.NaN]) });
    expect([report.isHealthy, report.findings]).toEqual([false, []]);
    expect(report.nonFinite).toMatchObject([
      { path: 'args[0].w', nans: 2 },
      { path: 'result', nans: 1 },
    ]);
    expect(String(report)).toContain('Fix: look at what made the arguments.');
  });
});

describe('in the gradient', () => {
  test.each(['eager', 'compiled'])('the side of where that is not taken: %s', (how) => {
    const unsafe = (x: Tensor): Tensor => np.sum(np.where(np.greater(x, 0), np.sqrt(x), 0));
    const report = nanDoctor(how === 'eager' ? unsafe : jit(unsafe))(np.array([1, 0, 4]));
    expect(shown(report)).toEqual(['gradient div Infinity [1] 1/3', 'gradient mul NaN [1] 1/3']);
    expect(report.first).toMatchObject({
      operation: 'mul',
      operands: [{ value: 0 }, { value: Number.POSITIVE_INFINITY }],
    });
    for (const f of report.findings) expect(f.place).toMatch(/nan-doctor\.test\.ts:\d+$/);
    expect(report.nonFinite).toMatchObject([{ path: 'gradient of args[0]', nans: 1, infinities: 0 }]);
    expect(String(report)).toContain('Make the operand safe before the function: f(np.where(ok, x, 1)).');
  });

  test('the remedy it gives is one', () => {
    const safe = (x: Tensor): Tensor => {
      const ok = np.greater(x, 0);
      return np.sum(np.where(ok, np.sqrt(np.where(ok, x, 1)), 0));
    };
    expect(nanDoctor(safe)(np.array([1, 0, 4])).isHealthy).toBe(true);
  });

  test('of scalars, and by a rule that the user wrote', () => {
    expect(shown(nanDoctor((x: Tensor) => np.sqrt(x))(0))).toEqual(['gradient div Infinity [] 1/1']);
    const f = customVjp((x: Tensor) => x.mul(2));
    f.defvjp(
      (x: Tensor) => [x.mul(2), x] as const,
      (x: Tensor, ct: Tensor) => [np.log(x).mul(ct)] as const,
    );
    expect(shown(nanDoctor((x: Tensor) => np.sum(f(x) as Tensor))(np.array([1, -1])))).toEqual([
      'gradient log NaN [1] 1/2',
    ]);
  });

  test('arguments are left as they are, also those the function donates', () => {
    const f = jit((x: Tensor, _mode: string) => np.sum(x.mul(x)), { donateArgnums: 0, staticArgnums: 1 });
    const x = np.ones([300]);
    expect(nanDoctor(f)(x, 'sum').isHealthy).toBe(true);
    expect(x.dataSync()[299]).toBe(1);
  });
});

test('works on the reference device, and leaves the device as it was', () => {
  const f = (x: Tensor): Tensor => np.log(x);
  const report = configure({ defaultDevice: 'reference' }, () => nanDoctor(f)(np.array([-1])));
  expect(report.first!.operation).toBe('log');
  expect(np.log(np.array([-1])).device).not.toBe('reference');
});

test('a function that returns a Promise, or no findings at all, is an error', () => {
  expect(() => nanDoctor(async (x: Tensor) => x)(1)).toThrow('nanDoctor: expected a function that returns at once');
  expect(() => nanDoctor((x: Tensor) => x, { maxFindings: 0 })).toThrow('maxFindings to be an integer of at least 1');
});
