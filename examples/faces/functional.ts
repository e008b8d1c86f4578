/**
 * As in JAX: parameters are values, the step is a pure function, compiled as a whole.
 * @module
 */
import { jit, nn, np, type Tensor, valueAndGrad } from 'cotangent';
import * as optim from 'cotangent/optim';
import { type Batch, type Face, type Layers, momentum } from './face.ts';

function loss(layers: Layers, { images, labels }: Batch): Tensor {
  let h = images;
  layers.forEach(({ weight, bias }, i) => {
    const z = np.matmul(h, weight).add(bias);
    h = i === layers.length - 1 ? z : nn.relu(z);
  });
  const target = nn.oneHot(labels, 10);
  return np.mean(np.sum(nn.logSoftmax(h).mul(target), { axis: 1 })).neg();
}

export const functional: Face = {
  name: 'functions (JAX)',
  trainer: (start, learningRate) => {
    const optimizer = optim.sgd(learningRate, { momentum });
    const step = jit((layers: Layers, state: optim.OptState, batch: Batch) => {
      const [value, gradient] = valueAndGrad(loss)(layers, batch);
      const [updates, next] = optimizer.update(gradient, state, layers);
      return { layers: optim.applyUpdates(layers, updates) as Layers, state: next, value };
    });
    let layers = start;
    let state = optimizer.init(start);
    return (batch) => {
      const after = step(layers, state, batch);
      layers = after.layers;
      state = after.state;
      return after.value.item();
    };
  },
};
