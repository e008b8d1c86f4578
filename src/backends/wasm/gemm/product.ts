/**
 * Blocked matrix product after Goto and van de Geijn (2008): panels of A and B are packed, and a register tile of C is computed by a
 * loop over k that reads both in order.
 * May import: `encode`, `kernel/lir`.
 * @module
 */
import type { FunctionBuilder } from '../encode/function.ts';
import type { ModuleBuilder } from '../encode/module.ts';
import type { OpName } from '../encode/opcodes.ts';
import type { Lir } from '../kernel/lir.ts';
import { type Element, multiplyAdd, zeroVector } from './element.ts';
import { definePack } from './pack.ts';
import { defineRoutine, type Routine, type Variable } from './routine.ts';
import type { GemmParameters } from './signature.ts';

/** Steps of k in a panel: a tile's panels of A and B stay in the first-level cache. */
const kBlock = 256;
/** Rows of A that are packed at once: they stay in the second-level cache. */
const mBlock = 144;
/** Columns of B that are packed at once. */
const nBlock = 512;

export interface Tile {
  readonly rows: number;
  /** A multiple of the lanes of a vector. */
  readonly columns: number;
}

export interface ProductOptions {
  readonly element: Element;
  readonly tile: Tile;
  readonly isRelaxed: boolean;
  /** Steps of k in one iteration of the inner loop. */
  readonly unroll: number;
  /** Address of `workspaceBytes(element, tile)` bytes. */
  readonly workspace: number;
}

/** Room for the packed panels and one tile. */
export function workspaceBytes(e: Element, tile: Tile): number {
  return (kBlock * (mBlock + tile.rows + nBlock + tile.columns) + tile.rows * tile.columns) * e.bytes + 256;
}

/** tile(k, a, b, c, rowBytes, adds): C's tile (+)= panel a · panel b. */
function defineTile(module: ModuleBuilder, o: ProductOptions): FunctionBuilder {
  const { element: e, tile, isRelaxed, unroll } = o;
  const vectors = tile.columns / e.lanes;
  return defineRoutine(module, 6, (r, k, a, b, c, rowBytes, adds) => {
    const lb = r.b;
    const sums: Variable[] = [];
    for (let i = 0; i < tile.rows * vectors; i++) sums.push(r.variable('v128', zeroVector(lb, e)));
    const steps = (from: Lir, to: Lir, count: number): void =>
      r.loop(from, to, count, (i) => {
        const [pa, pb] = [
          lb.add(a!, lb.mul(i, lb.i32(tile.rows * e.bytes))),
          lb.add(b!, lb.mul(i, lb.i32(tile.columns * e.bytes))),
        ];
        for (let u = 0; u < count; u++) {
          const columns = Array.from({ length: vectors }, (_, v) =>
            r.load('v128.load', pb, u * tile.columns * e.bytes + 16 * v),
          );
          for (let row = 0; row < tile.rows; row++) {
            const x = r.load(e.loadSplat, pa, (u * tile.rows + row) * e.bytes);
            r.set(
              columns.map((y, v) => {
                const sum = sums[row * vectors + v]!;
                return [sum, multiplyAdd(lb, e, isRelaxed, x, y, r.read(sum))] as const;
              }),
            );
          }
        }
      });
    const whole = unroll > 1 ? lb.and(k!, -unroll) : lb.i32(0);
    if (unroll > 1) steps(lb.i32(0), whole, unroll);
    steps(whole, k!, 1);
    const rowAt = (row: number): Lir => lb.add(c!, lb.mul(rowBytes!, lb.i32(row)));
    const write = (value: (row: number, v: number) => Lir): void => {
      for (let row = 0; row < tile.rows; row++) {
        r.storeAll(
          Array.from({ length: vectors }, (_, v) => ({
            op: 'v128.store' as const,
            address: rowAt(row),
            offset: 16 * v,
            value: value(row, v),
          })),
        );
      }
    };
    const sum = (row: number, v: number): Lir => r.read(sums[row * vectors + v]!);
    r.if(
      adds!,
      () => write((row, v) => lb.op(`${e.vector}.add`, r.load('v128.load', rowAt(row), 16 * v), sum(row, v))),
      () => write(sum),
    );
  });
}

/** edge(tile, c, rowBytes, rows, columns, adds): the part of a whole tile in memory that lies inside C. */
function defineEdge(module: ModuleBuilder, { element: e, tile }: ProductOptions): FunctionBuilder {
  return defineRoutine(module, 6, (r, from, c, rowBytes, rows, columns, adds) => {
    const { b } = r;
    const loadOp: OpName = `${e.scalar}.load`;
    r.loop(b.i32(0), rows!, 1, (i) =>
      r.loop(b.i32(0), columns!, 1, (j) => {
        const value = r.load(loadOp, b.add(from!, b.mul(b.add(b.mul(i, b.i32(tile.columns)), j), b.i32(e.bytes))));
        const at = b.add(b.add(c!, b.mul(i, rowBytes!)), b.mul(j, b.i32(e.bytes)));
        r.if(
          adds!,
          () => r.store(`${e.scalar}.store`, at, b.op(`${e.scalar}.add`, r.load(loadOp, at), value)),
          () => r.store(`${e.scalar}.store`, at, value),
        );
      }),
    );
  });
}

