/**
 * Training: one jitted step, an order of examples drawn from a random key, and a state that can be saved between any two steps.
 * @module
 */
import { jit, np, random, type Tensor, valueAndGrad } from 'cotangent';
import * as optim from 'cotangent/optim';
import type { Resumable } from '../shared/checkpoint.ts';
import type { Session } from '../shared/session.ts';
import type { Digits, DigitSet } from './data.ts';
import { imageSide } from './data.ts';
import { jitter, lossAndHits, type Model, type Params } from './model.ts';

export interface Settings {
  readonly model: string;
  readonly epochs: number;
  readonly batch: number;
  readonly learningRate: number;
  readonly seed: number;
}

export interface HistoryPoint {
  readonly step: number;
  readonly loss: number;
  readonly accuracy: number;
}

/** Everything the next step depends on. */
export interface Arrays {
  readonly params: Params;
  readonly optimizer: optim.OptState;
  /** Key of the order of examples (split once an epoch) and of their jitter (folded with the step). */
  readonly key: Tensor;
}

export type State = Resumable<Arrays, HistoryPoint>;
export type Run = Session<Settings, Arrays, HistoryPoint>;

const pixels = imageSide * imageSide;

/** One step of training: loss, hits, and the state's arrays after it. */
export type StepFunction = (
  params: Params,
  optimizer: optim.OptState,
  key: Tensor,
  images: Tensor,
  labels: Tensor,
) => { params: Params; optimizer: optim.OptState; loss: Tensor; hits: Tensor };

/** Steps in one epoch: whole batches only. */
export const stepsPerEpoch = (digits: Digits, { batch }: Settings): number => Math.floor(digits.train.size / batch);

function makeOptimizer(settings: Settings, totalSteps: number): optim.GradientTransformation {
  return optim.adam(optim.cosineDecaySchedule(settings.learningRate, totalSteps));
}

/** Loss with the number of right answers as aux. */
export const objective =
  (model: Model) =>
  (params: Params, images: Tensor, labels: Tensor): [Tensor, Tensor] => {
    const { loss, hits } = lossAndHits(model, params, images, labels);
    return [loss, hits];
  };

export function makeStep(model: Model, settings: Settings, totalSteps: number): StepFunction {
  const optimizer = makeOptimizer(settings, totalSteps);
  const step: StepFunction = (params, state, key, images, labels) => {
    const [[loss, hits], grads] = valueAndGrad(objective(model), { hasAux: true })(params, jitter(key, images), labels);
    const [updates, next] = optimizer.update(grads, state, params);
    return { params: optim.applyUpdates(params, updates), optimizer: next, loss, hits };
  };
  return jit(step, { donateArgnums: [0, 1] });
}

export function initialArrays(model: Model, settings: Settings, totalSteps: number): Arrays {
  const keys = random.split(random.key(settings.seed));
  const params = model.init(keys.slice(0));
  const optimizer = makeOptimizer(settings, totalSteps).init(params);
  return { params, optimizer, key: keys.slice(1) };
}

/** Order of the training examples in an epoch, and the key for the next. */
export function epochOrder(key: Tensor, size: number): { order: Int32Array; next: Tensor } {
  const keys = random.split(key);
  const order = random.permutation(keys.slice(0), size);
  return { order: Int32Array.from(order.dataSync()), next: keys.slice(1) };
}

/** Images and labels at the given positions. */
export function gather(set: DigitSet, positions: Int32Array): { images: Tensor; labels: Tensor } {
  const images = new Float32Array(positions.length * pixels);
  const labels = new Int32Array(positions.length);
  positions.forEach((p, i) => {
    images.set(set.images.subarray(p * pixels, (p + 1) * pixels), i * pixels);
    labels[i] = set.labels[p]!;
  });
  return { images: np.array(images, { shape: [positions.length, imageSide, imageSide] }), labels: np.array(labels) };
}

/** Predicted classes of a whole set, in batches. */
export function predict(model: Model, params: Params, set: DigitSet): Int32Array {
  const classify = jit((p: Params, images: Tensor) => np.argmax(model.apply(p, images), { axis: 1 }));
  const out = new Int32Array(set.size);
  const batch = 500;
  for (let from = 0; from < set.size; from += batch) {
    const positions = Int32Array.from({ length: Math.min(batch, set.size - from) }, (_, i) => from + i);
    out.set((classify(params, gather(set, positions).images) as Tensor).dataSync(), from);
  }
  return out;
}

export const accuracy = (predicted: Int32Array, labels: Int32Array): number =>
  predicted.reduce((n, p, i) => n + Number(p === labels[i]), 0) / labels.length;
