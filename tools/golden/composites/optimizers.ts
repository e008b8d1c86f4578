/**
 * Composite cases that follow an optimiser for twenty steps on a quadratic and on Rosenbrock's function. Each update
 * rule is spelled out here and, where the library has the optimiser, compared with it.
 * @module
 */

import { np, valueAndGrad, grad } from 'cotangent';
import type { Tensor } from 'cotangent';
import * as optim from 'cotangent/optim';
import { port } from './port.ts';
import type { Port } from './port.ts';

/** One step of an update rule: parameters, gradient, state (undefined at first), step from 1, learning rate. */
type Rule<S> = (
  p: Tensor,
  g: Tensor,
  state: S | undefined,
  step: number,
  rate: number,
) => readonly [Tensor, S | undefined];

const STEPS = 20;

function quadratic(p: Tensor): Tensor {
  const [a, b] = [p.slice(0), p.slice(1)];
  return a.sub(1).pow(2).mul(0.5).add(b.add(2).pow(2).mul(5)).add(a.mul(b));
}

function rosenbrock(p: Tensor): Tensor {
  const [a, b] = [p.slice(0), p.slice(1)];
  return np
    .subtract(1, a)
    .pow(2)
    .add(b.sub(a.pow(2)).pow(2).mul(100));
}

/** The trajectory of a rule: parameters and losses, one a step. */
function follow<S>(
  rule: Rule<S>,
  f: (p: Tensor) => Tensor,
  start: Tensor,
  rate: number,
): { params: Tensor[]; losses: Tensor[] } {
  const [params, losses]: [Tensor[], Tensor[]] = [[], []];
  let p = start;
  let state: S | undefined;
  for (let step = 1; step <= STEPS; step++) {
    const [loss, g] = valueAndGrad(f)(p);
    [p, state] = rule(p, g, state, step, rate);
    params.push(p);
    losses.push(loss);
  }
  return { params, losses };
}

/** The largest gap between a trajectory and the library's optimiser on the same function. */
function largestGap(
  made: optim.Optimizer,
  f: (p: Tensor) => Tensor,
  start: Tensor,
  trajectory: readonly Tensor[],
): Tensor {
  let p = start;
  let state = made.init(p);
  let worst = np.asarray(0, { dtype: 'float64' });
  for (const expected of trajectory) {
    const [updates, next] = made.update(grad(f)(p), state, p);
    state = next;
    p = optim.applyUpdates(p, updates);
    worst = np.maximum(worst, np.max(np.abs(p.sub(expected))));
  }
  return worst;
}

/** A case: the rule, its learning rates on the two functions, and the library's optimiser, if it has one. */
function optimizerPort<S>(
  rule: Rule<S>,
  rates: readonly [number, number],
  make?: (rate: number) => optim.Optimizer,
): Port {
  return port('p0', (start) => {
    const results: Record<string, Tensor> = {};
    const problems = [
      ['quad', quadratic, rates[0]],
      ['rosen', rosenbrock, rates[1]],
    ] as const;
    for (const [label, f, rate] of problems) {
      const { params, losses } = follow(rule, f, start, rate);
      results[`${label}_params`] = np.stack(params);
      results[`${label}_loss`] = np.stack(losses);
      if (make !== undefined) results[`${label}_optax_maxdiff`] = largestGap(make(rate), f, start, params);
    }
    return results;
  });
}

/** Exponential moving average: b·m + (1 − b)·x, with 1 − b given so that it is rounded as in the case. */
function average(m: Tensor, x: Tensor, b: number, rest: number): Tensor {
  return m.mul(b).add(x.mul(rest));
}

type Moments = readonly [Tensor, Tensor];

/** Adam's direction m̂ / (√v̂ + 1e-8) with bias correction, and the new moments. */
function adamDirection(p: Tensor, g: Tensor, state: Moments | undefined, step: number): readonly [Tensor, Moments] {
  const [m0, v0] = state ?? [np.zerosLike(p), np.zerosLike(p)];
  const m = average(m0, g, 0.9, 0.1);
  const v = v0.mul(0.999).add(g.mul(0.001).mul(g));
  const direction = m.div(1 - 0.9 ** step).div(np.sqrt(v.div(1 - 0.999 ** step)).add(1e-8));
  return [direction, [m, v]];
}

