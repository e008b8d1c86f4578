/**
 * Reductions as loops. float32 sums and products accumulate in float64; long float64 sums accumulate in blocks, whose sums are added up
 * with compensation, so that the error hardly grows with the number of elements.
 * May import: `ir`, `kernel`.
 * @module
 */
import type { DType } from '../../../ir/dtype.ts';
import type { Combine } from '../../../ir/loop/kernel.ts';
import type { OpName } from '../encode/opcodes.ts';
import { isWide } from '../wide.ts';
import { identityOf } from './identity.ts';
import type { Lir, LirStmt, LirStore } from './lir.ts';
import type { LoopMaker, Steps } from './loop-maker.ts';
import { stagedLoop } from './lower-stages.ts';
import type { ValueLowering } from './lower-value.ts';
import type { Loop, NestStmt, ReduceItem, StoreItem } from './nest.ts';
import { partialBytes, partialsAddress, stagesAddress, stagingAddress } from './node.ts';
import { extentSite } from './params.ts';
import { scalarType } from './scalar-ops.ts';
import type { Stages } from './stages.ts';
import { heavyHeight, type Strategy } from './vectorize.ts';

type Reduce = Extract<NestStmt, { kind: 'reduce' }>;

/** Groups of lanes a block of a float64 sum adds up before it joins the total. */
const blockGroups = 64;

interface Accumulator {
  readonly item: ReduceItem;
  readonly dtype: DType;
  /** One local, or one a part. */
  readonly locals: readonly number[];
  readonly inLanes: boolean;
  /** Of heavy elements in float32, two are added before they are widened: one more rounding beside those inside each. */
  readonly inPairs: boolean;
}

interface Blocks {
  readonly total: readonly Accumulator[];
  readonly block: readonly Accumulator[];
  readonly lost: readonly (Accumulator | undefined)[];
}

/** Iterations of the outermost loop, and the memory for the results of these: they are not yet rounded, and wait to be joined. */
export interface ReducePart {
  readonly from: Lir;
  readonly to: Lir;
  readonly memory: Lir;
  /** Where values of stages wait. */
  readonly stages: Lir;
}

/** Bytes of a part's memory for its results; the rest is its own staging area. */
const resultBytes = 64;

/** Results that a part has room for. */
export const mostPartialResults: number = resultBytes / 8;

const accumulatorDType = (combine: Combine, dtype: DType): DType =>
  dtype === 'float32' && (combine === 'add' || combine === 'mul') ? 'float64' : dtype;

export class ReduceLowering {
  private readonly v: ValueLowering;
  private readonly loops: LoopMaker;
  /** What is being lowered, when it is a part. */
  private range: ReducePart | undefined;
  private stages: Stages | undefined;

  constructor(v: ValueLowering, loops: LoopMaker) {
    this.v = v;
    this.loops = loops;
  }

  /** With a strategy the innermost loop of the reduction runs in lanes. */
  lower(s: Reduce, strategy: Strategy | undefined, part?: ReducePart): LirStmt[] {
    this.range = part;
    this.stages = strategy?.stages;
    const stmts = strategy === undefined ? this.elementwise(s) : this.alongRows(s, strategy);
    this.range = undefined;
    return stmts;
  }

  /** The results of all parts, combined in their order. */
  joinParts(s: Reduce, parts: Lir): LirStmt[] {
    const { b } = this.v;
    const totals = s.items.map((i) => this.accumulator(i, false));
    const body = this.loops.plainLoop(b.i32(0), parts, 1, (i) => {
      const at = b.add(b.i32(partialsAddress), b.mul(i, b.i32(partialBytes)));
      const items = totals.map((a, k) => {
        const partial = this.loops.reload(at, 8 * k, `${scalarType(a.dtype)}.load` as OpName);
        return { local: a.locals[0]!, value: this.combine(a, this.read(a, 0), partial) };
      });
      return [{ kind: 'set', items }];
    });
    return [this.initialize(totals), ...body, ...totals.map((a, k) => this.finish(a, k))];
  }

  /** Element by element: of four results at once where the loop around it runs in lanes. */
  private elementwise(s: Reduce): LirStmt[] {
    const accumulators = s.items.map((i) => this.accumulator(i, this.v.isVarying(i.result)));
    const body = this.nest(s.loops, () => this.update(accumulators, s.stores));
    return [this.initialize(accumulators), ...body, ...accumulators.map((a, k) => this.finish(a, k))];
  }

