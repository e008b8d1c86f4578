/**
 * Composite cases about loops, branches, custom rules and checkpoints.
 * @module
 */

import {
  checkpoint,
  customJvp,
  customVjp,
  grad,
  hessian,
  jacfwd,
  jit,
  jvp,
  lax,
  np,
  valueAndGrad,
  vmap,
} from 'cotangent';
import type { Tensor } from 'cotangent';
import { fails, port } from './port.ts';
import type { Port, Unary } from './port.ts';

const number = (value: number): Tensor => np.asarray(value, { dtype: 'float64' });
const count = (value: number): Tensor => np.asarray(value, { dtype: 'int32' });

const scanPytreeCarry = port('m v xs', (m, v, xs) => {
  type Carry = { m: Tensor; v: Tensor; i: Tensor };
  const step = (c: Carry, x: { a: Tensor; b: Tensor }): [Carry, [Tensor, Tensor]] => {
    const next: Carry = { m: c.m.mul(0.9).add(x.a.mul(0.1)), v: c.v.mul(x.b), i: c.i.add(1) };
    return [next, [next.m.mul(next.v), next.i]];
  };
  const f = (m0: Tensor, v0: Tensor, a: Tensor, b: Tensor): [Tensor, { y: Tensor; i: Tensor }] => {
    const [c, [y, i]] = lax.scan(step, { m: m0, v: v0, i: count(0) }, { a, b });
    return [np.sum(y).add(np.sum(c.v)), { y, i }];
  };
  const [[val, aux], g] = valueAndGrad(f, { argnums: [0, 1, 2, 3], hasAux: true })(m, v, xs, xs.pow(2));
  return { val, i: aux.i, y: aux.y, g0: g[0], g1: g[1], g2: g[2], g3: g[3] };
});

const scanReverseAndNested = port('x', (x) => {
  const inner = (c: Tensor, a: Tensor): [Tensor, Tensor] => [c.add(np.sin(a).mul(c)), c];
  const outer = (c: Tensor, row: Tensor): [Tensor, Tensor] => [lax.scan(inner, c, row)[0], c];
  const f = (q: Tensor): Tensor => {
    const [c, ys] = lax.scan(outer, number(1), q, { reverse: true });
    return c.add(np.sum(ys.pow(2)));
  };
  return {
    v: f(x),
    g: grad(f)(x),
    jvp: jvp(f, [x], [np.onesLike(x)])[1],
    vm: vmap(grad(f))(np.stack([x, x.mul(2)])),
  };
});

const forwardThroughWhile = port('x', (x) => {
  const shrink: Unary = (v) =>
    lax.whileLoop(
      (s: Tensor) => s.greater(1),
      (s: Tensor) => s.mul(0.6),
      v,
    );
  const newton: Unary = (a) =>
    lax.whileLoop(
      (s: Tensor) => np.abs(s.mul(s).sub(a)).greater(1e-12),
      (s: Tensor) => s.add(a.div(s)).mul(0.5),
      a,
    );
  const derivative =
    (f: Unary): Unary =>
    (a) =>
      jvp(f, [a], [number(1)])[1];
  return {
    c: shrink(x),
    cj: derivative(shrink)(x),
    s: newton(x),
    sj: derivative(newton)(x),
    sjj: derivative(derivative(newton))(x),
    jac: jacfwd(newton)(x),
    reverse_is_error: fails(() => grad(newton)(x)),
  };
});

const foriStaticAndDynamic = port('x n', (x, n) => {
  const body = (i: Tensor, v: Tensor): Tensor => np.sin(v).add(i.mul(0.1).mul(v));
  const fixed: Unary = (v) => lax.foriLoop(0, 4, body, v);
  // A concrete bound: the loop is as static as one with a literal.
  const dynamic: Unary = (v) => lax.foriLoop(0, n, body, v);
  const traced = (v: Tensor, k: Tensor): Tensor => lax.foriLoop(0, k, body, v);
  return {
    v: fixed(x),
    g: grad(fixed)(x),
    gg: grad(grad(fixed))(x),
    dyn: dynamic(x),
    dyn_fwd: jvp(dynamic, [x], [number(1)])[1],
    traced_bound_reverse_is_error: fails(() => jit(grad(traced))(x, n)),
  };
});