const sgd: Rule<never> = (p, g, _state, _step, rate) => [p.sub(g.mul(rate)), undefined];

const momentum: Rule<Tensor> = (p, g, state, _step, rate) => {
  const m = state === undefined ? g : state.mul(0.9).add(g);
  return [p.sub(m.mul(rate)), m];
};

const nesterov: Rule<Tensor> = (p, g, state, _step, rate) => {
  const m = state === undefined ? g : state.mul(0.9).add(g);
  return [p.sub(g.add(m.mul(0.9)).mul(rate)), m];
};

const adam: Rule<Moments> = (p, g, state, step, rate) => {
  const [direction, next] = adamDirection(p, g, state, step);
  return [p.sub(direction.mul(rate)), next];
};

const adamw: Rule<Moments> = (p, g, state, step, rate) => {
  const [direction, next] = adamDirection(p, g, state, step);
  return [p.sub(direction.add(p.mul(0.01)).mul(rate)), next];
};

const amsgrad: Rule<readonly [Tensor, Tensor, Tensor]> = (p, g, state, step, rate) => {
  const zero = np.zerosLike(p);
  const [m0, v0, w0] = state ?? [zero, zero, zero];
  const m = average(m0, g, 0.9, 0.1);
  const v = v0.mul(0.999).add(g.mul(0.001).mul(g));
  const w = np.maximum(w0, v);
  const scale = np
    .sqrt(w)
    .div(Math.sqrt(1 - 0.999 ** step))
    .add(1e-8);
  return [
    p.sub(
      m
        .div(1 - 0.9 ** step)
        .mul(rate)
        .div(scale),
    ),
    [m, v, w],
  ];
};

const rmsprop: Rule<Tensor> = (p, g, state, _step, rate) => {
  const v = (state ?? np.zerosLike(p)).mul(0.99).add(g.mul(0.01).mul(g));
  return [p.sub(g.mul(rate).div(np.sqrt(v).add(1e-8))), v];
};

const adadelta: Rule<Moments> = (p, g, state, _step, rate) => {
  const [s0, d] = state ?? [np.zerosLike(p), np.zerosLike(p)];
  const s = s0.mul(0.9).add(g.mul(0.1).mul(g));
  const u = np
    .sqrt(d.add(1e-6))
    .div(np.sqrt(s.add(1e-6)))
    .mul(g);
  return [p.sub(u.mul(rate)), [s, d.mul(0.9).add(u.mul(0.1).mul(u))]];
};

const adamClipCosine: Rule<Moments> = (p, g, state, step, rate) => {
  const norm = np.sqrt(np.sum(g.mul(g)));
  const clipped = np.where(norm.greater(1), g.div(norm), g);
  const cosine = 0.5 * (1 + Math.cos((Math.PI * Math.min(step - 1, 15)) / 15));
  return adam(p, clipped, state, step, rate * cosine);
};

export const optimizerPorts: Readonly<Record<string, Port>> = {
  'composite.optimizer.sgd': optimizerPort(sgd, [0.05, 0.001], (rate) => optim.sgd(rate)),
  'composite.optimizer.momentum': optimizerPort(momentum, [0.02, 0.0003], (rate) => optim.sgd(rate, { momentum: 0.9 })),
  'composite.optimizer.nesterov': optimizerPort(nesterov, [0.02, 0.0003], (rate) =>
    optim.sgd(rate, { momentum: 0.9, nesterov: true }),
  ),
  'composite.optimizer.adam': optimizerPort(adam, [0.1, 0.05], (rate) => optim.adam(rate)),
  'composite.optimizer.adamw': optimizerPort(adamw, [0.1, 0.05], (rate) => optim.adamw(rate, { weightDecay: 0.01 })),
  'composite.optimizer.amsgrad_torch_style': optimizerPort(amsgrad, [0.1, 0.05]),
  'composite.optimizer.rmsprop_torch_style': optimizerPort(rmsprop, [0.05, 0.02]),
  'composite.optimizer.adadelta_torch_style': optimizerPort(adadelta, [1, 1]),
  'composite.optimizer.adam_clip_cosine': optimizerPort(adamClipCosine, [0.3, 0.1], (rate) =>
    optim.chain(optim.clipByGlobalNorm(1), optim.adam(optim.cosineDecaySchedule(rate, 15))),
  ),
};
