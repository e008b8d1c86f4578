/**
 * Which register tile an engine runs fastest: measured, once per process. All tiles give the same bits, so the choice is about time only.
 * May import: `encode`, `features`, `gemm/{element,tile}`.
 * @module
 */
import { ModuleBuilder } from '../encode/module.ts';
import { hasRelaxedSimd } from '../features.ts';
import { type Element, single } from './element.ts';
import { defineTile, type Tile, tileScratch } from './tile.ts';

/** What is used before anything is measured, and where the differences are too small to matter. */
export const defaultTile: Tile = { rows: 6, vectors: 2, barrier: 1 };

/** Tiles for 128-bit registers, of which an engine has 15 to give: what does not fit is spilled, at half the speed. */
export const tiles128: readonly Tile[] = [
  defaultTile,
  { rows: 6, vectors: 2, barrier: 0 },
  { rows: 4, vectors: 2, barrier: 0 },
];

/** Tiles for engines that join pairs of vectors. */
export const tiles256: readonly Tile[] = [
  { rows: 6, vectors: 4, barrier: 0 },
  { rows: 4, vectors: 4, barrier: 0 },
];

/** Padding of a row of A, as in copied blocks: rows a power of two apart would compete for the same part of the cache. */
const rowPadding = 64;

/** Steps of k in a measured call, calls in a measurement, and measurements of each tile. Baseline code is 4 times slower. */
const steps = 256;
const callsPerRound = 250;
const rounds = 4;
/** Shorter times are below what clocks of browsers resolve. */
const shortest = 0.05;
/** What the choice of a tile may take, in milliseconds. */
const timeLimit = 15;
/** A tile must be this much faster than the ones before it: less is noise. */
const margin = 1.03;

type TileFunction = (...args: number[]) => void;

/** The address of the operands in the memory that tiles are tried in, and of the result. */
export interface TileBench {
  readonly memory: WebAssembly.Memory;
  readonly a: number;
  readonly b: number;
  readonly c: number;
  /** Elements from one row of A to the next. */
  readonly aRow: number;
  readonly runs: readonly TileFunction[];
}

/** The largest tile of each kind as a function of no arguments but `adds` and, for partial ones, `columns`. */
export function instantiateTiles(element: Element, tiles: readonly Tile[], isPartial = false): TileBench {
  const [a, b, c] = [tileScratch, 1 << 16, 2 << 16];
  const aRow = steps + rowPadding / element.bytes;
  const memory = new WebAssembly.Memory({ initial: 3 });
  const module = new ModuleBuilder();
  module.importMemory();
  const scratch = module.importGlobal('env', 'workspace', 'i32');
  tiles.forEach((t, i) => {
    const shape = { rows: t.rows, vectors: t.vectors, barrier: t.barrier };
    const f = defineTile(module, { ...shape, element, isRelaxed: hasRelaxedSimd(), isPartial, scratch });
    module.exportFunction(`t${i}`, f);
  });
  const workspace = new WebAssembly.Global({ value: 'i32' }, 0);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.build()), { env: { memory, workspace } });
  const runs = tiles.map(({ vectors }, i): TileFunction => {
    const run = exports[`t${i}`] as TileFunction;
    return (adds, columns) =>
      run(steps, a, aRow * element.bytes, element.bytes, b, 16 * vectors, c, 16 * vectors, adds!, columns!);
  });
  return { memory, a, b, c, aRow, runs };
}

/** Multiply-adds a millisecond of each tile, as far as its code was optimised in time. No round begins after `limit` milliseconds. */
export function tileRates(element: Element, tiles: readonly Tile[], limit: number = timeLimit): number[] {
  const { runs } = instantiateTiles(element, tiles);
  const rates = tiles.map(() => 0);
  const start = performance.now();
  for (let round = 0; round < rounds && performance.now() - start < limit; round++) {
    runs.forEach((run, i) => {
      const { rows, vectors } = tiles[i]!;
      const began = performance.now();
      for (let n = 0; n < callsPerRound; n++) run(0, 0);
      const time = Math.max(shortest, performance.now() - began);
      rates[i] = Math.max(rates[i]!, (callsPerRound * steps * rows * vectors * element.lanes) / time);
    });
  }
  return rates;
}

/** The fastest tile; the first of those that are as good as equal. */
export function fastestTile(tiles: readonly Tile[], rates: readonly number[]): Tile {
  let best = 0;
  for (let i = 1; i < tiles.length; i++) if (rates[i]! > margin * rates[best]!) best = i;
  return tiles[best]!;
}

/** What was found for 128-bit and for 256-bit code. */
const chosen = new Map<boolean, Tile>();

/**
 * The tile to use for large products, of both element types: measured in float32 when this is first asked, which takes some milliseconds.
 * (The choice is about registers, which both need alike, and the code of one is optimised within that time, that of two is not.)
 */
export function measuredTile(isWide: boolean): Tile {
  let tile = chosen.get(isWide);
  if (tile === undefined) {
    const tiles = isWide ? [...tiles256, defaultTile] : tiles128;
    chosen.set(isWide, (tile = fastestTile(tiles, tileRates(single, tiles))));
  }
  return tile;
}
