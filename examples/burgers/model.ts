/**
 * A network that is a solution of Burgers' equation where its residual is zero: derivatives of the network in time and space are
 * part of the loss, whose gradient is then taken in the weights.
 * Raissi, Perdikaris and Karniadakis 2019, "Physics-informed neural networks"; the form that satisfies the initial and boundary
 * values exactly is that of Lagaris, Likas and Fotiadis 1998.
 * @module
 */
import { jvp, nn, np, random, type Tensor, vmap } from 'cotangent';

export type Params = readonly { readonly weight: Tensor; readonly bias: Tensor }[];

export function initialise(key: Tensor, width: number, layers: number): Params {
  const sizes = [2, ...Array.from({ length: layers }, () => width), 1];
  const init = nn.initializers.glorotNormal();
  return sizes.slice(1).map((n, i) => ({
    weight: init(random.foldIn(key, i), [sizes[i]!, n]),
    bias: np.zeros([n]),
  }));
}

/** u at one point: −sin πx + t (1 − x²) network(t, x). */
export function solution(params: Params, t: Tensor, x: Tensor): Tensor {
  let h = np.stack([t.mul(2).sub(1), x]);
  params.forEach(({ weight, bias }, i) => {
    const z = np.matmul(h, weight).add(bias);
    h = i === params.length - 1 ? z : np.tanh(z);
  });
  const start = np.sin(x.mul(Math.PI)).neg();
  return start.add(t.mul(np.subtract(1, np.square(x))).mul(h.slice(0)));
}

/** u_t + u u_x − ν u_xx at one point. */
export function residual(params: Params, t: Tensor, x: Tensor, viscosity: number): Tensor {
  const one = np.array(1);
  const [, ut] = jvp((s: Tensor) => solution(params, s, x), [t], [one]);
  const alongX = (y: Tensor): [Tensor, Tensor] => jvp((z: Tensor) => solution(params, t, z), [y], [one]);
  // Forward over forward: u and u_x, and their derivatives along x once more.
  const [[u, ux], [, uxx]] = jvp(alongX, [x], [one]);
  return ut.add(u.mul(ux)).sub(uxx.mul(viscosity));
}

/** Mean of the squared residual over points, f32[n] each. */
export function loss(params: Params, t: Tensor, x: Tensor, viscosity: number): Tensor {
  const at = vmap((s: Tensor, y: Tensor) => residual(params, s, y, viscosity));
  return np.mean(np.square(at(t, x)));
}
