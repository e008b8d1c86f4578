/**
 * Matrix products that go on to what is done with each element of their result: a bias, an activation, a residual, a mask. The group that
 * reads the product at its own position runs inside the product's kernel, on blocks that are still in cache; where nobody else needs the
 * product, its result is accumulated in the memory of the group's.
 * May import: `ir`.
 * @module
 */
import type { Aval } from '../ir/aval.ts';
import { type Axis, axisExpr, type BufferRef, type Expr, iadd, imul, int, load, type Local } from '../ir/loop/expr.ts';
import { type BufferSpec, type Epilogue, type Gemm, type Kernel, KernelBuilder, type Stmt } from '../ir/loop/kernel.ts';
import type { Literal, Var } from '../ir/program.ts';
import { emitAtSite } from './emit-kernel.ts';
import type { Fusion, KernelUnit } from './kernel-unit.ts';
import type { Node } from './graph.ts';
import type { Group } from './group.ts';
import { loopsOf } from './rules.ts';
import type { EquationUnit, Unit } from './schedule.ts';
import { maxBuffers, usedBuffers } from './split-kernel.ts';

/**
 * Epilogues run along the columns of the result. Where these fill no vector (a matrix times a vector has one), a loop over all elements
 * is faster: 16 tanh of such a product take 220 ns in an epilogue and 80 ns in a kernel of their own.
 */
const leastColumns = 4;

/** A kernel whose result is written by one product, or by one for each iteration of loops. */
interface Product {
  readonly kernel: Kernel;
  readonly gemm: Gemm;
  /** The axes of its result, outermost first. */
  readonly order: readonly Side[];
  /** Smaller numbers are taken. */
  readonly nextId: number;
}

/** An axis of a result that a product writes: that of a loop, or the product's rows or columns. */
type Side = Axis | 'rows' | 'columns';

/** The units, with those that qualify merged into products. */
export function addEpilogues(fusion: Fusion, units: ReadonlyMap<Group, Unit>): Unit[] {
  const readers = readersOf(units);
  const merged = new Map(units);
  const taken = new Set<Group>();
  for (const [group, unit] of units) {
    if (unit.kind !== 'equation') continue;
    const [result] = unit.writes;
    const consumers = result === undefined ? [] : (readers.get(result) ?? []);
    const next = firstReader(consumers);
    if (next === undefined || taken.has(next) || !mayFollow(fusion, next, result!)) continue;
    // What else it reads is there as early as the product's operands: these need not wait for it.
    if (next.level !== group.level + 1) continue;
    const isNeeded = consumers.length > 1 || isOutput(fusion, result!);
    const joint = merge(fusion, unit, next, units.get(next) as KernelUnit, isNeeded);
    if (joint === undefined) continue;
    // Operands may die with the product, which must not wait for whoever reads an input that the rest may write over.
    const isEarly = joint.reuse.some(({ input }) => {
      const v = joint.reads[input]!;
      if (v.kind !== 'var' || fusion.graph.producer(v) !== undefined) return false;
      return readers.get(v)!.some((g) => g !== next && units.get(g)!.order > unit.order);
    });
    if (isEarly) continue;
    taken.add(next);
    merged.delete(group);
    merged.set(next, { ...joint, order: unit.order });
  }
  return [...merged.values()];
}

const isOutput = ({ graph }: Fusion, v: Var): boolean =>
  graph.program.outputs.some((a) => a.kind === 'var' && graph.root(a) === v);

/** The groups that read each variable from memory. */
function readersOf(units: ReadonlyMap<Group, Unit>): Map<Var, Group[]> {
  const out = new Map<Var, Group[]>();
  for (const [group, unit] of units) {
    for (const v of new Set(unit.reads)) {
      if (v.kind !== 'var') continue;
      const list = out.get(v);
      if (list === undefined) out.set(v, [group]);
      else list.push(group);
    }
  }
  return out;
}

/** The one that stands below all others: what it runs with runs before them, and needs none of them. */
function firstReader(groups: readonly Group[]): Group | undefined {
  const level = Math.min(...groups.map((g) => g.level));
  const first = groups.filter((g) => g.level === level);
  return first.length === 1 ? first[0] : undefined;
}

