/**
 * Adafactor: second moments of matrices kept as the product of a column and a row. Definitions and defaults are optax's.
 * May import: `core`, `primitives`, `api`.
 * @module
 */
import type { DTypeLike } from '../api/numpy/dtypes.ts';
import { checkOptions } from '../api/options.ts';
import { scalarTensor, type Tensor } from '../core/tensor.ts';
import * as prim from '../primitives/index.ts';
import { readArguments } from './arguments.ts';
import { clipByBlockRms } from './clipping.ts';
import { increment, mapLeaves, scaled, shifted, zeroCount } from './leaves.ts';
import { addDecayedWeights, ema, scale, scaleByLearningRate, scaleByParamBlockRms } from './scaling.ts';
import type { LearningRate } from './schedules.ts';
import { chain, type GradientTransformation, type Mask, transformation } from './transformation.ts';

export interface FactoredRmsOptions {
  /** Keep a column and a row in place of a matrix; true. */
  readonly factored?: boolean;
  /** The decay at step k is 1 − k^−decayRate; 0.8. */
  readonly decayRate?: number;
  /** Steps done before; 0. */
  readonly stepOffset?: number;
  /** Axes shorter than this are not factored; 128. */
  readonly minDimSizeToFactor?: number;
  /** Added to squares; 1e-30. */
  readonly epsilon?: number;
}

interface Moments {
  readonly vRow: Tensor;
  readonly vCol: Tensor;
  readonly v: Tensor;
}

/** The two longest axes, the longest last; undefined where nothing is to be gained. */
function factoredAxes(
  shape: readonly number[],
  factored: boolean,
  least: number,
): readonly [number, number] | undefined {
  if (!factored || shape.length < 2) return undefined;
  const order = shape.map((_, i) => i).sort((a, b) => shape[a]! - shape[b]!);
  const [d1, d0] = order.slice(-2) as [number, number];
  return shape[d1]! < least ? undefined : [d1, d0];
}

const zeros = (shape: readonly number[], x: Tensor): Tensor => prim.broadcastTo(scalarTensor(0, x.dtype), shape);
const without = (shape: readonly number[], axis: number): number[] => shape.filter((_, i) => i !== axis);
const meanOver = (x: Tensor, axis: number): Tensor => scaled(prim.reduceSum(x, [axis]), 1 / x.shape[axis]!);
const insert = (x: Tensor, axis: number): Tensor =>
  prim.reshape(x, [...x.shape.slice(0, axis), 1, ...x.shape.slice(axis)]);
const inverseRoot = (x: Tensor): Tensor => prim.rsqrt(x);

/**
 * g / √v, with v of a matrix estimated by the means of squares over its rows and its columns. State `{ count, vRow, vCol, v }`; where one of
 * the forms is not used, its leaf is a single 0.
 */
export function scaleByFactoredRms(options: FactoredRmsOptions = {}): GradientTransformation {
  checkOptions('scaleByFactoredRms', options, ['factored', 'decayRate', 'stepOffset', 'minDimSizeToFactor', 'epsilon']);
  const { factored = true, decayRate = 0.8, stepOffset = 0, minDimSizeToFactor = 128, epsilon = 1e-30 } = options;
  const axesOf = (x: Tensor): readonly [number, number] | undefined =>
    factoredAxes(x.shape, factored, minDimSizeToFactor);
  const start = (x: Tensor): Moments => {
    const axes = axesOf(x);
    if (axes === undefined) return { vRow: zeros([1], x), vCol: zeros([1], x), v: zeros(x.shape, x) };
    return { vRow: zeros(without(x.shape, axes[1]), x), vCol: zeros(without(x.shape, axes[0]), x), v: zeros([1], x) };
  };
  const decay = (old: Tensor, fresh: Tensor, rate: Tensor): Tensor =>
    prim.add(prim.mul(rate, old), prim.mul(prim.sub(prim.like(rate, 1), rate), fresh));
  const step = (g: Tensor, m: Moments, rate: Tensor): Moments & { readonly update: Tensor } => {
    const squares = shifted(prim.mul(g, g), epsilon);
    const axes = axesOf(g);
    if (axes === undefined) {
      const v = decay(m.v, squares, rate);
      return { ...m, v, update: prim.mul(g, inverseRoot(v)) };
    }
    const [d1, d0] = axes;
    const [vRow, vCol] = [decay(m.vRow, meanOver(squares, d0), rate), decay(m.vCol, meanOver(squares, d1), rate)];
    const along = d1 > d0 ? d1 - 1 : d1;
    const rows = inverseRoot(prim.div(vRow, insert(meanOver(vRow, along), along)));
    const update = prim.mul(prim.mul(g, insert(rows, d0)), insert(inverseRoot(vCol), d1));
    return { ...m, vRow, vCol, update };
  };
  const pick = (name: keyof Moments, tree: unknown): unknown => mapLeaves('adafactor', (x) => start(x)[name], tree);
  return transformation<{ count: Tensor; vRow: unknown; vCol: unknown; v: unknown }>({
    init: (params) => ({
      count: zeroCount(),
      vRow: pick('vRow', params),
      vCol: pick('vCol', params),
      v: pick('v', params),
    }),
    update: (grads, state) => {
      const results: ReturnType<typeof step>[] = [];
      const advance = (g: Tensor, vRow: Tensor, vCol: Tensor, v: Tensor): Tensor => {
        const k = shifted(prim.convert(state.count, g.dtype), 1 - stepOffset);
        const rate = prim.sub(prim.like(k, 1), prim.pow(k, prim.like(k, -decayRate)));
        results.push(step(g, { vRow, vCol, v }, rate));
        return results.at(-1)!.update;
      };
      const updates = mapLeaves(
        'adafactor',
        (g, r, c, v) => advance(g, r!, c!, v!),
        grads,
        state.vRow,
        state.vCol,
        state.v,
      );
      const collect = (name: keyof Moments): unknown => {
        let i = 0;
        return mapLeaves('adafactor', () => results[i++]![name], grads);
      };
      return [
        updates,
        { count: increment(state.count), vRow: collect('vRow'), vCol: collect('vCol'), v: collect('v') },
      ];
    },
  });
}

