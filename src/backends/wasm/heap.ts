/**
 * The memory of the wasm device: one growable linear memory that all modules share, and the handles of the tensors in it.
 *
 * Who keeps what alive: a handle (`WasmStorage`) holds its `Cell`; the heap holds the cells that are resident, never a handle, so a
 * handle that the program drops can be collected and its finalizer frees the block. Finalizers do not run inside a synchronous loop, so
 * past a budget the heap does something itself. Where garbage can be collected on demand (Node), it collects, and frees the blocks of the
 * handles that are gone. Elsewhere it spills: cells that have not been used for longest move to ordinary ArrayBuffers, and the heap lets go
 * of them; from then on only the handle holds the data, and the engine collects it like any other garbage.
 * May import: `ir`, `core`.
 * @module
 */
import { settings } from '../../core/config.ts';
import { areSitesObserved, equationSite } from '../../core/site.ts';
import type { Aval } from '../../ir/aval.ts';
import { dtypeInfo, type RawArray, toRaw, type TypedArray } from '../../ir/dtype.ts';
import { MemoryError } from '../../ir/errors.ts';
import type { SourceSite } from '../../ir/program.ts';
import { Allocator, classSize } from './allocator.ts';
import { type Collector, hostCollector } from './collector.ts';
import { formatBytes } from './format-bytes.ts';
import { speculationSlack } from './kernel/node.ts';
import { LinearMemory } from './linear-memory.ts';
import { SearchBudget } from './search-budget.ts';
import { type Block, type Cell, WasmStorage } from './storage.ts';

/** Bytes of tensors that may be resident where the heap cannot look for what was dropped, before it spills the coldest. */
const spillBudget: number = 32 << 20;

/** Pages of memory to begin with. */
const initialPages = 16;

export interface HeapStats {
  /** Bytes of tensors in linear memory. */
  readonly residentBytes: number;
  /** Bytes of tensors that were moved out, as far as finalizers know. */
  readonly spilledBytes: number;
  /** Tensors, as far as finalizers know. */
  readonly tensors: number;
  /** Bytes of linear memory. */
  readonly memoryBytes: number;
}

/** One tensor that is alive, or not yet known to be dropped. */
export interface LiveTensor {
  /** The same object for the same memory; it does not keep the tensor alive. */
  readonly key: object;
  readonly aval: Aval;
  /** In linear memory; otherwise moved out to an ArrayBuffer, or not used here yet. */
  readonly isResident: boolean;
  readonly site: SourceSite | undefined;
}

export class Heap {
  private readonly linear: LinearMemory;
  private readonly allocator: Allocator;
  private readonly resident = new Map<Block, Cell>();
  private readonly blocks = new Set<Block>();
  private readonly finalizers: FinalizationRegistry<Block>;
  private residentBytes = 0;
  private spilledBytes = 0;
  /** Resident tensors that are known to be in use. */
  private provenBytes = 0;
  private readonly budget: SearchBudget;
  private clock = 0;
  private collector: Collector | undefined;
  private staging = { address: 0, size: 0 };

  /** `clock` tells milliseconds, for the decision when to look for dropped tensors. */
  constructor(collector: Collector | undefined = hostCollector(), clock: () => number = () => performance.now()) {
    this.collector = collector;
    // Loads may be speculated this far below and above a block; the pages are never touched, so they cost address space only.
    this.linear = new LinearMemory(speculationSlack, initialPages, clock);
    this.budget = new SearchBudget(clock);
    this.allocator = new Allocator(speculationSlack, this.linear.end);
    this.finalizers = new FinalizationRegistry((block) => this.drop(block));
  }

  get memory(): WebAssembly.Memory {
    return this.linear.memory;
  }

  /** Whether threads may have the memory in common. */
  get isShared(): boolean {
    return this.linear.isShared;
  }

  stats(): HeapStats {
    const { residentBytes, spilledBytes } = this;
    return { residentBytes, spilledBytes, tensors: this.blocks.size, memoryBytes: this.memory.buffer.byteLength };
  }

  /** The tensors, those left out that a collector finds to be dropped. */
  tensors(): LiveTensor[] {
    this.beginCall();
    if (this.collector !== undefined) this.freeDropped();
    return [...this.blocks].map((block) => {
      const { aval, site } = block;
      return { key: block, aval, isResident: this.resident.has(block), site };
    });
  }

  /** Views of all memory; valid until the next allocation. */
  get u8(): Uint8Array<ArrayBuffer> {
    return this.linear.u8;
  }

  get i32(): Int32Array<ArrayBuffer> {
    return this.linear.i32;
  }

  get f32(): Float32Array<ArrayBuffer> {
    return this.linear.f32;
  }

