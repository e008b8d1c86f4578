/**
 * The picture to fit: the crater of Maunga Whau, from heights on a 10 m grid in the npm package `vega-datasets` (measured by R. Ihaka;
 * free to use), coloured by height and shaded by a light from the north-west.
 * @module
 */
import { readFileSync } from 'node:fs';
import { packageFile } from '../shared/packages.ts';

/** Colours 0…1, row by row: red, green, blue of each pixel. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly colours: Float32Array<ArrayBuffer>;
}

interface Heights {
  readonly width: number;
  readonly height: number;
  readonly values: readonly number[];
}

/** Colours from the foot to the rim. */
const palette = [
  [0.18, 0.42, 0.36],
  [0.55, 0.68, 0.38],
  [0.89, 0.8, 0.52],
  [0.75, 0.48, 0.33],
  [0.97, 0.95, 0.93],
] as const;

function colourOf(fraction: number): readonly number[] {
  const x = Math.min(Math.max(fraction, 0), 1) * (palette.length - 1);
  const i = Math.min(Math.floor(x), palette.length - 2);
  return palette[i]!.map((c, k) => c + (x - i) * (palette[i + 1]![k]! - c));
}

/** Lambert's cosine for a light from the north-west, 45° high; heights are exaggerated threefold. */
function shade(eastward: number, northward: number): number {
  const steepness = 3 / 10;
  const normal = [-steepness * eastward, -steepness * northward, 1] as const;
  const light = [-0.5, 0.5, Math.SQRT1_2] as const;
  const length = Math.hypot(...normal);
  return Math.max(0, normal.reduce((sum, n, k) => sum + n * light[k]!, 0) / length);
}

export function loadTarget(program: string): Picture {
  const file = packageFile(program, 'vega-datasets', 'data', 'volcano.json');
  const { width, height, values } = JSON.parse(readFileSync(file, 'utf8')) as Heights;
  const at = (x: number, y: number): number =>
    values[Math.min(Math.max(y, 0), height - 1) * width + Math.min(Math.max(x, 0), width - 1)]!;
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const colours = new Float32Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const light = 0.35 + 0.9 * shade((at(x + 1, y) - at(x - 1, y)) / 2, (at(x, y - 1) - at(x, y + 1)) / 2);
      const colour = colourOf((at(x, y) - low) / (high - low));
      colour.forEach((c, k) => (colours[(y * width + x) * 3 + k] = Math.min(1, c * light)));
    }
  }
  return { width, height, colours };
}
