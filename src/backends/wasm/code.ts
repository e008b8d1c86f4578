/**
 * From the bytes of a module to functions that can be called: what modules import, and the threads that share their work.
 * May import: `core`, `compiler/plan`, `encode`, `gemm`, `heap`, `host-math`, `kernel`, `threads`, `wide`.
 * @module
 */
import { settings } from '../../core/config.ts';
import type { Step } from '../../compiler/plan.ts';
import { ModuleBuilder } from './encode/module.ts';
import { GemmLibrary } from './gemm/library.ts';
import { largestProducts } from './gemm/work.ts';
import type { Heap } from './heap.ts';
import { hostMath } from './host-math.ts';
import type { Threading } from './kernel/chunk.ts';
import { type PoolOptions, ThreadPool, type ThreadStats } from './threads/pool.ts';
import { isWide } from './wide.ts';

export type WasmFunction = (...args: number[]) => void;

/** What the emission of one module needs to know of where it will run. */
export interface Target {
  /** Whether the memory that it imports is shared. */
  readonly isShared: boolean;
  /** How its kernels share their work. */
  readonly threading: Threading;
  /** What its matrix products will run: tells apart code that is otherwise equal. */
  readonly products: string;
  /** Places of its functions in the table, filled by the emission. */
  readonly slots: readonly number[];
}

/** For the same code where there are no threads. */
const alone: Threading = { isAlone: true, control: 0, newSlot: () => 0, isPortable: () => false };

let hasWarned = false;

function warnAlone(): void {
  if (hasWarned) return;
  hasWarned = true;
  console.warn(
    'cotangent: threads: config.threads asks for several, but this page has no SharedArrayBuffer: using one thread.\n' +
      '  Fix: serve it with the headers Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp.',
  );
}

export class CodeSpace {
  private readonly heap: Heap;
  private readonly gemm: GemmLibrary;
  private readonly pool: ThreadPool | undefined;

  constructor(heap: Heap, options?: PoolOptions) {
    this.heap = heap;
    this.gemm = new GemmLibrary(heap);
    if (heap.isShared) this.pool = new ThreadPool(heap, this.gemm, options);
    this.settingsChanged();
  }

  /** Workers are started by the first call that has something for them; that there can be none is said here. */
  settingsChanged(): void {
    if (this.pool === undefined && settings.threads > 1) warnAlone();
  }

  threadStats(): ThreadStats {
    return this.pool?.stats() ?? { threads: 1, delegatedChunks: 0 };
  }

  /** Builds now what first calls would build. */
  warmUp(): void {
    this.gemm.build(isWide());
  }

  /** For the emission of a module that does these steps. */
  target(steps: readonly Step[]): Target {
    const slots: number[] = [];
    const products = this.gemm.prepare(largestProducts(steps), isWide());
    return { isShared: this.heap.isShared, threading: this.pool?.threading(slots) ?? alone, products, slots };
  }

  /** A module that imports the memory, for code that is written here. */
  newModule({ isShared }: Target): ModuleBuilder {
    const module = new ModuleBuilder();
    module.importMemory(isShared);
    return module;
  }

  /** The function `run` of a module that was emitted for `target`; `more` are imports beyond the usual. */
  load(bytes: Uint8Array<ArrayBuffer>, target: Target, more: WebAssembly.Imports = {}): WasmFunction {
    const { memory } = this.heap;
    const module = new WebAssembly.Module(bytes);
    const imports = { env: { memory }, math: hostMath, gemm: this.gemm.exports(), ...more };
    const { pool } = this;
    const { slots } = target;
    if (slots.length === 0 || pool === undefined)
      return new WebAssembly.Instance(module, imports).exports.run as WasmFunction;
    const { exports } = new WebAssembly.Instance(module, { ...imports, threads: pool.imports() });
    const code = exports.run as WasmFunction;
    const run: WasmFunction = (...args) => {
      pool.follow();
      try {
        code(...args);
      } catch (e) {
        pool.settle();
        throw e;
      }
    };
    pool.share(run, { module, bytes, slots, exports });
    return run;
  }
}
