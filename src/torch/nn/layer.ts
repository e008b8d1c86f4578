/**
 * What the modules of this package share.
 * May import: everything up to `api`, `tape`, `nn`.
 * @module
 */
import { snakeCase } from '../javascript.ts';
import type { Tensor } from '../tensor.ts';
import { Module } from './module.ts';

/** A module whose fields have PyTorch's names in state dicts: `runningMean` is `running_mean` there. */
export abstract class Layer extends Module {
  protected override nameOf(field: string): string {
    return snakeCase(field);
  }
}

/** A module from one tensor to another. */
export interface TensorModule extends Module {
  forward(x: Tensor): Tensor;
}

/** A value as Python prints it, for `extraRepr`. */
export function python(x: unknown): string {
  if (typeof x === 'boolean') return x ? 'True' : 'False';
  if (x === null || x === undefined) return 'None';
  if (Array.isArray(x)) return `(${x.map(python).join(', ')}${x.length === 1 ? ',' : ''})`;
  if (typeof x === 'number' && Math.abs(x) > 0 && Math.abs(x) < 1e-4) {
    return x.toExponential().replace(/e-(\d)$/, 'e-0$1');
  }
  return String(x);
}

/** A number that Python holds as a float. */
export const pythonFloat = (x: number): string => (Number.isInteger(x) ? `${x}.0` : python(x));
