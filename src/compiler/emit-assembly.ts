/**
 * Writes the kernel of an array that is put together of others: a loop over each operand, which is computed where it is put if it has no
 * memory. So a slice of another array is read in place, and arithmetic on it needs no pass of its own.
 * May import: `ir`.
 * @module
 */
import type { Aval } from '../ir/aval.ts';
import { InternalError } from '../ir/errors.ts';
import { type Axis, type BufferRef, constant, type Expr, iadd, int, linearize, load } from '../ir/loop/expr.ts';
import type { Kernel, Stmt } from '../ir/loop/kernel.ts';
import type { Atom, Equation, Literal, Var } from '../ir/program.ts';
import { type Shape, sizeOf } from '../ir/shape.ts';
import { elementAt } from './access.ts';
import type { Node } from './graph.ts';
import type { Fusion, KernelUnit } from './kernel-unit.ts';
import { indexOf, nest } from './loops.ts';
import { reindex } from './reindex.ts';
import { rulesOf } from './rules.ts';
import { ValueMemo } from './value-memo.ts';

/** The kernel of an assembly; undefined when it has no elements. */
export const emitAssembly = (fusion: Fusion, node: Node): KernelUnit | undefined =>
  node.size === 0 ? undefined : new AssemblyEmitter(fusion, node).emit();

/** Operands that share the loops over the axes that they are not put side by side along. More of them may become several kernels. */
const maxSharing = 8;
/**
 * Elements that all of them have together in one iteration of shared loops, if some are read in another order: longer rows are better
 * off in loops of their own, in which a transpose runs in tiles (three to four times as fast).
 */
const maxSharedRow = 64;

class AssemblyEmitter {
  private readonly fusion: Fusion;
  private readonly node: Node;
  private readonly eqn: Equation;
  private readonly out: BufferRef;
  private readonly inputs = new Map<
    Var | Literal['value'],
    { readonly atom: Var | Literal; readonly buffer: BufferRef }
  >();
  private readonly values = new ValueMemo();
  private nextId = 0;

  constructor(fusion: Fusion, node: Node) {
    this.fusion = fusion;
    this.node = node;
    this.eqn = node.eqn;
    this.out = this.buffer(node.eqn.outputs[0]!.aval, 'output');
  }

  emit(): KernelUnit {
    const { eqn } = this;
    const body = this.loops();
    const inputs = [...this.inputs.values()];
    const kernel: Kernel = {
      name: eqn.primitive.name,
      inputs: inputs.map((i) => i.buffer),
      outputs: [this.out],
      scratch: [],
      body,
      sites: eqn.site === undefined ? [] : [eqn.site],
    };
    const reads = inputs.map((i) => i.atom);
    return { kind: 'kernel', kernel, reads, writes: eqn.outputs, reuse: [], order: this.node.id };
  }

  private buffer({ dtype, size }: Aval, role: BufferRef['role']): BufferRef {
    return { kind: 'buffer', id: this.nextId++, dtype, size, role };
  }

  private axes(shape: Shape): Axis[] {
    return shape.map((extent) => ({ kind: 'axis', id: this.nextId++, extent }));
  }

  private loops(): readonly Stmt[] {
    const { lower } = rulesOf(this.eqn);
    if (lower.kind !== 'assembly')
      throw new InternalError(`${this.eqn.primitive.name} is not put together of its operands`);
    const { inputs, params, outputs } = this.eqn;
    const starts = lower.starts(
      inputs.map((a) => a.aval),
      params,
    );
    const { shape } = outputs[0]!.aval;
    const isWhole = (d: number): boolean => inputs.every((a) => a.aval.shape[d] === shape[d]);
    let shared = 0;
    while (shared < shape.length && isWhole(shared)) shared++;
    const isShort = sizeOf(shape.slice(shared)) <= maxSharedRow;
    if (inputs.length > maxSharing || !(isShort || inputs.every((a) => this.isInOrder(a)))) shared = 0;
    const outer = this.axes(shape.slice(0, shared));
    return nest(
      outer,
      inputs.flatMap((atom, k) => this.copy(atom, outer, starts[k]!)),
    );
  }

  /** Whether all that is read for an operand has its elements in the same order. */
  private isInOrder(atom: Atom): boolean {
    const { graph, storage } = this.fusion;
    if (atom.kind === 'literal' || graph.scalar(atom) !== undefined || storage.isStored(graph.root(atom))) return true;
    const { eqn, info } = graph.producer(atom)!;
    return info.accesses.every((a) => a.near && this.isInOrder(eqn.inputs[a.operand]!));
  }

  /** Elements of one operand, in loops around which there are those of `outer`. */
  private copy(atom: Atom, outer: readonly Axis[], start: readonly number[]): readonly Stmt[] {
    const { shape, size } = atom.aval;
    if (size === 0) return [];
    const inner = this.axes(shape.slice(outer.length));
    const index = [...outer, ...inner].map(indexOf);
    const to = index.map((e, d) => iadd(e, int(start[d]!)));
    const position = linearize(to, this.eqn.outputs[0]!.aval.shape);
    return nest(inner, [{ kind: 'store', buffer: this.out, index: position, value: this.valueAt(atom, index) }]);
  }

  /** An element of any value: a number, a load, or the rule of what computes it. */
  private valueAt(atom: Atom, index: readonly Expr[]): Expr {
    const { graph, storage } = this.fusion;
    const { dtype, shape } = atom.aval;
    const scalar = graph.scalar(atom);
    if (scalar !== undefined) return constant(scalar, dtype);
    const root = atom.kind === 'var' ? graph.root(atom) : atom;
    if (root.kind === 'literal' || storage.isStored(root)) return load(this.input(root), linearize(index, shape));
    const { eqn } = graph.producer(root)!;
    const at = reindex(index, shape, root.aval.shape);
    return this.values.at(root, at, () => {
      const elements = elementAt(eqn, at, (operand, position) => this.valueAt(eqn.inputs[operand]!, position));
      return elements[eqn.outputs.indexOf(root)]!;
    });
  }

  private input(atom: Var | Literal): BufferRef {
    const key = atom.kind === 'literal' ? atom.value : atom;
    let input = this.inputs.get(key);
    if (input === undefined) this.inputs.set(key, (input = { atom, buffer: this.buffer(atom.aval, 'input') }));
    return input.buffer;
  }
}
