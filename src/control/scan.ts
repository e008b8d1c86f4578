/**
 * `scan`: a loop of known length with a carry, reading slices of `xs` and stacking slices of `ys`. It has every rule, reverse mode
 * included; `lax.scan` and `lax.foriLoop` (with known bounds) make it.
 * May import: `ir`, `core`, `primitives`, `transforms`.
 * @module
 */
import { type Aval, f32, f64 } from '../ir/aval.ts';
import { inlineProgram } from '../ir/inline.ts';
import { Equation, type Program, Var } from '../ir/program.ts';
import type { Replacement, SimplifyView } from '../ir/simplify.ts';
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
  type PrunedEquation,
  residual,
  type TransposeOperand,
} from '../core/primitive.ts';
import { traceClosedProgram } from '../core/program-trace.ts';
import type { Tensor } from '../core/tensor.ts';
import { bind } from '../core/trace.ts';
import { add, mul } from '../primitives/arithmetic.ts';
import { broadcastTo, moveAxis, moveBatchToFront } from '../primitives/structural.ts';
import { backwardPass } from '../transforms/backward.ts';
import { zeros } from '../transforms/jvp.ts';
import { batchProgram, jvpProgram } from '../transforms/program-transforms.ts';
import { hoistInvariants, neededInputs } from './invariants.ts';
import { checkOperands } from './operands.ts';
import { partialEvalScan } from './scan-partial.ts';
import { carryFixpoint, omit, partsOf, pick, reorder, type ScanParams } from './scan-parts.ts';

export type { ScanParams } from './scan-parts.ts';

export const scan = (args: readonly Tensor[], params: ScanParams): Tensor[] =>
  bind(scanP, args, { ...params, body: internProgram(params.body) });

const isPresent = (x: MaybeZero): boolean => x !== null;

function jvp(
  primals: readonly Tensor[],
  tangents: readonly MaybeZero[],
  params: ScanParams,
): readonly [Tensor[], MaybeZero[]] {
  const { body, numCarry } = params;
  const [p, t] = [partsOf(primals, params), partsOf(tangents, params)];
  const [constMask, xsMask] = [t.consts.map(isPresent), t.xs.map(isPresent)];
  const maskOf = (carry: readonly boolean[]): boolean[] => [...constMask, ...carry, ...xsMask];
  const carryMask = carryFixpoint(t.carry.map(isPresent), (m) =>
    jvpProgram(body, maskOf(m)).hasTangent.slice(0, numCarry),
  );
  const force = body.outputs.map((_, i) => i < numCarry && carryMask[i]!);
  const { program, hasTangent } = jvpProgram(body, maskOf(carryMask), force);
  const count = (mask: readonly boolean[]): number => mask.filter(Boolean).length;
  // jvp body: consts carry xs ċonsts ċarry ẋs → carry ys ċarry ẏs; wanted: consts ċonsts carry ċarry xs ẋs → carry ċarry ys ẏs
  const ins = partsOf(program.inputs, params);
  const dots = program.inputs.slice(body.inputs.length);
  const [nc, nk] = [count(constMask), count(carryMask)];
  const xs = program.inputs.slice(params.numConsts + numCarry, body.inputs.length);
  const inputs = [
    ...ins.consts,
    ...dots.slice(0, nc),
    ...ins.carry,
    ...dots.slice(nc, nc + nk),
    ...xs,
    ...dots.slice(nc + nk),
  ];
  const outs = program.outputs.slice(0, body.outputs.length);
  const outDots = program.outputs.slice(body.outputs.length);
  const outputs = [...outs.slice(0, numCarry), ...outDots.slice(0, nk), ...outs.slice(numCarry), ...outDots.slice(nk)];
  const carryDots = t.carry.flatMap((d, i) => (carryMask[i] ? [d ?? zeros(p.carry[i]!.aval.strong())] : []));
  const results = scan(
    [
      ...p.consts,
      ...t.consts.filter((d) => d !== null),
      ...p.carry,
      ...carryDots,
      ...p.xs,
      ...t.xs.filter((d) => d !== null),
    ],
    { ...params, body: reorder(program, inputs, outputs), numConsts: params.numConsts + nc, numCarry: numCarry + nk },
  );
  const numYs = body.outputs.length - numCarry;
  let [nextCarry, nextY] = [numCarry, numCarry + nk + numYs];
  const yResults = results.slice(numCarry + nk, numCarry + nk + numYs);
  const outTangents = hasTangent.map((has, i) =>
    has ? (i < numCarry ? results[nextCarry++]! : results[nextY++]!) : null,
  );
  return [[...results.slice(0, numCarry), ...yResults], outTangents];
}

function partialEval(operands: readonly (Tensor | LinearInput)[], params: ScanParams): PartialEvalResult {
  return partialEvalScan(operands, params, { primitive: erase(scanP), apply: scan });
}

/**
 * c' = A(r) c + B(r) x + C(r) k and y likewise, run backward: the carry's cotangent flows from the last iteration to the first, the
 * constants' cotangents add up on the way.
 */
