/**
 * Register tiles: a few rows and columns of C, summed over a block of k in registers. Written instruction by instruction, because the
 * order decides whether an engine spills.
 * May import: `encode`, `gemm/element`.
 * @module
 */
import type { FunctionBuilder } from '../encode/function.ts';
import type { ModuleBuilder, Signature } from '../encode/module.ts';
import type { OpName, ValueType } from '../encode/opcodes.ts';
import type { Element } from './element.ts';

/** How the tiles of a library are made. What they compute does not depend on it, bit for bit. */
export interface Tile {
  /** Rows of the largest tile. */
  readonly rows: number;
  /** Vectors of 128 bits in a row of it. */
  readonly vectors: number;
  /**
   * Rows between never-taken branches in a step of k; 0: none. Engines that move all loads of a straight piece of code to its start
   * (V8 before 12) run out of registers otherwise.
   */
  readonly barrier: number;
}

/** Parameters of a tile; strides in bytes. `columns` counts those that are stored, in tiles that are `partial`. */
export const tileParameters = ['k', 'a', 'aRow', 'aStep', 'b', 'bStep', 'c', 'cRow', 'adds', 'columns'] as const;
type Parameter = (typeof tileParameters)[number];

export const tileSignature: Signature = { params: tileParameters.map((): ValueType => 'i32'), results: [] };

const param = (name: Parameter): number => tileParameters.indexOf(name);

export interface TileOptions {
  readonly element: Element;
  readonly isRelaxed: boolean;
  readonly rows: number;
  readonly vectors: number;
  readonly barrier: number;
  /** Stores the first `columns` columns only: more than half of the vectors, and at least one column. */
  readonly isPartial: boolean;
  /** Global that holds the address of `tileScratch` bytes: where the sums of a partial tile go first, in pairs of vectors. */
  readonly scratch: number;
}

/** Bytes of the largest tile: of at most 12 sums of 256 bits. */
export const tileScratch = 512;

/** tile(parameters): C's tile (+)= A's rows · B's columns, over k > 0 steps, one multiply-add a step for each element. */
export function defineTile(module: ModuleBuilder, o: TileOptions): FunctionBuilder {
  const { element: e, rows, vectors, isPartial } = o;
  const name = `${e.scalar}_tile_${rows}x${vectors * e.lanes}${isPartial ? '_partial' : ''}`;
  const f = module.defineFunction(tileSignature, name);
  new TileWriter(f, o).write();
  return f;
}

class TileWriter {
  private readonly f: FunctionBuilder;
  private readonly o: TileOptions;
  private readonly add: OpName;
  private readonly sums: readonly number[];

  constructor(f: FunctionBuilder, o: TileOptions) {
    this.f = f;
    this.o = o;
    this.add = `${o.element.vector}.add`;
    // Locals are zero at the start.
    this.sums = Array.from({ length: o.rows * o.vectors }, () => f.local('v128'));
  }

  write(): void {
    const { f } = this;
    const rows = this.rowPointers(param('a'), param('aRow'));
    const exit = f.open('block');
    const top = f.open('loop');
    if (this.o.rows < this.o.vectors) this.wideStep(rows, exit);
    else this.step(rows, exit);
    for (const p of rows) this.advance(p, param('aStep'));
    this.advance(param('b'), param('bStep'));
    f.get(param('k'));
    f.i32(1);
    f.op('i32.sub');
    f.tee(param('k'));
    f.brIf(top);
    f.close();
    f.close();
    this.store();
  }

  /** Pointers to `rows` rows from `first` on; the first is the parameter itself. */
  private rowPointers(first: number, stride: number): number[] {
    const { f } = this;
    const out = [first];
    for (let r = 1; r < this.o.rows; r++) {
      const p = f.local('i32');
      f.get(out[r - 1]!);
      f.get(stride);
      f.op('i32.add');
      f.set(p);
      out.push(p);
    }
    return out;
  }

  private advance(pointer: number, by: number): void {
    const { f } = this;
    f.get(pointer);
    f.get(by);
    f.op('i32.add');
    f.set(pointer);
  }

  private load(op: OpName, pointer: number, offset = 0): number {
    const { f } = this;
    const to = f.local('v128');
    f.get(pointer);
    f.memory(op, offset);
    f.set(to);
    return to;
  }

  /** One step of k: the row of B in registers, then row by row of A. */
  private step(rows: readonly number[], exit: number): void {
    const { f, o } = this;
    const ys = Array.from({ length: o.vectors }, (_, v) => this.load('v128.load', param('b'), 16 * v));
    for (let r = 0; r < o.rows; r++) {
      if (r > 0) this.barrier(r, exit);
      const x = this.load(o.element.loadSplat, rows[r]!);
      ys.forEach((y, v) => this.multiplyAdd(x, y, this.sums[r * o.vectors + v]!));
      f.release(x);
    }
    for (const y of ys) f.release(y);
  }

