/**
 * Kernels: loop nests over scalar expressions, and the builder that `lower` rules write them with.
 * A kernel reads `input` buffers, writes `output` and `scratch` buffers, and has no other effect.
 * May import: `ir`.
 * @module
 */
import type { DType } from '../dtype.ts';
import type { SourceSite } from '../program.ts';
import { type Axis, axisExpr, type BufferRef, constant, type Expr, load, type Local } from './expr.ts';

/** How accumulators combine. `add` of float32 accumulates in float64 (see the backends): long sums stay right. */
export type Combine = 'add' | 'mul' | 'max' | 'min' | 'and' | 'or' | 'xor';

export interface Store {
  readonly kind: 'store';
  readonly buffer: BufferRef;
  readonly index: Expr;
  readonly value: Expr;
}

export type Stmt =
  /** Iterates upward. `parallel` promises that iterations are independent and may run in any order (vector lanes, threads). */
  | { readonly kind: 'for'; readonly axis: Axis; readonly parallel: boolean; readonly body: readonly Stmt[] }
  | Store
  | { readonly kind: 'set'; readonly local: Local; readonly value: Expr }
  | { readonly kind: 'if'; readonly cond: Expr; readonly then: readonly Stmt[]; readonly otherwise: readonly Stmt[] }
  | { readonly kind: 'while'; readonly cond: Expr; readonly body: readonly Stmt[] }
  /**
   * `target := combine over axes of element`, from the identity of `combine` in the target's dtype. A backend may reorder
   * (blocked, pairwise or wider accumulation), which a plain loop of `set` forbids. `element` has the target's dtype.
   */
  | {
      readonly kind: 'reduce';
      readonly target: Local;
      readonly combine: Combine;
      readonly axes: readonly Axis[];
      readonly element: Expr;
      /** Done for each element. All values, `element` too, are computed before the first is stored. */
      readonly stores?: readonly Store[];
    }
  | Gemm;

/** One matrix operand: element (i, j) is at `offset + i*rowStride + j*colStride`. */
export interface MatrixRef {
  readonly buffer: BufferRef;
  readonly offset: Expr;
  readonly rowStride: number;
  readonly colStride: number;
}

/** Statements that run once for each element of a product's result, when that element is complete, in any order. */
export interface Epilogue {
  /** Of extents m and n. */
  readonly row: Axis;
  readonly column: Axis;
  /** Of C it may load the element at (row, column) only; it may store that element, and load and store other buffers. */
  readonly body: readonly Stmt[];
}

/** C[m,n] = A[m,k] · B[k,n] (overwrites C; with `accumulate`, adds to it). C's colStride is 1. Floats only. */
export interface Gemm {
  readonly kind: 'gemm';
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly a: MatrixRef;
  readonly b: MatrixRef;
  readonly c: MatrixRef;
  readonly accumulate: boolean;
  readonly epilogue?: Epilogue;
}

export interface Kernel {
  readonly name: string;
  readonly inputs: readonly BufferRef[];
  readonly outputs: readonly BufferRef[];
  readonly scratch: readonly BufferRef[];
  readonly body: readonly Stmt[];
  /** Where in the user's code its equations were made, the dearest first; of no account for what it computes. */
  readonly sites?: readonly SourceSite[];
}

export interface BufferSpec {
  readonly dtype: DType;
  readonly size: number;
}

/** Writes one kernel. Statements are appended to the innermost open block. */
export class KernelBuilder {
  readonly inputs: BufferRef[];
  readonly outputs: BufferRef[];
  readonly scratchBuffers: BufferRef[] = [];
  private readonly name: string;
  private nextId = 0;
  private block: Stmt[] = [];

  constructor(name: string, inputs: readonly BufferSpec[], outputs: readonly BufferSpec[]) {
    this.name = name;
    this.inputs = inputs.map((s) => this.buffer(s.dtype, s.size, 'input'));
    this.outputs = outputs.map((s) => this.buffer(s.dtype, s.size, 'output'));
  }

