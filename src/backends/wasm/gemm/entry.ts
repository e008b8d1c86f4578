/**
 * The routine that generated code calls (see `gemmSignature`): takes the part it is asked for and chooses how to compute it.
 * May import: `encode`, `kernel/lir`.
 * @module
 */
import type { FunctionBuilder } from '../encode/function.ts';
import type { ModuleBuilder } from '../encode/module.ts';
import type { Lir } from '../kernel/lir.ts';
import type { BlockOptions } from './block.ts';
import { defineDots } from './dots.ts';
import { defineProduct, defineSwapped, swapWidth } from './product.ts';
import { defineRoutine, type Routine, type Variable } from './routine.ts';
import type { GemmParameters } from './signature.ts';

/** Parts begin at multiples of these, which whole tiles and whole strips divide. */
const rowUnit = 24;
const columnUnit = 64;

/** Sizes from which the transposed product is worth its detour, for factors that lie the wrong way round. */
const swapLength = 32;
const swapDepth = 16;

/** The range of rows or columns of C that a part computes. */
interface Range {
  readonly from: Variable;
  readonly to: Variable;
}

/** Range `part` of `parts` nearly equal ones of 0…extent, cut at multiples of `unit`; all of it when `isCut` is false. */
function rangeOf(r: Routine, extent: Lir, unit: number, isCut: Lir, part: Lir, parts: Lir): Range {
  const { b } = r;
  const [from, to] = [r.variable('i32', b.i32(0)), r.variable('i32', extent)];
  r.if(isCut, () => {
    const ceil = (x: Lir, by: Lir): Lir => b.op('i32.div_u', b.add(x, b.op('i32.sub', by, b.i32(1))), by);
    const each = b.mul(ceil(ceil(extent, b.i32(unit)), parts), b.i32(unit));
    const start = r.min(b.mul(part, each), extent);
    r.set([
      [from, start],
      [to, r.min(b.add(start, each), extent)],
    ]);
  });
  return { from, to };
}

/**
 * Chooses between dot products and the general product; fills with zeros when k = 0. The choice depends on the whole product, never on
 * the part.
 */
export function defineGemm(module: ModuleBuilder, o: BlockOptions): FunctionBuilder {
  const e = o.element;
  const product = defineProduct(module, o);
  const swapped = defineSwapped(module, o, product);
  const dots = defineDots(module, e, o.isRelaxed);
  return defineRoutine(
    module,
    14,
    (r, ...p) => {
      const { b } = r;
      const [m, n, k, a, ars, acs, bAt, brs, bcs, c, crs, adds, part, parts] = p as readonly Lir[] as GemmParameters;
      const bytes = (x: Lir): Lir => b.mul(x, b.i32(e.bytes));
      const atLeast = (x: Lir, value: number): Lir => b.op('i32.ge_u', x, b.i32(value));
      const is = (x: Lir, value: number): Lir => b.op('i32.eq', x, b.i32(value));
      const and = (...x: Lir[]): Lir => x.reduce((all, one) => b.op('i32.and', all, one));
      const isShared = b.op('i32.ne', parts, b.i32(1));
      // Each part copies what it needs of an operand that is not read in place, and all of the other such operand. Rows of A are mostly
      // read in place: columns are cut then, if there are enough.
      const hasColumns = b.op('i32.ge_u', n, b.mul(parts, b.i32(2 * columnUnit)));
      const isTall = b.select(and(hasColumns, is(acs, 1)), b.i32(0), b.op('i32.ge_u', m, n));
      const rows = rangeOf(r, m, rowUnit, and(isShared, isTall), part, parts);
      const columns = rangeOf(r, n, columnUnit, and(isShared, b.op('i32.eqz', isTall)), part, parts);
      const [i, j] = [r.read(rows.from), r.read(columns.from)];
      const [mc, nc] = [b.op('i32.sub', r.read(rows.to), i), b.op('i32.sub', r.read(columns.to), j)];
      const aFrom = b.add(a, bytes(b.mul(i, ars)));
      const bFrom = b.add(bAt, bytes(b.mul(j, bcs)));
      const cFrom = b.add(b.add(c, bytes(b.mul(i, crs))), bytes(j));
      const unit = b.i32(e.bytes);
      const zeros = (): void =>
        r.if(b.op('i32.eqz', adds), () =>
          r.loop(b.i32(0), mc, 1, (i) =>
            r.loop(b.i32(0), nc, 1, (j) =>
              r.store(`${e.scalar}.store`, b.add(b.add(cFrom, bytes(b.mul(i, crs))), bytes(j)), e.zero(b)),
            ),
          ),
        );
      const general = (): void =>
        r.call(
          product,
          ...[mc, nc, k, aFrom, bytes(ars), bytes(acs), bFrom, bytes(brs), bytes(bcs), cFrom, bytes(crs), adds],
        );
      const rowDots = (): void => r.call(dots, nc, k, a, bFrom, bytes(bcs), cFrom, unit, adds);
      const columnDots = (): void => r.call(dots, mc, k, bAt, aFrom, bytes(ars), cFrom, bytes(crs), adds);
      // A column as a row of the transposed product.
      const asRow = (): void =>
        r.call(product, ...[b.i32(1), mc, k, bAt, unit, bytes(brs), aFrom, bytes(acs), unit, cFrom, unit, adds]);
      const swaps = (): void =>
        r.call(
          swapped,
          ...[mc, nc, k, aFrom, bytes(ars), bytes(acs), bFrom, bytes(brs), bytes(bcs), cFrom, bytes(crs), adds],
        );
      const areAdjacent = and(is(acs, 1), is(brs, 1));
      const isRow = and(is(m, 1), areAdjacent);
      const isColumn = and(is(n, 1), areAdjacent);
      const isNarrow = (short: Lir, long: Lir): Lir =>
        and(b.op('i32.le_u', short, b.i32(swapWidth)), atLeast(long, swapLength), atLeast(k, swapDepth));
      const swapsWell = b.op(
        'i32.or',
        and(isNarrow(nc, mc), is(ars, 1), b.op('i32.eqz', is(acs, 1))),
        and(isNarrow(mc, nc), is(brs, 1), b.op('i32.eqz', is(bcs, 1))),
      );
      r.if(is(k, 0), zeros, () =>
        r.if(isRow, rowDots, () =>
          r.if(isColumn, columnDots, () =>
            r.if(and(is(n, 1), is(ars, 1), is(crs, 1)), asRow, () => r.if(swapsWell, swaps, general)),
          ),
        ),
      );
    },
    `${e.scalar}_gemm`,
  );
}
