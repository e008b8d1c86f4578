/**
 * A graph as one self-contained HTML page: a drawing for each block, and nothing loaded from elsewhere.
 * May import: `api` and everything below it.
 * @module
 */
import { type Layout, layoutBlock, type Point } from './graph-layout.ts';
import type { GraphBlock, GraphNode } from './graph-model.ts';
import { plural } from './text.ts';

const escape = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

const cut = (text: string, length: number): string => (text.length > length ? `${text.slice(0, length - 1)}…` : text);

/** Width of a character of the 11 px monospaced font, and height of a line, in px. */
const glyph = { width: 6.7, line: 14 };
const maxChars = 34;

const linesOf = ({ label, detail, aval, source }: GraphNode): { text: string; style: string }[] => [
  { text: cut(detail === '' ? label : `${label} ${detail}`, maxChars), style: 'name' },
  ...(aval === '' ? [] : [{ text: cut(aval, maxChars), style: 'aval' }]),
  ...(source === '' ? [] : [{ text: cut(source.slice(source.lastIndexOf('/') + 1), maxChars), style: 'source' }]),
];

function sizeOf(node: GraphNode): { width: number; height: number } {
  const lines = linesOf(node);
  const chars = lines.reduce((n, l) => Math.max(n, l.text.length), 0);
  return { width: Math.round(chars * glyph.width + 18), height: lines.length * glyph.line + 10 };
}

const fixed = (x: number): string => x.toFixed(1);

/** Vertical tangents at every point. */
function curve(points: readonly Point[]): string {
  return points
    .map(({ x, y }, i) => {
      if (i === 0) return `M${fixed(x)} ${fixed(y)}`;
      const before = points[i - 1]!;
      const middle = fixed((before.y + y) / 2);
      return `C${fixed(before.x)} ${middle} ${fixed(x)} ${middle} ${fixed(x)} ${fixed(y)}`;
    })
    .join('');
}

function drawing(block: GraphBlock): string {
  const byId = new Map(block.nodes.map((n) => [n.id, n]));
  const layout: Layout = layoutBlock(block, (id) => sizeOf(byId.get(id)!));
  const edges = layout.routes.map(
    ({ edge, points }) =>
      `<path class="edge" data-from="${edge.from}" data-to="${edge.to}" d="${curve(points)}" marker-end="url(#arrow)"><title>${escape(edge.aval)}</title></path>`,
  );
  const nodes = block.nodes.map((n) => {
    const { x, y, width, height } = layout.boxes.get(n.id)!;
    const [left, top] = [x - width / 2, y - height / 2];
    const text = linesOf(n).map(
      (l, i) =>
        `<text class="${l.style}" x="${fixed(x)}" y="${fixed(top + 17 + i * glyph.line)}">${escape(l.text)}</text>`,
    );
    const title = [n.label, n.detail, n.aval, n.source].filter((s) => s !== '').join('\n');
    const rx = n.kind === 'input' || n.kind === 'output' ? height / 2 : 4;
    return `<g class="node ${n.kind}" data-id="${n.id}"><title>${escape(title)}</title><rect x="${fixed(left)}" y="${fixed(top)}" width="${width}" height="${height}" rx="${rx}"/>${text.join('')}</g>`;
  });
  const size = `width="${Math.ceil(layout.width)}" height="${Math.ceil(layout.height)}"`;
  const view = `viewBox="0 0 ${Math.ceil(layout.width)} ${Math.ceil(layout.height)}"`;
  return `<svg ${size} ${view} role="img" aria-label="${escape(block.title)}">${edges.join('')}${nodes.join('')}</svg>`;
}

