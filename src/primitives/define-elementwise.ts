/**
 * Declaring elementwise primitives in a line. Operands broadcast as in NumPy inside the primitive, so `x + bias` is one equation.
 * May import: `ir`, `core`, `primitives/structural`.
 * @module
 */
import { Aval, scalarAval } from '../ir/aval.ts';
import { type DType, dtypeInfo, isFloat } from '../ir/dtype.ts';
import { DTypeError } from '../ir/errors.ts';
import { type Expr, int } from '../ir/loop/expr.ts';
import type { SimplifyRule } from '../ir/simplify.ts';
import { broadcastShapes, rowMajorStrides, sameShape, type Shape } from '../ir/shape.ts';
import {
  type BatchContext,
  type BatchDim,
  type BatchRule,
  type Calculus,
  definePrimitive,
  type HostArray,
  type HostRule,
  type MaybeZero,
  type Primitive,
  type Sample,
  type SlopeRule,
} from '../core/primitive.ts';
import type { Tensor } from '../core/tensor.ts';
import { bind } from '../core/trace.ts';
import { broadcastInDimP, broadcastTo, forEachIndex, moveBatchToFront, reshape } from './structural.ts';
import { broadcastLast, withoutBroadcasts } from './structural-rules.ts';

/** Which dtypes an operation takes. */
export type Accepts = 'float' | 'integer' | 'number' | 'logical' | 'any';

const categories: { readonly [A in Accepts]: readonly string[] } = {
  float: ['float'],
  integer: ['signed', 'unsigned'],
  number: ['float', 'signed', 'unsigned'],
  logical: ['bool', 'signed', 'unsigned'],
  any: ['bool', 'float', 'signed', 'unsigned'],
};

export interface ElementwiseRules<P extends object> {
  readonly name: string;
  readonly accepts: Accepts;
  /** Dtype of the result; that of the operands unless given. */
  readonly resultDType?: DType | ((operand: DType, params: P) => DType);
  /** Operands that must have one dtype together (default all). */
  readonly sameDType?: readonly number[];
  /** Throws if operands that `accepts` does not speak of are wrong. */
  readonly check?: (avals: readonly Aval[]) => void;
  readonly calculus: Calculus<P>;
  /** One element, in float64 (integers: exact; booleans: 0 or 1). Stored with the rounding or wrapping of the result's dtype. */
  readonly scalar: (args: readonly number[], params: P, dtype: DType) => number;
  /** One element as a scalar expression. */
  readonly element: (args: readonly Expr[], params: P) => Expr;
  /**
   * One element on the host, if rounding it gives what kernels give. For float32 that holds of +, −, ×, ÷ and √, whose float64 result
   * has more than twice the digits (Figueroa, When is double rounding innocuous?, 1995), and of whatever does not round.
   */
  readonly onHost?: HostRule<P>['compute'];
  readonly slopes?: SlopeRule<P>;
  readonly simplify?: SimplifyRule<P>;
  readonly samples: readonly Sample<P>[];
}

function checkDTypes(name: string, accepts: Accepts, avals: readonly Aval[], same: readonly number[]): void {
  const first = avals[same[0]!]!;
  for (const i of same) {
    const a = avals[i]!;
    if (a.dtype !== first.dtype) {
      throw new DTypeError(
        `${name}: expected operands of one dtype, got ${first.toString()} and ${a.toString()}.`,
        'functions of np promote by themselves; with lax, convert with astype first.',
      );
    }
  }
  if (!categories[accepts].includes(dtypeInfo[first.dtype].category)) {
    const wanted = accepts === 'logical' ? 'boolean or integer' : accepts === 'number' ? 'integer or float' : accepts;
    throw new DTypeError(
      `${name}: expected ${wanted} operands, got ${first.toString()}.`,
      'convert with astype first.',
    );
  }
}

function outputShape(name: string, avals: readonly Aval[]): Shape {
  const first = avals[0]!.shape;
  for (let i = 1; i < avals.length; i++) {
    if (!sameShape(first, avals[i]!.shape)) return broadcastShapes(name, ...avals.map((a) => a.shape));
  }
  return first;
}

