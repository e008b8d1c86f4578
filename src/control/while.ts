/**
 * `while`: a loop whose length is known only when it ends. Forward mode and vmap work; reverse mode would need a trace of unknown
 * length, and says what to use instead.
 * May import: `ir`, `core`, `primitives`, `transforms`.
 * @module
 */
import { f32 } from '../ir/aval.ts';
import { DifferentiationError } from '../ir/errors.ts';
import { Program } from '../ir/program.ts';
import { evalProgram } from '../core/evaluate.ts';
import { internProgram } from '../core/intern.ts';
import {
  type BatchContext,
  type BatchDim,
  definePrimitive,
  erase,
  LinearInput,
  type MaybeZero,
  type PartialEvalResult,
  type Primitive,
  type PrunedEquation,
} from '../core/primitive.ts';
import { traceClosedProgram } from '../core/program-trace.ts';
import { scalarTensor, type Tensor } from '../core/tensor.ts';
import { bind } from '../core/trace.ts';
import { mul } from '../primitives/arithmetic.ts';
import { lt } from '../primitives/compare.ts';
import { reduceOr } from '../primitives/reduce.ts';
import { select } from '../primitives/select.ts';
import { broadcastTo, moveBatchToFront, reduceSum, reshape } from '../primitives/structural.ts';
import { zeros } from '../transforms/jvp.ts';
import { partialEvalProgram } from '../transforms/partial-eval.ts';
import { batchProgram, jvpProgram } from '../transforms/program-transforms.ts';
import { neededInputs } from './invariants.ts';
import { checkOperands } from './operands.ts';
import { carryFixpoint, pick, reorder } from './scan-parts.ts';

export interface WhileParams {
  /** Inputs: constants of the condition, carry. Output: a bool scalar. */
  readonly cond: Program;
  /** Inputs: constants of the body, carry. Outputs: carry. */
  readonly body: Program;
  readonly numCondConsts: number;
  readonly numBodyConsts: number;
}

export const whileLoop = (args: readonly Tensor[], params: WhileParams): Tensor[] =>
  bind(whileP, args, { ...params, cond: internProgram(params.cond), body: internProgram(params.body) });

interface Parts<T> {
  readonly condConsts: readonly T[];
  readonly bodyConsts: readonly T[];
  readonly carry: readonly T[];
}

function partsOf<T>(list: readonly T[], { numCondConsts: nc, numBodyConsts: nb }: WhileParams): Parts<T> {
  return { condConsts: list.slice(0, nc), bodyConsts: list.slice(nc, nc + nb), carry: list.slice(nc + nb) };
}

function jvp(
  primals: readonly Tensor[],
  tangents: readonly MaybeZero[],
  params: WhileParams,
): readonly [Tensor[], MaybeZero[]] {
  const { cond, body, numBodyConsts } = params;
  const [p, t] = [partsOf(primals, params), partsOf(tangents, params)];
  const has = (x: MaybeZero): boolean => x !== null;
  const constMask = t.bodyConsts.map(has);
  const carryMask = carryFixpoint(t.carry.map(has), (m) => jvpProgram(body, [...constMask, ...m]).hasTangent);
  const { program } = jvpProgram(body, [...constMask, ...carryMask], carryMask);
  const constDots = t.bodyConsts.filter((x) => x !== null);
  const carryDots = t.carry.flatMap((x, i) => (carryMask[i] ? [x ?? zeros(p.carry[i]!.aval.strong())] : []));
  const ins = program.inputs;
  const n = body.inputs.length;
  // jvp body: consts carry ċonsts ċarry; wanted: consts ċonsts carry ċarry
  const inputs = [
    ...ins.slice(0, numBodyConsts),
    ...ins.slice(n, n + constDots.length),
    ...ins.slice(numBodyConsts, n),
    ...ins.slice(n + constDots.length),
  ];
  const extra = ins.slice(n + constDots.length);
  const pushedCond = new Program(cond.name, [...cond.inputs, ...extra], cond.equations, cond.outputs);
  const results = whileLoop([...p.condConsts, ...p.bodyConsts, ...constDots, ...p.carry, ...carryDots], {
    cond: pushedCond,
    body: new Program(program.name, inputs, program.equations, program.outputs),
    numCondConsts: params.numCondConsts,
    numBodyConsts: numBodyConsts + constDots.length,
  });
  let next = body.outputs.length;
  return [results.slice(0, next), carryMask.map((m) => (m ? results[next++]! : null))];
}

