/**
 * Transformations that scale each gradient by its own history: the Adam family, Adagrad, RMSProp, Adadelta, Lion and relatives.
 * Formulas and defaults are optax's.
 * May import: `core`, `primitives`, `api`.
 * @module
 */
import type { DTypeLike } from '../api/numpy/dtypes.ts';
import type { TensorLike } from '../api/lift.ts';
import { checkOptions } from '../api/options.ts';
import type { Tensor } from '../core/tensor.ts';
import * as prim from '../primitives/index.ts';
import { cast, castTo, complement, fullLike, increment, mapLeaves, scaled, shifted, zeroCount } from './leaves.ts';
import { correctBias, updateMoment } from './moments.ts';
import { type GradientTransformation, transformation } from './transformation.ts';

export interface AdamOptions {
  /** Decay of the mean of gradients; 0.9. */
  readonly b1?: TensorLike;
  /** Decay of the mean of squared gradients; 0.999. */
  readonly b2?: TensorLike;
  /** Added to the denominator outside the root; 1e-8. */
  readonly eps?: TensorLike;
  /** Added inside the root; 0. Set it to differentiate through updates where a gradient may be 0. */
  readonly epsRoot?: TensorLike;
  /** Dtype of the mean of gradients; that of the parameters. */
  readonly muDtype?: DTypeLike | undefined;
  /** Nesterov's look-ahead (Nadam); false. */
  readonly nesterov?: boolean;
}

export const adamKeys: readonly string[] = ['b1', 'b2', 'eps', 'epsRoot', 'muDtype', 'nesterov'];

/** m / (√(v + epsRoot) + eps). */
const normalized = (m: Tensor, v: Tensor, eps: TensorLike, epsRoot: TensorLike): Tensor =>
  prim.div(m, shifted(prim.sqrt(epsRoot === 0 ? v : shifted(v, epsRoot)), eps));

/** Step counter and first two moments. */
interface AdamState {
  readonly count: Tensor;
  readonly mu: unknown;
  readonly nu: unknown;
}

const initialAdam =
  (op: string, muDtype?: DTypeLike, start: TensorLike = 0) =>
  (params: unknown): AdamState => ({
    count: zeroCount(),
    mu: fullLike(op, params, start, muDtype),
    nu: fullLike(op, params, start),
  });

const castTree = (op: string, tree: unknown, dtype: DTypeLike | undefined): unknown =>
  dtype === undefined ? tree : mapLeaves(op, (m) => cast(m, dtype), tree);

/** The corrected first moment; with Nesterov's look-ahead, one step further. */
function direction(op: string, grads: unknown, mu: unknown, count: Tensor, b1: TensorLike, nesterov: boolean): unknown {
  if (!nesterov) return correctBias(op, mu, b1, count);
  return mapLeaves(
    op,
    (m, g) => prim.add(scaled(m, b1), scaled(g!, complement(b1))),
    correctBias(op, mu, b1, increment(count)),
    correctBias(op, grads, b1, count),
  );
}

/** Adam's scaling: m̂ / (√(v̂ + epsRoot) + eps). State `{ count, mu, nu }`. */
export function scaleByAdam(options: AdamOptions = {}): GradientTransformation {
  checkOptions('scaleByAdam', options, adamKeys);
  const { b1 = 0.9, b2 = 0.999, eps = 1e-8, epsRoot = 0, muDtype, nesterov = false } = options;
  return transformation<AdamState>({
    init: initialAdam('adam', muDtype),
    update: (grads, state) => {
      const mu = updateMoment('adam', grads, state.mu, b1, 1);
      const nu = updateMoment('adam', grads, state.nu, b2, 2);
      const count = increment(state.count);
      const toward = direction('adam', grads, mu, count, b1, nesterov);
      const spread = correctBias('adam', nu, b2, count);
      const updates = mapLeaves('adam', (m, v) => normalized(m, v!, eps, epsRoot), toward, spread);
      return [updates, { count, mu: castTree('adam', mu, muDtype), nu }];
    },
  });
}

export interface AmsgradOptions extends Omit<AdamOptions, 'nesterov'> {
  /** Correct the bias of the mean of gradients; true. */
  readonly biasCorrectionMu?: boolean;
  /** Correct the bias of the mean of squares, before the maximum is taken; true. */
  readonly biasCorrectionNu?: boolean;
}

