/**
 * `Kernel` → `Nest`: interns all expressions, gives locals and rewritten buffers versions, drops trivial loops, merges loops that run
 * through memory as one, groups stores and reductions that share their loops.
 * May import: `ir`, `kernel`.
 * @module
 */
import { MemoryError } from '../../../ir/errors.ts';
import type { Axis, BufferRef, Expr, Local } from '../../../ir/loop/expr.ts';
import type { Epilogue, Kernel, MatrixRef, Stmt } from '../../../ir/loop/kernel.ts';
import { mergeableAxes } from './collapse.ts';
import { ExprConverter } from './convert-expr.ts';
import { Graph } from './graph.ts';
import { identityOf } from './identity.ts';
import { type ShortLoop, shortLoop } from './interleave.ts';
import { type Modified, modifiedBy } from './modified.ts';
import type { ForLoop, Loop, MatrixNode, Nest, NestStmt, ReduceItem, StoreItem } from './nest.ts';
import { visitNodes } from './nest.ts';
import { depthBit, type Node } from './node.ts';

type For = Extract<Stmt, { kind: 'for' }>;
type Reduce = Extract<Stmt, { kind: 'reduce' }>;

interface Version {
  readonly version: number;
  readonly level: number;
  readonly deps: number;
}

/** Loop counters are signed. */
const maxExtent: number = 2 ** 31 - 1;

const extentOf = (chain: readonly Axis[]): number => chain.reduce((n, a) => n * a.extent, 1);
const fitsCounter = (chain: readonly Axis[]): boolean => extentOf(chain) <= maxExtent;

export function convertKernel(kernel: Kernel): Nest {
  if (!hasNestedLoops(kernel.body)) return new Converter(kernel, new Set(), true).convert();
  // Which loops merge is a matter of indices, for which functions need not be expanded.
  const merged = mergeableAxes(new Converter(kernel, new Set(), false).convert().body);
  return new Converter(kernel, merged, true).convert();
}

/** Whether there are loops that could merge. */
function hasNestedLoops(stmts: readonly Stmt[], isInside = false): boolean {
  return stmts.some((s) => {
    switch (s.kind) {
      case 'for':
        return isInside || hasNestedLoops(s.body, true);
      case 'reduce':
        return s.axes.length > 1;
      case 'if':
        return hasNestedLoops(s.then, isInside) || hasNestedLoops(s.otherwise, isInside);
      case 'while':
        return hasNestedLoops(s.body);
      case 'gemm':
        return s.epilogue !== undefined;
      default:
        return false;
    }
  });
}

class Converter {
  private readonly kernel: Kernel;
  /** Axes whose loop merges with the loop directly around it. */
  private readonly merged: ReadonlySet<Axis>;
  /** In the end: functions are expanded, and short loops written out. */
  private readonly expands: boolean;
  private readonly graph = new Graph();
  private readonly exprs: ExprConverter;
  private readonly axes = new Map<Axis, Node>();
  private readonly locals = new Map<Local, Version>();
  private readonly buffers = new Map<BufferRef, Version>();
  private readonly loaded = new Set<BufferRef>();
  private depth = 0;
  private nextVersion = 1;
  private nextAxisId = -1;

  constructor(kernel: Kernel, merged: ReadonlySet<Axis>, expands: boolean) {
    this.kernel = kernel;
    this.merged = merged;
    this.expands = expands;
    this.exprs = new ExprConverter(this.graph, expands, {
      axis: (a) => this.axes.get(a)!,
      local: (e) => this.readLocal(e.local),
      load: (e, index, isGuarded) => {
        this.loaded.add(e.buffer);
        const v = this.buffers.get(e.buffer);
        return this.graph.load(e.buffer, index, v?.version ?? 0, v?.level ?? 0, isGuarded);
      },
    });
  }

