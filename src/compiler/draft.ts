/**
 * Steps before memory is planned: they name buffers, not addresses.
 * May import: `ir`.
 * @module
 */
import type { Kernel } from '../ir/loop/kernel.ts';
import type { Reuse } from './reuse.ts';

/** Where a buffer lives. The arena's buffers get their offsets from the memory planner. */
export type Home =
  | { readonly kind: 'input'; readonly index: number }
  | { readonly kind: 'output'; readonly index: number }
  | { readonly kind: 'constant'; readonly index: number }
  | { readonly kind: 'arena' };

export class MemoryBuffer {
  readonly home: Home;
  readonly bytes: number;
  /** Number of loops around the place that declares it: its content does not outlive an iteration of the innermost. */
  readonly depth: number;

  constructor(home: Home, bytes: number, depth: number) {
    this.home = home;
    this.bytes = bytes;
    this.depth = depth;
  }
}

/** Part of a buffer; it may move with the iterations of loops. Offsets and strides in bytes. */
export interface View {
  readonly buffer: MemoryBuffer;
  readonly offset: number;
  readonly strides: readonly { readonly loop: number; readonly stride: number }[];
}

export const wholeView = (buffer: MemoryBuffer): View => ({ buffer, offset: 0, strides: [] });

export function sameView(a: View, b: View): boolean {
  return (
    a.buffer === b.buffer &&
    a.offset === b.offset &&
    a.strides.length === b.strides.length &&
    a.strides.every((s, i) => s.loop === b.strides[i]!.loop && s.stride === b.strides[i]!.stride)
  );
}

export type DraftStep =
  | {
      readonly kind: 'kernel';
      readonly kernel: Kernel;
      /** Inputs, outputs, scratch. */
      readonly views: readonly View[];
      readonly reuse: readonly Reuse[];
    }
  | { readonly kind: 'copy'; readonly from: View; readonly to: View; readonly bytes: number }
  | { readonly kind: 'branch'; readonly index: View; readonly branches: readonly (readonly DraftStep[])[] }
  | {
      readonly kind: 'while';
      readonly cond: readonly DraftStep[];
      readonly predicate: View;
      readonly body: readonly DraftStep[];
    }
  | {
      readonly kind: 'for';
      readonly id: number;
      readonly length: number;
      readonly reverse: boolean;
      readonly body: readonly DraftStep[];
    };
