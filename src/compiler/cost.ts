/**
 * What a kernel computes and moves, counted from its loops.
 *
 * A floating-point operation is one of `+ − × ÷`, a comparison, or a function such as `exp` or `pow`, whatever it costs; a matrix product
 * has 2·m·n·k. Integers, indices, conversions, selections and logic count nothing. An operation that does not depend on a loop counts once
 * outside it. What depends on data is counted as if it happened once (`while`) or took the dearer branch (`if`).
 * May import: `ir`.
 * @module
 */
import { dtypeInfo, isFloat } from '../ir/dtype.ts';
import { type Axis, type BufferRef, type Expr, type Local, operandsOf } from '../ir/loop/expr.ts';
import type { Gemm, Kernel, Stmt } from '../ir/loop/kernel.ts';
import type { Step } from './plan.ts';

export interface KernelCost {
  /** Floating-point operations of one run, those of matrix products included. */
  readonly flops: number;
  /** Floating-point operations of matrix products. */
  readonly productFlops: number;
  /** Bytes of all elements that are read, and of all that are written; an element counts once for each. */
  readonly bytes: number;
}

const costs = new WeakMap<Kernel, KernelCost>();

export function kernelCost(kernel: Kernel): KernelCost {
  let cost = costs.get(kernel);
  if (cost === undefined) costs.set(kernel, (cost = new CostCounter().count(kernel)));
  return cost;
}

const nothing: KernelCost = { flops: 0, productFlops: 0, bytes: 0 };

const plus = (a: KernelCost, b: KernelCost): KernelCost => ({
  flops: a.flops + b.flops,
  productFlops: a.productFlops + b.productFlops,
  bytes: a.bytes + b.bytes,
});

const times = (n: number, c: KernelCost): KernelCost => ({
  flops: n * c.flops,
  productFlops: n * c.productFlops,
  bytes: n * c.bytes,
});

/** One kernel or copy; 0 for control flow. */
export function stepCost(s: Step): KernelCost {
  if (s.kind === 'kernel') return kernelCost(s.kernel);
  return s.kind === 'copy' ? { ...nothing, bytes: 2 * s.bytes } : nothing;
}

/** All steps of a plan: loops as often as they run, `while` once, of a branch the dearest side. */
export function stepsCost(steps: readonly Step[]): KernelCost {
  return steps.reduce((sum, s) => plus(sum, deepCost(s)), nothing);
}

function deepCost(s: Step): KernelCost {
  switch (s.kind) {
    case 'branch':
      return s.branches.map(stepsCost).reduce((a, b) => (b.flops > a.flops ? b : a), nothing);
    case 'while':
      return plus(stepsCost(s.cond), stepsCost(s.body));
    case 'for':
      return times(s.length, stepsCost(s.body));
    default:
      return stepCost(s);
  }
}

/** A loop around the statements that are being counted. */
interface Level {
  /** Iterations of this and all loops around it. */
  readonly trips: number;
  /** Expressions of this level that are counted, with the level they depend on. */
  readonly depths: Map<Expr, number>;
}

class CostCounter {
  private flops = 0;
  private productFlops = 0;
  private readonly reads = new Map<BufferRef, number>();
  private readonly writes = new Map<BufferRef, number>();
  private readonly levels: Level[] = [{ trips: 1, depths: new Map() }];
  private readonly axisDepths = new Map<Axis, number>();
  private readonly localDepths = new Map<Local, number>();

  count({ body }: Kernel): KernelCost {
    this.block(body);
    let bytes = 0;
    for (const touches of [this.reads, this.writes])
      for (const [b, n] of touches) bytes += Math.min(n, b.size) * dtypeInfo[b.dtype].bytes;
    return { flops: this.flops, productFlops: this.productFlops, bytes };
  }

  private get depth(): number {
    return this.levels.length - 1;
  }

  private block(body: readonly Stmt[]): void {
    for (const s of body) this.statement(s);
  }

