/**
 * A scan split by what is known: the known part stacks the residuals, the unknown part reads them.
 * May import: `ir`, `core`, `transforms`, `control/{call,invariants,scan-parts}`.
 * @module
 */
import type { Program, Var } from '../ir/program.ts';
import { type AnyPrimitive, LinearInput, type PartialEvalResult } from '../core/primitive.ts';
import type { Tensor } from '../core/tensor.ts';
import { partialEvalProgram, type SplitProgram } from '../transforms/partial-eval.ts';
import { call } from './call.ts';
import { hoist, invariantVars } from './invariants.ts';
import { carryFixpoint, omit, partsOf, pick, reorder, type ScanParams } from './scan-parts.ts';

/** The primitive and the function that applies it, which this file cannot import. */
export interface ScanSelf {
  readonly primitive: AnyPrimitive;
  readonly apply: (args: readonly Tensor[], params: ScanParams) => Tensor[];
}

/**
 * Known part: a scan that also stacks the residuals. Unknown part: a scan that reads them. Residuals that are the same in every
 * iteration, or already stacked (known xs), are passed on as they are.
 */
export function partialEvalScan(
  operands: readonly (Tensor | LinearInput)[],
  params: ScanParams,
  self: ScanSelf,
): PartialEvalResult {
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
  const results = knownBody.outputs.length > 0 ? self.apply(knownArgs, knownParams) : [];
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
    primitive: self.primitive,
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
