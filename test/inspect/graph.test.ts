/** Graphs: nodes, edges and nested Programs as DOT, Mermaid and a page that loads nothing. */
import { describe, expect, test } from 'vitest';
import { jit, lax, np, shapeDtypeStruct, type Tensor } from 'cotangent';
import { graph } from 'cotangent/inspect';
import { layoutBlock } from '../../src/inspect/graph-layout.ts';

const dense = jit(function dense(p: { w: Tensor; b: Tensor }, x: Tensor): Tensor {
  return np.tanh(np.dot(x, p.w).add(p.b));
});
const g = graph(dense)({ w: np.ones([4, 3]), b: np.ones([3]) }, np.ones([2, 4]));

describe('the model', () => {
  const [block] = g.blocks;

  test('arguments by path, operations by how they are compiled, and the result', () => {
    expect(block!.nodes.map((n) => `${n.kind} ${n.label} ${n.aval}`)).toEqual([
      'input args[0].b f32[3]',
      'input args[0].w f32[4,3]',
      'input args[1] f32[2,4]',
      'kernel dot_general f32[2,3]',
      'elementwise add f32[2,3]',
      'elementwise tanh f32[2,3]',
      'output result f32[2,3]',
    ]);
    expect(block!.edges.map((e) => `${e.from}>${e.to}`)).toEqual(['2>3', '1>3', '3>4', '0>4', '4>5', '5>6']);
    for (const n of block!.nodes.slice(3, 6)) expect(n.source).toMatch(/graph\.test\.ts:\d+$/);
  });

  test('a loop is a node, and its body a block of its own', () => {
    const loop = graph((x: Tensor) => lax.foriLoop(0, 3, (_i: Tensor, y: Tensor) => y.mul(2), x))(1);
    expect(loop.blocks.map((b) => [b.title.replace(/ \(.*/, ''), b.owner])).toEqual([
      ['function', undefined],
      ['body of scan', loop.blocks[0]!.nodes.find((n) => n.kind === 'program')!.id],
    ]);
    expect(loop.equations).toBeGreaterThan(1);
  });

  test('avals stand for arguments, and nothing is computed', () => {
    const huge = graph((x: Tensor) => np.sum(np.exp(x)))(shapeDtypeStruct([1e6, 1e6], 'float32') as never);
    expect(huge.blocks[0]!.nodes[0]!.aval).toBe('f32[1000000,1000000]');
  });
});

test('text: the Program under a line that counts', () => {
  expect(String(g)).toMatch(
    /^jit\(dense\): 3 inputs, 3 equations, 1 output\n\{ lambda a:f32\[3\] b:f32\[4,3\] c:f32\[2,4\] \./,
  );
});

test('DOT and Mermaid escape what their syntax needs', () => {
  const f = graph((m: Record<string, Tensor>) => np.sin(m['a"b<c']!))({ 'a"b<c': np.ones([2]) });
  expect(f.toDot()).toContain(String.raw`n0 [label="args[0].a\"b<c\nf32[2]", shape=ellipse];`);
  expect(f.toDot()).toMatch(/^digraph "function" \{\n[^]*n0 -> n1;\n {2}n1 -> n2;\n\}$/);
  expect(f.toMermaid()).toContain('n0(["args[0].a&quot;b&lt;c<br/>f32[2]"])');
  expect(f.toMermaid().split('\n').slice(-2)).toEqual(['  n0 --> n1', '  n1 --> n2']);
});

describe('the page', () => {
  test('has a drawing with every node, and loads nothing', () => {
    const page = g.toHTML();
    expect(page).toMatch(/^<!doctype html>/);
    expect(page.match(/<g class="node /g)).toHaveLength(7);
    expect(page.match(/<path class="edge"/g)).toHaveLength(6);
    expect(page).not.toMatch(/(src|href)=|https?:|@import/);
    expect(page).toContain('>tanh</text>');
  });

  test('escapes names', () => {
    const page = graph((m: Record<string, Tensor>) => np.sin(m['<script>']!))({ '<script>': 1 }).toHTML();
    expect(page).toContain('args[0].&lt;script&gt;');
    expect(page.match(/<script>/g)).toHaveLength(1);
  });
});

test('in the layout every edge points down and no two nodes of a layer overlap', () => {
  const residual = graph((x: Tensor) => {
    let y = x;
    const all = [x];
    for (let i = 0; i < 12; i++) all.push((y = np.tanh(y.add(all[i >> 1]!))));
    return np.sum(np.concatenate(all));
  })(np.ones([4]));
  const [block] = residual.blocks;
  const { boxes, routes, width, height } = layoutBlock(block!, () => ({ width: 60, height: 20 }));
  expect(boxes.size).toBe(block!.nodes.length);
  for (const { points } of routes)
    for (let i = 1; i < points.length; i++) expect(points[i]!.y).toBeGreaterThan(points[i - 1]!.y);
  const all = [...boxes.values()];
  for (const a of all) {
    expect(a.x - 30).toBeGreaterThanOrEqual(0);
    expect(a.x + 30).toBeLessThanOrEqual(width);
    expect(a.y + 10).toBeLessThanOrEqual(height);
    for (const b of all) if (a.id < b.id && a.y === b.y) expect(Math.abs(a.x - b.x)).toBeGreaterThanOrEqual(60);
  }
});

test('a very long Program is cut, and says so, without running out of stack', () => {
  const long = graph((x: Tensor) => {
    let y = x;
    for (let i = 0; i < 30_000; i++) y = y.mul(2);
    return y;
  })(1);
  const note = 'The first 500 of 30000 equations are drawn.';
  expect(long.toDot()).toContain(note);
  expect(long.toMermaid()).toContain(`%% ${note}`);
  expect(long.toHTML()).toContain(note);
  expect(String(long).split('\n').at(-1)).toBe('… 29002 more lines: String(graph.program) has all');
});

test('a number of operations that is none is an error', () => {
  expect(() => graph((x: Tensor) => x, { maxOperations: 1.5 })).toThrow('maxOperations to be an integer of at least 1');
});

test('numbers in labels have seven digits at most', () => {
  const block = graph((x: Tensor) => x.add(1e-5).mul(0.1).mul(3).sub(Number.NaN))(np.ones([2])).blocks[0]!;
  expect(block.nodes.map((n) => n.detail)).toEqual(['', '0.00001', '0.1', '3.0', 'NaN', '']);
});