function transpose(cts: readonly MaybeZero[], operands: readonly TransposeOperand[], params: ScanParams): MaybeZero[] {
  const { body, numCarry } = params;
  const ops = partsOf(operands, params);
  if (!ops.carry.every(isLinearInput)) return transposeMixed(cts, operands, params);
  const [constL, xsL] = [ops.consts.map(isLinearInput), ops.xs.map(isLinearInput)];
  const resConsts = omit(ops.consts, constL).map(residual);
  const resXs = omit(ops.xs, xsL).map(residual);
  const yCts = cts.slice(numCarry);
  const constAvals = pick(ops.consts, constL).map((x) => x.aval.strong());
  const carryAvals = ops.carry.map((x) => x.aval.strong());
  const slice = (a: Aval): Aval => a.withShape(a.shape.slice(1));
  const presentYs = yCts.filter((ct) => ct !== null);
  const xsAvals = [...resXs, ...presentYs].map((x) => slice(x.aval));
  const avals = [...resConsts.map((x) => x.aval), ...constAvals, ...carryAvals, ...xsAvals];
  const transposed = traceClosedProgram(`${body.name}.transpose`, avals, (args) => {
    let next = 0;
    const take = (n: number): readonly Tensor[] => args.slice(next, (next += n));
    const [rc, sums, carry, rx, ys] = [
      take(resConsts.length),
      take(constAvals.length),
      take(numCarry),
      take(resXs.length),
      take(presentYs.length),
    ];
    let [c, x, y] = [0, 0, 0];
    const bodyOperands = body.inputs.map((v, i): TransposeOperand => {
      if (i < constL.length) return constL[i] ? new LinearInput(v.aval) : rc[c++]!;
      if (i < constL.length + numCarry) return new LinearInput(v.aval);
      return xsL[i - constL.length - numCarry] ? new LinearInput(v.aval) : rx[x++]!;
    });
    const bodyCts = [...carry, ...yCts.map((ct) => (ct === null ? null : ys[y++]!))];
    const grads = partsOf(backwardPass(body, bodyOperands, bodyCts), params);
    const newSums = pick(grads.consts, constL).map((g, i) => (g ? add(sums[i]!, g) : sums[i]!));
    const newCarry = grads.carry.map((g, i) => g ?? zeros(carryAvals[i]!));
    const xGrads = grads.xs.flatMap((g, i) => (xsL[i] ? [g ?? zeros(slice(ops.xs[i]!.aval.strong()))] : []));
    return [...newSums, ...newCarry, ...xGrads];
  });
  const carryCts = cts.slice(0, numCarry).map((ct, i) => ct ?? zeros(carryAvals[i]!));
  const results = scan([...resConsts, ...constAvals.map(zeros), ...carryCts, ...resXs, ...presentYs], {
    body: transposed,
    numConsts: resConsts.length,
    numCarry: constAvals.length + numCarry,
    length: params.length,
    reverse: !params.reverse,
    ...(params.unroll !== undefined && { unroll: params.unroll }),
  });
  let [k, x] = [0, constAvals.length + numCarry];
  return [
    ...constL.map((isLinear) => (isLinear ? results[k++]! : null)),
    ...results.slice(constAvals.length, constAvals.length + numCarry),
    ...xsL.map((isLinear) => (isLinear ? results[x++]! : null)),
  ];
}

/** Some carries are not linear (a loop counter): they are run first, and what is left is linear. */
function transposeMixed(
  cts: readonly MaybeZero[],
  operands: readonly TransposeOperand[],
  params: ScanParams,
): MaybeZero[] {
  const split = partialEval(operands, params);
  const staged = split.operands.map((o) => ('unknown' in o ? (operands[o.unknown] as LinearInput) : o));
  const stagedParams = split.params as ScanParams;
  const outCts = stagedParams.body.outputs.map((): MaybeZero => null);
  let next = 0;
  split.known.forEach((k, i) => {
    if (k === null) outCts[split.unknownOutputs[next++]!] = cts[i]!;
  });
  // A linear carry whose start is known (zero) has no operand to send its cotangent to.
  const linearized = staged.map((o, i) => (isCarry(i, stagedParams) ? new LinearInput(o.aval) : o));
  const grads = transpose(outCts, linearized, stagedParams);
  const out = operands.map((): MaybeZero => null);
  split.operands.forEach((o, i) => {
    if ('unknown' in o) out[o.unknown] = grads[i]!;
  });
  return out;
}

const isCarry = (i: number, { numConsts, numCarry }: ScanParams): boolean => i >= numConsts && i < numConsts + numCarry;