const condAndSwitch = port('x p', (x, p) => {
  const f = (v: Tensor, q: Tensor | boolean): [Tensor, Tensor] =>
    lax.cond(
      q,
      (a: Tensor): [Tensor, Tensor] => [np.sin(a), np.sum(a)],
      (a: Tensor): [Tensor, Tensor] => [a.pow(3), np.negative(np.sum(a))],
      v,
    );
  const loss = (v: Tensor, q: Tensor | boolean): Tensor => {
    const [a, b] = f(v, q);
    return np.sum(a).mul(b);
  };
  const chosen = (v: Tensor, i: Tensor | number): Tensor =>
    np.sum(lax.switch(i, [(a: Tensor) => a, (a: Tensor) => a.pow(2), (a: Tensor) => np.exp(a).mul(2)], v));
  return {
    t: grad((v: Tensor) => loss(v, true))(x),
    f: grad((v: Tensor) => loss(v, false))(x),
    j: jit(grad(loss))(x, p),
    h: hessian((v: Tensor) => loss(v, false))(x),
    s0: grad((v: Tensor) => chosen(v, 0))(x),
    s2: grad((v: Tensor) => chosen(v, 2))(x),
    sb: vmap(grad(chosen), { inAxes: [null, 0] })(x, np.arange(3)),
  };
});

const clipGradient = port('x', (x) => {
  const clip = customVjp((a: Tensor, _low: Tensor, _high: Tensor) => a);
  clip.defvjp(
    (a: Tensor, low: Tensor, high: Tensor) => [a, [low, high]],
    ([low, high]: [Tensor, Tensor], g: Tensor) => [np.clip(g, low, high), null, null],
  );
  const one = (a: Tensor): Tensor => np.sin(clip(a, -0.3, 0.3)).mul(2);
  const f = (a: Tensor): Tensor => np.sum(one(a));
  const scanned = (a: Tensor): Tensor =>
    lax.scan((c: Tensor, v: Tensor) => [clip(c.mul(v), -0.3, 0.3), c], number(1), a)[0];
  return { g: grad(f)(x), vg: vmap(grad(one))(x), jg: jit(grad(f))(x), scan: grad(scanned)(x) };
});

const customVjpForwardError = port('x', (x) => {
  const square = customVjp((a: Tensor) => a.mul(a));
  square.defvjp(
    (a: Tensor) => [a.mul(a), a],
    (a: Tensor, g: Tensor) => [a.mul(2).mul(g)],
  );
  return {
    g: grad(square)(x),
    gg: grad(grad(square))(x),
    forward_mode_is_error: fails(() => jvp(square, [x], [number(1)])) === 1,
  };
});

const checkpointed = port('w x', (w, x) => {
  const layer = (m: Tensor, h: Tensor): Tensor => np.tanh(np.matmul(m, h));
  const remat = checkpoint(layer);
  const net =
    (l: typeof layer): Unary =>
    (q) =>
      np.sum([0, 1, 2].reduce((h, i) => l(q.slice(i), h), x).pow(2));
  const scanned =
    (l: typeof layer): Unary =>
    (q) =>
      np.sum(lax.scan((h: Tensor, m: Tensor) => [l(m, h), null], x, q)[0].pow(2));
  const linear = checkpoint((m: Tensor) => np.matmul(np.sin(m), x));
  return {
    v: net(remat)(w),
    g0: grad(net(layer))(w),
    g1: grad(net(remat))(w),
    g2: grad(scanned(remat))(w),
    g3: grad(scanned(layer))(w),
    hvp: jvp(grad(net(remat)), [w], [np.onesLike(w)])[1],
    pol: grad((q: Tensor) => np.sum(linear(q.slice(0))))(w),
  };
});

const customJvpInScan = port('x', (x) => {
  const safeSqrt = customJvp((a: Tensor) => np.sqrt(a));
  safeSqrt.defjvps((t: Tensor, ans: Tensor, a: Tensor) => {
    const isZero = a.equal(0);
    return t.mul(np.where(isZero, 0, np.divide(0.5, np.where(isZero, 1, ans))));
  });
  const f = (v: Tensor): Tensor => lax.scan((c: Tensor, a: Tensor) => [c.add(safeSqrt(a.mul(c))), c], number(1), v)[0];
  return { v: f(x), g: grad(f)(x), j: jvp(f, [x], [np.onesLike(x)])[1] };
});

export const controlFlowPorts: Readonly<Record<string, Port>> = {
  'composite.scan_pytree_carry': scanPytreeCarry,
  'composite.scan_reverse_and_nested': scanReverseAndNested,
  'composite.forward_mode_through_while': forwardThroughWhile,
  'composite.fori_static_and_dynamic': foriStaticAndDynamic,
  'composite.cond_and_switch_grads': condAndSwitch,
  'composite.custom_vjp_clip_gradient': clipGradient,
  'composite.custom_vjp_forward_mode_error': customVjpForwardError,
  'composite.checkpoint': checkpointed,
  'composite.custom_jvp_in_scan': customJvpInScan,
};
