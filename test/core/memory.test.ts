/** What a finished transformation must not keep alive. Runs with `--expose-gc`. */
import { beforeAll, describe, expect, test } from 'vitest';
import { checkpoint, configure, customVjp, grad, jit, lax, np, type Tensor, vmap } from 'cotangent';

const collect = (globalThis as { gc?: () => void }).gc;

/** Calls `run` and counts which of the objects that it marked are alive once its result is all that is kept. */
async function alive(run: (mark: <T extends object>(x: T) => T) => unknown): Promise<number> {
  const refs: WeakRef<object>[] = [];
  const kept = run((x) => {
    refs.push(new WeakRef(x));
    return x;
  });
  for (let i = 0; i < 4; i++) {
    await new Promise((resolve) => setTimeout(resolve, 2));
    collect!();
  }
  expect(refs.length).toBeGreaterThan(0);
  expect(kept).toBeDefined();
  return refs.filter((r) => r.deref()).length;
}

const big = (): Tensor => np.full([1000], 0.5);

const devices = collect === undefined ? [] : ['reference', 'wasm'];

describe.each(devices)('on %s a gradient keeps nothing of how it was computed', (device) => {
  beforeAll(() => configure({ defaultDevice: device }));
  const traced = jit((x: Tensor) => np.sin(x).sum());

  type Mark = <T extends object>(x: T) => T;
  const cases: [string, (mark: Mark, x: Tensor) => unknown][] = [
    ['eager operations', (mark, x) => grad((v) => mark(mark(np.sin(v)).mul(v)).sum())(x)],
    [
      'a scan',
      (mark, x) => grad((v) => lax.scan((c: Tensor) => [mark(np.sin(c)), null], v, null, { length: 3 })[0].sum())(x),
    ],
    [
      'a cond in a checkpoint',
      (mark, x) =>
        grad((v) =>
          checkpoint((u: Tensor) =>
            lax.cond(
              true,
              (w: Tensor) => mark(np.sin(w)),
              (w: Tensor) => w,
              u,
            ),
          )(v).sum(),
        )(x),
    ],
    ['a jitted closure', (mark, x) => grad((v) => mark(jit((u: Tensor) => mark(u.mul(v))))(v).sum())(x)],
    ['vmap', (mark, x) => vmap((v) => mark(np.sin(v)).mul(2))(x)],
  ];
  test.each(cases)('%s: no tracer, no residual, not the argument', async (_name, run) => {
    expect(await alive((mark) => run(mark, mark(big())))).toBe(0);
  });

  test('residuals of a custom rule', async () => {
    const h = customVjp((x: Tensor) => np.sin(x));
    let note: (x: Tensor) => Tensor = (x) => x;
    h.defvjp(
      (x: Tensor) => [np.sin(x), note(np.cos(x))],
      (r: Tensor, ct: Tensor) => [ct.mul(r)],
    );
    expect(await alive((mark) => ((note = mark), grad((x) => h(x).sum())(big())))).toBe(0);
  });

  test('a compiled function keeps no arguments: not the first ones, which it was traced with, nor those of its gradient', async () => {
    expect(await alive((mark) => [1, 2, 3].map(() => grad(traced)(mark(big()))))).toBe(0);
    const fresh = jit((x: Tensor) => x.mul(2));
    expect(await alive((mark) => fresh(mark(big())))).toBe(0);
    const gradient = jit(grad((x: Tensor) => np.sin(x).sum()));
    expect(await alive((mark) => gradient(mark(big())))).toBe(0);
  });

  test('a jitted closure that is dropped takes its constants along', async () => {
    const run = (mark: Mark): unknown =>
      [1, 2, 3].map(() => {
        const constant = mark(big());
        return mark(jit((x: Tensor) => x.mul(constant)))(big()).shape;
      });
    expect(await alive(run)).toBe(0);
  });
});
