/**
 * Composite cases about `vmap`: per-example gradients, nesting, collectives over a named axis, batched control flow.
 * @module
 */

import { grad, jacfwd, jvp, lax, np, vmap } from 'cotangent';
import type { Tensor } from 'cotangent';
import { port } from './port.ts';
import type { Port } from './port.ts';

const perExample = port('w b X y', (w, b, X, y) => {
  type Params = { w: Tensor; b: Tensor };
  const loss = (p: Params, x: Tensor, t: Tensor): Tensor => np.dot(p.w, x).add(p.b).sub(t).pow(2);
  const p: Params = { w, b };
  const g = vmap(grad(loss), { inAxes: [null, 0, 0] })(p, X, y);
  const mean = grad((q: Params) => np.mean(vmap(loss, { inAxes: [null, 0, 0] })(q, X, y)))(p);
  return { per_w: g.w, per_b: g.b, mean_w: mean.w, mean_b: mean.b };
});

const nestedVmap = port('x y', (x, y) => {
  const kernel = (a: Tensor, b: Tensor): Tensor => np.exp(np.sum(a.sub(b).pow(2)).mul(-0.5));
  const matrix = (q: Tensor): Tensor => vmap((a: Tensor) => vmap((b: Tensor) => kernel(a, b))(y))(q);
  const mixed = jacfwd(grad(kernel, { argnums: 0 }), { argnums: 1 });
  return {
    K: matrix(x),
    g: grad((q: Tensor) => np.sum(matrix(q).pow(2)))(x),
    cross: vmap(vmap(mixed, { inAxes: [null, 0] }), { inAxes: [0, null] })(x, y),
  };
});

const collectives = port('x', (x) => {
  const all = vmap(
    (v: Tensor) => [v.sub(lax.pmean(v, 'i')), lax.psum(v, 'i'), lax.pmax(v, 'i'), lax.axisIndex('i')] as const,
    { axisName: 'i' },
  )(x);
  const normalize = vmap(
    (v: Tensor) => {
      const centred = v.sub(lax.pmean(v, 'i'));
      return centred.div(np.sqrt(lax.pmean(centred.pow(2), 'i').add(1e-5)));
    },
    { axisName: 'i' },
  );
  return {
    center: all[0],
    psum: all[1],
    pmax: all[2],
    idx: all[3],
    bn: normalize(x),
    bn_grad: grad((q: Tensor) => np.sum(normalize(q).pow(3)))(x),
  };
});

const batchedControlFlow = port('x n', (x, n) => {
  const branch = (v: Tensor): Tensor =>
    lax.cond(
      v.greater(0),
      (a: Tensor) => np.sqrt(a),
      (a: Tensor) => np.negative(a),
      v,
    );
  const loop = (v: Tensor, k: Tensor): Tensor =>
    lax.whileLoop(
      ([i]: [Tensor, Tensor]) => i.less(k),
      ([i, s]: [Tensor, Tensor]): [Tensor, Tensor] => [i.add(1), s.mul(1.5).add(1)],
      [np.asarray(0, { dtype: 'int32' }), v],
    )[1];
  const counted = (v: Tensor, k: Tensor): Tensor => lax.foriLoop(0, k, (i: Tensor, a: Tensor) => a.add(i.mul(v)), v);
  const choose = (i: Tensor, v: Tensor): Tensor => lax.switch(i, [np.sin, np.cos, np.exp], v);
  return {
    cond: vmap(branch)(x),
    cond_grad: vmap(grad(branch))(x),
    grad_vmap: grad((q: Tensor) => np.sum(vmap(branch)(q)))(x),
    wh: vmap(loop)(x, n),
    wh_jvp: jvp((q: Tensor) => vmap(loop)(q, n), [x], [np.onesLike(x)])[1],
    fori: vmap(counted)(x, n),
    sw: vmap(choose)(n.mod(3), x),
  };
});

export const batchingPorts: Readonly<Record<string, Port>> = {
  'composite.vmap_of_grad_per_example': perExample,
  'composite.grad_of_vmap_and_nested_vmap': nestedVmap,
  'composite.vmap_axis_name_collectives': collectives,
  'composite.vmap_control_flow': batchedControlFlow,
};
