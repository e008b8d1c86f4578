/**
 * The graph of what has been computed: one node an operation, with edges to where its inputs come from. Nothing is global: a graph that
 * nobody holds is garbage.
 * May import: `util`, `ir`, `core`, `primitives`, `transforms`, `control`.
 * @module
 */
import { DifferentiationError } from '../ir/errors.ts';
import type { SourceSite } from '../ir/program.ts';
import type { MaybeZero } from '../core/primitive.ts';
import { Tensor } from '../core/tensor.ts';
import { zeros } from '../transforms/jvp.ts';
import { type Operation, stepOperation } from './operation.ts';
import type { Pullback } from './pullback.ts';

/** Output number `output` of a node: where a value comes from. */
export class Edge {
  readonly node: Node;
  readonly output: number;

  constructor(node: Node, output: number) {
    this.node = node;
    this.output = output;
  }
}

/** Sees, and may replace, the cotangent of an output before its node does. */
export type CotangentHook = (ct: Tensor) => Tensor;

/** Sees the cotangents of all outputs of a node just before it pulls; what it gives takes their place. */
export type NodePrehook = (cts: readonly MaybeZero[]) => readonly MaybeZero[];

/** Sees what a node gave for its inputs, and what it was given; what it gives takes the place of the former. */
export type NodeHook = (grads: readonly MaybeZero[], cts: readonly MaybeZero[]) => readonly MaybeZero[];

/** Records what a backward pass computes, so that it can be differentiated again. */
export interface Recorder {
  apply(operation: Operation, args: readonly Tensor[]): readonly Tensor[];
  /** A function that is not the same each time. */
  applyFunction(
    name: string,
    f: (args: readonly Tensor[]) => readonly Tensor[],
    args: readonly Tensor[],
  ): readonly Tensor[];
  /** A saved value with its place in the graph. */
  attach(value: Tensor, edge: Edge | undefined): Tensor;
}

let created = 0;

export abstract class Node {
  /** Grows with time: the parents of a node have smaller ones. */
  readonly id: number = created++;
  /** Where each input comes from; undefined for inputs whose derivative is not wanted. */
  readonly parents: readonly (Edge | undefined)[];
  /** Hooks of the outputs that have any. */
  hooks: Map<number, CotangentHook[]> | undefined;
  /** Hooks of the node as a whole. */
  prehooks: NodePrehook[] | undefined;
  posthooks: NodeHook[] | undefined;
  /** Where the operation was called, if that was asked for. */
  site: SourceSite | undefined;

  constructor(parents: readonly (Edge | undefined)[]) {
    this.parents = parents;
  }

  abstract readonly name: string;
  abstract readonly numOutputs: number;

  /** For each input, the node that made it and which of its outputs it is; null where no derivative is wanted. */
  get nextFunctions(): (readonly [node: Node | null, output: number])[] {
    return this.parents.map((edge) => [edge?.node ?? null, edge?.output ?? 0]);
  }

  /** Cotangents of the inputs, one for each parent. At least one of `cts` is not null. */
  abstract pull(cts: readonly MaybeZero[], recorder: Recorder | undefined): readonly MaybeZero[];

  /** Drops what was saved for the backward pass. */
  release(): void {}
}

/** A saved value in a form of somebody else's making. */
export interface PackedValue {
  unpack(): Tensor;
}

export type SavedValue = Tensor | PackedValue;

export const freedGraph = (node: string): DifferentiationError =>
  new DifferentiationError(
    `backward: expected a graph whose saved values are still there, got one that was freed at ${node}. Trying to backward through the ` +
      'graph a second time (or directly access saved tensors after they have already been freed).',
    'pass { retainGraph: true } to every backward pass but the last.',
    { node },
  );

const unpacked = (x: SavedValue): Tensor => (x instanceof Tensor ? x : x.unpack());

/** An operation with its pullback and the values that needs. */
export class OperationNode extends Node {
  readonly name: string;
  readonly numOutputs: number;
  private readonly pullback: Pullback;
  private saved: readonly SavedValue[] | undefined;

  constructor(name: string, pullback: Pullback, parents: readonly (Edge | undefined)[], saved: readonly SavedValue[]) {
    super(parents);
    this.name = name;
    this.numOutputs = pullback.isDifferentiable.length;
    this.pullback = pullback;
    this.saved = saved;
  }

  pull(cts: readonly MaybeZero[], recorder: Recorder | undefined): readonly MaybeZero[] {
    const saved = this.savedValues();
    const grads = recorder === undefined ? this.pullback.pull(saved, cts) : this.record(recorder, saved, cts);
    return this.parents.map((edge, i) => (edge === undefined ? null : (grads[i] ?? zeros(this.pullback.inAvals[i]!))));
  }

  private savedValues(): Tensor[] {
    if (this.saved === undefined) throw freedGraph(this.name);
    return this.saved.map(unpacked);
  }

  private record(recorder: Recorder, saved: readonly Tensor[], cts: readonly MaybeZero[]): MaybeZero[] {
    const { savedInputs, savedOutputs } = this.pullback;
    const { isDifferentiable } = this.pullback;
    const present = cts.filter((ct, i): ct is Tensor => ct !== null && isDifferentiable[i]!);
    if (present.length === 0) return this.parents.map(() => null);
    const edges = [...savedInputs.map((i) => this.parents[i]), ...savedOutputs.map((i) => this.edgeOf(i))];
    const operands = saved.map((x, k) => recorder.attach(x, edges[k]));
    const step = this.pullback.step(cts.map((ct) => ct !== null));
    const grads = recorder.apply(stepOperation(step), [...operands, ...present]);
    return step.results.map((k) => (k === undefined ? null : grads[k]!));
  }

  private edgeOf(output: number): Edge | undefined {
    return this.pullback.isDifferentiable[output] ? new Edge(this, output) : undefined;
  }

  override release(): void {
    if (this.saved !== undefined && this.saved.length > 0) this.saved = undefined;
  }
}
