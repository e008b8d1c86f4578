/**
 * Recording of whatever happens: a trace that hands operations on to the one below it, and notes in the graphs of tapes those that depend
 * on what the tapes follow. Values are followed by their identity.
 * May import: `util`, `ir`, `core`, `primitives`, `transforms`, `control`.
 * @module
 */
import { isFloat } from '../ir/dtype.ts';
import { DifferentiationError, TraceError } from '../ir/errors.ts';
import { type Params, subPrograms } from '../ir/program.ts';
import type { AnyPrimitive, MaybeZero } from '../core/primitive.ts';
import { followedConstant, following } from '../core/program-trace.ts';
import { ConcreteTensor, type Tensor } from '../core/tensor.ts';
import { type CustomJvpCall, type CustomVjpCall, currentTrace, evalTrace, Trace, withTrace } from '../core/trace.ts';
import { barrier } from '../primitives/barrier.ts';
import { zeros } from '../transforms/jvp.ts';
import { Edge, Node, OperationNode } from './graph.ts';
import { Operation, primitiveOperation } from './operation.ts';
import type { Pullback } from './pullback.ts';

/** The current trace, or the one below it where tapes record. */
export function traceBelowTapes(): Trace {
  const trace = currentTrace();
  return trace instanceof RecordTrace ? trace.parent : trace;
}

/** Where a followed value that nothing has computed stands in the graph. */
class SourceNode extends Node {
  readonly name = 'source';
  readonly numOutputs = 1;

  constructor() {
    super([]);
  }

  pull(): readonly MaybeZero[] {
    return [];
  }
}

type Rule = (cts: readonly MaybeZero[]) => readonly MaybeZero[];

/** What a function with a rule of its own closes over: its derivative is asked for in vain. */
class HiddenNode extends Node {
  readonly name: string;
  readonly numOutputs = 1;

  constructor(name: string, parents: readonly Edge[]) {
    super(parents);
    this.name = name;
  }

  pull(): never {
    throw new DifferentiationError(
      `${this.name}: expected a function with a custom rule to depend on what is differentiated through its arguments only; it closes ` +
        'over such a value, for which its rule gives no derivative.',
      'pass the value as an argument.',
    );
  }
}

/** An operation whose derivative is a function of the cotangents. */
class RuleNode extends Node {
  readonly name: string;
  readonly numOutputs: number;
  private readonly rule: Rule;

  constructor(
    name: string,
    numOutputs: number,
    parents: readonly (Edge | undefined)[],
    rule: Rule,
    hidden: readonly Edge[] = [],
  ) {
    super(hidden.length === 0 ? parents : [...parents, new Edge(new HiddenNode(name, hidden), 0)]);
    this.name = name;
    this.numOutputs = numOutputs;
    this.rule = rule;
  }

  pull(cts: readonly MaybeZero[]): readonly MaybeZero[] {
    const grads = this.rule(cts);
    // Something has to arrive at what is hidden, for it to speak up.
    return grads.length === this.parents.length ? grads : [...grads, cts.find((ct) => ct !== null)!];
  }
}

export const sourceEdge = (): Edge => new Edge(new SourceNode(), 0);

/** What one tape has recorded: the place in its graph of each value that it follows. Dropped values take their part of it along. */
export class Recording {
  private edges = new WeakMap<Tensor, Edge>();
  /** False while nothing is to be recorded although the trace is there. */
  isOn = true;

  follows(x: Tensor): boolean {
    return this.isOn && this.edges.has(x);
  }

  edgeOf(x: Tensor): Edge | undefined {
    return this.edges.get(x);
  }

  follow(x: Tensor, edge: Edge): void {
    this.edges.set(x, edge);
  }

  /** Forgets everything. */
  reset(): void {
    this.edges = new WeakMap();
  }
}

/** The same value, but not the same object. */
const another = (x: Tensor): Tensor =>
  x instanceof ConcreteTensor ? new ConcreteTensor(x.aval, x.storage) : barrier([x])[0]!;

