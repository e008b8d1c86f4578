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
const mBlock = 144;
/** Columns of B in a block that is copied, which stays in the second- or third-level cache; and in one that is not. */
const nBlock = 1024;
const nBlockInPlace = 256;
/** Padding of a copied row of A, so that rows do not fall on the same lines of the cache. */
const rowPadding = 64;

/** Rows of C up to which B is read in place: a copy of B costs as much as one or two of them. */
const inPlaceRows = 24;
/** Elements of a block of B that is small enough to be read in place for any number of rows. */
const inPlaceElements = 64 * 64;

/** Rows or columns of C up to which the transposed product may be computed, and the length of its pieces. */
export const swapWidth = 8;
const swapLength = 1024;

const aBytes = (e: Element): number => (mBlock + e.lanes) * (kBlock * e.bytes + rowPadding);
const bBytes = (e: Element, tile: Tile): number => (kBlock + e.lanes) * (nBlock + tile.vectors * e.lanes) * e.bytes;

/** The workspace: scratch of the tiles, a piece of a transposed product, a block of A, a block of B. */
const swapAt: number = tileScratch;
const aAt = (e: Element): number => swapAt + swapLength * swapWidth * e.bytes;
const bAt = (e: Element): number => aAt(e) + aBytes(e);
export const workspaceBytes = (e: Element, tile: Tile): number => bAt(e) + bBytes(e, tile);

/** m, n, k, a, aRow, aStep, b, bStep, bColumn, c, cRow, adds; strides in bytes. */
type ProductParameters = readonly [Lir, Lir, Lir, Lir, Lir, Lir, Lir, Lir, Lir, Lir, Lir, Lir];

