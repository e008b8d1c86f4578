/**
 * What fusion hands on: the fused equations of a block, kernels with what they read and write, and places in kernels.
 * May import: `ir`.
 * @module
 */
import type { Expr } from '../ir/loop/expr.ts';
import type { Kernel } from '../ir/loop/kernel.ts';
import type { Literal, Var } from '../ir/program.ts';
import type { Shape } from '../ir/shape.ts';
import type { Graph } from './graph.ts';
import type { Grouping } from './group.ts';
import type { Reuse } from './reuse.ts';
import type { Storage } from './storage.ts';

export interface KernelUnit {
  readonly kind: 'kernel';
  readonly kernel: Kernel;
  /** One for each input of the kernel: a root variable or a literal. */
  readonly reads: readonly (Var | Literal)[];
  readonly writes: readonly Var[];
  readonly reuse: readonly Reuse[];
  /** Position among the equations of the block. */
  readonly order: number;
}

/** The fused equations of a block. */
export interface Fusion {
  readonly graph: Graph;
  readonly grouping: Grouping;
  readonly storage: Storage;
}

/** A place in a kernel that others write, at which a group is computed for each of its positions. */
export interface Site {
  readonly index: readonly Expr[];
  readonly shape: Shape;
  readonly linear: Expr;
  /** A value that is at hand there, at that position. */
  readonly value: Var;
  readonly element: Expr;
  /** Smaller numbers are taken. */
  readonly nextId: number;
}
