/**
 * The compiler: a Program through its passes to a Plan.
 *
 *     expand → halves → dce → simplify → constants → cse → dce → (per block: group, store or repeat, emit, order) → plan memory
 *
 * May import: `ir`.
 * @module
 */
import type { Atom, Program } from '../ir/program.ts';
import { verifyProgram } from '../ir/verify.ts';
import { type Binding, blockSteps, type Destination, type Destinations, Session } from './block.ts';
import { foldConstants } from './constants.ts';
import { cse } from './cse.ts';
import { dce } from './dce.ts';
import { MemoryBuffer, wholeView } from './draft.ts';
import { expand } from './expand.ts';
import type { Graph } from './graph.ts';
import { widenHalves } from './halves.ts';
import { planMemory } from './memory.ts';
import type { Plan, PlannedOutput } from './plan.ts';
import { simplify } from './simplify.ts';

export interface PlanOptions {
  /** Positions of inputs whose memory results may take. */
  readonly donate?: readonly number[];
  /** Check the Program before the passes and after each. */
  readonly verify?: boolean;
}

/** The passes from Program to Program, in order, with their names. */
export const programPasses: readonly (readonly [name: string, pass: (program: Program) => Program])[] = [
  ['expand', expand],
  ['halves', widenHalves],
  ['dce', dce],
  ['simplify', simplify],
  ['constants', foldConstants],
  ['cse', cse],
  ['dce', dce],
];

/** The Program that kernels are made from: expanded, simplified, without repetitions and dead code. */
export function optimizeProgram(program: Program, isVerified = false): Program {
  if (isVerified) verifyProgram(program);
  let out = program;
  for (const [, pass] of programPasses) {
    out = pass(out);
    if (isVerified) verifyProgram(out);
  }
  return out;
}

/** Kernels, control flow and memory for one Program. Cost is near-linear in its number of equations. */
export function compileProgram(program: Program, options: PlanOptions = {}): Plan {
  const optimized = optimizeProgram(program, options.verify);
  const session = new Session();
  const inputs = optimized.inputs.map((v, index): Binding => ({
    kind: 'view',
    view: wholeView(new MemoryBuffer({ kind: 'input', index }, v.aval.bytes, 0)),
  }));
  let planned: PlannedOutput[] = [];
  const destinations = (graph: Graph): Destinations => {
    planned = classifyOutputs(session, graph);
    return planned.map((p, index) => (p.kind === 'computed' ? outputMemory(optimized, index) : undefined));
  };
  const draft = blockSteps(session, optimized, inputs, destinations, 0);
  const outKinds = optimized.outputs.map(memoryKind);
  const memory = planMemory(draft, donatable(optimized, planned, options.donate ?? []), outKinds);
  return {
    name: program.name,
    inputs: program.inAvals,
    outputs: program.outAvals,
    plannedOutputs: planned.map((p, i): PlannedOutput => {
      const input = memory.donations.get(i);
      return input === undefined ? p : { kind: 'donated', input };
    }),
    constants: session.constants,
    arenaBytes: memory.arenaBytes,
    steps: memory.steps,
  };
}

const outputMemory = (program: Program, index: number): Destination => ({
  view: wholeView(new MemoryBuffer({ kind: 'output', index }, program.outputs[index]!.aval.bytes, 0)),
});

const memoryKind = (a: Atom): string => `${a.aval.dtype} ${a.aval.size}`;

/** Which outputs are computed, and which are values that exist already, perhaps under another shape. */
function classifyOutputs(session: Session, graph: Graph): PlannedOutput[] {
  const { inputs, outputs } = graph.program;
  const inputIndex = new Map<Atom, number>(inputs.map((v, i) => [v, i]));
  const first = new Map<Atom, number>();
  return outputs.map((atom, i): PlannedOutput => {
    if (atom.kind === 'literal') return { kind: 'constant', index: session.constantIndex(atom.value) };
    const root = graph.root(atom);
    const input = inputIndex.get(root);
    if (input !== undefined) return { kind: 'input', index: input };
    const twin = first.get(root);
    if (twin !== undefined) return { kind: 'same-as', output: twin };
    first.set(root, i);
    return { kind: 'computed' };
  });
}

/** Donated inputs that are not results themselves, with the kind of memory they are. */
function donatable(
  program: Program,
  planned: readonly PlannedOutput[],
  donate: readonly number[],
): Map<number, string> {
  const passedOn = new Set(planned.flatMap((p) => (p.kind === 'input' ? [p.index] : [])));
  const out = new Map<number, string>();
  for (const i of donate) {
    const v = program.inputs[i];
    if (v !== undefined && !passedOn.has(i)) out.set(i, memoryKind(v));
  }
  return out;
}
