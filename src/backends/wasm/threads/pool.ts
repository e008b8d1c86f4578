/**
 * The threads of a heap: starts and ends workers as `config.threads` asks, keeps the code that they may run where they find it, and notices
 * when one is lost.
 * May import: `ir`, `core`, `heap`, `threads`.
 * @module
 */
import { settings } from '../../../core/config.ts';
import { BackendError, InternalError } from '../../../ir/errors.ts';
import { chunkName, type Threading } from '../kernel/chunk.ts';
import { controlBytes, layout, mostThreads, recordLayout, routineLayout } from './layout.ts';
import { buildPoolModule } from './pool-module.ts';
import { hostCores, hostSpawn, type Spawn, type WorkerHandle } from './spawn.ts';

/** What the pool needs of the heap. */
export interface PoolHeap {
  readonly memory: WebAssembly.Memory;
  readonly i32: Int32Array;
  readonly u8: Uint8Array;
  allocate(bytes: number): number;
  free(address: number, bytes: number): void;
}

/** The library of products, of whose routines each worker has instances of its own. */
export interface PoolLibrary {
  module(name: string): { readonly bytes: Uint8Array; readonly workspaceBytes: number };
}

export interface PoolOptions {
  readonly spawn?: Spawn;
  readonly cores?: number;
  /** Milliseconds without progress after which a worker that has taken a chunk counts as lost. */
  readonly patience?: number;
}

/** Chunks take milliseconds; a worker that is silent for so long does not run any more. */
const patience = 30_000;

/** Milliseconds of one wait for a worker. */
const nap = 50;

/** Code that several threads may run. */
interface Shared {
  readonly serial: number;
  readonly slots: readonly number[];
  readonly routines: readonly string[];
  /** Until they are in the heap. */
  bytes: Uint8Array | undefined;
  /** Address and size in the heap; 0 until it is needed there. */
  address: number;
  size: number;
}

interface Member {
  readonly handle: WorkerHandle;
}

/** A routine of the library in the heap. */
interface Routine {
  readonly record: number;
  readonly workspaceBytes: number;
  /** Threads that have a workspace. */
  threads: number;
}

const portable = Math as unknown as Readonly<Record<string, unknown>>;

export interface ThreadStats {
  readonly threads: number;
  readonly delegatedChunks: number;
}

/** An instance whose functions threads share. */
export interface SharedCode {
  readonly module: WebAssembly.Module;
  readonly bytes: Uint8Array;
  readonly slots: readonly number[];
  readonly exports: WebAssembly.Exports;
}

export class ThreadPool {
  private readonly heap: PoolHeap;
  private readonly library: PoolLibrary;
  private readonly routines = new Map<Uint8Array, Routine>();
  private readonly spawn: Spawn;
  private readonly cores: number;
  private readonly patience: number;
  private readonly control: number;
  private readonly table: WebAssembly.Table = new WebAssembly.Table({ element: 'anyfunc', initial: 64 });
  private readonly module: WebAssembly.Module;
  private readonly exports: WebAssembly.Exports;
  private readonly freeSlots: number[] = [];
  private slotCount = 0;
  private nextSerial = 1;
  private readonly shared: (Shared | undefined)[] = [];
  private readonly finalizers = new FinalizationRegistry<Shared>((code) => this.drop(code));
  private members: Member[] = [];
  /** The setting that was followed last. */
  private followed = 1;
  private readonly warned = new Set<string>();
  private readonly canBlock: boolean;
  /** When the running job last made progress, and how many chunks were done then. */
  private progress = { job: -1, done: 0, at: 0 };

  constructor(heap: PoolHeap, library: PoolLibrary, options: PoolOptions = {}) {
    this.heap = heap;
    this.library = library;
    this.spawn = options.spawn ?? hostSpawn();
    this.cores = options.cores ?? hostCores();
    this.patience = options.patience ?? patience;
    this.control = heap.allocate(controlBytes);
    heap.u8.fill(0, this.control, this.control + controlBytes);
    this.setWord(layout.threads, 1);
    this.module = new WebAssembly.Module(buildPoolModule(this.control));
    const host = { publish: (slot: number) => this.publish(slot), stalled: () => this.stalled() };
    const imports = { env: { memory: heap.memory, table: this.table }, host };
    this.exports = new WebAssembly.Instance(this.module, imports).exports;
    this.canBlock = mayBlock(heap.i32, this.control >>> 2);
  }

