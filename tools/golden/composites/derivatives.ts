/**
 * Composite cases about the transformations themselves: nesting, forms of call, structure of results, errors.
 * @module
 */

import {
  evalShape,
  grad,
  hessian,
  jacfwd,
  jacrev,
  jit,
  jvp,
  lax,
  linearize,
  linearTranspose,
  makeProgram,
  np,
  valueAndGrad,
  vjp,
  vmap,
} from 'cotangent';
import type { Tensor } from 'cotangent';
import { fails, port } from './port.ts';
import type { Port, Unary } from './port.ts';

const one = (): Tensor => np.asarray(1, { dtype: 'float64' });

/** The derivative of a scalar function by forward mode. */
const forward =
  (f: Unary): Unary =>
  (a) =>
    jvp(f, [a], [one()])[1];

const perturbationConfusion = port('x', (x) => ({
  g1: grad((a: Tensor) => a.mul(grad((b: Tensor) => a.add(b))(one())))(x),
  g2: grad((a: Tensor) => a.mul(grad((b: Tensor) => a.mul(b))(one().mul(2))))(x),
  g3: grad((a: Tensor) => a.mul(grad((b: Tensor) => b.mul(grad((c: Tensor) => a.mul(b).mul(c))(one().mul(3))))(a)))(x),
  f1: forward((a) => a.mul(forward((b) => a.add(b))(one())))(x),
  f2: forward((a) => a.mul(grad((b: Tensor) => a.mul(b))(one().mul(2))))(x),
  f3: grad((a: Tensor) => a.mul(forward((b) => a.mul(b))(one().mul(2))))(x),
}));

const amazingBugShift = port('x', (x) => {
  const shift =
    (u: Tensor) =>
    (f: Unary): Unary =>
    (t) =>
      f(t.add(u));
  // d/du of f(t + u) at u = 0, which is f'(t); nested, it must not mix up the two shifts.
  const h =
    (f: Unary): Unary =>
    (t) =>
      forward((u) => shift(u)(f)(t))(one().mul(0));
  return { d1: h(np.sin)(x), d2: h(h(np.sin))(x), d3: h(h(h(np.sin)))(x) };
});

const closureCapture = port('x y', (x, y) => {
  const outer = (a: Tensor): Tensor => {
    const inner = grad((b: Tensor) => np.sum(np.sin(a.mul(b))));
    return np.sum(inner(y).mul(a));
  };
  return { v: outer(x), g: grad(outer)(x), h: hessian(outer)(x) };
});

const hessianFourWays = port('x', (x) => {
  const f = (p: Tensor): Tensor => {
    const [head, tail] = [p.slice({ stop: -1 }), p.slice({ start: 1 })];
    return np.sum(
      np
        .subtract(1, head)
        .pow(2)
        .add(tail.sub(head.pow(2)).pow(2).mul(100)),
    );
  };
  const v = np.array([1, -0.5, 0.25, 2], { dtype: 'float64' });
  const hvp = (t: Tensor): Tensor => jvp(grad(f), [x], [t])[1];
  return {
    value: f(x),
    grad: grad(f)(x),
    fr: jacfwd(jacrev(f))(x),
    rf: jacrev(jacfwd(f))(x),
    ff: jacfwd(jacfwd(f))(x),
    rr: jacrev(jacrev(f))(x),
    hess: hessian(f)(x),
    hvp_fr: hvp(v),
    hvp_rf: grad((a: Tensor) => jvp(f, [a], [v])[1])(x),
    hvp_rr: grad((a: Tensor) => np.vdot(grad(f)(a), v))(x),
    third: jacfwd(jacfwd(jacrev(f)))(x),
    rows: vmap(hvp)(np.eye(4)),
  };
});

const linearizeAndTranspose = port('x t A_', (x, t, A) => {
  const [y, lin] = linearize((a: Tensor) => np.sin(a).mul(np.sum(a.pow(2))), x);
  const transposed = linearTranspose((v: Tensor) => np.matmul(A, v), t);
  const transposedPair = linearTranspose((v: Tensor) => [v.mul(2), np.cumsum(v)], t);
  return {
    y,
    l1: lin(t),
    l2: lin(t.mul(2)),
    tr: transposed(np.array([1, 2], { dtype: 'float64' }))[0],
    tr2: transposedPair([t, np.onesLike(t)])[0],
    lin_t: linearTranspose(lin, t)(t)[0],
  };
});

