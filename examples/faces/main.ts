/**
 * One network on the same digits in the same order, written in three ways: the losses agree.
 * @module
 */
import { random } from 'cotangent';
import { loadDigits } from '../digits/data.ts';
import { models } from '../digits/model.ts';
import { gather, epochOrder } from '../digits/training.ts';
import { commonOptions, numbersOf, parseFlags } from '../shared/command-line.ts';
import { chart, saveReport } from '../shared/page.ts';
import { runMain } from '../shared/run.ts';
import type { Batch, Face, Layers } from './face.ts';
import { functional } from './functional.ts';
import { graph } from './graph.ts';
import { tape } from './tape.ts';

const program = 'faces';
const faces: readonly Face[] = [functional, graph, tape];

const options = [
  { flag: '--steps <n>', help: 'steps of training', default: 100 },
  { flag: '--batch <n>', help: 'images a step', default: 64 },
  { flag: '--lr <rate>', help: 'learning rate', default: 0.02 },
  ...commonOptions(program).filter(({ flag }) => !flag.startsWith('--resume') && !flag.startsWith('--checkpoint')),
];

/** The weights of the digits example's `mlp`, as layers. */
function initialLayers(seed: number): Layers {
  const params = models['mlp']!.init(random.key(seed));
  return [1, 2, 3].map((i) => ({ weight: params[`dense${i}`]!, bias: params[`bias${i}`]! }));
}

interface Trained {
  readonly face: Face;
  readonly losses: number[];
  readonly seconds: number;
}

function train(face: Face, batches: readonly Batch[], seed: number, learningRate: number): Trained {
  const step = face.trainer(initialLayers(seed), learningRate);
  const start = performance.now();
  const losses = batches.map(step);
  return { face, losses, seconds: (performance.now() - start) / 1000 };
}

const curves = (trained: readonly Trained[]): Promise<string> =>
  chart({
    width: 560,
    height: 280,
    background: 'white',
    data: {
      values: trained.flatMap(({ face, losses }) => losses.map((loss, i) => ({ step: i + 1, loss, face: face.name }))),
    },
    mark: { type: 'line', strokeWidth: 1.5, opacity: 0.7 },
    encoding: {
      x: { field: 'step', type: 'quantitative', title: 'training step' },
      y: { field: 'loss', type: 'quantitative', title: 'cross-entropy, nats', scale: { type: 'log' } },
      color: { field: 'face', type: 'nominal', title: null },
      strokeDash: { field: 'face', type: 'nominal', title: null },
    },
  });

/** The largest difference of a loss from the first face's, relative to the loss and at least to 1. */
function largestDifference(trained: readonly Trained[]): number {
  const [first, ...others] = trained;
  const differences = others.flatMap(({ losses }) =>
    losses.map((loss, i) => Math.abs(loss - first!.losses[i]!) / Math.max(1, first!.losses[i]!)),
  );
  return Math.max(0, ...differences);
}

async function main(): Promise<void> {
  const flags = parseFlags(program, 'Train one network in three ways, and compare the losses', options);
  if (!flags) return;
  const { whole, real } = numbersOf(program, flags);
  const [steps, size, seed] = [whole('steps'), whole('batch'), whole('seed', 0)];
  const learningRate = real('lr');
  const digits = await loadDigits();
  const { order } = epochOrder(random.key(seed), digits.train.size);
  const batches = Array.from({ length: steps }, (_, k): Batch => {
    const at = Int32Array.from({ length: size }, (_, i) => order[(k * size + i) % order.length]!);
    const { images, labels } = gather(digits.train, at);
    return { images: images.reshape([size, -1]), labels };
  });
  const trained = faces.map((face) => train(face, batches, seed, learningRate));
  const shown = [0, 1, 9, 49, 99].filter((i) => i < steps);
  console.log(['step', ...faces.map((f) => f.name.padStart(26))].join(' '));
  for (const i of shown)
    console.log([String(i + 1).padStart(4), ...trained.map((t) => t.losses[i]!.toFixed(7).padStart(26))].join(' '));
  console.log(['   s', ...trained.map((t) => t.seconds.toFixed(2).padStart(26))].join(' '));
  const rows = shown.map(
    (i) => `<tr><td>${i + 1}</td>${trained.map((t) => `<td>${t.losses[i]!.toFixed(7)}</td>`).join('')}</tr>`,
  );
  saveReport(
    flags,
    'one training, three ways',
    `<h1>One training, three ways</h1>
<div id="loss">${await curves(trained)}</div>
<table><tr><th>step</th>${faces.map((f) => `<th>${f.name}</th>`).join('')}</tr>${rows.join('')}</table>`,
  );
  console.log(`largest difference of a loss: ${largestDifference(trained).toExponential(1)}`);
}

await runMain(main);
