/**
 * How the cost of a transformer's training step grows with depth, batch and sequence, and that of compiling it with depth: JSON lines, and
 * for each quantity the exponent that fits, of which 1 is linear.
 * @module
 */
import { config, jit, makeProgram } from 'cotangent';
import { expectClose } from './harness.ts';
import {
  initTransformer,
  smallTransformer,
  transformerBatch,
  transformerLoss,
  type TransformerSizes,
  transformerStep,
} from './models.ts';

interface Row {
  readonly value: number;
  readonly equations: number;
  readonly firstMs: number;
  readonly stepMs: number;
}

const round = (x: number): number => Number(x.toPrecision(3));

/** First call and best of the later ones, with parameters and state donated. */
function measure(value: number, sizes: TransformerSizes): Row {
  const { init, step } = transformerStep(sizes);
  let params = initTransformer(sizes);
  let state = init(params);
  const batch = transformerBatch(sizes);
  // The same, one operation at a time.
  const expected = transformerLoss(params, ...batch, sizes).item();
  const { equations } = makeProgram(step as never)(...([params, state, ...batch] as never[]));
  const run = jit(step as never, { donateArgnums: [0, 1] }) as unknown as typeof step;
  const losses: number[] = [];
  const once = (): number => {
    const start = performance.now();
    const [p, s, loss] = run(params, state, ...batch);
    losses.push(loss.item());
    [params, state] = [p, s];
    return performance.now() - start;
  };
  const firstMs = once();
  let [stepMs, spent] = [Infinity, 0];
  for (let i = 0; i < 8 || (spent < 1500 && i < 40); i++) {
    const ms = once();
    stepMs = Math.min(stepMs, ms);
    spent += ms;
  }
  expectClose(`growth at ${value}: first loss`, losses[0]!, expected, 1e-3);
  return { value, equations: equations.length, firstMs, stepMs };
}

/** Slope of log(cost) over log(value), by least squares. */
function exponent(rows: readonly Row[], pick: (row: Row) => number): number {
  const points = rows.map((r) => [Math.log(r.value), Math.log(pick(r))] as const);
  const mean = (i: 0 | 1): number => points.reduce((sum, p) => sum + p[i], 0) / points.length;
  const [mx, my] = [mean(0), mean(1)];
  return (
    points.reduce((sum, [x, y]) => sum + (x - mx) * (y - my), 0) / points.reduce((sum, [x]) => sum + (x - mx) ** 2, 0)
  );
}

const base: TransformerSizes = { ...smallTransformer, batch: 4 };

const sweeps: readonly {
  readonly over: string;
  readonly values: readonly number[];
  readonly at: (n: number) => TransformerSizes;
}[] = [
  { over: 'blocks', values: [1, 2, 4, 8, 16], at: (blocks) => ({ ...base, batch: 2, blocks }) },
  { over: 'batch', values: [1, 2, 4, 8, 16], at: (batch) => ({ ...base, batch }) },
  { over: 'sequence', values: [32, 64, 128, 256, 512], at: (length) => ({ ...base, length }) },
];

/** Reports a row for each size, then the exponents of each sweep. */
export function growth(report: (row: object) => void): void {
  // A function is made for each size, on purpose.
  config.recompileWarningLimit = Number.POSITIVE_INFINITY;
  for (const { over, values, at } of sweeps) {
    const rows = values.map((n) => measure(n, at(n)));
    for (const { value, equations, firstMs, stepMs } of rows)
      report({
        growth: `transformer step over ${over}`,
        [over]: value,
        equations,
        first_ms: round(firstMs),
        step_ms: round(stepMs),
      });
    report({
      growth: `transformer step over ${over}`,
      exponents: { first: round(exponent(rows, (r) => r.firstMs)), step: round(exponent(rows, (r) => r.stepMs)) },
    });
  }
}
