/**
 * The record of a primitive: every rule it has, declared once. Transforms and compilers read the record; none of them knows a
 * particular primitive.
 * May import: `ir`.
 * @module
 */
import { DifferentiationError } from '../ir/errors.ts';
import type { Aval } from '../ir/aval.ts';
import type { DType, TypedArray } from '../ir/dtype.ts';
import type { LowerRule } from '../ir/loop/lower.ts';
import type { PrimitiveInfo } from '../ir/program.ts';
import type { SimplifyRule } from '../ir/simplify.ts';
import type { Tensor } from './tensor.ts';

/** A tangent or cotangent; `null` is a symbolic zero (nothing is computed for it). */
export type MaybeZero = Tensor | null;

/** Stands where a transpose rule has no value: the operand it is linear in. */
export class LinearInput {
  readonly kind = 'linear-input' as const;
  readonly aval: Aval;

  constructor(aval: Aval) {
    this.aval = aval;
  }
}

export type TransposeOperand = Tensor | LinearInput;

export const isLinearInput = (x: TransposeOperand): x is LinearInput => x instanceof LinearInput;

/** The value of an operand that a transpose rule needs as data. */
export function residual(x: TransposeOperand): Tensor {
  if (!(x instanceof LinearInput)) return x;
  throw new DifferentiationError(
    `linearTranspose: expected a linear function, but it multiplies two values (one of them ${x.aval.toString()}) that both depend on its input.`,
    'for the derivative of a nonlinear function use vjp or grad; a rule of customJvp must be linear in the tangents.',
  );
}

/** Tangents of the outputs. `outs` are the outputs at `primals`. The result is linear in `tangents`. */
export type JvpRule<P> = (
  primals: readonly Tensor[],
  tangents: readonly MaybeZero[],
  outs: readonly Tensor[],
  params: P,
) => readonly MaybeZero[];

/** Cotangents of the linear operands (`null` elsewhere), given those of the outputs. At least one `ct` is not null. */
export type TransposeRule<P> = (
  cts: readonly MaybeZero[],
  operands: readonly TransposeOperand[],
  params: P,
) => readonly MaybeZero[];

/** Primal and tangent outputs together, for primitives that carry Programs. */
export type StructuredJvpRule<P> = (
  primals: readonly Tensor[],
  tangents: readonly MaybeZero[],
  params: P,
) => readonly [readonly Tensor[], readonly MaybeZero[]];

/**
 * An application split by what is known. The rule computes the known part at once; the trace then stages one equation for the rest.
 */
export interface PartialEvalResult {
  /** One per output; null where unknown. */
  readonly known: readonly (Tensor | null)[];
  /** The equation that computes the unknown outputs later; `{ unknown: i }` stands for original operand i. */
  readonly primitive: AnyPrimitive;
  readonly params: object;
  readonly operands: readonly ({ readonly unknown: number } | Tensor)[];
  /** For each unknown output in order, which output of the staged equation it is. */
  readonly unknownOutputs: readonly number[];
}

export type PartialEvalRule<P> = (operands: readonly (Tensor | LinearInput)[], params: P) => PartialEvalResult;

export type Calculus<P> =
  /** `transpose`, where the primitive is also linear in some operands (x/y in x). */
  | { readonly kind: 'smooth'; readonly jvp: JvpRule<P>; readonly transpose?: TransposeRule<P> }
  /** Jointly linear in its float operands (those at `linearOperands`, when only some are). */
  | {
      readonly kind: 'linear';
      readonly transpose: TransposeRule<P>;
      readonly linearOperands?: (params: P) => readonly number[];
    }
  /** Linear in each of its float operands separately. */
  | { readonly kind: 'multilinear'; readonly transpose: TransposeRule<P> }
  /** Zero tangent almost everywhere. */
  | { readonly kind: 'piecewise-constant' }
  /** Carries Programs. */
  | {
      readonly kind: 'structured';
      readonly jvp: StructuredJvpRule<P>;
      /** Without it, an application with an unknown operand is staged as it is. */
      readonly partialEval?: PartialEvalRule<P>;
      readonly transpose: TransposeRule<P>;
    };

/** Position of the mapped axis of a value; `null` when it is not mapped. */
export type BatchDim = number | null;

/** What a batch rule may ask of its trace. */
export interface BatchContext {
  readonly size: number;
  readonly axisName: string | undefined;
}

export type BatchRule<P> = (
  context: BatchContext,
  args: readonly Tensor[],
  dims: readonly BatchDim[],
  params: P,
) => readonly [readonly Tensor[], readonly BatchDim[]];

/** A host array with its aval, as the reference evaluator sees values. */
export interface HostArray {
  readonly aval: Aval;
  readonly data: TypedArray;
}