  private nest(loops: readonly Loop[], innermost: () => LirStmt[], isOutermost = true): LirStmt[] {
    const [first, ...rest] = loops;
    if (first === undefined) return innermost();
    const inside = (): LirStmt[] => this.nest(rest, innermost, false);
    if (isOutermost && this.range !== undefined)
      return this.loops.rangeLoop(first, this.range.from, this.range.to, 1, inside);
    return [this.loops.scalarLoop(first, inside)];
  }

  /** The result number `k`, in the accumulator's own dtype: rounded to its target, or left for `joinParts`. */
  private deliver(a: Accumulator, k: number, value: Lir): LirStmt {
    const { v, range } = this;
    const { target } = a.item;
    if (range === undefined) return this.loops.assignScalar(target, v.scalars.convert(a.dtype, target.dtype, value));
    const op = `${scalarType(a.dtype)}.store` as OpName;
    return { kind: 'stores', items: [{ op, address: range.memory, value, offset: 8 * k, lane: 0 }] };
  }

  /** `unroll`: parts that are combined in the end; those of several results are not. */
  private accumulator(item: ReduceItem, inLanes: boolean, unroll?: number): Accumulator {
    const parts = unroll ?? this.v.lanes?.parts ?? 1;
    const dtype = accumulatorDType(item.combine, item.target.dtype);
    const { combine, element, target } = item;
    const isHeavySum = combine === 'add' && target.dtype === 'float32' && element.height >= heavyHeight;
    const inPairs = isHeavySum && unroll !== undefined && unroll > 1;
    const vectors = inPairs ? parts / 2 : parts;
    const count = inLanes ? (dtype === 'float64' ? 2 * vectors : vectors) : 1;
    const type = inLanes ? 'v128' : scalarType(dtype);
    return { item, dtype, inLanes, inPairs, locals: Array.from({ length: count }, () => this.loops.newLocal(type)) };
  }

  /** Part `p` of what goes into an accumulator. */
  private part(a: Accumulator, p: number): Lir {
    const { v } = this;
    const { element } = a.item;
    if (!a.inPairs) return v.part(element, p);
    return v.b.op('f32x4.add', v.part(element, p), v.part(element, p + a.locals.length / 2));
  }

  private initialize(accumulators: readonly Accumulator[]): LirStmt {
    const items = accumulators.flatMap((a) => {
      const identity = identityOf(a.item.combine, a.dtype);
      const { vectors, scalars } = this.v;
      const value = a.inLanes ? vectors.constant(identity, a.dtype) : scalars.constant(identity, a.dtype);
      return a.locals.map((local) => ({ local, value }));
    });
    return { kind: 'set', items };
  }

  private combine(a: Accumulator, x: Lir, y: Lir): Lir {
    const { combine } = a.item;
    return a.inLanes ? this.v.vectors.binary(combine, a.dtype, x, y)! : this.v.scalars.binary(combine, a.dtype, x, y);
  }

  private read(a: Accumulator, q: number): Lir {
    return this.loops.read(a.locals[q]!, a.inLanes ? 'v128' : scalarType(a.dtype));
  }

  private element(a: Accumulator, q: number): Lir {
    const { element } = a.item;
    const { v } = this;
    if (!a.inLanes) return v.scalars.convert(element.dtype, a.dtype, v.value(element));
    if (a.dtype === element.dtype) return this.part(a, q);
    return v.vectors.widen(element.dtype, this.part(a, q >> 1), q);
  }

  /**
   * Elements that are stored and loaded again: the engine joins vectors to wider ones only on their way to memory. Of
   * reductions inside loops other threads may be running a part.
   */
  private staged(s: Reduce, totals: readonly Accumulator[]): LirStmt[] {
    const { v, loops } = this;
    const address =
      this.range === undefined ? v.b.i32(stagingAddress) : v.b.add(this.range.memory, v.b.i32(resultBytes));
    const stores: LirStore[] = [];
    const items = totals.flatMap((a) => {
      const { element } = a.item;
      const isSame = a.dtype === element.dtype;
      const vectors = Array.from({ length: isSame ? a.locals.length : a.locals.length / 2 }, (_, p) => {
        const offset = 16 * stores.length;
        stores.push({ op: 'v128.store', address, value: this.part(a, p), offset, lane: 0 });
        return loops.reload(address, offset);
      });
      return a.locals.map((local, q) => {
        const x = isSame ? vectors[q]! : v.vectors.widen(element.dtype, vectors[q >> 1]!, q);
        return { local, value: this.combine(a, this.read(a, q), x) };
      });
    });
    return [{ kind: 'stores', items: stores }, { kind: 'set', items }, ...loops.stores(s.stores)];
  }

