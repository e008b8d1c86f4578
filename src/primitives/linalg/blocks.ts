/**
 * Pieces of blocked factorisations in the loop IR. Work arrays are row-major and padded to whole blocks, so that every product has the
 * same extents and one kernel serves all sizes; all other work is on whole rows of a block, which lie side by side.
 * May import: `ir`.
 * @module
 */
import { binary, type BufferRef, constant, type Expr, iadd, imul, int, load, select } from '../../ir/loop/expr.ts';
import type { KernelBuilder, MatrixRef } from '../../ir/loop/kernel.ts';

/** From more rows than this, a factorisation goes by blocks of at most so many, whose updates are matrix products. */
const mostRows = 64;

/** Blocks are whole tiles of the product kernels. */
const tile = 8;

export interface Blocking {
  /** Rows of a block. */
  readonly size: number;
  /** Blocks. */
  readonly count: number;
}

/** `n` rows as blocks of equal size; the last may be padded. */
export function blockingOf(n: number): Blocking {
  if (n <= mostRows) return { size: n, count: 1 };
  const count = Math.ceil(n / mostRows);
  return { size: Math.ceil(n / count / tile) * tile, count };
}

/** `n` in blocks of a given size. */
export const inBlocks = (n: number, size: number): Blocking => ({ size, count: Math.ceil(n / size) });

/** The length of rows of `n` elements that have no rest beside whole groups of lanes. */
export const paddedWidth = (n: number): number => (n <= tile ? Math.ceil(n / 4) * 4 : Math.ceil(n / tile) * tile);

/** A row-major work array. */
export interface Rows {
  readonly buffer: BufferRef;
  readonly width: number;
}

export const at = (rows: Rows, i: Expr, j: Expr): Expr => iadd(imul(i, int(rows.width)), j);
export const read = (rows: Rows, i: Expr, j: Expr): Expr => load(rows.buffer, at(rows, i, j));
export const add = (x: Expr, y: Expr): Expr => binary('add', x, y);
export const sub = (x: Expr, y: Expr): Expr => binary('sub', x, y);
export const mul = (x: Expr, y: Expr): Expr => binary('mul', x, y);
export const lt = (x: Expr, y: Expr): Expr => binary('lt', x, y);
export const next = (i: Expr): Expr => iadd(i, int(1));

/** Runs `body` for i = from, …, to − 1, in order. */
export function upward(b: KernelBuilder, from: Expr, to: Expr, body: (i: Expr) => void): void {
  const local = b.local('int32', from);
  b.while(lt(b.get(local), to), () => {
    body(b.get(local));
    b.set(local, next(b.get(local)));
  });
}

type Element = (i: Expr, j: Expr) => Expr;

/** Fills a work array with an m × n matrix, and with `outside` what is beyond that. */
function fill(b: KernelBuilder, to: Rows, m: number, n: number, element: Element, outside: Element): void {
  const height = to.buffer.size / to.width;
  b.parallel([height, to.width], ([i, j]) => {
    const isInside = binary('and', lt(i!, int(m)), lt(j!, int(n)));
    const isWhole = height === m && to.width === n;
    const value = isWhole ? element(i!, j!) : select(isInside, element(i!, j!), outside(i!, j!));
    b.store(to.buffer, at(to, i!, j!), value);
  });
}

/** Fills a work array; elements outside `m` × `n` are those of the identity. */
export function fillPadded(b: KernelBuilder, to: Rows, m: number, n: number, element: Element): void {
  const { dtype } = to.buffer;
  fill(b, to, m, n, element, (i, j) => select(binary('eq', i, j), constant(1, dtype), constant(0, dtype)));
}

/** Fills a work array; elements outside `m` × `n` are 0. */
export const fillWithZeros = (b: KernelBuilder, to: Rows, m: number, n: number, element: Element): void =>
  fill(b, to, m, n, element, () => constant(0, to.buffer.dtype));

/** The first rows of `to` are the columns of `from`. */
export function transposeInto(b: KernelBuilder, from: Rows, to: Rows, count: number): void {
  b.parallel([count, to.width], ([i, j]) => b.store(to.buffer, at(to, i!, j!), read(from, j!, i!)));
}

/** Where a row, or a block, begins. */
export interface Place {
  readonly rows: Rows;
  readonly at: Expr;
}

/** Row i += factor · another row, over `width` columns from `column`. */
export function addRow(
  b: KernelBuilder,
  rows: Rows,
  i: Expr,
  other: Place,
  factor: Expr,
  column: Expr,
  width: number,
): void {
  const [to, from] = [b.keep(at(rows, i, column)), b.keep(other.at)];
  b.parallel([width], ([j]) => {
    const term = binary('mul', factor, load(other.rows.buffer, iadd(from, j!)));
    b.store(rows.buffer, iadd(to, j!), binary('add', load(rows.buffer, iadd(to, j!)), term));
  });
}

/** C += A · B for square blocks of a size, or B and C of so many columns. */
export function addProduct(b: KernelBuilder, size: number, x: Place, y: Place, c: Place, columns: number = size): void {
  const ref = ({ rows, at: offset }: Place): MatrixRef => ({
    buffer: rows.buffer,
    offset,
    rowStride: rows.width,
    colStride: 1,
  });
  b.gemm({ m: size, n: columns, k: size, a: ref(x), b: ref(y), c: ref(c), accumulate: true });
}
