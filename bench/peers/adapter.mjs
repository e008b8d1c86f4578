/**
 * Nine workloads (W1–W9) on the built package, written as a user would write them, for a harness that times them beside other libraries.
 * The harness names its folder in HARNESS; inputs come from its `lib/data.mjs`. THREADS and SIMD256 choose the settings.
 * @module
 */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { config, grad, hessian, hvp, init as initDevice, jit, lax, nn, np, valueAndGrad } from '../../dist/index.js';
import * as optim from '../../dist/optim/index.js';

const harness = process.env.HARNESS;
const data = harness === undefined ? undefined : await import(pathToFileURL(resolve(harness, 'lib/data.mjs')).href);

/** Whether this can run here, and why not. */
export function available() {
  if (data !== undefined) return { ok: true };
  return { ok: false, reason: 'HARNESS must name the folder of the harness, with lib/data.mjs in it' };
}

/** Settings that this build or this engine does not have are left as they are. */
function setIfAvailable(key, value) {
  try {
    config[key] = value;
  } catch (error) {
    console.error(`config.${key} = ${value} was refused: ${error.message}`);
  }
}

export async function init() {
  setIfAvailable('threads', Number(process.env.THREADS ?? 1));
  setIfAvailable('simd256', process.env.SIMD256 === '1');
  await initDevice();
}

const modes = ['eager', 'jit'];
const inMode = (mode, f, options) => (mode === 'jit' ? jit(f, options) : f);
const tensor = (values, shape) => np.array(values, { shape });
const parameters = (given) => given.map((p) => tensor(p.data, p.shape));
const norm = (x) => np.linalg.norm(x.reshape([-1])).item();

function concat(tensors) {
  return Float32Array.from(tensors.flatMap((x) => [...x.dataSync()]));
}

/** Cases for a function of one tensor in both modes; its results are complete when it returns. */
const inBothModes = (variant, f, x, more = {}) =>
  modes.map((mode) => ({
    variant,
    mode,
    ...more,
    setup: () => {
      const g = inMode(mode, f);
      return { run: () => void g(x), result: () => g(x).dataSync() };
    },
  }));

const crossEntropy = (logits, oneHot) => np.mean(np.sum(nn.logSoftmax(logits).mul(oneHot), { axis: -1 })).mul(-1);

function mlpLoss([w1, b1, w2, b2, w3, b3], x, y) {
  const h1 = nn.relu(np.matmul(x, w1).add(b1));
  const h2 = nn.relu(np.matmul(h1, w2).add(b2));
  return crossEntropy(np.matmul(h2, w3).add(b3), y);
}

function convLoss([c1, cb1, c2, cb2, w, b], x, y) {
  const conv = (h, kernel, bias) =>
    nn.relu(lax.convGeneralDilated(h, kernel, [1, 1], 'SAME').add(bias.reshape([-1, 1, 1])));
  const pool = (h) => lax.reduceWindow(h, -Infinity, lax.max, [1, 1, 2, 2], [1, 1, 2, 2], 'VALID');
  const h = pool(conv(pool(conv(x, c1, cb1)), c2, cb2));
  return crossEntropy(np.matmul(h.reshape([x.shape[0], -1]), w).add(b), y);
}

function layerNorm(x, gain, bias, epsilon) {
  const centred = x.sub(np.mean(x, { axis: -1, keepdims: true }));
  const variance = np.mean(np.square(centred), { axis: -1, keepdims: true });
  return centred
    .mul(lax.rsqrt(variance.add(epsilon)))
    .mul(gain)
    .add(bias);
}

