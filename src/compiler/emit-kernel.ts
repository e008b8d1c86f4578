/**
 * Writes the kernel of one group: loops over the group's space, its reductions, and one store for each value that has memory.
 * May import: `ir`.
 * @module
 */
import type { Aval } from '../ir/aval.ts';
import { InternalError } from '../ir/errors.ts';
import {
  type Axis,
  axisExpr,
  type BufferRef,
  constant,
  type Expr,
  int,
  linearize,
  load,
  type Local,
} from '../ir/loop/expr.ts';
import type { Kernel, Stmt } from '../ir/loop/kernel.ts';
import type { Atom, Literal, Var } from '../ir/program.ts';
import { type Shape, sizeOf } from '../ir/shape.ts';
import { isNear } from './access.ts';
import type { Graph, Node } from './graph.ts';
import type { Group } from './group.ts';
import { loadedBuffers } from './loads.ts';
import { reindex } from './reindex.ts';
import { rulesOf } from './rules.ts';
import type { Storage } from './storage.ts';
import { unrollReduction } from './unroll.ts';

/** Output `output` may take the memory of input `input`: every element is read before it is written over. */
export interface Reuse {
  readonly input: number;
  readonly output: number;
}

export interface KernelUnit {
  readonly kind: 'kernel';
  readonly kernel: Kernel;
  /** One for each input of the kernel: a root variable or a literal. */
  readonly reads: readonly (Var | Literal)[];
  readonly writes: readonly Var[];
  readonly reuse: readonly Reuse[];
  /** Position among the equations of the block. */
  readonly order: number;
}

/** The kernel of `group`, or undefined when none of its values has memory. */
export function emitKernel(graph: Graph, storage: Storage, group: Group): KernelUnit | undefined {
  const outputs = group.nodes.flatMap((n) => n.eqn.outputs.filter((v) => storage.isStored(v)));
  if (outputs.length === 0 || group.size === 0) return undefined;
  return new KernelEmitter(graph, storage, group, outputs).emit();
}

interface Input {
  readonly atom: Var | Literal;
  readonly buffer: BufferRef;
  /** Read only at the position that is being written. */
  isNearOnly: boolean;
}

class KernelEmitter {
  private readonly graph: Graph;
  private readonly storage: Storage;
  private readonly outputs: readonly Var[];
  private readonly needed: readonly Node[];
  private readonly space: Shape;
  private readonly axes: readonly Axis[];
  private readonly index: readonly Expr[];
  private readonly position: Expr;
  private readonly indexOfShape = new Map<string, readonly Expr[]>();
  /** Values at the current position. */
  private readonly near = new Map<Var, Expr>();
  /** Values at other positions, by the index they were asked for at. */
  private readonly far = new Map<Var, { readonly index: readonly Expr[]; readonly value: Expr }[]>();
  private readonly inputs = new Map<Var | Literal['value'], Input>();
  private readonly statements: Stmt[] = [];
  private nextId = 0;

  constructor(graph: Graph, storage: Storage, group: Group, outputs: readonly Var[]) {
    this.graph = graph;
    this.storage = storage;
    this.outputs = outputs;
    this.needed = neededNodes(graph, group, outputs);
    this.space = this.chooseSpace(group);
    this.axes = this.space.map((extent) => ({ kind: 'axis', id: this.nextId++, extent }));
    this.index = this.axes.map((a) => (a.extent === 1 ? int(0) : axisExpr(a)));
    this.position = linearize(this.index, this.space);
  }

  emit(): KernelUnit {
    for (const node of this.needed) this.evaluate(node);
    const refs = this.outputs.map((v) => this.buffer(v.aval, 'output'));
    // Later results first: they read what earlier results are computed from, so those may take over the memory of operands.
    const stores = this.outputs.map((v, i) => ({ buffer: refs[i]!, value: this.near.get(v)! })).reverse();
    for (const { buffer, value } of stores) {
      this.statements.push({ kind: 'store', buffer, index: this.position, value });
    }
    const inputs = [...this.inputs.values()];
    const kernel: Kernel = {
      name: [...new Set(this.needed.map((n) => n.eqn.primitive.name))].slice(0, 6).join('_'),
      inputs: inputs.map((i) => i.buffer),
      outputs: refs,
      scratch: [],
      body: this.nest(),
    };
    return {
      kind: 'kernel',
      kernel,
      reads: inputs.map((i) => i.atom),
      writes: this.outputs,
      reuse: this.findReuse(inputs, refs, stores),
      order: this.needed.at(-1)!.id,
    };
  }

