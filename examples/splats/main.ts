/**
 * Gaussians are moved, stretched, turned and coloured by gradient descent until they look like a picture.
 * @module
 */
import { jit, np, random, type Tensor, valueAndGrad } from 'cotangent';
import * as optim from 'cotangent/optim';
import { commonOptions, type Flags, numbersOf, parseFlags } from '../shared/command-line.ts';
import { curve, figure, type Image, savePicture, saveReport } from '../shared/page.ts';
import { run, runMain } from '../shared/run.ts';
import { openSession, type Session } from '../shared/session.ts';
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

type Run = Session<Settings, Arrays, HistoryPoint>;

const options = [
  { flag: '--splats <n>', help: 'how many Gaussians', default: 400 },
  { flag: '--steps <n>', help: 'steps of Adam', default: 1000 },
  { flag: '--lr <rate>', help: 'learning rate at the start', default: 0.01 },
  { flag: '--picture <file>', help: 'where the fitted picture goes (PNG)', default: 'splats.png' },
  ...commonOptions(program),
];

const makeOptimizer = ({ learningRate, steps }: Settings): optim.GradientTransformation =>
  optim.adam(optim.cosineDecaySchedule(learningRate, steps, 0.05));

function initialArrays(settings: Settings, { width, height }: Picture): Arrays {
  const splats = initialise(random.key(settings.seed), settings.splats, height / width);
  return { splats, optimizer: makeOptimizer(settings).init(splats) };
}

function fit(target: Tensor, session: Run): Promise<void> {
  const { settings, state } = session;
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
    ...session,
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

async function finish(target: Picture, { settings, state, flags }: Run): Promise<void> {
  const { width, height } = target;
  const { splats } = state.arrays;
  const first = initialArrays(settings, target).splats;
  const zoom = 4;
  const large = toImage(rendered(splats, zoom * width, zoom * height));
  const show = (image: Image, caption: string): string =>
    figure(image, { width: zoom * width, height: zoom * height }, caption);
  const psnr = (-10 * Math.log10(error(splats, pictureTensor(target)).item())).toFixed(2);
  const progress = await curve(state.history, 'psnr', 'PSNR, dB', { zero: false });
  savePicture(flags, large);
  saveReport(
    flags,
    'a picture out of Gaussians',
    `<h1>A picture out of ${settings.splats} Gaussians</h1>
<p>${settings.steps} steps, ${psnr} dB. ${settings.splats * 8} numbers describe a picture of ${width * height * 3}.</p>
<div class="grid">${show(toImage(target), 'target')}
${show(toImage(rendered(first, width, height)), 'before the first step')}
${show(toImage(rendered(splats, width, height)), 'fitted')}
${show(large, `the same Gaussians at ${zoom} times the resolution`)}</div>
<div id="psnr">${progress}</div>`,
  );
  console.log(`PSNR: ${psnr} dB`);
}

const pictureTensor = ({ width, height, colours }: Picture): Tensor => np.array(colours, { shape: [height, width, 3] });

function settingsOf(flags: Flags): Settings {
  const { whole, real } = numbersOf(program, flags);
  return { splats: whole('splats'), steps: whole('steps'), learningRate: real('lr'), seed: whole('seed', 0) };
}

async function main(): Promise<void> {
  const flags = parseFlags(program, 'Fit Gaussians to a picture by differentiating the renderer', options);
  if (!flags) return;
  const target = loadTarget(program);
  const session: Run = openSession({
    program,
    flags,
    asked: settingsOf(flags),
    arrays: (settings) => initialArrays(settings, target),
    total: ({ steps }) => steps,
  });
  await fit(pictureTensor(target), session);
  await finish(target, session);
}

await runMain(main);
