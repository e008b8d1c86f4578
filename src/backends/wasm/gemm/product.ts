/**
 * The general matrix product, blocked after Goto and van de Geijn (Anatomy of High-Performance Matrix Multiplication, 2008): k and the
 * columns of B, then the rows of A are cut into blocks that stay in caches. Operands are read in place where that is as fast, and
 * copied block by block otherwise.
 *
 * Every element is the sum, over blocks of k, of a chain of multiply-adds over the block. That order depends on k alone.
 * May import: `encode`, `kernel/lir`.
 * @module
 */
import type { FunctionBuilder } from '../encode/function.ts';
import type { ModuleBuilder } from '../encode/module.ts';
import type { Lir } from '../kernel/lir.ts';
import { type BlockOptions, defineBlock } from './block.ts';
import type { Element } from './element.ts';
import { defineCopyElements, defineCopyPanels, defineTranspose } from './pack.ts';
import { defineRoutine, type Routine, type Variable } from './routine.ts';
import { type Tile, tileScratch } from './tile.ts';

/** Steps of k in a block: a tile's part of A and of B stay in the first-level cache. Part of what results are: see above. */
export const kBlock = 256;
/** Rows of A in a block: it stays in the second-level cache. Tiles of 4 and of 6 rows divide it. */
export const mBlock = 144;
/** Columns of B in a block that is copied, which stays in the second- or third-level cache; and in one that is not. */
const nBlock = 1024;
const nBlockInPlace = 256;
/** Padding of a copied row of A, so that rows do not fall on the same lines of the cache. */
const rowPadding = 64;

/**
 * Rows of C up to which B is read in place: a copy of B costs as much as the product of a few of them. The more where a block of B is
 * small; the fewer where its rows compete for the same lines of the first-level cache, being a multiple of so many bytes apart.
 */
const inPlaceRows = { large: 96, small: 192, apart2048: 40, apart4096: 8 } as const;
/** Elements of a small block of B, and of one that is small however far its rows are apart. */
const smallB = 1 << 15;
const tinyB = 1 << 12;
/** Distance of rows that compete for the same lines of the first-level cache. */
const aliasedBytes = 4096;
/** Elements of a block of A that is small enough to be read in place though its steps of k are not adjacent. */
const smallA = 1 << 12;

/**
 * Rows of A a multiple of `aliasedBytes` apart: of so many, the block does not stay in the second-level cache (of 8 or 16 ways), and with so
 * many columns it is read often enough to be copied.
 */
const manyRows = 64;
const manyColumns = 128;

/** Rows or columns of C up to which the transposed product may be computed, and the length of its pieces. */
export const swapWidth = 8;
const swapLength = 1024;

const aBytes = (e: Element): number => (mBlock + e.lanes) * (kBlock * e.bytes + rowPadding);
const bBytes = (e: Element, tile: Tile): number => (kBlock + e.lanes) * (nBlock + tile.vectors * e.lanes) * e.bytes;

/** The workspace: scratch of the tiles, the state of a product, a piece of a transposed product, a block of A, a block of B. */
export const stateAt: number = tileScratch;
const stateBytes = 128;
const swapAt: number = stateAt + stateBytes;
const aAt = (e: Element): number => swapAt + swapLength * swapWidth * e.bytes;
const bAt = (e: Element): number => aAt(e) + aBytes(e);
export const workspaceBytes = (e: Element, tile: Tile): number => bAt(e) + bBytes(e, tile);

/** m, n, k, a, aRow, aStep, b, bStep, bColumn, c, cRow, adds; strides in bytes. */
export type ProductParameters = readonly [Lir, Lir, Lir, Lir, Lir, Lir, Lir, Lir, Lir, Lir, Lir, Lir];
export const productParameters = 12;

/** The routines that a product calls. */
export interface ProductRoutines {
  readonly block: FunctionBuilder;
  readonly packA: FunctionBuilder;
  readonly packB: FunctionBuilder;
}

export const defineProductRoutines = (module: ModuleBuilder, o: BlockOptions): ProductRoutines => ({
  block: defineBlock(module, o),
  packA: definePackA(module, o.element),
  packB: definePackB(module, o),
});

/** Where a block of an operand lies: its address and two strides. */
type Place = Three<Lir>;

/** How a product is cut, and its pieces; `mBlock` is the number of rows of A in a block. */
export class Blocking {
  readonly blocks: Lir;
  readonly isB: Lir;
  readonly nStep: Lir;
  readonly nBlocks: Lir;
  private readonly r: Routine;
  private readonly e: Element;
  private readonly width: number;
  private readonly routines: ProductRoutines;
  private readonly p: ProductParameters;
  private readonly mBlock: number;
  private readonly isA: Lir;
  private readonly each: Lir;
  private readonly areaA: Lir;
  private readonly areaB: Lir;

