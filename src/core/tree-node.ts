/**
 * How types tell instances of node classes (modules, say) from plain containers: their own fields decide what is a leaf, so a number in
 * one is a setting and not a tensor.
 * May import: `core`.
 * @module
 */
import type { Tensor } from './tensor.ts';

/** Classes whose instances are nodes of pytrees, with tensors at the leaves. */
export interface TreeNode {
  readonly isTreeNode: true;
}

/** A node whose tensors are replaced by `R`: the node itself when those are tensors again. */
export type MapNode<T, R> = [R] extends [Tensor]
  ? T
  : { readonly [K in keyof T]: T[K] extends (...args: never[]) => unknown ? T[K] : MapField<T[K], R> };

type MapField<T, R> = T extends Tensor
  ? R
  : T extends TreeNode
    ? MapNode<T, R>
    : T extends readonly unknown[]
      ? { readonly [K in keyof T]: MapField<T[K], R> }
      : T;