/**
 * What a run of a function with a custom rule leads to besides its arguments. All nodes that the run made are newer than `start`.
 * @param outs what the run gave, with its operations recorded
 */
function hiddenEdges(
  recording: Recording,
  outs: readonly Tensor[],
  args: readonly Tensor[],
  start: number,
): readonly Edge[] {
  const own = args.map((x) => recording.edgeOf(x));
  const found: Edge[] = [];
  const seen = new Set<Node>();
  const stack = outs.map((o) => recording.edgeOf(o));
  for (let edge = stack.pop(); edge !== undefined || stack.length > 0; edge = stack.pop()) {
    if (edge === undefined) continue;
    const { node, output } = edge;
    if (node.id < start) {
      if (!own.some((e) => e?.node === node && e.output === output)) found.push(edge);
    } else if (!seen.has(node)) {
      seen.add(node);
      stack.push(...node.parents);
    }
  }
  return found;
}

/** A run of a function with a custom rule, with its operations recorded. */
export interface RecordedRun<T> {
  readonly result: T;
  /** Nodes of earlier operations have smaller ids. */
  readonly start: number;
}

export class RecordTrace extends Trace {
  readonly parent: Trace;
  readonly recordings: readonly Recording[];

  constructor(parent: Trace, recordings: readonly Recording[]) {
    super('tape');
    this.parent = parent;
    this.recordings = recordings;
  }

  /** Runs `f` with everything it does recorded. */
  run<T>(f: () => T): T {
    const { recordings } = this;
    return following(
      (x) => recordings.some((r) => r.follows(x)),
      () => withTrace(this, f),
    );
  }

  override wantsSites(): boolean {
    return this.parent.wantsSites();
  }

  private below<T>(f: () => T): T {
    return this.parent === evalTrace && currentTrace() === evalTrace ? f() : withTrace(this.parent, f);
  }

  process(primitive: AnyPrimitive, args: readonly Tensor[], params: object): Tensor[] {
    refuseHidden(primitive, params);
    const outs = this.below(() => this.parent.process(primitive, args, params));
    if (primitive.calculus.kind === 'piecewise-constant') return outs;
    return this.note(args, outs, () => primitiveOperation(primitive, params));
  }

  /** The user's rule is run inside the operation's own Program, where it is found again. */
  processCustomJvp(call: CustomJvpCall, args: readonly Tensor[]): Tensor[] {
    const outs = this.below(() => this.parent.processCustomJvp(call, args));
    return this.note(args, outs, () => new Operation(call.name, (xs) => currentTrace().processCustomJvp(call, xs)));
  }

  /**
   * The forward rule is recorded like everything else, so that residuals have derivatives of their own: those of the rule's derivative.
   * What it gives as the result is then noted anew, with the rule.
   */
  processCustomVjp(call: CustomVjpCall, args: readonly Tensor[]): Tensor[] {
    const { result: forward, start } = this.runRecorded(() =>
      args.some((x) => this.isWanted(x)) ? call.fwd(args) : { outs: call.fun(args), residuals: [] },
    );
    // What is below may have to know the rule too.
    const outs = this.parent === evalTrace ? forward.outs : this.below(() => this.parent.processCustomVjp(call, args));
    const rule = (cts: readonly MaybeZero[]): MaybeZero[] =>
      call.bwd(
        forward.residuals,
        cts.map((ct, i) => ct ?? zeros(outs[i]!.aval.strong())),
      );
    return this.noteRule(call.name, args, outs, rule, { result: forward.outs, start });
  }

  runRecorded<T>(f: () => T): RecordedRun<T> {
    const start = sourceEdge().node.id;
    return { result: withTrace(this, f), start };
  }

  private isWanted(x: Tensor): boolean {
    return isFloat(x.dtype) && this.recordings.some((r) => r.follows(x));
  }

