/**
 * The compiler's result: kernels in order, native control flow around them, and a place in memory for every buffer.
 * Backends turn a `Plan` into code; nothing above them knows how.
 * May import: `ir`.
 * @module
 */
import type { Aval } from '../ir/aval.ts';
import type { Kernel } from '../ir/loop/kernel.ts';
import type { ConstantValue } from '../ir/program.ts';

/** What a slot's address is relative to. Inputs, outputs and constants are pointers that the caller supplies. */
export type Base =
  | { readonly kind: 'input'; readonly index: number }
  | { readonly kind: 'output'; readonly index: number }
  | { readonly kind: 'constant'; readonly index: number }
  | { readonly kind: 'arena' };

/** Address = base + offset + Σ (iteration of `loop`) · stride; all in bytes. */
export interface Slot {
  readonly base: Base;
  readonly offset: number;
  readonly strides: readonly { readonly loop: number; readonly stride: number }[];
}

export type Step =
  /** `slots` in the order inputs, outputs, scratch of the kernel. */
  | { readonly kind: 'kernel'; readonly kernel: Kernel; readonly slots: readonly Slot[] }
  /** Moves `bytes` bytes; the ranges may be equal but do not overlap otherwise. */
  | { readonly kind: 'copy'; readonly from: Slot; readonly to: Slot; readonly bytes: number }
  /** `index` is an int32 scalar, already clamped to the branches. */
  | { readonly kind: 'branch'; readonly index: Slot; readonly branches: readonly (readonly Step[])[] }
  /** Runs `cond`, reads the bool at `predicate`, and while it holds runs `body` and `cond` again. */
  | { readonly kind: 'while'; readonly cond: readonly Step[]; readonly predicate: Slot; readonly body: readonly Step[] }
  /** Iterations 0…length-1 (backward when `reverse`); slots inside refer to the iteration by `id`. */
  | {
      readonly kind: 'for';
      readonly id: number;
      readonly length: number;
      readonly reverse: boolean;
      readonly body: readonly Step[];
    };

/** How the caller gets output `i`: memory it supplies, or a value it already has. */
export type PlannedOutput =
  | { readonly kind: 'computed' }
  /** Written into the memory of donated input `input`. */
  | { readonly kind: 'donated'; readonly input: number }
  /** The very value of an input, of a constant, or of an earlier output; its shape may differ, its elements and their order do not. */
  | { readonly kind: 'input'; readonly index: number }
  | { readonly kind: 'constant'; readonly index: number }
  | { readonly kind: 'same-as'; readonly output: number };

export interface Plan {
  readonly name: string;
  readonly inputs: readonly Aval[];
  readonly outputs: readonly Aval[];
  readonly plannedOutputs: readonly PlannedOutput[];
  /**
   * Literals that need memory: arrays, and scalars where a loop or a caller wants an address (elsewhere they are inlined). A scalar's
   * number is in `scalar`; the compiler makes such constants itself, so they need not be tensors. `constant` bases index this list.
   */
  readonly constants: readonly ConstantValue[];
  /** Bytes of temporary memory one call needs, 64-byte aligned. */
  readonly arenaBytes: number;
  readonly steps: readonly Step[];
}
