/**
 * Cost of tracing, compiling and running against the length of a Program: `node scripts/run-ts.mjs --built bench/scaling.ts [MAX] [FAMILY…]`
 * with programs of 10^2 … 10^MAX equations (5 unless given). One JSON line a program, in milliseconds, then one a family with the
 * exponents of growth: 1 is linear. Each result is checked first. Timings only inform: nothing fails on them.
 * @module
 */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { config, grad, jit, makeProgram, np, type Tensor } from 'cotangent';

interface Family {
  readonly name: string;
  readonly input: () => Tensor;
  /** A function of about n equations; `salt` makes it another Program of the same length, which no cache knows. */
  readonly build: (n: number, salt: number) => (x: Tensor) => Tensor;
  /** What the first element of the result must be, where that is known. */
  readonly expected?: (n: number, salt: number) => number;
}

/** Constants of a chain; nothing in it can be simplified away. */
const shift = (salt: number): number => 0.25 + salt * 1e-3;

/** n equations: a sine of every eighth value, products and sums between. */
const chain =
  (n: number, salt: number) =>
  (x: Tensor): Tensor => {
    let y = x;
    for (let i = 0; i < n; i++) y = i % 8 === 0 ? np.sin(y) : i % 2 === 0 ? y.mul(0.75) : y.add(shift(salt));
    return y;
  };

function chainValue(n: number, salt: number): number {
  let y = 0.5;
  for (let i = 0; i < n; i++) y = i % 8 === 0 ? Math.sin(y) : i % 2 === 0 ? y * 0.75 : y + shift(salt);
  return y;
}

const columns =
  (n: number, salt: number) =>
  (x: Tensor): Tensor => {
    const width = Math.round(Math.sqrt(n));
    const ends = Array.from({ length: width }, (_, i) => chain(n / width - 2, salt)(x.mul(1 / (i + 1))));
    return ends.reduce((sum, y) => sum.add(y));
  };

const layers =
  (n: number, salt: number) =>
  (x: Tensor): Tensor => {
    let y = x;
    for (let i = 0; i < n; i += 7) {
      const centred = y.sub(np.sum(y, { axis: 1, keepdims: true }).mul(0.25));
      y = np.tanh(centred.add(np.matmul(y, x)).mul(0.1 + salt * 1e-3));
    }
    return y;
  };

const families: readonly Family[] = [
  { name: 'chain of scalars', input: () => np.array(0.5), build: chain, expected: chainValue },
  { name: 'chain of vectors', input: () => np.full([64], 0.5), build: chain, expected: chainValue },
  { name: 'columns side by side', input: () => np.full([64], 0.5), build: columns },
  { name: 'sums and products', input: () => np.eye(4), build: layers },
  {
    name: 'gradient of a chain',
    input: () => np.full([8], 0.5),
    build: (n, salt) => grad((x: Tensor) => np.sum(chain(n / 3, salt)(x))),
  },
];

/** For `--only`. */
export const familyNames: readonly string[] = families.map(({ name }) => name);

interface Times {
  readonly equations: number;
  readonly trace: number;
  readonly compile: number;
  readonly run: number;
}

function timed<T>(f: () => T): [result: T, ms: number] {
  const start = performance.now();
  const result = f();
  return [result, performance.now() - start];
}

const firstElement = (y: Tensor): number => y.dataSync()[0]!;

/** One Program's times: tracing, the rest of the first call less a later one, and a later call. */
function measure(family: Family, n: number, salt: number): Times {
  const x = family.input();
  const [program, trace] = timed(() => makeProgram(family.build(n, salt))(x));
  const compiled = jit(family.build(n, salt));
  const [value, first] = timed(() => firstElement(compiled(x)));
  const expected = family.expected?.(n, salt);
  if (Number.isNaN(value) || (expected !== undefined && Math.abs(value - expected) > 1e-3))
    throw new Error(`${family.name}, n = ${n}: expected ${expected ?? 'a number'}, got ${value}`);
  const run = Math.min(...[1, 2, 3].map(() => timed(() => firstElement(compiled(x)))[1]));
  return { equations: program.equations.length, trace, compile: Math.max(first - trace - run, 0), run };
}

/** The least of several: what else the machine does only adds. */
function best(family: Family, n: number): Times {
  const all = Array.from({ length: n > 1e4 ? 1 : 3 }, (_, salt) => measure(family, n, salt));
  const least = (pick: (t: Times) => number): number => Math.min(...all.map(pick));
  return {
    equations: all[0]!.equations,
    trace: least((t) => t.trace),
    compile: least((t) => t.compile),
    run: least((t) => t.run),
  };
}

/** Slope of log(time) over log(equations), by least squares. */
function exponent(rows: readonly Times[], pick: (t: Times) => number): number {
  const points = rows.map((r) => [Math.log(r.equations), Math.log(Math.max(pick(r), 1e-3))] as const);
  const mean = (i: 0 | 1): number => points.reduce((sum, p) => sum + p[i], 0) / points.length;
  const [mx, my] = [mean(0), mean(1)];
  const covariance = points.reduce((sum, [x, y]) => sum + (x - mx) * (y - my), 0);
  return covariance / points.reduce((sum, [x]) => sum + (x - mx) ** 2, 0);
}

const round = (x: number): number => Number(x.toPrecision(3));

/** Reports a row for each program of 10^2 … 10^max equations, then the exponents of each family over those of 10^3 and more. */
export function scaling(max: number, only: readonly string[], report: (row: object) => void): void {
  // Functions are made here by the dozen, on purpose.
  config.recompileWarningLimit = Number.POSITIVE_INFINITY;
  for (const family of families) {
    if (only.length > 0 && !only.some((name) => family.name.includes(name))) continue;
    const rows: Times[] = [];
    for (let e = 2; e <= max; e++) {
      const t = best(family, 10 ** e);
      rows.push(t);
      const { equations } = t;
      const perEquation = round((1e3 * (t.trace + t.compile)) / equations);
      report({
        scaling: family.name,
        equations,
        trace_ms: round(t.trace),
        compile_ms: round(t.compile),
        run_ms: round(t.run),
        us_per_equation: perEquation,
      });
    }
    const long = rows.slice(1);
    if (long.length < 2) continue;
    report({
      scaling: family.name,
      exponents: {
        trace: round(exponent(long, (t) => t.trace)),
        compile: round(exponent(long, (t) => t.compile)),
        run: round(exponent(long, (t) => t.run)),
      },
    });
  }
}

if (import.meta.url === pathToFileURL(resolve(process.argv[1] ?? '')).href) {
  const [max = '5', ...only] = process.argv.slice(2);
  scaling(Number(max), only, (row) => console.log(JSON.stringify(row)));
}
