/**
 * A model as a table of its tensors.
 * May import: `core`, `api`.
 * @module
 */
import { Tensor } from '../core/tensor.ts';
import { isTrainable, type Leaf, leavesOf } from './leaves.ts';

const title = ['name', 'module', 'tensor', 'elements'] as const;

function row(leaf: Leaf): readonly string[] {
  const { name, value, owner } = leaf;
  const isTensor = value instanceof Tensor;
  return [
    name,
    owner ? owner.toString() : '',
    isTensor ? value.aval.toString() : String(value),
    `${isTensor ? value.size : 1}${isTrainable(leaf) ? '' : ' (not trained)'}`,
  ];
}

const count = (leaves: readonly Leaf[]): number =>
  leaves.reduce((n, { value }) => n + (value instanceof Tensor ? value.size : 1), 0);

const bytes = (leaves: readonly Leaf[]): number =>
  leaves.reduce((n, { value }) => n + (value instanceof Tensor ? value.nbytes : 0), 0);

/**
 * A table of the tensors of a model, one a line: name, module, shape and number of elements; and the sums.
 * @example
 * ```ts
 * import { random } from 'cotangent';
 * import { Linear, summary } from 'cotangent/nn';
 * console.log(summary(new Linear(2, 3, { key: random.key(0) })));
 * // => name    module         tensor    elements
 * //    weight  Linear(2 → 3)  f32[3,2]  6
 * //    bias    Linear(2 → 3)  f32[3]    3
 * //    9 parameters, 36 bytes
 * ```
 */
export function summary(model: unknown): string {
  const leaves = leavesOf(model);
  const rows = [title, ...leaves.map(row)];
  const widths = title.map((_, column) => Math.max(...rows.map((r) => r[column]!.length)));
  const lines = rows.map((r) =>
    r
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  );
  const trained = leaves.filter((leaf) => isTrainable(leaf));
  const others = count(leaves) - count(trained);
  const sums = `${count(trained)} parameters${others > 0 ? `, ${others} other elements` : ''}, ${bytes(leaves)} bytes`;
  return [...lines, sums].join('\n');
}
