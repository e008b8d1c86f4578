/**
 * Training and evaluation: one jitted step, batches drawn from a random key and the number of the step alone, so that a run can go on
 * from any of its states to the same bits.
 * @module
 */
import { jit, lax, np, random, type Tensor, valueAndGrad } from 'cotangent';
import * as optim from 'cotangent/optim';
import type { Resumable } from '../shared/checkpoint.ts';
import type { Session } from '../shared/session.ts';
import type { Corpus } from './data.ts';
import { initialise, logits, loss, type Params, type Sizes } from './model.ts';

export interface Settings {
  readonly sizes: Sizes;
  readonly batch: number;
  readonly steps: number;
  readonly learningRate: number;
  readonly seed: number;
}

export interface HistoryPoint {
  readonly step: number;
  /** Nats a character, of the batch. */
  readonly loss: number;
  /** Nats a character, of the validation text; where it was measured. */
  readonly validation?: number;
}

export interface Arrays {
  readonly params: Params;
  readonly optimizer: optim.OptState;
}

export type State = Resumable<Arrays, HistoryPoint>;
export type Run = Session<Settings, Arrays, HistoryPoint>;

function makeOptimizer({ learningRate, steps }: Settings): optim.GradientTransformation {
  const warmup = Math.min(100, Math.ceil(steps / 10));
  const schedule = optim.warmupCosineDecaySchedule(0, learningRate, warmup, steps, learningRate / 20);
  return optim.chain(optim.clipByGlobalNorm(1), optim.adamw(schedule, { b2: 0.98, weightDecay: 0.01 }));
}

export function initialArrays(settings: Settings): Arrays {
  const params = initialise(random.key(settings.seed), settings.sizes);
  return { params, optimizer: makeOptimizer(settings).init(params) };
}

/** i32[batch,context+1]: pieces of the text from random places. */
function drawBatch(text: Uint8Array, key: Tensor, { batch, sizes }: Settings): Tensor {
  const length = sizes.context + 1;
  const starts = random.randint(key, [batch], 0, text.length - length + 1).dataSync();
  const codes = new Int32Array(batch * length);
  starts.forEach((start, i) => codes.set(text.subarray(start, start + length), i * length));
  return np.array(codes, { shape: [batch, length] });
}

/** Makes the step after `state`, in place; gives the loss before it. */
export function makeStep({ train }: Corpus, settings: Settings): (state: State) => number {
  const optimizer = makeOptimizer(settings);
  const update = jit(
    ({ params, optimizer: before }: Arrays, text: Tensor) => {
      const [value, gradient] = valueAndGrad((p: Params) => loss(p, text, settings.sizes))(params);
      const [updates, after] = optimizer.update(gradient, before, params);
      return { arrays: { params: optim.applyUpdates(params, updates), optimizer: after }, value };
    },
    { donateArgnums: 0 },
  );
  const key = random.key(settings.seed + 1);
  return (state) => {
    const text = drawBatch(train, random.foldIn(key, state.step), settings);
    const { arrays, value } = update(state.arrays, text);
    state.arrays = arrays;
    return value.item();
  };
}

/** Mean loss over the validation text, in pieces side by side; at most `pieces` of them, evenly spread. */
export function makeValidation({ validation }: Corpus, settings: Settings, pieces: number): (params: Params) => number {
  const length = settings.sizes.context + 1;
  const available = Math.floor(validation.length / length);
  const { batch } = settings;
  const rounds = Math.max(1, Math.floor(Math.min(pieces, available) / batch));
  const piecesUsed = Math.min(available, rounds * batch);
  const batches = Array.from({ length: rounds }, (_, r) => {
    const codes = new Int32Array(batch * length);
    for (let i = 0; i < batch; i++) {
      const at = Math.floor((((r * batch + i) % piecesUsed) * available) / piecesUsed) * length;
      codes.set(validation.subarray(at, at + length), i * length);
    }
    return np.array(codes, { shape: [batch, length] });
  });
  const evaluate = jit((params: Params, text: Tensor) => loss(params, text, settings.sizes));
  return (params) => batches.reduce((sum, text) => sum + evaluate(params, text).item(), 0) / rounds;
}

/** Continues a text: characters drawn one by one from the model's distribution, sharpened by a temperature below 1. */
export function sample(
  params: Params,
  prompt: Int32Array,
  count: number,
  { sizes, seed }: Settings,
  temperature = 0.8,
): number[] {
  const { context } = sizes;
  // Always a whole window, with the text at its start: a position never sees what comes after it, and one shape is compiled once.
  const next = jit((p: Params, window: Tensor, last: Tensor, key: Tensor) => {
    const scores = lax.dynamicIndexInDim(logits(p, window, sizes).slice(0), last, { axis: 0, keepdims: false });
    return random.categorical(key, scores.div(temperature));
  });
  const codes = [...prompt];
  const key = random.key(seed + 2);
  for (let i = 0; i < count; i++) {
    const visible = codes.slice(-context);
    const window = new Int32Array(context);
    window.set(visible);
    const drawn = next(
      params,
      np.array(window, { shape: [1, context] }),
      np.array(visible.length - 1, { dtype: 'int32' }),
      random.foldIn(key, i),
    );
    codes.push(drawn.item());
  }
  return codes;
}
