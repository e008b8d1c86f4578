/**
 * `cond`: one of several Programs, chosen by an index. `lax.cond` and `lax.switch` make it.
 * May import: `ir`, `core`, `primitives`, `transforms`.
 * @module
 */
import { f32, i32 } from '../ir/aval.ts';
import { isFloat } from '../ir/dtype.ts';
import { InternalError } from '../ir/errors.ts';
import { inlineProgram } from '../ir/inline.ts';
import { Program } from '../ir/program.ts';
import { type Replacement, scalarOf, type SimplifyView } from '../ir/simplify.ts';
import { evalProgram } from '../core/evaluate.ts';
import { internProgram } from '../core/intern.ts';
import {
  type BatchContext,
  type BatchDim,
  definePrimitive,
  erase,
  isLinearInput,
  LinearInput,
  type MaybeZero,
  type PartialEvalResult,
  type Primitive,
  residual,
  type TransposeOperand,
} from '../core/primitive.ts';
import { traceClosedProgram } from '../core/program-trace.ts';
import { scalarTensor, type Tensor } from '../core/tensor.ts';
import { bind } from '../core/trace.ts';
import { mul, neg } from '../primitives/arithmetic.ts';
import { stopGradientOf } from '../primitives/barrier.ts';
import { eq } from '../primitives/compare.ts';
import { select } from '../primitives/select.ts';
import { broadcastTo, moveBatchToFront, reshape } from '../primitives/structural.ts';
import { backwardPass } from '../transforms/backward.ts';
import { zeros } from '../transforms/jvp.ts';
import { partialEvalProgram } from '../transforms/partial-eval.ts';
import { batchProgram, jvpProgram } from '../transforms/program-transforms.ts';
import { checkOperands } from './operands.ts';

export interface CondParams {
  /** All with the same operands and results. Operand 0 of the equation is the index (int32, clamped). */
  readonly branches: readonly Program[];
}

const or = (masks: readonly (readonly boolean[])[]): boolean[] => masks[0]!.map((_, i) => masks.some((m) => m[i]));

export function cond(branches: readonly Program[], index: Tensor, operands: readonly Tensor[]): Tensor[] {
  return bind(condP, [index, ...operands], { branches: branches.map(internProgram) });
}

function jvp(
  primals: readonly Tensor[],
  tangents: readonly MaybeZero[],
  { branches }: CondParams,
): readonly [Tensor[], MaybeZero[]] {
  const [index, ...operands] = primals;
  const dots = tangents.slice(1);
  const mask = dots.map((t) => t !== null);
  const force = or(branches.map((b) => jvpProgram(b, mask).hasTangent));
  const pushed = branches.map((b) => jvpProgram(b, mask, force).program);
  const results = cond(pushed, index!, [...operands, ...dots.filter((t) => t !== null)]);
  const numOuts = branches[0]!.outputs.length;
  let next = numOuts;
  return [results.slice(0, numOuts), force.map((has) => (has ? results[next++]! : null))];
}

/** Every branch gives its own residuals and zeros in place of the others', so that all have the same results. */
function partialEval(operands: readonly (Tensor | LinearInput)[], { branches }: CondParams): PartialEvalResult {
  const [index, ...rest] = operands;
  if (index instanceof LinearInput) throw new InternalError('the index of a cond depends on a tangent');
  const mask = rest.map((x) => x instanceof LinearInput);
  const force = or(branches.map((b) => partialEvalProgram(b, mask).isOutputUnknown));
  const parts = branches.map((b) => partialEvalProgram(b, mask, force));
  const numKnown = force.filter((u) => !u).length;
  const residualAvals = parts.flatMap((p) => p.residualAvals);
  const offsets = parts.map((_, i) => parts.slice(0, i).reduce((n, p) => n + p.residualAvals.length, 0));
  const knownBranches = parts.map((p, b) =>
    traceClosedProgram(p.known.name, p.known.inAvals, (args) => {
      const outs = evalProgram(p.known, args);
      const own = outs.slice(numKnown);
      const all = residualAvals.map((aval, i) => own[i - offsets[b]!] ?? zeros(aval));
      return [...outs.slice(0, numKnown), ...all];
    }),
  );
  const unknownAvals = rest.filter((x) => x instanceof LinearInput).map((x) => x.aval);
  const unknownBranches = parts.map((p, b) =>
    traceClosedProgram(p.unknown.name, [...residualAvals, ...unknownAvals], (args) => {
      const own = args.slice(offsets[b]!, offsets[b]! + p.residualAvals.length);
      return evalProgram(p.unknown, [...own, ...args.slice(residualAvals.length)]);
    }),
  );
  const knownArgs = rest.filter((x): x is Tensor => !(x instanceof LinearInput));
  const results = cond(knownBranches, index!, knownArgs);
  let [k, u] = [0, 0];
  return {
    known: force.map((isUnknown) => (isUnknown ? null : results[k++]!)),
    primitive: erase(condP),
    params: { branches: unknownBranches } satisfies CondParams,
    operands: [
      index!,
      ...results.slice(numKnown),
      ...operands.flatMap((x, i) => (x instanceof LinearInput ? [{ unknown: i }] : [])),
    ],
    unknownOutputs: force.flatMap((isUnknown) => (isUnknown ? [u++] : [])),
  };
}