/** Whether a group has one value for each element of `result`, and no loops of its own. */
function mayFollow(fusion: Fusion, group: Group, result: Var): boolean {
  const { frame, isOpaque, nodes } = group;
  return (
    !isOpaque &&
    frame.rows === undefined &&
    frame.size === result.aval.size &&
    nodes.every((n: Node) => n.kind === 'pointwise') &&
    fusion.storage.isStored(result)
  );
}

function merge(
  fusion: Fusion,
  { eqn, writes }: EquationUnit,
  group: Group,
  unit: KernelUnit,
  isNeeded: boolean,
): KernelUnit | undefined {
  const [result] = writes;
  const product = writes.length === 1 ? findProduct(eqn) : undefined;
  if (result === undefined || product === undefined) return undefined;
  const { kernel, gemm, order } = product;
  let { nextId } = product;
  const axis = (extent: number): Epilogue['row'] => ({ kind: 'axis', id: nextId++, extent });
  const [row, column] = [axis(gemm.m), axis(gemm.n)];
  const element: Local = { kind: 'local', id: nextId++, dtype: result.aval.dtype };
  const index = order.map((side) => (side === 'rows' ? row : side === 'columns' ? column : side));
  const linear = iadd(gemm.c.offset, iadd(imul(axisExpr(row), int(gemm.c.rowStride)), axisExpr(column)));
  const inner = emitAtSite(fusion, group, unit.writes, {
    index: index.map((a) => (a.extent === 1 ? int(0) : axisExpr(a))),
    shape: index.map((a) => a.extent),
    linear,
    value: result,
    element: { op: 'local', dtype: element.dtype, local: element },
    nextId,
  });
  if (inner === undefined) return undefined;
  const isHost = (b: BufferRef, i: number): boolean => b.dtype === element.dtype && !mayTakeInput(fusion, inner, i);
  const host = isNeeded ? -1 : inner.kernel.outputs.findIndex(isHost);
  const c: BufferRef = inner.kernel.outputs[host] ?? { ...gemm.c.buffer, role: isNeeded ? 'output' : 'scratch' };
  const body: Stmt[] = [{ kind: 'set', local: element, value: load(c, linear) }, ...inner.kernel.body];
  const joint: Gemm = { ...gemm, c: { ...gemm.c, buffer: c }, epilogue: { row, column, body } };
  const outputs = [...(isNeeded ? [c] : []), ...inner.kernel.outputs];
  const inputs = [...kernel.inputs, ...inner.kernel.inputs];
  const scratch = [...kernel.scratch, ...(c.role === 'scratch' ? [c] : [])];
  if (inputs.length + outputs.length + scratch.length > maxBuffers) return undefined;
  return {
    kind: 'kernel',
    kernel: {
      name: `${kernel.name}_${inner.kernel.name}`,
      inputs,
      outputs,
      scratch,
      body: replaceProduct(kernel.body, gemm, joint),
      sites: [...(inner.kernel.sites ?? []), ...(kernel.sites ?? [])],
    },
    reads: [...eqn.inputs.map((a): Var | Literal => (a.kind === 'literal' ? a : fusion.graph.root(a))), ...inner.reads],
    writes: [...(isNeeded ? [result] : []), ...inner.writes],
    // What the product is accumulated in is written over from the start.
    reuse: inner.reuse.flatMap(({ input, output }) =>
      output === host ? [] : [{ input: input + kernel.inputs.length, output: output + (isNeeded ? 1 : 0) }],
    ),
    order: inner.order,
  };
}

/** Whether a result may take the memory of an input of the block, which may be donated, or carried by a loop. */
const mayTakeInput = ({ graph }: Fusion, { reads, reuse }: KernelUnit, output: number): boolean =>
  reuse.some(({ input, output: to }) => {
    const v = reads[input]!;
    return to === output && v.kind === 'var' && graph.producer(v) === undefined;
  });

// Products

type Loops = readonly Extract<Stmt, { kind: 'for' }>[];

