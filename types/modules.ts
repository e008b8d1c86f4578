/**
 * What the compiler infers for modules: models keep their types through transformations, settings included.
 * Compiled by `npm run typecheck`, never run.
 * @module
 */
import { evalShape, grad, jit, type Tensor, tree, valueAndGrad, vmap } from 'cotangent';
import { combine, type KeyValueCache, Linear, type MultiHeadAttention, partition, type Sequential } from 'cotangent/nn';
import { applyUpdates } from 'cotangent/optim';
import { expectTypeOf } from 'vitest';

declare const x: Tensor;
declare const key: Tensor;
declare const linear: Linear;
declare const model: Sequential;
declare const attention: MultiHeadAttention;
declare const cache: KeyValueCache;
const loss = (m: Sequential, x: Tensor): Tensor => m.call(x).sum();

// A gradient, a copy and an update of a model are models.
expectTypeOf(grad(loss)(model, x)).toEqualTypeOf<Sequential>();
expectTypeOf(valueAndGrad(loss)(model, x)).toEqualTypeOf<[Tensor, Sequential]>();
expectTypeOf(applyUpdates(model, grad(loss)(model, x))).toEqualTypeOf<Sequential>();
expectTypeOf(tree.map((w: Tensor) => w.mul(2), linear)).toEqualTypeOf<Linear>();
expectTypeOf(linear.with({ bias: null })).toEqualTypeOf<Linear>();
expectTypeOf(combine(...partition(model))).toEqualTypeOf<Sequential>();

// Numbers in a module are settings: they stay numbers.
expectTypeOf(grad((m: MultiHeadAttention) => m.call(x).sum())(attention).heads).toEqualTypeOf<number>();
expectTypeOf(vmap((k: Tensor) => new Linear(2, 3, { key: k }))(key)).toEqualTypeOf<Linear>();

// With other things at the leaves a model is none, and its leaves have their type.
const flags = tree.map((w: Tensor) => w.ndim > 1, linear);
expectTypeOf(flags.weight).toEqualTypeOf<boolean>();
expectTypeOf(evalShape(() => linear).weight.shape).toEqualTypeOf<readonly number[]>();

// State goes through jit.
const [y, next] = jit((m: Sequential, x: Tensor) => m.apply(x, { train: true, key }))(model, x);
expectTypeOf(y).toEqualTypeOf<Tensor>();
expectTypeOf(next).toEqualTypeOf<Sequential>();
const step = jit((m: MultiHeadAttention, t: Tensor, c: KeyValueCache) => m.decode(t, c));
expectTypeOf(step(attention, x, cache)[1].length).toEqualTypeOf<Tensor>();
