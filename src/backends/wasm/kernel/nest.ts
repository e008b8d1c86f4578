/**
 * Loop nests over `Node`s: a `Kernel` after conversion, in which every value is interned and every loop has a depth.
 * May import: `ir`, `kernel/node`.
 * @module
 */
import type { Axis, BufferRef, Local } from '../../../ir/loop/expr.ts';
import type { Combine } from '../../../ir/loop/kernel.ts';
import type { Node } from './node.ts';

export interface Loop {
  readonly axis: Axis;
  readonly node: Node;
  /** Loops around it, itself included. */
  readonly depth: number;
}

export interface StoreItem {
  readonly buffer: BufferRef;
  readonly index: Node;
  readonly value: Node;
}

export interface ReduceItem {
  readonly target: Local;
  readonly combine: Combine;
  readonly element: Node;
  /** The node that reads the result. */
  readonly result: Node;
}

export interface MatrixNode {
  readonly buffer: BufferRef;
  readonly offset: Node;
  readonly rowStride: number;
  readonly colStride: number;
}

export interface ForLoop {
  readonly kind: 'for';
  readonly loop: Loop;
  readonly parallel: boolean;
  readonly body: readonly NestStmt[];
}

export type NestStmt =
  | ForLoop
  /** All values are computed before the first is stored. */
  | { readonly kind: 'stores'; readonly items: readonly StoreItem[] }
  /** `result` reads the local after the assignment. */
  | { readonly kind: 'set'; readonly local: Local; readonly value: Node; readonly result: Node }
  /** `stores` are done for each element, after all values are computed. */
  | {
      readonly kind: 'reduce';
      readonly loops: readonly Loop[];
      readonly items: readonly ReduceItem[];
      readonly stores: readonly StoreItem[];
    }
  | {
      readonly kind: 'if';
      readonly cond: Node;
      readonly then: readonly NestStmt[];
      readonly otherwise: readonly NestStmt[];
    }
  | { readonly kind: 'while'; readonly depth: number; readonly cond: Node; readonly body: readonly NestStmt[] }
  | {
      readonly kind: 'gemm';
      readonly m: number;
      readonly n: number;
      readonly k: number;
      readonly a: MatrixNode;
      readonly b: MatrixNode;
      readonly c: MatrixNode;
      readonly accumulate: boolean;
      readonly dtype: 'float32' | 'float64';
      /** A loop over rows whose only statement is a loop over columns; run for each block of C as soon as it is complete. */
      readonly epilogue: ForLoop | undefined;
    };

export interface Nest {
  readonly name: string;
  /** Inputs, outputs, scratch: the order of the pointers a kernel takes. */
  readonly buffers: readonly BufferRef[];
  readonly body: readonly NestStmt[];
  /** The values of functions that are many operations: exp, tanh, sin … */
  readonly functions: ReadonlySet<Node>;
}

/** Nodes that a statement itself evaluates, those of nested statements excluded. */
export function ownNodes(s: NestStmt): Node[] {
  switch (s.kind) {
    case 'for':
      return [];
    case 'stores':
      return s.items.flatMap((i) => [i.value, i.index]);
    case 'set':
      return [s.value];
    case 'reduce':
      return [...s.items.map((i) => i.element), ...s.stores.flatMap((i) => [i.value, i.index])];
    case 'if':
      return [s.cond];
    case 'while':
      return [s.cond];
    case 'gemm':
      return [s.a.offset, s.b.offset, s.c.offset];
  }
}

export function childBlocks(s: NestStmt): readonly (readonly NestStmt[])[] {
  if (s.kind === 'for' || s.kind === 'while') return [s.body];
  if (s.kind === 'gemm') return s.epilogue === undefined ? [] : [[s.epilogue]];
  return s.kind === 'if' ? [s.then, s.otherwise] : [];
}

/** Visits every node reachable from `roots` once, arguments first. Iterative: expressions may be deep. */
export function visitNodes(roots: readonly Node[], seen: Set<Node>, visit: (n: Node) => void): void {
  const stack: Node[] = [];
  const next: number[] = [];
  for (const root of roots) {
    if (seen.has(root)) continue;
    seen.add(root);
    stack.push(root);
    next.push(0);
    while (stack.length > 0) {
      const top = stack.length - 1;
      const n = stack[top]!;
      const i = next[top]!++;
      if (i < n.args.length) {
        const a = n.args[i]!;
        if (seen.has(a)) continue;
        seen.add(a);
        stack.push(a);
        next.push(0);
        continue;
      }
      visit(n);
      stack.pop();
      next.pop();
    }
  }
}
