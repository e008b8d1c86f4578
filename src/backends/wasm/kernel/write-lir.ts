/**
 * Writes `LirStmt`s as WebAssembly: values used more than once go to locals, values that do not change in a loop are computed before
 * it, everything else stays on the operand stack.
 * May import: `encode`, `kernel/{lir,walk-lir,write-instruction}`.
 * @module
 */
import type { FunctionBuilder } from '../encode/function.ts';
import type { Lir, LirStmt } from './lir.ts';
import { writeInstruction } from './write-instruction.ts';
import { countValues, InvariantFinder, isTrivial, Marks, ownValues } from './walk-lir.ts';

/** Expression trees deeper than this are cut by a local, which bounds the native recursion below. */
const maxTreeHeight = 64;

interface Scope {
  /** Values that have a local until the scope ends. */
  readonly values: Lir[];
  /** Values that are used more than once in it. */
  readonly repeated: Set<Lir>;
}

type Loop = Extract<LirStmt, { kind: 'loop' }>;
type Branch = Extract<LirStmt, { kind: 'if' }>;

/** Heights are kept in the low seven bits. */
const heightBase = 128;
const noLocal = -1;

/** The two vectors whose elements, of two bytes each, are stored as one. */
const packed = (v: Lir): readonly Lir[] | undefined => (v.op === 'i16x8.narrow_i32x4_u' ? v.args : undefined);

/** Writes one function. What it knows of values is in arrays, by their numbers. */
export class LirWriter {
  private readonly f: FunctionBuilder;
  private readonly scopes: Scope[] = [];
  /** Locals of the values of all open scopes. */
  private locals = new Int32Array(0);
  /** Heights of the trees that are not cut yet, plus `heightBase` times the call of `materialize` that found them. */
  private heights = new Int32Array(0);
  private materializations = 0;
  private counted = new Marks(0);
  private invariants = new InvariantFinder(0);

  constructor(f: FunctionBuilder) {
    this.f = f;
  }

  write(body: readonly LirStmt[]): void {
    const size = countValues(body);
    this.locals = new Int32Array(size).fill(noLocal);
    this.heights = new Int32Array(size);
    this.counted = new Marks(size);
    this.invariants = new InvariantFinder(size);
    this.block(body);
  }

  private hasLocal(v: Lir): boolean {
    return this.locals[v.id] !== noLocal;
  }

  private block(stmts: readonly LirStmt[], extra: readonly Lir[] = []): void {
    this.openScope();
    const hoisted = stmts.map((s) => this.invariants.find(s, (v) => this.hasLocal(v)));
    this.countUses([...stmts.flatMap((s, i) => [...ownValues(s), ...hoisted[i]!]), ...extra]);
    stmts.forEach((s, i) => {
      // What a guarded loop needs is computed inside its guard.
      if (s.kind === 'loop' && !s.runs) this.guardedLoop(s, hoisted[i]!);
      else {
        this.materialize(hoisted[i]!, true);
        this.stmt(s);
      }
    });
    this.materialize(extra, false);
    for (const v of extra) this.push(v);
    this.closeScope();
  }

  private openScope(): void {
    this.scopes.push({ values: [], repeated: new Set() });
  }

  private closeScope(): void {
    for (const v of this.scopes.pop()!.values) {
      this.f.release(this.locals[v.id]!);
      this.locals[v.id] = noLocal;
    }
  }

  /** Finds what is used more than once in the scope by `roots` and everything under them that has no local yet. */
  private countUses(roots: readonly Lir[]): void {
    const { repeated } = this.scopes.at(-1)!;
    this.counted.clear();
    const stack = roots.slice();
    while (stack.length > 0) {
      const v = stack.pop()!;
      if (isTrivial(v) || this.hasLocal(v)) continue;
      if (this.counted.add(v)) for (let i = 0; i < v.args.length; i++) stack.push(v.args[i]!);
      else repeated.add(v);
    }
  }

  /** Puts values with several uses (all of `roots`, when forced) into locals, arguments first. */
  private materialize(roots: readonly Lir[], isForced: boolean): void {
    const { repeated } = this.scopes.at(-1)!;
    const forced = isForced ? new Set(roots) : undefined;
    const { heights } = this;
    const base = ++this.materializations * heightBase;
    const stack: Lir[] = [];
    for (const root of roots) {
      stack.push(root);
      while (stack.length > 0) {
        const v = stack[stack.length - 1]!;
        if (isTrivial(v) || this.hasLocal(v) || heights[v.id]! > base) {
          stack.pop();
          continue;
        }
        const before = stack.length;
        let height = 1;
        for (let i = v.args.length - 1; i >= 0; i--) {
          const a = v.args[i]!;
          if (isTrivial(a) || this.hasLocal(a)) continue;
          const h = heights[a.id]! - base;
          if (h <= 0) stack.push(a);
          else if (h >= height) height = h + 1;
        }
        if (stack.length > before) continue;
        stack.pop();
        if (height > maxTreeHeight || repeated.has(v) || forced?.has(v)) this.toLocal(v);
        else heights[v.id] = base + height;
      }
    }
  }

  /** Computes every two of the values side by side, as far as they are the same operations of different operands. */
  private pairUp(values: readonly Lir[]): void {
    for (let i = 0; i + 1 < values.length; i += 2) this.pair(values[i]!, values[i + 1]!);
  }