  constructor(r: Routine, o: BlockOptions, routines: ProductRoutines, p: ProductParameters, mBlock: number) {
    const { b } = r;
    this.r = r;
    this.e = o.element;
    this.width = o.tile.vectors * this.e.lanes;
    this.routines = routines;
    this.p = p;
    this.mBlock = mBlock;
    const workspace = r.global(o.workspace);
    this.areaA = b.add(workspace, b.i32(aAt(this.e)));
    this.areaB = b.add(workspace, b.i32(bAt(this.e)));
    this.isA = this.inPlaceA();
    this.isB = this.inPlaceB();
    // Blocks of k of nearly equal length.
    const [, n, k] = p;
    this.blocks = b.op('i32.div_u', b.add(k, b.i32(kBlock - 1)), b.i32(kBlock));
    const each = r.variable('i32', k);
    r.if(b.op('i32.gt_u', this.blocks, b.i32(1)), () =>
      r.set([[each, b.op('i32.div_u', b.add(k, b.add(this.blocks, b.i32(-1))), this.blocks)]]),
    );
    this.each = r.read(each);
    this.nStep = b.select(this.isB, b.i32(nBlockInPlace), b.i32(nBlock));
    const shift = b.select(this.isB, b.i32(Math.log2(nBlockInPlace)), b.i32(Math.log2(nBlock)));
    this.nBlocks = b.op('i32.shr_u', b.add(n, b.add(this.nStep, b.i32(-1))), shift);
  }

  private minus(x: Lir, y: Lir): Lir {
    return this.r.b.op('i32.sub', x, y);
  }

  /** Columns adjacent, and few enough rows. One column has no neighbours to be adjacent to. */
  private inPlaceB(): Lir {
    const { b } = this.r;
    const [m, n, k, , , , , bStep, bColumn] = this.p;
    const isAdjacent = b.op('i32.or', b.op('i32.eq', bColumn, b.i32(this.e.bytes)), b.op('i32.eq', n, b.i32(1)));
    const size = b.mul(this.r.min(b.i32(kBlock), k), this.r.min(b.i32(smallB + 1), n));
    const isAtMost = (elements: number): Lir => b.op('i32.le_u', size, b.i32(elements));
    const isApart = (bytes: number): Lir => b.op('i32.eqz', b.and(bStep, bytes - 1));
    const cases = [
      [isAtMost(tinyB), inPlaceRows.small],
      [isApart(4096), inPlaceRows.apart4096],
      [isApart(2048), inPlaceRows.apart2048],
      [isAtMost(smallB), inPlaceRows.small],
    ] as const;
    const rows = cases.reduceRight(
      (otherwise, [is, limit]) => b.select(is, b.i32(limit), otherwise),
      b.i32(inPlaceRows.large),
    );
    return b.op('i32.and', isAdjacent, b.op('i32.le_u', m, rows));
  }

  /** Steps of k adjacent and rows spread over the cache, or a small matrix: the smaller, the more columns a copy would serve. */
  private inPlaceA(): Lir {
    const { b } = this.r;
    const [m, n, k, , aRow, aStep] = this.p;
    const size = b.mul(this.r.min(b.i32(kBlock), k), this.r.min(b.i32(16 * smallA), m));
    const isNarrow = b.op('i32.le_u', n, b.i32(2 * this.width));
    const limit = b.select(isNarrow, b.i32(16 * smallA), b.i32(smallA));
    const isAliased = b.op('i32.eqz', b.and(aRow, aliasedBytes - 1));
    const areMany = b.op('i32.and', b.op('i32.gt_u', m, b.i32(manyRows)), b.op('i32.gt_u', n, b.i32(manyColumns)));
    const isSpread = b.op('i32.eqz', b.op('i32.and', isAliased, areMany));
    const isAdjacent = b.op('i32.eq', aStep, b.i32(this.e.bytes));
    return b.op('i32.or', b.op('i32.and', isAdjacent, isSpread), b.op('i32.le_u', size, limit));
  }

  /** First column and number of columns of block `jb`. */
  columns(jb: Lir): readonly [Lir, Lir] {
    const jc = this.r.b.mul(jb, this.nStep);
    return [jc, this.r.min(this.nStep, this.minus(this.p[1], jc))];
  }

  /** First row and number of rows of block `ib`. */
  rows(ib: Lir): readonly [Lir, Lir] {
    const ic = this.r.b.mul(ib, this.r.b.i32(this.mBlock));
    return [ic, this.r.min(this.r.b.i32(this.mBlock), this.minus(this.p[0], ic))];
  }

