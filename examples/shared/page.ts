/**
 * Reports: one HTML file without scripts, with charts as SVG and images as PNG inside.
 * @module
 */
import { encode } from 'fast-png';
import { parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';

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

export const png = ({ width, height, channels, data }: Image): Uint8Array =>
  encode({ width, height, channels, data, depth: 8 });

/** An `img` element of the given size on the page, pixels kept sharp. */
export function imageElement(image: Image, size: { width: number; height: number }, alt: string): string {
  const url = `data:image/png;base64,${Buffer.from(png(image)).toString('base64')}`;
  return `<img src="${url}" width="${size.width}" height="${size.height}" alt="${escape(alt)}">`;
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

export const page = (title: string, body: string): string =>
  `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${escape(title)}</title><style>${style}</style></head><body>
${body}
</body></html>
`;

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