  private pair(first: Lir, second: Lir): void {
    const stack: (readonly [Lir, Lir])[] = [[first, second]];
    while (stack.length > 0) {
      const top = stack[stack.length - 1]!;
      const [x, y] = top;
      if (x === y || x.op !== y.op || x.op === 'guarded' || (this.isReady(x) && this.isReady(y))) {
        stack.pop();
        this.materialize([x, y], true);
        continue;
      }
      const before = stack.length;
      for (let i = x.args.length - 1; i >= 0; i--) {
        const [a, b] = [x.args[i]!, y.args[i]!];
        if (!this.isReady(a) || !this.isReady(b)) stack.push([a, b]);
      }
      if (stack.length > before) continue;
      stack.pop();
      if (!this.isReady(x)) this.toLocal(x);
      if (!this.isReady(y)) this.toLocal(y);
    }
  }

  private isReady(v: Lir): boolean {
    return isTrivial(v) || this.hasLocal(v);
  }

  private toLocal(v: Lir): void {
    this.compute(v);
    const local = this.f.local(v.type);
    this.f.set(local);
    this.scopes.at(-1)!.values.push(v);
    this.locals[v.id] = local;
  }

  private push(v: Lir): void {
    if (!isTrivial(v) && this.hasLocal(v)) this.f.get(this.locals[v.id]!);
    else this.compute(v);
  }

  private compute(v: Lir): void {
    const { f } = this;
    const { op } = v;
    if (op === 'guarded') {
      this.guarded(v);
      return;
    }
    for (let i = 0; i < v.args.length; i++) this.push(v.args[i]!);
    writeInstruction(f, op, v);
  }

  private guarded(v: Lir): void {
    const { f } = this;
    const [cond, value, x] = v.args as [Lir, Lir, Lir];
    if (v.type === 'v128') {
      this.guardedLanes(v, cond, value, x);
      return;
    }
    this.push(cond);
    f.open('if', v.type);
    this.push(value);
    f.otherwise();
    this.push(x);
    this.hostCall(v.imm, v.type === 'f32');
    f.close();
  }

  private hostCall(index: number, isSingle: boolean): void {
    if (isSingle) this.f.op('f64.promote_f32');
    this.f.callImport(index);
    if (isSingle) this.f.op('f32.demote_f64');
  }

  private guardedLanes(v: Lir, cond: Lir, value: Lir, x: Lir): void {
    const { f } = this;
    const isDouble = v.lane === 1;
    const shape = isDouble ? 'f64x2' : 'f32x4';
    const [mask, result, argument] = [f.local('v128'), f.local('v128'), f.local('v128')];
    const store = (from: Lir, to: number): void => {
      this.push(from);
      f.set(to);
    };
    store(value, result);
    store(cond, mask);
    f.get(mask);
    f.op('i32x4.all_true');
    f.op('i32.eqz');
    f.open('if');
    store(x, argument);
    f.get(result);
    f.get(argument);
    for (let lane = 0; lane < (isDouble ? 2 : 4); lane++) {
      f.get(argument);
      f.lane(`${shape}.extract_lane`, lane);
      this.hostCall(v.imm, !isDouble);
      f.lane(`${shape}.replace_lane`, lane);
    }
    f.get(mask);
    f.op('v128.bitselect');
    f.set(result);
    f.close();
    f.get(result);
    for (const local of [mask, result, argument]) f.release(local);
  }

  // Statements

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
        this.materialize(ownValues(s), false);
        for (const a of ownValues(s)) this.push(a);
        if (s.entry !== undefined) this.f.callIndirect(s.index);
        else if (s.isDefined) this.f.callDefined(s.index);
        else this.f.callImport(s.index);
    }
  }

  private loop(s: Loop): void {
    const { f } = this;
    this.materialize([s.from, s.to], false);
    const limit = this.pinned(s.to);
    this.push(s.from);
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
    this.openScope();
    this.countUses(ownValues(branch));
    this.condition(branch);
    f.op('i32.eqz');
    f.brIf(unusual);
    this.block(branch.then);
    this.closeScope();
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

  /** A value that stays available while inner blocks run. */
  private pinned(v: Lir): { push: () => void; release: () => void } {
    if (isTrivial(v) || this.hasLocal(v)) return { push: () => this.push(v), release: () => {} };
    const local = this.f.local(v.type);
    this.compute(v);
    this.f.set(local);
    return { push: () => this.f.get(local), release: () => this.f.release(local) };
  }

  private guardedLoop(s: Loop, hoisted: readonly Lir[]): void {
    const { f } = this;
    this.materialize([s.from, s.to], true);
    this.push(s.from);
    this.push(s.to);
    f.op('i32.lt_s');
    f.open('if');
    this.openScope();
    this.countUses(hoisted);
    this.materialize(hoisted, true);
    this.loop(s);
    this.closeScope();
    f.close();
  }

  private stores(s: Extract<LirStmt, { kind: 'stores' }>): void {
    const { f } = this;
    if (s.inPairs === true) this.pairUp(s.items.flatMap(({ value }) => packed(value) ?? [value]));
    // With several stores every value must be complete before the first store: outputs may overwrite inputs in place.
    if (s.items.length > 1)
      this.materialize(
        s.items.map((i) => i.value),
        true,
      );
    this.materialize(
      s.items.flatMap((i) => [i.address, i.value]),
      false,
    );
    for (const i of s.items) {
      this.push(i.address);
      this.push(i.value);
      if (i.op.endsWith('_lane')) f.memoryLane(i.op, i.offset, i.lane);
      else f.memory(i.op, i.offset);
    }
  }

  private sets(s: Extract<LirStmt, { kind: 'set' }>): void {
    if (s.inPairs === true) this.pairUp(s.items.map((i) => i.value));
    this.materialize(
      s.items.map((i) => i.value),
      false,
    );
    for (const i of s.items) this.push(i.value);
    for (const i of [...s.items].reverse()) this.f.set(i.local);
  }

  private condition({ cond, shared }: Branch): void {
    if (shared !== undefined) this.materialize(shared, true);
    this.materialize([cond], false);
    this.push(cond);
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
