/**
 * Two tables of the npm package `vega-datasets`: 342 penguins of the Palmer archipelago, measured (Gorman, Williams and Fraser 2014), and
 * the monthly carbon dioxide of the air on Mauna Loa since 1958 (Scripps CO₂ program).
 * @module
 */
import { readFileSync } from 'node:fs';
import { packageFile } from '../shared/packages.ts';

const read = (program: string, name: string): string =>
  readFileSync(packageFile(program, 'vega-datasets', 'data', name), 'utf8');

export const species = ['Adelie', 'Chinstrap', 'Gentoo'] as const;
export const measures = ['Beak Length (mm)', 'Beak Depth (mm)'] as const;

export interface Penguin {
  /** Index into `species`. */
  readonly species: number;
  /** In the order of `measures`. */
  readonly values: readonly number[];
}

type Row = Readonly<Record<(typeof measures)[number] | 'Species', string | number | null>>;

/** Those that were measured; two were not. */
export function loadPenguins(program: string): Penguin[] {
  const rows = JSON.parse(read(program, 'penguins.json')) as Row[];
  return rows
    .filter((row) => measures.every((m) => row[m] !== null))
    .map((row) => ({
      species: species.findIndex((s) => s === row.Species),
      values: measures.map((m) => Number(row[m])),
    }));
}

/** One month's mean. */
export interface Month {
  /** Years, the middle of the month. */
  readonly time: number;
  /** Parts of carbon dioxide in a million of dry air. */
  readonly ppm: number;
}

export function loadMonths(program: string): Month[] {
  const [, ...lines] = read(program, 'co2-concentration.csv').trim().split('\n');
  return lines.map((line) => {
    const [date, ppm] = line.split(',') as [string, string];
    const [year, month] = date.split('-').map(Number) as [number, number];
    return { time: year + (month - 0.5) / 12, ppm: Number(ppm) };
  });
}
