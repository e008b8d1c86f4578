/**
 * Temme's uniform asymptotic expansion of the incomplete gamma functions for a ≥ 20 and x near a, with its derivative in a.
 *
 * N. M. Temme, "The asymptotic expansion of the incomplete gamma functions", SIAM J. Math. Anal. 10 (1979); DLMF 8.12. With
 * λ = x/a, μ = λ − 1 and η²/2 = μ − log λ (η of the sign of μ),
 *
 *     Q(a, x) = erfc(η √(a/2))/2 + R,   P(a, x) = erfc(−η √(a/2))/2 − R,   R = e^(−aη²/2)/√(2πa) · S,
 *     S = Σ C_k(η) a^−k.
 *
 * e^(−aη²/2) is a common factor of both terms, so the smaller of P and Q keeps its relative accuracy far into its tail.
 *
 * @module
 */

import { deviance, expMinusDeviance } from './deviance.ts';
import { erfcx } from './erf.ts';
import { polynomial } from './polynomial.ts';

/**
 * Taylor coefficients of C_k(η), from C_0 = 1/μ − 1/η and C_k = C_{k−1}′/η + γ_k/μ (γ_k makes C_k regular at 0), computed in
 * 60-digit arithmetic. Truncated where |η| ≤ 0.34 and a ≥ 20 leave less than 1e-18.
 */
const COEFFICIENTS: readonly (readonly number[])[] = [
  [
    -0.3333333333333333, 0.08333333333333333, -0.014814814814814815, 0.0011574074074074073, 0.0003527336860670194,
    -0.0001787551440329218, 3.919263178522438e-5, -2.185448510679992e-6, -1.85406221071516e-6, 8.296711340953087e-7,
    -1.7665952736826078e-7, 6.707853543401498e-9, 1.0261809784240309e-8, -4.382036018453353e-9, 9.14769958223679e-10,
    -2.5514193994946248e-11, -5.830772132550426e-11,
  ],
  [
    -0.001851851851851852, -0.003472222222222222, 0.0026455026455026454, -0.0009902263374485596, 0.00020576131687242798,
    -4.018775720164609e-7, -1.8098550334489977e-5, 7.64916091608111e-6, -1.6120900894563446e-6, 4.647127802807434e-9,
    1.378633446915721e-7, -5.752545603517705e-8, 1.1951628599778148e-8, -1.7543241719747647e-11, -1.0091543710600413e-9,
    4.162792991842583e-10,
  ],
  [
    0.004133597883597883, -0.0026813271604938273, 0.0007716049382716049, 2.0093878600823047e-6, -0.0001073665322636516,
    5.2923448829120125e-5, -1.2760635188618728e-5, 3.423578734096138e-8, 1.3721957309062934e-6, -6.298992138380055e-7,
    1.4280614206064242e-7, -2.0477098421990866e-10, -1.409252991086752e-8, 6.228974084922022e-9,
  ],
  [
    0.0006494341563786008, 0.00022947209362139917, -0.0004691894943952557, 0.00026772063206283885,
    -7.561801671883977e-5, -2.396505113867297e-7, 1.1082654115347302e-5, -5.6749528269915965e-6, 1.4230900732435883e-6,
    -2.7861080291528143e-11, -1.6958404091930278e-7, 8.099464905388083e-8, -1.9111168485973655e-8,
  ],
  [
    -0.0008618882909167117, 0.0007840392217200666, -0.0002990724803031902, -1.4638452578843418e-6, 6.641498215465122e-5,
    -3.968365047179435e-5, 1.1375726970678419e-5, 2.507497226237533e-10, -1.6954149536558305e-6, 8.907507532205309e-7,
    -2.292934834000805e-7,
  ],
  [
    -0.00033679855336635813, -6.972813758365857e-5, 0.0002772753244959392, -0.00019932570516188847,
    6.797780477937208e-5, 1.419062920643967e-7, -1.3594048189768693e-5, 8.018470256334202e-6, -2.291481176508095e-6,
    -3.252473551298454e-10, 3.4652846491085265e-7,
  ],
  [
    0.0005313079364639922, -0.0005921664373536939, 0.0002708782096718045, 7.902353232660328e-7, -8.153969367561969e-5,
    5.61168275310625e-5, -1.8329116582843375e-5, -3.0796134506033047e-9, 3.465155368803609e-6, -2.0291327396058603e-6,
  ],
  [
    0.00034436760689237765, 5.171790908260592e-5, -0.00033493161081142234, 0.0002812695154763237,
    -0.00010976582244684731, -1.2741009095484485e-7, 2.7744451511563645e-5, -1.8263488805711332e-5,
  ],
  [
    -0.0006526239185953094, 0.0008394987206720873, -0.000438297098541721, -6.969091458420552e-7, 0.00016644846642067547,
    -0.00012783517679769218, 4.629953263691304e-5,
  ],
  [
    -0.0005967612901927463, -7.204895416020011e-5, 0.0006782308837667328, -0.0006401475260262758,
    0.00027750107634328704,
  ],
  [0.0013324454494800656, -0.0019144384985654776, 0.0011089369134596636],
  [0.001579727660730835, 0.00016251626278391583, -0.0020633421035543276],
];
const DERIVATIVES: readonly (readonly number[])[] = /* @__PURE__ */ COEFFICIENTS.map((c) =>
  c.slice(1).map((value, n) => value * (n + 1)),
);

