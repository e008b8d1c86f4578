/**
 * A block of a product: C (+)= A · B over one block of k, swept by register tiles of fitting sizes, so that edges cost little more
 * than their share.
 * May import: `encode`, `kernel/lir`.
 * @module
 */
import type { FunctionBuilder } from '../encode/function.ts';
import type { ModuleBuilder } from '../encode/module.ts';
import type { Lir } from '../kernel/lir.ts';
import type { Element } from './element.ts';
import { defineRoutine } from './routine.ts';
import { defineTile, type Tile, tileSignature } from './tile.ts';

export interface BlockOptions {
  readonly element: Element;
  readonly tile: Tile;
  readonly isRelaxed: boolean;
  /** The global that holds the address of the instance's workspace. */
  readonly workspace: number;
}

/**
 * m, n, k, a, aRow, aStep, b, bStep, bPanel, c, cRow, adds; strides in bytes. B is a row of panels of the tile's columns, `bPanel`
 * bytes apart; in place, that is the width of a panel.
 */
type BlockParameters = readonly [Lir, Lir, Lir, Lir, Lir, Lir, Lir, Lir, Lir, Lir, Lir, Lir];
const parameterCount = 12;

/**
 * C is written row by row, with all of B for each few rows, where the block of B stays in the first-level cache, or where there are so few
 * steps that writing C is most of the work.
 */
const cachedBytes = 24 << 10;
const fewSteps = 16;

/** Vectors in a row of the tiles of one and of two rows where B lies in place: sums enough for the latency of a multiply-add. */
const wideVectors = ({ vectors }: Tile): readonly [number, number] => [4 * vectors, 2 * vectors];

/** Tiles of each number of rows: a whole one, a wide one, then partial ones of all, half, a quarter … of the vectors. */
const wholeKind = 0;
const wideKind = 1;
const firstPartial = 2;
const partials = ({ vectors }: Tile): number => 1 + Math.log2(vectors);

/** The table's entries: all kinds for one row, then for two … Returns the largest tile. */
function defineTiles(module: ModuleBuilder, o: BlockOptions): FunctionBuilder {
  const { element, isRelaxed, tile } = o;
  const { barrier, vectors } = tile;
  const define = (rows: number, count: number, isPartial: boolean): FunctionBuilder =>
    defineTile(module, { element, isRelaxed, barrier, rows, vectors: count, isPartial, scratch: o.workspace });
  let largest: FunctionBuilder | undefined;
  for (let rows = 1; rows <= tile.rows; rows++) {
    const whole = define(rows, vectors, false);
    const wide = wideVectors(tile)[rows - 1];
    const kinds = [whole, wide === undefined ? whole : define(rows, wide, false)];
    for (let v = vectors; v >= 1; v >>= 1) kinds.push(define(rows, v, true));
    module.defineTable(kinds);
    largest = whole;
  }
  return largest!;
}

/** block(parameters) for any m and n. */
export function defineBlock(module: ModuleBuilder, o: BlockOptions): FunctionBuilder {
  const { element: e } = o;
  const { rows } = o.tile;
  const sweep = defineSweep(module, o, defineTiles(module, o));
  return defineRoutine(
    module,
    parameterCount,
    (r, ...p) => {
      const { b } = r;
      const [m, n, k, a, aRow, aStep, bAt, bStep, bPanel, c, cRow, adds] = p as readonly Lir[] as BlockParameters;
      const left = b.op('i32.rem_u', m, b.i32(rows));
      const whole = b.op('i32.sub', m, left);
      const run = (height: Lir, from: Lir, panels: Lir): void => {
        const [atA, atC] = [b.add(a, b.mul(from, aRow)), b.add(c, b.mul(from, cRow))];
        r.callWith(sweep, [height, panels, n, k, atA, aRow, aStep, bAt, bStep, bPanel, atC, cRow, adds]);
      };
      const isCached = b.op('i32.le_u', b.mul(b.mul(k, n), b.i32(e.bytes)), b.i32(cachedBytes));
      r.if(
        b.op('i32.or', isCached, b.op('i32.le_u', k, b.i32(fewSteps))),
        () => r.loop(b.i32(0), whole, rows, (i) => run(b.i32(rows), i, b.i32(1))),
        () => r.if(whole, () => run(b.i32(rows), b.i32(0), b.op('i32.div_u', whole, b.i32(rows)))),
      );
      r.if(left, () => run(left, whole, b.i32(1)));
    },
    `${e.scalar}_block`,
  );
}