function causalAttention(x, wqkv, bqkv, { B, T, D, H }) {
  const qkv = np.matmul(x, wqkv).add(bqkv);
  const [q, k, v] = np.split(qkv, 3, 1).map((u) => u.reshape([B, T, H, D / H]).transpose([0, 2, 1, 3]));
  const scores = np.matmul(q, k.mT).mul(1 / Math.sqrt(D / H));
  const weights = nn.softmax(np.where(np.tri(T, { dtype: 'bool' }), scores, -1e9));
  return np
    .matmul(weights, v)
    .transpose([0, 2, 1, 3])
    .reshape([B * T, D]);
}

function transformerLoss([g1, n1, wqkv, bqkv, wo, bo, g2, n2, w1, c1, w2, c2], x, target) {
  const sizes = data.W8;
  const flat = x.reshape([-1, sizes.D]);
  const attended = causalAttention(layerNorm(flat, g1, n1, sizes.lnEps), wqkv, bqkv, sizes);
  const y = flat.add(np.matmul(attended, wo).add(bo));
  const h = nn.gelu(np.matmul(layerNorm(y, g2, n2, sizes.lnEps), w1).add(c1));
  const out = y.add(np.matmul(h, w2).add(c2));
  return np.mean(np.square(out.sub(target.reshape([-1, sizes.D]))));
}

const training = {
  W3: () => ({
    given: data.W3,
    loss: mlpLoss,
    batch: [tensor(data.W3.x(), [128, 784]), tensor(data.oneHot(data.W3.labels(), 10), [128, 10])],
    optimizer: optim.adam(data.W3.lr),
  }),
  W4: () => ({
    given: data.W4,
    loss: convLoss,
    batch: [tensor(data.W4.x(), [32, 1, 28, 28]), tensor(data.oneHot(data.W4.labels(), 10), [32, 10])],
    optimizer: optim.sgd(data.W4.lr),
  }),
  W8: () => ({
    given: data.W8,
    loss: transformerLoss,
    batch: [tensor(data.W8.x(), [8, 128, 256]), tensor(data.W8.target(), [8, 128, 256])],
    optimizer: optim.adamw(data.W8.lr, { weightDecay: data.W8.wd }),
  }),
};

/** A model with its optimiser: `step` makes one update and returns the loss, as a number. */
function trainer(kind, mode) {
  const { given, loss, batch, optimizer } = training[kind]();
  const lossAndGradient = valueAndGrad(loss);
  const update = (params, state, ...inputs) => {
    const [value, gradient] = lossAndGradient(params, ...inputs);
    const [updates, next] = optimizer.update(gradient, state, params);
    return [optim.applyUpdates(params, updates), next, value];
  };
  const compiled = inMode(mode, update, { donateArgnums: [0, 1] });
  let params = parameters(given.params());
  let state = optimizer.init(params);
  const step = () => {
    const [nextParams, nextState, value] = compiled(params, state, ...batch);
    params = nextParams;
    state = nextState;
    return value.item();
  };
  return { step, norms: () => params.map(norm) };
}

function firstFiveSteps(kind, mode) {
  const { step, norms } = trainer(kind, mode);
  const losses = [step(), step(), step(), step(), step()];
  return { losses, norms: norms() };
}

const trainingCases = (kind) => () =>
  modes.map((mode) => ({
    variant: 'step',
    mode,
    setup: () => ({ run: trainer(kind, mode).step, result: () => firstFiveSteps(kind, mode) }),
  }));

function matmulCases() {
  return data.W1.sizes.map((n) => ({
    variant: `n=${n}`,
    mode: 'eager',
    setup: () => {
      const inputs = data.W1.inputs(n);
      const [a, b] = [tensor(inputs.a, [n, n]), tensor(inputs.b, [n, n])];
      return { run: () => void np.matmul(a, b), result: () => np.matmul(a, b).dataSync() };
    },
  }));
}

function elementwiseCases() {
  const { A, B } = data.W2;
  const f = (x) =>
    np.sum(
      np
        .tanh(x.mul(A).add(B))
        .mul(np.exp(x.mul(x).neg()))
        .add(np.sin(x)),
    );
  const x = np.array(data.W2.x());
  return [...inBothModes('forward', f, x), ...inBothModes('gradient', grad(f), x)];
}