const stopGradientVariants = port('x', (x) => {
  const stop = lax.stopGradient;
  return {
    a: grad((v: Tensor) => np.sum(v.mul(stop(v))))(x),
    b: hessian((v: Tensor) => np.sum(v.pow(2).mul(stop(v))))(x),
    c: jvp((v: Tensor) => stop(v).add(v), [x], [np.onesLike(x)])[1],
    d: grad((v: Tensor) => stop(np.sum(v)))(x),
    e: grad((v: Tensor) => np.sum(stop({ p: v, q: v.mul(2) }).q.mul(v)))(x),
  };
});

const valueAndGradForms = port('x y', (x, y) => {
  const f = (a: Tensor, b: Tensor): Tensor => np.sum(a.mul(b.pow(2)));
  const [v, g] = valueAndGrad(f)(x, y);
  const [, [ga, gb]] = valueAndGrad(f, { argnums: [0, 1] })(x, y);
  const [[, aux], g3] = valueAndGrad((a: Tensor) => [np.sum(a.pow(3)), { m: np.max(a) }] as const, { hasAux: true })(x);
  const three = np.asarray(3, { dtype: 'float64' });
  type Tree = { a: Tensor; b: [Tensor, Tensor] };
  const tree = grad((t: Tree) => np.sum(t.a.mul(t.b[0])).add(t.b[1].pow(2)))({ a: x, b: [y, three] });
  const gi = grad((i: Tensor) => np.sum(i.mul(1.5)), { allowInt: true })(np.arange(3));
  return {
    v,
    g,
    ga,
    gb,
    g3,
    gi,
    aux: aux.m,
    ta: tree.a,
    tb0: tree.b[0],
    tb1: tree.b[1],
    gk: grad((a: Tensor, { s }: { s: number }) => np.sum(a).mul(s))(x, { s: 4 }),
  };
});

const gradErrors = port('x', (x) => ({
  non_scalar: fails(() => grad(np.sin)(x)),
  int_input: fails(() => grad((i: Tensor) => i.mul(1))(np.array(3, { dtype: 'int32' }))),
  complex_out: fails(() => grad((a: Tensor) => np.sum(a).astype('complex128' as 'float64'))(x)),
  vmap_size: fails(() => vmap((a: Tensor, b: Tensor) => a.add(b))(x, np.ones([5]))),
  tracer_bool: fails(() => jit((a: Tensor) => (Number(a.slice(0)) > 0 ? a : np.negative(a)))(x)),
  jvp_dtype: fails(() => jvp(np.sin, [x], [np.arange(3)])),
  jvp_shape: fails(() => jvp(np.sin, [x], [np.ones([2])])),
  leak: fails(() => jit((a: Tensor) => np.array(a.dataSync()))(x)),
  scan_carry: fails(() =>
    lax.scan((c: Tensor, a: Tensor) => [np.stack([c, a]), a], np.asarray(0, { dtype: 'float64' }), x),
  ),
  cond_mismatch: fails(() =>
    lax.cond(
      true,
      (a: Tensor) => a,
      (a: Tensor) => a.slice({ stop: 1 }),
      x,
    ),
  ),
}));

const vjpForms = port('x y', (x, y) => {
  const zero = np.asarray(0, { dtype: 'float64' });
  const [, pull] = vjp((a: Tensor, b: Tensor) => [a.mul(b), np.sum(a.pow(2))] as const, x, y);
  const r1 = pull([np.onesLike(x), zero]);
  const r2 = pull([np.zerosLike(x), zero.add(2)]);
  const sine = vjp((a: Tensor) => [np.sin(a), a.mul(7)] as const, x, { hasAux: true });
  const product = (d: { a: Tensor; b: Tensor }): { s: Tensor } => ({ s: d.a.mul(d.b) });
  const [, t] = jvp(product, [{ a: x, b: y }], [{ a: y, b: x }]);
  return { r1a: r1[0], r1b: r1[1], r2a: r2[0], r2b: r2[1], aux: sine[2], v2: sine[1](np.onesLike(x))[0], jt: t.s };
});

