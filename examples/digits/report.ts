/**
 * `demo-report.html`: one file, no scripts, readable by any browser.
 * @module
 */
import type { Flags } from '../shared/command-line.ts';
import { chart, curve, escape, imageElement, saveReport } from '../shared/page.ts';
import { type DigitSet, imageSide, numClasses } from './data.ts';
import type { HistoryPoint, Settings } from './training.ts';

export interface ReportInput {
  readonly settings: Settings;
  readonly history: readonly HistoryPoint[];
  readonly test: DigitSet;
  readonly predicted: Int32Array;
  readonly accuracy: number;
  /** Text of the Program of the loss, and of its gradient. */
  readonly lossProgram: string;
  readonly gradientProgram: string;
}

function confusion(labels: Int32Array, predicted: Int32Array): Promise<string> {
  const counts = Array.from({ length: numClasses ** 2 }, () => 0);
  labels.forEach((l, i) => counts[l * numClasses + predicted[i]!]!++);
  const values = counts.map((count, i) => ({ digit: Math.floor(i / numClasses), predicted: i % numClasses, count }));
  return chart({
    width: 320,
    height: 320,
    background: 'white',
    data: { values },
    encoding: {
      x: { field: 'predicted', type: 'ordinal', axis: { orient: 'top', labelAngle: 0 } },
      y: { field: 'digit', type: 'ordinal' },
    },
    layer: [
      {
        mark: 'rect',
        encoding: {
          color: { field: 'count', type: 'quantitative', scale: { type: 'symlog', scheme: 'blues' }, legend: null },
        },
      },
      {
        mark: { type: 'text', fontSize: 11 },
        encoding: {
          text: { field: 'count' },
          color: { condition: { test: 'datum.count > 60', value: 'white' }, value: '#444' },
        },
      },
    ],
  });
}

function digitImage(set: DigitSet, index: number): string {
  const n = imageSide * imageSide;
  const data = Uint8Array.from(set.images.subarray(index * n, (index + 1) * n), (v) => Math.round(255 * (1 - v)));
  const image = { width: imageSide, height: imageSide, channels: 1, data } as const;
  return imageElement(image, { width: 56, height: 56 }, `digit ${set.labels[index]!}`);
}

function mistakes({ test, predicted }: ReportInput): string {
  const wrong = [...predicted].flatMap((p, i) => (p === test.labels[i] ? [] : [i]));
  if (wrong.length === 0) return '<p>None: every test digit was read right.</p>';
  const figures = wrong
    .slice(0, 60)
    .map(
      (i) =>
        `<figure>${digitImage(test, i)}<figcaption>${test.labels[i]!} read as ${predicted[i]!}</figcaption></figure>`,
    );
  const more = wrong.length > 60 ? `<p>… and ${wrong.length - 60} more.</p>` : '';
  return `<p>${wrong.length} of ${test.size} test digits.</p><div class="grid">${figures.join('')}</div>${more}`;
}

export async function writeReport(flags: Flags, input: ReportInput): Promise<void> {
  const { settings, history, test, predicted } = input;
  const last = history.at(-1);
  const percents = history.map((p) => ({ ...p, accuracy: 100 * p.accuracy }));
  const losses = await curve(history, 'loss', 'loss (nats)', { type: 'log' });
  const accuracies = await curve(percents, 'accuracy', 'batch accuracy (%)', { zero: false });
  saveReport(
    flags,
    `digits (${settings.model})`,
    `<h1>Digits: ${(100 * input.accuracy).toFixed(2)} % of the test set</h1>
<p>Model <b>${escape(settings.model)}</b>, ${settings.epochs} epochs of 8,000 images in batches of ${settings.batch}, Adam with cosine decay from
${settings.learningRate}, seed ${settings.seed}. Last batch: loss ${last ? last.loss.toFixed(4) : '–'}.</p>
<h2>Training</h2>
<div class="row"><div id="loss">${losses}</div>
<div id="accuracy">${accuracies}</div></div>
<h2>Confusion matrix of the test set</h2>
<div id="confusion">${await confusion(test.labels, predicted)}</div>
<h2>What it got wrong</h2>
<div id="mistakes">${mistakes(input)}</div>
<h2>The Program of the loss</h2>
<pre id="loss-program">${escape(input.lossProgram)}</pre>
<h2>The Program of its gradient</h2>
<pre id="gradient-program">${escape(input.gradientProgram)}</pre>`,
  );
}
