/**
 * Layers one after the other.
 * May import: `core`, `api`.
 * @module
 */
import type { Tensor } from '../core/tensor.ts';
import { ArgumentError } from '../ir/errors.ts';
import { asTensor, type TensorLike } from '../api/lift.ts';
import { describe } from '../api/options.ts';
import { foldIn } from '../api/random/keys.ts';
import { Lambda } from './linear.ts';
import { type CallOptions, Layer, Module, within } from './module.ts';

/** What `Sequential` takes as a layer. */
export type LayerLike = Layer | ((x: Tensor) => Tensor);

/**
 * Layers one after the other; functions count as layers. Each layer gets a key of its own, made of the one given.
 *
 * @example
 * ```ts
 * import { nn, np, random } from 'cotangent';
 * import { Linear, Sequential } from 'cotangent/nn';
 * const [first, second] = random.split(random.key(0));
 * const model = new Sequential([new Linear(2, 8, { key: first! }), nn.relu, new Linear(8, 1, { key: second! })]);
 * console.log(model.call(np.ones([4, 2])).shape); // => [ 4, 1 ]
 * ```
 */
export class Sequential extends Layer {
  readonly layers: readonly Layer[];

  constructor(layers: readonly LayerLike[]) {
    super();
    if (!Array.isArray(layers)) {
      throw new ArgumentError(
        `Sequential: expected an array of layers, got ${describe(layers)}.`,
        'write new Sequential([a, b]).',
      );
    }
    this.layers = layers.map((layer: LayerLike, i) => {
      if (layer instanceof Layer) return layer;
      if (typeof layer === 'function' && !(layer.prototype instanceof Module)) return new Lambda(layer);
      throw new ArgumentError(
        `Sequential: expected layers and functions, got ${describe(layer)} at layers[${i}].`,
        'make instances of classes (new Linear(…)); wrap a module that is no Layer in a class of yours.',
      );
    });
  }

  /** @throws ArgumentError if a layer needs a key and there is none, or if training changes the state of one (use `apply`) */
  call(x: TensorLike, options: CallOptions = {}): Tensor {
    return this.layers.reduce(
      (h, layer, i) => within(`.layers[${i}]`, () => layer.call(h, optionsAt(options, i))),
      asTensor(x),
    );
  }

  override apply(x: TensorLike, options: CallOptions = {}): [Tensor, this] {
    let h = asTensor(x);
    const layers = this.layers.map((layer, i) => {
      const [out, next] = within(`.layers[${i}]`, () => layer.apply(h, optionsAt(options, i)));
      h = out;
      return next;
    });
    const isSame = layers.every((layer, i) => layer === this.layers[i]);
    const changes: Partial<Sequential> = { layers };
    return [h, isSame ? this : this.with(changes as Partial<this>)];
  }
}

/** Options for part `i`, with a key of its own. */
export const optionsAt = (options: CallOptions, i: number): CallOptions =>
  options.key === undefined ? options : { ...options, key: foldIn(options.key, i) };
