/**
 * The routines that generated code calls (see `gemmSignature`): take the part they are asked for and choose how to compute it.
 * May import: `encode`, `kernel/lir`.
 * @module
 */
import type { FunctionBuilder } from '../encode/function.ts';
import type { ModuleBuilder } from '../encode/module.ts';
import type { Lir } from '../kernel/lir.ts';
import type { BlockOptions } from './block.ts';
import { defineDots } from './dots.ts';
import {
  Blocking,
  defineProduct,
  defineProductRoutines,
  defineSwapped,
  productParameters,
  type ProductParameters,
  type ProductRoutines,
  stateAt,
  swapWidth,
} from './product.ts';
import { defineRoutine, type Routine, type Variable } from './routine.ts';
import { columnUnit, gemmParameterCount, type GemmParameters, rowUnit } from './signature.ts';

/** Sizes from which the transposed product is worth its detour, for factors that lie the wrong way round. */
const swapLength = 32;
const swapDepth = 16;

/**
 * Where factors lie along k, each element is a dot product if there are a few rows or columns (as many as a vector has lanes) and so many
 * steps, or if C is no larger than `fewElements` each way.
 */
const dotDepth = 256;
const fewElements = 4;
const fewElementsDepth = 64;

/** Sizes of a product that is one block, read in place: the choice that the general product would come to as well. */
const smallSize = 64;

/** The range of rows or columns of C that a part computes. */
interface Range {
  readonly from: Variable;
  readonly to: Variable;
}

/**
 * Range `part` of `parts` of 0…extent, cut at multiples of `unit`; all of it when `isCut` is false. Of the units, about
 * ((parts − p) / parts)² are left at the start of part p: the first parts are long, so that few copies are made, and the last ones short,
 * so that threads that take one part after the other end together.
 */
function rangeOf(r: Routine, extent: Lir, unit: number, isCut: Lir, part: Lir, parts: Lir): Range {
  const { b } = r;
  const [from, to] = [r.variable('i32', b.i32(0)), r.variable('i32', extent)];
  r.if(isCut, () => {
    const units = b.op('i32.div_u', b.add(extent, b.i32(unit - 1)), b.i32(unit));
    const share = (x: Lir, rest: Lir): Lir => b.op('i32.div_u', b.add(b.mul(x, rest), b.add(parts, b.i32(-1))), parts);
    const startOf = (p: Lir): Lir => {
      const rest = b.op('i32.sub', parts, p);
      return r.min(b.mul(b.op('i32.sub', units, share(share(units, rest), rest)), b.i32(unit)), extent);
    };
    r.set([
      [from, startOf(part)],
      [to, startOf(b.add(part, b.i32(1)))],
    ]);
  });
  return { from, to };
}

/** The part of C that a call computes, and how. */
interface Task {
  /** First row and column, number of rows and columns. */
  readonly i: Lir;
  readonly j: Lir;
  readonly rows: Lir;
  readonly columns: Lir;
  /** The part as a product. */
  readonly product: ProductParameters;
  /** Computes the part where it is of a special kind; runs `general` where it is not. */
  run(general: () => void): void;
}

/** The routines for all kinds of products. */
interface Kinds {
  readonly product: FunctionBuilder;
  readonly swapped: FunctionBuilder;
  readonly dots: FunctionBuilder;
}

function defineKinds(module: ModuleBuilder, o: BlockOptions, routines: ProductRoutines): Kinds {
  const product = defineProduct(module, o, routines);
  return { product, swapped: defineSwapped(module, o, product), dots: defineDots(module, o) };
}

/**
 * Chooses between dot products and the general product; fills with zeros when k = 0. The choice depends on the whole product, never on
 * the part, wherever it decides on bits.
 */
