/**
 * Writes the kernel of one group: a loop over its positions, or over rows with passes over the elements of each (see `passes`), its
 * reductions, and one store for each value that has memory.
 * May import: `ir`.
 * @module
 */
import type { DType } from '../ir/dtype.ts';
import { InternalError } from '../ir/errors.ts';
import {
  type Axis,
  type BufferRef,
  constant,
  type Expr,
  iadd,
  imul,
  int,
  linearize,
  load,
  type Local,
} from '../ir/loop/expr.ts';
import type { Kernel, Stmt, Store } from '../ir/loop/kernel.ts';
import type { Atom, Literal, Var } from '../ir/program.ts';
import { type Shape, sizeOf } from '../ir/shape.ts';
import { elementAt, relationOf } from './access.ts';
import type { Graph, Node } from './graph.ts';
import type { Group } from './group.ts';
import type { Fusion, KernelUnit, Site } from './kernel-unit.ts';
import { indexOf, nest } from './loops.ts';
import { Members } from './members.ts';
import { type Kept, type Passes, planPasses } from './passes.ts';
import { reindex } from './reindex.ts';
import { findReuse } from './reuse.ts';
import { rulesOf } from './rules.ts';
import type { Space } from './space.ts';
import type { Storage } from './storage.ts';
import { unrollReduction } from './unroll.ts';
import { ValueMemo } from './value-memo.ts';

/** The kernel of `group`, or undefined when none of its values has memory. */
export function emitKernel(fusion: Fusion, group: Group): KernelUnit | undefined {
  const outputs = group.nodes.flatMap((n) => n.eqn.outputs.filter((v) => fusion.storage.isStored(v)));
  if (outputs.length === 0 || group.frame.size === 0) return undefined;
  return new KernelEmitter(fusion, group, outputs).emit();
}

/** A group's unit without the loops around it, to be done at a site; undefined when it needs the value at other positions as well. */
export function emitAtSite(fusion: Fusion, group: Group, outputs: readonly Var[], site: Site): KernelUnit | undefined {
  const unit = new KernelEmitter(fusion, group, outputs, site).emit();
  return unit.reads.includes(site.value) ? undefined : unit;
}

interface Input {
  readonly atom: Var | Literal;
  readonly buffer: BufferRef;
  /** Read only at the position that is being written. */
  isNearOnly: boolean;
}

/** A position of the group's space. */
interface Position {
  readonly index: readonly Expr[];
  readonly shape: Shape;
  readonly linear: Expr;
  readonly values: Map<Var, Expr>;
  readonly indices: Map<string, readonly Expr[]>;
}

/**
 * Whose position an index is, seen from the group's: the number of values that an array has one of in that place. An array of as many
 * elements as the group is read at its very position, one of as many as there are rows in its row. Undefined: somewhere else.
 */
type Place = number | undefined;

class KernelEmitter {
  private readonly graph: Graph;
  private readonly storage: Storage;
  /** Elements of the group's space. */
  private readonly size: number;
  private readonly outputs: readonly Var[];
  private readonly members: Members;
  private readonly space: Space;
  private readonly passes: Passes;
  private readonly rowAxes: readonly Axis[];
  private readonly row: Position;
  /** An element of the row, in the pass that is being written. */
  private column: Position | undefined;
  private pass = 0;
  /** What the loop of that pass does first. */
  private waiting: Stmt[] = [];
  /** Values at other positions, by the index they were asked for at. */
  private readonly far = new ValueMemo();
  private readonly inputs = new Map<Var | Literal['value'], Input>();
  private readonly refs: ReadonlyMap<Var, BufferRef>;
  private readonly scratch: BufferRef[] = [];
  /** Where elements wait for later passes. */
  private readonly keptIn = new Map<Var, BufferRef>();
  private readonly statements: Stmt[] = [];
  private nextId: number;

  constructor(fusion: Fusion, group: Group, outputs: readonly Var[], site?: Site) {
    this.nextId = site?.nextId ?? 0;
    this.graph = fusion.graph;
    this.storage = fusion.storage;
    this.size = group.frame.size;
    this.outputs = outputs;
    this.members = new Members(fusion, group, outputs);
    this.space = this.members.space;
    this.passes = planPasses(this.members);
    this.rowAxes = site === undefined ? this.freshAxes(this.space.rows) : [];
    this.row =
      site === undefined
        ? this.position(this.rowAxes, [], this.space.rows)
        : { ...site, values: new Map([[site.value, site.element]]), indices: new Map() };
    this.refs = new Map(outputs.map((v) => [v, this.buffer(v.aval.dtype, v.aval.size, 'output')]));
    this.placeKept();
  }

