/**
 * The entry `cotangent/optim`: optimisers as pure update rules over pytrees, the transformations they are made of, and schedules.
 * The shape is optax's: `init(params)` gives a state, `update(grads, state, params)` gives `[updates, state]`, `applyUpdates` adds them.
 * May import: `api` and everything below it.
 * @module
 */
export {
  type AdamaxOptions,
  type AdamOptions,
  type AmsgradOptions,
  type LionOptions,
  type RadamOptions,
  scaleByAdam,
  scaleByAdamax,
  scaleByAmsgrad,
  scaleByBelief,
  scaleByLion,
  scaleByRadam,
  scaleByYogi,
  type YogiOptions,
} from './adaptive.ts';
export * from './adafactor.ts';
export { allFinite, selectTree } from './choose.ts';
export * from './clipping.ts';
export * from './lbfgs.ts';
export type { ZoomOptions } from './line-search.ts';
export * from './mixed-precision.ts';
export * from './noise.ts';
export * from './optimizers.ts';
export * from './partition.ts';
export * from './piecewise-schedules.ts';
export {
  type AdadeltaScaling,
  type RmsOptions,
  type RssOptions,
  scaleByAdadelta,
  scaleByRms,
  scaleByRss,
  scaleByStddev,
} from './root-mean-square.ts';
export * from './scaling.ts';
export * from './schedules.ts';
export { scaleBySm3, type Sm3Options } from './sm3.ts';
export {
  chain,
  type GradientTransformation,
  identity,
  type Mask,
  masked,
  type Optimizer,
  type OptState,
  setToZero,
} from './transformation.ts';
export * from './wrappers.ts';
export { applyUpdates, globalNorm, incrementalUpdate } from './update.ts';
