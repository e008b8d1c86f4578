/**
 * Loops of svd: the tall matrix (A or its transpose) is made bidiagonal by reflections, and that diagonal by rotations, which are applied
 * to the products of the reflections, kept as rows.
 * May import: `ir`, `primitives/linalg`.
 * @module
 */
import type { Aval } from '../../ir/aval.ts';
import {
  binary,
  type BufferRef,
  constant,
  convert,
  type Expr,
  iadd,
  imul,
  int,
  load,
  select,
  unary,
} from '../../ir/loop/expr.ts';
import type { KernelBuilder } from '../../ir/loop/kernel.ts';
import { type Bidiagonal, bidiagonalOf, reduceToBidiagonal, type Sides, sidesOf } from './bidiagonal.ts';
import { diagonalizeBidiagonal, type TwoTurns } from './bidiagonal-steps.ts';
import { at, fillWithZeros, lt, paddedWidth, read, type Rows, transposeInto } from './blocks.ts';
import { formOrthogonal } from './householder.ts';
import { extentsOf } from './matrix.ts';
import { largestOf, scalingFor } from './safe-range.ts';
import { signsOf, sortRows, turnRows, type Turns, turnsOf } from './vector-rows.ts';

export interface SvdParams {
  /** Whether U and Vᵀ are results too. */
  readonly vectors: boolean;
  /** U and V are square. */
  readonly full: boolean;
}

/** Singular vectors of one side, under way as columns and then as rows. */
interface Vectors {
  readonly columns: Rows;
  readonly rows: Rows;
  readonly count: number;
  readonly length: number;
  readonly signs: BufferRef;
}

/** Of the tall matrix, from the left and from the right. */
interface BothVectors {
  readonly left: Vectors;
  readonly right: Vectors;
}

interface Work {
  readonly rows: Rows;
  readonly tall: number;
  readonly bidiagonal: Bidiagonal;
  readonly sides: Sides;
  readonly turns: TwoTurns;
  readonly vectors: BothVectors | undefined;
}

function vectorsOf(b: KernelBuilder, like: BufferRef, length: number, count: number): Vectors {
  const [height, width] = [paddedWidth(length), paddedWidth(count)];
  const rows = (m: number, n: number): Rows => ({ buffer: b.scratch(like.dtype, m * n), width: n });
  const signs = b.scratch(like.dtype, count);
  return { columns: rows(height, width), rows: rows(count, height), count, length, signs };
}

function workFor(b: KernelBuilder, { dtype }: Aval, tall: number, k: number, { vectors, full }: SvdParams): Work {
  const [height, width] = [paddedWidth(tall), paddedWidth(k)];
  const rows: Rows = { buffer: b.scratch(dtype, height * width), width };
  const turns = (): Turns => turnsOf(b, rows.buffer, k - 1);
  return {
    rows,
    tall,
    bidiagonal: bidiagonalOf(b, k),
    sides: sidesOf(b, rows.buffer, k, height, width),
    turns: { left: turns(), right: turns() },
    vectors: vectors
      ? {
          left: vectorsOf(b, rows.buffer, tall, full ? tall : k),
          right: vectorsOf(b, rows.buffer, k, k),
        }
      : undefined,
  };
}

export function lowerSvd(b: KernelBuilder, x: Aval, p: SvdParams): void {
  const { m, n, count } = extentsOf(x);
  const [tall, k] = [Math.max(m, n), Math.min(m, n)];
  const { dtype } = x;
  if (count === 0 || (k === 0 && !(p.vectors && p.full))) return;
  if (k === 0) return completeNothing(b, b.outputs[m === 0 ? 2 : 1]!, count, tall);
  const work = workFor(b, x, tall, k, p);
  const { rows, bidiagonal, vectors } = work;
  b.loop(count, (e) => {
    const start = b.keep(imul(e, int(m * n)));
    const element = (i: Expr, j: Expr): Expr =>
      load(b.inputs[0]!, iadd(start, iadd(imul(m >= n ? i : j, int(n)), m >= n ? j : i)));
    fillWithZeros(b, rows, tall, k, element);
    const { largest, isFinite } = largestOf(b, [tall, k], dtype, ([i, j]) => read(rows, i!, j!));
    const { factor, inverse } = scalingFor(b, largest);
    const isDone = b.local('bool', 0);
    b.if(isFinite, () => {
      b.parallel([tall, rows.width], ([i, j]) =>
        b.store(rows.buffer, at(rows, i!, j!), binary('mul', factor, read(rows, i!, j!))),
      );
      b.set(isDone, decompose(b, work));
    });
    const ifDone = (value: Expr): Expr => select(b.get(isDone), value, constant(NaN, dtype));
    const unscale = b.keep(convert(inverse, 'float64'));
    b.parallel([k], ([i]) => {
      const value = convert(binary('mul', load(bidiagonal.diagonal, i!), unscale), dtype);
      b.store(b.outputs[0]!, iadd(imul(e, int(k)), i!), ifDone(value));
    });
    if (vectors)
      storeVectors(b, m >= n ? [vectors.left, vectors.right] : [vectors.right, vectors.left], bidiagonal, e, ifDone);
  });
}