  emit(): KernelUnit {
    for (let pass = 0; pass <= this.passes.count; pass++) {
      for (const node of this.passes.rows[pass]!) this.evaluate(node, this.row, this.space.rowCount);
      if (pass < this.passes.count) this.writePass(pass);
    }
    // Later results first: they read what earlier results are computed from, so those may take over the memory of operands.
    for (const v of [...this.outputs].reverse()) {
      if (!this.passes.kept.has(v)) this.statements.push(this.store(this.refs.get(v)!, this.row, v));
    }
    const inputs = [...this.inputs.values()];
    const refs = this.outputs.map((v) => this.refs.get(v)!);
    const kernel: Kernel = {
      name: [...new Set(this.members.nodes.map((n) => n.eqn.primitive.name))].slice(0, 6).join('_'),
      inputs: inputs.map((i) => i.buffer),
      outputs: refs,
      scratch: this.scratch,
      body: nest(this.rowAxes, this.statements),
      sites: this.members.sites(),
    };
    return {
      kind: 'kernel',
      kernel,
      reads: inputs.map((i) => i.atom),
      writes: this.outputs,
      reuse: findReuse(this.statements, inputs, refs),
      order: this.members.nodes.at(-1)!.id,
    };
  }

  // Space

  private buffer(dtype: DType, size: number, role: BufferRef['role']): BufferRef {
    return { kind: 'buffer', id: this.nextId++, dtype, size, role };
  }

  private freshAxes(shape: Shape): Axis[] {
    return shape.map((extent) => ({ kind: 'axis', id: this.nextId++, extent }));
  }

  private position(axes: readonly Axis[], around: readonly Expr[], shape: Shape): Position {
    const index = [...around, ...axes.map(indexOf)];
    return { index, shape, linear: linearize(index, shape), values: new Map(), indices: new Map() };
  }

  private indexIn(at: Position, shape: Shape): readonly Expr[] {
    const key = shape.join();
    let index = at.indices.get(key);
    if (index === undefined) at.indices.set(key, (index = reindex(at.index, at.shape, shape)));
    return index;
  }

  private positionAt(place: Place): Position | undefined {
    if (place === undefined) return undefined;
    if (place === this.space.rowCount) return this.row;
    return this.space.columnCount !== undefined && place === this.size ? this.column : undefined;
  }

  // Passes

  /** Elements wait in the memory of a result that is written later, if there is one, or in memory of their own. */
  private placeKept(): void {
    const { kept } = this.passes;
    const taken = new Set<Var>();
    const isFree = (v: Var, { from, to }: Kept, dtype: DType): boolean => {
      const own = kept.get(v);
      return own !== undefined && own.from > from && own.from >= to && v.aval.dtype === dtype && !taken.has(v);
    };
    for (const [v, life] of kept) {
      const own = this.refs.get(v);
      const { dtype, size } = v.aval;
      const host = own === undefined ? this.outputs.find((o) => isFree(o, life, dtype)) : undefined;
      let place = own;
      if (host !== undefined) {
        taken.add(host);
        place = this.refs.get(host)!;
      } else if (place === undefined) this.scratch.push((place = this.buffer(dtype, size, 'scratch')));
      this.keptIn.set(v, place);
    }
  }

  private writePass(pass: number): void {
    const axes = this.freshAxes(this.space.columns);
    const at = this.position(axes, this.row.index, [...this.space.rows, ...this.space.columns]);
    const linear = iadd(
      imul(this.row.linear, int(this.space.columnCount!)),
      linearize(axes.map(indexOf), this.space.columns),
    );
    this.column = { ...at, linear };
    this.pass = pass;
    for (const node of this.passes.columns[pass]!) this.evaluate(node, this.column, this.size);
    // Later results first, as below: `kept` lists them so.
    const stores = [...this.passes.kept].flatMap(([v, life]) =>
      life.from === pass ? [this.store(this.keptIn.get(v)!, this.column!, v)] : [],
    );
    const folds = this.passes.folds[pass]!;
    if (folds.length === 0) this.statements.push(...nest(axes, [...this.waiting, ...stores]));
    this.waiting = [];
    // The last one stores: what the others read is not written over.
    folds.forEach((node, i) => this.fold(node, axes, i === folds.length - 1 ? stores : []));
    this.column = undefined;
  }

  private store(buffer: BufferRef, at: Position, v: Var): Store {
    return { kind: 'store', buffer, index: at.linear, value: at.values.get(v)! };
  }

  private fold(node: Node, axes: readonly Axis[], stores: readonly Store[]): void {
    const reduce = this.reduction(node);
    const elements = sizeOf(this.space.columns) === 1 ? [] : axes;
    const reduceIndex = reindex(axes.map(indexOf), this.space.columns, reduce.extents);
    const element = reduce.elementAt(reduceIndex, this.size);
    const { combine, target } = reduce;
    const inner = elements.filter((a) => a.extent !== 1);
    this.statements.push({
      kind: 'reduce',
      target,
      combine,
      axes: inner,
      element,
      ...(stores.length > 0 && { stores }),
    });
    this.row.values.set(node.eqn.outputs[0]!, { op: 'local', dtype: target.dtype, local: target });
  }

  // Values

  private evaluate(node: Node, at: Position, place: Place): void {
    const value =
      node.kind === 'reduction' ? [this.reduce(node)] : this.element(node, this.indexIn(at, shapeOf(node)), place);
    node.eqn.outputs.forEach((v, i) => at.values.set(v, value[i]!));
  }