function taskOf(r: Routine, { element: e }: BlockOptions, kinds: Kinds, parameters: GemmParameters): Task {
  const { b } = r;
  const [m, n, k, a, ars, acs, bAt, brs, bcs, c, crs, adds, part, parts] = parameters;
  const unit = b.i32(e.bytes);
  const bytes = (x: Lir): Lir => b.mul(x, unit);
  const atLeast = (x: Lir, value: number): Lir => b.op('i32.ge_u', x, b.i32(value));
  const is = (x: Lir, value: number): Lir => b.op('i32.eq', x, b.i32(value));
  const and = (...x: Lir[]): Lir => x.reduce((all, one) => b.op('i32.and', all, one));
  const cutsRows = b.op('i32.gt_s', parts, b.i32(0));
  const count = b.select(cutsRows, parts, b.op('i32.sub', b.i32(0), parts));
  const isShared = b.op('i32.ne', count, b.i32(1));
  const rowRange = rangeOf(r, m, rowUnit, and(isShared, cutsRows), part, count);
  const columnRange = rangeOf(r, n, columnUnit, and(isShared, b.op('i32.eqz', cutsRows)), part, count);
  const [i, j] = [r.read(rowRange.from), r.read(columnRange.from)];
  const [rows, columns] = [b.op('i32.sub', r.read(rowRange.to), i), b.op('i32.sub', r.read(columnRange.to), j)];
  const aFrom = b.add(a, bytes(b.mul(i, ars)));
  const bFrom = b.add(bAt, bytes(b.mul(j, bcs)));
  const cFrom = b.add(b.add(c, bytes(b.mul(i, crs))), bytes(j));
  const strides = { ar: bytes(ars), ac: bytes(acs), br: bytes(brs), bc: bytes(bcs), cr: bytes(crs) };
  const { ar, ac, br, bc, cr } = strides;
  const product: ProductParameters = [rows, columns, k, aFrom, ar, ac, bFrom, br, bc, cFrom, cr, adds];
  const zeros = (): void =>
    r.if(b.op('i32.eqz', adds), () =>
      r.loop(b.i32(0), rows, 1, (p) =>
        r.loop(b.i32(0), columns, 1, (q) =>
          r.store(`${e.scalar}.store`, b.add(b.add(cFrom, b.mul(p, cr)), bytes(q)), e.zero(b)),
        ),
      ),
    );
  const rowDots = (): void => r.call(kinds.dots, columns, k, a, bFrom, bc, cFrom, unit, adds);
  const columnDots = (): void => r.call(kinds.dots, rows, k, bAt, aFrom, ar, cFrom, cr, adds);
  // A column as a row of the transposed product.
  const asRow = (): void =>
    r.callWith(kinds.product, [b.i32(1), rows, k, bAt, unit, br, aFrom, ac, unit, cFrom, unit, adds]);
  const swaps = (): void => r.call(kinds.swapped, ...product);
  const areAdjacent = and(is(acs, 1), is(brs, 1));
  const isRow = and(is(m, 1), areAdjacent);
  const isColumn = and(is(n, 1), areAdjacent);
  const atMost = (x: Lir, value: number): Lir => b.op('i32.le_u', x, b.i32(value));
  const areLines = and(atLeast(k, dotDepth), atMost(r.min(m, n), e.lanes));
  const areFew = and(atLeast(k, fewElementsDepth), atMost(m, fewElements), atMost(n, fewElements));
  const areDots = and(areAdjacent, b.op('i32.or', areLines, areFew));
  /** The shorter side in the inner loop: its factors stay in the first-level cache. */
  const allDots = (): void =>
    r.if(
      b.op('i32.le_u', m, n),
      () =>
        r.loop(b.i32(0), columns, 1, (q) =>
          r.call(kinds.dots, rows, k, b.add(bFrom, b.mul(q, bc)), aFrom, ar, b.add(cFrom, bytes(q)), cr, adds),
        ),
      () =>
        r.loop(b.i32(0), rows, 1, (p) =>
          r.call(kinds.dots, columns, k, b.add(aFrom, b.mul(p, ar)), bFrom, bc, b.add(cFrom, b.mul(p, cr)), unit, adds),
        ),
    );
  const isNarrow = (short: Lir, long: Lir): Lir =>
    and(b.op('i32.le_u', short, b.i32(swapWidth)), atLeast(long, swapLength), atLeast(k, swapDepth));
  const swapsWell = b.op(
    'i32.or',
    and(isNarrow(columns, rows), is(ars, 1), b.op('i32.eqz', is(acs, 1))),
    and(isNarrow(rows, columns), is(brs, 1), b.op('i32.eqz', is(bcs, 1))),
  );
  const isEmpty = b.op('i32.or', b.op('i32.eqz', rows), b.op('i32.eqz', columns));
  const choose = (general: () => void): void =>
    r.if(is(k, 0), zeros, () =>
      r.if(isRow, rowDots, () =>
        r.if(isColumn, columnDots, () =>
          r.if(areDots, allDots, () =>
            r.if(and(is(n, 1), is(ars, 1), is(crs, 1)), asRow, () => r.if(swapsWell, swaps, general)),
          ),
        ),
      ),
    );
  const run = (general: () => void): void =>
    r.if(
      isEmpty,
      () => {},
      () => choose(general),
    );
  return { i, j, rows, columns, product, run };
}

/** The routines of a module, on common ground. */
export function defineGemm(
  module: ModuleBuilder,
  o: BlockOptions,
): { readonly plain: FunctionBuilder; readonly blocks: FunctionBuilder } {
  const routines = defineProductRoutines(module, o);
  const kinds = defineKinds(module, o, routines);
  return { plain: definePlain(module, o, routines, kinds), blocks: defineBlocks(module, o, routines, kinds) };
}

