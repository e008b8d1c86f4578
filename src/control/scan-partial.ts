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

/** Which operands are unknown, and the body split accordingly. A carry that meets something unknown is unknown. */
interface Split extends Parts<readonly boolean[]> {
  readonly body: SplitProgram;
}

interface Parts<T> {
  readonly consts: T;
  readonly carry: T;
  readonly xs: T;
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
  const split = splitBody(operands, params);
  const known = runKnown(operands, params, split, self);
  const { invariant, varying } = known;
  const ref = (x: Tensor | LinearInput, i: number): Tensor | { unknown: number } =>
    x instanceof LinearInput ? { unknown: i } : x;
  const refs = partsOf(operands.map(ref), params);
  const valueOf = (i: number): Tensor => known.residuals[i]!;
  let [nextKnown, nextUnknown] = [0, 0];
  return {
    known: split.body.isOutputUnknown.map((u) => (u ? null : known.results[nextKnown++]!)),
    primitive: self.primitive,
    params: unknownParams(params, split, invariant, varying),
    operands: [
      ...invariant.map(valueOf),
      ...pick(refs.consts, split.consts),
      ...pick(refs.carry, split.carry),
      ...varying.map(valueOf),
      ...pick(refs.xs, split.xs),
    ],
    unknownOutputs: split.body.isOutputUnknown.flatMap((u) => (u ? [nextUnknown++] : [])),
  };
}

function splitBody(operands: readonly (Tensor | LinearInput)[], params: ScanParams): Split {
  const { body, numCarry } = params;
  const unknown = partsOf(
    operands.map((x) => x instanceof LinearInput),
    params,
  );
  const of = (carry: readonly boolean[]): SplitProgram =>
    partialEvalProgram(
      body,
      [...unknown.consts, ...carry, ...unknown.xs],
      body.outputs.map((_, i) => i < numCarry && carry[i]!),
    );
  const carry = carryFixpoint(unknown.carry, (m) => of(m).isOutputUnknown.slice(0, numCarry));
  return { ...unknown, carry, body: of(carry) };
}

interface Known {
  /** Known outputs, then stacked residuals. */
  readonly results: readonly Tensor[];
  readonly residuals: readonly Tensor[];
  /** Residuals that are the same in every iteration, and the others. */
  readonly invariant: readonly number[];
  readonly varying: readonly number[];
}

/** Runs what is known, and finds a value for each residual. */
function runKnown(
  operands: readonly (Tensor | LinearInput)[],
  params: ScanParams,
  { body, consts, carry, xs }: Split,
  self: ScanSelf,
): Known {
  const ops = partsOf(operands, params);
  const [knownConsts, knownCarry] = [omit(ops.consts, consts) as Tensor[], omit(ops.carry, carry) as Tensor[]];
  const args = [...knownConsts, ...knownCarry, ...(omit(ops.xs, xs) as Tensor[])];
  const { routes, hoisted } = routeResiduals(body, knownConsts.length, knownCarry.length);
  const { inputs, outputs } = body.known;
  const numOut = outputs.length - routes.length;
  const isStacked = routes.map((r) => r.kind === 'stacked');
  const knownBody = reorder(body.known, inputs, [
    ...outputs.slice(0, numOut),
    ...pick(outputs.slice(numOut), isStacked),
  ]);
  const knownParams = { ...params, body: knownBody, numConsts: knownConsts.length, numCarry: knownCarry.length };
  const results = knownBody.outputs.length > 0 ? self.apply(args, knownParams) : [];
  const fixedArgs = args.filter((_, i) => hoisted.inputs.includes(inputs[i]!));
  const invariants = hoisted.outputs.length > 0 ? call(hoisted, fixedArgs) : [];
  let nextStacked = numOut;
  const residuals = routes.map((route): Tensor => {
    if (route.kind === 'input') return args[route.index]!;
    return route.kind === 'hoisted' ? invariants[route.index]! : results[nextStacked++]!;
  });
  const isInvariant = routes.map(
    (r) => r.kind === 'hoisted' || (r.kind === 'input' && r.index < knownConsts.length + knownCarry.length),
  );
  const positions = [...routes.keys()];
  return { results, residuals, invariant: pick(positions, isInvariant), varying: omit(positions, isInvariant) };
}

/** The scan of the unknown part: residuals that stay are constants of it, the others are scanned over. */
function unknownParams(
  params: ScanParams,
  { body, consts, carry }: Split,
  invariant: readonly number[],
  varying: readonly number[],
): ScanParams {
  const { inputs } = body.unknown;
  const own = inputs.slice(invariant.length + varying.length);
  const [numConsts, numCarry] = [consts, carry].map((mask) => mask.filter(Boolean).length) as [number, number];
  const ordered = [
    ...invariant.map((i) => inputs[i]!),
    ...own.slice(0, numConsts + numCarry),
    ...varying.map((i) => inputs[i]!),
    ...own.slice(numConsts + numCarry),
  ];
  return {
    ...params,
    body: reorder(body.unknown, ordered, body.unknown.outputs),
    numConsts: invariant.length + numConsts,
    numCarry,
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
