/**
 * Nodes of functions that are not the same each time: they close over values, or carry rules of the user's. Such a function is
 * linearized where it is called, and differentiated anew where its derivative is.
 * May import: `util`, `ir`, `core`, `primitives`, `transforms`, `control`.
 * @module
 */
import type { MaybeZero } from '../core/primitive.ts';
import type { Tensor } from '../core/tensor.ts';
import { Linearized } from '../transforms/linearize.ts';
import { zeros } from '../transforms/jvp.ts';
import { type Edge, freedGraph, Node, type Recorder } from './graph.ts';

export type FlatFunction = (args: readonly Tensor[]) => readonly Tensor[];

export class ClosureNode extends Node {
  readonly name: string;
  readonly numOutputs: number;
  private readonly f: FlatFunction;
  private linear: Linearized | undefined;
  private args: readonly Tensor[] | undefined;

  constructor(
    name: string,
    f: FlatFunction,
    linear: Linearized,
    args: readonly Tensor[],
    parents: readonly (Edge | undefined)[],
  ) {
    super(parents);
    this.name = name;
    this.f = f;
    this.linear = linear;
    this.args = args;
    this.numOutputs = linear.outs.length;
  }

  pull(cts: readonly MaybeZero[], recorder: Recorder | undefined): readonly MaybeZero[] {
    const { args, f, linear } = this;
    if (args === undefined || linear === undefined) throw freedGraph(this.name);
    const grads = recorder === undefined ? linear.vjp(cts) : this.record(recorder, f, args, cts);
    return this.parents.map((edge, i) => (edge === undefined ? null : (grads[i] ?? zeros(args[i]!.aval.strong()))));
  }

  /** The vector-Jacobian product as a function of the point and the cotangents. */
  private record(recorder: Recorder, f: FlatFunction, args: readonly Tensor[], cts: readonly MaybeZero[]): MaybeZero[] {
    const operands = args.map((x, i) => recorder.attach(x, this.parents[i]));
    const present = cts.filter((ct) => ct !== null);
    let isZero: boolean[] = [];
    const pull: FlatFunction = (xs) => {
      let next = args.length;
      const given = cts.map((ct) => (ct === null ? null : xs[next++]!));
      const grads = new Linearized(this.name, f, xs.slice(0, args.length)).vjp(given);
      isZero = grads.map((g) => g === null);
      return grads.filter((g) => g !== null);
    };
    const grads = recorder.applyFunction(this.name, pull, [...operands, ...present]);
    let next = 0;
    return isZero.map((is) => (is ? null : grads[next++]!));
  }

  override release(): void {
    this.args = undefined;
    this.linear = undefined;
  }
}