const SQRT_TWO_PI = 2.5066282746310002;

/** Whether the expansion holds to full accuracy at (a, x). */
export function inTemmeRegion(a: number, x: number): boolean {
  return a >= 20 && Math.abs(x - a) <= 0.3 * a;
}

/** η(x/a): the signed root of twice the deviance. */
function etaOf(a: number, x: number, halfSquare: number): number {
  const eta = Math.sqrt((2 * halfSquare) / a);
  return x < a ? -eta : eta;
}

/** S = Σ C_k(η) a^−k. */
function correction(a: number, eta: number): number {
  let sum = 0;
  for (let k = COEFFICIENTS.length - 1; k >= 0; k--) sum = sum / a + polynomial(COEFFICIENTS[k]!, eta);
  return sum;
}

/** P(a, x) if `lower`, else Q(a, x). */
export function temme(a: number, x: number, lower: boolean): number {
  const half = deviance(a, x);
  const eta = etaOf(a, x, half);
  const r = correction(a, eta) / (SQRT_TWO_PI * Math.sqrt(a));
  const tail = 0.5 * erfcx(Math.sqrt(half));
  // The tail is Q for x ≥ a and P for x < a; the other one is its complement.
  const small = expMinusDeviance(a, x, 0) * (x < a ? tail - r : tail + r);
  return x < a === lower ? small : 1 - small;
}

/**
 * ∂P(a, x)/∂a over e^(−aη²/2)/√(2πa). From η dη = (1 − 1/λ) dλ, dη/da = −μ/(aη) and d(aη²/2)/da = −log λ, so
 *
 *     ∂P/∂a = e^(−aη²/2)/√(2πa) · [η/2 − μ/η + (1/(2a) − log λ) S + (μ/(aη)) ∂S/∂η − ∂S/∂a].
 */
function derivativeFactor(a: number, x: number, eta: number): number {
  const mu = (x - a) / a;
  const ratio = Math.abs(eta) < 1e-8 ? 1 + eta / 3 : mu / eta;
  let s = 0;
  let sEta = 0;
  let minusSa = 0;
  for (let k = COEFFICIENTS.length - 1; k >= 0; k--) {
    const c = polynomial(COEFFICIENTS[k]!, eta);
    s = s / a + c;
    sEta = sEta / a + polynomial(DERIVATIVES[k]!, eta);
    minusSa = minusSa / a + k * c;
  }
  return 0.5 * eta - ratio + (0.5 / a - Math.log1p(mu)) * s + (ratio * sEta + minusSa) / a;
}

/** ∂P(a, x)/∂a in the region of the expansion. */
export function temmeGradA(a: number, x: number): number {
  const half = deviance(a, x);
  return (expMinusDeviance(a, x, 0) / (SQRT_TWO_PI * Math.sqrt(a))) * derivativeFactor(a, x, etaOf(a, x, half));
}
