/**
 * Bit-level helpers for binary64 and binary32, and the elementary functions that JavaScript lacks.
 *
 * @module
 */

import { describe, expect, it } from 'vitest';

import { nextAfter32, ulpDistance32 } from '../../src/util/float32.ts';
import { exp2, logistic, pow, sinPi } from '../../src/util/special/elementary.ts';
import { copySign, fmod, nextAfter, roundEven, ulpDistance64 } from '../../src/util/special/float64.ts';

describe('binary64 helpers', () => {
  it('roundEven breaks ties to even and keeps the sign of zero', () => {
    const cases = [
      [0.5, 0],
      [1.5, 2],
      [2.5, 2],
      [3.5, 4],
      [-0.5, -0],
      [-1.5, -2],
      [-0.3, -0],
      [0.49999999999999994, 0],
      [4503599627370495.5, 4503599627370496],
      [4503599627370497, 4503599627370497],
      [-0, -0],
      [1e300, 1e300],
      [Infinity, Infinity],
      [-Infinity, -Infinity],
      [NaN, NaN],
    ] as const;
    for (const [x, expected] of cases) expect(roundEven(x)).toBe(expected);
  });

  it('copySign takes the sign of zero too', () => {
    expect([copySign(3, -0), copySign(-3, 0), copySign(0, -1), copySign(-Infinity, 2)]).toEqual([-3, 3, -0, Infinity]);
    expect(copySign(NaN, -1)).toBeNaN();
  });

  it('fmod has the sign of the dividend', () => {
    expect([fmod(7, 3), fmod(-7, 3), fmod(7, -3), fmod(-6, 3)]).toEqual([1, -1, 1, -0]);
    expect(fmod(1, 0)).toBeNaN();
  });

  it('nextAfter steps one number at a time, across words, signs and ranges', () => {
    expect(nextAfter(1, 2)).toBe(1 + 2 ** -52);
    expect(nextAfter(1, 0)).toBe(1 - 2 ** -53);
    expect(nextAfter(-1, 0)).toBe(-1 + 2 ** -53);
    expect([nextAfter(0, 1), nextAfter(0, -1), nextAfter(5e-324, 0)]).toEqual([5e-324, -5e-324, 0]);
    expect([nextAfter(Number.MAX_VALUE, Infinity), nextAfter(Infinity, 0)]).toEqual([Infinity, Number.MAX_VALUE]);
    expect(nextAfter(4294967295 * 5e-324, 1)).toBe(4294967296 * 5e-324);
    expect(nextAfter(4294967296 * 5e-324, 0)).toBe(4294967295 * 5e-324);
    expect([nextAfter(0, -0), nextAfter(NaN, 1), nextAfter(1, NaN)]).toEqual([-0, NaN, NaN]);
  });

  it('ulpDistance64 counts the numbers between', () => {
    expect(ulpDistance64(1, 1 + 2 ** -52)).toBe(1);
    expect(ulpDistance64(-5e-324, 5e-324)).toBe(2);
    expect(ulpDistance64(0, -0)).toBe(0);
    expect(ulpDistance64(1, 2)).toBe(2 ** 52);
    expect([ulpDistance64(NaN, NaN), ulpDistance64(NaN, 1)]).toEqual([0, Infinity]);
  });
});

describe('binary32 helpers', () => {
  it('nextAfter32 steps one number at a time', () => {
    expect(nextAfter32(1, 2)).toBe(1 + 2 ** -23);
    expect(nextAfter32(1, 0)).toBe(1 - 2 ** -24);
    expect([nextAfter32(0, 1), nextAfter32(0, -1)]).toEqual([2 ** -149, -(2 ** -149)]);
    expect(nextAfter32(3.4028234663852886e38, Infinity)).toBe(Infinity);
    expect([nextAfter32(0, -0), nextAfter32(NaN, 1)]).toEqual([-0, NaN]);
  });

  it('ulpDistance32 counts the numbers between', () => {
    expect(ulpDistance32(1, 1 + 2 ** -23)).toBe(1);
    expect(ulpDistance32(-(2 ** -149), 2 ** -149)).toBe(2);
    expect(ulpDistance32(1, 2)).toBe(2 ** 23);
    expect([ulpDistance32(NaN, NaN), ulpDistance32(NaN, 1)]).toEqual([0, Infinity]);
  });
});

describe('elementary functions', () => {
  it('exp2 is exact at integers, subnormals included', () => {
    for (let n = -1074, value = 5e-324; n < 1024; n++, value *= 2) expect(exp2(n)).toBe(value);
    expect([exp2(1024), exp2(-1080), exp2(-Infinity)]).toEqual([Infinity, 0, 0]);
  });

  it('Math.log2 and Math.log10 are exact at exact powers', () => {
    for (let n = -1074; n < 1024; n++) expect(Math.log2(2 ** n)).toBe(n);
    for (let n = 0; n <= 22; n++) expect(Math.log10(Number(`1e${n}`))).toBe(n);
  });

  it('pow follows IEEE 754 where Math.pow does not', () => {
    expect([pow(1, NaN), pow(1, Infinity), pow(-1, Infinity), pow(-1, -Infinity)]).toEqual([1, 1, 1, 1]);
    expect([pow(NaN, 0), pow(-8, 1 / 3), pow(-0, -3), pow(2, 10)]).toEqual([1, NaN, -Infinity, 1024]);
  });

  it('logistic neither overflows nor loses its tails', () => {
    expect([logistic(0), logistic(Infinity), logistic(-Infinity), logistic(NaN)]).toEqual([0.5, 1, 0, NaN]);
    expect(ulpDistance64(logistic(-700), Math.exp(-700))).toBeLessThanOrEqual(1);
    expect(logistic(1000)).toBe(1);
  });

  it('sinPi is exact at quarter turns, however large the argument', () => {
    expect([0, 0.5, 1, 1.5, 2, -0.5].map(sinPi).map((s) => s + 0)).toEqual([0, 1, 0, -1, 0, -1]);
    expect(sinPi(2 ** 40 + 0.5)).toBe(1);
    expect(Math.abs(sinPi(2 ** 60))).toBe(0);
    expect(ulpDistance64(sinPi(1 / 6), 0.5)).toBeLessThanOrEqual(1);
  });
});
