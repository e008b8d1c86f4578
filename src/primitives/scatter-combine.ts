/**
 * scatter_mul, scatter_min and scatter_max: updates meet the element they fall on in a product or an extremum.
 * May import: `ir`, `core`, `primitives/{arithmetic,compare,select,fill,define-scatter,indexing}`.
 * @module
 */
import type { DType } from '../ir/dtype.ts';
import { isFloat } from '../ir/dtype.ts';
import { DifferentiationError } from '../ir/errors.ts';
import { binary } from '../ir/loop/expr.ts';
import type { Calculus, MaybeZero, Primitive } from '../core/primitive.ts';
import { isLinearInput, residual } from '../core/primitive.ts';
import type { Tensor } from '../core/tensor.ts';
import { bind1 } from '../core/trace.ts';
import { div, like, mul } from './arithmetic.ts';
import { eq } from './compare.ts';
import { defineScatter, type ScatterParams, scatterSamples } from './define-scatter.ts';
import { filled } from './fill.ts';
import { gatherUpdates, scatterAdd } from './indexing.ts';
import { select } from './select.ts';

const product = (x: number, y: number, dtype: DType): number => (isFloat(dtype) ? x * y : Math.imul(x, y));

/** y = x, with the element that an update falls on multiplied by it. */
export const scatterMulP: Primitive<ScatterParams> = defineScatter({
  name: 'scatter_mul',
  acceptsBool: false,
  combine: (old, update) => binary('mul', old, update),
  combineHost: product,
  calculus: {
    // y = x · u where u falls: dy = dx · u + x · du. With repeats the second term would need the product of all other updates.
    kind: 'smooth',
    jvp: ([x, indices, updates], [tx, , tu], [y], params) => {
      if (tu && !params.uniqueIndices) throw repeatsError();
      const ofX = tx && scatterMul(tx, indices!, updates!, params);
      if (!tu) return [ofX ?? null];
      const du = mul(tu, gatherUpdates(x!, indices!, tu.aval, params));
      return [scatterAdd(ofX ?? filled(y!.aval, 0), indices!, du, params)];
    },
    transpose: ([ct], [x, indices, updates], params) => [
      isLinearInput(x!) ? scatterMul(ct!, residual(indices!), residual(updates!), params) : null,
      null,
      null,
    ],
  },
  samples: scatterSamples(false),
});

const repeatsError = (): Error =>
  new DifferentiationError(
    'scatter_mul: expected uniqueIndices for the derivative in the updates, got indices that may repeat.',
    'pass { uniqueIndices: true } if no element is updated twice.',
  );

export const scatterMul = (x: Tensor, indices: Tensor, updates: Tensor, params: ScatterParams): Tensor =>
  bind1(scatterMulP, [x, indices, updates], params);

/** Everything that attains the extremum (the element itself, and updates) shares the derivative evenly. */
const extremum: Calculus<ScatterParams> = {
  kind: 'smooth',
  jvp: ([x, indices, updates], [tx, , tu], [y], params) => {
    const [zero, one] = [like(y!, 0), like(y!, 1)];
    const isKept = eq(x!, y!);
    const isAttained = eq(updates!, gatherUpdates(y!, indices!, updates!.aval, params));
    const kept = select(isKept, one, zero);
    const count = scatterAdd(kept, indices!, select(isAttained, one, zero), params);
    const ofX: MaybeZero = tx! && select(isKept, tx, zero);
    const total = tu ? scatterAdd(ofX ?? filled(y!.aval, 0), indices!, select(isAttained, tu, zero), params) : ofX;
    // Where the extremum is NaN nothing equals it, and the derivative is 0.
    return [total && div(total, select(eq(count, zero), one, count))];
  },
};

/** y = x, with the element that an update falls on replaced by the smaller of both. */
export const scatterMinP: Primitive<ScatterParams> = defineScatter({
  name: 'scatter_min',
  acceptsBool: false,
  combine: (old, update) => binary('min', old, update),
  combineHost: (old, update) => Math.min(old, update),
  calculus: extremum,
  samples: scatterSamples(true),
});

/** y = x, with the element that an update falls on replaced by the larger of both. */
export const scatterMaxP: Primitive<ScatterParams> = defineScatter({
  name: 'scatter_max',
  acceptsBool: false,
  combine: (old, update) => binary('max', old, update),
  combineHost: (old, update) => Math.max(old, update),
  calculus: extremum,
  samples: scatterSamples(true),
});

export const scatterMin = (x: Tensor, indices: Tensor, updates: Tensor, params: ScatterParams): Tensor =>
  bind1(scatterMinP, [x, indices, updates], params);

export const scatterMax = (x: Tensor, indices: Tensor, updates: Tensor, params: ScatterParams): Tensor =>
  bind1(scatterMaxP, [x, indices, updates], params);