  private nest(): Stmt[] {
    let body = this.statements;
    for (const axis of [...this.axes].reverse()) {
      if (axis.extent !== 1) body = [{ kind: 'for', axis, parallel: true, body }];
    }
    return body;
  }

  /** One flat axis when no value depends on the index; otherwise the shape of the first that does. */
  private chooseSpace(group: Group): Shape {
    const shaped = this.needed.find((n) => n.kind === 'reduction' || n.info.usesIndex || this.readsThrough(n));
    return shaped === undefined ? [group.size] : shaped.eqn.outputs[0]!.aval.shape;
  }

  /** Whether an operand is computed here although it belongs to no needed node. */
  private readsThrough(node: Node): boolean {
    return node.eqn.inputs.some((a) => {
      if (a.kind !== 'var' || this.graph.scalar(a) !== undefined) return false;
      const p = this.graph.producer(a);
      return p !== undefined && !this.storage.isStored(this.graph.root(a)) && !this.needed.includes(p);
    });
  }

  private buffer(aval: Aval, role: BufferRef['role']): BufferRef {
    return { kind: 'buffer', id: this.nextId++, dtype: aval.dtype, size: aval.size, role };
  }

  private indexIn(shape: Shape): readonly Expr[] {
    const key = shape.join();
    let index = this.indexOfShape.get(key);
    if (index === undefined) this.indexOfShape.set(key, (index = reindex(this.index, this.space, shape)));
    return index;
  }

  private evaluate(node: Node): void {
    const at = this.indexIn(node.eqn.outputs[0]!.aval.shape);
    const read = (operand: number, index: readonly Expr[]): Expr => this.operand(node, operand, index, at);
    const values = node.kind === 'reduction' ? [this.reduce(node, at)] : element(node, at, read);
    node.eqn.outputs.forEach((v, i) => this.near.set(v, values[i]!));
  }

  /** Operand of a node of this group. */
  private operand(node: Node, operand: number, index: readonly Expr[], at: readonly Expr[]): Expr {
    const atom = node.eqn.inputs[operand]!;
    const isHere = isNear(index, atom.aval.shape, at, node.eqn.outputs[0]!.aval.shape);
    if (!isHere || atom.kind !== 'var' || this.graph.scalar(atom) !== undefined) return this.valueAt(atom, index);
    const root = this.graph.root(atom);
    const known = this.near.get(root);
    if (known !== undefined) return known;
    if (!this.storage.isStored(root)) return this.valueAt(atom, index);
    const value = load(this.input(root).buffer, this.position);
    this.near.set(root, value);
    return value;
  }

  private reduce(node: Node, at: readonly Expr[]): Expr {
    const { lower } = rulesOf(node.eqn);
    if (lower.kind !== 'reduction') throw new InternalError('a reduction node without a reduction rule');
    const { params, inputs, outputs } = node.eqn;
    const avals = inputs.map((a) => a.aval);
    const extents = lower.extents(avals, params);
    const dtype = outputs[0]!.aval.dtype;
    const combine = lower.combine(params);
    const read = (operand: number, index: readonly Expr[]): Expr => this.valueAt(inputs[operand]!, index);
    const context = { params, inputs: avals, outputs: outputs.map((v) => v.aval), index: at, load: read };
    const elementAt = (reduceIndex: readonly Expr[]): Expr => lower.element({ ...context, reduceIndex });
    const unrolled = unrollReduction(combine, extents, dtype, elementAt);
    if (unrolled !== undefined) return unrolled;
    const axes = extents.map((extent): Axis => ({ kind: 'axis', id: this.nextId++, extent }));
    // Without elements the result is the identity, whatever the element would be.
    const value =
      sizeOf(extents) === 0 ? constant(0, dtype) : elementAt(axes.map((a) => (a.extent === 1 ? int(0) : axisExpr(a))));
    const target: Local = { kind: 'local', id: this.nextId++, dtype };
    this.statements.push({ kind: 'reduce', target, combine, axes: axes.filter((a) => a.extent !== 1), element: value });
    return { op: 'local', dtype, local: target };
  }

