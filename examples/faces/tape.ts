/**
 * As in TensorFlow: variables change, a tape records what is computed from them, and the step is traced.
 * @module
 */
import { nn, np, type Tensor } from 'cotangent';
import * as tf from 'cotangent/tf';
import { type Face, momentum } from './face.ts';

/** Stochastic gradient descent with momentum (Polyak 1964), with its state in variables, as an optimiser of Keras has it. */
class Momentum {
  private readonly rate: number;
  private readonly velocities: readonly tf.Variable[];

  constructor(rate: number, variables: readonly tf.Variable[]) {
    this.rate = rate;
    this.velocities = variables.map((v) => new tf.Variable(np.zerosLike(v), { trainable: false }));
  }

  applyGradients(gradients: readonly (Tensor | null)[], variables: readonly tf.Variable[]): void {
    variables.forEach((v, i) => {
      const velocity = this.velocities[i]!;
      velocity.assign(velocity.mul(momentum).add(gradients[i]!));
      v.assignSub(velocity.mul(this.rate));
    });
  }
}

export const tape: Face = {
  name: 'GradientTape (TensorFlow)',
  trainer: (start, learningRate) => {
    const layers = start.map(({ weight, bias }) => ({ weight: new tf.Variable(weight), bias: new tf.Variable(bias) }));
    const variables = layers.flatMap(({ weight, bias }) => [weight, bias]);
    const optimizer = new Momentum(learningRate, variables);
    const step = tf.fn((images: Tensor, labels: Tensor) => {
      const recorder = new tf.GradientTape();
      const loss = recorder.run(() => {
        let h = images;
        layers.forEach(({ weight, bias }, i) => {
          const z = tf.matmul(h, weight).add(bias);
          h = i === layers.length - 1 ? z : tf.relu(z);
        });
        const target = tf.oneHot(labels, 10);
        return tf.reduceMean(tf.reduceSum(nn.logSoftmax(h).mul(target), { axis: 1 })).neg();
      });
      optimizer.applyGradients(recorder.gradient(loss, variables), variables);
      return loss;
    });
    return ({ images, labels }) => step(images, labels).item();
  },
};