  convert(): Nest {
    const { name, inputs, outputs, scratch, body } = this.kernel;
    return {
      name,
      buffers: [...inputs, ...outputs, ...scratch],
      body: this.block(body),
      functions: this.exprs.functions,
    };
  }

  private readLocal(local: Local): Node {
    const v = this.locals.get(local) ?? { version: 0, level: 0, deps: 0 };
    return this.graph.local(local, v.version, v.level, v.deps);
  }

  /** All loops around the current statement. */
  private enclosing(): number {
    let bits = 0;
    for (let d = 1; d <= this.depth; d++) bits |= depthBit(d);
    return bits;
  }

  private bumpLocal(local: Local, deps: number): Node {
    this.locals.set(local, { version: this.nextVersion++, level: this.depth, deps });
    this.exprs.forget();
    return this.readLocal(local);
  }

  private bumpBuffer(buffer: BufferRef): void {
    this.buffers.set(buffer, { version: this.nextVersion++, level: this.depth, deps: 0 });
    if (this.loaded.has(buffer)) this.exprs.forget();
  }

  private bump(m: Modified): void {
    for (const l of m.locals) this.bumpLocal(l, this.enclosing());
    for (const b of m.buffers) this.bumpBuffer(b);
  }

  private block(stmts: readonly Stmt[]): NestStmt[] {
    const out: NestStmt[] = [];
    for (const s of stmts) this.stmt(s, out);
    return out;
  }

  private stmt(s: Stmt, out: NestStmt[]): void {
    switch (s.kind) {
      case 'for':
        return this.forLoop(s, out);
      case 'store':
        return this.store(s.buffer, s.index, s.value, out);
      case 'set': {
        const value = this.exprs.convert(s.value);
        out.push({ kind: 'set', local: s.local, value, result: this.bumpLocal(s.local, this.enclosing()) });
        return;
      }
      case 'if':
        return this.branch(s, out);
      case 'while':
        return this.whileLoop(s, out);
      case 'reduce':
        return this.reduce(s, out);
      case 'gemm': {
        if (s.m === 0 || s.n === 0) return;
        const dtype = s.c.buffer.dtype === 'float64' ? 'float64' : 'float32';
        const { m, n, k, accumulate } = s;
        const [a, b, c] = [this.matrix(s.a), this.matrix(s.b), this.matrix(s.c)];
        const epilogue = s.epilogue && this.epilogue(s.c.buffer, s.epilogue);
        out.push({ kind: 'gemm', m, n, k, a, b, c, accumulate, dtype, epilogue });
        this.bumpBuffer(s.c.buffer);
      }
    }
  }

  /** Loops of their own even where an extent is 1: they run over ranges that are known at run time only. */
  private epilogue(c: BufferRef, { row, column, body }: Epilogue): ForLoop {
    const modified = modifiedBy(body);
    const bump = (): void => {
      this.bumpBuffer(c);
      this.bump(modified);
    };
    this.depth += 2;
    const [rows, columns] = [this.loop([row], this.depth - 1), this.loop([column], this.depth)];
    bump();
    const inner = this.block(body);
    this.depth -= 2;
    bump();
    const columnLoop: ForLoop = { kind: 'for', loop: columns, parallel: true, body: inner };
    return { kind: 'for', loop: rows, parallel: true, body: [columnLoop] };
  }

  private matrix(r: MatrixRef): MatrixNode {
    return { ...r, offset: this.exprs.convert(r.offset) };
  }

  // Loops