  private canStage(s: Reduce): boolean {
    return (
      isWide() && s.loops[0]!.depth === 1 && s.items.length <= 2 && s.items.some((i) => i.element.height >= heavyHeight)
    );
  }

  private updateLanes(s: Reduce, accumulators: readonly Accumulator[]): LirStmt[] {
    return this.loops.branchOnGuards(() =>
      this.canStage(s) ? this.staged(s, accumulators) : this.update(accumulators, s.stores),
    );
  }

  private update(accumulators: readonly Accumulator[], stores: readonly StoreItem[]): LirStmt[] {
    const items = accumulators.flatMap((a) =>
      a.locals.map((local, q) => ({ local, value: this.combine(a, this.read(a, q), this.element(a, q)) })),
    );
    return [...this.pairs(accumulators), { kind: 'set', items }, ...this.loops.stores(stores)];
  }

  /** The elements themselves, where they should be computed side by side before they are added. */
  private pairs(accumulators: readonly Accumulator[]): LirStmt[] {
    const { v, loops } = this;
    const elements = accumulators.filter((a) => a.inPairs).map((a) => a.item.element);
    if (!loops.inPairs(elements)) return [];
    const values = elements.flatMap((e) => [v.part(e, 0), v.part(e, 1)]);
    return [{ kind: 'set', items: values.map((value) => ({ local: loops.newLocal('v128'), value })), inPairs: true }];
  }

  /** Rounds an accumulator to its target. */
  private finish(a: Accumulator, k: number): LirStmt {
    const { target } = a.item;
    const { v } = this;
    if (!a.inLanes) return this.deliver(a, k, this.read(a, 0));
    if (a.dtype === target.dtype)
      return this.loops.assignLanes(
        target,
        a.locals.map((_, q) => this.read(a, q)),
      );
    const narrowed = Array.from({ length: a.locals.length / 2 }, (_, p) =>
      v.vectors.narrowFloats(target.dtype, this.read(a, 2 * p), this.read(a, 2 * p + 1)),
    );
    return this.loops.assignLanes(target, narrowed);
  }

  // Along rows

  private alongRows(s: Reduce, { unroll, leavesGroups }: Strategy): LirStmt[] {
    const { v, loops } = this;
    const inner = s.loops.at(-1)!;
    const total = s.items.map((i) => this.accumulator(i, true, unroll));
    const tail = s.items.map((i) => this.accumulator(i, false));
    const isLong = s.items.some((i) => i.combine === 'add' && i.target.dtype === 'float64');
    const block = isLong ? s.items.map((i) => this.accumulator(i, true, unroll)) : undefined;
    // What rounding took from the totals of sums.
    const lost = isLong
      ? s.items.map((i) => (i.combine === 'add' ? this.accumulator(i, true, unroll) : undefined))
      : [];
    const range = s.loops.length === 1 ? this.range : undefined;
    const start = range?.from ?? v.b.i32(0);
    const extent = range?.to ?? loops.int(extentSite(inner), inner.axis.extent);
    const limit = v.b.and(extent, -4 * unroll);
    const body = this.nest(s.loops.slice(0, -1), () => {
      v.setMode({ loop: inner, parts: unroll });
      const main =
        block === undefined
          ? this.elements(s, total, { from: start, to: limit, step: 4 * unroll })
          : this.blocked(s, start, limit, 4 * unroll, { total, block, lost });
      const groups = leavesGroups === true ? this.leftGroups(s, total, limit, extent) : [];
      v.setMode(undefined);
      const left = groups.length > 0 ? v.b.and(extent, -4) : limit;
      return [...main, ...groups, ...loops.rangeLoop(inner, left, extent, 1, () => this.update(tail, s.stores))];
    });
    const results = total.map((t, i) => this.across(t, i, tail[i]!, lost[i]));
    return [this.initialize([...total, ...tail, ...lost.filter((l) => l !== undefined)]), ...body, ...results];
  }

