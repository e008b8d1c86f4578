/**
 * Graphs in the languages of Graphviz and Mermaid.
 * May import: `api` and everything below it.
 * @module
 */
import type { GraphBlock, GraphNode } from './graph-model.ts';

const lines = ({ label, detail, aval, source }: GraphNode, maxDetail = 40): string[] => {
  const short = detail.length > maxDetail ? `${detail.slice(0, maxDetail - 1)}…` : detail;
  return [`${label}${short === '' ? '' : ` ${short}`}`, aval, source].filter((s) => s !== '');
};

const dotString = (text: string): string => `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"`;

const dotShape = (kind: GraphNode['kind']): string => {
  if (kind === 'input' || kind === 'output') return 'ellipse';
  return kind === 'constant' ? 'note' : kind === 'program' ? 'component' : 'box';
};

/** DOT. Programs that equations carry are clusters, tied to their equation by a dashed line. */
export function toDot(blocks: readonly GraphBlock[], note: string): string {
  const name = blocks[0]?.title ?? '';
  const out = [
    `digraph ${dotString(name)} {`,
    '  rankdir=TB; compound=true;',
    '  node [fontname="Helvetica", fontsize=10];',
  ];
  if (note !== '') out.push(`  label=${dotString(note)};`);
  blocks.forEach((b, i) => {
    const indent = b.owner === undefined ? '  ' : '    ';
    if (b.owner !== undefined) out.push(`  subgraph cluster_${i} {`, `    label=${dotString(b.title)};`);
    for (const n of b.nodes) {
      // Newlines of labels are the two characters \n.
      const label = `"${lines(n)
        .map((l) => dotString(l).slice(1, -1))
        .join(String.raw`\n`)}"`;
      out.push(`${indent}n${n.id} [label=${label}, shape=${dotShape(n.kind)}];`);
    }
    for (const e of b.edges) out.push(`${indent}n${e.from} -> n${e.to};`);
    if (b.owner !== undefined) out.push('  }');
    const first = b.nodes[0];
    if (b.owner !== undefined && first !== undefined)
      out.push(`  n${b.owner} -> n${first.id} [style=dashed, arrowhead=none, lhead=cluster_${i}];`);
  });
  return [...out, '}'].join('\n');
}

/** Mermaid's labels are HTML between quotes. */
const mermaidText = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

const mermaidNode = (n: GraphNode): string => {
  const label = `"${lines(n).map(mermaidText).join('<br/>')}"`;
  if (n.kind === 'input' || n.kind === 'output') return `n${n.id}([${label}])`;
  return n.kind === 'program' ? `n${n.id}[[${label}]]` : `n${n.id}[${label}]`;
};

/** A Mermaid flowchart. */
export function toMermaid(blocks: readonly GraphBlock[], note: string): string {
  const out = ['flowchart TD'];
  if (note !== '') out.push(`  %% ${note}`);
  blocks.forEach((b, i) => {
    if (b.owner !== undefined) out.push(`  subgraph s${i}["${mermaidText(b.title)}"]`);
    for (const n of b.nodes) out.push(`  ${mermaidNode(n)}`);
    for (const e of b.edges) out.push(`  n${e.from} --> n${e.to}`);
    if (b.owner !== undefined) out.push('  end', `  n${b.owner} -.- s${i}`);
  });
  return out.join('\n');
}
