/**
 * Loops of lu: in a work array, one block of columns at a time with whole rows exchanged, then the rows right of it, then the product
 * that is subtracted from the rest.
 * May import: `ir`, `primitives/linalg/blocks`.
 * @module
 */
import {
  binary,
  type BufferRef,
  constant,
  type Expr,
  iadd,
  imul,
  int,
  load,
  select,
  unary,
} from '../../ir/loop/expr.ts';
import type { KernelBuilder } from '../../ir/loop/kernel.ts';
import {
  addProduct,
  addRow,
  at,
  blockingOf,
  fillPadded,
  inBlocks,
  lt,
  next,
  read,
  type Rows,
  upward,
} from './blocks.ts';

interface Extents {
  readonly m: number;
  readonly n: number;
  readonly count: number;
}

/** One matrix under way. */
interface Work {
  readonly m: number;
  /** Steps of the elimination. */
  readonly steps: number;
  readonly rows: Rows;
  readonly size: number;
  /** The pivot's row right of it, in the columns of its block. */
  readonly tail: Rows;
  readonly order: BufferRef;
  readonly ofOrder: Expr;
  readonly ofPivots: Expr;
}

export function lowerLu(b: KernelBuilder, { m, n, count }: Extents): void {
  const [packed, , permutation] = b.outputs as [BufferRef, BufferRef, BufferRef];
  const steps = Math.min(m, n);
  b.parallel([count, m], ([e, i]) => b.store(permutation, iadd(imul(e!, int(m)), i!), i!));
  if (steps * count === 0) return;
  const { size, count: panels } = blockingOf(steps);
  const [down, across] = [inBlocks(m, size), inBlocks(n, size)];
  // Rows of a power of two elements would share the same few lines of the cache, and the search for pivots reads down a column.
  const width = across.count * size + (panels > 1 ? 8 : 0);
  const rows: Rows = { buffer: b.scratch(packed.dtype, down.count * size * width), width };
  const panel: Rows = { buffer: b.scratch(packed.dtype, down.count * size * size), width: size };
  const tail: Rows = { buffer: b.scratch(packed.dtype, size), width: size };
  b.loop(count, (e) => {
    const start = b.keep(imul(e, int(m * n)));
    const position = (i: Expr, j: Expr): Expr => iadd(start, iadd(imul(i, int(n)), j));
    const [ofOrder, ofPivots] = [b.keep(imul(e, int(m))), b.keep(imul(e, int(steps)))];
    const work: Work = { m, steps, rows, size, tail, order: permutation, ofOrder, ofPivots };
    fillPadded(b, rows, m, n, (i, j) => load(b.inputs[0]!, position(i, j)));
    b.loop(panels, (block) => {
      const top = b.keep(imul(block, int(size)));
      upward(b, top, binary('min', iadd(top, int(size)), int(steps)), (k) => eliminate(b, work, k, top));
      upward(b, next(block), int(across.count), (j) => solveRows(b, work, top, b.keep(imul(j, int(size)))));
      subtractProducts(b, work, panel, block, { down: down.count, across: across.count });
    });
    b.parallel([m, n], ([i, j]) => b.store(packed, position(i!, j!), read(rows, i!, j!)));
  });
}

/** One step within a block of columns: pivot, exchange, multipliers, and the rows below in these columns. */
function eliminate(b: KernelBuilder, work: Work, k: Expr, top: Expr): void {
  const { rows, m, tail } = work;
  const pivotRow = findPivot(b, work, k);
  exchangeRows(b, work, k, pivotRow);
  b.store(b.outputs[1]!, iadd(work.ofPivots, k), pivotRow);
  const pivot = b.keep(read(rows, k, k));
  const isZero = b.keep(binary('eq', pivot, constant(0, pivot.dtype)));
  // Zeros up to the pivot: whole rows are added, without a condition for each element. |Multipliers| ≤ 1, so nothing times zero is NaN.
  b.parallel([work.size], ([j]) => {
    const column = iadd(top, j!);
    b.store(tail.buffer, j!, select(lt(k, column), read(rows, k, column), constant(0, pivot.dtype)));
  });
  upward(b, next(k), int(m), (i) => {
    const value = read(rows, i, k);
    const multiplier = b.keep(select(isZero, value, binary('div', value, pivot)));
    b.store(rows.buffer, at(rows, i, k), multiplier);
    addRow(b, rows, i, { rows: tail, at: int(0) }, b.keep(unary('neg', multiplier)), top, work.size);
  });
}

function findPivot(b: KernelBuilder, { rows, m }: Work, k: Expr): Expr {
  const largest = b.local(rows.buffer.dtype, unary('abs', read(rows, k, k)));
  const where = b.local('int32', k);
  upward(b, next(k), int(m), (i) => {
    const size = b.keep(unary('abs', read(rows, i, k)));
    b.if(lt(b.get(largest), size), () => {
      b.set(largest, size);
      b.set(where, i);
    });
  });
  return b.get(where);
}

function exchangeRows(b: KernelBuilder, { rows, order, ofOrder }: Work, k: Expr, other: Expr): void {
  b.if(binary('ne', k, other), () => {
    const [p, q] = [b.keep(at(rows, k, int(0))), b.keep(at(rows, other, int(0)))];
    const swap = (buffer: BufferRef, first: Expr, second: Expr): void => {
      const [x, y] = [b.keep(load(buffer, first)), b.keep(load(buffer, second))];
      b.store(buffer, first, y);
      b.store(buffer, second, x);
    };
    b.parallel([rows.width], ([j]) => swap(rows.buffer, iadd(p, j!), iadd(q, j!)));
    swap(order, iadd(ofOrder, k), iadd(ofOrder, other));
  });
}

/** The rows of a block in other columns: L⁻¹ times what they hold. */
function solveRows(b: KernelBuilder, { rows, size }: Work, top: Expr, column: Expr): void {
  const end = b.keep(iadd(top, int(size)));
  upward(b, top, end, (k) =>
    upward(b, next(k), end, (i) =>
      addRow(b, rows, i, { rows, at: at(rows, k, column) }, b.keep(unary('neg', read(rows, i, k))), column, size),
    ),
  );
}

function subtractProducts(
  b: KernelBuilder,
  { rows, size }: Work,
  panel: Rows,
  block: Expr,
  counts: { readonly down: number; readonly across: number },
): void {
  if (counts.down === 1 || counts.across === 1) return;
  const top = b.keep(imul(block, int(size)));
  b.parallel([counts.down * size, size], ([i, k]) =>
    b.store(panel.buffer, at(panel, i!, k!), unary('neg', read(rows, i!, iadd(top, k!)))),
  );
  upward(b, next(block), int(counts.down), (i) =>
    upward(b, next(block), int(counts.across), (j) => {
      const [row, column] = [b.keep(imul(i, int(size))), b.keep(imul(j, int(size)))];
      const factors = { rows: panel, at: at(panel, row, int(0)) };
      addProduct(b, size, factors, { rows, at: at(rows, top, column) }, { rows, at: at(rows, row, column) });
    }),
  );
}