  /** Whole groups of lanes from `from` on, which go into the first part of each accumulator. */
  private leftGroups(s: Reduce, totals: readonly Accumulator[], from: Lir, extent: Lir): LirStmt[] {
    const { v, loops } = this;
    const inner = s.loops.at(-1)!;
    v.setMode({ loop: inner, parts: 1 });
    const firsts = totals.map((a): Accumulator => ({
      ...a,
      locals: a.locals.slice(0, a.dtype === 'float64' ? 2 : 1),
      inPairs: false,
    }));
    const update = (): LirStmt[] => loops.branchOnGuards(() => this.update(firsts, s.stores));
    return loops.rangeLoop(inner, from, v.b.and(extent, -4), 4, update);
  }

  private elements(s: Reduce, into: readonly Accumulator[], steps: Steps): LirStmt[] {
    const memory = this.range?.stages ?? this.v.b.i32(stagesAddress);
    const update = (): LirStmt[] => this.updateLanes(s, into);
    return stagedLoop(this.v, this.loops, s.loops.at(-1)!, steps, { stages: this.stages, memory }, update);
  }

  private blocked(s: Reduce, from: Lir, limit: Lir, step: number, { total, block, lost }: Blocks): LirStmt[] {
    const { loops, v } = this;
    return loops.plainLoop(from, limit, step * blockGroups, (start) => {
      const end = v.b.add(start, v.b.i32(step * blockGroups));
      const stop = v.b.select(v.b.op('i32.lt_s', end, limit), end, limit);
      const inner = this.elements(s, block, { from: start, to: stop, step, runs: true });
      const joined = total.flatMap((t, i) => this.join(t, block[i]!, lost[i]));
      return [this.initialize(block), ...inner, { kind: 'set', items: joined }];
    });
  }

  /**
   * total := total + block. For sums also what the rounding lost, exactly (Knuth's TwoSum): with s = t + b and b' = s - t, it is
   * (t - (s - b')) + (b - b').
   */
  private join(total: Accumulator, block: Accumulator, lost: Accumulator | undefined): { local: number; value: Lir }[] {
    const { b } = this.v;
    return total.locals.flatMap((local, q) => {
      const [t, x] = [this.read(total, q), this.read(block, q)];
      const sum = this.combine(total, t, x);
      if (lost === undefined || total.dtype !== 'float64') return [{ local, value: sum }];
      const added = b.op('f64x2.sub', sum, t);
      const error = b.op('f64x2.add', b.op('f64x2.sub', t, b.op('f64x2.sub', sum, added)), b.op('f64x2.sub', x, added));
      return [
        { local, value: sum },
        { local: lost.locals[q]!, value: b.op('f64x2.add', this.read(lost, q), error) },
      ];
    });
  }

  /** Combines all lanes of an accumulator. */
  private lanesOf(a: Accumulator, tail: Accumulator): Lir {
    const { v } = this;
    let parts = a.locals.map((_, q) => this.read(a, q));
    while (parts.length > 1) {
      const half = parts.length / 2;
      parts = parts.slice(0, half).map((p, i) => this.combine(a, p, parts[i + half]!));
    }
    const lanes = a.dtype === 'float64' ? [0, 1] : [0, 1, 2, 3];
    let elements = lanes.map((l) => v.vectors.extract(parts[0]!, a.dtype, l));
    while (elements.length > 1) {
      const half = elements.length / 2;
      elements = elements.slice(0, half).map((e, i) => this.combine(tail, e, elements[i + half]!));
    }
    return elements[0]!;
  }

  /** Combines the lanes of `a` and the remainder in `tail` into result number `k`. */
  private across(a: Accumulator, k: number, tail: Accumulator, lost: Accumulator | undefined): LirStmt {
    const { v } = this;
    const { b } = v;
    let sum = this.combine(tail, this.lanesOf(a, tail), this.read(tail, 0));
    if (lost !== undefined && a.dtype === 'float64') {
      // Where the sum is infinite the loss is NaN, and means nothing.
      const error = this.lanesOf(lost, tail);
      const isFinite = b.op('f64.eq', b.op('f64.sub', error, error), b.f64(0));
      sum = b.select(isFinite, b.op('f64.add', sum, error), sum);
    }
    return this.deliver(a, k, sum);
  }
}
