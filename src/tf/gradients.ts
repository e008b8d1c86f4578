/**
 * What goes into a derivative of a tape and what comes out of it: targets with cotangents, and gradients of what is not connected.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import type { Aval } from '../ir/aval.ts';
import { ArgumentError, ShapeError } from '../ir/errors.ts';
import { sameShape } from '../ir/shape.ts';
import type { MaybeZero } from '../core/primitive.ts';
import type { TreeDef } from '../core/pytree.ts';
import type { Tensor } from '../core/tensor.ts';
import { zeros } from '../transforms/jvp.ts';
import { flattenArgs } from '../api/args.ts';
import { concatenate, expandDims, onesLike } from '../api/numpy/index.ts';

/** What stands for the gradient of a source that the target does not depend on: `null`, or zeros. */
export const UnconnectedGradients = { NONE: 'none', ZERO: 'zero' } as const;
export type UnconnectedGradients = (typeof UnconnectedGradients)[keyof typeof UnconnectedGradients];

export interface UnconnectedOption {
  readonly unconnectedGradients?: UnconnectedGradients;
}

/** `row` of each of the rows, one after the other; its results along a new first axis. */
export function stackRows(rows: Tensor, row: (ct: Tensor) => Tensor[]): Tensor[] {
  const all = Array.from({ length: rows.shape[0]! }, (_, i) => row(rows.slice(i)));
  const first = all[0] ?? [];
  return first.map((_, k) => concatenate(all.map((grads) => expandDims(grads[k]!, 0))));
}

/** Gradients of these types: what is not connected is `null` or zeros, as was asked for. */
export function connect(
  avals: readonly Aval[],
  grads: readonly MaybeZero[],
  { unconnectedGradients = UnconnectedGradients.NONE }: UnconnectedOption,
): MaybeZero[] {
  if (unconnectedGradients !== 'none' && unconnectedGradients !== 'zero') {
    throw new ArgumentError(
      `GradientTape: expected unconnectedGradients to be "none" or "zero", got ${JSON.stringify(unconnectedGradients)}.`,
    );
  }
  return grads.map((g, i) => g ?? (unconnectedGradients === 'zero' ? zeros(avals[i]!.strong()) : null));
}

export function flattenTargets(op: string, target: unknown): { leaves: Tensor[]; def: TreeDef } {
  return flattenArgs(`GradientTape.${op}`, target, 'target');
}

export function cotangentsOf(targets: readonly Tensor[], def: TreeDef, given: unknown): Tensor[] {
  if (given === undefined || given === null) return targets.map((y) => onesLike(y));
  const { leaves, def: givenDef } = flattenArgs('GradientTape.gradient', given, 'outputGradients');
  if (!givenDef.equals(def)) {
    throw new ArgumentError(
      `GradientTape.gradient: expected outputGradients of the structure of the target ${def.toString()}, got ${givenDef.toString()}.`,
    );
  }
  return leaves.map((ct, i) => {
    const y = targets[i]!;
    if (sameShape(ct.shape, y.shape)) return ct.dtype === y.dtype ? ct : ct.astype(y.dtype);
    throw new ShapeError(
      `GradientTape.gradient: expected outputGradients${def.path(i)} like the target ${y.aval.toString()}, got ${ct.aval.toString()}.`,
    );
  });
}