  private statement(s: Stmt): void {
    const here = this.depth;
    switch (s.kind) {
      case 'for':
        return this.inside([s.axis], () => {
          this.markLocals(s.body);
          this.block(s.body);
        });
      case 'store':
        this.expr(s.index);
        this.expr(s.value);
        return this.touch(this.writes, s.buffer, this.levels[here]!.trips);
      case 'set':
        this.localDepths.set(s.local, Math.max(this.expr(s.value), this.localDepths.has(s.local) ? here : 0));
        return;
      case 'if':
        this.expr(s.cond);
        return this.dearer(s.then, s.otherwise);
      case 'while':
        this.expr(s.cond);
        return this.block(s.body);
      case 'reduce':
        this.localDepths.set(s.target, here);
        return this.inside(s.axes, () => {
          this.expr(s.element);
          if (isFloat(s.target.dtype)) this.flops += this.levels.at(-1)!.trips;
          this.block(s.stores ?? []);
        });
      case 'gemm':
        return this.product(s);
    }
  }

  private inside(axes: readonly Axis[], count: () => void): void {
    const before = this.levels.length;
    for (const axis of axes) {
      const trips = this.levels.at(-1)!.trips * axis.extent;
      this.axisDepths.set(axis, this.levels.length);
      this.levels.push({ trips, depths: new Map() });
    }
    count();
    this.levels.length = before;
  }

  /** What a loop sets may differ in each of its iterations, also where it is read before. */
  private markLocals(body: readonly Stmt[]): void {
    for (const s of body) {
      if (s.kind === 'set') this.localDepths.set(s.local, this.depth);
      else if (s.kind === 'for' || s.kind === 'while') this.markLocals(s.body);
      else if (s.kind === 'if') this.markLocals([...s.then, ...s.otherwise]);
    }
  }

  private dearer(then: readonly Stmt[], otherwise: readonly Stmt[]): void {
    const start = this.flops;
    this.block(then);
    const first = this.flops - start;
    this.flops = start;
    this.block(otherwise);
    this.flops = start + Math.max(first, this.flops - start);
  }

  private product({ m, n, k, a, b, c, accumulate, epilogue }: Gemm): void {
    const { trips } = this.levels.at(-1)!;
    const flops = 2 * m * n * k * trips;
    this.flops += flops;
    this.productFlops += flops;
    const tripsOf = (offset: Expr): number => this.levels[this.expr(offset)]!.trips;
    this.touch(this.reads, a.buffer, m * k * tripsOf(a.offset));
    this.touch(this.reads, b.buffer, k * n * tripsOf(b.offset));
    if (accumulate) this.touch(this.reads, c.buffer, m * n * trips);
    this.touch(this.writes, c.buffer, m * n * trips);
    if (epilogue === undefined) return;
    const [read, written] = [this.reads.get(c.buffer) ?? 0, this.writes.get(c.buffer)!];
    this.inside([epilogue.row, epilogue.column], () => {
      this.markLocals(epilogue.body);
      this.block(epilogue.body);
    });
    // The element of C is at hand.
    this.reads.set(c.buffer, read);
    this.writes.set(c.buffer, written);
  }

  private touch(touches: Map<BufferRef, number>, buffer: BufferRef, elements: number): void {
    touches.set(buffer, (touches.get(buffer) ?? 0) + elements);
  }

  /** Counts what is new in an expression; gives the innermost loop that it depends on. */
  private expr(e: Expr): number {
    for (const { depths } of this.levels) {
      const known = depths.get(e);
      if (known !== undefined) return known;
    }
    let depth = this.ownDepth(e);
    for (const x of operandsOf(e)) depth = Math.max(depth, this.expr(x));
    const { trips, depths } = this.levels[depth]!;
    depths.set(e, depth);
    if (e.op === 'load') this.touch(this.reads, e.buffer, trips);
    else if (isFloatingOperation(e)) this.flops += trips;
    return depth;
  }

  private ownDepth(e: Expr): number {
    if (e.op === 'axis') return this.axisDepths.get(e.axis) ?? this.depth;
    if (e.op === 'local') return Math.min(this.localDepths.get(e.local) ?? this.depth, this.depth);
    // What a kernel writes may change from one iteration to the next.
    return e.op === 'load' && e.buffer.role !== 'input' ? this.depth : 0;
  }
}

function isFloatingOperation(e: Expr): boolean {
  switch (e.op) {
    case 'unary':
    case 'binary':
    case 'ternary':
      return isFloat(e.x.dtype);
    default:
      return false;
  }
}
