/**
 * The structural key of a `Nest`, and its integers: extents, strides and offsets are left out of the key and become run-time
 * parameters, so that one module serves every shape of a layout. Nests with equal keys have the same code.
 * May import: `ir`, `kernel`.
 * @module
 */
import type { BufferRef } from '../../../ir/loop/expr.ts';
import { interleavedTerms } from './interleave.ts';
import { type Loop, type Nest, type NestStmt, type StoreItem, visitNodes } from './nest.ts';
import type { Node } from './node.ts';
import type { VectorPlan } from './vectorize.ts';

/** A place where an integer of the nest is used. */
export type IntSite = string;

export const extentSite = (l: Loop): IntSite => `e${l.axis.id}`;
export const coefficientSite = (n: Node, i: number): IntSite => `c${n.id}:${i}`;
export const termSite = (n: Node): IntSite => `t${n.id}`;
export const constantSite = (n: Node): IntSite => `k${n.id}`;
export const gemmSite = (s: NestStmt, field: string, stmts: ReadonlyMap<NestStmt, number>): IntSite =>
  `g${stmts.get(s)}:${field}`;

export interface NestKey {
  readonly key: string;
  /** Values of the parameters, in the order of their index. */
  readonly values: readonly number[];
  readonly sites: ReadonlyMap<IntSite, number>;
  /** Ordinals of gemm statements. */
  readonly gemms: ReadonlyMap<NestStmt, number>;
}

/** Integers that are part of the structure: they decide which instructions are emitted. */
const isStructural = (x: number): boolean => x === 0 || x === 1 || x === -1;
/** Every second element is loaded in vectors as well. */
const isStructuralStride = (x: number): boolean => isStructural(x) || x === 2;

/** Operations whose constant int32 operands may be parameters; divisors cost time, for engines divide by known ones without dividing. */
function takesParameters(n: Node, areDivisorsKnown: boolean): boolean {
  if (n.kind === 'select') return n.dtype === 'int32';
  if (n.kind !== 'binary' || n.args[0]!.dtype !== 'int32') return false;
  switch (n.fn) {
    case 'div':
    case 'rem':
      return !areDivisorsKnown && n.args[1]!.kind === 'const' && n.args[1]!.value > 1 && n.args[0]!.lo >= 0;
    case 'max':
    case 'min':
    case 'eq':
    case 'ne':
    case 'lt':
    case 'le':
    case 'gt':
    case 'ge':
      return true;
    default:
      return false;
  }
}

/** `areDivisorsKnown`: divisors are part of the key. */
export function nestKey(nest: Nest, plan: VectorPlan, areDivisorsKnown: boolean): NestKey {
  return new KeyWriter(nest, plan, areDivisorsKnown).write();
}

class KeyWriter {
  private readonly nest: Nest;
  private readonly plan: VectorPlan;
  private readonly areDivisorsKnown: boolean;
  private readonly out: string[] = [];
  private readonly values: number[] = [];
  private readonly sites = new Map<IntSite, number>();
  private readonly gemms = new Map<NestStmt, number>();
  private readonly numbers = new Map<unknown, number>();
  private readonly seen = new Set<Node>();

  constructor(nest: Nest, plan: VectorPlan, areDivisorsKnown: boolean) {
    this.nest = nest;
    this.plan = plan;
    this.areDivisorsKnown = areDivisorsKnown;
  }

  write(): NestKey {
    this.out.push(this.nest.buffers.map((b) => b.dtype).join());
    this.block(this.nest.body);
    return { key: this.out.join(' '), values: this.values, sites: this.sites, gemms: this.gemms };
  }

  private number(x: unknown): number {
    let n = this.numbers.get(x);
    if (n === undefined) this.numbers.set(x, (n = this.numbers.size));
    return n;
  }

  private buffer(b: BufferRef): string {
    return `b${this.nest.buffers.indexOf(b)}`;
  }

  private int(value: number, site: IntSite, canHide: boolean): string {
    if (!canHide) return String(value);
    if (!this.sites.has(site)) {
      this.sites.set(site, this.values.length);
      this.values.push(value);
    }
    return `#${this.sites.get(site)}`;
  }

  private node(root: Node): string {
    visitNodes([root], this.seen, (n) => this.define(n));
    return this.reference(root, undefined);
  }