  /** Elements as they lie in memory. */
  view(address: number, aval: Aval): RawArray {
    return dtypeInfo[aval.dtype].view(this.linear.buffer, address, aval.size);
  }

  // Raw blocks

  /** An untracked block of at least `bytes` bytes. */
  allocate(bytes: number): number {
    const size = classSize(bytes);
    return this.allocator.take(size) ?? this.grow(size);
  }

  free(address: number, bytes: number): void {
    this.allocator.give(address, classSize(bytes));
  }

  private grow(size: number): number {
    const { linear, allocator } = this;
    const start = linear.end;
    if (linear.grow(allocator.missing(size))) {
      if (this.collector !== undefined) this.budget.learnFreshCost(linear.freshCost(start));
      allocator.extend(linear.end);
      return allocator.take(size)!;
    }
    // Nothing is lost: what can move out moves out, and if that does not help, everything computed so far is still there.
    for (const relieve of [() => this.freeDropped(), () => this.spill(Number.POSITIVE_INFINITY)]) {
      relieve();
      const at = this.allocator.take(size);
      if (at !== undefined) return at;
    }
    throw this.outOfMemory(size, 'the 4 GiB that a WebAssembly memory can hold');
  }

  /** Memory for the operands and results of one call that live on the host, and for its table of pointers. */
  stage(bytes: number): number {
    if (bytes > this.staging.size) {
      const size = Math.max(bytes, 4096);
      const address = this.allocate(size);
      if (this.staging.size > 0) this.free(this.staging.address, this.staging.size);
      this.staging = { address, size };
    }
    return this.staging.address;
  }

  // Tensors

  /** From here on, what was used by the previous call may be spilled. */
  beginCall(): void {
    this.clock++;
  }

  /** A block for a tensor, within the budget and the limit. It belongs to the caller until `adopt`. */
  allocateTensor(aval: Aval): { address: number; size: number } {
    const size = classSize(aval.bytes);
    this.makeRoom(size);
    return { address: this.allocator.take(size) ?? this.grow(size), size };
  }

  /** Makes a handle of a block from `allocateTensor`. */
  adopt(address: number, size: number, aval: Aval): WasmStorage {
    const block = this.block(address, size, aval);
    const cell: Cell = { block, host: undefined };
    this.resident.set(block, cell);
    this.residentBytes += size;
    return this.handle(cell, aval);
  }

  /** A handle of data that stays on the host until it is first used here. */
  fromHost(data: TypedArray, aval: Aval): WasmStorage {
    const size = classSize(aval.bytes);
    this.checkLimit(size);
    const block = this.block(0, size, aval);
    this.spilledBytes += size;
    return this.handle({ block, host: toRaw(data, aval.dtype) }, aval);
  }

  private block(address: number, size: number, aval: Aval): Block {
    const lastUse = this.clock;
    return {
      address,
      size,
      aval,
      site: areSitesObserved() ? equationSite() : undefined,
      references: 0,
      lifetimes: [],
      lastUse,
      wasSpilled: false,
      isProven: false,
    };
  }

  private handle(cell: Cell, aval: Aval): WasmStorage {
    const storage = new WasmStorage(this, cell, aval, this.collector !== undefined);
    cell.block.references++;
    this.blocks.add(cell.block);
    this.finalizers.register(storage.lifetime, cell.block, storage.token);
    return storage;
  }

  share(cell: Cell, aval: Aval): WasmStorage {
    return this.handle(cell, aval);
  }

  touch(block: Block): void {
    block.lastUse = this.clock;
  }

  pin(cell: Cell): number {
    const { block } = cell;
    block.lastUse = this.clock;
    if (cell.host !== undefined) this.bringBack(cell, cell.host);
    return block.address;
  }

  private bringBack(cell: Cell, host: RawArray): void {
    const { block } = cell;
    if (block.wasSpilled && !block.isProven) {
      block.isProven = true;
      this.provenBytes += block.size;
    }
    this.spilledBytes -= block.size;
    try {
      this.makeRoom(block.size);
      block.address = this.allocator.take(block.size) ?? this.grow(block.size);
    } catch (e) {
      this.spilledBytes += block.size;
      throw e;
    }
    this.view(block.address, block.aval).set(host);
    cell.host = undefined;
    this.resident.set(block, cell);
    this.residentBytes += block.size;
  }

  /** A handle is disposed: its data goes when it was the last one. */
  release(handle: WasmStorage, block: Block): void {
    this.finalizers.unregister(handle.token);
    const at = block.lifetimes.findIndex((ref) => ref === handle.token);
    if (at >= 0) block.lifetimes.splice(at, 1);
    this.drop(block);
  }

