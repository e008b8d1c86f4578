/**
 * The emitter's expression graph: hash-consed nodes with integer intervals, so that equal subexpressions are one node, index
 * arithmetic is in affine normal form, and provable comparisons vanish.
 * May import: `ir`.
 * @module
 */
import type { DType } from '../../../ir/dtype.ts';
import type { Axis, BinaryOp, BufferRef, Local, TernaryOp, UnaryOp } from '../../../ir/loop/expr.ts';

export type NodeKind =
  | 'const'
  | 'axis'
  | 'affine'
  | 'local'
  | 'load'
  | 'unary'
  | 'binary'
  | 'ternary'
  | 'select'
  | 'convert'
  | 'bitcast';

export type NodeFn = UnaryOp | BinaryOp | TernaryOp;

/**
 * One value. `affine` is `value + Σ coefficients[i] · args[i]` modulo 2^32. A node's `level` is the depth of the innermost loop it must
 * be computed in; `deps` has bit d set when its value may differ between iterations of the loop at depth d.
 */
export interface Node {
  readonly id: number;
  readonly kind: NodeKind;
  readonly dtype: DType;
  readonly fn: NodeFn | undefined;
  readonly args: readonly Node[];
  readonly coefficients: readonly number[];
  /** The number of a const, the constant term of an affine node, the version of a local or of a loaded buffer. */
  readonly value: number;
  readonly ref: Axis | Local | BufferRef | undefined;
  /** Interval that holds the value, for int32 (and 0…1 for bool). */
  readonly lo: number;
  readonly hi: number;
  readonly level: number;
  readonly deps: number;
  /** True when a load in it may lie outside the memory that is safe to touch. */
  readonly isUnsafe: boolean;
  /** Longest path to a leaf. */
  readonly height: number;
}

/** Speculative loads may miss their buffer by this many bytes: the heap keeps that much free at both ends. */
export const speculationSlack: number = 8 << 20;

/** Address of 256 bytes below the heap for vectors that the calling thread stores only to load them again. */
export const stagingAddress = 256;

/** Address, below the heap too, of the results of parts of a reduction, and the bytes that each part has. */
export const partialsAddress = 4096;
export const partialBytes = 512;

/** Address, below the heap too, of the values of stages (see `stages.ts`), and the bytes that each part of a loop has for them. */
export const stagesAddress = 65536;
export const stagesBytes = 2048;

export const noRange: { readonly lo: number; readonly hi: number } = { lo: -2147483648, hi: 2147483647 };

export const isConst = (n: Node, value: number): boolean => n.kind === 'const' && n.value === value;

/** Whether interval arithmetic on the node cannot have wrapped. */
export const isBounded = (n: Node): boolean => n.lo > -1073741824 && n.hi < 1073741824;

/** Depth bit of a loop; loops deeper than 30 share one bit, which only costs hoisting. */
export const depthBit = (depth: number): number => 1 << Math.min(depth, 30);