/** Adam with the largest second moment so far. State `{ count, mu, nu, nuMax }`. */
export function scaleByAmsgrad(options: AmsgradOptions = {}): GradientTransformation {
  checkOptions('scaleByAmsgrad', options, [
    'b1',
    'b2',
    'eps',
    'epsRoot',
    'muDtype',
    'biasCorrectionMu',
    'biasCorrectionNu',
  ]);
  const {
    b1 = 0.9,
    b2 = 0.999,
    eps = 1e-8,
    epsRoot = 0,
    muDtype,
    biasCorrectionMu = true,
    biasCorrectionNu = true,
  } = options;
  return transformation<AdamState & { readonly nuMax: unknown }>({
    init: (params) => ({ ...initialAdam('amsgrad', muDtype)(params), nuMax: fullLike('amsgrad', params, 0) }),
    update: (grads, state) => {
      const mu = updateMoment('amsgrad', grads, state.mu, b1, 1);
      const nu = updateMoment('amsgrad', grads, state.nu, b2, 2);
      const count = increment(state.count);
      const toward = biasCorrectionMu ? correctBias('amsgrad', mu, b1, count) : mu;
      const spread = biasCorrectionNu ? correctBias('amsgrad', nu, b2, count) : nu;
      const nuMax = mapLeaves('amsgrad', (a, b) => prim.max(a, b!), state.nuMax, spread);
      const updates = mapLeaves('amsgrad', (m, v) => normalized(m, v!, eps, epsRoot), toward, nuMax);
      return [updates, { count, mu: castTree('amsgrad', mu, muDtype), nu, nuMax }];
    },
  });
}

export interface AdamaxOptions {
  /** 0.9 */
  readonly b1?: TensorLike;
  /** 0.999 */
  readonly b2?: TensorLike;
  /** 1e-8 */
  readonly eps?: TensorLike;
}

/** Adam with the infinity norm: v = max(|g| + eps, b2 · v). State `{ count, mu, nu }`. */
export function scaleByAdamax(options: AdamaxOptions = {}): GradientTransformation {
  checkOptions('scaleByAdamax', options, ['b1', 'b2', 'eps']);
  const { b1 = 0.9, b2 = 0.999, eps = 1e-8 } = options;
  return transformation<AdamState>({
    init: initialAdam('adamax'),
    update: (grads, state) => {
      const mu = updateMoment('adamax', grads, state.mu, b1, 1);
      const nu = mapLeaves('adamax', (g, v) => prim.max(shifted(prim.abs(g), eps), scaled(v!, b2)), grads, state.nu);
      const count = increment(state.count);
      const updates = mapLeaves('adamax', (m, v) => prim.div(m, v!), correctBias('adamax', mu, b1, count), nu);
      return [updates, { count, mu, nu }];
    },
  });
}

/** Adam with the squared distance of gradients from their mean (AdaBelief). State `{ count, mu, nu }`. */
export function scaleByBelief(options: Omit<AdamOptions, 'muDtype'> = {}): GradientTransformation {
  checkOptions('scaleByBelief', options, ['b1', 'b2', 'eps', 'epsRoot', 'nesterov']);
  const { b1 = 0.9, b2 = 0.999, eps = 1e-16, epsRoot = 1e-16, nesterov = false } = options;
  return transformation<AdamState>({
    init: initialAdam('adabelief'),
    update: (grads, state) => {
      const mu = updateMoment('adabelief', grads, state.mu, b1, 1);
      const surprise = mapLeaves('adabelief', (g, m) => prim.sub(g, m!), grads, mu);
      const nu = mapLeaves(
        'adabelief',
        (v) => shifted(v, epsRoot),
        updateMoment('adabelief', surprise, state.nu, b2, 2),
      );
      const count = increment(state.count);
      const toward = direction('adabelief', grads, mu, count, b1, nesterov);
      const spread = correctBias('adabelief', nu, b2, count);
      return [mapLeaves('adabelief', (m, v) => normalized(m, v!, eps, 0), toward, spread), { count, mu, nu }];
    },
  });
}

export interface RadamOptions extends Omit<AdamOptions, 'muDtype'> {
  /** Degrees of freedom above which the variance is trusted; 5. */
  readonly threshold?: number;
}