  private forLoop(s: For, out: NestStmt[]): void {
    const chain: Axis[] = [s.axis];
    let { body } = s;
    for (;;) {
      const inner = body.length === 1 ? body[0]! : undefined;
      if (inner?.kind !== 'for' || !this.merged.has(inner.axis) || !fitsCounter([...chain, inner.axis])) break;
      chain.push(inner.axis);
      ({ body } = inner);
    }
    const extent = extentOf(chain);
    if (extent === 0) return;
    if (extent === 1) {
      for (const a of chain) this.axes.set(a, this.graph.int(0));
      for (const inner of body) this.stmt(inner, out);
      return;
    }
    this.depth++;
    const loop = this.loop(chain, this.depth);
    const modified = modifiedBy(body);
    this.bump(modified);
    const short = s.parallel && this.expands ? shortLoop(body, extent) : undefined;
    const converted = short === undefined ? this.block(body) : [this.writtenOut(short)];
    this.depth--;
    this.bump(modified);
    if (converted.length > 0) out.push({ kind: 'for', loop, parallel: s.parallel, body: converted });
  }

  /** All stores of a short loop. Its iterations are independent, so none reads what another has stored. */
  private writtenOut({ axis, store }: ShortLoop): NestStmt {
    const items = Array.from({ length: axis.extent }, (_, i): StoreItem => {
      this.axes.set(axis, this.graph.int(i));
      this.exprs.forget();
      const [index, value] = [this.exprs.convert(store.index), this.exprs.convert(store.value)];
      return { buffer: store.buffer, index, value };
    });
    this.bumpBuffer(store.buffer);
    return { kind: 'stores', items };
  }

  /** One loop over several axes, the last fastest. */
  private loop(chain: readonly Axis[], depth: number): Loop {
    const extent = extentOf(chain);
    if (extent > maxExtent) {
      throw new MemoryError(
        `${this.kernel.name}: expected fewer than 2^31 elements on the wasm device, got ${extent}.`,
        'work on parts of the array.',
      );
    }
    const axis: Axis = chain.length === 1 ? chain[0]! : { kind: 'axis', id: this.nextAxisId--, extent };
    const node = this.graph.axis(axis, depth);
    this.setAxes(chain, node);
    return { axis, node, depth };
  }

  private setAxes(chain: readonly Axis[], linear: Node): void {
    let step = 1;
    for (let i = chain.length - 1; i >= 0; i--) {
      const a = chain[i]!;
      const q = this.graph.quotient(linear, step);
      this.axes.set(a, i === 0 ? q : this.graph.remainder(q, a.extent));
      step *= a.extent;
    }
  }

  private branch(s: Extract<Stmt, { kind: 'if' }>, out: NestStmt[]): void {
    const cond = this.exprs.convert(s.cond);
    const modified = modifiedBy([s]);
    const then = this.block(s.then);
    this.bump(modified);
    const otherwise = this.block(s.otherwise);
    this.bump(modified);
    out.push({ kind: 'if', cond, then, otherwise });
  }

  private whileLoop(s: Extract<Stmt, { kind: 'while' }>, out: NestStmt[]): void {
    const modified = modifiedBy(s.body);
    this.depth++;
    this.bump(modified);
    const cond = this.exprs.convert(s.cond);
    const body = this.block(s.body);
    const { depth } = this;
    this.depth--;
    this.bump(modified);
    out.push({ kind: 'while', depth, cond, body });
  }

  // Statements that group

  private store(buffer: BufferRef, indexExpr: Expr, valueExpr: Expr, out: NestStmt[]): void {
    const [index, value] = [this.exprs.convert(indexExpr), this.exprs.convert(valueExpr)];
    const item: StoreItem = { buffer, index, value };
    const last = out.at(-1);
    if (last?.kind === 'stores' && !this.dependsOn(last.items, item)) {
      out[out.length - 1] = { kind: 'stores', items: [...last.items, item] };
    } else out.push({ kind: 'stores', items: [item] });
    this.bumpBuffer(buffer);
  }

  /** Whether `item` reads, or may write over, what an earlier store of the group wrote. */
  private dependsOn(group: readonly StoreItem[], item: StoreItem): boolean {
    const written = new Set<unknown>(group.map((g) => g.buffer));
    if (group.some((g) => g.buffer === item.buffer && !this.isElsewhere(g.index, item.index))) return true;
    let found = false;
    visitNodes([item.index, item.value], new Set(), (n) => {
      found ||= n.kind === 'load' && written.has(n.ref);
    });
    return found;
  }