/** Carries that neither the condition nor a used result depends on go, and so do constants that only these needed. */
function prune(used: readonly boolean[], params: WhileParams): PrunedEquation<WhileParams> | undefined {
  const { cond, body, numCondConsts, numBodyConsts } = params;
  const forCond = neededInputs(cond, () => true);
  const start = used.map((u, i) => u || forCond[numCondConsts + i]!);
  const carry = carryFixpoint(start, (m) => neededInputs(body, (i) => m[i]!).slice(numBodyConsts));
  const condConsts = forCond.slice(0, numCondConsts);
  const bodyConsts = neededInputs(body, (i) => carry[i]!).slice(0, numBodyConsts);
  const isInput = [...condConsts, ...bodyConsts, ...carry];
  if (isInput.every(Boolean)) return undefined;
  const [condMask, bodyMask] = [
    [...condConsts, ...carry],
    [...bodyConsts, ...carry],
  ];
  return {
    params: {
      cond: reorder(cond, pick(cond.inputs, condMask), cond.outputs),
      body: reorder(body, pick(body.inputs, bodyMask), pick(body.outputs, carry)),
      numCondConsts: condConsts.filter(Boolean).length,
      numBodyConsts: bodyConsts.filter(Boolean).length,
    },
    inputs: pick([...isInput.keys()], isInput),
    outputs: pick([...carry.keys()], carry),
  };
}

/**
 * The part of the carry that depends on nothing unknown is computed now; the whole loop is staged for the rest (it runs again, with
 * the same decisions).
 */
function partialEval(operands: readonly (Tensor | LinearInput)[], params: WhileParams): PartialEvalResult {
  const { cond, body, numCondConsts } = params;
  const isUnknown = (x: Tensor | LinearInput): boolean => x instanceof LinearInput;
  const ops = partsOf(operands, params);
  const constU = ops.bodyConsts.map(isUnknown);
  const carryU = carryFixpoint(
    ops.carry.map(isUnknown),
    (m) => partialEvalProgram(body, [...constU, ...m], m).isOutputUnknown,
  );
  const condU = [...ops.condConsts.map(isUnknown), ...carryU];
  const isUsed = neededInputs(cond, () => true);
  const refs = operands.map((x, i) => (x instanceof LinearInput ? { unknown: i } : x));
  const whole = { primitive: erase(whileP), params, operands: refs };
  const all = body.outputs.map((_, i) => i);
  if (condU.some((u, i) => u && isUsed[i])) return { ...whole, known: all.map(() => null), unknownOutputs: all };
  const keep = <T>(list: readonly T[], mask: readonly boolean[]): T[] => list.filter((_, i) => !mask[i]);
  const knownConsts = keep(ops.bodyConsts, constU);
  const knownCond = keep(ops.condConsts, condU.slice(0, numCondConsts));
  const split = partialEvalProgram(body, [...constU, ...carryU], carryU).known;
  const knownBody = new Program(
    body.name,
    split.inputs,
    split.equations,
    split.outputs.slice(0, keep(all, carryU).length),
  );
  const hasKnown = carryU.includes(false);
  const results = !hasKnown
    ? []
    : whileLoop([...knownCond, ...knownConsts, ...keep(ops.carry, carryU)] as Tensor[], {
        cond: new Program(cond.name, keep(cond.inputs, condU), cond.equations, cond.outputs),
        body: knownBody,
        numCondConsts: knownCond.length,
        numBodyConsts: knownConsts.length,
      });
  let next = 0;
  return {
    ...whole,
    known: carryU.map((u) => (u ? null : results[next++]!)),
    unknownOutputs: all.filter((i) => carryU[i]),
  };
}

function noReverseMode(): never {
  throw new DifferentiationError(
    'grad: expected a loop with a known number of iterations, got a while loop, which reverse mode cannot run backward: the ' +
      'values it would need have no bounded size.',
    'use lax.foriLoop with bounds that are JavaScript numbers, lax.scan, a bounded loop with lax.cond inside, or forward mode ' +
      '(jvp, jacfwd); for a fixed point, customVjp with the implicit function theorem.',
  );
}