  get mBlocks(): Lir {
    const { b } = this.r;
    return b.op('i32.div_u', b.add(this.p[0], b.i32(this.mBlock - 1)), b.i32(this.mBlock));
  }

  private steps(q: Lir): readonly [Lir, Lir] {
    const pc = this.r.b.mul(q, this.each);
    return [pc, this.r.min(this.each, this.minus(this.p[2], pc))];
  }

  /** Copies B's block of columns `jb` and steps `q`, unless it is read in place. */
  copyB(jb: Lir, q: Lir): void {
    const { b } = this.r;
    const [, , , , , , , bStep, bColumn] = this.p;
    const [[, nc], [, kc]] = [this.columns(jb), this.steps(q)];
    const from = this.fromB(jb, q);
    this.r.if(b.op('i32.eqz', this.isB), () =>
      this.r.call(this.routines.packB, from, bStep, bColumn, kc, nc, this.areaB),
    );
  }

  private fromB(jb: Lir, q: Lir): Lir {
    const { b } = this.r;
    const [, , , , , , bFrom, bStep, bColumn] = this.p;
    return b.add(b.add(bFrom, b.mul(this.steps(q)[0], bStep)), b.mul(this.columns(jb)[0], bColumn));
  }

  private placeB(jb: Lir, q: Lir): Place {
    const { b } = this.r;
    const row = b.i32(this.width * this.e.bytes);
    return [
      b.select(this.isB, this.fromB(jb, q), this.areaB),
      b.select(this.isB, this.p[7], row),
      b.select(this.isB, row, b.mul(this.steps(q)[1], row)),
    ];
  }

  private placeA(ib: Lir, q: Lir): Place {
    const { r } = this;
    const { b } = r;
    const [, , , a, aRow, aStep] = this.p;
    const [[ic, mc], [pc, kc]] = [this.rows(ib), this.steps(q)];
    const from = b.add(b.add(a, b.mul(ic, aRow)), b.mul(pc, aStep));
    const place: Three<Variable> = [r.variable('i32', from), r.variable('i32', aRow), r.variable('i32', aStep)];
    r.if(b.op('i32.eqz', this.isA), () => {
      const row = b.add(b.mul(kc, b.i32(this.e.bytes)), b.i32(rowPadding));
      r.call(this.routines.packA, from, aRow, aStep, mc, kc, this.areaA, row);
      const copied: Place = [this.areaA, row, b.i32(this.e.bytes)];
      r.set(place.map((v, i) => [v, copied[i]!] as const));
    });
    return [r.read(place[0]), r.read(place[1]), r.read(place[2])];
  }

  /** Adds to block (ib, jb) of C its products of the steps `q`, for which B is in place or copied. */
  run(ib: Lir, jb: Lir, q: Lir): void {
    const { b } = this.r;
    const [, , , , , , , , , c, cRow, adds] = this.p;
    const [[ic, mc], [jc, nc], [, kc]] = [this.rows(ib), this.columns(jb), this.steps(q)];
    const to = b.add(b.add(c, b.mul(ic, cRow)), b.mul(jc, b.i32(this.e.bytes)));
    const isMore = b.op('i32.or', adds, b.op('i32.ne', q, b.i32(0)));
    const [atA, atB] = [this.placeA(ib, q), this.placeB(jb, q)];
    this.r.callWith(this.routines.block, [mc, nc, kc, ...atA, ...atB, to, cRow, isMore]);
  }
}

/** product(m, n, k, a, aRow, aStep, b, bStep, bColumn, c, cRow, adds), k > 0; strides in bytes. */
export function defineProduct(module: ModuleBuilder, o: BlockOptions, routines: ProductRoutines): FunctionBuilder {
  return defineRoutine(
    module,
    productParameters,
    (r, ...p) => {
      const cut = new Blocking(r, o, routines, p as readonly Lir[] as ProductParameters, mBlock);
      const zero = r.b.i32(0);
      r.loop(zero, cut.nBlocks, 1, (jb) =>
        r.loop(zero, cut.blocks, 1, (q) => {
          cut.copyB(jb, q);
          r.loop(zero, cut.mBlocks, 1, (ib) => cut.run(ib, jb, q));
        }),
      );
    },
    `${o.element.scalar}_product`,
  );
}

type Three<T> = readonly [T, T, T];

/** packA(from, aRow, aStep, rows, k, to, stride): a block of A with adjacent steps of k. */
function definePackA(module: ModuleBuilder, e: Element): FunctionBuilder {
  const transpose = defineTranspose(module, e);
  const copy = defineCopyElements(module, e);
  return defineRoutine(
    module,
    7,
    (r, from, aRow, aStep, rows, k, to, stride) =>
      r.if(
        r.b.op('i32.eq', aRow!, r.b.i32(e.bytes)),
        () => r.call(transpose, from!, aStep!, k!, rows!, to!, stride!),
        () => r.call(copy, from!, aRow!, aStep!, rows!, k!, to!, stride!),
      ),
    `${e.scalar}_pack_a`,
  );
}