const jacobianPytrees = port('x y', (x, y) => {
  type Pair = { a: Tensor; b: Tensor };
  const column = (b: Tensor): Tensor => np.expandDims(b, 1);
  const f = (d: Pair): { u: Tensor; v: Tensor } => ({ u: d.a.mul(column(d.b)), v: np.sum(d.a, { axis: 0 }) });
  const d: Pair = { a: x, b: y };
  const [byForward, byReverse] = [jacfwd(f)(d), jacrev(f)(d)];
  const h = hessian((q: Pair) => np.sum(np.sin(q.a).mul(column(q.b).pow(2))))(d);
  return {
    Jf_u_a: byForward.u.a,
    Jr_u_a: byReverse.u.a,
    J_u_b: byForward.u.b,
    J_v_a: byReverse.v.a,
    H_aa: h.a.a,
    H_ab: h.a.b,
    H_ba: h.b.a,
    H_bb: h.b.b,
  };
});

const jitGradConsistency = port('x', (x) => {
  const f = (v: Tensor, k: number): Tensor => (k > 1 ? np.sum(np.sin(v).pow(k)) : np.sum(v));
  const j = jit(f, { staticArgnums: 1 });
  const squared = (v: Tensor): Tensor => f(v, 2);
  return {
    a: j(x, 1),
    b: j(x, 3),
    g: grad((v: Tensor) => j(v, 3))(x),
    gj: jit(grad(f), { staticArgnums: 1 })(x, 3),
    hj: jit(hessian(squared))(x),
    vj: vmap(jit(grad(squared)))(np.stack([x, np.negative(x)])),
    nested: jit((v: Tensor) => jit(np.tanh)(v).add(grad((q: Tensor) => jit((r: Tensor) => np.prod(r))(q))(v)))(x),
  };
});

const pinnSecondDerivative = port('W1 b1 W2 xs', (W1, b1, W2, xs) => {
  type Params = [Tensor, Tensor, Tensor];
  const u = (p: Params, x: Tensor): Tensor => np.dot(np.tanh(p[0].mul(x).add(p[1])), p[2]);
  const uxx = grad(grad(u, { argnums: 1 }), { argnums: 1 });
  const residual = (p: Params, x: Tensor): Tensor => uxx(p, x).add(u(p, x)).sub(np.sin(x));
  const loss = (p: Params): Tensor => np.mean(vmap(residual, { inAxes: [null, 0] })(p, xs).pow(2));
  const [v, g] = valueAndGrad(loss)([W1, b1, W2]);
  return { v, g0: g[0], g1: g[1], g2: g[2] };
});

const debugShapesEval = port('x', (x) => {
  const [outer, column] = evalShape((a: Tensor) => [np.matmul(a, a.T), np.sum(a, { axis: 0 })] as const, x);
  const program = makeProgram((a: Tensor) => np.sum(np.sin(a).mul(2)))(x);
  return {
    s0: np.array([...outer.shape], { dtype: 'int32' }),
    s1: np.array([...column.shape], { dtype: 'int32' }),
    eqns: program.equations.length,
  };
});

export const derivativePorts: Readonly<Record<string, Port>> = {
  'composite.perturbation_confusion': perturbationConfusion,
  'composite.amazing_bug_shift': amazingBugShift,
  'composite.closure_capture': closureCapture,
  'composite.hessian_four_ways': hessianFourWays,
  'composite.linearize_and_transpose': linearizeAndTranspose,
  'composite.stop_gradient_variants': stopGradientVariants,
  'composite.value_and_grad_forms': valueAndGradForms,
  'composite.grad_errors': gradErrors,
  'composite.vjp_forms': vjpForms,
  'composite.jacobian_pytrees': jacobianPytrees,
  'composite.jit_grad_consistency': jitGradConsistency,
  'composite.pinn_second_derivative': pinnSecondDerivative,
  'composite.debug_shapes_eval': debugShapesEval,
};
