/**
 * Reports: one HTML file without scripts, with charts as SVG and images as PNG inside.
 * @module
 */
import { writeFileSync } from 'node:fs';
import { encode } from 'fast-png';
import { parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import { type Flags, text } from './command-line.ts';

export const escape = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** A Vega-Lite chart as SVG. */
export function chart(spec: TopLevelSpec): Promise<string> {
  return new View(parse(compile(spec).spec), { renderer: 'none' }).toSVG();
}

export interface Image {
  readonly width: number;
  readonly height: number;
  /** 1: grey; 3: red, green, blue. Row by row, 0…255. */
  readonly channels: 1 | 3;
  readonly data: Uint8Array;
}

const png = ({ width, height, channels, data }: Image): Uint8Array =>
  encode({ width, height, channels, data, depth: 8 });

export const imageUrl = (image: Image): string => `data:image/png;base64,${Buffer.from(png(image)).toString('base64')}`;

/** An `img` element of the given size on the page, pixels kept sharp. */
export const imageElement = (image: Image, size: { width: number; height: number }, alt: string): string =>
  `<img src="${imageUrl(image)}" width="${size.width}" height="${size.height}" alt="${escape(alt)}">`;

/** An image with its caption. */
export const figure = (image: Image, size: { width: number; height: number }, caption: string): string =>
  `<figure>${imageElement(image, size, caption)}<figcaption>${escape(caption)}</figcaption></figure>`;

/** Writes an image to the file that `--picture` names. */
export function savePicture(flags: Flags, image: Image): void {
  const file = text(flags, 'picture');
  writeFileSync(file, png(image));
  console.log(`picture: ${file}`);
}

const style = `
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1000px; margin: 2rem auto; padding: 0 1rem; color: #222 }
.row { display: flex; flex-wrap: wrap; gap: 2rem }
.grid { display: flex; flex-wrap: wrap; gap: .6rem }
figure { margin: 0; text-align: center } figcaption { font-size: 12px; color: #555 }
img { image-rendering: pixelated; border: 1px solid #ddd }
pre { background: #f6f6f4; padding: 1rem; overflow-x: auto; font-size: 12px; line-height: 1.35; max-height: 32rem }
table { border-collapse: collapse } td, th { padding: .15rem .8rem; text-align: right } th { border-bottom: 1px solid #999 }
`;

const page = (title: string, body: string): string =>
  `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${escape(title)}</title><style>${style}</style></head><body>
${body}
</body></html>
`;

/** Writes a page to the file that `--report` names. */
export function saveReport(flags: Flags, title: string, body: string): void {
  const file = text(flags, 'report');
  writeFileSync(file, page(`Cotangent: ${title}`, body));
  console.log(`report: ${file}`);
}

/** A curve's points averaged over windows of steps, so that it has a few hundred, whatever the length of the run. */
export function smooth<Point extends { readonly step: number }>(
  history: readonly Point[],
  fields: readonly (keyof Point)[],
): Point[] {
  const window = Math.max(1, Math.floor(history.length / 150));
  const out: Point[] = [];
  for (let i = 0; i < history.length; i += window) {
    const part = history.slice(i, i + window);
    const means = fields.map((f) => [f, part.reduce((sum, p) => sum + Number(p[f]), 0) / part.length]);
    out.push({ ...part.at(-1)!, ...Object.fromEntries(means) });
  }
  return out;
}

/** One field of the history over the steps. */
export function curve<Point extends { readonly step: number }>(
  history: readonly Point[],
  field: keyof Point & string,
  title: string,
  scale: { readonly type: 'log' } | { readonly zero: false },
): Promise<string> {
  return chart({
    width: 420,
    height: 220,
    background: 'white',
    data: { values: smooth(history, [field]) },
    mark: { type: 'line', strokeWidth: 1.5 },
    encoding: {
      x: { field: 'step', type: 'quantitative', title: 'step' },
      y: { field, type: 'quantitative', title, scale },
    },
  });
}
