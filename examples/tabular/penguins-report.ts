/**
 * What the regression says about penguins: coefficients with error bars, and maps of its predictions with and without them.
 * @module
 */
import { random, type Tensor } from 'cotangent';
import { chart, escape, type Image, imageUrl } from '../shared/page.ts';
import { measures, type Penguin, species } from './data.ts';
import { type Fit, standardErrors } from './newton.ts';
import { averagedProbabilities, design, probabilities, type Scale, type Score, scoreOf, tableOf } from './penguins.ts';

export interface Birds {
  readonly fit: Fit;
  readonly scale: Scale;
  readonly train: readonly Penguin[];
  readonly test: readonly Penguin[];
  /** Seed of the draws from the posterior. */
  readonly seed: number;
}

const palette = [
  [76, 120, 168],
  [245, 133, 24],
  [84, 162, 75],
] as const;

const colour = {
  field: 'species',
  type: 'nominal',
  title: null,
  scale: { domain: [...species], range: palette.map((c) => `rgb(${c.join()})`) },
} as const;

/** The map's pixels, and what is measured at its edges: beak length to the right, beak depth upward. */
const map = { width: 96, height: 72, length: [30, 62], depth: [12, 23] } as const;

function mapPoints({ scale }: Birds): Tensor {
  const along = ([from, to]: readonly [number, number], i: number, n: number): number =>
    from + ((i + 0.5) / n) * (to - from);
  const points = Array.from({ length: map.width * map.height }, (_, i) => [
    along(map.length, i % map.width, map.width),
    along(map.depth, map.height - 1 - Math.floor(i / map.width), map.height),
  ]);
  return design(points, scale);
}

/** Each pixel is a mixture of the species' colours, in proportion to their probabilities. */
function mapImage(p: Tensor): Image {
  const values = p.dataSync();
  const data = new Uint8Array(map.width * map.height * 3);
  for (let i = 0; i < data.length; i++) {
    const [pixel, channel] = [Math.floor(i / 3), i % 3];
    const mixed = palette.reduce((s, c, k) => s + c[channel]! * Number(values[pixel * palette.length + k]), 0);
    data[i] = Math.round(0.65 * mixed + 0.35 * 255);
  }
  return { width: map.width, height: map.height, channels: 3, data };
}

/** The map with penguins on it. */
function mapChart(image: Image, title: string, penguins: readonly Penguin[]): Promise<string> {
  const size = { width: 3.2 * map.width, height: 3.2 * map.height };
  const axis = (field: string, name: string, domain: readonly [number, number]): object => ({
    field,
    type: 'quantitative',
    title: name,
    scale: { domain, nice: false },
    axis: { grid: false },
  });
  const values = penguins.map((p) => ({ length: p.values[0], depth: p.values[1], species: species[p.species] }));
  return chart({
    ...size,
    background: 'white',
    title,
    layer: [
      {
        data: { values: [{ url: imageUrl(image) }] },
        mark: { type: 'image', ...size, aspect: false },
        encoding: {
          url: { field: 'url', type: 'nominal' },
          x: { value: size.width / 2 },
          y: { value: size.height / 2 },
        },
      },
      {
        data: { values },
        mark: { type: 'circle', size: 28, opacity: 1, stroke: 'white', strokeWidth: 0.6 },
        encoding: {
          x: axis('length', measures[0], map.length),
          y: axis('depth', measures[1], map.depth),
          color: colour,
        },
      },
    ],
  } as Parameters<typeof chart>[0]);
}

function coefficients(fit: Fit): Promise<string> {
  const [weights, errors] = [fit.params.dataSync(), standardErrors(fit).dataSync()];
  const names = ['intercept', ...measures.map((m) => m.replace(/ \(.*/, ''))];
  const values = names.flatMap((name, i) =>
    species.slice(1).map((s, k) => {
      const at = i * (species.length - 1) + k;
      const [w, e] = [Number(weights[at]), 1.96 * Number(errors[at])];
      return { name, species: s, weight: w, low: w - e, high: w + e };
    }),
  );
  const y = { field: 'name', type: 'nominal', title: null, sort: null } as const;
  const yOffset = { field: 'species' } as const;
  const title = 'log odds against Adelie, per standard deviation';
  return chart({
    width: 420,
    height: { step: 22 },
    background: 'white',
    data: { values },
    layer: [
      { mark: { type: 'rule', color: '#bbb' }, encoding: { x: { datum: 0 } } },
      {
        mark: { type: 'rule', strokeWidth: 2 },
        encoding: {
          x: { field: 'low', type: 'quantitative', title },
          x2: { field: 'high' },
          y,
          yOffset,
          color: colour,
        },
      },
      {
        mark: { type: 'point', filled: true, size: 60, opacity: 1 },
        encoding: { x: { field: 'weight', type: 'quantitative', title }, y, yOffset, color: colour },
      },
    ],
  });
}

const sentence = ({ accuracy, nats }: Score): string =>
  `${(100 * accuracy).toFixed(1)} % right, ${nats.toFixed(3)} nats a penguin`;

/** The part of the page, the map of averaged probabilities, and how the held-out penguins are predicted. */
export async function birdsReport(birds: Birds): Promise<{ html: string; picture: Image; score: Score }> {
  const { fit, scale, train, test, seed } = birds;
  const key = random.key(seed + 1);
  const held = tableOf(test, scale);
  const score = scoreOf(probabilities(fit.params, held.x), held.labels);
  const averaged = scoreOf(averagedProbabilities(fit, held.x, key), held.labels);
  const points = mapPoints(birds);
  const plain = mapImage(probabilities(fit.params, points));
  const picture = mapImage(averagedProbabilities(fit, points, key));
  const html = `<h2>Penguins by their beaks: logistic regression</h2>
<p>Learned from ${train.length} penguins. The ${test.length} held out: <b>${sentence(score)}</b> with the likeliest coefficients,
${sentence(averaged)} averaged over the posterior. Species: ${escape(species.join(', '))}.</p>
<div class="row"><div id="plain">${await mapChart(plain, 'likeliest coefficients', test)}</div>
<div id="averaged">${await mapChart(picture, 'averaged over the posterior', test)}</div></div>
<h3>Coefficients, with error bars from the Hessian (95 %)</h3>
<div id="coefficients">${await coefficients(fit)}</div>`;
  return { html, picture, score };
}
