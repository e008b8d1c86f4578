/**
 * Random programs over the rows of a matrix: values of one number a row and of one an element, reductions from these to those, and
 * broadcasts back; now and then a transpose, a sum over columns or a product, which end what one kernel can do.
 * @module
 */
import { type Aval, f32 } from '../../src/ir/aval.ts';
import type { DType } from '../../src/ir/dtype.ts';
import type { Program } from '../../src/ir/program.ts';
import type { Tensor } from '../../src/core/tensor.ts';
import { dotGeneral } from '../../src/primitives/dot.ts';
import * as p from '../../src/primitives/index.ts';
import { trace } from './check-plan.ts';
import type { Choose } from './random-program.ts';

const unaries: readonly ((x: Tensor) => Tensor)[] = [
  p.neg,
  p.tanh,
  p.exp,
  (x) => p.mul(x, p.like(x, 0.5)),
  (x) => p.add(x, p.like(x, 0.25)),
  (x) => p.logistic(x),
  (x) => p.max(x, p.like(x, 0)),
];
const binaries: readonly ((x: Tensor, y: Tensor) => Tensor)[] = [
  p.add,
  p.sub,
  p.mul,
  p.min,
  (x, y) => p.select(p.lt(x, y), x, p.neg(y)),
];

/** An operation on two values, in the dtype of the first. */
function meet(x: Tensor, y: Tensor, choose: Choose): Tensor {
  return binaries[choose(binaries.length)]!(x, p.convert(y, x.aval.dtype));
}

/** Keeps magnitudes near 1, so that rounding does not grow. */
const bounded = (x: Tensor): Tensor => p.tanh(x);

interface Pool {
  readonly rows: Tensor[];
  readonly elements: Tensor[];
  readonly columns: Tensor[];
}

function step({ rows, elements, columns }: Pool, choose: Choose, dtypes: readonly DType[]): void {
  const pick = (list: readonly Tensor[]): Tensor => list[Math.max(choose(list.length), choose(list.length))]!;
  const x = pick(elements);
  const shape = x.aval.shape;
  switch (choose(dtypes.length > 1 ? 13 : 11)) {
    case 0:
      elements.push(bounded(unaries[choose(unaries.length)]!(x)));
      return;
    case 1:
    case 2:
      elements.push(bounded(meet(x, pick(elements), choose)));
      return;
    case 3:
    case 4: {
      const last = shape.map((_, i) => i).slice(pick(rows).aval.shape.length);
      const reduced = [p.reduceMax(x, last), p.mul(p.reduceSum(x, last), p.like(x, 0.1)), p.reduceMin(x, last)];
      rows.push(reduced[choose(reduced.length)]!);
      return;
    }
    case 5:
    case 6: {
      const row = pick(rows);
      const spread = p.broadcastInDim(
        row,
        shape,
        row.aval.shape.map((_, i) => i),
      );
      elements.push(bounded(meet(x, spread, choose)));
      return;
    }
    case 7:
      rows.push(bounded(meet(unaries[choose(unaries.length)]!(pick(rows)), pick(rows), choose)));
      return;
    case 8: {
      const column = pick(columns);
      elements.push(bounded(meet(x, p.broadcastInDim(column, shape, [shape.length - 1]), choose)));
      return;
    }
    case 9: {
      const first = shape.map((_, i) => i).slice(0, -1);
      columns.push(p.mul(p.reduceSum(x, first), p.like(x, 0.1)));
      return;
    }
    case 10:
      elements.push(bounded(moved(x, pick(elements), choose)));
      return;
    case 11:
      rows.push(p.convert(pick(rows), dtypes[choose(dtypes.length)]!));
      return;
    default:
      elements.push(p.convert(x, dtypes[choose(dtypes.length)]!));
  }
}

/** What reads elements at other positions. */
function moved(x: Tensor, y: Tensor, choose: Choose): Tensor {
  const shape = x.aval.shape;
  const n = shape.at(-1)!;
  switch (choose(3)) {
    case 0:
      return p.reshape(p.transpose(p.reshape(x, [x.aval.size / n, n]), [1, 0]), shape);
    case 1:
      return p.reverse(x, [choose(shape.length)]);
    default: {
      const flat = (t: Tensor): Tensor => p.reshape(p.convert(t, x.aval.dtype), [t.aval.size / n, n]);
      const square = dotGeneral(flat(x), flat(y), { contract: [[0], [0]], batch: [[], []] });
      return p.reshape(dotGeneral(flat(x), square, { contract: [[1], [0]], batch: [[], []] }), shape);
    }
  }
}

const spaces: readonly { readonly rows: readonly number[]; readonly columns: readonly number[] }[] = [
  { rows: [3], columns: [8] },
  { rows: [4], columns: [17] },
  { rows: [2, 3], columns: [9] },
  { rows: [2], columns: [3, 4] },
  { rows: [1], columns: [24] },
  { rows: [], columns: [16] },
  { rows: [5], columns: [2] },
];

export interface RowProgram {
  readonly program: Program;
  readonly donate: readonly number[];
}

/** Values have the given dtypes, of which the first comes in. */
export function randomRowProgram(choose: Choose, size: number, dtypes: readonly DType[] = ['float32']): RowProgram {
  const { rows, columns } = spaces[choose(spaces.length)]!;
  const shape = [...rows, ...columns];
  const avals: Aval[] = [f32(...shape), f32(...shape), f32(...rows), f32(shape.at(-1)!)].map((a) =>
    a.withDType(dtypes[0]!),
  );
  const program = trace(avals, ([x, y, row, column]) => {
    const pool: Pool = { rows: [row!], elements: [x!, y!], columns: [column!] };
    for (let i = 0; i < size; i++) step(pool, choose, dtypes);
    const all = [...pool.rows, ...pool.columns, ...pool.elements];
    return Array.from({ length: 1 + choose(5) }, () => all[Math.max(choose(all.length), choose(all.length))]!);
  });
  return { program, donate: avals.flatMap((_, i) => (choose(2) === 1 ? [i] : [])) };
}
