/**
 * Places the nodes of one block in layers: every edge points down, long edges pass through the layers between, and the order within a
 * layer follows neighbours (Sugiyama, Tagawa and Toda, "Methods for visual understanding of hierarchical system structures", 1981).
 * May import: `api` and everything below it.
 * @module
 */
import type { GraphBlock, GraphEdge } from './graph-model.ts';

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Box extends Point {
  readonly id: number;
  readonly width: number;
  readonly height: number;
}

export interface Layout {
  readonly width: number;
  readonly height: number;
  /** Centres. */
  readonly boxes: ReadonlyMap<number, Box>;
  /** From the lower side of a node, through the layers between, to the upper side of another. */
  readonly routes: readonly { readonly edge: GraphEdge; readonly points: readonly Point[] }[];
}

/** A node, or the passage of a long edge through a layer. */
interface Item {
  readonly id: number | undefined;
  readonly width: number;
  readonly height: number;
  readonly up: Item[];
  readonly down: Item[];
  layer: number;
  x: number;
}

const gap = { x: 18, y: 34, passage: 8 };
const sweeps = 8;

/** Positions in the units in which `sizeOf` measures. */
export function layoutBlock(block: GraphBlock, sizeOf: (id: number) => { width: number; height: number }): Layout {
  const items = new Map<number, Item>();
  for (const { id } of block.nodes) items.set(id, { id, ...sizeOf(id), up: [], down: [], layer: 0, x: 0 });
  assignLayers(block, items);
  const layers: Item[][] = [];
  for (const item of items.values()) (layers[item.layer] ??= []).push(item);
  const paths = block.edges.map((edge) => ({ edge, path: connect(edge, items, layers) }));
  for (let i = 0; i < sweeps; i++) sweep(layers, i % 2 === 0);
  for (let i = 0; i < sweeps; i++) relax(layers, i % 2 === 0);
  return finish(layers, paths);
}

/** Longest paths from above; then inputs and constants move down to where they are first used. Nodes come in evaluation order. */
function assignLayers(block: GraphBlock, items: ReadonlyMap<number, Item>): void {
  const order = [...block.nodes].sort((a, b) => a.id - b.id);
  const incoming = new Map<number, GraphEdge[]>();
  const outgoing = new Map<number, GraphEdge[]>();
  for (const e of block.edges) {
    incoming.set(e.to, [...(incoming.get(e.to) ?? []), e]);
    outgoing.set(e.from, [...(outgoing.get(e.from) ?? []), e]);
  }
  // Constants are numbered after what reads them, so one pass in order is not enough for them; they have no operands.
  for (const n of order)
    for (const e of incoming.get(n.id) ?? [])
      items.get(n.id)!.layer = Math.max(items.get(n.id)!.layer, items.get(e.from)!.layer + 1);
  for (const n of order) {
    if (n.kind !== 'input' && n.kind !== 'constant') continue;
    const uses = (outgoing.get(n.id) ?? []).map((e) => items.get(e.to)!.layer - 1);
    if (uses.length > 0) items.get(n.id)!.layer = Math.max(0, Math.min(...uses));
  }
}

/** The items that an edge passes, ends included. */
function connect({ from, to }: GraphEdge, items: ReadonlyMap<number, Item>, layers: Item[][]): Item[] {
  const [start, end] = [items.get(from)!, items.get(to)!];
  const path = [start];
  for (let layer = start.layer + 1; layer < end.layer; layer++) {
    const passage: Item = { id: undefined, width: gap.passage, height: 0, up: [], down: [], layer, x: 0 };
    layers[layer]!.push(passage);
    path.push(passage);
  }
  path.push(end);
  for (let i = 1; i < path.length; i++) {
    path[i - 1]!.down.push(path[i]!);
    path[i]!.up.push(path[i - 1]!);
  }
  return path;
}

const mean = (items: readonly Item[]): number | undefined =>
  items.length === 0 ? undefined : items.reduce((t, i) => t + i.x, 0) / items.length;

/** Orders each layer by the mean position of the neighbours in the layer before. */
function sweep(layers: readonly Item[][], isDownward: boolean): void {
  for (const layer of layers) layer.forEach((item, i) => (item.x = i));
  for (const layer of isDownward ? layers : [...layers].reverse()) {
    const wish = new Map(layer.map((item) => [item, mean(isDownward ? item.up : item.down) ?? item.x]));
    layer.sort((a, b) => wish.get(a)! - wish.get(b)!);
    layer.forEach((item, i) => (item.x = i));
  }
}

/** Moves items toward their neighbours without changing the order, and without overlaps. */
function relax(layers: readonly Item[][], isDownward: boolean): void {
  for (const layer of isDownward ? layers : [...layers].reverse()) {
    const wishes = layer.map((item) => mean(isDownward ? item.up : item.down) ?? item.x);
    place(layer, wishes);
  }
}

const room = (a: Item, b: Item): number => (a.width + b.width) / 2 + gap.x;

/**
 * As near to the wishes as the order allows: the mean of the row pushed to the right by what stands on the left, and of the row pushed to
 * the left by what stands on the right. Neither overlaps, so their mean does not.
 */
function place(layer: readonly Item[], wishes: readonly number[]): void {
  const [pushedRight, pushedLeft]: [number[], number[]] = [[], []];
  layer.forEach((item, i) => {
    const least = i === 0 ? wishes[i]! : pushedRight[i - 1]! + room(layer[i - 1]!, item);
    pushedRight[i] = Math.max(wishes[i]!, least);
  });
  for (let i = layer.length - 1; i >= 0; i--) {
    const most = i === layer.length - 1 ? wishes[i]! : pushedLeft[i + 1]! - room(layer[i]!, layer[i + 1]!);
    pushedLeft[i] = Math.min(wishes[i]!, most);
  }
  layer.forEach((item, i) => (item.x = (pushedRight[i]! + pushedLeft[i]!) / 2));
}

function finish(layers: readonly Item[][], paths: readonly { edge: GraphEdge; path: readonly Item[] }[]): Layout {
  const all = layers.flat();
  const left = Math.min(0, ...all.map((i) => i.x - i.width / 2));
  for (const item of all) item.x += gap.x - left;
  const middles: number[] = [];
  let y = gap.x;
  for (const layer of layers) {
    const height = layer.reduce((h, i) => Math.max(h, i.height), 0);
    middles.push(y + height / 2);
    y += height + gap.y;
  }
  const boxes = new Map<number, Box>();
  for (const { id, x, width, height, layer } of all)
    if (id !== undefined) boxes.set(id, { id, x, y: middles[layer]!, width, height });
  const routes = paths.map(({ edge, path }) => ({
    edge,
    points: path.map(({ x, layer, height }, i): Point => {
      const side = i === 0 ? height / 2 : i === path.length - 1 ? -height / 2 : 0;
      return { x, y: middles[layer]! + side };
    }),
  }));
  const width = all.reduce((w, i) => Math.max(w, i.x + i.width / 2), 0) + gap.x;
  return { width, height: y - gap.y + gap.x, boxes, routes };
}
