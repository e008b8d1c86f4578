/**
 * The axes of a kernel's loops: as few as the values allow.
 * May import: `ir`.
 * @module
 */
import { type Shape, sizeOf } from '../ir/shape.ts';
import type { Frame } from './frame.ts';
import type { Node } from './graph.ts';

export interface Space {
  readonly rows: Shape;
  readonly rowCount: number;
  /** Axes of the elements of a row. */
  readonly columns: Shape;
  /** Elements of a row; undefined where every position stands for itself. */
  readonly columnCount: number | undefined;
}

/**
 * The space of the nodes that a kernel computes, out of its group's. Where no value depends on the index, one flat axis; otherwise the
 * axes of the first that does.
 */
export function chooseSpace(frame: Frame, nodes: readonly Node[], readsThrough: (node: Node) => boolean): Space {
  const shaped = (list: readonly Node[]): Shape[] =>
    list
      .filter((n) => n.kind === 'reduction' || n.info.usesIndex || readsThrough(n))
      .map((n) => n.eqn.outputs[0]!.aval.shape);
  const ofRows = nodes.filter((n) => n.size === frame.rows);
  const isFold = (n: Node): boolean => n.kind === 'reduction' && n.evaluations === frame.size;
  if (frame.rows === undefined || ofRows.length === 0 || (ofRows.length === nodes.length && !ofRows.some(isFold))) {
    const { size } = nodes[0]!;
    return { rows: shaped(nodes)[0] ?? [size], rowCount: size, columns: [], columnCount: undefined };
  }
  const { rows, size } = frame;
  const columnCount = size / rows;
  for (const shape of shaped(nodes.filter((n) => n.size === size))) {
    const split = firstAxes(shape, rows);
    if (split !== undefined) {
      return { rows: shape.slice(0, split), rowCount: rows, columns: shape.slice(split), columnCount };
    }
  }
  return { rows: shaped(ofRows)[0] ?? [rows], rowCount: rows, columns: [columnCount], columnCount };
}

/** How many of the first axes hold `count` elements; undefined when none do. */
function firstAxes(shape: Shape, count: number): number | undefined {
  for (let split = 0; split <= shape.length; split++) {
    if (sizeOf(shape.slice(0, split)) === count) return split;
  }
  return undefined;
}
