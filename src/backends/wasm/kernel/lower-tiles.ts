/**
 * Perfect nests that read an operand across (see `tiles.ts`), in blocks of columns: in tiles, or element by element.
 * May import: `ir`, `kernel`.
 * @module
 */
import type { Lir, LirStmt } from './lir.ts';
import type { LoopMaker } from './loop-maker.ts';
import type { ValueLowering } from './lower-value.ts';
import type { Loop } from './nest.ts';
import { extentSite } from './params.ts';
import { type PerfectNest, tileColumns, tileSize } from './tiles.ts';

/** `body` in all iterations of `loops`, the first of which is the outermost one. */
const inside = (maker: LoopMaker, loops: readonly Loop[], body: () => LirStmt[]): LirStmt[] =>
  loops.reduceRight((inner, loop) => () => [maker.scalarLoop(loop, inner)], body)();

/** Blocks of columns: the lines of memory that they are read from are still in the cache when the next row is due. */
function inBlocks(
  { b }: ValueLowering,
  loops: LoopMaker,
  { between }: PerfectNest,
  columns: Lir,
  body: (left: Lir, right: Lir) => LirStmt[],
): LirStmt[] {
  return inside(loops, between, () =>
    loops.plainLoop(b.i32(0), columns, tileColumns, (left) => {
      const end = b.add(left, b.i32(tileColumns));
      return body(left, b.select(b.op('i32.lt_s', end, columns), end, columns));
    }),
  );
}

/** Rows `from`…`to` of the nest, one element at a time. */
export function blockLoops(v: ValueLowering, loops: LoopMaker, nest: PerfectNest, from: Lir, to: Lir): LirStmt[] {
  const { outer, inner, items } = nest;
  return inBlocks(v, loops, nest, loops.int(extentSite(inner), inner.axis.extent), (left, right) =>
    loops.rangeLoop(outer, from, to, 1, () => loops.rangeLoop(inner, left, right, 1, () => loops.stores(items))),
  );
}

/** Rows `from`…`to` of the nest in tiles, then the columns and the rows that fill none, one element at a time. */
export function tileLoops(v: ValueLowering, loops: LoopMaker, nest: PerfectNest, from: Lir, to: Lir): LirStmt[] {
  const { outer, between, inner, items } = nest;
  const { b } = v;
  const width = loops.int(extentSite(inner), inner.axis.extent);
  const [rows, columns] = [b.and(to, -tileSize), b.and(width, -tileSize)];
  const single = (first: Lir, last: Lir, left: Lir, right: Lir): LirStmt[] =>
    inside(loops, between, () =>
      loops.rangeLoop(outer, first, last, 1, () => loops.rangeLoop(inner, left, right, 1, () => loops.stores(items))),
    );
  const main = inBlocks(v, loops, nest, columns, (left, right) =>
    loops.rangeLoop(outer, from, rows, tileSize, () => {
      v.setMode({ loop: inner, parts: tileSize, rows: outer });
      const stmts = loops.rangeLoop(inner, left, right, tileSize, () => loops.stores(items));
      v.setMode(undefined);
      return stmts;
    }),
  );
  return [...main, ...single(from, to, columns, width), ...single(rows, to, b.i32(0), columns)];
}
