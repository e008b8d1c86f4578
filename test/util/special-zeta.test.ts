/**
 * Hurwitz zeta and polygamma: accuracy over all regimes and behaviour at poles.
 *
 * @module
 */

import { describe, expect, it } from 'vitest';

import { digamma } from '../../src/util/special/digamma.ts';
import { polygamma, zeta } from '../../src/util/special/zeta.ts';
import { expectWithinUlps, type Table } from './special-table.ts';

const ZETA: Table = [
  [2.998494, 1.501207, 0.4139505224427808],
  [1.597837, 0.2347575, 12.033473662107642],
  [1.966865, 2.313226, 0.568952739891073],
  [1.470191, 0.4946627, 4.895171719836463],
  [2.161669, 1.401721, 0.8791282990446591],
  [2.535685, 0.2225093, 46.047013501991714],
  [6.215118, 12.40274, 4.666598624475948e-7],
  [23.10634, 24.16473, 1.8315687787170298e-32],
  [8.613069, 33.41284, 3.6773868223754783e-13],
  [43.66218, 40.20319, 1.3787004430570095e-70],
  [57.18782, 54.76997, 5.884552724265013e-100],
  [39.28196, 21.41889, 6.371993241675322e-53],
  [7.503298, 12.4185, 1.519560254381725e-8],
  [6.640994, 87.82525, 1.9888283512086094e-12],
  [4.630588, 23033.94, 4.0003271210420253e-17],
  [6.062864, 0.2627369, 3306.722766889942],
  [7.517753, 260572.7, 7.695212415646744e-37],
  [47.83494, 360.5207, 4.014889009951378e-122],
  [23.51473, 948.5341, 4.218275172938124e-69],
  [31.59724, 488.6702, 1.7839558269038062e-84],
  [21.25329, 739.0622, 3.9738809035409665e-60],
];
const POLYGAMMA: Table = [
  [3.0, 2.98139, 0.12151143553584039],
  [1.0, 0.6513198, 3.181013509524486],
  [4.0, 2.034185, -0.8185016114956022],
  [2.0, 0.2183118, -193.6401929034019],
  [4.0, 2.026446, -0.8332680201547361],
  [4.0, 1.207405, -9.911523560902507],
  [2.0, 5.702098, -0.036618130361247204],
  [3.0, 224.5507, 1.7782251758158022e-7],
  [3.0, 6.806307, 0.007876391286541126],
  [3.0, 92.73649, 2.5485676734139077e-6],
  [2.0, 62.4819, -0.0002602807034881661],
  [7.0, 55.53685, 4.703521431613904e-10],
  [7.0, 34.1789, 1.461958195881978e-8],
  [6.0, 4.711269, -0.019607770312064548],
  [9.0, 57.11391, 6.7406901002954175e-12],
  [31.0, 16.10404, 2.3062463203607646e-5],
  [105.0, 34.90232, 32646.922723310192],
  [163.0, 44.39083, 1.4365206966901515e21],
  [101.0, 56.88827, 1.104102610223288e-19],
];
const POLYGAMMA_NEGATIVE: Table = [
  [1.0, -1.063492, 250.75897388347514],
  [3.0, -6.687307, 657.7051905225919],
  [5.0, -1.981799, 3300728082016.626],
  [4.0, -4.959687, -225416462.3881006],
  [6.0, -2.850872, -438951157.8398415],
  [1.0, -7.778265, 23.85396415619848],
  [2.0, -10.73932, -108.69004732296519],
  [1.0, -0.4245732, 9.44362082794948],
  [6.0, -6.210988, 38680114.427348934],
  [6.0, -1.846174, -353282182.7087179],
];

describe('zeta and polygamma', () => {
  it('zeta is accurate to 6 ulp', () => expectWithinUlps(zeta, ZETA, 6));
  it('polygamma is accurate to 8 ulp on the positive axis', () => expectWithinUlps(polygamma, POLYGAMMA, 8));
  it('polygamma is accurate to 1e-13 on the negative axis', () =>
    expectWithinUlps((n, x) => polygamma(n!, x!), POLYGAMMA_NEGATIVE, 500));

  it('zeta follows JAX at s ≤ 1 and at q ≤ 0', () => {
    expect(zeta(1, 2)).toBe(Infinity);
    expect([zeta(2, 0), zeta(2, -3)]).toEqual([Infinity, Infinity]);
    for (const [s, q] of [
      [0.5, 2],
      [3, 0],
      [3, -1],
      [2.5, -0.5],
      [NaN, 1],
      [2, NaN],
    ] as const)
      expect(zeta(s, q)).toBeNaN();
    expect([zeta(Infinity, 2), zeta(Infinity, 1), zeta(2, Infinity)]).toEqual([0, 1, 0]);
  });

  it('polygamma of order 0 is digamma', () => {
    for (const x of [0.3, 2, 17.5, -0.4]) expect(polygamma(0, x)).toBe(digamma(x));
  });

  it('polygamma is NaN unless the order is a natural number', () => {
    for (const n of [-1, 1.5, NaN, Infinity]) expect(polygamma(n, 2)).toBeNaN();
  });

  it('polygamma at poles and limits: +∞ for odd order, NaN for even, 0 at +∞', () => {
    expect([polygamma(1, 0), polygamma(3, -2), polygamma(1, Infinity)]).toEqual([Infinity, Infinity, 0]);
    expect(polygamma(2, 0)).toBeNaN();
    expect(polygamma(2, -1)).toBeNaN();
  });

  it('polygamma stays finite where n! or the power alone overflows', () => {
    // n! ζ(n + 1, x) from 40-digit sums.
    expect(polygamma(200, 100) / -9.125424691096223e-28).toBeCloseTo(1, 10);
    expect(polygamma(150, 300) / -1.3083361237650298e-111).toBeCloseTo(1, 10);
  });
});
