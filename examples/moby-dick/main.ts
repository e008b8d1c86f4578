/**
 * A character transformer learns to write like Moby Dick.
 * @module
 */
import { tree, type Tensor } from 'cotangent';
import { commonOptions, type Flags, numbersOf, parseFlags, text } from '../shared/command-line.ts';
import { chart, escape, saveReport, smooth } from '../shared/page.ts';
import { run, runMain } from '../shared/run.ts';
import { openSession } from '../shared/session.ts';
import { UserError } from '../shared/user-error.ts';
import { type Corpus, decode, encode, loadCorpus } from './data.ts';
import {
  type HistoryPoint,
  initialArrays,
  makeStep,
  makeValidation,
  type Run,
  sample,
  type Settings,
} from './training.ts';

const program = 'moby-dick';
const validationEvery = 100;

const options = [
  { flag: '--steps <n>', help: 'training steps', default: 1500 },
  { flag: '--batch <n>', help: 'pieces of text a step', default: 16 },
  { flag: '--context <n>', help: 'characters in a piece', default: 128 },
  { flag: '--layers <n>', help: 'transformer blocks', default: 4 },
  { flag: '--width <n>', help: 'features of a character, a multiple of --heads', default: 160 },
  { flag: '--heads <n>', help: 'attention heads', default: 4 },
  { flag: '--lr <rate>', help: 'largest learning rate', default: 0.003 },
  { flag: '--text <file>', help: 'another text to learn from' },
  { flag: '--prompt <text>', help: 'how the sample begins', default: 'Call me Ishmael. ' },
  { flag: '--sample <n>', help: 'characters to write at the end', default: 600 },
  ...commonOptions(program),
];

function settingsOf(flags: Flags, corpus: Corpus): Settings {
  const { whole, real } = numbersOf(program, flags);
  const sizes = {
    layers: whole('layers'),
    heads: whole('heads'),
    width: whole('width'),
    context: whole('context'),
    alphabet: corpus.alphabet.length,
  };
  if (sizes.width % sizes.heads !== 0) {
    throw new UserError(
      `moby-dick: --width expects a multiple of --heads ${sizes.heads}, got ${sizes.width}; try ${sizes.heads * Math.ceil(sizes.width / sizes.heads)}.`,
      2,
    );
  }
  return {
    sizes,
    batch: whole('batch'),
    steps: whole('steps'),
    learningRate: real('lr'),
    seed: whole('seed', 0),
  };
}

function train(corpus: Corpus, session: Run): Promise<void> {
  const { settings, state } = session;
  const advance = makeStep(corpus, settings);
  const validate = makeValidation(corpus, settings, 128);
  const step = (): void => {
    const loss = advance(state);
    const done = state.step + 1;
    const isMeasured = done % validationEvery === 0 || done === settings.steps;
    state.history.push({ step: done, loss, ...(isMeasured && { validation: validate(state.arrays.params) }) });
  };
  const show = (): Record<string, string> => {
    const recent = state.history.slice(-20);
    const loss = recent.reduce((sum, p) => sum + p.loss, 0) / recent.length;
    const validation = state.history.findLast((p) => p.validation !== undefined)?.validation;
    return {
      step: `${state.step}/${settings.steps}`,
      loss: recent.length === 0 ? '–' : loss.toFixed(3),
      validation: validation?.toFixed(3) ?? '–',
    };
  };
  return run({
    ...session,
    step,
    isCheckpoint: (done) => done % validationEvery === 0,
    format: 'step {step} | loss {loss} | validation {validation} nats',
    show,
    perStep: { amount: settings.batch * settings.sizes.context, unit: 'characters' },
  });
}

/** Loss of the batches and of the validation text over the steps. */
function curves(history: readonly HistoryPoint[]): Promise<string> {
  const batches = smooth(history, ['loss']).map(({ step, loss }) => ({ step, nats: loss, of: 'training batches' }));
  const held = history.flatMap(({ step, validation }) =>
    validation === undefined ? [] : [{ step, nats: validation, of: 'validation text' }],
  );
  return chart({
    width: 560,
    height: 280,
    background: 'white',
    data: { values: [...batches, ...held] },
    mark: { type: 'line', strokeWidth: 1.5 },
    encoding: {
      x: { field: 'step', type: 'quantitative', title: 'training step' },
      y: { field: 'nats', type: 'quantitative', title: 'cross-entropy, nats a character', scale: { zero: false } },
      color: { field: 'of', type: 'nominal', title: null },
    },
  });
}

async function finish(corpus: Corpus, { settings, state, flags }: Run): Promise<void> {
  const { params } = state.arrays;
  const size = (tree.leaves(params) as Tensor[]).reduce((sum, t) => sum + t.size, 0);
  const validation = makeValidation(corpus, settings, Infinity)(params);
  const prompt = encode(corpus, text(flags, 'prompt'));
  if (prompt.length === 0) throw new UserError('moby-dick: --prompt expects at least one character of the text.', 2);
  const count = numbersOf(program, flags).whole('sample', 0);
  const written = decode(corpus, sample(params, prompt, count, settings));
  const svg = await curves(state.history);
  console.log(`\n${written}\n`);
  saveReport(
    flags,
    'Moby Dick, character by character',
    `<h1>Moby Dick, character by character</h1>
<p>${size.toLocaleString('en')} parameters, ${settings.steps} steps of ${settings.batch} × ${settings.sizes.context} characters.
Validation: <b>${validation.toFixed(3)} nats a character</b> (${(validation / Math.LN2).toFixed(3)} bits).</p>
<div id="loss">${svg}</div>
<h2>It writes</h2>
<pre id="sample">${escape(written)}</pre>`,
  );
  console.log(`parameters: ${size}`);
  console.log(`validation: ${validation.toFixed(3)} nats a character`);
}

async function main(): Promise<void> {
  const flags = parseFlags(program, 'Train a transformer to write like Moby Dick, character by character', options);
  if (!flags) return;
  const corpus = loadCorpus(flags['text'] === undefined ? undefined : text(flags, 'text'));
  const session: Run = openSession({
    program,
    flags,
    asked: settingsOf(flags, corpus),
    arrays: initialArrays,
    total: ({ steps }) => steps,
  });
  console.log(`${corpus.train.length} characters to learn from, ${corpus.validation.length} to validate`);
  await train(corpus, session);
  await finish(corpus, session);
}

await runMain(main);
