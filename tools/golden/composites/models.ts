/**
 * Composite cases that are small programs of use: an ordinary differential equation, a network, an attention block.
 * @module
 */

import { grad, hessian, jacfwd, jvp, lax, nn, np, tree, valueAndGrad } from 'cotangent';
import type { Tensor } from 'cotangent';
import { port } from './port.ts';
import type { Port } from './port.ts';

/** Lotka and Volterra's equations. */
function predatorPrey(y: Tensor, th: Tensor): Tensor {
  const [a, b, c, d] = [th.slice(0), th.slice(1), th.slice(2), th.slice(3)];
  const [prey, predator] = [y.slice(0), y.slice(1)];
  const met = prey.mul(predator);
  return np.stack([a.mul(prey).sub(b.mul(met)), c.mul(met).sub(d.mul(predator))]);
}

/** Twenty steps of the classical Runge-Kutta method. */
function rungeKutta(th: Tensor, y0: Tensor): Tensor {
  const h = 0.1;
  const step = (y: Tensor): [Tensor, Tensor] => {
    const k1 = predatorPrey(y, th);
    const k2 = predatorPrey(y.add(k1.mul(h / 2)), th);
    const k3 = predatorPrey(y.add(k2.mul(h / 2)), th);
    const k4 = predatorPrey(y.add(k3.mul(h)), th);
    const next = y.add(
      k1
        .add(k2.mul(2))
        .add(k3.mul(2))
        .add(k4)
        .mul(h / 6),
    );
    return [next, next];
  };
  return lax.scan(step, y0, null, { length: 20 })[1];
}

const differentialEquation = port('th y0', (th, y0) => {
  const loss = (t: Tensor, y: Tensor): Tensor => np.sum(rungeKutta(t, y).slice(-1).sub(1).pow(2));
  return {
    traj: rungeKutta(th, y0).slice({ step: 5 }),
    L: loss(th, y0),
    gth: grad(loss)(th, y0),
    gy: grad(loss, { argnums: 1 })(th, y0),
    sens: jacfwd((t: Tensor) => rungeKutta(t, y0).slice(-1))(th),
    H: hessian(loss)(th, y0),
  };
});

type Network = { W1: Tensor; b1: Tensor; W2: Tensor; b2: Tensor };

const mlp = port('W1 b1 W2 b2 X y', (W1, b1, W2, b2, X, y) => {
  const labels = np.expandDims(y, 1);
  const loss = (p: Network): Tensor => {
    const hidden = nn.relu(np.matmul(X, p.W1).add(p.b1));
    const logits = np.matmul(hidden, p.W2).add(p.b2);
    const likelihood = np.mean(np.takeAlongAxis(nn.logSoftmax(logits), labels, { axis: 1 }));
    const penalty = np
      .sum(p.W1.pow(2))
      .add(np.sum(p.W2.pow(2)))
      .mul(1e-2);
    return np.negative(likelihood).add(penalty);
  };
  const start: Network = { W1, b1, W2, b2 };
  const [value, g] = valueAndGrad(loss)(start);
  const losses: Tensor[] = [];
  let p = start;
  for (let step = 0; step < 10; step++) {
    const [l, d] = valueAndGrad(loss)(p);
    losses.push(l);
    p = tree.map((a: Tensor, b: Tensor) => a.sub(b.mul(0.3)), p, d);
  }
  const [, curvature] = jvp(grad(loss), [start], [g]);
  const labelled = (prefix: string, network: Network): [string, Tensor][] =>
    Object.entries(network).map(([name, value_]) => [`${prefix}_${name}`, value_]);
  return {
    loss: value,
    train: np.stack(losses),
    ...Object.fromEntries([...labelled('g', g), ...labelled('after', p), ...labelled('hvp', curvature)]),
  };
});

type Block = { Wq: Tensor; Wk: Tensor; Wv: Tensor; Wo: Tensor; g: Tensor; b: Tensor; W1: Tensor; W2: Tensor };

const HEADS = 2;

function layerNorm(h: Tensor, p: Block): Tensor {
  const centred = h.sub(np.mean(h, { axis: -1, keepdims: true }));
  const scale = np.sqrt(np.var(h, { axis: -1, keepdims: true }).add(1e-5));
  return centred.div(scale).mul(p.g).add(p.b);
}

function transformerBlock(p: Block, x: Tensor): Tensor {
  const [length = 0, width = 0] = x.shape;
  const normalized = layerNorm(x, p);
  const split = (w: Tensor): Tensor =>
    np.transpose(np.reshape(np.matmul(normalized, w), [length, HEADS, width / HEADS]), [1, 0, 2]);
  const scores = np.einsum('htd,hsd->hts', split(p.Wq), split(p.Wk)).div(Math.sqrt(width / HEADS));
  const causal = np.tril(np.ones([length, length], { dtype: 'bool' }));
  const weights = nn.softmax(np.where(causal, scores, -1e30), { axis: -1 });
  const mixed = np.einsum('hts,hsd->htd', weights, split(p.Wv));
  const attended = x.add(np.matmul(np.reshape(np.transpose(mixed, [1, 0, 2]), [length, width]), p.Wo));
  const hidden = nn.gelu(np.matmul(layerNorm(attended, p), p.W1), { approximate: true });
  return attended.add(np.matmul(hidden, p.W2));
}

const attention = port('x Wq Wk Wv Wo g b W1 W2', (x, Wq, Wk, Wv, Wo, g, b, W1, W2) => {
  const p = { Wq, Wk, Wv, Wo, g, b, W1, W2 } as Block;
  const loss = (q: Block, input: Tensor): Tensor => np.mean(transformerBlock(q, input).pow(2));
  const [value, [gp, gx]] = valueAndGrad(loss, { argnums: [0, 1] })(p, x);
  const labelled = Object.entries(gp).map(([name, array]) => [`g_${name}`, array] as const);
  return { y: transformerBlock(p, x), loss: value, gx, ...Object.fromEntries(labelled) };
});

export const modelPorts: Readonly<Record<string, Port>> = {
  'composite.euler_rk4_ode': differentialEquation,
  'composite.mlp_two_layer': mlp,
  'composite.attention_block': attention,
};