  /** Element of any value at any index: a number, a load, or the rule of what computes it. Depth is bounded by `Storage`. */
  private valueAt(atom: Atom, index: readonly Expr[]): Expr {
    const scalar = this.graph.scalar(atom);
    if (scalar !== undefined) return constant(scalar, atom.aval.dtype);
    const root = atom.kind === 'var' ? this.graph.root(atom) : atom;
    if (root.kind === 'literal' || this.storage.isStored(root)) {
      const input = this.input(root);
      input.isNearOnly = false;
      return load(input.buffer, linearize(index, atom.aval.shape));
    }
    return this.computeAt(root, reindex(index, atom.aval.shape, root.aval.shape));
  }

  private computeAt(root: Var, index: readonly Expr[]): Expr {
    let known = this.far.get(root);
    if (known === undefined) this.far.set(root, (known = []));
    const hit = known.find((k) => k.index.every((e, i) => e === index[i]));
    if (hit !== undefined) return hit.value;
    const node = this.graph.producer(root)!;
    const values = element(node, index, (operand, at) => this.valueAt(node.eqn.inputs[operand]!, at));
    const value = values[node.eqn.outputs.indexOf(root)]!;
    known.push({ index, value });
    return value;
  }

  private input(atom: Var | Literal): Input {
    const key = atom.kind === 'literal' ? atom.value : atom;
    let input = this.inputs.get(key);
    if (input === undefined) {
      input = { atom, buffer: this.buffer(atom.aval, 'input'), isNearOnly: true };
      this.inputs.set(key, input);
    }
    return input;
  }

  /** Inputs that are read at the written position only, and by no store after the one that would write over them. */
  private findReuse(inputs: readonly Input[], refs: readonly BufferRef[], stores: readonly Store[]): Reuse[] {
    const out: Reuse[] = [];
    const loadedLater = new Set<BufferRef>();
    const seen = new Set<Expr>();
    for (const store of [...stores].reverse()) {
      inputs.forEach(({ buffer, isNearOnly }, input) => {
        const fits = isNearOnly && bytesOf(buffer) === bytesOf(store.buffer) && buffer.size === store.buffer.size;
        if (fits && !loadedLater.has(buffer)) out.push({ input, output: refs.indexOf(store.buffer) });
      });
      loadedBuffers(store.value, seen, loadedLater);
    }
    return out;
  }
}

interface Store {
  readonly buffer: BufferRef;
  readonly value: Expr;
}

const bytesOf = (b: BufferRef): number =>
  b.dtype === 'bool' || b.dtype === 'uint8' ? 1 : b.dtype === 'float64' ? 8 : 4;

function element(
  node: Node,
  index: readonly Expr[],
  read: (operand: number, index: readonly Expr[]) => Expr,
): readonly Expr[] {
  const { lower } = rulesOf(node.eqn);
  if (lower.kind !== 'pointwise') throw new InternalError(`${node.eqn.primitive.name} cannot be computed at an index`);
  return lower.element({
    params: node.eqn.params,
    inputs: node.eqn.inputs.map((a) => a.aval),
    outputs: node.eqn.outputs.map((v) => v.aval),
    index,
    load: read,
  });
}

/** The nodes of a group that its stored values are computed from, in order. */
function neededNodes(graph: Graph, group: Group, outputs: readonly Var[]): Node[] {
  const members = new Set(group.nodes);
  const needed = new Set<Node>();
  const work = outputs.map((v) => graph.producer(v)!);
  for (let node = work.pop(); node !== undefined; node = work.pop()) {
    if (needed.has(node)) continue;
    needed.add(node);
    for (const a of node.info.accesses) {
      const p = a.near ? graph.producer(node.eqn.inputs[a.operand]!) : undefined;
      if (p !== undefined && members.has(p)) work.push(p);
    }
  }
  return group.nodes.filter((n) => needed.has(n));
}