  /** Threads there are, the caller included. */
  get threads(): number {
    return 1 + this.members.length;
  }

  /** Threads in use, and chunks of work that others than the calling thread have done. */
  stats(): ThreadStats {
    return { threads: this.word(layout.threads), delegatedChunks: this.word(layout.delegated) >>> 0 };
  }

  /** What code with phases imports as `threads`. */
  imports(): WebAssembly.ModuleImports {
    return { parallel: this.exports.parallel! };
  }

  /** For the emission of one module; the places that its functions take are added to `slots`. */
  threading(slots: number[]): Threading {
    const newSlot = (): number => {
      const slot = this.freeSlots.pop() ?? this.slotCount++;
      slots.push(slot);
      return slot;
    };
    return {
      isAlone: false,
      control: this.control,
      newSlot,
      isPortable: (name) => typeof portable[name] === 'function',
    };
  }

  /** Makes the functions of an instance known; they are forgotten when `owner` is collected. */
  share(owner: object, code: SharedCode): void {
    const { module, bytes, slots, exports } = code;
    const routines = WebAssembly.Module.imports(module)
      .filter((i) => i.module === 'gemm')
      .map((i) => i.name);
    const shared: Shared = { serial: this.nextSerial++, slots, routines, bytes, address: 0, size: 0 };
    for (const s of slots) {
      if (s >= this.table.length) this.table.grow(s + 64 - this.table.length);
      this.table.set(s, exports[chunkName(s)] as () => void);
      this.shared[s] = shared;
    }
    this.finalizers.register(owner, shared);
  }

  private drop(code: Shared): void {
    for (const s of code.slots) {
      this.table.set(s, null);
      this.shared[s] = undefined;
      this.freeSlots.push(s);
    }
    if (code.size > 0) this.heap.free(code.address, code.size);
  }

  // Jobs

  /** Address of the record of the code at `slot`, 0 when there is nobody to share it with. */
  private publish(slot: number): number {
    if (this.members.length === 0) return 0;
    const code = this.shared[slot]!;
    if (code.size === 0) this.upload(code);
    return code.address;
  }

  private upload(code: Shared): void {
    const { serial, slots, routines } = code;
    const bytes = code.bytes!;
    const records = routines.map((name) => this.routine(name).record);
    const head = recordLayout.lists + 4 * (slots.length + records.length);
    const address = this.heap.allocate(head + bytes.length);
    const fields = [serial, address + head, bytes.length, slots.length, records.length, ...slots, ...records];
    this.heap.i32.set(fields, address >>> 2);
    this.heap.u8.set(bytes, address + head);
    Object.assign(code, { address, size: head + bytes.length, bytes: undefined });
  }

  /** A routine of the library as it is now, with workspaces for all threads there are. */
  private routine(name: string): Routine {
    const { bytes, workspaceBytes } = this.library.module(name);
    let made = this.routines.get(bytes);
    if (made === undefined) {
      const head = routineLayout.workspaces + 4 * mostThreads;
      const record = this.heap.allocate(head + bytes.length);
      this.heap.i32.set([record + head, bytes.length], record >>> 2);
      this.heap.u8.set(bytes, record + head);
      this.routines.set(bytes, (made = { record, workspaceBytes, threads: 1 }));
    }
    this.giveWorkspaces(made, this.threads);
    return made;
  }

  private giveWorkspaces(routine: Routine, threads: number): void {
    while (routine.threads < threads) {
      const workspace = this.heap.allocate(routine.workspaceBytes);
      this.heap.i32[(routine.record + routineLayout.workspaces) / 4 + routine.threads++] = workspace;
    }
  }

  private word(offset: number): number {
    return Atomics.load(this.heap.i32, (this.control + offset) >>> 2);
  }

  private setWord(offset: number, value: number): void {
    Atomics.store(this.heap.i32, (this.control + offset) >>> 2, value);
  }

