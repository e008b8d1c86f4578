/**
 * `scan`: a loop of known length with a carry, reading slices of `xs` and stacking slices of `ys`. It has every rule, reverse mode
 * included; `lax.scan` and `lax.foriLoop` (with known bounds) make it.
 * May import: `ir`, `core`, `primitives`, `transforms`.
 * @module
 */
import { type Aval, f32, f64 } from '../ir/aval.ts';
import { Program, type Var } from '../ir/program.ts';
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
import { partialEvalProgram, type SplitProgram } from '../transforms/partial-eval.ts';
import { batchProgram, jvpProgram } from '../transforms/program-transforms.ts';
import { call } from './call.ts';
import { hoist, invariantVars } from './invariants.ts';
import { checkOperands } from './operands.ts';

export interface ScanParams {
  /** Inputs: constants, carry, slices of xs. Outputs: carry, slices of ys. */
  readonly body: Program;
  readonly numConsts: number;
  readonly numCarry: number;
  readonly length: number;
  readonly reverse: boolean;
}

export const scan = (args: readonly Tensor[], params: ScanParams): Tensor[] =>
  bind(scanP, args, { ...params, body: internProgram(params.body) });

interface Parts<T> {
  readonly consts: readonly T[];
  readonly carry: readonly T[];
  readonly xs: readonly T[];
}

function partsOf<T>(list: readonly T[], { numConsts, numCarry }: ScanParams): Parts<T> {
  return {
    consts: list.slice(0, numConsts),
    carry: list.slice(numConsts, numConsts + numCarry),
    xs: list.slice(numConsts + numCarry),
  };
}

const pick = <T>(list: readonly T[], mask: readonly boolean[]): T[] => list.filter((_, i) => mask[i]);
const omit = <T>(list: readonly T[], mask: readonly boolean[]): T[] => list.filter((_, i) => !mask[i]);
const isPresent = (x: MaybeZero): boolean => x !== null;

/** The least carry mask that contains `start` and is closed under `step` (a carry that meets what the mask marks is marked). */
export function carryFixpoint(
  start: readonly boolean[],
  step: (mask: readonly boolean[]) => readonly boolean[],
): boolean[] {
  let mask = [...start];
  for (;;) {
    const out = step(mask);
    const next = mask.map((m, i) => m || out[i]!);
    if (next.every((m, i) => m === mask[i])) return mask;
    mask = next;
  }
}

/** The same Program with inputs and outputs in another order. */
const reorder = (p: Program, inputs: readonly Program['inputs'][number][], outputs: Program['outputs']): Program =>
  new Program(p.name, inputs, p.equations, outputs);

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

/**
 * Known part: a scan that also stacks the residuals. Unknown part: a scan that reads them. Residuals that are the same in every
 * iteration, or already stacked (known xs), are passed on as they are.
 */
