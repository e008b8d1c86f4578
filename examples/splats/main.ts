/**
 * Gaussians are moved, stretched, turned and coloured by gradient descent until they look like a picture.
 * @module
 */
import { writeFileSync } from 'node:fs';
import { jit, np, random, type Tensor, valueAndGrad } from 'cotangent';
import * as optim from 'cotangent/optim';
import { Checkpoint, type Resumable } from '../shared/checkpoint.ts';
import { applyDevice, commonOptions, type Flags, number, parseFlags, text } from '../shared/command-line.ts';
import { chart, type Image, imageElement, page, png, smooth } from '../shared/page.ts';
import { run, runMain } from '../shared/run.ts';
import { error, initialise, render, type Splats } from './model.ts';
import { loadTarget, type Picture } from './target.ts';

const program = 'splats';

interface Settings {
  readonly splats: number;
  readonly steps: number;
  readonly learningRate: number;
  readonly seed: number;
}

interface HistoryPoint {
  readonly step: number;
  /** Peak signal-to-noise ratio, dB: −10 log₁₀ of the mean squared error. */
  readonly psnr: number;
}

interface Arrays {
  readonly splats: Splats;
  readonly optimizer: optim.OptState;
}

type State = Resumable<Arrays, HistoryPoint>;

const options = [
  { flag: '--splats <n>', help: 'how many Gaussians', default: 400 },
  { flag: '--steps <n>', help: 'steps of Adam', default: 1000 },
  { flag: '--lr <rate>', help: 'learning rate at the start', default: 0.01 },
  { flag: '--picture <file>', help: 'where the fitted picture goes (PNG)', default: 'splats.png' },
  ...commonOptions(program),
];

const makeOptimizer = ({ learningRate, steps }: Settings): optim.GradientTransformation =>
  optim.adam(optim.cosineDecaySchedule(learningRate, steps, 0.05));

function initialState(settings: Settings, aspect: number): State {
  const splats = initialise(random.key(settings.seed), settings.splats, aspect);
  return { arrays: { splats, optimizer: makeOptimizer(settings).init(splats) }, step: 0, history: [] };
}

function fit(
  target: Tensor,
  settings: Settings,
  state: State,
  checkpoint: Checkpoint<Settings, Arrays, HistoryPoint>,
): Promise<void> {
  const optimizer = makeOptimizer(settings);
  const update = jit(
    ({ splats, optimizer: before }: Arrays, wanted: Tensor) => {
      const [value, gradient] = valueAndGrad((s: Splats) => error(s, wanted))(splats);
      const [updates, after] = optimizer.update(gradient, before, splats);
      return { arrays: { splats: optim.applyUpdates(splats, updates), optimizer: after }, value };
    },
    { donateArgnums: 0 },
  );
  const step = (): void => {
    const { arrays, value } = update(state.arrays, target);
    state.arrays = arrays;
    state.history.push({ step: state.step + 1, psnr: -10 * Math.log10(value.item()) });
  };
  return run({
    checkpoint,
    settings,
    state,
    total: settings.steps,
    step,
    isCheckpoint: (done) => done % 100 === 0,
    format: 'step {step} | PSNR {psnr} dB',
    show: () => ({
      step: `${state.step}/${settings.steps}`,
      psnr: state.history.at(-1)?.psnr.toFixed(2) ?? '–',
    }),
  });
}

const toImage = ({ width, height, colours }: Picture): Image => ({
  width,
  height,
  channels: 3,
  data: Uint8Array.from(colours, (c) => Math.round(255 * Math.min(1, Math.max(0, c)))),
});

function rendered(splats: Splats, width: number, height: number): Picture {
  const draw = jit((s: Splats) => render(s, width, height));
  return { width, height, colours: Float32Array.from(draw(splats).dataSync()) };
}

function curve(history: readonly HistoryPoint[]): Promise<string> {
  return chart({
    width: 420,
    height: 220,
    data: { values: smooth(history, ['psnr']) },
    mark: { type: 'line', strokeWidth: 1.5 },
    encoding: {
      x: { field: 'step', type: 'quantitative', title: 'step' },
      y: { field: 'psnr', type: 'quantitative', title: 'PSNR, dB', scale: { zero: false } },
    },
  });
}

async function finish(target: Picture, settings: Settings, state: State, flags: Flags): Promise<void> {
  const { width, height } = target;
  const { splats } = state.arrays;
  const first = initialState(settings, height / width).arrays.splats;
  const zoom = 4;
  const large = toImage(rendered(splats, zoom * width, zoom * height));
  const shown = { width: zoom * width, height: zoom * height };
  const figure = (image: Image, caption: string): string =>
    `<figure>${imageElement(image, shown, caption)}<figcaption>${caption}</figcaption></figure>`;
  const psnr = -10 * Math.log10(error(splats, pictureTensor(target)).item());
  const [picture, report] = [text(flags, 'picture'), text(flags, 'report')];
  writeFileSync(picture, png(large));
  writeFileSync(
    report,
    page(
      'Cotangent: a picture out of Gaussians',
      `<h1>A picture out of ${settings.splats} Gaussians</h1>
<p>${settings.steps} steps, ${psnr.toFixed(2)} dB. ${settings.splats * 8} numbers describe a picture of ${width * height * 3}.</p>
<div class="grid">${figure(toImage(target), 'target')}
${figure(toImage(rendered(first, width, height)), 'before the first step')}
${figure(toImage(rendered(splats, width, height)), 'fitted')}
${figure(large, `the same Gaussians at ${zoom} times the resolution`)}</div>
<div id="psnr">${await curve(state.history)}</div>`,
    ),
  );
  console.log(`picture: ${picture}\nreport: ${report}\nPSNR: ${psnr.toFixed(2)} dB`);
}

const pictureTensor = ({ width, height, colours }: Picture): Tensor => np.array(colours, { shape: [height, width, 3] });

function settingsOf(flags: Flags): Settings {
  const whole = (name: string, least = 1): number => number(program, flags, name, { isInteger: true, least });
  return {
    splats: whole('splats'),
    steps: whole('steps'),
    learningRate: number(program, flags, 'lr', { least: 0 }),
    seed: whole('seed', 0),
  };
}

async function main(): Promise<void> {
  const flags = parseFlags(program, 'Fit Gaussians to a picture by differentiating the renderer', options);
  if (!flags) return;
  const asked = settingsOf(flags);
  applyDevice(program, flags);
  const checkpoint = new Checkpoint<Settings, Arrays, HistoryPoint>(program, text(flags, 'checkpoint'));
  const isResumed = flags['resume'] === true;
  const settings = isResumed ? checkpoint.settings() : asked;
  const target = loadTarget();
  const fresh = initialState(settings, target.height / target.width);
  const state = isResumed ? checkpoint.load(fresh) : fresh;
  if (isResumed) console.log(`resumed at step ${state.step} of ${settings.steps}`);
  await fit(pictureTensor(target), settings, state, checkpoint);
  await finish(target, settings, state, flags);
}

await runMain(main);