function transpose(
  cts: readonly MaybeZero[],
  operands: readonly TransposeOperand[],
  { branches }: CondParams,
): MaybeZero[] {
  const [index, ...rest] = operands;
  const linear = rest.map(isLinearInput);
  const present = cts.filter((ct) => ct !== null);
  const residuals = rest.filter((x) => !isLinearInput(x)).map(residual);
  const avals = [...residuals, ...present].map((t) => t.aval);
  const transposed = branches.map((b) =>
    traceClosedProgram(`${b.name}.transpose`, avals, (args) => {
      let next = 0;
      const xs = rest.map((x) => (isLinearInput(x) ? x : args[next++]!));
      const grads = backwardPass(
        b,
        xs,
        cts.map((ct) => (ct === null ? null : args[next++]!)),
      );
      return grads.flatMap((g, i) => (linear[i] ? [g ?? zeros(rest[i]!.aval.strong())] : []));
    }),
  );
  const grads = cond(transposed, residual(index!), [...residuals, ...present]);
  let next = 0;
  return [null, ...linear.map((isLinear) => (isLinear ? grads[next++]! : null))];
}

/** A mapped index runs every branch and selects; an unmapped one maps the branches. */
function batch(
  context: BatchContext,
  args: readonly Tensor[],
  dims: readonly BatchDim[],
  { branches }: CondParams,
): readonly [Tensor[], BatchDim[]] {
  const mapped = dims.slice(1).map((d) => d !== null);
  const operands = args.slice(1).map((x, i) => (dims[i + 1] === null ? x : moveBatchToFront(x, dims[i + 1]!)));
  if (dims[0] === null) {
    const force = or(branches.map((b) => batchProgram(b, context, mapped).isMapped));
    const outs = cond(
      branches.map((b) => batchProgram(b, context, mapped, force).program),
      args[0]!,
      operands,
    );
    return [outs, force.map((m): BatchDim => (m ? 0 : null))];
  }
  const all = branches[0]!.outputs.map(() => true);
  const isFull = operands.map(
    (x, i) => mapped[i]! || (isFloat(x.dtype) && x.aval.size * context.size <= largestCopied),
  );
  const full = operands.map((x, i) => (isFull[i] && !mapped[i] ? broadcastTo(x, [context.size, ...x.aval.shape]) : x));
  const results = branches.map((b, k) => {
    const guarded = full.map((x, i) => (isFull[i] ? guard(args[0]!, k, x) : x));
    return evalProgram(batchProgram(b, context, isFull, all).program, guarded);
  });
  const outs = results[0]!.map((_, k) =>
    selectByIndex(
      args[0]!,
      results.map((r) => r[k]!),
    ),
  );
  return [outs, outs.map(() => 0)];
}

/**
 * Elements up to which an operand that is the same for all examples is copied for each, so that it can be guarded. Weights of a model
 * are larger: a copy of them for every example would cost more memory than the whole computation.
 */
const largestCopied = 2 ** 20;

/**
 * x where branch k is chosen, and the same value without a derivative elsewhere: a branch that is not chosen may have an infinite
 * derivative there, and 0·∞ must not reach the operand.
 */
function guard(index: Tensor, k: number, x: Tensor): Tensor {
  if (!isFloat(x.dtype)) return x;
  return select(eq(columnOf(index, x), scalarTensor(k, 'int32')), x, stopGradientOf(x));
}

/** The batched index, shaped to go with x along the batch axis. */
const columnOf = (index: Tensor, x: Tensor): Tensor =>
  reshape(index, [...index.aval.shape, ...x.aval.shape.slice(1).map(() => 1)]);

/** cases[index[b]][b] for every b; an index past the end means the last, a negative one the first. */
function selectByIndex(index: Tensor, cases: readonly Tensor[]): Tensor {
  const column = columnOf(index, cases[0]!);
  return cases
    .slice(0, -1)
    .reduceRight((rest, x, k) => select(eq(column, scalarTensor(k, 'int32')), x, rest), cases.at(-1)!);
}

/** A branch that is known is run without a choice. */
function simplify({
  inputs: [index, ...operands],
  params: { branches },
}: SimplifyView<CondParams>): Replacement | undefined {
  const known = scalarOf(index!);
  if (known === undefined) return undefined;
  const taken = branches[Math.max(0, Math.min(branches.length - 1, known))]!;
  return { kind: 'equations', ...inlineProgram(taken, operands) };
}

/** Results that nobody uses are dropped from every branch. */
function prune(
  used: readonly boolean[],
  { branches }: CondParams,
): { params: CondParams; inputs: number[]; outputs: number[] } {
  const outputs = used.flatMap((u, i) => (u ? [i] : []));
  const pruned = branches.map(
    (b) =>
      new Program(
        b.name,
        b.inputs,
        b.equations,
        outputs.map((i) => b.outputs[i]!),
      ),
  );
  return { params: { branches: pruned }, inputs: [0, ...branches[0]!.inputs.map((_, i) => i + 1)], outputs };
}

const sampleBranches = [
  traceClosedProgram('negate', [f32(3), f32(3)], ([x, y]) => [neg(x!), y!]),
  traceClosedProgram('product', [f32(3), f32(3)], ([x, y]) => [mul(x!, y!), mul(x!, x!)]),
];

export const condP: Primitive<CondParams> = definePrimitive<CondParams>({
  name: 'cond',
  abstractEval: ([, ...avals], { branches }) => {
    checkOperands('cond', avals, branches[0]!.inAvals);
    return branches[0]!.outAvals;
  },
  calculus: { kind: 'structured', jvp, partialEval, transpose },
  batch,
  prune,
  simplify,
  lower: { kind: 'control', control: ({ branches }) => ({ kind: 'branch', branches }) },
  samples: [
    { avals: [i32(), f32(3), f32(3)], params: { branches: sampleBranches }, data: [[0], undefined, undefined] },
    { avals: [i32(), f32(3), f32(3)], params: { branches: sampleBranches }, data: [[1], undefined, undefined] },
  ],
});
