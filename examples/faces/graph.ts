/**
 * As in PyTorch: tensors remember how they were computed, `.backward()` fills in gradients, an optimiser changes the parameters.
 * @module
 */
import { nn, optim, noGrad, Tensor, tensor } from 'cotangent/torch';
import { type Face, type Layers, momentum } from './face.ts';

/** A linear layer keeps its weight as [out,in]. */
function linearLike({ weight, bias }: Layers[number]): nn.Linear {
  const [inputs, outputs] = weight.shape as [number, number];
  const layer = new nn.Linear(inputs, outputs);
  noGrad(() => {
    layer.weight.copy_(new Tensor(weight.T));
    layer.bias!.copy_(new Tensor(bias));
  });
  return layer;
}

export const graph: Face = {
  name: '.backward() (PyTorch)',
  trainer: (start, learningRate) => {
    const layers = start.map(linearLike);
    const model = new nn.Sequential(
      ...layers.flatMap((layer, i) => (i === layers.length - 1 ? [layer] : [layer, new nn.ReLU()])),
    );
    const optimizer = new optim.SGD(model.parameters(), { lr: learningRate, momentum });
    return ({ images, labels }) => {
      optimizer.zeroGrad();
      const loss = nn.functional.crossEntropy(model.call(tensor(images)), tensor(labels));
      loss.backward();
      optimizer.step();
      return loss.item();
    };
  },
};