function partialEval(operands: readonly (Tensor | LinearInput)[], params: ScanParams): PartialEvalResult {
  const { body, numCarry } = params;
  const isUnknown = (x: Tensor | LinearInput): boolean => x instanceof LinearInput;
  const ops = partsOf(operands, params);
  const [constU, xsU] = [ops.consts.map(isUnknown), ops.xs.map(isUnknown)];
  const maskOf = (carry: readonly boolean[]): boolean[] => [...constU, ...carry, ...xsU];
  const outForce = (carry: readonly boolean[]): boolean[] => body.outputs.map((_, i) => i < numCarry && carry[i]!);
  const carryU = carryFixpoint(ops.carry.map(isUnknown), (m) =>
    partialEvalProgram(body, maskOf(m), outForce(m)).isOutputUnknown.slice(0, numCarry),
  );
  const split = partialEvalProgram(body, maskOf(carryU), outForce(carryU));
  const knownConsts = omit(ops.consts, constU) as Tensor[];
  const knownCarry = omit(ops.carry, carryU) as Tensor[];
  const knownXs = omit(ops.xs, xsU) as Tensor[];
  const { routes, hoisted } = routeResiduals(split, knownConsts.length, knownCarry.length);
  const stacked = routes.flatMap((r, i) => (r.kind === 'stacked' ? [i] : []));
  const numKnownOut = split.known.outputs.length - routes.length;
  const knownOutputs = split.known.outputs;
  const knownBody = reorder(split.known, split.known.inputs, [
    ...knownOutputs.slice(0, numKnownOut),
    ...stacked.map((i) => knownOutputs[numKnownOut + i]!),
  ]);
  const knownParams = { ...params, body: knownBody, numConsts: knownConsts.length, numCarry: knownCarry.length };
  const knownArgs = [...knownConsts, ...knownCarry, ...knownXs];
  const results = knownBody.outputs.length > 0 ? scan(knownArgs, knownParams) : [];
  const invariants =
    hoisted.outputs.length > 0
      ? call(
          hoisted,
          knownArgs.filter((_, i) => hoisted.inputs.includes(split.known.inputs[i]!)),
        )
      : [];
  let nextStacked = numKnownOut;
  const values = routes.map((route): Tensor => {
    if (route.kind === 'input') return knownArgs[route.index]!;
    return route.kind === 'hoisted' ? invariants[route.index]! : results[nextStacked++]!;
  });
  const isInvariant = routes.map(
    (r) => r.kind === 'hoisted' || (r.kind === 'input' && r.index < knownConsts.length + knownCarry.length),
  );
  const positions = routes.map((_, i) => i);
  const [invariant, varying] = [pick(positions, isInvariant), omit(positions, isInvariant)];
  const valueOf = (i: number): Tensor => values[i]!;
  const ins = split.unknown.inputs;
  const afterResiduals = ins.slice(routes.length);
  const [nc, nk] = [constU.filter(Boolean).length, carryU.filter(Boolean).length];
  const unknownInputs = [
    ...invariant.map((i) => ins[i]!),
    ...afterResiduals.slice(0, nc + nk),
    ...varying.map((i) => ins[i]!),
    ...afterResiduals.slice(nc + nk),
  ];
  const ref = (x: Tensor | LinearInput, i: number): Tensor | { unknown: number } =>
    x instanceof LinearInput ? { unknown: i } : x;
  const refs = partsOf(operands.map(ref), params);
  let [nextKnown, nextUnknown] = [0, 0];
  return {
    known: split.isOutputUnknown.map((u) => (u ? null : results[nextKnown++]!)),
    primitive: erase(scanP),
    params: {
      ...params,
      body: reorder(split.unknown, unknownInputs, split.unknown.outputs),
      numConsts: invariant.length + nc,
      numCarry: nk,
    } satisfies ScanParams,
    operands: [
      ...invariant.map(valueOf),
      ...pick(refs.consts, constU),
      ...pick(refs.carry, carryU),
      ...varying.map(valueOf),
      ...pick(refs.xs, xsU),
    ],
    unknownOutputs: split.isOutputUnknown.flatMap((u) => (u ? [nextUnknown++] : [])),
  };
}

/** Where the unknown part finds a residual: a known operand, a value computed before the loop, or a row stacked by the known loop. */
type Route = { readonly kind: 'input' | 'hoisted'; readonly index: number } | { readonly kind: 'stacked' };

/** Residuals that are the same in every iteration are not stacked: weights, and what is computed from weights alone. */
function routeResiduals(
  split: SplitProgram,
  numConsts: number,
  numCarry: number,
): { routes: Route[]; hoisted: Program } {
  const { inputs, outputs } = split.known;
  const numKnownOut = outputs.length - split.residualAvals.length;
  // The known carries come first among the known outputs; one that comes out as it went in stays the same.
  const fixed = new Set(
    inputs.filter((v, i) => i < numConsts || (i < numConsts + numCarry && outputs[i - numConsts] === v)),
  );
  const constant = invariantVars(split.known, fixed);
  const wanted: Var[] = [];
  const routes = split.residualInput.map((index, i): Route => {
    if (index !== undefined && (fixed.has(inputs[index]!) || index >= numConsts + numCarry))
      return { kind: 'input', index };
    const atom = outputs[numKnownOut + i]!;
    if (atom.kind !== 'var' || !constant.has(atom)) return { kind: 'stacked' };
    return { kind: 'hoisted', index: wanted.push(atom) - 1 };
  });
  return { routes, hoisted: hoist(split.known, fixed, wanted) };
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

/** Stacked results that nobody uses are not stacked. */
function prune(used: readonly boolean[], params: ScanParams): PrunedEquation<ScanParams> {
  const { body, numCarry } = params;
  const outputs = used.flatMap((u, i) => (u || i < numCarry ? [i] : []));
  const pruned = reorder(
    body,
    body.inputs,
    outputs.map((i) => body.outputs[i]!),
  );
  return { params: { ...params, body: pruned }, inputs: body.inputs.map((_, i) => i), outputs };
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
  lower: {
    kind: 'control',
    control: ({ body, numConsts, numCarry, length, reverse }) => ({
      kind: 'scan',
      body,
      constants: numConsts,
      carry: numCarry,
      length,
      reverse,
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
