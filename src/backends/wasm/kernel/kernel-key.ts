/**
 * Which kernels are equal in everything but names and identities. Cheaper to tell than preparing a kernel, so that the repeated parts
 * of a long Program are prepared once.
 * May import: `ir`.
 * @module
 */
import { type Expr, operandsOf } from '../../../ir/loop/expr.ts';
import type { Kernel, MatrixRef, Stmt } from '../../../ir/loop/kernel.ts';

/** A text that equal kernels share. */
function kernelKey(kernel: Kernel): string {
  return new KeyWriter(kernel).write();
}

interface Alike<T> {
  readonly kernel: Kernel;
  readonly value: T;
  /** By key, once there is a second one. */
  keyed?: Map<string, T>;
}

/** What is made of kernels, once for equal ones. Keys are written only for kernels whose buffers are alike. */
export class KernelTable<T> {
  private readonly groups = new Map<string, Alike<T>>();
  private count = 0;

  /** Number of distinct kernels. */
  get size(): number {
    return this.count;
  }

  get(kernel: Kernel, make: () => T): T {
    let buffers = '';
    for (const list of [kernel.inputs, kernel.outputs, kernel.scratch]) {
      for (const b of list) buffers += `${b.dtype}${b.size} `;
      buffers += ';';
    }
    const group = this.groups.get(buffers);
    if (group === undefined) {
      const value = make();
      this.groups.set(buffers, { kernel, value });
      this.count++;
      return value;
    }
    group.keyed ??= new Map([[kernelKey(group.kernel), group.value]]);
    const key = kernelKey(kernel);
    let value = group.keyed.get(key);
    if (value === undefined) {
      group.keyed.set(key, (value = make()));
      this.count++;
    }
    return value;
  }
}

class KeyWriter {
  private readonly kernel: Kernel;
  private out = '';
  /** Axes, locals and buffers by their first appearance. */
  private readonly names = new Map<unknown, number>();
  private readonly exprs = new Map<Expr, number>();

  constructor(kernel: Kernel) {
    this.kernel = kernel;
  }

  write(): string {
    const { inputs, outputs, scratch, body } = this.kernel;
    for (const b of [...inputs, ...outputs, ...scratch]) this.out += `${this.name(b)}${b.dtype}${b.size} `;
    this.block(body);
    return this.out;
  }

  private name(x: unknown): number {
    let n = this.names.get(x);
    if (n === undefined) this.names.set(x, (n = this.names.size));
    return n;
  }

  /** Reference to an expression, written out first where it is new. Iterative: expressions may be deep. */
  private expr(root: Expr): string {
    const stack = [root];
    while (stack.length > 0) {
      const e = stack.at(-1)!;
      const operands = operandsOf(e);
      if (!this.exprs.has(e)) {
        const pending = operands.filter((x) => !this.exprs.has(x));
        if (pending.length > 0) {
          stack.push(...pending);
          continue;
        }
        this.define(e, operands);
      }
      stack.pop();
    }
    return `%${this.exprs.get(root)!}`;
  }

  private define(e: Expr, operands: readonly Expr[]): void {
    let text = `${e.op}.${e.dtype}`;
    if (e.op === 'const') text += Object.is(e.value, -0) ? '-0' : e.value;
    else if (e.op === 'axis') text += this.name(e.axis);
    else if (e.op === 'local') text += this.name(e.local);
    else if (e.op === 'load') text += this.name(e.buffer);
    else if (e.op === 'unary' || e.op === 'binary' || e.op === 'ternary') text += e.fn;
    for (const x of operands) text += `,${this.exprs.get(x)!}`;
    this.exprs.set(e, this.exprs.size);
    this.out += `${text} `;
  }

  private block(stmts: readonly Stmt[]): void {
    this.out += '{';
    for (const s of stmts) this.stmt(s);
    this.out += '}';
  }

  private stmt(s: Stmt): void {
    switch (s.kind) {
      case 'for':
        this.out += `for${this.name(s.axis)}:${s.axis.extent}${s.parallel ? 'p' : 's'}`;
        return this.block(s.body);
      case 'store': {
        const [index, value] = [this.expr(s.index), this.expr(s.value)];
        this.out += `store${this.name(s.buffer)}${index}${value};`;
        return;
      }
      case 'set': {
        const value = this.expr(s.value);
        this.out += `set${this.name(s.local)}${s.local.dtype}${value};`;
        return;
      }
      case 'if': {
        const cond = this.expr(s.cond);
        this.out += `if${cond}`;
        this.block(s.then);
        return this.block(s.otherwise);
      }
      case 'while': {
        const cond = this.expr(s.cond);
        this.out += `while${cond}`;
        return this.block(s.body);
      }
      case 'reduce': {
        const axes = s.axes.map((a) => `${this.name(a)}:${a.extent}`).join();
        const element = this.expr(s.element);
        this.out += `reduce${this.name(s.target)}${s.target.dtype}${s.combine}${axes}${element};`;
        if (s.stores !== undefined) this.block(s.stores);
        return;
      }
      case 'gemm': {
        const [a, b, c] = [this.matrix(s.a), this.matrix(s.b), this.matrix(s.c)];
        this.out += `gemm${s.m},${s.n},${s.k}${a}${b}${c}${s.accumulate};`;
        if (s.epilogue === undefined) return;
        this.out += `${this.name(s.epilogue.row)},${this.name(s.epilogue.column)}`;
        this.block(s.epilogue.body);
      }
    }
  }

  private matrix({ buffer, offset, rowStride, colStride }: MatrixRef): string {
    return `(${this.expr(offset)},${this.name(buffer)},${rowStride},${colStride})`;
  }
}