  /** A handle is gone. */
  private drop(block: Block): void {
    block.references--;
    if (block.references === 0) this.discard(block);
    else this.unprove(block);
  }

  /** Marks a resident tensor as in use, or no longer. */
  prove(cell: Cell, isInUse: boolean): void {
    const { block } = cell;
    if (!isInUse) this.unprove(block);
    else if (!block.isProven && cell.host === undefined) {
      block.isProven = true;
      this.provenBytes += block.size;
    }
  }

  private unprove(block: Block): void {
    if (block.isProven) this.provenBytes -= block.size;
    block.isProven = false;
  }

  private discard(block: Block): void {
    if (this.resident.delete(block)) {
      this.allocator.give(block.address, block.size);
      this.residentBytes -= block.size;
    } else this.spilledBytes -= block.size;
    this.untrack(block);
  }

  private untrack(block: Block): void {
    this.blocks.delete(block);
    this.unprove(block);
  }

  /** A handle is gone, but its block lives on under another handle. */
  forget(handle: WasmStorage, block: Block): void {
    this.finalizers.unregister(handle.token);
    this.resident.delete(block);
    this.residentBytes -= block.size;
    this.untrack(block);
  }

  // Pressure

  private makeRoom(size: number): void {
    const needed = this.residentBytes + size;
    if (this.collector !== undefined) {
      const unknown = needed - this.provenBytes;
      if (unknown > this.budget.bytes) this.look();
    } else {
      const budget = spillBudget + this.provenBytes;
      if (needed > budget) this.spill(needed - budget / 2);
    }
    this.checkLimit(size);
  }

  private look(): void {
    // What is left is in use; the next look is due when as much again has been made.
    this.budget.spend(() => (this.freeDropped() ? this.residentBytes - this.provenBytes : undefined));
  }

  /** Frees the blocks whose handles the program has dropped, where a collector can tell. */
  private freeDropped(): boolean {
    if (this.collector?.collect() !== true) {
      this.collector = undefined;
      return false;
    }
    for (const block of this.blocks) {
      // What the current call uses is alive, whatever the engine thinks of the variables that hold it.
      if (block.lastUse === this.clock || block.lifetimes.some((l) => l.deref() !== undefined)) continue;
      // Called off: finalizers do not run inside a loop, and what waits for them would add up.
      for (const ref of block.lifetimes) this.finalizers.unregister(ref);
      this.discard(block);
    }
    return true;
  }

  /** Moves tensors out of the heap, longest unused first, until `bytes` are freed; the current call's stay. Returns the bytes freed. */
  private spill(bytes: number): number {
    const victims: Cell[] = [];
    for (const cell of this.resident.values()) if (cell.block.lastUse < this.clock) victims.push(cell);
    victims.sort((a, b) => b.block.lastUse - a.block.lastUse);
    let freed = 0;
    // Popped, so that nothing here holds a cell once it is spilled: the copies themselves cause collections.
    while (freed < bytes && victims.length > 0) freed += this.moveOut(victims.pop()!);
    return freed;
  }

  /** Returns the bytes freed. */
  private moveOut(cell: Cell): number {
    const { block } = cell;
    cell.host = this.view(block.address, block.aval).slice() as RawArray;
    this.allocator.give(block.address, block.size);
    block.address = 0;
    block.wasSpilled = true;
    this.unprove(block);
    this.resident.delete(block);
    this.residentBytes -= block.size;
    this.spilledBytes += block.size;
    return block.size;
  }

  private checkLimit(size: number): void {
    const limit = settings.memoryLimit;
    const exceeds = (): boolean => this.residentBytes + this.spilledBytes + size > limit;
    if (!exceeds()) return;
    // Dropped tensors may still be counted, for want of finalizers.
    this.freeDropped();
    if (exceeds()) throw this.outOfMemory(size, `config.memoryLimit = ${formatBytes(limit)}`);
  }

  private outOfMemory(size: number, limit: string): MemoryError {
    const largest = [...this.blocks].sort((a, b) => b.size - a.size).slice(0, 10);
    const list = largest.map((b) => `    ${b.aval.toString()} ${formatBytes(b.aval.bytes)}`).join('\n');
    const total = formatBytes(this.residentBytes + this.spilledBytes);
    return new MemoryError(
      `memory: expected to stay within ${limit}, got a request for ${formatBytes(size)} with ${total} in use. Largest tensors:\n${list}`,
      'drop references to large tensors, work in smaller batches, or raise the limit. Everything computed so far is intact.',
      { requested: size, residentBytes: this.residentBytes, spilledBytes: this.spilledBytes },
    );
  }
}