/** gemm(parameters of the signature). */
function definePlain(module: ModuleBuilder, o: BlockOptions, routines: ProductRoutines, kinds: Kinds): FunctionBuilder {
  return defineRoutine(
    module,
    gemmParameterCount,
    (r, ...p) => {
      const { b } = r;
      const { product, run } = taskOf(r, o, kinds, p as readonly Lir[] as GemmParameters);
      const [m, n, k, a, aRow, aStep, bFrom, bStep, bColumn, c, cRow, adds] = product;
      const isAtMost = (x: Lir, limit: number): Lir => b.op('i32.le_u', x, b.i32(limit));
      const sizes = [m, n, k].map((x) => isAtMost(x, smallSize));
      const isSmall = sizes.reduce(
        (all, one) => b.op('i32.and', all, one),
        b.op('i32.eq', bColumn, b.i32(o.element.bytes)),
      );
      const panel = b.i32(o.tile.vectors * 16);
      run(() =>
        r.if(
          isSmall,
          () => r.call(routines.block, m, n, k, a, aRow, aStep, bFrom, bStep, panel, c, cRow, adds),
          () => r.call(kinds.product, ...product),
        ),
      );
    },
    `${o.element.scalar}_gemm`,
  );
}

/** Words of the state: the range of the current block (rows from and to, columns from and to), then these. */
const state = { status: 4, jb: 5, ib: 6, i: 7, j: 8, product: 9 } as const;

/** Rows of a block that is handed out: few, so that it stays in the second-level cache though its rows are long. */
const handedRows = 48;

/**
 * gemm_blocks(parameters of the signature): begins a product and gives the address of the range of its first block that is complete (four
 * words: rows from and to, columns from and to), or 0 if there is none; with no parts, goes on to the next block of the product that was
 * begun last.
 */
function defineBlocks(
  module: ModuleBuilder,
  o: BlockOptions,
  routines: ProductRoutines,
  kinds: Kinds,
): FunctionBuilder {
  const next = defineNext(module, o, routines);
  return defineRoutine(
    module,
    gemmParameterCount,
    (r, ...p) => {
      const { b } = r;
      const at = b.add(r.global(o.workspace), b.i32(stateAt));
      const put = (word: number, value: Lir): void => r.store('i32.store', at, value, 4 * word);
      const begin = (): void => {
        const { i, j, rows, columns, product, run } = taskOf(r, o, kinds, p as readonly Lir[] as GemmParameters);
        const isEmpty = b.op('i32.or', b.op('i32.eqz', rows), b.op('i32.eqz', columns));
        // What is of a special kind is one block; what is next of it is past the end.
        [i, b.add(i, rows), j, b.add(j, columns)].forEach((x, word) => put(word, x));
        put(state.status, b.op('i32.eqz', isEmpty));
        put(state.jb, b.i32(-1));
        run(() => {
          put(state.jb, b.select(isEmpty, b.i32(-1), b.i32(0)));
          put(state.ib, b.i32(0));
          put(state.i, i);
          put(state.j, j);
          product.forEach((x, word) => put(state.product + word, x));
          r.call(next);
        });
      };
      r.if(p.at(-1)!, begin, () => r.call(next));
      return b.select(r.load('i32.load', at, 4 * state.status), at, b.i32(0));
    },
    `${o.element.scalar}_gemm_blocks`,
    true,
  );
}

/** next(): completes the next block of the product in the state. */
function defineNext(module: ModuleBuilder, o: BlockOptions, routines: ProductRoutines): FunctionBuilder {
  return defineRoutine(
    module,
    0,
    (r) => {
      const { b } = r;
      const at = b.add(r.global(o.workspace), b.i32(stateAt));
      const put = (word: number, value: Lir): void => r.store('i32.store', at, value, 4 * word);
      const get = (word: number): Lir => r.read(r.variable('i32', r.load('i32.load', at, 4 * word)));
      const jb = get(state.jb);
      put(state.status, b.i32(0));
      r.if(b.op('i32.ge_s', jb, b.i32(0)), () => {
        const product = Array.from({ length: productParameters }, (_, word) => get(state.product + word));
        const cut = new Blocking(r, o, routines, product as readonly Lir[] as ProductParameters, handedRows);
        const [ib, i, j] = [get(state.ib), get(state.i), get(state.j)];
        r.if(b.op('i32.lt_u', jb, cut.nBlocks), () => {
          const last = b.add(cut.blocks, b.i32(-1));
          r.if(b.op('i32.eqz', ib), () => {
            r.loop(b.i32(0), last, 1, (q) => {
              cut.copyB(jb, q);
              r.loop(b.i32(0), cut.mBlocks, 1, (row) => cut.run(row, jb, q));
            });
            cut.copyB(jb, last);
          });
          cut.run(ib, jb, last);
          const [[ic, mc], [jc, nc]] = [cut.rows(ib), cut.columns(jb)];
          const [top, left] = [b.add(i, ic), b.add(j, jc)];
          [top, b.add(top, mc), left, b.add(left, nc)].forEach((x, word) => put(word, x));
          put(state.status, b.i32(1));
          const isLast = b.op('i32.eq', b.add(ib, b.i32(1)), cut.mBlocks);
          put(state.ib, b.select(isLast, b.i32(0), b.add(ib, b.i32(1))));
          put(state.jb, b.add(jb, isLast));
        });
      });
    },
    `${o.element.scalar}_next`,
  );
}
