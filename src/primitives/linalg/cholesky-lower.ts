/**
 * Loops of cholesky: U = Lᵀ row by row in a work array, from the lower triangle of the operand read as the upper one of its transpose.
 * May import: `ir`, `primitives/linalg/blocks`.
 * @module
 */
import { binary, constant, type Expr, iadd, imul, int, load, type Local, select, unary } from '../../ir/loop/expr.ts';
import type { KernelBuilder } from '../../ir/loop/kernel.ts';
import {
  addProduct,
  addRow,
  at,
  type Blocking,
  blockingOf,
  fillPadded,
  lt,
  next,
  read,
  type Rows,
  upward,
} from './blocks.ts';

export function lowerCholesky(b: KernelBuilder, { n, count }: { readonly n: number; readonly count: number }): void {
  if (n === 0 || count === 0) return;
  const [x, out] = [b.inputs[0]!, b.outputs[0]!];
  const blocks = blockingOf(n);
  const width = blocks.size * blocks.count;
  const u: Rows = { buffer: b.scratch(x.dtype, width * width), width };
  const panel: Rows = { buffer: b.scratch(x.dtype, width * blocks.size), width: blocks.size };
  b.loop(count, (e) => {
    const start = b.keep(imul(e, int(n * n)));
    const element = (i: Expr, j: Expr): Expr => load(x, iadd(start, iadd(imul(j, int(n)), i)));
    const zero = constant(0, x.dtype);
    fillPadded(b, u, n, n, (i, j) => select(lt(j, i), zero, element(i, j)));
    const isDefinite = b.local('bool', 1);
    factorBlocks(b, u, panel, blocks, isDefinite);
    b.parallel([n, n], ([i, j]) => {
      const value = select(b.get(isDefinite), read(u, j!, i!), constant(NaN, x.dtype));
      b.store(out, iadd(start, iadd(imul(i!, int(n)), j!)), select(lt(i!, j!), zero, value));
    });
  });
}

/** For each block of rows: factor its square, solve for the rest of the rows, subtract their products from what is below. */
function factorBlocks(b: KernelBuilder, u: Rows, panel: Rows, blocks: Blocking, isDefinite: Local): void {
  const { size, count } = blocks;
  const isBlocked = count > 1;
  b.loop(count, (block) => {
    const top = b.keep(imul(block, int(size)));
    factorSquare(b, u, top, size, isDefinite);
    if (!isBlocked) return;
    upward(b, next(block), int(count), (j) => solveRows(b, u, top, b.keep(imul(j, int(size))), size));
    // −Uᵀ of the block, so that its steps lie side by side.
    b.parallel([u.width, size], ([i, k]) =>
      b.store(panel.buffer, at(panel, i!, k!), unary('neg', read(u, iadd(top, k!), i!))),
    );
    upward(b, next(block), int(count), (i) =>
      upward(b, i, int(count), (j) => {
        const [row, column] = [b.keep(imul(i, int(size))), b.keep(imul(j, int(size)))];
        const factors = { rows: panel, at: at(panel, row, int(0)) };
        addProduct(b, size, factors, { rows: u, at: at(u, top, column) }, { rows: u, at: at(u, row, column) });
      }),
    );
  });
}

function factorSquare(b: KernelBuilder, u: Rows, top: Expr, size: number, isDefinite: Local): void {
  const end = iadd(top, int(size));
  upward(b, top, end, (k) => {
    const square = b.keep(read(u, k, k));
    const isPositive = binary('gt', square, constant(0, square.dtype));
    b.set(isDefinite, binary('and', b.get(isDefinite), isPositive));
    const pivot = b.keep(unary('sqrt', square));
    divideRow(b, u, k, top, size, pivot);
    b.store(u.buffer, at(u, k, k), pivot);
    upward(b, next(k), end, (i) =>
      addRow(b, u, i, { rows: u, at: at(u, k, top) }, b.keep(unary('neg', read(u, k, i))), top, size),
    );
  });
}

/** The rows of a block right of its square: forward substitution, one block of columns at a time. */
function solveRows(b: KernelBuilder, u: Rows, top: Expr, column: Expr, size: number): void {
  const end = iadd(top, int(size));
  upward(b, top, end, (k) => {
    divideRow(b, u, k, column, size, b.keep(read(u, k, k)));
    upward(b, next(k), end, (i) =>
      addRow(b, u, i, { rows: u, at: at(u, k, column) }, b.keep(unary('neg', read(u, k, i))), column, size),
    );
  });
}

function divideRow(b: KernelBuilder, u: Rows, k: Expr, column: Expr, size: number, by: Expr): void {
  const row = b.keep(at(u, k, column));
  b.parallel([size], ([j]) => {
    const index = iadd(row, j!);
    b.store(u.buffer, index, binary('div', load(u.buffer, index), by));
  });
}
