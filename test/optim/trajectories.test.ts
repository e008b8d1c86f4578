/**
 * Trajectories of every optimiser on a quadratic and on Rosenbrock's function, against the update rules written out on plain numbers.
 * @module
 */
import { describe, expect, it } from 'vitest';
import { jit, np, type Tensor } from 'cotangent';
import * as optim from 'cotangent/optim';

type Vector = readonly number[];
/** One step on plain numbers: parameters, gradient, state (empty at first), step from 1. */
type Rule = (p: Vector, g: Vector, state: Record<string, Vector>, k: number) => Vector;

const quadratic = ([a, b]: Vector): Vector => [a! - 1 + b!, 10 * (b! + 2) + a!];
const rosenbrock = ([a, b]: Vector): Vector => [-2 * (1 - a!) - 400 * a! * (b! - a! ** 2), 200 * (b! - a! ** 2)];

const zip = (f: (...xs: number[]) => number, ...vs: Vector[]): Vector =>
  vs[0]!.map((_, i) => f(...vs.map((v) => v[i]!)));
const zeros: Vector = [0, 0];
const norm = (v: Vector): number => Math.hypot(...v);

/** Keeps b·m + (1 − b)·x under a name and returns it. */
function average(state: Record<string, Vector>, name: string, x: Vector, b: number): Vector {
  return (state[name] = zip((m, v) => b * m + (1 - b) * v, state[name] ?? zeros, x));
}
const squares = (g: Vector): Vector => g.map((x) => x * x);

function adamDirection(g: Vector, state: Record<string, Vector>, k: number, eps = 1e-8): Vector {
  const [m, v] = [average(state, 'm', g, 0.9), average(state, 'v', squares(g), 0.999)];
  return zip((a, b) => a / (1 - 0.9 ** k) / (Math.sqrt(b / (1 - 0.999 ** k)) + eps), m, v);
}

const down =
  (rate: number, direction: (p: Vector, g: Vector, state: Record<string, Vector>, k: number) => Vector): Rule =>
  (p, g, state, k) =>
    zip((x, d) => x - rate * d, p, direction(p, g, state, k));

function momentum(g: Vector, state: Record<string, Vector>, decay: number, nesterov = false): Vector {
  const t = (state['t'] = zip((x, y) => x + decay * y, g, state['t'] ?? zeros));
  return nesterov ? zip((x, y) => x + decay * y, g, t) : t;
}

const lamb: Rule = (p, g, state, k) => {
  const d = zip((x, y) => x + 0.1 * y, adamDirection(g, state, k, 1e-6), p);
  const ratio = norm(p) / norm(d);
  return zip((x, y) => x - 0.01 * ratio * y, p, d);
};

const adamClipCosine: Rule = (p, g, state, k) => {
  const clipped = norm(g) < 1 ? g : g.map((x) => x / norm(g));
  const rate = 0.1 * 0.5 * (1 + Math.cos((Math.PI * Math.min(k - 1, 15)) / 15));
  return zip((x, d) => x - rate * d, p, adamDirection(clipped, state, k));
};