/** The general product; parameters as in `gemmSignature`. k > 0. */
export function defineProduct(module: ModuleBuilder, o: ProductOptions): FunctionBuilder {
  const { element: e, tile } = o;
  const [packA, packB] = [definePack(module, e, tile.rows), definePack(module, e, tile.columns)];
  const [runTile, writeEdge] = [defineTile(module, o), defineEdge(module, o)];
  const panelA = (o.workspace + 63) & -64;
  const panelB = panelA + kBlock * (mBlock + tile.rows) * e.bytes;
  const tileAt = panelB + kBlock * (nBlock + tile.columns) * e.bytes;
  return defineRoutine(module, 12, (r, ...p) => {
    const { b } = r;
    const [m, n, k, a, ars, acs, bAt, brs, bcs, c, crs, accumulate] = p as readonly Lir[] as GemmParameters;
    const bytes = (x: Lir): Lir => b.mul(x, b.i32(e.bytes));
    const zero = b.i32(0);
    const at = (base: Lir, i: Lir, rs: Lir, j: Lir, cs: Lir): Lir =>
      b.add(b.add(base, bytes(b.mul(i, rs))), bytes(b.mul(j, cs)));
    const packPanels = (
      pack: FunctionBuilder,
      width: number,
      count: Lir,
      source: (i: Lir) => Lir,
      lane: Lir,
      kStride: Lir,
      kc: Lir,
      target: number,
    ): void =>
      r.loop(zero, count, width, (i) =>
        r.call(
          pack,
          source(i),
          bytes(lane),
          bytes(kStride),
          r.min(b.i32(width), b.op('i32.sub', count, i)),
          kc,
          b.add(b.i32(target), bytes(b.mul(i, kc))),
        ),
      );
    r.loop(zero, n, nBlock, (jc) =>
      r.loop(zero, k, kBlock, (pc) => {
        const [nc, kc] = [r.min(b.i32(nBlock), b.op('i32.sub', n, jc)), r.min(b.i32(kBlock), b.op('i32.sub', k, pc))];
        packPanels(packB, tile.columns, nc, (j) => at(bAt, pc, brs, b.add(jc, j), bcs), bcs, brs, kc, panelB);
        const adds = b.op('i32.or', accumulate, b.op('i32.ne', pc, zero));
        r.loop(zero, m, mBlock, (ic) => {
          const mc = r.min(b.i32(mBlock), b.op('i32.sub', m, ic));
          packPanels(packA, tile.rows, mc, (i) => at(a, b.add(ic, i), ars, pc, acs), ars, acs, kc, panelA);
          tiles(r, nc, mc, (ir, jr, isWhole, rows, columns) => {
            const [pa, pb] = [b.add(b.i32(panelA), bytes(b.mul(ir, kc))), b.add(b.i32(panelB), bytes(b.mul(jr, kc)))];
            const to = b.add(b.add(c, bytes(b.mul(b.add(ic, ir), crs))), bytes(b.add(jc, jr)));
            r.if(
              isWhole,
              () => r.call(runTile, kc, pa, pb, to, bytes(crs), adds),
              () => {
                r.call(runTile, kc, pa, pb, b.i32(tileAt), b.i32(tile.columns * e.bytes), zero);
                r.call(writeEdge, b.i32(tileAt), to, bytes(crs), rows, columns, adds);
              },
            );
          });
        });
      }),
    );
  });

  function tiles(
    r: Routine,
    nc: Lir,
    mc: Lir,
    each: (ir: Lir, jr: Lir, isWhole: Lir, rows: Lir, columns: Lir) => void,
  ): void {
    const { b } = r;
    r.loop(b.i32(0), nc, tile.columns, (jr) =>
      r.loop(b.i32(0), mc, tile.rows, (ir) => {
        const [rows, columns] = [
          r.min(b.i32(tile.rows), b.op('i32.sub', mc, ir)),
          r.min(b.i32(tile.columns), b.op('i32.sub', nc, jr)),
        ];
        const isWhole = b.op(
          'i32.and',
          b.op('i32.eq', rows, b.i32(tile.rows)),
          b.op('i32.eq', columns, b.i32(tile.columns)),
        );
        each(ir, jr, isWhole, rows, columns);
      }),
    );
  }
}
