/**
 * A network learns to solve Burgers' equation, and is compared with the exact solution.
 * @module
 */
import { jit, np, random, type Tensor, valueAndGrad, vmap } from 'cotangent';
import * as optim from 'cotangent/optim';
import { commonOptions, type Flags, numbersOf, parseFlags } from '../shared/command-line.ts';
import { chart, curve, figure, type Image, savePicture, saveReport } from '../shared/page.ts';
import { run, runMain } from '../shared/run.ts';
import { openSession, type Session } from '../shared/session.ts';
import { exactSolution } from './exact.ts';
import { initialise, loss, type Params, solution } from './model.ts';

const program = 'burgers';

interface Settings {
  readonly viscosity: number;
  readonly width: number;
  readonly layers: number;
  readonly points: number;
  readonly steps: number;
  readonly learningRate: number;
  readonly seed: number;
}

interface HistoryPoint {
  readonly step: number;
  /** Mean squared residual. */
  readonly loss: number;
}

interface Arrays {
  readonly params: Params;
  readonly optimizer: optim.OptState;
}

type Run = Session<Settings, Arrays, HistoryPoint>;

const options = [
  { flag: '--viscosity <nu>', help: 'ν; the smaller, the steeper the front (0.002 at least)', default: 0.02 },
  { flag: '--width <n>', help: 'units in a layer', default: 32 },
  { flag: '--layers <n>', help: 'hidden layers', default: 3 },
  { flag: '--points <n>', help: 'points of the residual in a step, drawn anew each time', default: 2048 },
  { flag: '--steps <n>', help: 'steps of Adam', default: 3000 },
  { flag: '--lr <rate>', help: 'learning rate at the start', default: 0.005 },
  { flag: '--picture <file>', help: 'where the solution goes (PNG)', default: 'burgers.png' },
  ...commonOptions(program),
];

const makeOptimizer = ({ learningRate, steps }: Settings): optim.GradientTransformation =>
  optim.adam(optim.cosineDecaySchedule(learningRate, steps, 0.01));

function initialArrays(settings: Settings): Arrays {
  const params = initialise(random.key(settings.seed), settings.width, settings.layers);
  return { params, optimizer: makeOptimizer(settings).init(params) };
}

function solve(session: Run): Promise<void> {
  const { settings, state } = session;
  const optimizer = makeOptimizer(settings);
  const update = jit(
    ({ params, optimizer: before }: Arrays, key: Tensor) => {
      const [t, x] = [0, 1].map((i) => random.uniform(random.foldIn(key, i), [settings.points]));
      const objective = (p: Params): Tensor => loss(p, t!, x!.mul(2).sub(1), settings.viscosity);
      const [value, gradient] = valueAndGrad(objective)(params);
      const [updates, after] = optimizer.update(gradient, before, params);
      return { arrays: { params: optim.applyUpdates(params, updates), optimizer: after }, value };
    },
    { donateArgnums: 0 },
  );
  const key = random.key(settings.seed + 1);
  const step = (): void => {
    const { arrays, value } = update(state.arrays, random.foldIn(key, state.step));
    state.arrays = arrays;
    state.history.push({ step: state.step + 1, loss: value.item() });
  };
  return run({
    ...session,
    step,
    isCheckpoint: (done) => done % 250 === 0,
    format: 'step {step} | squared residual {loss}',
    show: () => ({
      step: `${state.step}/${settings.steps}`,
      loss: state.history.at(-1)?.loss.toExponential(2) ?? '–',
    }),
  });
}

/** Values on a grid: rows are x from 1 down to −1, columns are t from 0 to 1. */
interface Field {
  readonly width: number;
  readonly height: number;
  readonly values: Float32Array;
}

const grid = { width: 240, height: 160 };
const timeOf = (column: number): number => column / (grid.width - 1);
const placeOf = (row: number): number => 1 - (2 * row) / (grid.height - 1);

function exactField(viscosity: number): Field {
  const { width, height } = grid;
  const values = new Float32Array(width * height);
  for (let r = 0; r < height; r++)
    for (let c = 0; c < width; c++) values[r * width + c] = exactSolution(timeOf(c), placeOf(r), viscosity);
  return { ...grid, values };
}

function learnedField(params: Params): Field {
  const { width, height } = grid;
  const t = Float32Array.from({ length: width * height }, (_, i) => timeOf(i % width));
  const x = Float32Array.from({ length: width * height }, (_, i) => placeOf(Math.floor(i / width)));
  const at = jit(vmap(solution, { inAxes: [null, 0, 0] }));
  return { ...grid, values: Float32Array.from(at(params, np.array(t), np.array(x)).dataSync()) };
}