  /** One step of k where there are more columns than rows: A's column in registers, then vector by vector of B. */
  private wideStep(rows: readonly number[], exit: number): void {
    const { f, o } = this;
    const xs = rows.map((row) => this.load(o.element.loadSplat, row));
    for (let v = 0; v < o.vectors; v++) {
      // In pairs, of which engines may make one of 256 bits.
      if (v > 0 && v % 2 === 0) this.barrier(v, exit);
      const y = this.load('v128.load', param('b'), 16 * v);
      xs.forEach((x, r) => this.multiplyAdd(x, y, this.sums[r * o.vectors + v]!));
      f.release(y);
    }
    for (const x of xs) f.release(x);
  }

  private barrier(at: number, exit: number): void {
    const { f, o } = this;
    if (o.barrier === 0 || at % o.barrier !== 0) return;
    f.get(param('k'));
    f.i32(0);
    f.op('i32.lt_s');
    f.brIf(exit);
  }

  /** sum := x·y + sum, in one rounding where the engine has relaxed SIMD. */
  private multiplyAdd(x: number, y: number, sum: number): void {
    const { f, o } = this;
    const { vector } = o.element;
    if (!o.isRelaxed) f.get(sum);
    f.get(x);
    f.get(y);
    if (o.isRelaxed) {
      f.get(sum);
      f.op(`${vector}.relaxed_madd`);
    } else {
      f.op(`${vector}.mul`);
      f.op(this.add);
    }
    f.set(sum);
  }

  /** Adds what is there, if asked to; then stores. All loads come first: V8 makes 256-bit code of pairs of stores only then. */
  private store(): void {
    const { f, o } = this;
    if (o.isPartial && o.vectors > 1) this.throughScratch(o.scratch);
    const rows = this.rowPointers(param('c'), param('cRow'));
    f.get(param('adds'));
    f.open('if');
    this.eachSum(rows, (row, offset, sum) => {
      f.get(row);
      f.memory('v128.load', offset);
      f.get(sum);
      f.op(this.add);
      f.set(sum);
    });
    if (!o.isPartial) this.storeVectors(rows, 0, o.vectors);
    f.otherwise();
    if (!o.isPartial) this.storeVectors(rows, 0, o.vectors);
    f.close();
    if (o.isPartial) this.storeColumns(rows);
  }

  /**
   * Stores all sums and loads them again. What is stored one vector at a time would be summed one vector at a time in 256-bit code, and
   * branches that use all sums would have registers spilled in the loop.
   */
  private throughScratch(scratch: number): void {
    const { f } = this;
    const at = f.local('i32');
    f.globalGet(scratch);
    f.set(at);
    this.sums.forEach((sum, i) => {
      f.get(at);
      f.get(sum);
      f.memory('v128.store', 16 * i);
    });
    this.sums.forEach((sum, i) => {
      f.get(at);
      f.memory('v128.load', 16 * i);
      f.set(sum);
    });
    f.release(at);
  }

  private eachSum(rows: readonly number[], visit: (row: number, offset: number, sum: number) => void): void {
    const { vectors } = this.o;
    rows.forEach((row, r) => {
      for (let v = 0; v < vectors; v++) visit(row, 16 * v, this.sums[r * vectors + v]!);
    });
  }

  private storeVectors(rows: readonly number[], from: number, to: number): void {
    const { f, o } = this;
    for (let r = 0; r < o.rows; r++) {
      for (let v = from; v < to; v++) {
        f.get(rows[r]!);
        f.get(this.sums[r * o.vectors + v]!);
        f.memory('v128.store', 16 * v);
      }
    }
  }

  /** The first half of the vectors, then vector by vector as far as there are columns, lane by lane in the last. */
  private storeColumns(rows: readonly number[]): void {
    const { f, o } = this;
    const { lanes } = o.element;
    const sure = o.vectors >> 1;
    this.storeVectors(rows, 0, sure);
    const ifMore = (columns: number, then: () => void, otherwise?: () => void): void => {
      f.get(param('columns'));
      f.i32(columns);
      f.op('i32.gt_u');
      f.open('if');
      then();
      if (otherwise) {
        f.otherwise();
        otherwise();
      }
      f.close();
    };
    for (let v = sure; v < o.vectors; v++) {
      const first = v * lanes;
      ifMore(
        first + lanes - 1,
        () => this.storeVectors(rows, v, v + 1),
        () => {
          for (let lane = 0; lane < lanes - 1; lane++) ifMore(first + lane, () => this.storeLane(rows, v, lane));
        },
      );
    }
  }

  private storeLane(rows: readonly number[], v: number, lane: number): void {
    const { f, o } = this;
    const { bytes } = o.element;
    rows.forEach((row, r) => {
      f.get(row);
      f.get(this.sums[r * o.vectors + v]!);
      f.memoryLane(bytes === 4 ? 'v128.store32_lane' : 'v128.store64_lane', 16 * v + lane * bytes, lane);
    });
  }
}
