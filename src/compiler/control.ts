/**
 * Control flow as draft steps: branches and loops around the blocks of the sub-Programs. Carried values stay in one place for all
 * iterations; the memory of stacked operands and results is read and written in place.
 * May import: `ir`.
 * @module
 */
import type { ControlFlow } from '../ir/loop/lower.ts';
import type { Atom, Equation } from '../ir/program.ts';
import type { Binding, BlockCompiler, Destination } from './block.ts';
import { type DraftStep, sameView, type View } from './draft.ts';
import { repeatBody } from './repeat-body.ts';

type Branch = Extract<ControlFlow, { kind: 'branch' }>;
type While = Extract<ControlFlow, { kind: 'while' }>;
type Scan = Extract<ControlFlow, { kind: 'scan' }>;

/** Steps of one control-flow equation whose results go to `results`. */
export function controlSteps(
  block: BlockCompiler,
  eqn: Equation,
  control: ControlFlow,
  results: readonly View[],
): DraftStep[] {
  switch (control.kind) {
    case 'branch':
      return branchSteps(block, eqn, control, results);
    case 'while':
      return whileSteps(block, eqn, control, results);
    case 'scan':
      return scanSteps(block, eqn, control, results);
  }
}

const viewBinding = (view: View): Binding => ({ kind: 'view', view });

function branchSteps(block: BlockCompiler, eqn: Equation, { branches }: Branch, results: readonly View[]): DraftStep[] {
  const [index, ...operands] = eqn.inputs;
  const bindings = operands.map((a) => block.binding(a));
  const destinations = results.map((view): Destination => ({ view }));
  const known = block.binding(index!);
  if (known.kind === 'scalar') {
    const taken = branches[Math.max(0, Math.min(branches.length - 1, known.value))]!;
    return block.subSteps(taken, bindings, destinations, 0);
  }
  const compiled = branches.map((b) => block.subSteps(b, bindings, destinations, 0));
  return [{ kind: 'branch', index: known.view, branches: compiled }];
}

/** Puts the initial values where the loop keeps them. */
function initialize(block: BlockCompiler, initial: readonly Atom[], carries: readonly View[]): DraftStep[] {
  return initial.flatMap((a, k): DraftStep[] => {
    const [from, to] = [block.view(a), carries[k]!];
    return a.aval.bytes === 0 || sameView(from, to) ? [] : [{ kind: 'copy', from, to, bytes: a.aval.bytes }];
  });
}

function whileSteps(block: BlockCompiler, eqn: Equation, control: While, results: readonly View[]): DraftStep[] {
  const { condConstants, bodyConstants } = control;
  const bindings = eqn.inputs.slice(0, condConstants + bodyConstants).map((a) => block.binding(a));
  const initial = eqn.inputs.slice(condConstants + bodyConstants);
  const carries = results.map(viewBinding);
  const predicate = block.temporary(1);
  const condInputs = [...bindings.slice(0, condConstants), ...carries];
  const cond = block.subSteps(control.cond, condInputs, [{ view: predicate }], 1);
  const bodyInputs = [...bindings.slice(condConstants), ...carries];
  const destinations = results.map((view, k): Destination => ({ view, carried: bodyConstants + k }));
  const body = block.subSteps(control.body, bodyInputs, destinations, 1);
  return [...initialize(block, initial, results), { kind: 'while', cond, predicate, body }];
}

function scanSteps(block: BlockCompiler, eqn: Equation, control: Scan, results: readonly View[]): DraftStep[] {
  const { constants, carry, length, reverse } = control;
  const start = initialize(block, eqn.inputs.slice(constants, constants + carry), results.slice(0, carry));
  if (length === 0) return start;
  const unroll = Math.max(1, Math.min(control.unroll ?? 1, length));
  const rest = length % unroll;
  const loops: Stretch[] = [{ first: reverse ? rest : 0, count: (length - rest) / unroll, unroll }];
  if (rest > 0) loops.push({ first: reverse ? 0 : length - rest, count: rest, unroll: 1 });
  return [...start, ...loops.map((stretch) => scanLoop(block, eqn, control, results, stretch))];
}

/** Part of a loop: `count` times `unroll` iterations, the lowest of index `first`. */
interface Stretch {
  readonly first: number;
  readonly count: number;
  readonly unroll: number;
}

function scanLoop(
  block: BlockCompiler,
  eqn: Equation,
  { body, constants, carry, reverse }: Scan,
  results: readonly View[],
  { first, count, unroll }: Stretch,
): DraftStep {
  const id = block.session.loopId();
  const iterations = Array.from({ length: unroll }, (_, j) => first + (reverse ? unroll - 1 - j : j));
  const slice = (view: View, bytes: number, iteration: number): View => ({
    ...view,
    offset: view.offset + iteration * bytes,
    strides: [...view.strides, { loop: id, stride: unroll * bytes }],
  });
  const carries = results.slice(0, carry);
  const xs = eqn.inputs.slice(constants + carry);
  const inputs = [
    ...eqn.inputs.slice(0, constants).map((a) => block.binding(a)),
    ...carries.map(viewBinding),
    ...iterations.flatMap((i) =>
      xs.map((a, k) => viewBinding(slice(block.view(a), body.inputs[constants + carry + k]!.aval.bytes, i))),
    ),
  ];
  const destinations = [
    ...carries.map((view, k): Destination => ({ view, carried: constants + k })),
    ...iterations.flatMap((i) =>
      results
        .slice(carry)
        .map((view, k): Destination => ({ view: slice(view, body.outputs[carry + k]!.aval.bytes, i) })),
    ),
  ];
  const repeated = unroll === 1 ? body : repeatBody(body, constants, carry, unroll);
  return { kind: 'for', id, length: count, reverse, body: block.subSteps(repeated, inputs, destinations, 1) };
}
