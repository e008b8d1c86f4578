/**
 * Hooks of modules: before and after `forward`, and on the gradients that pass through a module.
 * May import: everything up to `api`, `tape`, `nn`.
 * @module
 */
import type { MaybeZero } from '../../core/primitive.ts';
import { type Edge, Node, type Recorder } from '../../tape/graph.ts';
import { modes } from '../modes.ts';
import type { Gradients } from '../node.ts';
import { attach, shown, Tensor } from '../tensor.ts';
import type { Module } from './module.ts';

/** Sees the arguments before `forward`; an array that it returns takes their place. */
export type ForwardPreHook = (module: Module, args: readonly unknown[]) => readonly unknown[] | void;
/** Sees the result of `forward`; anything but undefined that it returns takes its place. */
export type ForwardHook = (module: Module, args: readonly unknown[], output: unknown) => unknown;
/** Sees the gradients of the inputs and outputs of a module; an array that it returns takes the place of the former. */
export type BackwardHook = (module: Module, gradInput: Gradients, gradOutput: Gradients) => Gradients | void;

export class ModuleHooks {
  readonly before: ForwardPreHook[] = [];
  readonly after: ForwardHook[] = [];
  readonly backward: BackwardHook[] = [];

  /** Adds the hooks of another module. */
  takeFrom({ before, after, backward }: ModuleHooks): void {
    this.before.push(...before);
    this.after.push(...after);
    this.backward.push(...backward);
  }
}

/** Hands cotangents on, past a function that sees them all at once and may replace them. */
class PassingNode extends Node {
  readonly name: string = 'BackwardHookFunctionBackward';
  readonly numOutputs: number;
  private readonly see: (grads: Gradients) => Gradients;

  constructor(parents: readonly (Edge | undefined)[], see: (grads: Gradients) => Gradients) {
    super(parents);
    this.numOutputs = parents.length;
    this.see = see;
  }

  pull(cts: readonly MaybeZero[], recorder: Recorder | undefined): readonly MaybeZero[] {
    return this.see(cts.map((ct) => shown(ct))).map((g) =>
      g === null ? null : recorder === undefined ? g.value : g.asCore(),
    );
  }
}

/** The tensors of arguments or results that gradients flow to, led past `see`. */
function led(list: readonly unknown[], see: (grads: Gradients) => Gradients): unknown[] {
  const isWanted = (x: unknown): x is Tensor => x instanceof Tensor && x.requiresGrad;
  const tensors = list.filter(isWanted);
  if (tensors.length === 0) return [...list];
  const node = new PassingNode(
    tensors.map((x) => x.edge()),
    see,
  );
  const outs = attach(
    node,
    tensors.map((x) => x.value),
  );
  let next = 0;
  return list.map((x) => (isWanted(x) ? outs[next++] : x));
}

/** `list` with the present entries of `grads` at the places of the tensors that require grad. */
function placed(list: readonly unknown[], grads: Gradients): Gradients {
  let next = 0;
  return list
    .filter((x) => x instanceof Tensor)
    .map((x) => ((x as Tensor).requiresGrad ? (grads[next++] ?? null) : null));
}

/**
 * Runs a module between two nodes that see all gradients of its outputs, and of its inputs.
 * @param run from arguments to the result: a tensor or an array whose tensors count
 */
export function withBackwardHooks(
  module: Module,
  hooks: readonly BackwardHook[],
  args: readonly unknown[],
  run: (args: readonly unknown[]) => unknown,
): unknown {
  if (hooks.length === 0 || !modes.isGradEnabled) return run(args);
  let gradOutput: Gradients = [];
  const call = (gradInput: Gradients): Gradients => {
    let current = gradInput;
    for (const hook of hooks) current = hook(module, current, gradOutput) ?? current;
    return current;
  };
  const places = args.filter((x) => x instanceof Tensor);
  const hasInputs = places.some((x) => x.requiresGrad);
  const inner = led(args, (grads) => call(placed(args, grads)).filter((_, i) => places[i]!.requiresGrad));
  const output = run(inner);
  const list = Array.isArray(output) ? (output as unknown[]) : [output];
  const outs = led(list, (grads) => {
    gradOutput = placed(list, grads);
    if (!hasInputs) call(places.map(() => null));
    return grads;
  });
  return Array.isArray(output) ? outs : outs[0];
}