export interface AdafactorArguments extends Omit<FactoredRmsOptions, 'stepOffset' | 'epsilon'> {
  /** Multiplies steps that are relative to the parameters; 1 by default. */
  readonly learningRate?: LearningRate | null;
  /** Steps done before; 0. */
  readonly decayOffset?: number;
  /** Added to squares; 1e-30. */
  readonly eps?: number;
  /** Steps relative to the root mean square of each parameter; true. */
  readonly multiplyByParameterScale?: boolean;
  /** Largest root mean square of a leaf's update before the learning rate; 1. */
  readonly clippingThreshold?: number | null;
  /** Decay of the mean of updates; none. */
  readonly momentum?: number | null;
  readonly dtypeMomentum?: DTypeLike;
  readonly weightDecayRate?: number | null;
  readonly weightDecayMask?: Mask;
}

const names = [
  'learningRate',
  'minDimSizeToFactor',
  'decayRate',
  'decayOffset',
  'multiplyByParameterScale',
  'clippingThreshold',
  'momentum',
  'dtypeMomentum',
  'weightDecayRate',
  'eps',
  'factored',
  'weightDecayMask',
] as const;

type AdafactorCall =
  | readonly []
  | readonly [learningRate: LearningRate, options?: Omit<AdafactorArguments, 'learningRate'>]
  | readonly [everything: AdafactorArguments];

/**
 * Adafactor: memory for second moments of an n × m matrix is n + m numbers.
 * @see Shazeer and Stern, Adafactor: Adaptive Learning Rates with Sublinear Memory Cost, 2018
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * import * as optim from 'cotangent/optim';
 * const optimizer = optim.adafactor(0.1);
 * const params = { w: np.ones([256, 128]) };
 * const state = optimizer.init(params) as unknown as { vRow: { w: { shape: unknown } } }[];
 * console.log(state[0]!.vRow.w.shape); // => [ 128 ]
 * ```
 */
export function adafactor(...args: AdafactorCall): GradientTransformation {
  const defaults = Object.fromEntries(names.map((name) => [name, undefined]));
  const o = readArguments<AdafactorArguments>('adafactor', names, defaults, args);
  const given = { factored: o.factored, decayRate: o.decayRate, stepOffset: o.decayOffset };
  const more = { minDimSizeToFactor: o.minDimSizeToFactor, epsilon: o.eps };
  const set = Object.entries({ ...given, ...more }).filter(([, value]) => value !== undefined);
  const links = [scaleByFactoredRms(Object.fromEntries(set))];
  const threshold = o.clippingThreshold === undefined ? 1 : o.clippingThreshold;
  if (threshold !== null) links.push(clipByBlockRms(threshold));
  if (o.learningRate !== undefined && o.learningRate !== null)
    links.push(scaleByLearningRate(o.learningRate, { flipSign: false }));
  if (o.multiplyByParameterScale ?? true) links.push(scaleByParamBlockRms());
  if (o.momentum !== undefined && o.momentum !== null)
    links.push(ema(o.momentum, { debias: false, accumulatorDtype: o.dtypeMomentum ?? 'float32' }));
  if (o.weightDecayRate !== undefined && o.weightDecayRate !== null)
    links.push(addDecayedWeights(o.weightDecayRate, o.weightDecayMask));
  return chain(...links, scale(-1));
}
