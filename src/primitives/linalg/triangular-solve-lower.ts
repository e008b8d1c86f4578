/**
 * Loops of triangular_solve: every case is forward substitution on a lower triangular work array (transposed, and turned round where
 * the triangle is an upper one), row by row of the right-hand sides.
 * May import: `ir`, `primitives/linalg/{blocks,matrix}`.
 * @module
 */
import type { Aval } from '../../ir/aval.ts';
import { binary, constant, type Expr, iadd, imul, int, isub, load, select, unary } from '../../ir/loop/expr.ts';
import type { KernelBuilder } from '../../ir/loop/kernel.ts';
import { addProduct, addRow, at, blockingOf, fillPadded, inBlocks, next, read, type Rows, upward } from './blocks.ts';
import { extentsOf } from './matrix.ts';

export interface TriangularSolveParams {
  /** op(A) X = B, not X op(A) = B. */
  readonly leftSide: boolean;
  readonly lower: boolean;
  readonly transposeA: boolean;
  /** The diagonal of A is ones, whatever it holds. */
  readonly unitDiagonal: boolean;
}

/** Right-hand sides that are solved for together: as many as stay in the fastest memory with a block of the matrix. */
const mostColumns = 64;

export function lowerTriangularSolve(b: KernelBuilder, a: Aval, y: Aval, p: TriangularSolveParams): void {
  const { n, count } = extentsOf(a);
  const { m: rows, n: columns } = extentsOf(y);
  const lines = p.leftSide ? columns : rows;
  if (count * n * lines === 0) return;
  const blocks = blockingOf(n);
  const height = blocks.size * blocks.count;
  const chunks = lines <= mostColumns ? { size: lines, count: 1 } : inBlocks(lines, mostColumns);
  const matrix: Rows = { buffer: b.scratch(a.dtype, height * height), width: height };
  const x: Rows = {
    buffer: b.scratch(a.dtype, height * chunks.size * chunks.count),
    width: chunks.size * chunks.count,
  };
  const isTransposed = p.transposeA === p.leftSide;
  const isForward = p.lower !== isTransposed;
  const turned = (i: Expr): Expr => (isForward ? i : isub(int(n - 1), i));
  b.loop(count, (e) => {
    const [ofA, ofB] = [b.keep(imul(e, int(n * n))), b.keep(imul(e, int(rows * columns)))];
    const position = (i: Expr, c: Expr): Expr =>
      iadd(ofB, p.leftSide ? iadd(imul(turned(i), int(columns)), c) : iadd(imul(c, int(n)), turned(i)));
    fillPadded(b, matrix, n, n, (i, j) => {
      const [row, column] = isTransposed ? [turned(j), turned(i)] : [turned(i), turned(j)];
      const value = load(b.inputs[0]!, iadd(ofA, iadd(imul(row, int(n)), column)));
      // Signs are changed here, so that all that follows adds.
      return select(binary('eq', i, j), p.unitDiagonal ? constant(1, a.dtype) : value, unary('neg', value));
    });
    fillPadded(b, x, n, lines, (i, c) => load(b.inputs[1]!, position(i, c)));
    b.loop(blocks.count, (block) => {
      const top = b.keep(imul(block, int(blocks.size)));
      b.loop(chunks.count, (chunk) =>
        substitute(b, matrix, x, top, blocks.size, b.keep(imul(chunk, int(chunks.size))), chunks.size, p.unitDiagonal),
      );
      if (blocks.count === 1) return;
      upward(b, next(block), int(blocks.count), (i) => {
        const row = b.keep(imul(i, int(blocks.size)));
        addProduct(
          b,
          blocks.size,
          { rows: matrix, at: at(matrix, row, top) },
          { rows: x, at: at(x, top, int(0)) },
          { rows: x, at: at(x, row, int(0)) },
          x.width,
        );
      });
    });
    b.parallel([n, lines], ([i, c]) => b.store(b.outputs[0]!, position(i!, c!), read(x, i!, c!)));
  });
}

/** Solves with one block of the diagonal. */
function substitute(
  b: KernelBuilder,
  matrix: Rows,
  x: Rows,
  top: Expr,
  size: number,
  column: Expr,
  width: number,
  unitDiagonal: boolean,
): void {
  const end = b.keep(iadd(top, int(size)));
  upward(b, top, end, (k) => {
    if (!unitDiagonal) {
      const [pivot, row] = [b.keep(read(matrix, k, k)), b.keep(at(x, k, column))];
      b.parallel([width], ([j]) => {
        const index = iadd(row, j!);
        b.store(x.buffer, index, binary('div', load(x.buffer, index), pivot));
      });
    }
    upward(b, next(k), end, (i) =>
      addRow(b, x, i, { rows: x, at: at(x, k, column) }, b.keep(read(matrix, i, k)), column, width),
    );
  });
}