  /** Notes an operation whose pullback can be derived. */
  private note(args: readonly Tensor[], results: readonly Tensor[], operation: () => Operation): Tensor[] {
    let outs = results as Tensor[];
    let found: Operation | undefined;
    for (const recording of this.recordings) {
      const isWanted = wantedBy(recording, args);
      if (isWanted === undefined) continue;
      if (found === undefined) outs = this.distinct(results, args);
      found ??= operation();
      const pullback = pullbackOf(found, args, isWanted);
      if (pullback instanceof DifferentiationError) {
        const fail = (): never => {
          throw pullback;
        };
        follow(recording, outs, new RuleNode(found.name, outs.length, edgesOf(recording, args, isWanted), fail));
        continue;
      }
      const { isDifferentiable, savedInputs, savedOutputs } = pullback;
      if (!isDifferentiable.includes(true)) continue;
      const saved = [...savedInputs.map((i) => args[i]!), ...savedOutputs.map((i) => outs[i]!)];
      const node = new OperationNode(found.name, pullback, edgesOf(recording, args, isWanted), saved);
      isDifferentiable.forEach((is, i) => void (is && recording.follow(outs[i]!, new Edge(node, i))));
    }
    return outs;
  }

  /**
   * Notes an operation with a rule of its own: `rule` gives cotangents of `args` from those of `results`.
   * @param run the run that computed the results, whose own operations do not count
   */
  noteRule(
    name: string,
    args: readonly Tensor[],
    results: readonly Tensor[],
    rule: Rule,
    { result: computed, start }: RecordedRun<readonly Tensor[]>,
  ): Tensor[] {
    // On top of the others, results are what the run gave, whose operations are not to count.
    const outs = this.parent === evalTrace ? results.map(another) : this.distinct(results, args);
    for (const recording of this.recordings) {
      const isWanted = wantedBy(recording, args) ?? args.map(() => false);
      const hidden = hiddenEdges(recording, computed, args, start);
      const hasWanted = isWanted.includes(true);
      if (hidden.length === 0 && !hasWanted) continue;
      const pull: Rule = hasWanted ? rule : () => args.map(() => null);
      follow(recording, outs, new RuleNode(name, outs.length, edgesOf(recording, args, isWanted), pull, hidden));
    }
    return outs;
  }

  /** Results that are new objects, so that following one follows nothing else. */
  private distinct(outs: readonly Tensor[], args: readonly Tensor[]): Tensor[] {
    return this.below(() => outs.map((o, i) => (args.includes(o) || outs.indexOf(o) < i ? another(o) : o)));
  }
}

/** An operation without the derivative that would be needed is an error where the derivative is taken. */
function pullbackOf(
  operation: Operation,
  args: readonly Tensor[],
  isWanted: readonly boolean[],
): Pullback | DifferentiationError {
  try {
    return operation.pullback(args, isWanted);
  } catch (error) {
    if (error instanceof DifferentiationError) return error;
    throw error;
  }
}

function follow(recording: Recording, outs: readonly Tensor[], node: Node): void {
  outs.forEach((o, i) => void (isFloat(o.dtype) && recording.follow(o, new Edge(node, i))));
}

function wantedBy(recording: Recording, args: readonly Tensor[]): boolean[] | undefined {
  for (let i = 0; i < args.length; i++) {
    if (recording.follows(args[i]!) && isFloat(args[i]!.dtype))
      return args.map((x) => isFloat(x.dtype) && recording.follows(x));
  }
  return undefined;
}

const edgesOf = (recording: Recording, args: readonly Tensor[], isWanted: readonly boolean[]): (Edge | undefined)[] =>
  args.map((x, i) => (isWanted[i] ? recording.edgeOf(x) : undefined));

/** A Program made earlier may hold as a constant what is followed only since: its derivative would be lost without a word. */
function refuseHidden(primitive: AnyPrimitive, params: object): void {
  if (primitive.calculus.kind !== 'structured') return;
  for (const program of subPrograms(params as Params)) {
    const hidden = followedConstant(program);
    if (hidden === undefined) continue;
    throw new TraceError(
      `${program.name}: expected a function that takes what a tape watches as an argument, got one that was traced before and closes ` +
        `over ${hidden.aval.toString()}.`,
      'pass the value as an argument, or trace the function inside the tape.',
    );
  }
}