const cases: Record<string, [Rule, optim.GradientTransformation]> = {
  sgd: [down(0.001, (_p, g) => g), optim.sgd(0.001)],
  'sgd with momentum': [down(3e-4, (_p, g, s) => momentum(g, s, 0.9)), optim.sgd(3e-4, { momentum: 0.9 })],
  'sgd with Nesterov': [
    down(3e-4, (_p, g, s) => momentum(g, s, 0.9, true)),
    optim.sgd(3e-4, { momentum: 0.9, nesterov: true }),
  ],
  adam: [down(0.05, (_p, g, s, k) => adamDirection(g, s, k)), optim.adam(0.05)],
  'adam by name': [
    down(0.05, (_p, g, s, k) => adamDirection(g, s, k, 1e-3)),
    optim.adam({ learningRate: 0.05, eps: 1e-3 }),
  ],
  nadam: [
    down(0.05, (_p, g, s, k) => {
      const [m, v] = [average(s, 'm', g, 0.9), average(s, 'v', squares(g), 0.999)];
      const ahead = zip((a, x) => (0.9 * a) / (1 - 0.9 ** (k + 1)) + (0.1 * x) / (1 - 0.9 ** k), m, g);
      return zip((a, b) => a / (Math.sqrt(b / (1 - 0.999 ** k)) + 1e-8), ahead, v);
    }),
    optim.nadam(0.05),
  ],
  adamw: [
    down(0.05, (p, g, s, k) => zip((d, x) => d + 0.01 * x, adamDirection(g, s, k), p)),
    optim.adamw(0.05, { weightDecay: 0.01 }),
  ],
  amsgrad: [
    down(0.05, (_p, g, s, k) => {
      const [m, v] = [average(s, 'm', g, 0.9), average(s, 'v', squares(g), 0.999)];
      const largest = (s['w'] = zip((w, x) => Math.max(w, x / (1 - 0.999 ** k)), s['w'] ?? zeros, v));
      return zip((a, w) => a / (1 - 0.9 ** k) / (Math.sqrt(w) + 1e-8), m, largest);
    }),
    optim.amsgrad(0.05),
  ],
  adamax: [
    down(0.05, (_p, g, s, k) => {
      const m = average(s, 'm', g, 0.9);
      const u = (s['u'] = zip((x, y) => Math.max(Math.abs(x) + 1e-8, 0.999 * y), g, s['u'] ?? zeros));
      return zip((a, b) => a / (1 - 0.9 ** k) / b, m, u);
    }),
    optim.adamax(0.05),
  ],
  adabelief: [
    down(0.05, (_p, g, s, k) => {
      const m = average(s, 'm', g, 0.9);
      const v = average(s, 'v', squares(zip((x, y) => x - y, g, m)), 0.999).map((x) => x + 1e-16);
      s['v'] = v;
      return zip((a, b) => a / (1 - 0.9 ** k) / (Math.sqrt(b / (1 - 0.999 ** k)) + 1e-16), m, v);
    }),
    optim.adabelief(0.05),
  ],
  radam: [
    down(3e-4, (_p, g, s, k) => {
      const [m, v] = [average(s, 'm', g, 0.9), average(s, 'v', squares(g), 0.9)];
      const limit = 2 / (1 - 0.9) - 1;
      const ro = limit - (2 * k * 0.9 ** k) / (1 - 0.9 ** k);
      const r = Math.sqrt(((ro - 4) * (ro - 2) * limit) / ((limit - 4) * (limit - 2) * ro));
      const mean = m.map((a) => a / (1 - 0.9 ** k));
      return ro < 5 ? mean : zip((a, b) => (r * a) / (Math.sqrt(b / (1 - 0.9 ** k)) + 1e-8), mean, v);
    }),
    optim.radam(3e-4, { b2: 0.9 }),
  ],
  yogi: [
    down(0.05, (_p, g, s, k) => {
      s['m'] ??= [1e-6, 1e-6];
      const m = average(s, 'm', g, 0.9);
      const v = (s['v'] = zip((x, y) => y - 0.001 * Math.sign(y - x * x) * x * x, g, s['v'] ?? [1e-6, 1e-6]));
      return zip((a, b) => a / (1 - 0.9 ** k) / (Math.sqrt(b / (1 - 0.999 ** k)) + 1e-3), m, v);
    }),
    optim.yogi(0.05),
  ],
  rmsprop: [
    down(0.02, (_p, g, s) => zip((x, v) => x / Math.sqrt(v + 1e-8), g, average(s, 'v', squares(g), 0.9))),
    optim.rmsprop(0.02),
  ],
  'rmsprop, centred, with momentum after the rate': [
    down(1, (_p, g, s) => {
      const [v, m] = [average(s, 'v', squares(g), 0.8), average(s, 'm', g, 0.8)];
      return momentum(
        zip((x, a, b) => (0.02 * x) / Math.sqrt(a - b * b + 1e-6), g, v, m),
        s,
        0.5,
      );
    }),
    optim.rmsprop(0.02, { decay: 0.8, eps: 1e-6, centered: true, momentum: 0.5 }),
  ],
  adagrad: [
    down(0.1, (_p, g, s) => {
      const sum = (s['s'] = zip((x, t) => x * x + t, g, s['s'] ?? [0.1, 0.1]));
      return zip((x, t) => x / Math.sqrt(t + 1e-7), g, sum);
    }),
    optim.adagrad(0.1),
  ],
  adadelta: [
    down(1, (_p, g, s) => {
      const e = average(s, 'e', squares(g), 0.9);
      const u = zip((x, a, d) => (Math.sqrt(d + 1e-6) / Math.sqrt(a + 1e-6)) * x, g, e, s['d'] ?? zeros);
      average(s, 'd', squares(u), 0.9);
      return u;
    }),
    optim.adadelta(1),
  ],
  lion: [
    down(0.02, (p, g, s) => {
      const m = s['m'] ?? zeros;
      average(s, 'm', g, 0.99);
      return zip((a, x, y) => Math.sign(0.9 * a + 0.1 * x) + 1e-3 * y, m, g, p);
    }),
    optim.lion(0.02),
  ],
  lamb: [lamb, optim.lamb(0.01, { weightDecay: 0.1 })],
  'adam, clipped, with a cosine': [
    adamClipCosine,
    optim.chain(optim.clipByGlobalNorm(1), optim.adam(optim.cosineDecaySchedule(0.1, 15))),
  ],
  signSgd: [down(0.01, (_p, g) => g.map(Math.sign)), optim.signSgd(0.01)],
  lars: [
    down(1, (p, g, s) => {
      const ratio = (0.001 * norm(p)) / norm(g);
      return momentum(
        g.map((x) => 0.1 * ratio * x),
        s,
        0.9,
      );
    }),
    optim.lars(0.1),
  ],
};

