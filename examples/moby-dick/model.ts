/**
 * A transformer that predicts the next character, as a pure function of its parameters: learned positions, pre-normalised blocks, one
 * table for reading and for writing characters.
 * Vaswani et al. 2017, "Attention is all you need"; Xiong et al. 2020 for the place of the normalisation; Press and Wolf 2017 for the
 * shared table.
 * @module
 */
import { nn, np, random, type Tensor } from 'cotangent';

export interface Sizes {
  readonly layers: number;
  readonly heads: number;
  readonly width: number;
  /** Characters that a prediction can look back on. */
  readonly context: number;
  /** Kinds of characters. */
  readonly alphabet: number;
}

export type Layer = Record<'gain1' | 'qkv' | 'out' | 'gain2' | 'up' | 'down', Tensor>;

export interface Params {
  /** f32[alphabet,width], read for input and output. */
  readonly characters: Tensor;
  /** f32[context,width] */
  readonly positions: Tensor;
  readonly layers: readonly Layer[];
  readonly gain: Tensor;
}

const spread = 0.02;

export function initialise(key: Tensor, { layers, width, context, alphabet }: Sizes): Params {
  const [own, table, places] = [0, 1, 2].map((i) => random.foldIn(key, i));
  const draw = (k: Tensor, shape: number[], scale = spread): Tensor => random.normal(k, shape).mul(scale);
  // What is added to the residual stream is the smaller, the more layers add to it (Radford et al. 2019).
  const residual = spread / Math.sqrt(2 * layers);
  const layer = (i: number): Layer => {
    const keys = random.split(random.foldIn(own!, i), 4);
    return {
      gain1: np.ones([width]),
      qkv: draw(keys.slice(0), [width, 3 * width]),
      out: draw(keys.slice(1), [width, width], residual),
      gain2: np.ones([width]),
      up: draw(keys.slice(2), [width, 4 * width]),
      down: draw(keys.slice(3), [4 * width, width], residual),
    };
  };
  return {
    characters: draw(table!, [alphabet, width]),
    positions: draw(places!, [context, width]),
    layers: Array.from({ length: layers }, (_, i) => layer(i)),
    gain: np.ones([width]),
  };
}

/** x / rms(x) · gain over the last axis (Zhang and Sennrich 2019). */
function normalise(x: Tensor, gain: Tensor): Tensor {
  const meanSquare = np.mean(np.square(x), { axis: -1, keepdims: true });
  return x.mul(np.reciprocal(np.sqrt(meanSquare.add(1e-5)))).mul(gain);
}

function attention(x: Tensor, layer: Layer, heads: number): Tensor {
  const [batch, length, width] = x.shape as [number, number, number];
  const [query, key, value] = np
    .split(np.matmul(x, layer.qkv), 3, -1)
    .map((part) => part.reshape([batch, length, heads, width / heads]));
  const mixed = nn.dotProductAttention(query!, key!, value!, { isCausal: true });
  return np.matmul(mixed.reshape([batch, length, width]), layer.out);
}

/** Logits of the character after each of `codes`: i32[batch,length] → f32[batch,length,alphabet]. */
export function logits(params: Params, codes: Tensor, { heads }: Pick<Sizes, 'heads'>): Tensor {
  const positions = params.positions.slice({ stop: codes.shape[1]! });
  let x = np.take(params.characters, codes, { axis: 0 }).add(positions);
  for (const layer of params.layers) {
    x = x.add(attention(normalise(x, layer.gain1), layer, heads));
    const hidden = nn.gelu(np.matmul(normalise(x, layer.gain2), layer.up));
    x = x.add(np.matmul(hidden, layer.down));
  }
  return np.matmul(normalise(x, params.gain), params.characters.T);
}

/** Mean cross-entropy of each next character, nats; `text` is i32[batch,length+1]. */
export function loss(params: Params, text: Tensor, sizes: Pick<Sizes, 'heads'>): Tensor {
  const length = text.shape[1]! - 1;
  const scores = nn.logSoftmax(logits(params, text.slice(':', { stop: length }), sizes));
  const next = text.slice(':', { start: 1 });
  return np.mean(np.takeAlongAxis(scores, np.expandDims(next, -1), { axis: -1 })).neg();
}
