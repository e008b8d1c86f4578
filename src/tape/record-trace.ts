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
import { zeros } from '../transforms/jvp.ts';
import { Edge, Node, OperationNode } from './graph.ts';
import { Operation, primitiveOperation } from './operation.ts';
import type { Pullback } from './pullback.ts';

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

/** An operation whose derivative is a function of the cotangents. */
class RuleNode extends Node {
  readonly name: string;
  readonly numOutputs: number;
  private readonly rule: (cts: readonly MaybeZero[]) => readonly MaybeZero[];

  constructor(
    name: string,
    numOutputs: number,
    parents: readonly (Edge | undefined)[],
    rule: (cts: readonly MaybeZero[]) => readonly MaybeZero[],
  ) {
    super(parents);
    this.name = name;
    this.numOutputs = numOutputs;
    this.rule = rule;
  }

  pull(cts: readonly MaybeZero[]): readonly MaybeZero[] {
    return this.rule(cts);
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

/** An array or number like any other, but not the same object. */
const another = (x: Tensor): Tensor => (x instanceof ConcreteTensor ? new ConcreteTensor(x.aval, x.storage) : x);

/** Results are new objects, so that following one follows nothing else. */
const distinct = (outs: readonly Tensor[], args: readonly Tensor[]): Tensor[] =>
  outs.map((o, i) => (args.includes(o) || outs.indexOf(o) < i ? another(o) : o));

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

  processCustomVjp(call: CustomVjpCall, args: readonly Tensor[]): Tensor[] {
    if (!args.some((x) => this.isWanted(x))) return this.below(() => this.parent.processCustomVjp(call, args));
    const { outs, residuals } = this.below(() => {
      const forward = call.fwd(args);
      // What is below may have to know the rule too.
      const outs = this.parent === evalTrace ? forward.outs : this.parent.processCustomVjp(call, args);
      return { outs, residuals: forward.residuals };
    });
    const rule = (cts: readonly MaybeZero[]): MaybeZero[] =>
      call.bwd(
        residuals,
        cts.map((ct, i) => ct ?? zeros(outs[i]!.aval.strong())),
      );
    return this.noteRule(call.name, args, outs, rule);
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
      if (found === undefined) outs = distinct(results, args);
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

  /** Notes an operation with a rule of its own: `rule` gives cotangents of `args` from those of `outs`. */
  noteRule(
    name: string,
    args: readonly Tensor[],
    results: readonly Tensor[],
    rule: (cts: readonly MaybeZero[]) => readonly MaybeZero[],
  ): Tensor[] {
    const outs = distinct(results, args);
    for (const recording of this.recordings) {
      const isWanted = wantedBy(recording, args);
      if (isWanted === undefined) continue;
      follow(recording, outs, new RuleNode(name, outs.length, edgesOf(recording, args, isWanted), rule));
    }
    return outs;
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