/** Adam whose variance is rectified while few gradients have been seen (RAdam). State `{ count, mu, nu }`. */
export function scaleByRadam(options: RadamOptions = {}): GradientTransformation {
  checkOptions('scaleByRadam', options, ['b1', 'b2', 'eps', 'epsRoot', 'threshold', 'nesterov']);
  const { b1 = 0.9, b2 = 0.999, eps = 1e-8, epsRoot = 0, threshold = 5, nesterov = false } = options;
  return transformation<AdamState>({
    init: initialAdam('radam'),
    update: (grads, state) => {
      const mu = updateMoment('radam', grads, state.mu, b1, 1);
      const nu = updateMoment('radam', grads, state.nu, b2, 2);
      const count = increment(state.count);
      const toward = direction('radam', grads, mu, count, b1, nesterov);
      const rectify = (m: Tensor, v: Tensor): Tensor => {
        const { ro, factor } = rectification(m, b2, count);
        const isTrusted = prim.ge(ro, castTo(m.dtype, threshold));
        return prim.select(isTrusted, prim.mul(factor(isTrusted), normalized(m, v, eps, epsRoot)), m);
      };
      const updates = mapLeaves('radam', (m, v) => rectify(m, v!), toward, correctBias('radam', nu, b2, count));
      return [updates, { count, mu, nu }];
    },
  });
}

/** ρₖ = ρ∞ − 2k b2ᵏ / (1 − b2ᵏ), and √((ρₖ−4)(ρₖ−2)ρ∞ / ((ρ∞−4)(ρ∞−2)ρₖ)) where it is to be used. */
function rectification(
  like: Tensor,
  b2: TensorLike,
  count: Tensor,
): { ro: Tensor; factor: (isUsed: Tensor) => Tensor } {
  const k = prim.convert(count, like.dtype);
  const one = prim.like(k, 1);
  const decay = castTo(k.dtype, b2);
  const limit = prim.sub(prim.div(prim.like(k, 2), castTo(k.dtype, complement(b2))), one);
  const power = prim.pow(decay, k);
  const ro = prim.sub(limit, prim.div(prim.mul(scaled(k, 2), power), prim.sub(one, power)));
  const pair = (x: Tensor): Tensor => prim.mul(shifted(x, -4), shifted(x, -2));
  const factor = (isUsed: Tensor): Tensor => {
    const safe = prim.select(isUsed, ro, limit);
    return prim.sqrt(prim.div(prim.mul(pair(safe), limit), prim.mul(pair(limit), safe)));
  };
  return { ro, factor };
}

export interface YogiOptions extends Omit<AdamOptions, 'muDtype' | 'nesterov'> {
  /** What both moments start from; 1e-6. */
  readonly initialAccumulatorValue?: number;
}

/** Adam whose second moment moves by (1 − b2) g² toward g² (Yogi). State `{ count, mu, nu }`. */
export function scaleByYogi(options: YogiOptions = {}): GradientTransformation {
  checkOptions('scaleByYogi', options, ['b1', 'b2', 'eps', 'epsRoot', 'initialAccumulatorValue']);
  const { b1 = 0.9, b2 = 0.999, eps = 1e-3, epsRoot = 0, initialAccumulatorValue = 1e-6 } = options;
  return transformation<AdamState>({
    init: initialAdam('yogi', undefined, initialAccumulatorValue),
    update: (grads, state) => {
      const mu = updateMoment('yogi', grads, state.mu, b1, 1);
      const step = (g: Tensor, v: Tensor): Tensor => {
        const square = prim.mul(g, g);
        return prim.sub(v, prim.mul(scaled(prim.sign(prim.sub(v, square)), complement(b2)), square));
      };
      const nu = mapLeaves('yogi', (g, v) => step(g, v!), grads, state.nu);
      const count = increment(state.count);
      const [toward, spread] = [correctBias('yogi', mu, b1, count), correctBias('yogi', nu, b2, count)];
      return [mapLeaves('yogi', (m, v) => normalized(m, v!, eps, epsRoot), toward, spread), { count, mu, nu }];
    },
  });
}

export interface LionOptions {
  /** Weight of the mean in the update; 0.9. */
  readonly b1?: TensorLike;
  /** Decay of the mean of gradients; 0.99. */
  readonly b2?: TensorLike;
  readonly muDtype?: DTypeLike | undefined;
}

/** sign(b1 · m + (1 − b1) · g). State `{ count, mu }`. */
export function scaleByLion(options: LionOptions = {}): GradientTransformation {
  checkOptions('scaleByLion', options, ['b1', 'b2', 'muDtype']);
  const { b1 = 0.9, b2 = 0.99, muDtype } = options;
  return transformation<{ readonly count: Tensor; readonly mu: unknown }>({
    init: (params) => ({ count: zeroCount(), mu: fullLike('lion', params, 0, muDtype) }),
    update: (grads, state) => {
      const updates = mapLeaves('lion', (u) => prim.sign(u), updateMoment('lion', grads, state.mu, b1, 1));
      const mu = castTree('lion', updateMoment('lion', grads, state.mu, b2, 1), muDtype);
      return [updates, { count: increment(state.count), mu }];
    },
  });
}