function chainCases() {
  const ops = data.W5.ops;
  const [x, c] = [np.array(data.W5.x()), np.array(data.W5.c())];
  const chain = (c) => {
    let y = x;
    for (let i = 0; i < ops; i++) y = y.add(c);
    return y;
  };
  return [
    ...inBothModes('forward', chain, c, { per: ops }),
    ...inBothModes(
      'grad',
      grad((c) => np.sum(chain(c))),
      c,
      { per: ops },
    ),
  ];
}

function rosenbrock(x) {
  const n = x.shape[0];
  const [a, b] = [lax.slice(x, [0], [n - 1]), lax.slice(x, [1], [n])];
  return np.sum(
    np
      .square(b.sub(np.square(a)))
      .mul(100)
      .add(np.square(np.subtract(1, a))),
  );
}

/** The same function of separate scalars: about nine operations for each. */
function rosenbrockOfScalars(xs) {
  let sum = np.array(0);
  for (let i = 0; i < xs.length - 1; i++) {
    const d = xs[i + 1].sub(xs[i].mul(xs[i]));
    const e = np.subtract(1, xs[i]);
    sum = sum.add(d.mul(d).mul(100).add(e.mul(e)));
  }
  return sum;
}

function rosenbrockCases() {
  const arrays = data.W6.sizes.flatMap((n) => inBothModes(`array n=${n}`, grad(rosenbrock), np.array(data.W6.x(n))));
  const scalars = data.W6.sizes.map((n) => ({
    variant: `scalar n=${n}`,
    mode: 'eager',
    setup: () => {
      const xs = Array.from(data.W6.x(n), (v) => np.array(v));
      const run = () => Float32Array.from(grad(rosenbrockOfScalars)(xs), (g) => g.item());
      return { run, result: run };
    },
  }));
  return [...arrays, ...scalars];
}

function logisticHessian() {
  const { m, d, l2, X: rows, t: targets, w: weights } = data.W7;
  const [X, t, w] = [tensor(rows(), [m, d]), np.array(targets()), np.array(weights())];
  const loss = (w) => {
    const z = np.matmul(X, w);
    return np.mean(nn.softplus(z).sub(t.mul(z))).add(np.sum(np.square(w)).mul(0.5 * l2));
  };
  return inBothModes('hessian', hessian(loss), w);
}

function hessianVectorProduct() {
  const given = data.W7;
  const x = tensor(given.x(), [128, 784]);
  const y = tensor(data.oneHot(given.labels(), 10), [128, 10]);
  const [p, v] = [parameters(given.params()), parameters(given.v())];
  const loss = ([w1, b1, w2, b2]) => crossEntropy(np.matmul(np.tanh(np.matmul(x, w1).add(b1)), w2).add(b2), y);
  return modes.map((mode) => ({
    variant: 'hvp',
    mode,
    setup: () => {
      const product = inMode(mode, (p, v) => hvp(loss, [p], [v]));
      return { run: () => void product(p, v), result: () => concat(product(p, v)) };
    },
  }));
}

/** Memory over many steps. Nothing is disposed by hand in any mode, so "naive" is "eager". */
function memoryCases() {
  const kind = process.env.W9_CASE ?? 'W3';
  const mode = process.env.W9_MODE === 'jit' ? 'jit' : 'eager';
  return [{ variant: `${kind} x50`, mode, setup: () => ({ memory: trainer(kind, mode).step }) }];
}

export const workloads = {
  W1: matmulCases,
  W2: elementwiseCases,
  W3: trainingCases('W3'),
  W4: trainingCases('W4'),
  W5: chainCases,
  W6: rosenbrockCases,
  W7: () => [...logisticHessian(), ...hessianVectorProduct()],
  W8: trainingCases('W8'),
  W9: memoryCases,
};