/** product(m, n, k, a, aRow, aStep, b, bStep, bColumn, c, cRow, adds), k > 0; strides in bytes. */
export function defineProduct(module: ModuleBuilder, o: BlockOptions): FunctionBuilder {
  const block = defineBlock(module, o);
  const packA = definePackA(module, o.element);
  const packB = definePackB(module, o);
  const { element: e, tile } = o;
  const width = tile.vectors * e.lanes;
  return defineRoutine(
    module,
    12,
    (r, ...p) => {
      const { b } = r;
      const [m, n, k, a, aRow, aStep, bFrom, bStep, bColumn, c, cRow, adds] = p as readonly Lir[] as ProductParameters;
      const [zero, unit] = [b.i32(0), b.i32(e.bytes)];
      const bytes = (x: Lir): Lir => b.mul(x, unit);
      const min = (x: number, y: Lir): Lir => r.min(b.i32(x), y);
      const minus = (x: Lir, y: Lir): Lir => b.op('i32.sub', x, y);
      const or = (x: Lir, y: Lir): Lir => b.op('i32.or', x, y);
      const and = (x: Lir, y: Lir): Lir => b.op('i32.and', x, y);
      const workspace = r.global(o.workspace);
      const [areaA, areaB] = [b.add(workspace, b.i32(aAt(e))), b.add(workspace, b.i32(bAt(e)))];
      const isB = inPlaceB();
      const isA = inPlaceA();
      // Blocks of k of nearly equal length.
      const blocks = b.op('i32.div_u', b.add(k, b.i32(kBlock - 1)), b.i32(kBlock));
      const eachOf = r.variable('i32', k);
      r.if(b.op('i32.gt_u', blocks, b.i32(1)), () =>
        r.set([[eachOf, b.op('i32.div_u', b.add(k, minus(blocks, b.i32(1))), blocks)]]),
      );
      const each = r.read(eachOf);
      const nStep = b.select(isB, b.i32(nBlockInPlace), b.i32(nBlock));
      const nShift = b.select(isB, b.i32(Math.log2(nBlockInPlace)), b.i32(Math.log2(nBlock)));
      r.loop(zero, b.op('i32.shr_u', b.add(n, minus(nStep, b.i32(1))), nShift), 1, (jb) => {
        const jc = b.mul(jb, nStep);
        const nc = r.min(nStep, minus(n, jc));
        r.loop(zero, blocks, 1, (q) => {
          const pc = b.mul(q, each);
          const kc = r.min(each, minus(k, pc));
          const [atB, stepB, panelB] = placeB(jc, nc, pc, kc);
          r.loop(zero, m, mBlock, (ic) => {
            const mc = min(mBlock, minus(m, ic));
            const [atA, rowA, stepA] = placeA(ic, mc, pc, kc);
            const to = b.add(b.add(c, b.mul(ic, cRow)), bytes(jc));
            r.call(
              block,
              ...[mc, nc, kc, atA, rowA, stepA, atB, stepB, panelB, to, cRow, or(adds, b.op('i32.ne', q, zero))],
            );
          });
        });
      });

      /** Columns adjacent, and few enough rows or a small matrix. One column has no neighbours to be adjacent to. */
      function inPlaceB(): Lir {
        const isAdjacent = or(b.op('i32.eq', bColumn, unit), b.op('i32.eq', n, b.i32(1)));
        const isSmall = and(
          b.op('i32.le_u', n, b.i32(inPlaceElements)),
          b.op('i32.le_u', b.mul(min(kBlock, k), n), b.i32(inPlaceElements)),
        );
        return and(isAdjacent, or(isSmall, b.op('i32.le_u', m, b.i32(inPlaceRows))));
      }

      /** Steps of k adjacent, or a small matrix: the smaller, the more columns a copy would serve. */
      function inPlaceA(): Lir {
        const elements = b.mul(min(kBlock, k), min(inPlaceElements, m));
        const limit = b.select(b.op('i32.le_u', n, b.i32(2 * width)), b.i32(16 * inPlaceElements), b.i32(inPlaceElements));
        return or(b.op('i32.eq', aStep, unit), b.op('i32.le_u', elements, limit));
      }

      function placeB(jc: Lir, nc: Lir, pc: Lir, kc: Lir): readonly [Lir, Lir, Lir] {
        const from = b.add(b.add(bFrom, b.mul(pc, bStep)), b.mul(jc, bColumn));
        const places = variables(r, from, bStep, b.i32(width * e.bytes));
        r.if(b.op('i32.eqz', isB), () => {
          r.call(packB, from, bStep, bColumn, kc, nc, areaB);
          assign(r, places, areaB, b.i32(width * e.bytes), b.mul(kc, b.i32(width * e.bytes)));
        });
        return read(r, places);
      }

      function placeA(ic: Lir, mc: Lir, pc: Lir, kc: Lir): readonly [Lir, Lir, Lir] {
        const from = b.add(b.add(a, b.mul(ic, aRow)), b.mul(pc, aStep));
        const places = variables(r, from, aRow, aStep);
        r.if(b.op('i32.eqz', isA), () => {
          const stride = b.add(bytes(kc), b.i32(rowPadding));
          r.call(packA, from, aRow, aStep, mc, kc, areaA, stride);
          assign(r, places, areaA, stride, unit);
        });
        return read(r, places);
      }
    },
    `${e.scalar}_product`,
  );
}

type Three<T> = readonly [T, T, T];

const variables = (r: Routine, x: Lir, y: Lir, z: Lir): Three<Variable> => [
  r.variable('i32', x),
  r.variable('i32', y),
  r.variable('i32', z),
];

const assign = (r: Routine, v: Three<Variable>, x: Lir, y: Lir, z: Lir): void =>
  r.set([
    [v[0], x],
    [v[1], y],
    [v[2], z],
  ]);

const read = (r: Routine, v: Three<Variable>): Three<Lir> => [r.read(v[0]), r.read(v[1]), r.read(v[2])];

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
            r.call(product, ...[n, count, k, bFrom, bColumn, bStep, from, aStep, aRow, piece, row, adds]),
          );
        });
      const wide = (): void =>
        r.loop(b.i32(0), n, swapLength, (j) => {
          const count = r.min(b.i32(swapLength), b.op('i32.sub', n, j));
          const row = b.i32(swapWidth * e.bytes);
          const from = b.add(bFrom, b.mul(j, bColumn));
          transposed(b.add(c, b.mul(j, unit)), m, count, row, () =>
            r.call(product, ...[count, m, k, from, bColumn, bStep, a, aStep, aRow, piece, row, adds]),
          );
        });
      r.if(b.op('i32.ge_u', m, n), tall, wide);
    },
    `${e.scalar}_swapped`,
  );
}
