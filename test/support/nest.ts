/**
 * Random nests of control flow, `jit`, `checkpoint`, custom rules, `vmap` and `grad` around a few smooth functions of a vector of 3.
 * @module
 */
import fc, { type Arbitrary } from 'fast-check';
import { checkpoint, customJvp, customVjp, grad, jit, jvp, lax, np, type Tensor, vjp, vmap } from 'cotangent';

/** `c` is a value from outside that the nest closes over. */
export type NestFunction = (x: Tensor, c: Tensor) => Tensor;

export interface Nest {
  /** Shown when a property fails. */
  readonly text: string;
  readonly apply: NestFunction;
  /** Holds a loop of unknown length. */
  readonly isForwardOnly: boolean;
  /** Holds a function with a reverse-mode rule only. */
  readonly isReverseOnly: boolean;
}

const leaf = (text: string, apply: NestFunction): Nest => ({ text, apply, isForwardOnly: false, isReverseOnly: false });
const vector = np.array([0, 0.3, 0.6], { dtype: 'float64' });

const leaves: readonly Nest[] = [
  leaf('sin', (x) => np.sin(x)),
  leaf('tanh(x c)', (x, c) => np.tanh(x.mul(c))),
  leaf('x/2', (x) => x.mul(0.5).add(0.1)),
  leaf('sin x cos c', (x, c) => np.sin(x).mul(np.cos(c))),
  leaf('cumsum', (x) => np.tanh(np.cumsum(x))),
  leaf('sin c', (_x, c) => np.sin(c)),
  leaf('constant', () => vector),
  leaf('where', (x, c) => np.where(np.greater(x, c), np.sin(x), x.mul(0.3))),
];

const derived = (text: string, inner: readonly Nest[], apply: NestFunction): Nest => ({
  text: `${text}{${inner.map((n) => n.text).join(' | ')}}`,
  apply,
  isForwardOnly: inner.some((n) => n.isForwardOnly),
  isReverseOnly: inner.some((n) => n.isReverseOnly),
});

interface ScanShape {
  readonly length: number;
  readonly reverse: boolean;
  /** What depends on x: 0 xs and the carry's start, 1 the start only, 2 xs only (ys are used), 3 constants too. */
  readonly mode: number;
}

const emptyRows = np.zeros([0, 3], { dtype: 'float64' });

/** An integer counter, a carry that depends on x at once, and one that does so only after an iteration. */
function scanNest(a: Nest, { length, reverse, mode }: ScanShape): Nest {
  return derived(`scan ${length}${reverse ? ' reversed' : ''} mode ${mode}`, [a], (x, c) => {
    const row = (i: number): Tensor => (mode === 1 ? vector.mul(0.4 * i) : x.mul(0.3 + 0.2 * i));
    const xs = length === 0 ? emptyRows : np.stack(Array.from({ length }, (_, i) => row(i)));
    const init = { n: np.array(0, { dtype: 'int32' }), v: mode === 2 ? vector.mul(0.1) : x, w: vector };
    const [end, ys] = lax.scan(
      ({ n, v, w }: { n: Tensor; v: Tensor; w: Tensor }, xi: Tensor) => {
        const next = a.apply(v.add(xi), mode === 3 ? x : c);
        const isEarly = np.less(n, 2).astype('float64');
        const carry = { n: n.add(1), v: next.mul(isEarly).add(v.mul(0.1)), w: np.tanh(v.add(w)) };
        return [carry, mode === 2 ? { y: next.mul(xi), n } : null] as const;
      },
      init,
      xs,
      { reverse, length },
    ) as unknown as [{ n: Tensor; v: Tensor; w: Tensor }, { y: Tensor } | null];
    const out = end.v.add(end.w.mul(0.2)).add(end.n);
    return ys ? out.add(ys.y.sum({ axis: 0 })) : out;
  });
}

