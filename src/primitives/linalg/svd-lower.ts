/**
 * Loops of svd: the columns of the tall matrix (of A or its transpose), as rows, are rotated until they are orthogonal: then they are
 * U diag(s), and the rotations are V. Columns of U come from a QR factorisation of these, which also completes them to a basis.
 * May import: `ir`, `primitives/linalg`.
 * @module
 */
import type { Aval } from '../../ir/aval.ts';
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
import { at, keep, lt, read, type Rows } from './blocks.ts';
import { formOrthogonal, reduceToTriangle, type Reflections, reflections } from './householder.ts';
import { orthogonalizeRows } from './jacobi.ts';
import { extentsOf } from './matrix.ts';
import { sortRows } from './vector-rows.ts';

export interface SvdParams {
  /** Whether U and Vᵀ are results too. */
  readonly vectors: boolean;
  /** U and V are square. */
  readonly full: boolean;
}

interface Work {
  /** The columns of the tall matrix. */
  readonly rows: Rows;
  readonly turned: Rows;
  readonly values: BufferRef;
}

interface Basis {
  readonly columns: Rows;
  readonly triangle: Rows;
  readonly steps: Reflections;
}

export function lowerSvd(b: KernelBuilder, x: Aval, { vectors, full }: SvdParams): void {
  const { m, n, count } = extentsOf(x);
  const [tall, k] = [Math.max(m, n), Math.min(m, n)];
  const { dtype } = x;
  const scratch = (height: number, width: number): Rows => ({
    buffer: b.scratch(dtype, Math.max(1, height * width)),
    width,
  });
  if (count === 0 || (!vectors && k === 0)) return;
  const work: Work = { rows: scratch(k, tall), turned: scratch(k, k), values: b.scratch(dtype, Math.max(1, k)) };
  const width = full ? tall : k;
  const basis: Basis | undefined = vectors
    ? { columns: scratch(tall, width), triangle: scratch(tall, k), steps: reflections(b, work.values, tall, k, width) }
    : undefined;
  b.loop(count, (e) => {
    const element = (i: Expr, j: Expr): Expr =>
      load(b.inputs[0]!, iadd(imul(e, int(m * n)), iadd(imul(m >= n ? i : j, int(n)), m >= n ? j : i)));
    b.parallel([k, tall], ([j, i]) => b.store(work.rows.buffer, at(work.rows, j!, i!), element(i!, j!)));
    const isFinite = rotate(b, work, k);
    const nan = constant(NaN, dtype);
    b.parallel([k], ([i]) =>
      b.store(b.outputs[0]!, iadd(imul(e, int(k)), i!), select(isFinite, load(work.values, i!), nan)),
    );
    if (!basis) return;
    formBasis(b, work, basis, k, tall);
    const long = (i: Expr, j: Expr): Expr => read(basis.columns, i, j);
    const short = (i: Expr, j: Expr): Expr => read(work.turned, j, i);
    const [u, v] = m >= n ? [long, short] : [short, long];
    const [cols, rowsOfVt] = [full ? m : k, full ? n : k];
    b.parallel([m, cols], ([i, j]) =>
      b.store(
        b.outputs[1]!,
        iadd(imul(e, int(m * cols)), iadd(imul(i!, int(cols)), j!)),
        select(isFinite, u(i!, j!), nan),
      ),
    );
    b.parallel([rowsOfVt, n], ([j, i]) =>
      b.store(
        b.outputs[2]!,
        iadd(imul(e, int(rowsOfVt * n)), iadd(imul(j!, int(n)), i!)),
        select(isFinite, v(i!, j!), nan),
      ),
    );
  });
}

/** Rows orthogonal, their norms in order; gives whether all elements were finite. */
function rotate(b: KernelBuilder, { rows, turned, values }: Work, k: number): Expr {
  const { dtype } = values;
  const [zero, one] = [constant(0, dtype), constant(1, dtype)];
  const { width } = rows;
  b.parallel([k, k], ([i, j]) => b.store(turned.buffer, at(turned, i!, j!), select(binary('eq', i!, j!), one, zero)));
  const scale =
    k * width === 0 ? zero : b.reduce('max', [k, width], dtype, ([i, j]) => unary('abs', read(rows, i!, j!)));
  const isFinite = keep(b, unary('is_finite', scale));
  const divisor = keep(b, select(binary('eq', scale, zero), one, scale));
  b.parallel([k, width], ([i, j]) => {
    const index = at(rows, i!, j!);
    b.store(rows.buffer, index, binary('div', load(rows.buffer, index), divisor));
  });
  b.if(isFinite, () => orthogonalizeRows(b, rows, k, turned));
  b.loop(k, (i) => {
    const squares = b.reduce('add', [width], dtype, ([j]) => binary('mul', read(rows, i, j!), read(rows, i, j!)));
    b.store(values, i, binary('mul', divisor, unary('sqrt', squares)));
  });
  sortRows(b, values, k, [rows, turned], true);
  return isFinite;
}

/** Orthonormal columns that point as the rotated ones do. */
function formBasis(
  b: KernelBuilder,
  { rows }: Work,
  { columns, triangle, steps }: Basis,
  k: number,
  tall: number,
): void {
  b.parallel([tall, k], ([i, j]) => b.store(triangle.buffer, at(triangle, i!, j!), read(rows, j!, i!)));
  reduceToTriangle(b, triangle, steps);
  formOrthogonal(b, columns, steps);
  b.parallel([tall, Math.min(k, columns.width)], ([i, j]) => {
    const value = read(columns, i!, j!);
    const isTurned = lt(read(triangle, j!, j!), constant(0, value.dtype));
    b.store(columns.buffer, at(columns, i!, j!), select(isTurned, unary('neg', value), value));
  });
}