const style = `
:root { color-scheme: light dark; --page: #fff; --ink: #1c2430; --dim: #5b6675; --line: #9aa5b3; --frame: #d5dbe3;
  --input: #eceff3; --constant: #f5f0e0; --elementwise: #e2edfb; --reduction: #fdebd8; --kernel: #dff3e4; --program: #ece4fa; --output: #dfe3e9; }
@media (prefers-color-scheme: dark) { :root { --page: #14181e; --ink: #e6eaf0; --dim: #9aa5b3; --line: #6a7584; --frame: #2c343f;
  --input: #262c35; --constant: #353019; --elementwise: #1b3350; --reduction: #4a3117; --kernel: #1a3d26; --program: #37275a; --output: #30363f; } }
body { margin: 24px; background: var(--page); color: var(--ink); font: 14px/1.45 system-ui, sans-serif; }
h1 { font-size: 20px; margin: 0 0 4px; } h2 { font-size: 15px; margin: 28px 0 6px; }
p { margin: 0 0 12px; color: var(--dim); }
.frame { overflow: auto; border: 1px solid var(--frame); border-radius: 6px; max-height: 85vh; }
svg { display: block; margin: 0 auto; } text { font: 11px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; text-anchor: middle; fill: var(--ink); }
text.name { font-weight: 600; } text.aval, text.source { fill: var(--dim); }
.node rect { stroke: var(--line); } .edge { fill: none; stroke: var(--line); stroke-width: 1.2; }
.input rect { fill: var(--input); } .constant rect { fill: var(--constant); } .elementwise rect { fill: var(--elementwise); }
.reduction rect { fill: var(--reduction); } .kernel rect { fill: var(--kernel); } .program rect { fill: var(--program); } .output rect { fill: var(--output); }
.legend { display: flex; flex-wrap: wrap; gap: 6px 14px; padding: 0; margin: 0 0 14px; list-style: none; color: var(--dim); font-size: 12px; }
.legend i { display: inline-block; width: 12px; height: 12px; margin-right: 5px; border: 1px solid var(--line); border-radius: 3px; vertical-align: -1px; }
svg.focus .node, svg.focus .edge { opacity: 0.25; } svg.focus .near { opacity: 1; } svg.focus .edge.near { stroke: var(--ink); }
`;

/** Pointing at a node shows what it reads and who reads it. */
const script = `
for (const svg of document.querySelectorAll('svg')) for (const node of svg.querySelectorAll('.node')) {
  node.addEventListener('mouseenter', () => {
    const near = new Set([node.dataset.id]);
    for (const e of svg.querySelectorAll('.edge')) if (e.dataset.from === node.dataset.id || e.dataset.to === node.dataset.id) {
      e.classList.add('near'); near.add(e.dataset.from); near.add(e.dataset.to);
    }
    for (const n of svg.querySelectorAll('.node')) if (near.has(n.dataset.id)) n.classList.add('near');
    svg.classList.add('focus');
  });
  node.addEventListener('mouseleave', () => {
    svg.classList.remove('focus');
    for (const e of svg.querySelectorAll('.near')) e.classList.remove('near');
  });
}
`;

const legend: readonly (readonly [GraphNode['kind'], string])[] = [
  ['input', 'argument'],
  ['constant', 'constant'],
  ['elementwise', 'element by element'],
  ['reduction', 'reduction'],
  ['kernel', 'loops of its own'],
  ['program', 'carries a Program'],
  ['output', 'result'],
];

/** The page. `note` says what was left out. */
export function toPage(blocks: readonly GraphBlock[], summary: string, note: string): string {
  const kinds = new Set(blocks.flatMap((b) => b.nodes.map((n) => n.kind)));
  const keys = legend
    .filter(([kind]) => kinds.has(kind))
    .map(([kind, text]) => `<li><i style="background: var(--${kind})"></i>${text}</li>`);
  const title = escape(blocks[0]?.title ?? 'graph');
  const sections = blocks.map((b) => {
    const heading = b.owner === undefined ? '' : `<h2>${escape(b.title)}</h2>`;
    const left = b.omitted > 0 ? `<p>${plural(b.omitted, 'equation')} left out.</p>` : '';
    return `<section>${heading}${left}<div class="frame">${drawing(b)}</div></section>`;
  });
  const arrow =
    '<svg width="0" height="0" style="position: absolute"><defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" orient="auto"><path d="M0 0L8 4L0 8z" fill="var(--line)"/></marker></defs></svg>';
  return [
    '<!doctype html>',
    `<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}</title><style>${style}</style></head>`,
    `<body><h1>${title}</h1><p>${escape(summary)}${note === '' ? '' : `. ${escape(note)}`}</p>`,
    `<ul class="legend">${keys.join('')}</ul>${arrow}${sections.join('\n')}`,
    `<script>${script}</script></body></html>`,
  ].join('\n');
}