  /** Called when the caller has nothing left to do itself: waits until something changes. */
  private stalled(): void {
    const [job, done] = [this.word(layout.generation), this.word(layout.done)];
    if (done === this.word(layout.chunks)) {
      if (this.word(layout.failed) > 0) throw this.failure();
      return;
    }
    const now = performance.now();
    if (job !== this.progress.job || done !== this.progress.done) this.progress = { job, done, at: now };
    if (now - this.progress.at > this.patience) throw this.loss();
    if (!this.canBlock) return;
    this.setWord(layout.isWaiting, 1);
    Atomics.wait(this.heap.i32, (this.control + layout.done) >>> 2, done, Math.min(nap, this.patience));
    this.setWord(layout.isWaiting, 0);
  }

  /** A chunk trapped on another thread: what the engine said there. */
  private failure(): InternalError {
    const length = this.word(layout.failed);
    this.setWord(layout.failed, 0);
    const at = this.control + layout.message;
    const text = new TextDecoder().decode(this.heap.u8.slice(at, at + length));
    return new InternalError(`wasm code stopped on another thread: ${text}`);
  }

  private loss(): BackendError {
    const seconds = Math.round(this.patience / 1000);
    this.close();
    return new BackendError(
      `threads: a worker took a part of this call and has not answered for ${seconds} s; the call is lost.`,
      'run it again: work goes on with one thread until config.threads is set anew.',
    );
  }

  /** After a call that threw: nothing of it may run any more when its memory is given to others. */
  settle(): void {
    if (this.members.length === 0) return;
    const at = (this.control + layout.claim) >>> 2;
    const left = Atomics.exchange(this.heap.i32, at, 0);
    const chunks = this.word(layout.chunks);
    if (left === 0 && this.word(layout.done) === chunks) return;
    // The caller's own chunk, in which it threw, is not counted as done.
    const expected = chunks - left - 1;
    const end = performance.now() + this.patience;
    while (this.word(layout.done) < expected) {
      if (performance.now() > end) {
        this.close();
        return;
      }
      if (this.canBlock) Atomics.wait(this.heap.i32, (this.control + layout.done) >>> 2, this.word(layout.done), 1);
    }
    this.setWord(layout.failed, 0);
  }

  // Workers

  /** Starts or ends workers, if `config.threads` has changed. With one thread they sleep, ready to be used again. */
  follow(): void {
    if (settings.threads === this.followed) return;
    this.followed = settings.threads;
    const wanted = Math.min(settings.threads, this.cores, mostThreads);
    if (wanted < settings.threads) {
      const reason = `config.threads is ${settings.threads}, but this machine runs ${this.cores} at once: using ${wanted}.`;
      this.warn('cores', reason);
    }
    const ended = wanted > 1 ? this.members.splice(wanted - 1) : [];
    for (const m of ended) m.handle.terminate();
    while (this.threads < wanted && this.start());
    this.setWord(layout.threads, Math.min(wanted, this.threads));
  }

  private start(): boolean {
    const { heap, control, module } = this;
    const index = this.threads;
    for (const r of this.routines.values()) this.giveWorkspaces(r, index + 1);
    try {
      const data = { memory: heap.memory, control, pool: module, index };
      const member: Member = { handle: this.spawn(data, (reason) => this.lost(member, reason)) };
      this.members.push(member);
      return true;
    } catch (error) {
      this.warn('start', `a worker could not be started (${String(error)}): using ${index} thread(s).`);
      return false;
    }
  }

  private close(): void {
    for (const m of this.members) m.handle.terminate();
    this.members = [];
    // Those that come later get workspaces of their own: one of these may go on writing for a moment.
    for (const r of this.routines.values()) r.threads = 1;
    this.setWord(layout.threads, 1);
    this.setWord(layout.claim, 0);
    this.setWord(layout.sleepers, 0);
    this.setWord(layout.failed, 0);
  }

  /** A worker ended between calls, or before it took part in any. */
  private lost(member: Member, reason: string): void {
    if (!this.members.includes(member)) return;
    this.close();
    this.warn('lost', `a worker was lost (${reason}): using one thread until config.threads is set anew.`);
  }

  private warn(kind: string, message: string): void {
    if (this.warned.has(kind)) return;
    this.warned.add(kind);
    console.warn(`cotangent: threads: ${message}`);
  }
}

/** Whether this thread may wait; the main thread of a page may not. */
function mayBlock(words: Int32Array, index: number): boolean {
  try {
    Atomics.wait(words, index, Atomics.load(words, index) + 1, 0);
    return true;
  } catch {
    return false;
  }
}
