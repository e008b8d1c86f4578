/**
 * Two tables, and how sure one can be of what was learned from them: error bars from exact Hessians.
 * @module
 */
import { jit, np, type Tensor } from 'cotangent';
import { commonOptions, type Flags, numbersOf, parseFlags } from '../shared/command-line.ts';
import { chart, savePicture, saveReport } from '../shared/page.ts';
import { run, runMain } from '../shared/run.ts';
import { openSession, type Session } from '../shared/session.ts';
import { UserError } from '../shared/user-error.ts';
import { type Air, airReport } from './co2-report.ts';
import * as co2 from './co2.ts';
import { loadMonths, loadPenguins, type Month, type Penguin } from './data.ts';
import { type Fit, newtonStep, startFit } from './newton.ts';
import { birdsReport } from './penguins-report.ts';
import * as penguins from './penguins.ts';

const program = 'tabular';

interface Settings {
  readonly l2: number;
  readonly penguinSteps: number;
  /** Of the months before `until`, each `every`th is learned from. */
  readonly every: number;
  readonly until: number;
  readonly airSteps: number;
  readonly seed: number;
}

type Problem = 'penguins' | 'CO₂';

interface HistoryPoint {
  /** Of this problem. */
  readonly step: number;
  readonly problem: Problem;
  /** Negative logarithm of the posterior density, up to a constant. */
  readonly value: number;
  /** Euclidean norm. */
  readonly gradient: number;
}

interface Arrays {
  readonly penguins: Fit;
  readonly co2: Fit;
}

type Run = Session<Settings, Arrays, HistoryPoint>;

const options = [
  { flag: '--l2 <precision>', help: 'penguins: 1 over the variance of the prior of a coefficient', default: 0.01 },
  { flag: '--penguin-steps <n>', help: 'penguins: steps of Newton', default: 14 },
  { flag: '--every <n>', help: 'CO₂: learn from each n-th month', default: 5 },
  { flag: '--until <year>', help: 'CO₂: forecast what comes after', default: 2010 },
  { flag: '--air-steps <n>', help: 'CO₂: steps of Newton', default: 14 },
  { flag: '--picture <file>', help: 'where the map of penguins goes (PNG)', default: 'tabular.png' },
  ...commonOptions(program),
];

const initialArrays = (): Arrays => ({
  penguins: startFit(penguins.zeroWeights(), 1),
  co2: startFit(co2.startParams(), 10),
});

interface Months {
  readonly seen: readonly Month[];
  readonly between: readonly Month[];
  readonly later: readonly Month[];
}

function splitMonths(months: readonly Month[], { every, until }: Settings): Months {
  const before = months.filter((m) => m.time < until);
  return {
    seen: before.filter((_, i) => i % every === 0),
    between: before.filter((_, i) => i % every !== 0),
    later: months.slice(before.length),
  };
}

interface Tables {
  readonly birds: penguins.Split & { readonly scale: penguins.Scale };
  readonly months: readonly Month[];
  readonly air: Months & { readonly series: co2.Series };
}

function prepare(all: readonly Penguin[], months: readonly Month[], settings: Settings): Tables {
  const split = penguins.split(all, settings.seed);
  const air = splitMonths(months, settings);
  return {
    birds: { ...split, scale: penguins.scaleOf(split.train) },
    months,
    air: { ...air, series: co2.seriesOf(air.seen) },
  };
}

const norm = jit((g: Tensor) => np.sqrt(np.sum(np.square(g))));

function learn({ birds, air }: Tables, session: Run): Promise<void> {
  const { settings, state } = session;
  const table = penguins.tableOf(birds.train, birds.scale);
  const steps = {
    penguins: newtonStep(penguins.negativeLogPosterior(table, settings.l2)),
    co2: newtonStep(co2.negativeLogPosterior(air.series)),
  };
  const step = (): void => {
    const isFirst = state.step < settings.penguinSteps;
    const name = isFirst ? 'penguins' : 'co2';
    const fit = steps[name](state.arrays[name]);
    state.arrays = { ...state.arrays, [name]: fit };
    state.history.push({
      step: state.step + 1 - (isFirst ? 0 : settings.penguinSteps),
      problem: isFirst ? 'penguins' : 'CO₂',
      value: fit.value.item(),
      gradient: norm(fit.gradient).item(),
    });
  };
  return run({
    ...session,
    step,
    isCheckpoint: () => true,
    format: 'step {step} | {problem}: −log posterior {objective}, gradient {gradient}',
    show: () => {
      const last = state.history.at(-1);
      return {
        step: `${state.step}/${session.total}`,
        problem: last?.problem ?? '–',
        objective: last?.value.toFixed(4) ?? '–',
        gradient: last?.gradient.toExponential(1) ?? '–',
      };
    },
  });
}

/** Near the minimum the gradient's norm is squared in each step. */
function convergence(history: readonly HistoryPoint[]): Promise<string> {
  return chart({
    width: 420,
    height: 220,
    background: 'white',
    data: { values: history.filter((p) => p.gradient > 0) },
    mark: { type: 'line', point: true, strokeWidth: 1.5 },
    encoding: {
      x: { field: 'step', type: 'quantitative', title: 'step' },
      y: {
        field: 'gradient',
        type: 'quantitative',
        title: 'norm of the gradient',
        scale: { type: 'log' },
        axis: { format: '.0e', tickCount: 6 },
      },
      color: { field: 'problem', type: 'nominal', title: null },
    },
  });
}

async function finish(tables: Tables, { settings, state, flags }: Run): Promise<void> {
  const { arrays, history } = state;
  const air: Air = { ...tables.air, months: tables.months, fit: arrays.co2 };
  const birds = await birdsReport({ ...tables.birds, fit: arrays.penguins, seed: settings.seed });
  const { html, forecast } = await airReport(air);
  savePicture(flags, birds.picture);
  saveReport(
    flags,
    'two tables with error bars',
    `<h1>Two tables, with error bars</h1>
${birds.html}
${html}
<h2>Newton's method</h2>
<div id="convergence">${await convergence(history)}</div>`,
  );
  console.log(`held-out penguins: ${(100 * birds.score.accuracy).toFixed(1)} %`);
  console.log(
    `forecast: ${forecast.error.toFixed(2)} ppm off over ${forecast.months} months, ${(100 * forecast.coverage).toFixed(1)} % within the band`,
  );
}

function settingsOf(flags: Flags, months: readonly Month[]): Settings {
  const { whole, real } = numbersOf(program, flags);
  const [first, last] = [months[0]!.time, months.at(-1)!.time].map(Math.floor) as [number, number];
  const until = whole('until', first + 2);
  if (until > last)
    throw new UserError(`${program}: --until expects a year from ${first + 2} to ${last}, got ${until}.`, 2);
  return {
    l2: real('l2'),
    penguinSteps: whole('penguin-steps'),
    every: whole('every'),
    until,
    airSteps: whole('air-steps'),
    seed: whole('seed', 0),
  };
}

async function main(): Promise<void> {
  const flags = parseFlags(program, 'Learn from two tables, with error bars from exact Hessians', options);
  if (!flags) return;
  const months = loadMonths(program);
  const session: Run = openSession({
    program,
    flags,
    asked: settingsOf(flags, months),
    arrays: initialArrays,
    total: ({ penguinSteps, airSteps }) => penguinSteps + airSteps,
  });
  const tables = prepare(loadPenguins(program), months, session.settings);
  await learn(tables, session);
  await finish(tables, session);
}

await runMain(main);