function batch(
  context: BatchContext,
  args: readonly Tensor[],
  dims: readonly BatchDim[],
  params: WhileParams,
): readonly [Tensor[], BatchDim[]] {
  const { cond, body } = params;
  const [a, d] = [partsOf(args, params), partsOf(dims, params)];
  const isMapped = (x: BatchDim): boolean => x !== null;
  const [condM, bodyM] = [d.condConsts.map(isMapped), d.bodyConsts.map(isMapped)];
  const predicateMapped = (m: readonly boolean[]): boolean =>
    batchProgram(cond, context, [...condM, ...m]).isMapped[0]!;
  const carryM = carryFixpoint(d.carry.map(isMapped), (m) =>
    predicateMapped(m) ? m.map(() => true) : batchProgram(body, context, [...bodyM, ...m]).isMapped,
  );
  const batchedCond = batchProgram(cond, context, [...condM, ...carryM]);
  const batchedBody = batchProgram(body, context, [...bodyM, ...carryM], carryM);
  const front = (x: Tensor, dim: BatchDim): Tensor => (dim === null ? x : moveBatchToFront(x, dim));
  const condConsts = a.condConsts.map((x, i) => front(x, d.condConsts[i]!));
  const bodyConsts = a.bodyConsts.map((x, i) => front(x, d.bodyConsts[i]!));
  const carry = a.carry.map((x, i) => {
    if (!carryM[i] || d.carry[i] !== null) return front(x, d.carry[i]!);
    return broadcastTo(x, [context.size, ...x.aval.shape]);
  });
  const outDims = carryM.map((m): BatchDim => (m ? 0 : null));
  if (!batchedCond.isMapped[0]) {
    const outs = whileLoop([...condConsts, ...bodyConsts, ...carry], {
      ...params,
      cond: batchedCond.program,
      body: batchedBody.program,
    });
    return [outs, outDims];
  }
  return [maskedLoop(condConsts, bodyConsts, carry, batchedCond.program, batchedBody.program), outDims];
}

/** Runs until every example is done; an example that is done keeps its carry. */
function maskedLoop(
  condConsts: readonly Tensor[],
  bodyConsts: readonly Tensor[],
  carry: readonly Tensor[],
  cond: Program,
  body: Program,
): Tensor[] {
  const nc = condConsts.length;
  const anyLeft = traceClosedProgram(cond.name, cond.inAvals, (xs) => [reduceOr(evalProgram(cond, xs)[0]!, [0])]);
  const avals = [...cond.inAvals.slice(0, nc), ...body.inAvals];
  const masked = traceClosedProgram(body.name, avals, (xs) => {
    const old = xs.slice(nc + bodyConsts.length);
    const active = evalProgram(cond, [...xs.slice(0, nc), ...old])[0]!;
    const next = evalProgram(body, xs.slice(nc));
    return next.map((x, i) => {
      const ones = x.aval.shape.slice(1).map(() => 1);
      return select(reshape(active, [...active.aval.shape, ...ones]), x, old[i]!);
    });
  });
  return whileLoop([...condConsts, ...condConsts, ...bodyConsts, ...carry], {
    cond: anyLeft,
    body: masked,
    numCondConsts: nc,
    numBodyConsts: nc + bodyConsts.length,
  });
}

const sampleCond = traceClosedProgram('below', [f32(2)], ([x]) => [
  lt(reduceSum(x!, [0]), scalarTensor(20, 'float32')),
]);
const sampleBody = traceClosedProgram('grow', [f32(), f32(2)], ([k, x]) => [mul(x!, k!)]);

export const whileP: Primitive<WhileParams> = definePrimitive<WhileParams>({
  name: 'while',
  abstractEval: (avals, params) => {
    const { condConsts, bodyConsts, carry } = partsOf(avals, params);
    checkOperands('while', [...condConsts, ...carry], params.cond.inAvals);
    checkOperands('while', [...bodyConsts, ...carry], params.body.inAvals);
    return params.body.outAvals;
  },
  calculus: { kind: 'structured', jvp, partialEval, transpose: noReverseMode },
  batch,
  prune,
  lower: {
    kind: 'control',
    control: ({ cond, body, numCondConsts, numBodyConsts }) => ({
      kind: 'while',
      cond,
      body,
      condConstants: numCondConsts,
      bodyConstants: numBodyConsts,
    }),
  },
  samples: [
    {
      avals: [f32(), f32(2)],
      params: { cond: sampleCond, body: sampleBody, numCondConsts: 0, numBodyConsts: 1 },
      domain: [1.5, 1.9],
      forwardOnly: true,
    },
  ],
});
