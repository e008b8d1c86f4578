/**
 * What Adam and its kin share: moments of the gradients, and weights that decay.
 * May import: everything up to `api`, `tape`, `nn`, `optim`.
 * @module
 */
import type { Tensor as CoreTensor } from '../../core/tensor.ts';
import type { Tensor } from '../tensor.ts';
import type { CommonOptions } from './optimizer.ts';
import { type GradientFlags, gradientOf, plus, times, zeros } from './rules.ts';
import { checkNonNegative, checkSetting } from './settings.ts';

export interface MomentOptions extends CommonOptions {
  /** How much of the old moments stays: of the gradients, and of their squares. */
  betas: readonly [number, number];
  /** Added to the root of the second moment. */
  eps: number;
  weightDecay: number;
}

/** Throws for settings out of range. */
export function checkMoments(op: string, { lr, betas, eps, weightDecay }: MomentOptions): void {
  checkNonNegative(op, { lr, eps, weightDecay });
  betas.forEach((beta, i) => checkSetting(op, `beta parameter at index ${i}`, beta, beta >= 0 && beta < 1));
}

/** m ← β m + (1 − β) g. The last two come as numbers of their own: 1 − β would lose digits in float32. */
export const moved = (m: CoreTensor, beta: CoreTensor, rest: CoreTensor, g: CoreTensor): CoreTensor =>
  plus(times(m, beta), times(g, rest));

/** The moments of a parameter before its first step. */
export const moments = (p: Tensor): { step: number; expAvg: Tensor; expAvgSq: Tensor } => ({
  step: 0,
  expAvg: zeros(p),
  expAvgSq: zeros(p),
});

/** Settings of those whose weights may decay apart from the gradient. */
export interface DecayOptions extends MomentOptions {
  maximize: boolean;
  /** Whether weights decay apart from the gradient, as in `AdamW`. */
  decoupledWeightDecay: boolean;
}

export interface DecayFlags extends GradientFlags {
  readonly isDecoupled: boolean;
}

/** Where a step starts, and the gradient it takes; `decay` is a factor of the weights where they decay by themselves. */
export function decayed(
  p: CoreTensor,
  g: CoreTensor,
  decay: CoreTensor,
  { maximize, decays, isDecoupled }: DecayFlags,
): [start: CoreTensor, gradient: CoreTensor] {
  const start = decays && isDecoupled ? times(p, decay) : p;
  return [start, gradientOf(p, g, decay, { maximize, decays: decays && !isDecoupled })];
}

export const decayFlags = ({ maximize, weightDecay, decoupledWeightDecay }: DecayOptions): DecayFlags => ({
  maximize,
  decays: weightDecay !== 0,
  isDecoupled: decoupledWeightDecay,
});

/** The factor of the weights: where a step starts, or in the gradient. */
export const decayFactor = ({ lr, weightDecay, decoupledWeightDecay }: DecayOptions): number =>
  decoupledWeightDecay ? 1 - lr * weightDecay : weightDecay;
