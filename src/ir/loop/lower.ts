/**
 * What a primitive's `lower` rule may be. The compiler fuses `pointwise` rules into each other, into `reduction`s and into an `assembly`; the rest
 * are kernels of their own or disappear before fusion.
 * May import: `ir`.
 * @module
 */
import type { Aval } from '../aval.ts';
import type { Program } from '../program.ts';
import type { Expr } from './expr.ts';
import type { Combine, KernelBuilder } from './kernel.ts';

/** One element of every output, given its index; reads operands wherever it likes. */
export interface PointwiseContext<P> {
  readonly params: P;
  readonly inputs: readonly Aval[];
  readonly outputs: readonly Aval[];
  /** One int32 expression per output dimension (all outputs of a pointwise rule share a shape). */
  readonly index: readonly Expr[];
  /** Element of operand `k` at a multi-index (one expression per dimension of that operand). */
  readonly load: (k: number, index: readonly Expr[]) => Expr;
}

/** `out[i] = finish(combine over r of element(i, r))`. `index` and `load` as above. */
export interface ReductionContext<P> extends PointwiseContext<P> {
  /** One expression per entry of `extents`. */
  readonly reduceIndex: readonly Expr[];
}

/** Writes its own loops. Operands and results are row-major. */
export interface LoopsRule<P> {
  readonly kind: 'loops';
  /**
   * Operand whose elements the first result holds when the loops begin; they change some of them, and read them as that result. Where
   * nobody needs the operand any more, this costs nothing: a loop that sets one element of an array at a time does not copy it.
   */
  readonly startsFrom?: number;
  readonly build: (b: KernelBuilder, inputs: readonly Aval[], outputs: readonly Aval[], params: P) => void;
}

export type LowerRule<P> =
  | {
      readonly kind: 'pointwise';
      readonly element: (c: PointwiseContext<P>) => readonly Expr[];
      /** Loops that touch less memory, and when they do. */
      readonly update?: LoopsRule<P> & { readonly isBetter: (inputs: readonly Aval[], params: P) => boolean };
    }
  | {
      readonly kind: 'reduction';
      readonly combine: (params: P) => Combine;
      /** Extents of the axes that are reduced over. */
      readonly extents: (inputs: readonly Aval[], params: P) => readonly number[];
      readonly element: (c: ReductionContext<P>) => Expr;
    }
  | LoopsRule<P>
  /** The operands, each whole, side by side in the one result: where each begins. They may be computed where they are put. */
  | {
      readonly kind: 'assembly';
      readonly starts: (inputs: readonly Aval[], params: P) => readonly (readonly number[])[];
    }
  /** Replaced by a Program over other primitives before simplification. `donate`: operands whose memory the results may take. */
  | {
      readonly kind: 'expand';
      readonly program: (inputs: readonly Aval[], params: P) => Program;
      readonly donate?: (params: P) => readonly number[];
    }
  /** Control flow, compiled to native branches and loops around its sub-Programs. */
  | { readonly kind: 'control'; readonly control: (params: P) => ControlFlow };

/** Operand order is given by the counts; sub-Programs are closed. */
export type ControlFlow =
  /** Operands: index (int32 scalar, clamped), then the operands of each branch. Results: those of the branch. */
  | { readonly kind: 'branch'; readonly branches: readonly Program[] }
  /** Operands: condition constants, body constants, initial carry. `cond` → bool scalar. Results: final carry. */
  | {
      readonly kind: 'while';
      readonly cond: Program;
      readonly body: Program;
      readonly condConstants: number;
      readonly bodyConstants: number;
    }
  /** Operands: constants, initial carry, stacked xs. Body: constants, carry, x slices → carry, y slices. Results: carry, stacked ys. */
  | {
      readonly kind: 'scan';
      readonly body: Program;
      readonly constants: number;
      readonly carry: number;
      readonly length: number;
      readonly reverse: boolean;
      /** Iterations that become one (default 1). */
      readonly unroll?: number;
    };