/** Vectors of a row that are copied to panels at once: two lines of the cache. */
const copiedVectors = 8;

/** packB(from, bStep, bColumn, k, columns, to): panels of the tile's columns, one step of k after the other. */
function definePackB(module: ModuleBuilder, { element: e, tile }: BlockOptions): FunctionBuilder {
  const width = tile.vectors * e.lanes;
  const group = copiedVectors / tile.vectors;
  const transpose = defineTranspose(module, e);
  const [copyGroup, copyPanel] = [group, 1].map((panels) => defineCopyPanels(module, e, tile.vectors, panels));
  const copy = defineCopyElements(module, e);
  return defineRoutine(
    module,
    6,
    (r, from, bStep, bColumn, k, columns, to) => {
      const { b } = r;
      const unit = b.i32(e.bytes);
      const row = b.i32(width * e.bytes);
      const panel = b.mul(k!, row);
      const targetOf = (j: Lir): Lir => b.add(to!, b.mul(b.mul(j, k!), unit));
      const adjacent = (): void => {
        const whole = b.and(columns!, -group * width);
        const at = (j: Lir): Lir => b.add(from!, b.mul(j, unit));
        r.loop(b.i32(0), whole, group * width, (j) => r.call(copyGroup!, at(j), bStep!, k!, targetOf(j), panel));
        r.loop(whole, columns!, width, (j) => r.call(copyPanel!, at(j), bStep!, k!, targetOf(j), panel));
      };
      r.if(b.op('i32.eq', bColumn!, unit), adjacent, () =>
        r.loop(b.i32(0), columns!, width, (j) => {
          const source = b.add(from!, b.mul(j, bColumn!));
          const left = r.min(b.i32(width), b.op('i32.sub', columns!, j));
          r.if(
            b.op('i32.eq', bStep!, unit),
            () => r.call(transpose, source, bColumn!, left, k!, targetOf(j), row),
            () => r.call(copy, source, bStep!, bColumn!, k!, left, targetOf(j), row),
          );
        }),
      );
    },
    `${e.scalar}_pack_b`,
  );
}

/**
 * swapped(parameters of a product): the product with m or n up to `swapWidth`, computed as the transposed product of the transposed
 * factors, a piece at a time. The piece begins as C's part where that is added to, so that sums have their usual order.
 */
export function defineSwapped(module: ModuleBuilder, o: BlockOptions, product: FunctionBuilder): FunctionBuilder {
  const { element: e } = o;
  const copy = defineCopyElements(module, e);
  return defineRoutine(
    module,
    12,
    (r, ...p) => {
      const { b } = r;
      const [m, n, k, a, aRow, aStep, bFrom, bStep, bColumn, c, cRow, adds] = p as readonly Lir[] as ProductParameters;
      const piece = b.add(r.global(o.workspace), b.i32(swapAt));
      const unit = b.i32(e.bytes);
      /** Part of C at `to`, rows × columns, and its transpose in the piece. */
      const transposed = (to: Lir, rows: Lir, columns: Lir, row: Lir, compute: () => void): void => {
        r.if(adds, () => r.call(copy, to, unit, cRow, columns, rows, piece, row));
        compute();
        r.call(copy, piece, unit, row, rows, columns, to, cRow);
      };
      const tall = (): void =>
        r.loop(b.i32(0), m, swapLength, (i) => {
          const count = r.min(b.i32(swapLength), b.op('i32.sub', m, i));
          const row = b.i32(swapLength * e.bytes);
          const from = b.add(a, b.mul(i, aRow));
          transposed(b.add(c, b.mul(i, cRow)), count, n, row, () =>
            r.callWith(product, [n, count, k, bFrom, bColumn, bStep, from, aStep, aRow, piece, row, adds]),
          );
        });
      const wide = (): void =>
        r.loop(b.i32(0), n, swapLength, (j) => {
          const count = r.min(b.i32(swapLength), b.op('i32.sub', n, j));
          const row = b.i32(swapWidth * e.bytes);
          const from = b.add(bFrom, b.mul(j, bColumn));
          transposed(b.add(c, b.mul(j, unit)), m, count, row, () =>
            r.callWith(product, [count, m, k, from, bColumn, bStep, a, aStep, aRow, piece, row, adds]),
          );
        });
      r.if(b.op('i32.ge_u', m, n), tall, wide);
    },
    `${e.scalar}_swapped`,
  );
}
