/**
 * Settings that every layer reads. The public `config` and `configure` (api) validate before they write here.
 * May import: `ir`.
 * @module
 */
import type { DType } from '../ir/dtype.ts';

export interface Settings {
  /** Dtype of new arrays made from JavaScript numbers. */
  defaultDtype: 'float32' | 'float64';
  /** Name of the device new arrays live on. */
  defaultDevice: string;
  /**
   * Threads that large work may run on, the caller included; never more than the machine has cores. Results do not depend on it, bit for
   * bit. In a page it takes cross-origin isolation (SharedArrayBuffer); elsewhere one thread does the work, and a warning says so.
   */
  threads: number;
  /**
   * Ask for 256-bit code where the engine can make it (Node 24 and later, by an experimental flag of V8). Holds for what is compiled
   * from then on: eager operations are compiled anew, jitted functions that were called before stay as they are. Where it cannot be
   * had, or a check at the start finds it wrong or no faster, a warning says so and code is of 128 bits.
   */
  simd256: boolean;
  /** Check every eager result for NaN and throw where one first appears. */
  debugNans: boolean;
  /** Record where each transformation was entered, so that the error for a value that outlived its trace can say so. */
  checkLeaks: boolean;
  /** Bytes of tensor data that may be live at once. */
  memoryLimit: number;
  /** Whether random bits of an array may be drawn in any order, as JAX does by default; false gives its original streams. */
  threefryPartitionable: boolean;
  /** Compilations of one jitted function (or of jitted functions made again and again in one place) at which a warning is printed, once; Infinity for never. */
  recompileWarningLimit: number;
}

export const settings: Settings = {
  defaultDtype: 'float32',
  defaultDevice: 'wasm',
  threads: 1,
  simd256: false,
  debugNans: false,
  checkLeaks: false,
  memoryLimit: Number.POSITIVE_INFINITY,
  threefryPartitionable: true,
  recompileWarningLimit: 8,
};

export const defaultFloat = (): DType => settings.defaultDtype;
