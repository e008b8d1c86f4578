/**
 * The graph as users see it: a node for every recorded operation, with hooks.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import { ArgumentError } from '../ir/errors.ts';
import type { MaybeZero } from '../core/primitive.ts';
import type { Node as TapeNode } from '../tape/graph.ts';
import { AccumulateGrad } from './accumulate.ts';
import { addHook, fitting, type RemovableHandle } from './hooks.ts';
import { modes } from './modes.ts';
import { shown, type Tensor } from './tensor.ts';

/** Gradients as hooks see them: null where there is none. */
export type Gradients = readonly (Tensor | null)[];

/** Sees the gradients of a node's inputs and outputs; what it returns, unless nothing, takes the place of the former. */
export type BackwardHook = (gradInputs: Gradients, gradOutputs: Gradients) => Gradients | null | void;

/** Sees the gradients of a node's outputs; what it returns, unless nothing, takes their place. */
export type BackwardPrehook = (gradOutputs: Gradients) => Gradients | null | void;

const nodes = new WeakMap<TapeNode, Node>();

/**
 * A recorded operation: `y.gradFn`. There is one object for each.
 * @example
 * ```ts
 * import { tensor } from 'cotangent/torch';
 * const x = tensor(3, { requiresGrad: true });
 * const y = x.mul(x);
 * y.gradFn?.registerHook((gradInputs) => gradInputs.map((g) => g && g.mul(10)));
 * y.backward();
 * console.log(y.gradFn?.name, x.grad?.item()); // => MulBackward0 60
 * ```
 */
export class Node {
  /** For users to put on it what they like. */
  readonly metadata: Record<string, unknown> = {};
  private readonly node: TapeNode;

  private constructor(node: TapeNode) {
    this.node = node;
  }

  /** @internal */
  static of(node: TapeNode): Node {
    let found = nodes.get(node);
    if (found === undefined) nodes.set(node, (found = new Node(node)));
    return found;
  }

  /** `MulBackward0`; `AccumulateGrad` for leaves. */
  get name(): string {
    return this.node.name;
  }

  /** For each input, the node that made it and which of its outputs it is; null where no gradient is wanted. */
  get nextFunctions(): readonly (readonly [node: Node | null, output: number])[] {
    return this.node.nextFunctions.map(([node, output]) => [node === null ? null : Node.of(node), output]);
  }

  /** The leaf, of a node that accumulates its gradient. */
  get variable(): Tensor | undefined {
    return this.node instanceof AccumulateGrad ? (this.node.variable as Tensor) : undefined;
  }

  /** Calls `hook` in every backward pass, after this node. */
  registerHook(hook: BackwardHook): RemovableHandle {
    const { name } = this;
    return addHook((this.node.posthooks ??= []), (grads, cts) =>
      replaced(
        name,
        grads,
        hook(
          grads.map((g) => shown(g)),
          cts.map((ct) => shown(ct)),
        ),
      ),
    );
  }

  /** Calls `hook` in every backward pass, before this node and after the hooks of its tensors. */
  registerPrehook(hook: BackwardPrehook): RemovableHandle {
    const { name } = this;
    return addHook((this.node.prehooks ??= []), (cts) => replaced(name, cts, hook(cts.map((ct) => shown(ct)))));
  }

  toString(): string {
    return `<${this.name}>`;
  }
}

/** What takes the place of `old`: recorded where the backward pass is. */
function replaced(name: string, old: readonly MaybeZero[], result: Gradients | null | void): readonly MaybeZero[] {
  if (result === undefined || result === null) return old;
  if (!Array.isArray(result) || result.length !== old.length) {
    throw new ArgumentError(
      `${name}: expected a hook to return ${old.length} gradients, got ${Array.isArray(result) ? result.length : 'no array'}: hook has ` +
        'returned an incorrect number of values.',
      'return an array as long as the one it was given, or nothing.',
    );
  }
  return (result as Gradients).map((g, i) => {
    if (g === null) return null;
    const given = old[i]!;
    const fit = given === null ? g : fitting(name, g, given.aval);
    return modes.isGradEnabled ? fit.asCore() : fit.value;
  });
}
