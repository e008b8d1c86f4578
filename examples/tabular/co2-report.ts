/**
 * What the Gaussian process says about the air: the series, its forecast, its growth, and the hyperparameters, all with error bars.
 * @module
 */
import { np, type Tensor } from 'cotangent';
import { chart, escape } from '../shared/page.ts';
import { hyperparameters, type Posterior, posterior, type Series } from './co2.ts';
import type { Month } from './data.ts';
import { covariance, type Fit, standardErrors } from './newton.ts';

/** 95 % of a normal distribution is within this many standard deviations. */
const wide = 1.96;

export interface Air {
  readonly series: Series;
  readonly fit: Fit;
  readonly months: readonly Month[];
  /** Those that the fit has seen; `between` lie among them, `later` after them. */
  readonly seen: readonly Month[];
  readonly between: readonly Month[];
  readonly later: readonly Month[];
}

const column = (t: Tensor): number[] => Array.from(t.dataSync(), Number);

function posteriorAt({ series, fit }: Air, times: readonly number[]): Record<keyof Posterior, number[]> {
  const known = posterior(series, fit.params, covariance(fit), np.array(Float64Array.from(times)));
  return {
    mean: column(known.mean),
    deviation: column(known.deviation),
    rate: column(known.rate),
    rateDeviation: column(known.rateDeviation),
  };
}

export interface Check {
  readonly months: number;
  /** Root of the mean squared error, ppm. */
  readonly error: number;
  /** Share of months within the band that should hold 95 %. */
  readonly coverage: number;
}

/** Predictions of months that the fit has not seen. */
export function check(air: Air, months: readonly Month[]): Check {
  const times = months.map((m) => m.time);
  const { mean, deviation } = posteriorAt(air, times);
  const errors = months.map((m, i) => m.ppm - mean[i]!);
  return {
    months: months.length,
    error: Math.sqrt(errors.reduce((s, e) => s + e * e, 0) / months.length),
    coverage: errors.filter((e, i) => Math.abs(e) < wide * deviation[i]!).length / months.length,
  };
}

interface BandRow {
  readonly time: number;
  readonly mid: number;
  readonly low: number;
  readonly high: number;
}

const rowsOf = (times: readonly number[], mid: readonly number[], deviation: readonly number[]): BandRow[] =>
  times.map((time, i) => {
    const [m, d] = [mid[i]!, wide * deviation[i]!];
    return { time, mid: m, low: m - d, high: m + d };
  });

const colours = { domain: ['seen', 'between', 'later'], range: ['#222', '#4c78a8', '#e45756'] };

/** A mean with its band, and months as dots where there are any. */
function bandChart(rows: readonly BandRow[], title: string, months: readonly object[], width: number): Promise<string> {
  const domain = [rows[0]!.time, rows.at(-1)!.time];
  const x = { field: 'time', type: 'quantitative', title: 'year', axis: { format: 'd' }, scale: { domain } } as const;
  const y = { type: 'quantitative', title, scale: { zero: false } } as const;
  return chart({
    width,
    height: 260,
    background: 'white',
    layer: [
      {
        data: { values: [...rows] },
        mark: { type: 'area', color: '#9ecae9', opacity: 0.6 },
        encoding: { x, y: { field: 'low', ...y }, y2: { field: 'high' } },
      },
      {
        data: { values: [...rows] },
        mark: { type: 'line', strokeWidth: 1, color: '#4c78a8' },
        encoding: { x, y: { field: 'mid', ...y } },
      },
      {
        data: { values: [...months] },
        mark: { type: 'circle', size: 9, opacity: 0.9 },
        encoding: {
          x,
          y: { field: 'ppm', ...y },
          color: {
            field: 'kind',
            type: 'nominal',
            title: null,
            scale: colours,
            ...(months.length === 0 && { legend: null }),
          },
        },
      },
    ],
  });
}

const every = (from: number, to: number, perYear: number): number[] =>
  Array.from({ length: Math.round((to - from) * perYear) + 1 }, (_, i) => from + i / perYear);

function dots({ seen, between, later }: Air, from: number): object[] {
  const of = (kind: string, months: readonly Month[]): object[] =>
    months.filter((m) => m.time >= from).map((m) => ({ ...m, kind }));
  return [...of('seen', seen), ...of('between', between), ...of('later', later)];
}

/** Values as intervals that hold 95 % of a normal distribution of their logarithms. */
function table(fit: Fit): string {
  const [logs, errors] = [column(fit.params), column(standardErrors(fit))];
  const rows = hyperparameters.map(({ name, unit }, i) => {
    const at = (z: number): string => `${Math.exp(logs[i]! + z * errors[i]!).toPrecision(3)} ${unit}`;
    return `<tr><td>${escape(name)}</td><td>${at(0)}</td><td>${at(-wide)} … ${at(wide)}</td></tr>`;
  });
  return `<table><tr><th></th><th>value</th><th>95 %</th></tr>${rows.join('')}</table>`;
}

const sentence = ({ months, error, coverage }: Check): string =>
  `${months} months, error ${error.toFixed(2)} ppm (root mean square), ${(100 * coverage).toFixed(1)} % within the band`;

/** The part of the page, and the check of the forecast. */
export async function airReport(air: Air): Promise<{ html: string; forecast: Check }> {
  const [first, last] = [air.months[0]!.time, air.months.at(-1)!.time];
  const split = air.later[0]!.time;
  const whole = every(first, last + 10, 12);
  const { mean, deviation, rate, rateDeviation } = posteriorAt(air, whole);
  const close = rowsOf(whole, mean, deviation).filter((r) => r.time >= split - 3);
  const forecast = check(air, air.later);
  const html = `<h2>Carbon dioxide on Mauna Loa: a Gaussian process</h2>
<p>Learned from ${air.seen.length} months before ${Math.floor(split)}. Held out between them: ${sentence(check(air, air.between))}.
Held out after them: <b>${sentence(forecast)}</b>.</p>
<div id="co2">${await bandChart(rowsOf(whole, mean, deviation), 'CO₂, ppm', dots(air, 0), 820)}</div>
<div id="forecast">${await bandChart(close, 'CO₂, ppm', dots(air, split - 3), 820)}</div>
<h3>How fast it rises: the derivative of the posterior, seasons apart</h3>
<div id="rate">${await bandChart(rowsOf(whole, rate, rateDeviation), 'ppm a year', [], 820)}</div>
<h3>What was learned, with error bars from the Hessian</h3>
${table(air.fit)}`;
  return { html, forecast };
}
