/**
 * Writes `LirStmt`s as WebAssembly: control flow, stores and assignments. Values that do not change in a loop are computed before it.
 * May import: `encode`, `kernel/{lir,walk-lir,write-values}`.
 * @module
 */
import type { FunctionBuilder } from '../encode/function.ts';
import type { Lir, LirStmt } from './lir.ts';
import { countValues, InvariantFinder, ownValues } from './walk-lir.ts';
import { ValueWriter } from './write-values.ts';

type Loop = Extract<LirStmt, { kind: 'loop' }>;
type Branch = Extract<LirStmt, { kind: 'if' }>;

/** The two vectors whose elements, of two bytes each, are stored as one. */
const packed = (v: Lir): readonly Lir[] | undefined => (v.op === 'i16x8.narrow_i32x4_u' ? v.args : undefined);

/** Writes the body of one function. */
export function writeLir(f: FunctionBuilder, body: readonly LirStmt[]): void {
  new LirWriter(f, countValues(body)).block(body);
}

class LirWriter {
  private readonly f: FunctionBuilder;
  private readonly values: ValueWriter;
  private readonly invariants: InvariantFinder;

  constructor(f: FunctionBuilder, size: number) {
    this.f = f;
    this.values = new ValueWriter(f, size);
    this.invariants = new InvariantFinder(size);
  }

  block(stmts: readonly LirStmt[], extra: readonly Lir[] = []): void {
    this.values.openScope();
    const hoisted = stmts.map((s) => this.invariants.find(s, (v) => this.values.hasLocal(v)));
    this.values.countUses([...stmts.flatMap((s, i) => [...ownValues(s), ...hoisted[i]!]), ...extra]);
    stmts.forEach((s, i) => {
      // What a guarded loop needs is computed inside its guard.
      if (s.kind === 'loop' && !s.runs) this.guardedLoop(s, hoisted[i]!);
      else {
        this.values.materialize(hoisted[i]!, true);
        this.stmt(s);
      }
    });
    this.values.materialize(extra, false);
    for (const v of extra) this.values.push(v);
    this.values.closeScope();
  }

  private stmt(s: LirStmt): void {
    switch (s.kind) {
      case 'loop':
        return this.loop(s);
      case 'stores':
        return this.stores(s);
      case 'set':
        return this.sets(s);
      case 'if':
        return this.branch(s);
      case 'while':
        return this.whileLoop(s);
      case 'call':
        this.values.materialize(ownValues(s), false);
        for (const a of ownValues(s)) this.values.push(a);
        if (s.entry !== undefined) this.f.callIndirect(s.index);
        else if (s.isDefined) this.f.callDefined(s.index);
        else this.f.callImport(s.index);
    }
  }

  private loop(s: Loop): void {
    const { f } = this;
    this.values.materialize([s.from, s.to], false);
    const limit = this.values.pinned(s.to);
    this.values.push(s.from);
    f.set(s.counter);
    const [first] = s.body;
    if (s.body.length === 1 && first?.kind === 'if' && first.shared !== undefined) this.usualLoop(s, first, limit.push);
    else {
      const top = f.open('loop');
      this.block(s.body);
      this.next(s, limit.push);
      f.brIf(top);
      f.close();
    }
    limit.release();
  }

  /** Leaves whether the loop goes on on the stack. */
  private next({ counter, step }: Loop, limit: () => void): void {
    const { f } = this;
    f.get(counter);
    f.i32(step);
    f.op('i32.add');
    f.tee(counter);
    limit();
    f.op('i32.lt_s');
  }

  /**
   * A loop whose body is one branch that is hardly ever not taken: an inner loop of that branch alone, left for the other
   * one. Code that the engine finds in the inner loop costs registers there, run or not.
   */
  private usualLoop(s: Loop, branch: Branch, limit: () => void): void {
    const { f } = this;
    const done = f.open('block');
    const again = f.open('loop');
    const unusual = f.open('block');
    const top = f.open('loop');
    this.values.openScope();
    this.values.countUses(ownValues(branch));
    this.condition(branch);
    f.op('i32.eqz');
    f.brIf(unusual);
    this.block(branch.then);
    this.values.closeScope();
    this.next(s, limit);
    f.brIf(top);
    f.br(done);
    f.close();
    f.close();
    this.block(branch.otherwise);
    this.next(s, limit);
    f.brIf(again);
    f.close();
    f.close();
  }

  private guardedLoop(s: Loop, hoisted: readonly Lir[]): void {
    const { f } = this;
    this.values.materialize([s.from, s.to], true);
    this.values.push(s.from);
    this.values.push(s.to);
    f.op('i32.lt_s');
    f.open('if');
    this.values.openScope();
    this.values.countUses(hoisted);
    this.values.materialize(hoisted, true);
    this.loop(s);
    this.values.closeScope();
    f.close();
  }

  private stores(s: Extract<LirStmt, { kind: 'stores' }>): void {
    const { f } = this;
    if (s.inPairs === true) this.values.pairUp(s.items.flatMap(({ value }) => packed(value) ?? [value]));
    // With several stores every value must be complete before the first store: outputs may overwrite inputs in place.
    if (s.items.length > 1)
      this.values.materialize(
        s.items.map((i) => i.value),
        true,
      );
    this.values.materialize(
      s.items.flatMap((i) => [i.address, i.value]),
      false,
    );
    for (const i of s.items) {
      this.values.push(i.address);
      this.values.push(i.value);
      if (i.op.endsWith('_lane')) f.memoryLane(i.op, i.offset, i.lane);
      else f.memory(i.op, i.offset);
    }
  }

  private sets(s: Extract<LirStmt, { kind: 'set' }>): void {
    if (s.inPairs === true) this.values.pairUp(s.items.map((i) => i.value));
    this.values.materialize(
      s.items.map((i) => i.value),
      false,
    );
    for (const i of s.items) this.values.push(i.value);
    for (const i of [...s.items].reverse()) this.f.set(i.local);
  }

  private condition({ cond, shared }: Branch): void {
    if (shared !== undefined) this.values.materialize(shared, true);
    this.values.materialize([cond], false);
    this.values.push(cond);
  }

  private branch(s: Branch): void {
    const { f } = this;
    this.condition(s);
    f.open('if');
    this.block(s.then);
    if (s.otherwise.length > 0) {
      f.otherwise();
      this.block(s.otherwise);
    }
    f.close();
  }

  private whileLoop(s: Extract<LirStmt, { kind: 'while' }>): void {
    const { f } = this;
    const exit = f.open('block');
    const top = f.open('loop');
    this.block([], [s.cond]);
    f.op('i32.eqz');
    f.brIf(exit);
    this.block(s.body);
    f.br(top);
    f.close();
    f.close();
  }
}
