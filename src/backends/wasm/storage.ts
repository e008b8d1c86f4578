/**
 * Handles of tensor data on the wasm device.
 * May import: `ir`, `core`.
 * @module
 */
import { disposedError, type Storage } from '../../core/executor.ts';
import type { Aval } from '../../ir/aval.ts';
import { dtypeInfo, fromRaw, type RawArray, type TypedArray } from '../../ir/dtype.ts';
import type { SourceSite } from '../../ir/program.ts';
import type { Heap } from './heap.ts';

/** A place in memory, shared with the finalizer: it must not lead to the data of a spilled tensor. */
export interface Block {
  address: number;
  readonly size: number;
  readonly aval: Aval;
  /** Where in the user's code it was made; known only while somebody asks. */
  readonly site: SourceSite | undefined;
  /** Handles of this data. */
  references: number;
  /** The lifetimes of those handles, where a collector can tell which are over; also what their finalizers are known by. */
  readonly lifetimes: WeakRef<Lifetime>[];
  lastUse: number;
  wasSpilled: boolean;
  /** Known to be in use: in memory again after a spill, or held. */
  isProven: boolean;
}

/** The data of one or several handles, as it lies in memory: there when `host` is undefined. */
export interface Cell {
  readonly block: Block;
  host: RawArray | undefined;
}

/**
 * Dies with the handle that holds it, and holds nothing: what finalizers watch. A minor garbage collection keeps whatever is watched, and
 * all it leads to; this way handles and the data of spilled tensors still go in a minor collection.
 */
export class Lifetime {
  /** Keeps the class from being the type of every object. */
  readonly isLifetime = true;
}

/** A handle of tensor data on this device. */
export class WasmStorage implements Storage {
  readonly device = 'wasm';
  readonly lifetime: Lifetime = new Lifetime();
  /** What the finalizer is known by. */
  readonly token: object;
  private readonly heap: Heap;
  private cell: Cell | undefined;
  isDonated = false;
  readonly aval: Aval;

  constructor(heap: Heap, cell: Cell, aval: Aval, isWeak: boolean) {
    this.heap = heap;
    // A reference of the block's own, so that the heap can call off the finalizer when the handle is gone.
    if (isWeak) {
      const ref = new WeakRef(this.lifetime);
      cell.block.lifetimes.push(ref);
      this.token = ref;
    } else this.token = this.lifetime;
    this.cell = cell;
    this.aval = aval;
  }

  get isDisposed(): boolean {
    return this.cell === undefined;
  }

  private data(): Cell {
    if (this.cell !== undefined) return this.cell;
    throw disposedError(this.aval, this.isDonated);
  }

  read(): TypedArray {
    const { host, block } = this.data();
    const { dtype, size } = this.aval;
    if (host === undefined) return fromRaw(this.heap.view(block.address, this.aval), dtype);
    const raw = dtype === block.aval.dtype ? host : dtypeInfo[dtype].view(host.buffer, host.byteOffset, size);
    return fromRaw(raw, dtype);
  }

  dispose(isDonated = false): void {
    const { cell } = this;
    if (cell === undefined) return;
    this.isDonated = isDonated;
    this.cell = undefined;
    this.heap.release(this, cell.block);
  }

  /** Address of the data, which stays in place until the next call of `heap.beginCall`. */
  pin(): number {
    return this.heap.pin(this.data());
  }

  /** Marks the data as used by the current call, before anything is allocated for it. */
  touch(): void {
    this.heap.touch(this.data().block);
  }

  /** Another handle of the same data, seen as `aval`. */
  share(aval: Aval): WasmStorage {
    return this.heap.share(this.data(), aval);
  }

  hold(isHeld: boolean): void {
    if (this.cell !== undefined) this.heap.prove(this.cell, isHeld);
  }

  belongsTo(heap: Heap): boolean {
    return this.heap === heap;
  }

  /** Whether this is the only handle of the data. */
  get isSole(): boolean {
    return this.data().block.references === 1;
  }

  /** Gives the data to a new handle and leaves this one disposed, as donated. */
  moveTo(aval: Aval): WasmStorage {
    const cell = this.data();
    const moved = this.heap.adopt(cell.block.address, cell.block.size, aval);
    this.cell = undefined;
    this.isDonated = true;
    this.heap.forget(this, cell.block);
    return moved;
  }
}
