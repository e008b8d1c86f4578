/**
 * What the compiler infers for the transformations: arguments without annotations, pytrees, argnums, aux.
 * Compiled by `npm run typecheck`, never run.
 * @module
 */
import {
  checkpoint,
  customJvp,
  customVjp,
  evalShape,
  grad,
  hessian,
  hvp,
  jacfwd,
  jacrev,
  jit,
  jvp,
  linearize,
  linearTranspose,
  type Tensor,
  valueAndGrad,
  vjp,
  vmap,
} from 'cotangent';
import { expectTypeOf } from 'vitest';

declare const x: Tensor;
interface Params {
  readonly w: Tensor;
  readonly layers: readonly [Tensor, { readonly b: Tensor } | null];
}
declare const params: Params;
interface TensorParams {
  w: Tensor;
  layers: [Tensor, { b: Tensor } | null];
}
const loss = (p: Params, y: Tensor): Tensor => p.w.mul(y);
const two = (a: Tensor, b: Tensor): Tensor => a.mul(b);

// A parameter without annotation is a tensor, in every transformation.
grad((a) => {
  expectTypeOf(a).toEqualTypeOf<Tensor>();
  return a;
});
expectTypeOf(grad((a) => a.sum())(x)).toEqualTypeOf<Tensor>();
expectTypeOf(jit((a) => a.sum())(x)).toEqualTypeOf<Tensor>();
expectTypeOf(vmap((a, b) => a.mul(b))(x, 2)).toEqualTypeOf<Tensor>();
expectTypeOf(checkpoint((a) => a.mul(2))(x)).toEqualTypeOf<Tensor>();
expectTypeOf(valueAndGrad((a) => a.sum())(x)).toEqualTypeOf<[Tensor, Tensor]>();
expectTypeOf(jacfwd((a) => a)(x)).toEqualTypeOf<Tensor>();
expectTypeOf(hessian((a) => a.sum())(x)).toEqualTypeOf<Tensor>();
expectTypeOf(hvp((a) => a.sum(), x, x)).toEqualTypeOf<Tensor>();
expectTypeOf(hvp(two, [x, x], [x, x])).toEqualTypeOf<[a: Tensor, b: Tensor]>();
expectTypeOf(hvp((a: { w: Tensor }) => a.w, { w: x }, { w: x })).toEqualTypeOf<{ w: Tensor }>();
expectTypeOf(grad(grad((a) => a.sum()))(x)).toEqualTypeOf<Tensor>();
expectTypeOf(jit(vmap(grad((a) => a.sum())))(x)).toEqualTypeOf<Tensor>();

// Numbers and typed arrays stand for tensors; text does not.
grad((a) => a)(3);
grad((a) => a)(new Float32Array(3));
// @ts-expect-error a string is no tensor
grad((a) => a)('3');

// A gradient has the structure of its argument.
expectTypeOf(grad(loss)(params, x)).toEqualTypeOf<TensorParams>();
expectTypeOf(grad(loss, { argnums: 1 })(params, x)).toEqualTypeOf<Tensor>();
expectTypeOf(grad(loss, { argnums: [1, 0] })(params, x)).toEqualTypeOf<[Tensor, TensorParams]>();
expectTypeOf(grad(two, { argnums: -1 })(x, x)).toEqualTypeOf<Tensor>();
expectTypeOf(valueAndGrad(loss)(params, x)).toEqualTypeOf<[Tensor, TensorParams]>();
expectTypeOf(grad((a: Tensor, n: number) => a.mul(n))(x, 2)).toEqualTypeOf<Tensor>();

// Aux comes out with its own type.
const withAux = (a: Tensor) => [a.sum(), { logits: a, steps: 3, name: 'fit' as string }] as const;
type Aux = { logits: Tensor; steps: Tensor; name: string };
expectTypeOf(grad(withAux, { hasAux: true })(x)).toEqualTypeOf<[Tensor, Aux]>();
expectTypeOf(valueAndGrad(withAux, { hasAux: true })(x)).toEqualTypeOf<[[Tensor, Aux], Tensor]>();
expectTypeOf(jvp(withAux, [x], [x], { hasAux: true })).toEqualTypeOf<[Tensor, Tensor, Aux]>();
expectTypeOf(vjp(withAux, x, { hasAux: true })[2]).toEqualTypeOf<Aux>();
expectTypeOf(jacrev(withAux, { hasAux: true })(x)).toEqualTypeOf<[Tensor, Aux]>();

// Results keep their structure, tuples included.
expectTypeOf(jit((a) => [a, { s: a.sum() }])(x)).toEqualTypeOf<[Tensor, { s: Tensor }]>();
expectTypeOf(vmap((a) => ({ first: a, second: [a, 1] }))(x)).toEqualTypeOf<{
  first: Tensor;
  second: [Tensor, Tensor];
}>();
expectTypeOf(jvp((p: Params) => ({ y: p.w }), [params], [params])).toExtend<[{ y: Tensor }, { y: Tensor }]>();
expectTypeOf(evalShape((a) => ({ y: a }), x).y.shape).toEqualTypeOf<readonly number[]>();

const [y, pull] = vjp(loss, params, x);
expectTypeOf(y).toEqualTypeOf<Tensor>();
expectTypeOf(pull(1)).toEqualTypeOf<[p: TensorParams, y: Tensor]>();
const [out, push] = linearize(loss, params, x);
expectTypeOf(out).toEqualTypeOf<Tensor>();
expectTypeOf(push(params, x)).toEqualTypeOf<Tensor>();
expectTypeOf(linearTranspose(two, x, x)(x)).toEqualTypeOf<[a: Tensor, b: Tensor]>();

// A Jacobian has the structure of the result, of trees of the argument.
expectTypeOf(jacfwd((p: { u: Tensor; v: Tensor }) => [p.u, p.v])({ u: x, v: x })).toExtend<
  [{ u: Tensor; v: Tensor }, { u: Tensor; v: Tensor }]
>();
expectTypeOf(jacrev(two, { argnums: [0, 1] })(x, x)).toEqualTypeOf<[Tensor, Tensor]>();
expectTypeOf(hessian(two, { argnums: [0, 1] })(x, x)).toEqualTypeOf<[[Tensor, Tensor], [Tensor, Tensor]]>();

// Functions with custom rules are called like the functions they replace.
expectTypeOf(customJvp((a) => a.mul(2))(x)).toEqualTypeOf<Tensor>();
expectTypeOf(customVjp((a: Tensor, n: number) => [a.mul(n)] as const)(x, 3)).toEqualTypeOf<[Tensor]>();
// @ts-expect-error the second argument is missing
customVjp((a: Tensor, n: number) => a.mul(n))(x);
