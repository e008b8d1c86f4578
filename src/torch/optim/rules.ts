/**
 * Parts that update rules share.
 * May import: everything up to `api`, `tape`, `nn`, `optim`.
 * @module
 */
import type { Tensor as CoreTensor } from '../../core/tensor.ts';
import * as np from '../../api/numpy/index.ts';
import { zerosLike } from '../ops/fill.ts';
import type { Tensor } from '../tensor.ts';

type Factor = CoreTensor | number;

export const plus = (x: CoreTensor, y: Factor): CoreTensor => np.add(x, y);
export const minus = (x: CoreTensor, y: Factor): CoreTensor => np.subtract(x, y);
export const times = (x: CoreTensor, y: Factor): CoreTensor => np.multiply(x, y);
export const over = (x: CoreTensor, y: Factor): CoreTensor => np.divide(x, y);
export const sqrt = (x: CoreTensor): CoreTensor => np.sqrt(x);

/** What a gradient is before the rule: turned round to maximise, with the weights it decays. */
export interface GradientFlags {
  readonly maximize: boolean;
  readonly decays: boolean;
}

/** ±g + weightDecay · p. */
export function gradientOf(p: CoreTensor, g: CoreTensor, weightDecay: CoreTensor, flags: GradientFlags): CoreTensor {
  const directed = flags.maximize ? np.negative(g) : g;
  return flags.decays ? plus(directed, times(p, weightDecay)) : directed;
}

export const zeros = (p: Tensor): Tensor => zerosLike(p);

/** A name for a set of flags. */
export const nameOf = (rule: string, flags: object): string =>
  `${rule}${Object.entries(flags)
    .map(([name, value]) => (value === true ? `_${name}` : ''))
    .join('')}`;