/** Without singular values any basis will do: unit matrices. */
function completeNothing(b: KernelBuilder, out: BufferRef, count: number, n: number): void {
  const { dtype } = out;
  b.parallel([count, n, n], ([e, i, j]) => {
    const unit = select(binary('eq', i!, j!), constant(1, dtype), constant(0, dtype));
    b.store(out, iadd(imul(iadd(imul(e!, int(n)), i!), int(n)), j!), unit);
  });
}

/** Singular values in order on the diagonal, vectors in rows. Gives whether that came to an end. */
function decompose(b: KernelBuilder, { rows, tall, bidiagonal, sides, turns, vectors }: Work): Expr {
  const { dtype } = rows.buffer;
  reduceToBidiagonal(b, rows, tall, bidiagonal, sides);
  if (vectors) {
    formOrthogonal(b, vectors.left.columns, sides.left);
    formOrthogonal(b, vectors.right.columns, sides.right);
    for (const { columns, rows: turned, count } of [vectors.left, vectors.right]) {
      transposeInto(b, columns, turned, count);
    }
  }
  const isDone = diagonalizeBidiagonal(b, bidiagonal, dtype === 'float32' ? 2 ** -24 : 2 ** -46, turns, (from, to) => {
    if (!vectors) return;
    turnRows(b, vectors.left.rows, turns.left, from, to);
    turnRows(b, vectors.right.rows, turns.right, from, to);
  });
  makePositive(b, bidiagonal, vectors?.right.rows);
  sortRows(b, bidiagonal.diagonal, bidiagonal.n, vectors ? [vectors.left.rows, vectors.right.rows] : [], true);
  return isDone;
}

function makePositive(b: KernelBuilder, { n, diagonal }: Bidiagonal, rows: Rows | undefined): void {
  b.loop(n, (step) => {
    const i = b.keep(step);
    const value = b.keep(load(diagonal, i));
    b.if(lt(value, constant(0, 'float64')), () => {
      b.store(diagonal, i, unary('neg', value));
      if (!rows) return;
      b.parallel([rows.width], ([j]) => b.store(rows.buffer, at(rows, i, j!), unary('neg', read(rows, i, j!))));
    });
  });
}

/** Vectors of A: V points as `signsOf` says, U along with it where singular values are not 0, and elsewhere by itself. */
function storeVectors(
  b: KernelBuilder,
  [u, v]: readonly [Vectors, Vectors],
  { n, diagonal }: Bidiagonal,
  e: Expr,
  ifDone: (value: Expr) => Expr,
): void {
  signsOf(b, v.rows, v.count, v.signs);
  signsOf(b, u.rows, u.count, u.signs);
  const isPair = (i: Expr): Expr => lt(constant(0, 'float64'), load(diagonal, i));
  b.parallel([n], ([i]) => b.store(u.signs, i!, select(isPair(i!), load(v.signs, i!), load(u.signs, i!))));
  const [, left, right] = b.outputs as [BufferRef, BufferRef, BufferRef];
  const start = (size: number): Expr => b.keep(imul(e, int(size)));
  const value = ({ rows, signs }: Vectors, j: Expr, i: Expr): Expr =>
    ifDone(binary('mul', load(signs, j), read(rows, j, i)));
  const [ofU, ofV] = [start(u.length * u.count), start(v.length * v.count)];
  b.parallel([u.length, u.count], ([i, j]) =>
    b.store(left, iadd(ofU, iadd(imul(i!, int(u.count)), j!)), value(u, j!, i!)),
  );
  b.parallel([v.count, v.length], ([j, i]) =>
    b.store(right, iadd(ofV, iadd(imul(j!, int(v.length)), i!)), value(v, j!, i!)),
  );
}