  /** The results of a pointwise node at an index. */
  private element(node: Node, index: readonly Expr[], place: Place): readonly Expr[] {
    const { inputs } = node.eqn;
    const shape = shapeOf(node);
    return elementAt(node.eqn, index, (operand, at) => {
      const atom = inputs[operand]!;
      if (place === undefined) return this.valueAt(atom, at, undefined);
      const relation = relationOf(at, atom.aval.shape, index, shape);
      return this.valueAt(atom, at, relation === 'near' ? place : relation === 'row' ? atom.aval.size : undefined);
    });
  }

  private reduction(node: Node) {
    const { lower } = rulesOf(node.eqn);
    if (lower.kind !== 'reduction') throw new InternalError('a reduction node without a reduction rule');
    const { params, inputs, outputs } = node.eqn;
    const avals = inputs.map((a) => a.aval);
    const { dtype } = outputs[0]!.aval;
    const index = this.indexIn(this.row, shapeOf(node));
    const elementAt = (reduceIndex: readonly Expr[], place: Place): Expr =>
      lower.element({
        params,
        inputs: avals,
        outputs: outputs.map((v) => v.aval),
        index,
        reduceIndex,
        load: (operand, at) => this.valueAt(inputs[operand]!, at, place),
      });
    const target: Local = { kind: 'local', id: this.nextId++, dtype };
    return { dtype, combine: lower.combine(params), extents: lower.extents(avals, params), elementAt, target };
  }

  /** A reduction with loops of its own. */
  private reduce(node: Node): Expr {
    const { dtype, combine, extents, elementAt, target } = this.reduction(node);
    const unrolled = unrollReduction(combine, extents, dtype, (index) => elementAt(index, undefined));
    if (unrolled !== undefined) return unrolled;
    const axes = this.freshAxes(extents);
    // Without elements the result is the identity, whatever the element would be.
    const element = sizeOf(extents) === 0 ? constant(0, dtype) : elementAt(axes.map(indexOf), undefined);
    this.statements.push({ kind: 'reduce', target, combine, axes: axes.filter((a) => a.extent !== 1), element });
    return { op: 'local', dtype, local: target };
  }

  /** Element of any value at an index: a number, a load, or the rule of what computes it. Depth is bounded by `Storage`. */
  private valueAt(atom: Atom, index: readonly Expr[], place: Place): Expr {
    const scalar = this.graph.scalar(atom);
    if (scalar !== undefined) return constant(scalar, atom.aval.dtype);
    const root = atom.kind === 'var' ? this.graph.root(atom) : atom;
    const here = this.positionAt(place);
    if (here !== undefined && root.kind === 'var') return this.valueHere(root, atom, index, here, place);
    if (root.kind === 'literal' || this.storage.isStored(root))
      return this.loadAt(root, linearize(index, atom.aval.shape), here);
    return this.computeAt(root, reindex(index, atom.aval.shape, root.aval.shape), place);
  }

  private valueHere(root: Var, atom: Atom, index: readonly Expr[], here: Position, place: Place): Expr {
    let value = here.values.get(root);
    if (value !== undefined) return value;
    const life = here === this.column ? this.passes.kept.get(root) : undefined;
    if (life !== undefined && life.from < this.pass) value = this.loadKept(root, here);
    else if (this.storage.isStored(root)) value = this.loadAt(root, here.linear, here);
    else value = this.computeAt(root, reindex(index, atom.aval.shape, root.aval.shape), place);
    here.values.set(root, value);
    return value;
  }

  /** An element that an earlier pass stored. What this pass writes over it comes after it is read. */
  private loadKept(root: Var, here: Position): Expr {
    const value = load(this.keptIn.get(root)!, here.linear);
    const isLast = this.passes.folds[this.pass]!.length === 0;
    if (!isLast || this.refs.has(root)) return value;
    const local: Local = { kind: 'local', id: this.nextId++, dtype: value.dtype };
    this.waiting.push({ kind: 'set', local, value });
    return { op: 'local', dtype: value.dtype, local };
  }

  private loadAt(root: Var | Literal, position: Expr, here: Position | undefined): Expr {
    const input = this.input(root);
    if (here === undefined) input.isNearOnly = false;
    return load(input.buffer, here === undefined ? position : here.linear);
  }

  private computeAt(root: Var, index: readonly Expr[], place: Place): Expr {
    const node = this.graph.producer(root)!;
    return this.far.at(root, index, () => this.element(node, index, place)[node.eqn.outputs.indexOf(root)]!);
  }

  private input(atom: Var | Literal): Input {
    const key = atom.kind === 'literal' ? atom.value : atom;
    let input = this.inputs.get(key);
    if (input === undefined) {
      input = { atom, buffer: this.buffer(atom.aval.dtype, atom.aval.size, 'input'), isNearOnly: true };
      this.inputs.set(key, input);
    }
    return input;
  }
}

const shapeOf = (node: Node): Shape => node.eqn.outputs[0]!.aval.shape;