export function defineElementwise<P extends object>(rules: ElementwiseRules<P>): Primitive<P> {
  const { name, accepts, resultDType } = rules;
  const keeps = keepsFloats(rules);
  const primitive: Primitive<P> = definePrimitive<P>({
    name,
    abstractEval: (avals, params) => {
      const first = avals[0]!;
      // The usual case, also in cost: operands of one float type.
      if (keeps && isFloat(first.dtype) && avals.every((a) => a === first)) return [first];
      const same = rules.sameDType ?? avals.map((_, i) => i);
      checkDTypes(name, accepts, avals, same);
      rules.check?.(avals);
      const operand = avals[same[0]!]!;
      const dtype =
        typeof resultDType === 'function' ? resultDType(operand.dtype, params) : (resultDType ?? operand.dtype);
      const isWeak = dtype === operand.dtype && same.every((i) => avals[i]!.weakType);
      const shape = outputShape(name, avals);
      // Often that of the operand: the same object is cheaper to make, and to compare and look up later.
      const isSame = operand.shape === shape && operand.dtype === dtype && operand.weakType === isWeak;
      if (isSame) return [operand];
      return [shape.length === 0 ? scalarAval(dtype, isWeak) : new Aval(shape, dtype, isWeak)];
    },
    calculus: rules.calculus,
    batch: (context, args, dims, params) => batchElementwise(primitive, context, args, dims, params),
    reference: (args, [out], params) =>
      evaluateElementwise(args, out!, (xs) => rules.scalar(xs, params, args[0]!.aval.dtype)),
    lower: {
      kind: 'pointwise',
      element: ({ inputs, outputs, params, index, load }) => [
        rules.element(
          inputs.map((x, k) => load(k, broadcastIndex(x.shape, outputs[0]!.shape, index))),
          params,
        ),
      ],
    },
    ...(rules.onHost && { onHost: { compute: rules.onHost, keepsFloats: keeps } }),
    ...(rules.slopes && { slopes: rules.slopes }),
    simplify: (view) =>
      rules.simplify?.(view) ??
      withoutBroadcasts(view, primitive, broadcastInDimP) ??
      broadcastLast(view, primitive, broadcastInDimP),
    samples: rules.samples,
  });
  return primitive;
}

const keepsFloats = <P extends object>({ accepts, resultDType, sameDType, check }: ElementwiseRules<P>): boolean =>
  categories[accepts].includes('float') && resultDType === undefined && sameDType === undefined && check === undefined;

/** Index into an operand that broadcasts to the output's shape. */
export function broadcastIndex(shape: Shape, out: Shape, index: readonly Expr[]): Expr[] {
  const shift = out.length - shape.length;
  return shape.map((n, i) => (n === 1 && out[i + shift] !== 1 ? int(0) : index[i + shift]!));
}

function evaluateElementwise(args: readonly HostArray[], out: HostArray, f: (xs: readonly number[]) => number): void {
  const shape = out.aval.shape;
  const strides = args.map((a) => {
    const own = rowMajorStrides(a.aval.shape);
    const shift = shape.length - own.length;
    return shape.map((_, i) => (i < shift || a.aval.shape[i - shift] === 1 ? 0 : own[i - shift]!));
  });
  const xs = args.map(() => 0);
  forEachIndex(shape, (index, o) => {
    for (let k = 0; k < args.length; k++) {
      let i = 0;
      for (let d = 0; d < index.length; d++) i += index[d]! * strides[k]![d]!;
      xs[k] = args[k]!.data[i]!;
    }
    out.data[o] = f(xs);
  });
}

/** Mapped operands get their mapped axis first and enough axes of size 1 after it that the rest still aligns from the last. */
function batchElementwise<P extends object>(
  primitive: Primitive<P>,
  _context: BatchContext,
  args: readonly Tensor[],
  dims: readonly BatchDim[],
  params: P,
): ReturnType<BatchRule<P>> {
  const logicalRank = (i: number): number => args[i]!.aval.ndim - (dims[i] === null ? 0 : 1);
  const rank = Math.max(...args.map((_, i) => logicalRank(i)));
  const shared = dims.find((d) => d !== null)!;
  const isAligned = args.every((x, i) =>
    dims[i] === null ? x.aval.ndim === 0 : dims[i] === shared && logicalRank(i) === rank,
  );
  if (isAligned) return [bind(primitive, args, params), [shared]];
  const aligned = args.map((x, i) => {
    const d = dims[i]!;
    if (d === null) return x;
    const front = moveBatchToFront(x, d);
    const [size, ...rest] = front.aval.shape;
    const ones = Array.from({ length: rank - rest.length }, () => 1);
    return reshape(front, [size!, ...ones, ...rest]);
  });
  return [bind(primitive, aligned, params), [0]];
}

/** Tangent rule from partial derivatives: Σ tᵢ · ∂f/∂xᵢ, stretched to the output's shape. `mul` and `add` come from the caller's family. */
export function sumTangents(
  terms: readonly MaybeZero[],
  add: (a: Tensor, b: Tensor) => Tensor,
  shape: Shape,
): MaybeZero {
  const present = terms.filter((t) => t !== null);
  if (present.length === 0) return null;
  return broadcastTo(present.reduce(add), shape);
}

export type NoParams = Readonly<Record<never, never>>;
export const noParams: NoParams = {};