function findProduct(eqn: EquationUnit['eqn']): Product | undefined {
  const rule = loopsOf(eqn);
  if (rule === undefined || rule.startsFrom !== undefined) return undefined;
  const spec = ({ dtype, size }: Aval): BufferSpec => ({ dtype, size });
  const [ins, outs] = [eqn.inputs.map((a) => a.aval), eqn.outputs.map((v) => v.aval)];
  const builder = new KernelBuilder(eqn.primitive.name, ins.map(spec), outs.map(spec));
  rule.build(builder, ins, outs, eqn.params);
  const kernel: Kernel = { ...builder.build(), sites: eqn.site === undefined ? [] : [eqn.site] };
  const found = productIn(kernel.body, kernel.outputs[0]!, []);
  const order = found === undefined ? undefined : orderOf(found.gemm, found.loops);
  return order === undefined ? undefined : { gemm: found!.gemm, order, kernel, nextId: builder.axis(1).id };
}

/** The only statement that touches `result`, and the loops around it. */
function productIn(
  body: readonly Stmt[],
  result: BufferRef,
  loops: Loops,
): { readonly gemm: Gemm; readonly loops: Loops } | undefined {
  const touching = body.filter((s) => usedBuffers(s).has(result));
  const [only] = touching;
  if (only === undefined || touching.length > 1) return undefined;
  if (only.kind === 'for') return productIn(only.body, result, [...loops, only]);
  const isWhole = only.kind === 'gemm' && only.c.buffer === result && !only.accumulate && only.epilogue === undefined;
  if (!isWhole || only.n < leastColumns) return undefined;
  return only.c.colStride === 1 ? { gemm: only, loops } : undefined;
}

/** The axes of the result in row-major order, if the product in its loops covers all of it. */
function orderOf({ m, n, c }: Gemm, loops: Loops): Side[] | undefined {
  const found = strideOf(c.offset);
  if (found === undefined || found.constant !== 0) return undefined;
  const sides: { readonly side: Side; readonly extent: number; readonly stride: number }[] = [
    ...loops.map(({ axis }) => ({ side: axis, extent: axis.extent, stride: found.axes.get(axis) ?? 0 })),
    { side: 'rows', extent: m, stride: c.rowStride },
    { side: 'columns', extent: n, stride: c.colStride },
  ];
  // Axes of extent 1 may stand anywhere.
  const order = sides.filter((s) => s.extent > 1 || typeof s.side === 'string').sort((p, q) => q.stride - p.stride);
  let stride = 1;
  for (const s of [...order].reverse()) {
    if (s.extent > 1 && s.stride !== stride) return undefined;
    stride *= s.extent;
  }
  return stride === c.buffer.size ? order.map((s) => s.side) : undefined;
}

interface Affine {
  readonly constant: number;
  readonly axes: ReadonlyMap<unknown, number>;
}

/** An index as a sum of multiples of axes, if it is one. */
function strideOf(e: Expr): Affine | undefined {
  if (e.op === 'const') return { constant: e.value, axes: new Map() };
  if (e.op === 'axis') return { constant: 0, axes: new Map([[e.axis, 1]]) };
  if (e.op !== 'binary') return undefined;
  const [x, y] = [strideOf(e.x), strideOf(e.y)];
  if (x === undefined || y === undefined) return undefined;
  if (e.fn === 'add') {
    const axes = new Map(x.axes);
    for (const [a, s] of y.axes) axes.set(a, (axes.get(a) ?? 0) + s);
    return { constant: x.constant + y.constant, axes };
  }
  if (e.fn !== 'mul' || (x.axes.size > 0 && y.axes.size > 0)) return undefined;
  const [varying, factor] = x.axes.size > 0 ? [x, y.constant] : [y, x.constant];
  return {
    constant: varying.constant * factor,
    axes: new Map([...varying.axes].map(([a, s]): [unknown, number] => [a, s * factor])),
  };
}

function replaceProduct(body: readonly Stmt[], from: Gemm, to: Gemm): Stmt[] {
  return body.map((s) => (s === from ? to : s.kind === 'for' ? { ...s, body: replaceProduct(s.body, from, to) } : s));
}
