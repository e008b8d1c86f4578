/**
 * The exact solution of Burgers' equation u_t + u u_x = ν u_xx on −1 ≤ x ≤ 1 with u(0, x) = −sin πx and u(t, ±1) = 0, by the
 * transformation of Cole and Hopf (Hopf 1950; Basdevant et al. 1986 for this case):
 *
 *   u(t, x) = −∫ sin π(x − η) f(x − η) e^{−η²/4νt} dη / ∫ f(x − η) e^{−η²/4νt} dη,  f(y) = exp(−cos(πy) / 2πν)
 * @module
 */

/** Points of the trapezoidal rule; it converges exponentially here, so this many are exact to rounding. */
const points = 400;
/** e^{−η²/4νt} is below 1e−17 outside this many times √(4νt). */
const reach = 6.3;

export function exactSolution(t: number, x: number, viscosity: number): number {
  if (t === 0) return -Math.sin(Math.PI * x);
  const scale = Math.sqrt(4 * viscosity * t);
  let [above, below] = [0, 0];
  for (let i = 0; i <= points; i++) {
    const s = reach * ((2 * i) / points - 1);
    const y = x - s * scale;
    // f(y) over its largest value, so that nothing overflows.
    const weight = Math.exp(
      (1 - Math.cos(Math.PI * y)) / (2 * Math.PI * viscosity) - s * s - 1 / (Math.PI * viscosity),
    );
    above -= Math.sin(Math.PI * y) * weight;
    below += weight;
  }
  return above / below;
}
