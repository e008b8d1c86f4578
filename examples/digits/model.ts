/**
 * Two small networks as pure functions of their parameters, and their loss.
 * @module
 */
import { lax, nn, np, random, type Tensor, vmap } from 'cotangent';
import { imageSide, numClasses } from './data.ts';

export type Params = Record<string, Tensor>;

export interface Model {
  readonly name: string;
  /** Passes over the training set that it needs. */
  readonly epochs: number;
  readonly init: (key: Tensor) => Params;
  /** f32[n,28,28] → logits f32[n,10]. */
  readonly apply: (params: Params, images: Tensor) => Tensor;
}

const heNormal = nn.initializers.heNormal();

const relu = (x: Tensor): Tensor => nn.relu(x);

/** 3×3 convolution, same size, channels last. */
function convolve(x: Tensor, kernel: Tensor, bias: Tensor): Tensor {
  const y = lax.convGeneralDilated(x, kernel, [1, 1], 'SAME', { dimensionNumbers: ['NHWC', 'HWIO', 'NHWC'] });
  return relu(y.add(bias));
}

const maxPool = (x: Tensor): Tensor => lax.reduceWindow(x, -Infinity, lax.max, [1, 2, 2, 1], [1, 2, 2, 1], 'VALID');

/** conv 16 – pool – conv 32 – pool – dense 128 – dense 10: about 207,000 parameters. */
const cnn: Model = {
  name: 'cnn',
  epochs: 10,
  init: (key) => {
    const [k1, k2, k3, k4] = keys(key, 4);
    const flat = (imageSide / 4) ** 2 * 32;
    return {
      conv1: heInit(k1!, [3, 3, 1, 16]),
      bias1: np.zeros([16]),
      conv2: heInit(k2!, [3, 3, 16, 32]),
      bias2: np.zeros([32]),
      dense3: heInit(k3!, [flat, 128]),
      bias3: np.zeros([128]),
      dense4: heInit(k4!, [128, numClasses]),
      bias4: np.zeros([numClasses]),
    };
  },
  apply: (p, images) => {
    const x = images.reshape([images.shape[0]!, imageSide, imageSide, 1]);
    const a = maxPool(convolve(x, p['conv1']!, p['bias1']!));
    const b = maxPool(convolve(a, p['conv2']!, p['bias2']!));
    const h = relu(np.matmul(b.reshape([images.shape[0]!, -1]), p['dense3']!).add(p['bias3']!));
    return np.matmul(h, p['dense4']!).add(p['bias4']!);
  },
};

/** 784 – 256 – 128 – 10: about 235,000 parameters. */
const mlp: Model = {
  name: 'mlp',
  epochs: 40,
  init: (key) => {
    const [k1, k2, k3] = keys(key, 3);
    return {
      dense1: heInit(k1!, [imageSide * imageSide, 256]),
      bias1: np.zeros([256]),
      dense2: heInit(k2!, [256, 128]),
      bias2: np.zeros([128]),
      dense3: heInit(k3!, [128, numClasses]),
      bias3: np.zeros([numClasses]),
    };
  },
  apply: (p, images) => {
    const x = images.reshape([images.shape[0]!, -1]);
    const a = relu(np.matmul(x, p['dense1']!).add(p['bias1']!));
    const b = relu(np.matmul(a, p['dense2']!).add(p['bias2']!));
    return np.matmul(b, p['dense3']!).add(p['bias3']!);
  },
};

export const models: Readonly<Record<string, Model>> = { cnn, mlp };

const heInit = (key: Tensor, shape: number[]): Tensor => heNormal(key, shape);

function keys(key: Tensor, n: number): Tensor[] {
  const all = random.split(key, n);
  return Array.from({ length: n }, (_, i) => all.slice(i));
}

/** Every image moved by up to two pixels in each direction: training data that the network has not seen. */
export function jitter(key: Tensor, images: Tensor): Tensor {
  const reach = 2;
  const padded = np.pad(images, [
    [0, 0],
    [reach, reach],
    [reach, reach],
  ]);
  const starts = random.randint(key, [images.shape[0]!, 2], 0, 2 * reach + 1);
  const crop = (image: Tensor, start: Tensor): Tensor =>
    lax.dynamicSlice(image, [start.slice(0), start.slice(1)], [imageSide, imageSide]);
  return vmap(crop)(padded, starts);
}

export interface LossAndHits {
  /** Mean cross-entropy, nats. */
  readonly loss: Tensor;
  /** Number of right answers. */
  readonly hits: Tensor;
}

export function lossAndHits(model: Model, params: Params, images: Tensor, labels: Tensor): LossAndHits {
  const logits = model.apply(params, images);
  const target = nn.oneHot(labels, numClasses);
  const loss = np.mean(np.sum(nn.logSoftmax(logits).mul(target), { axis: 1 })).neg();
  const hits = np.sum(np.equal(np.argmax(logits, { axis: 1 }), labels).astype('float32'));
  return { loss, hits };
}