  private reference(n: Node, user: Node | undefined): string {
    if (n.kind !== 'const') return `%${this.number(n)}`;
    const isParameter = user !== undefined && (user.kind === 'load' || takesParameters(user, this.areDivisorsKnown));
    const canHide = n.dtype === 'int32' && isParameter && !isStructural(n.value);
    return `${n.dtype}:${this.int(n.value, constantSite(n), canHide)}${Object.is(n.value, -0) ? '-' : ''}`;
  }

  private define(n: Node): void {
    if (n.kind === 'const') return;
    const head = `%${this.number(n)}=${n.kind}.${n.fn ?? ''}.${n.dtype}.${n.level}.${n.deps}${n.isUnsafe ? '!' : ''}`;
    const parts = [head, ...n.args.map((a) => this.reference(a, n))];
    if (n.kind === 'axis') parts.push(`x${this.number(n.ref)}`);
    if (n.kind === 'local') parts.push(`l${this.number(n.ref)}`);
    if (n.kind === 'load')
      parts.push(this.buffer(n.ref as BufferRef), `v${n.value === 0 ? 0 : this.number(`v${n.value}`)}`);
    if (n.kind === 'affine') {
      parts.push(...n.coefficients.map((c, i) => this.int(c, coefficientSite(n, i), !isStructuralStride(c))));
      parts.push(this.int(n.value, termSite(n), n.value !== 0));
    }
    if (n.kind === 'binary' && n.args[0]!.dtype === 'int32' && n.args[0]!.lo >= 0) parts.push('+');
    this.out.push(parts.join(' '));
  }

  private loop(l: Loop): string {
    return `x${this.number(l.axis)}:${this.int(l.axis.extent, extentSite(l), true)}@${l.depth}`;
  }

  private block(stmts: readonly NestStmt[]): void {
    this.out.push('{');
    for (const s of stmts) this.stmt(s);
    this.out.push('}');
  }

  private stmt(s: NestStmt): void {
    const { out } = this;
    const strategy = this.strategy(s);
    switch (s.kind) {
      case 'for':
        out.push('for', this.loop(s.loop), strategy);
        this.block(s.body);
        return;
      case 'stores':
        this.stores(s.items);
        out.push(';');
        return;
      case 'set': {
        const value = this.node(s.value);
        out.push('set', `l${this.number(s.local)}`, value, this.node(s.result));
        return;
      }
      case 'reduce':
        out.push('reduce', ...s.loops.map((l) => this.loop(l)), strategy);
        for (const i of s.items) {
          const element = this.node(i.element);
          out.push(i.combine, `l${this.number(i.target)}`, i.target.dtype, element, this.node(i.result));
        }
        this.stores(s.stores);
        out.push(';');
        return;
      case 'if':
        out.push('if', this.node(s.cond));
        this.block(s.then);
        this.block(s.otherwise);
        return;
      case 'while':
        out.push('while', `@${s.depth}`, this.node(s.cond));
        this.block(s.body);
        return;
      case 'gemm':
        return this.gemm(s);
    }
  }

  private strategy(s: NestStmt): string {
    const strategy = this.plan.get(s);
    if (strategy === undefined) return '-';
    const { kind, unroll, leavesGroups, stages } = strategy;
    const staged = stages === undefined ? '' : `/${stages.block}${stages.values.map((n) => this.node(n)).join('')}`;
    return `${kind}${unroll}${leavesGroups ? '+' : ''}${staged}`;
  }

  private stores(items: readonly StoreItem[]): void {
    const terms = interleavedTerms(items);
    if (terms.length > 0) this.out.push(`~${terms.join()}`);
    for (const i of items) {
      const [index, value] = [this.node(i.index), this.node(i.value)];
      this.out.push('store', this.buffer(i.buffer), index, value);
    }
  }

  private gemm(s: Extract<NestStmt, { kind: 'gemm' }>): void {
    this.gemms.set(s, this.gemms.size);
    const fields: Record<string, number> = {
      m: s.m,
      n: s.n,
      k: s.k,
      ars: s.a.rowStride,
      acs: s.a.colStride,
      brs: s.b.rowStride,
      bcs: s.b.colStride,
      crs: s.c.rowStride,
    };
    this.out.push('gemm', s.dtype, String(s.accumulate));
    for (const r of [s.a, s.b, s.c]) {
      const offset = this.node(r.offset);
      this.out.push(this.buffer(r.buffer), offset);
    }
    for (const f in fields) this.out.push(this.int(fields[f]!, gemmSite(s, f, this.gemms), true));
    if (s.epilogue !== undefined) this.block([s.epilogue]);
  }
}
