/**
 * A picture as a sum of coloured Gaussians, rendered by a function that can be differentiated in everything that describes them.
 * Kerbl et al. 2023, "3D Gaussian splatting", in the plane and without order: colours add up (Zhang et al. 2024, "GaussianImage").
 * @module
 */
import { np, random, type Tensor } from 'cotangent';

/** Of n Gaussians. Coordinates: the picture's longer side is 2, its middle is 0. */
export interface Splats {
  /** f32[n,2] */
  readonly centre: Tensor;
  /** Logarithms of the widths along both axes: f32[n,2]. */
  readonly logWidth: Tensor;
  /** Radians that the axes are turned by: f32[n]. */
  readonly angle: Tensor;
  /** f32[n,3] */
  readonly colour: Tensor;
}

/** Where the pixels' middles are: x f32[width], y f32[height]. */
function pixelGrid(width: number, height: number): { x: Tensor; y: Tensor } {
  const longer = Math.max(width, height);
  const middles = (n: number): Tensor =>
    np
      .arange(n)
      .astype('float32')
      .mul(2)
      .add(1 - n)
      .div(longer);
  return { x: middles(width), y: middles(height) };
}

export function initialise(key: Tensor, n: number, aspect: number): Splats {
  const [places, turns] = [random.foldIn(key, 0), random.foldIn(key, 1)];
  const half = np.array([1, aspect]);
  // Together they cover the picture about three times.
  const width = Math.sqrt((3 * 4 * aspect) / (2 * Math.PI * n));
  return {
    centre: random.uniform(places, [n, 2], 'float32', -1, 1).mul(half),
    logWidth: np.full([n, 2], Math.log(width)),
    angle: random.uniform(turns, [n], 'float32', 0, Math.PI),
    colour: np.full([n, 3], 0.15),
  };
}

/**
 * Σᵢ colourᵢ · exp(−½ |Rᵢᵀ(p − centreᵢ) / widthᵢ|²) at every pixel p: f32[height,width,3].
 */
export function render({ centre, logWidth, angle, colour }: Splats, width: number, height: number): Tensor {
  const { x, y } = pixelGrid(width, height);
  // [height, width, n], which exists in no memory: all of this is one kernel with the sum over n behind it.
  const dx = x.reshape([1, width, 1]).sub(centre.slice(':', 0));
  const dy = y.reshape([height, 1, 1]).sub(centre.slice(':', 1));
  const [cos, sin] = [np.cos(angle), np.sin(angle)];
  const inverse = np.exp(logWidth.neg());
  const along = dx.mul(cos).add(dy.mul(sin)).mul(inverse.slice(':', 0));
  const across = dy.mul(cos).sub(dx.mul(sin)).mul(inverse.slice(':', 1));
  const weight = np.exp(np.square(along).add(np.square(across)).mul(-0.5));
  return np.matmul(weight, colour);
}

/** Mean squared error of colours. */
export const error = (splats: Splats, target: Tensor): Tensor => {
  const [height, width] = target.shape as [number, number];
  return np.mean(np.square(render(splats, width, height).sub(target)));
};