/** sweep(rows, parameters), with m counting panels of `rows` rows: column by column of tiles. */
function defineSweep(module: ModuleBuilder, o: BlockOptions, largest: FunctionBuilder): FunctionBuilder {
  const { element: e, tile } = o;
  const kinds = firstPartial + partials(tile);
  const width = tile.vectors * e.lanes;
  const type = module.functionType(tileSignature);
  return defineRoutine(
    module,
    1 + parameterCount,
    (r, rows, ...p) => {
      const { b } = r;
      const [panels, n, k, a, aRow, aStep, bAt, bStep, bPanel, c, cRow, adds] = p as readonly Lir[] as BlockParameters;
      const zero = b.i32(0);
      const entries = b.mul(b.add(rows!, b.i32(-1)), b.i32(kinds));
      const [aPanel, cPanel] = [b.mul(rows!, aRow), b.mul(rows!, cRow)];
      type Call = (...args: Lir[]) => void;
      const entry =
        (kind: Lir): Call =>
        (...args) =>
          r.callEntry(b.add(entries, kind), type, ...args);
      const column = (call: Call, j: Lir, columns: Lir): void => {
        const panel = b.mul(b.op('i32.shr_u', j, b.i32(Math.log2(width))), bPanel);
        const [from, to] = [b.add(bAt, panel), b.add(c, b.mul(j, b.i32(e.bytes)))];
        r.loop(zero, panels, 1, (i) =>
          call(
            k,
            b.add(a, b.mul(i, aPanel)),
            aRow,
            aStep,
            from,
            bStep,
            b.add(to, b.mul(i, cPanel)),
            cRow,
            adds,
            columns,
          ),
        );
      };
      const whole = b.and(n, -width);
      const start = r.variable('i32', zero);
      wideColumns();
      r.if(
        b.op('i32.eq', rows!, b.i32(tile.rows)),
        () => r.loop(r.read(start), whole, width, (j) => column((...args) => r.call(largest, ...args), j, zero)),
        () => r.loop(r.read(start), whole, width, (j) => column(entry(b.i32(wholeKind)), j, zero)),
      );
      const left = b.op('i32.sub', n, whole);
      r.if(left, () => column(entry(partialKind(left)), whole, left));

      /** Few rows over a B in place. */
      function wideColumns(): void {
        const isInPlace = b.op('i32.eq', bPanel, b.i32(width * e.bytes));
        wideVectors(tile).forEach((vectors, i) => {
          const step = vectors * e.lanes;
          const end = b.and(n, -step);
          r.if(b.op('i32.and', isInPlace, b.op('i32.eq', rows!, b.i32(i + 1))), () => {
            r.loop(zero, end, step, (j) => column(entry(b.i32(wideKind)), j, zero));
            r.set([[start, end]]);
          });
        });
      }

      /** The smallest partial tile that has `left` columns. */
      function partialKind(left: Lir): Lir {
        let kind = b.i32(firstPartial + partials(tile) - 1);
        for (let i = partials(tile) - 2, columns = e.lanes; i >= 0; i--, columns *= 2)
          kind = b.select(b.op('i32.gt_u', left, b.i32(columns)), b.i32(firstPartial + i), kind);
        return kind;
      }
    },
    `${e.scalar}_sweep`,
  );
}