const start: Vector = [-1.2, 1];
const steps = 20;

function expectedTrajectory(rule: Rule, gradient: (p: Vector) => Vector): Vector[] {
  const state: Record<string, Vector> = {};
  let p = start;
  return Array.from({ length: steps }, (_, i) => (p = rule(p, gradient(p), state, i + 1)));
}

type Step = (p: Tensor, g: Tensor, state: optim.OptState) => [Tensor, optim.OptState];

function trajectory(step: Step, optimizer: optim.GradientTransformation, gradient: (p: Vector) => Vector): Vector[] {
  let p = np.array(start as number[], { dtype: 'float64' });
  let state = optimizer.init(p);
  return Array.from({ length: steps }, () => {
    const g = np.array(gradient([...p.dataSync()]) as number[], { dtype: 'float64' });
    [p, state] = step(p, g, state);
    return [...p.dataSync()];
  });
}

describe.each(Object.entries(cases))('%s', (_name, [rule, optimizer]) => {
  const step: Step = (p, g, state) => {
    const [updates, next] = optimizer.update(g, state, p);
    return [optim.applyUpdates(p, updates), next];
  };

  it.each([
    ['a quadratic', quadratic],
    ["Rosenbrock's function", rosenbrock],
  ])('follows its rule on %s in float64', (_on, gradient) => {
    const expected = expectedTrajectory(rule, gradient).flat();
    trajectory(step, optimizer, gradient)
      .flat()
      .forEach((x, i) => expect(Math.abs(x - expected[i]!)).toBeLessThan(1e-9 * (1 + Math.abs(expected[i]!))));
  });

  it('takes the same steps under jit', () => {
    const [eager, jitted] = [
      trajectory(step, optimizer, quadratic).flat(),
      trajectory(jit(step), optimizer, quadratic).flat(),
    ];
    jitted.forEach((x, i) => expect(Math.abs(x - eager[i]!)).toBeLessThan(1e-12));
  });
});
