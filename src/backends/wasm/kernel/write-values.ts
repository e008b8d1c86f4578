/**
 * Values of `LirStmt`s as WebAssembly: those used more than once go to locals, everything else stays on the operand stack.
 * May import: `encode`, `kernel/{lir,walk-lir,write-instruction}`.
 * @module
 */
import type { FunctionBuilder } from '../encode/function.ts';
import type { Lir } from './lir.ts';
import { isTrivial, Marks } from './walk-lir.ts';
import { writeInstruction } from './write-instruction.ts';

/** Expression trees deeper than this are cut by a local, which bounds the native recursion below. */
const maxTreeHeight = 64;

/** Heights are kept in the low seven bits. */
const heightBase = 128;
const noLocal = -1;

interface Scope {
  /** Values that have a local until the scope ends. */
  readonly values: Lir[];
  /** Values that are used more than once in it. */
  readonly repeated: Set<Lir>;
}

/** Writes the values of one function. What it knows of them is in arrays, by their numbers. */
export class ValueWriter {
  private readonly f: FunctionBuilder;
  private readonly scopes: Scope[] = [];
  /** Locals of the values of all open scopes. */
  private readonly locals: Int32Array;
  /** Heights of the trees that are not cut yet, plus `heightBase` times the call of `materialize` that found them. */
  private readonly heights: Int32Array;
  private materializations = 0;
  private readonly counted: Marks;

  /** `size`: one more than the largest number of a value. */
  constructor(f: FunctionBuilder, size: number) {
    this.f = f;
    this.locals = new Int32Array(size).fill(noLocal);
    this.heights = new Int32Array(size);
    this.counted = new Marks(size);
  }

  hasLocal(v: Lir): boolean {
    return this.locals[v.id] !== noLocal;
  }

  openScope(): void {
    this.scopes.push({ values: [], repeated: new Set() });
  }

  /** Frees the locals of the values of the scope. */
  closeScope(): void {
    for (const v of this.scopes.pop()!.values) {
      this.f.release(this.locals[v.id]!);
      this.locals[v.id] = noLocal;
    }
  }

  /** Finds what is used more than once in the scope by `roots` and everything under them that has no local yet. */
  countUses(roots: readonly Lir[]): void {
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
  materialize(roots: readonly Lir[], isForced: boolean): void {
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
  pairUp(values: readonly Lir[]): void {
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

  /** Leaves a value on the operand stack. */
  push(v: Lir): void {
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
    const [cond, value, ...operands] = v.args as [Lir, Lir, ...Lir[]];
    if (v.type === 'v128') {
      this.guardedLanes(v, cond, value, operands);
      return;
    }
    this.push(cond);
    f.open('if', v.type);
    this.push(value);
    f.otherwise();
    this.hostCall(v.imm, v.type === 'f32', operands, (x) => this.push(x));
    f.close();
  }

  /** Of operands that `push` leaves on the stack one at a time. */
  private hostCall<T>(index: number, isSingle: boolean, operands: readonly T[], push: (x: T) => void): void {
    for (let i = 0; i < operands.length; i++) {
      push(operands[i]!);
      if (isSingle) this.f.op('f64.promote_f32');
    }
    this.f.callImport(index);
    if (isSingle) this.f.op('f32.demote_f64');
  }

  private guardedLanes(v: Lir, cond: Lir, value: Lir, operands: readonly Lir[]): void {
    const { f } = this;
    const isDouble = v.lane === 1;
    const shape = isDouble ? 'f64x2' : 'f32x4';
    const [mask, result] = [f.local('v128'), f.local('v128')];
    const vectors = operands.map(() => f.local('v128'));
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
    operands.forEach((x, i) => store(x, vectors[i]!));
    f.get(result);
    f.get(vectors[0]!);
    for (let lane = 0; lane < (isDouble ? 2 : 4); lane++) {
      this.hostCall(v.imm, !isDouble, vectors, (vector) => {
        f.get(vector);
        f.lane(`${shape}.extract_lane`, lane);
      });
      f.lane(`${shape}.replace_lane`, lane);
    }
    f.get(mask);
    f.op('v128.bitselect');
    f.set(result);
    f.close();
    f.get(result);
    for (const local of [mask, result, ...vectors]) f.release(local);
  }

  /** A value that stays available while inner blocks run. */
  pinned(v: Lir): { push: () => void; release: () => void } {
    if (isTrivial(v) || this.hasLocal(v)) return { push: () => this.push(v), release: () => {} };
    const local = this.f.local(v.type);
    this.compute(v);
    this.f.set(local);
    return { push: () => this.f.get(local), release: () => this.f.release(local) };
  }
}
