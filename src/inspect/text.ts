/**
 * Numbers and tables as text.
 * May import: nothing.
 * @module
 */

/** Three digits that count: `1.23`, `12.3`, `123`; below one, two places. */
export function digits(x: number): string {
  if (!Number.isFinite(x)) return '–';
  const size = Math.abs(x);
  if (size > 0 && size < 0.005) return '<0.01';
  if (size >= 99.95) return Math.round(x).toString();
  return x.toFixed(size >= 9.995 ? 1 : 2);
}

/** Milliseconds as `1.23 ms`; what is shorter or longer in µs or s. */
export function duration(ms: number): string {
  if (ms >= 9999.5) return `${digits(ms / 1000)} s`;
  return ms < 0.0995 ? `${digits(ms * 1000)} µs` : `${digits(ms)} ms`;
}

const scales = ['', 'k', 'M', 'G', 'T', 'P'];

/** `1.23 M`: a count with the prefix that leaves at most three digits before the point. */
export function scaled(x: number, unit = ''): string {
  let [value, i] = [x, 0];
  while (Math.abs(value) >= 999.5 && i < scales.length - 1) {
    value /= 1000;
    i++;
  }
  const number = i === 0 && Number.isInteger(value) ? String(value) : digits(value);
  return `${number}${scales[i] === '' && unit === '' ? '' : ` ${scales[i]!}${unit}`}`;
}

export const plural = (n: number, one: string, many = `${one}s`): string => `${n} ${n === 1 ? one : many}`;

/** Node's `console.log` prints instances as their text. */
export function logAsText(prototype: object): void {
  Object.defineProperty(prototype, Symbol.for('nodejs.util.inspect.custom'), {
    value(this: object): string {
      return String(this);
    },
  });
}

export interface Column {
  readonly title: string;
  readonly align: 'left' | 'right';
}

/** Rows under their titles, columns aligned and two spaces apart. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const widths = columns.map(({ title }, i) => rows.reduce((w, r) => Math.max(w, r[i]!.length), title.length));
  const line = (cells: readonly string[]): string =>
    cells
      .map((c, i) => (columns[i]!.align === 'left' ? c.padEnd(widths[i]!) : c.padStart(widths[i]!)))
      .join('  ')
      .trimEnd();
  return [line(columns.map((c) => c.title)), ...rows.map(line)].join('\n');
}