  /** Whether two indices differ whatever the iteration. */
  private isElsewhere(a: Node, b: Node): boolean {
    const distance = this.graph.binary('sub', a, b);
    return distance.kind === 'const' && distance.value !== 0;
  }

  private reduce(s: Reduce, out: NestStmt[]): void {
    const { target } = s;
    if (s.axes.some((a) => a.extent === 0)) {
      const value = this.graph.constant(identityOf(s.combine, target.dtype), target.dtype);
      out.push({ kind: 'set', local: target, value, result: this.bumpLocal(target, 0) });
      return;
    }
    const chains = this.reduceChains(s.axes);
    if (chains.length === 0) {
      const value = this.exprs.convert(s.element);
      out.push({ kind: 'set', local: target, value, result: this.bumpLocal(target, value.deps & this.enclosing()) });
      for (const store of s.stores ?? []) this.store(store.buffer, store.index, store.value, out);
      return;
    }
    const last = out.at(-1);
    if (last?.kind === 'reduce' && this.joinReduce(s, chains, last, out)) return;
    const loops = chains.map((chain, i) => this.loop(chain, this.depth + 1 + i));
    this.bumpStored(s, loops.length);
    out.push({ kind: 'reduce', loops, stores: this.storesOf(s), items: [this.reduceItem(s)] });
    this.bumpStored(s, 0);
  }

  private storesOf(s: Reduce): StoreItem[] {
    return (s.stores ?? []).map(({ buffer, index, value }) => ({
      buffer,
      index: this.exprs.convert(index),
      value: this.exprs.convert(value),
    }));
  }

  /** What the stores of a reduction write changes in its loops. */
  private bumpStored(s: Reduce, loops: number): void {
    this.depth += loops;
    for (const store of s.stores ?? []) this.bumpBuffer(store.buffer);
    this.depth -= loops;
  }

  private reduceItem(s: Reduce): ReduceItem {
    const element = this.exprs.convert(s.element);
    const result = this.bumpLocal(s.target, element.deps & this.enclosing());
    return { target: s.target, combine: s.combine, element, result };
  }

  private reduceChains(axes: readonly Axis[]): Axis[][] {
    const chains: Axis[][] = [];
    for (const a of axes) {
      if (a.extent === 1) this.axes.set(a, this.graph.int(0));
      else if (this.merged.has(a) && chains.length > 0 && fitsCounter([...chains.at(-1)!, a])) chains.at(-1)!.push(a);
      else chains.push([a]);
    }
    return chains;
  }

  /** Runs a reduction in the loops of the one before it, when the extents agree and it does not need that one's result. */
  private joinReduce(
    s: Reduce,
    chains: readonly Axis[][],
    last: Extract<NestStmt, { kind: 'reduce' }>,
    out: NestStmt[],
  ): boolean {
    const extents = chains.map(extentOf);
    if (last.stores.length > 0) return false;
    if (extents.length !== last.loops.length || last.loops.some((l, i) => l.axis.extent !== extents[i])) return false;
    chains.forEach((chain, i) => this.setAxes(chain, last.loops[i]!.node));
    const element = this.exprs.convert(s.element);
    const results = new Set(last.items.map((i) => i.result));
    let dependsOnLast = false;
    visitNodes([element], new Set(), (n) => (dependsOnLast ||= results.has(n)));
    if (dependsOnLast) {
      this.exprs.forget();
      return false;
    }
    this.bumpStored(s, last.loops.length);
    const stores = this.storesOf(s);
    out[out.length - 1] = { kind: 'reduce', loops: last.loops, stores, items: [...last.items, this.reduceItem(s)] };
    this.bumpStored(s, 0);
    return true;
  }
}