  private buffer(dtype: DType, size: number, role: BufferRef['role']): BufferRef {
    return { kind: 'buffer', id: this.nextId++, dtype, size, role };
  }

  private nested(write: () => void): Stmt[] {
    const saved = this.block;
    this.block = [];
    write();
    const body = this.block;
    this.block = saved;
    return body;
  }

  /** A temporary buffer that lives for this kernel only; its content is undefined at the start. */
  scratch(dtype: DType, size: number): BufferRef {
    const b = this.buffer(dtype, size, 'scratch');
    this.scratchBuffers.push(b);
    return b;
  }

  axis(extent: number): Axis {
    return { kind: 'axis', id: this.nextId++, extent };
  }

  /** A loop whose iterations depend on each other (run in order). */
  loop(extent: number, body: (i: Expr) => void): void {
    const axis = this.axis(extent);
    this.block.push({ kind: 'for', axis, parallel: false, body: this.nested(() => body(axisExpr(axis))) });
  }

  /** Nested loops over a shape, all iterations independent. */
  parallel(shape: readonly number[], body: (index: Expr[]) => void): void {
    const axes = shape.map((n) => this.axis(n));
    let inner = this.nested(() => body(axes.map(axisExpr)));
    for (const axis of [...axes].reverse()) inner = [{ kind: 'for', axis, parallel: true, body: inner }];
    this.block.push(...inner);
  }

  load(buffer: BufferRef, index: Expr): Expr {
    return load(buffer, index);
  }

  store(buffer: BufferRef, index: Expr, value: Expr): void {
    this.block.push({ kind: 'store', buffer, index, value });
  }

  /** A mutable local; `init` is assigned here. */
  local(dtype: DType, init: Expr | number): Local {
    const local: Local = { kind: 'local', id: this.nextId++, dtype };
    this.set(local, typeof init === 'number' ? constant(init, dtype) : init);
    return local;
  }

  get(local: Local): Expr {
    return { op: 'local', dtype: local.dtype, local };
  }

  /** The value of `e` here, computed once. */
  keep(e: Expr): Expr {
    return this.get(this.local(e.dtype, e));
  }

  set(local: Local, value: Expr): void {
    this.block.push({ kind: 'set', local, value });
  }

  if(cond: Expr, then: () => void, otherwise: () => void = () => {}): void {
    this.block.push({ kind: 'if', cond, then: this.nested(then), otherwise: this.nested(otherwise) });
  }

  /** `cond` is evaluated before every iteration. */
  while(cond: Expr, body: () => void): void {
    this.block.push({ kind: 'while', cond, body: this.nested(body) });
  }

  /** The combination over `extents` of `element(index)`; see `Stmt` for what a backend may reorder. */
  reduce(combine: Combine, extents: readonly number[], dtype: DType, element: (index: Expr[]) => Expr): Expr {
    const target: Local = { kind: 'local', id: this.nextId++, dtype };
    const axes = extents.map((n) => this.axis(n));
    this.block.push({ kind: 'reduce', target, combine, axes, element: element(axes.map(axisExpr)) });
    return this.get(target);
  }

  /** `epilogue` writes what is done with each element of the result; see `Epilogue`. */
  gemm(g: Omit<Gemm, 'kind' | 'epilogue'>, epilogue?: (row: Expr, column: Expr) => void): void {
    if (epilogue === undefined) {
      this.block.push({ kind: 'gemm', ...g });
      return;
    }
    const [row, column] = [this.axis(g.m), this.axis(g.n)];
    const body = this.nested(() => epilogue(axisExpr(row), axisExpr(column)));
    this.block.push({ kind: 'gemm', ...g, epilogue: { row, column, body } });
  }

  build(): Kernel {
    return {
      name: this.name,
      inputs: this.inputs,
      outputs: this.outputs,
      scratch: this.scratchBuffers,
      body: this.block,
    };
  }
}