/** Obvious evaluation in plain JavaScript: fills `outs[i].data` (zeroed, of the right dtype) from `args`. */
export type ReferenceRule<P> = (args: readonly HostArray[], outs: readonly HostArray[], params: P) => void;

/** How a scalar is computed on the host, where that gives bit for bit what kernels give. */
export interface HostRule<P> {
  /** One element from up to three operands (`dtype` is theirs), in float64; the caller rounds it to the dtype of the result. */
  readonly compute: (x: number, y: number, z: number, dtype: DType, params: P) => number;
  /** Operands of one float type give a result of that type. */
  readonly keepsFloats: boolean;
}

/** Derivatives of an elementwise primitive whose jvp rule is Σ tᵢ · ∂z/∂xᵢ: what a tape of scalars records in place of equations. */
export interface SlopeRule<P> {
  /** ∂z/∂xᵢ in float64, where numbers give it as exactly as the jvp rule does; NaN where they do not. */
  readonly number?: (i: number, x: number, y: number, z: number, dtype: DType) => number;
  /** ∂z/∂xᵢ for every operand; `null` for one that is zero. */
  readonly tensors?: (primals: readonly Tensor[], out: Tensor, params: P) => readonly MaybeZero[];
}

/** Operands for the table-driven tests. */
export interface Sample<P> {
  readonly avals: readonly Aval[];
  readonly params: P;
  /** Range that float operands are drawn from (default −2…2); one for all or one an operand. */
  readonly domain?: readonly [number, number] | readonly (readonly [number, number])[];
  /** Exact operand data where a range will not do (indices, predicates); `undefined` entries are drawn. */
  readonly data?: readonly (readonly number[] | undefined)[];
  /** Operands that the tests differentiate in (default: every float operand). */
  readonly differentiable?: readonly number[];
  /** Highest order of derivative that exists (default: every order). */
  readonly maxOrder?: number;
  /** There is no reverse mode. */
  readonly forwardOnly?: boolean;
}

export interface PrimitiveRules<P> {
  readonly name: string;
  /** Avals of the outputs; throws `ShapeError` or `DTypeError` on bad operands. */
  readonly abstractEval: (avals: readonly Aval[], params: P) => readonly Aval[];
  readonly calculus: Calculus<P>;
  readonly batch: BatchRule<P>;
  /** Absent for control flow, which every executor runs through its sub-Programs. */
  readonly reference?: ReferenceRule<P>;
  readonly lower: LowerRule<P>;
  readonly onHost?: HostRule<P>;
  readonly slopes?: SlopeRule<P>;
  /** A cheaper equal of an equation, if there is one. */
  readonly simplify?: SimplifyRule<P>;
  readonly samples: readonly Sample<P>[];
  /** Which outputs and operands matter when only some outputs are used (dead code inside sub-Programs). */
  readonly prune?: (usedOutputs: readonly boolean[], params: P) => PrunedEquation<P> | undefined;
  /** True if the primitive communicates over the named axis of a vmap, so that its batch rule runs even for unmapped operands. */
  readonly usesAxisName?: (params: P, axisName: string | undefined) => boolean;
  /** True if equal applications must not be merged (nor removed as identities) by a compiler. */
  readonly isOpaque?: boolean;
  /** True if its rules call functions of the user's, who may keep what they are given. */
  readonly runsUserCode?: boolean;
  /** True of the one that converts by value to the dtype `params.dtype`: compilers convert with it. */
  readonly isConversion?: boolean;
  /** True if the equation must run even when nothing uses it. */
  readonly hasEffects?: boolean;
}

/** A smaller equation with the same used outputs: `inputs`/`outputs` are the positions that remain. */
export interface PrunedEquation<P> {
  readonly params: P;
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
}

/** A declared primitive. */
export interface Primitive<P extends object> extends PrimitiveRules<P>, PrimitiveInfo {
  /** Small integer, unique in this process; cheap cache key. */
  readonly id: number;
}

/** A primitive whose parameter type is not known here: params travel beside it and fit by construction. */
export type AnyPrimitive = Primitive<object>;

const registry: AnyPrimitive[] = [];

/** Declares a primitive and enters it in the registry that the tests walk. */
export function definePrimitive<P extends object>(rules: PrimitiveRules<P>): Primitive<P> {
  const primitive: Primitive<P> = { ...rules, id: registry.length };
  registry.push(erase(primitive));
  return primitive;
}

/** Forgets the parameter type. */
export const erase = <P extends object>(primitive: Primitive<P>): AnyPrimitive => primitive as unknown as AnyPrimitive;

/** The record behind an equation: only declared primitives are ever put in one. */
export const recordOf = (eqn: { readonly primitive: PrimitiveInfo }): AnyPrimitive => eqn.primitive as AnyPrimitive;

/** Every primitive declared so far, in order of declaration. */
export const allPrimitives = (): readonly AnyPrimitive[] => registry;
