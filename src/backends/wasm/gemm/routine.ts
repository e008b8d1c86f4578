/**
 * A small vocabulary for hand-written routines on top of `Lir`: parameters, mutable variables, loops, branches, calls.
 * May import: `encode`, `kernel`.
 * @module
 */
import type { FunctionBuilder } from '../encode/function.ts';
import type { ModuleBuilder } from '../encode/module.ts';
import type { OpName, ValueType } from '../encode/opcodes.ts';
import { type Lir, LirBuilder, type LirStmt } from '../kernel/lir.ts';
import { writeLir } from '../kernel/write-lir.ts';

/** A mutable local; read it where its current value is needed. */
export interface Variable {
  readonly local: number;
  readonly type: ValueType;
}

export class Routine {
  readonly b: LirBuilder = new LirBuilder();
  readonly f: FunctionBuilder;
  private stmts: LirStmt[] = [];
  private depth = 0;
  private nextTag = 1;

  constructor(f: FunctionBuilder) {
    this.f = f;
  }

  /** The parameter at `index`, which is never assigned. */
  param(index: number, type: ValueType = 'i32'): Lir {
    return this.b.get(index, type, 0, 0);
  }

  /** The value of an immutable i32 global. */
  global(index: number): Lir {
    return this.b.make('global', [], { imm: index, type: 'i32' });
  }

  variable(type: ValueType, value: Lir): Variable {
    const v: Variable = { local: this.f.local(type), type };
    this.set([[v, value]]);
    return v;
  }

  read(v: Variable): Lir {
    return this.b.get(v.local, v.type, this.depth, this.nextTag++);
  }

  /** Assigns all values at once. */
  set(items: readonly (readonly [Variable, Lir])[]): void {
    this.stmts.push({ kind: 'set', items: items.map(([v, value]) => ({ local: v.local, value })) });
  }

  store(op: OpName, address: Lir, value: Lir, offset = 0, lane = 0): void {
    this.stmts.push({ kind: 'stores', items: [{ op, address, value, offset, lane }] });
  }

  /** Stores after all values are computed. */
  storeAll(items: readonly { op: OpName; address: Lir; value: Lir; offset: number }[]): void {
    this.stmts.push({ kind: 'stores', items: items.map((i) => ({ ...i, lane: 0 })) });
  }

  private nested(write: () => void): LirStmt[] {
    const saved = this.stmts;
    this.stmts = [];
    write();
    const made = this.stmts;
    this.stmts = saved;
    return made;
  }

  loop(from: Lir, to: Lir, step: number, body: (i: Lir) => void): void {
    const counter = this.f.local('i32');
    this.depth++;
    const { depth } = this;
    const i = this.b.get(counter, 'i32', depth, this.nextTag++);
    const stmts = this.nested(() => body(i));
    this.depth--;
    this.stmts.push({ kind: 'loop', counter, from, to, step, runs: false, depth, body: stmts });
  }

  if(cond: Lir, then: () => void, otherwise: () => void = () => {}): void {
    this.stmts.push({ kind: 'if', cond, then: this.nested(then), otherwise: this.nested(otherwise) });
  }

  /** `cond` is evaluated before every iteration. */
  while(cond: () => Lir, body: () => void): void {
    this.depth++;
    const { depth } = this;
    const test = cond();
    const stmts = this.nested(body);
    this.depth--;
    this.stmts.push({ kind: 'while', cond: test, depth, body: stmts });
  }

  /** Calls an entry of the table; `type` is that of the entry. */
  callEntry(entry: Lir, type: number, ...args: readonly Lir[]): void {
    this.stmts.push({ kind: 'call', index: type, args, entry });
  }

  /** Calls a function of the same module. */
  call(target: FunctionBuilder, ...args: readonly Lir[]): void {
    this.stmts.push({ kind: 'call', index: target.ordinal, args, isDefined: true });
  }

  /** The same with a list of arguments. */
  callWith(target: FunctionBuilder, args: readonly Lir[]): void {
    this.call(target, ...args);
  }

  load(op: OpName, address: Lir, offset = 0): Lir {
    // Memory changes under a routine, so a load stays in its loop and is never shared with one elsewhere.
    return this.b.make(op, [address], { imm: offset, level: this.depth, tag: this.nextTag++ });
  }

  min(x: Lir, y: Lir): Lir {
    return this.b.select(this.b.op('i32.lt_s', x, y), x, y);
  }

  finish(): void {
    writeLir(this.f, this.stmts);
  }
}

/** Defines a function of i32 parameters by its body, which gives its result, if it has one: an i32. */
export function defineRoutine(
  module: ModuleBuilder,
  params: number,
  write: (r: Routine, ...params: Lir[]) => Lir | void,
  name = '',
  hasResult = false,
): FunctionBuilder {
  const results = hasResult ? (['i32'] as const) : [];
  const f = module.defineFunction({ params: Array.from({ length: params }, () => 'i32' as const), results }, name);
  const r = new Routine(f);
  const result = write(r, ...Array.from({ length: params }, (_, i) => r.param(i)));
  const returned = result ? r.variable('i32', result) : undefined;
  r.finish();
  if (returned) f.get(returned.local);
  return f;
}
