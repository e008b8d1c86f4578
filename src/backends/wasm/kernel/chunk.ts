/**
 * The functions through which threads share a phase: one that computes chunk `i` of the job in the control block.
 * May import: `encode`, `threads/layout`.
 * @module
 */
import type { FunctionBuilder } from '../encode/function.ts';
import type { ModuleBuilder, Signature } from '../encode/module.ts';
import { layout } from '../threads/layout.ts';

/** What kernels need in order to share their work. */
export interface Threading {
  /** Where there can only be one thread, the parts of a phase are done one after the other. */
  readonly isAlone: boolean;
  /** Address of the control block. */
  readonly control: number;
  /** A place in the table of functions for one that computes chunks; it is exported under `chunkName`. */
  newSlot(): number;
  /** Whether the other threads have this function of the host. */
  isPortable(name: string): boolean;
}

export const chunkName = (slot: number): string => `chunk${slot}`;

/** `threads.parallel(slot, chunks)` runs all chunks of the job whose arguments are in the control block. */
export const parallelSignature: Signature = { params: ['i32', 'i32'], results: [] };

/** An integer that is known, or an argument of the job. */
export type ChunkInt = { readonly value: number } | { readonly argument: number };

/**
 * The last two parameters of a phase's function: a range of iterations, or the number of a part of a product and how many there are, with
 * the sign of `perThread`.
 */
export type Bounds =
  | { readonly kind: 'range'; readonly grain: ChunkInt; readonly extent: ChunkInt }
  | { readonly kind: 'part'; readonly perThread: ChunkInt };

/** Defines and exports chunk(i), which calls `phase` with `count` arguments of the job and the bounds of chunk i. */
export function defineChunk(
  module: ModuleBuilder,
  threading: Threading,
  phase: FunctionBuilder,
  count: number,
  bounds: Bounds,
): number {
  const slot = threading.newSlot();
  const f = module.defineFunction({ params: ['i32'], results: [] });
  const argument = (i: number): void => {
    f.i32(threading.control);
    f.memory('i32.load', layout.args + 4 * i);
  };
  const int = (x: ChunkInt): void => ('value' in x ? f.i32(x.value) : argument(x.argument));
  for (let i = 0; i < count; i++) argument(i);
  f.get(0);
  if (bounds.kind === 'part') {
    const parts = f.local('i32');
    f.i32(threading.control);
    f.memory('i32.load', layout.chunks);
    f.tee(parts);
    f.i32(0);
    f.get(parts);
    f.op('i32.sub');
    int(bounds.perThread);
    f.i32(0);
    f.op('i32.gt_s');
    f.op('select');
  } else {
    const end = f.local('i32');
    int(bounds.grain);
    f.op('i32.mul');
    f.get(0);
    f.i32(1);
    f.op('i32.add');
    int(bounds.grain);
    f.op('i32.mul');
    f.tee(end);
    int(bounds.extent);
    f.get(end);
    int(bounds.extent);
    f.op('i32.lt_s');
    f.op('select');
  }
  f.callDefined(phase.ordinal);
  module.exportFunction(chunkName(slot), f);
  return slot;
}