function batch(
  context: BatchContext,
  args: readonly Tensor[],
  dims: readonly BatchDim[],
  params: ScanParams,
): readonly [Tensor[], BatchDim[]] {
  const { body, numCarry } = params;
  const [a, d] = [partsOf(args, params), partsOf(dims, params)];
  const isMapped = (x: BatchDim): boolean => x !== null;
  const [constM, xsM] = [d.consts.map(isMapped), d.xs.map(isMapped)];
  const maskOf = (carry: readonly boolean[]): boolean[] => [...constM, ...carry, ...xsM];
  const carryM = carryFixpoint(d.carry.map(isMapped), (m) =>
    batchProgram(body, context, maskOf(m)).isMapped.slice(0, numCarry),
  );
  const force = body.outputs.map((_, i) => i < numCarry && carryM[i]!);
  const batched = batchProgram(body, context, maskOf(carryM), force);
  const consts = a.consts.map((x, i) => (constM[i] ? moveBatchToFront(x, d.consts[i]!) : x));
  const carry = a.carry.map((x, i) => {
    if (!carryM[i]) return x;
    return d.carry[i] === null ? broadcastTo(x, [context.size, ...x.aval.shape]) : moveBatchToFront(x, d.carry[i]!);
  });
  const xs = a.xs.map((x, i) => (xsM[i] ? moveAxis(x, d.xs[i]!, 1) : x));
  const outs = scan([...consts, ...carry, ...xs], { ...params, body: batched.program });
  return [outs, batched.isMapped.map((m, i): BatchDim => (m ? (i < numCarry ? 0 : 1) : null))];
}

/** Carries and stacked results that no used result depends on go, and so do operands that only these needed. */
function prune(used: readonly boolean[], params: ScanParams): PrunedEquation<ScanParams> | undefined {
  const { body, numConsts, numCarry } = params;
  const needs = (carry: readonly boolean[]): boolean[] =>
    neededInputs(body, (i) => (i < numCarry ? carry[i]! : used[i]!));
  const carry = carryFixpoint(used.slice(0, numCarry), (m) => needs(m).slice(numConsts, numConsts + numCarry));
  const isInput = needs(carry).map((n, i) => (isCarry(i, params) ? carry[i - numConsts]! : n));
  const isOutput = used.map((u, i) => (i < numCarry ? carry[i]! : u));
  if (isInput.every(Boolean) && isOutput.every(Boolean)) return undefined;
  const kept = partsOf(isInput, params);
  return {
    params: {
      ...params,
      body: reorder(body, pick(body.inputs, isInput), pick(body.outputs, isOutput)),
      numConsts: kept.consts.filter(Boolean).length,
      numCarry: kept.carry.filter(Boolean).length,
    },
    inputs: pick([...isInput.keys()], isInput),
    outputs: pick([...isOutput.keys()], isOutput),
  };
}

/** What is the same in every iteration is computed before the loop. */
function simplify({ inputs, params, outputs }: SimplifyView<ScanParams>): Replacement | undefined {
  const { body, numConsts, length } = params;
  const hoisted = length > 1 ? hoistInvariants(body, new Set(body.inputs.slice(0, numConsts)), numConsts) : undefined;
  if (hoisted === undefined) return undefined;
  const before = inlineProgram(hoisted.before, inputs.slice(0, numConsts));
  const operands = [...inputs.slice(0, numConsts), ...before.values, ...inputs.slice(numConsts)];
  const loop = new Equation(
    scanP,
    operands,
    { ...params, body: hoisted.body, numConsts: numConsts + hoisted.count },
    outputs.map((a) => new Var(a)),
  );
  return { kind: 'equations', equations: [...before.equations, loop], values: loop.outputs };
}

function abstractEval(avals: readonly Aval[], { body, numConsts, numCarry, length }: ScanParams): Aval[] {
  const stacked = (a: Aval): Aval => a.withShape([length, ...a.shape]);
  checkOperands(
    'scan',
    avals,
    body.inputs.map(({ aval }, i) => (i < numConsts + numCarry ? aval : stacked(aval))),
  );
  return body.outAvals.map((a, i) => (i < numCarry ? a : stacked(a)));
}

const sampleBody = (dtype: 'f32' | 'f64'): Program => {
  const make = dtype === 'f32' ? f32 : f64;
  return traceClosedProgram('cell', [make(2), make(2), make(2)], ([k, c, x]) => {
    const next = add(mul(c!, k!), x!);
    return [next, mul(next, c!)];
  });
};

export const scanP: Primitive<ScanParams> = definePrimitive<ScanParams>({
  name: 'scan',
  abstractEval,
  calculus: { kind: 'structured', jvp, partialEval, transpose },
  batch,
  prune,
  simplify,
  lower: {
    kind: 'control',
    control: ({ body, numConsts, numCarry, length, reverse, unroll }) => ({
      kind: 'scan',
      body,
      constants: numConsts,
      carry: numCarry,
      length,
      reverse,
      ...(unroll !== undefined && { unroll }),
    }),
  },
  samples: [
    {
      avals: [f32(2), f32(2), f32(4, 2)],
      params: { body: sampleBody('f32'), numConsts: 1, numCarry: 1, length: 4, reverse: false },
    },
    {
      avals: [f64(2), f64(2), f64(3, 2)],
      params: { body: sampleBody('f64'), numConsts: 1, numCarry: 1, length: 3, reverse: true },
    },
    {
      avals: [f64(2), f64(2), f64(0, 2)],
      params: { body: sampleBody('f64'), numConsts: 1, numCarry: 1, length: 0, reverse: false },
    },
  ],
});