/** Blue below zero, white at zero, red above; `range` is fully coloured. */
function heatmap({ width, height, values }: Field, range: number): Image {
  const data = Uint8Array.from(
    [...values].flatMap((u) => {
      const s = Math.max(-1, Math.min(1, u / range));
      const fade = Math.round(255 * (1 - Math.abs(s)));
      return s < 0 ? [fade, fade, 255] : [255, fade, fade];
    }),
  );
  return { width, height, channels: 3, data };
}

/** √(Σ(a − b)² / Σb²) */
function relativeError(a: Float32Array, b: Float32Array): number {
  const square = (of: (i: number) => number): number => b.reduce((sum, _, i) => sum + of(i) ** 2, 0);
  return Math.sqrt(square((i) => a[i]! - b[i]!) / square((i) => b[i]!));
}

function slices(learned: Field, exact: Field): Promise<string> {
  const columns = [0, 0.25, 0.5, 0.75, 1].map((t) => Math.round(t * (grid.width - 1)));
  const values = columns.flatMap((c) =>
    Array.from({ length: grid.height }, (_, r) => ({
      x: placeOf(r),
      t: timeOf(c).toFixed(2),
      network: learned.values[r * grid.width + c]!,
      exact: exact.values[r * grid.width + c]!,
    })),
  );
  const encoding = (field: string): object => ({
    x: { field: 'x', type: 'quantitative' },
    y: { field, type: 'quantitative', title: 'u' },
  });
  const colour = { field: 't', type: 'ordinal', title: 't', scale: { scheme: 'viridis' } };
  const line = { type: 'line', strokeWidth: 1.5 };
  const dots = { type: 'point', filled: true, size: 10, color: 'black', opacity: 0.6 };
  return chart({
    width: 460,
    height: 280,
    background: 'white',
    title: 'network (lines) and exact solution (dots)',
    data: { values },
    layer: [
      { mark: line, encoding: { ...encoding('network'), color: colour } },
      {
        transform: [{ filter: 'abs(datum.x * 40 - round(datum.x * 40)) < 0.26' }],
        mark: dots,
        encoding: encoding('exact'),
      },
    ],
  } as Parameters<typeof chart>[0]);
}

async function finish({ settings, state, flags }: Run): Promise<void> {
  const [learned, exact] = [learnedField(state.arrays.params), exactField(settings.viscosity)];
  const difference = { ...grid, values: learned.values.map((u, i) => u - exact.values[i]!) };
  const worst = difference.values.reduce((m, d) => Math.max(m, Math.abs(d)), 0);
  const score = (100 * relativeError(learned.values, exact.values)).toFixed(2);
  const show = (field: Field, range: number, caption: string): string =>
    figure(heatmap(field, range), { width: 480, height: 320 }, caption);
  const losses = await curve(state.history, 'loss', 'mean squared residual', { type: 'log' });
  savePicture(flags, heatmap(learned, 1));
  saveReport(
    flags,
    "Burgers' equation",
    `<h1>Burgers' equation, solved by a network</h1>
<p>ν = ${settings.viscosity}, ${settings.steps} steps. Relative error against the exact solution: <b>${score} %</b>.
Time runs to the right, x upward.</p>
<div class="grid">${show(learned, 1, 'network')}${show(exact, 1, 'exact')}
${show(difference, worst, `difference, ${worst.toExponential(1)} where it is largest`)}</div>
<div class="row"><div id="slices">${await slices(learned, exact)}</div><div id="loss">${losses}</div></div>`,
  );
  console.log(`relative error: ${score} %`);
}

function settingsOf(flags: Flags): Settings {
  const { whole, real } = numbersOf(program, flags);
  return {
    viscosity: real('viscosity', 0.002),
    width: whole('width'),
    layers: whole('layers'),
    points: whole('points'),
    steps: whole('steps'),
    learningRate: real('lr'),
    seed: whole('seed', 0),
  };
}

async function main(): Promise<void> {
  const flags = parseFlags(program, "Train a network to solve Burgers' equation", options);
  if (!flags) return;
  const asked = settingsOf(flags);
  const session: Run = openSession({ program, flags, asked, arrays: initialArrays, total: ({ steps }) => steps });
  await solve(session);
  await finish(session);
}

await runMain(main);