function customJvpNest(a: Nest): Nest {
  const h = customJvp((x: Tensor, c: Tensor) => a.apply(x, c));
  h.defjvp(([x, c]: [Tensor, Tensor], [dx, dc]: [Tensor, Tensor]) => jvp(a.apply, [x, c], [dx, dc]));
  return derived('customJvp', [a], (x, c) => h(x, c));
}

function customVjpNest(a: Nest): Nest {
  if (a.isForwardOnly) return a;
  const h = customVjp((x: Tensor, c: Tensor) => a.apply(x, c));
  h.defvjp(
    (x: Tensor, c: Tensor) => [a.apply(x, c), { x, c, nothing: null, two: 2 }],
    ({ x, c }: { x: Tensor; c: Tensor }, ct: Tensor) => vjp(a.apply, x, c)[1](ct),
  );
  return { ...derived('customVjp', [a], (x, c) => h(x, c)), isReverseOnly: true };
}

function vmapNest(a: Nest, [inAxis, outAxis, isMapped]: readonly [number, number, boolean]): Nest {
  return derived(`vmap ${inAxis} ${outAxis}${isMapped ? '' : ' closing over x'}`, [a], (x, c) => {
    const rows = np.stack([x, np.sin(x).mul(0.5)], inAxis);
    const f = (y: Tensor, d: Tensor): Tensor => a.apply(y, isMapped ? d : x);
    return vmap(f, { inAxes: [inAxis, null], outAxes: outAxis })(rows, c).sum({ axis: outAxis });
  });
}

/** The number of iterations depends on the value of x. */
const loopNest = (a: Nest): Nest => ({
  ...derived('foriLoop', [a], (x, c) => {
    const n = np.greater(x.sum(), 0.3).astype('int32').add(1);
    return lax.foriLoop(0, n, (_i, v: Tensor) => a.apply(v, c).add(v.mul(0.1)), x) as Tensor;
  }),
  isForwardOnly: true,
});

const gradNest = (a: Nest): Nest =>
  a.isForwardOnly || a.isReverseOnly
    ? a
    : derived('grad', [a], (x, c) => grad((y: Tensor) => a.apply(y, c).mul(y).sum().mul(0.3))(x));

/** Nests up to `depth` deep. */
export function nests(depth: number): Arbitrary<Nest> {
  const flat = fc.constantFrom(...leaves);
  if (depth === 0) return flat;
  const inner = nests(depth - 1);
  const pair = fc.tuple(inner, inner);
  const scanShape = fc.record({ length: fc.nat(3), reverse: fc.boolean(), mode: fc.nat(3) });
  const jitted = (a: Nest): Nest => {
    const f = jit(a.apply);
    return derived('jit', [a], (x, c) => f(x, c));
  };
  return fc.oneof(
    pair.map(([a, b]) => derived('then', [a, b], (x, c) => b.apply(a.apply(x, c), c))),
    fc.tuple(inner, scanShape).map(([a, s]) => scanNest(a, s)),
    fc.tuple(inner, scanShape).map(([a, s]) => scanNest(a, s)),
    pair.map(([a, b]) =>
      derived('cond', [a, b], (x, c) =>
        lax.cond(
          np.greater(x.sum(), 0.4),
          (y: Tensor) => a.apply(y, c),
          (y: Tensor) => b.apply(y, x),
          x,
        ),
      ),
    ),
    inner.map(jitted),
    inner.map((a) => derived('jit closing over c', [a], (x, c) => jit((y: Tensor) => a.apply(y, c))(x))),
    inner.map((a) => derived('checkpoint', [a], (x, c) => checkpoint((y: Tensor) => a.apply(y, c))(x))),
    inner.map(customJvpNest),
    inner.map(customVjpNest),
    fc.tuple(inner, fc.tuple(fc.nat(1), fc.nat(1), fc.boolean())).map(([a, s]) => vmapNest(a, s)),
    inner.map(loopNest),
    inner.map(gradNest),
  );
}
