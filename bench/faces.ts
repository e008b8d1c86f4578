/**
 * The MLP of `workloads.ts` in the other faces, one operation at a time as their users run it, and operations that are recorded.
 * @module
 */
import { nn as core, np, random, type Tensor as CoreTensor, valueAndGrad } from 'cotangent';
import * as coreOptim from 'cotangent/optim';
import * as tf from 'cotangent/tf';
import { noGrad, nn, ones, optim, tensor, type Tensor } from 'cotangent/torch';
import { expectClose, type Running, type Workload } from './harness.ts';

const sizes = [784, 512, 256, 10];
const batch = 128;
const flops = 6 * batch * (784 * 512 + 512 * 256 + 256 * 10) - 2 * batch * 784 * 512;

const key = random.key(1);
const inputs = random.normal(key, [batch, 784]);
const classes = random.randint(random.foldIn(key, 1), [batch], 0, 10);
const layers = sizes.slice(1).map((n, i) => ({
  w: random.normal(random.foldIn(key, 2 + i), [sizes[i]!, n]).mul(Math.sqrt(2 / sizes[i]!)),
  b: np.zeros([n]),
}));

/** The losses of the first two steps in the functional face. */
function firstLosses(): readonly [number, number] {
  const labels = core.oneHot(classes, 10);
  const loss = (p: typeof layers): CoreTensor => {
    const logits = p.reduce((h, { w, b }, i) => {
      const z = np.matmul(h, w).add(b);
      return i === p.length - 1 ? z : core.relu(z);
    }, inputs);
    return np.mean(np.sum(core.logSoftmax(logits).mul(labels), { axis: 1 })).neg();
  };
  const optimizer = coreOptim.adam(1e-3);
  const [first, gradient] = valueAndGrad(loss)(layers);
  const [updates] = optimizer.update(gradient, optimizer.init(layers), layers);
  return [first.item(), loss(coreOptim.applyUpdates(layers, updates)).item()];
}

function checked(step: () => number): Running {
  const losses: number[] = [];
  const run = (): number => {
    const loss = step();
    if (losses.length < 2) losses.push(loss);
    return loss;
  };
  const check = (): void => {
    run();
    run();
    firstLosses().forEach((loss, i) => expectClose(`loss ${i}`, losses[i]!, loss, 1e-4));
  };
  return { run, check };
}

const torchStep: Workload = {
  name: 'MLP step in the face of PyTorch',
  work: flops,
  unit: 'flop',
  setUp: () => {
    const [x, y] = [tensor(inputs), tensor(classes)];
    const net = new nn.Sequential(
      ...layers.flatMap(({ w }, i) => [...(i > 0 ? [new nn.ReLU()] : []), new nn.Linear(w.shape[0]!, w.shape[1]!)]),
    );
    const linear = [...net.modules()].filter((m) => m instanceof nn.Linear);
    noGrad(() =>
      linear.forEach((l, i) => {
        l.weight.copy_(tensor(layers[i]!.w.T));
        l.bias!.copy_(tensor(layers[i]!.b));
      }),
    );
    const optimizer = new optim.Adam(net.parameters(), { lr: 1e-3 });
    const lossOf = new nn.CrossEntropyLoss();
    return checked(() => {
      optimizer.zeroGrad();
      const loss = lossOf.call(net.call(x), y);
      loss.backward();
      optimizer.step();
      return loss.item();
    });
  },
};

const tapeStep: Workload = {
  name: 'MLP step in the face of TensorFlow',
  work: flops,
  unit: 'flop',
  setUp: () => {
    const labels = core.oneHot(classes, 10);
    const variables = layers.flatMap(({ w, b }) => [new tf.Variable(w), new tf.Variable(b)]);
    const optimizer = coreOptim.adam(1e-3);
    let state = optimizer.init(variables.map((v) => v.readValue()));
    return checked(() => {
      const tape = new tf.GradientTape();
      const loss = tape.run(() => {
        let h = inputs;
        for (let i = 0; i < variables.length; i += 2) {
          const z = np.matmul(h, variables[i]!).add(variables[i + 1]!);
          h = i + 2 < variables.length ? core.relu(z) : z;
        }
        return np.mean(np.sum(core.logSoftmax(h).mul(labels), { axis: 1 })).neg();
      });
      const gradients = tape.gradient(loss, variables) as CoreTensor[];
      const values = variables.map((v) => v.readValue());
      const [updates, next] = optimizer.update(gradients, state, values);
      state = next;
      coreOptim.applyUpdates(values, updates).forEach((v, i) => variables[i]!.assign(v));
      return loss.item();
    });
  },
};

/** 1,000 additions to four elements that need a gradient. */
const recorded: Workload = {
  name: 'recorded operation in the face of PyTorch',
  work: 1000,
  unit: 'operation',
  setUp: () => {
    const c = ones(4, { requiresGrad: true });
    const run = (): Tensor => {
      let y: Tensor = c;
      for (let i = 0; i < 1000; i++) y = y.add(c);
      return y;
    };
    const check = (): void => {
      run().sum().backward();
      expectClose('gradient', c.grad!.sum().item(), 4 * 1001, 1e-6);
    };
    return { run, check };
  },
};

export const faces: readonly Workload[] = [torchStep, tapeStep, recorded];
