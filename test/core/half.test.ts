/** float16 and bfloat16: conversions to the bit, promotion, what users get, and whole functions. */
import { beforeAll, describe, expect, test } from 'vitest';
import { configure, grad, hessian, init, jit, jvp, lax, nn, np, random, type Tensor, vmap } from 'cotangent';
import { castScalar, type DType } from '../../src/ir/dtype.ts';
import { decodeHalf, encodeHalf, halfBits, halfValue, roundHalf } from '../../src/ir/half.ts';

beforeAll(async () => {
  configure({ defaultDevice: 'wasm' });
  await init();
});

const halves = ['float16', 'bfloat16'] as const;
type Half = (typeof halves)[number];

/** All numbers of a format but NaN, ascending; the middles of neighbours, and numbers just off them. */
function everyNumber(dtype: Half): number[] {
  const all = Array.from({ length: 65536 }, (_, b) => halfValue(b, dtype)).filter((x) => !Number.isNaN(x));
  return [...new Set(all)].sort((a, b) => a - b);
}

function aroundMiddles(dtype: Half): Float64Array<ArrayBuffer> {
  const all = everyNumber(dtype).filter(Number.isFinite);
  const middles = all.slice(1).map((x, i) => (x + all[i]!) / 2);
  return Float64Array.from([...all, ...middles, ...middles.flatMap((m) => [m * (1 + 2 ** -40), m * (1 - 2 ** -40)])]);
}

/** Bit for bit; the first difference is what fails. */
function sameBits(got: ArrayLike<number>, expected: ArrayLike<number>, dtype: Half): void {
  const [a, b] = [encodeHalf(got, dtype), encodeHalf(expected, dtype)];
  const i = a.findIndex((x, k) => x !== b[k]);
  expect(i < 0 ? a.length : [i, got[i]]).toEqual(i < 0 ? b.length : [i, expected[i]]);
}

describe.each(halves)('%s', (dtype) => {
  const one = (x: number): number => np.array(x, { dtype }).item();

  test('bits and numbers are each other’s inverse, for all 65536 of them', () => {
    const all = Array.from({ length: 65536 }, (_, bits) => bits);
    const isNaN = (bits: number): boolean => Number.isNaN(halfValue(bits, dtype));
    expect(all.filter((bits) => halfBits(halfValue(bits, dtype), dtype) !== bits && !isNaN(bits))).toEqual([]);
    expect(isNaN(halfBits(Number.NaN, dtype))).toBe(true);
  });

  test('rounding is to nearest, and to even from the middle', () => {
    const all = everyNumber(dtype).filter(Number.isFinite);
    const even = (x: number): boolean => halfBits(x, dtype) % 2 === 0;
    const isRight = (high: number, i: number): boolean => {
      const low = all[i - 1]!;
      if (i === 0) return true;
      const middle = (low + high) / 2;
      const shift = (high - low) * 2 ** -30;
      const chosen = even(low) ? low : high;
      const sides = [roundHalf(middle - shift, dtype) - low, roundHalf(middle + shift, dtype) - high];
      return sides.every((d) => d === 0) && roundHalf(middle, dtype) - chosen === 0;
    };
    expect(all.filter((high, i) => !isRight(high, i))).toEqual([]);
    const { max } = np.finfo(dtype);
    const half = max - all.at(-2)!;
    expect(roundHalf(max + half / 2 - half * 2 ** -20, dtype)).toBe(max);
    expect(roundHalf(max + half / 2, dtype)).toBe(Infinity);
    expect(roundHalf(-1e300, dtype)).toBe(-Infinity);
  });

  test('kernels decode every number', () => {
    const all = Float32Array.from(everyNumber(dtype));
    const x = np.array(all, { dtype });
    for (const got of [x.astype('float32'), x.add(0).astype('float32'), x]) {
      const data = got.dataSync();
      expect(all.findIndex((v, i) => v !== data[i])).toBe(-1);
    }
  });

  test('kernels round float32 and float64 as the host does', () => {
    const numbers = aroundMiddles(dtype);
    const wide = np.array(numbers, { dtype: 'float64' });
    sameBits(wide.astype(dtype).dataSync(), numbers, dtype);
    const single = Float32Array.from(numbers);
    sameBits(np.array(single).astype(dtype).dataSync(), single, dtype);
    // There and back within one kernel, which takes a shorter way.
    const back = jit((x: Tensor) => x.astype(dtype).astype('float32').mul(1))(np.array(single)).dataSync();
    sameBits(back, single, dtype);
    expect(back.findIndex((x, i) => x !== roundHalf(single[i]!, dtype))).toBe(-1);
  });

  test('NaN, infinities and signed zeros survive kernels', () => {
    const special = [NaN, Infinity, -Infinity, 0, -0, 1e-300, -1e-300, 1e300, -1e300];
    const x = np.array(special, { dtype: 'float64' }).astype(dtype);
    expect(x.toArray()).toEqual([NaN, Infinity, -Infinity, 0, -0, 0, -0, Infinity, -Infinity]);
    expect(np.isnan(x).toArray()).toEqual(special.map(Number.isNaN));
    expect(x.astype('int32').dataSync()[0]).toBe(0);
    expect(x.astype('bool').toArray()).toEqual([true, true, true, false, false, false, false, true, true]);
  });

  test('NaN of every payload stays one', () => {
    const patterns = [0x7f800001, 0x7f808000, 0x7fbfffff, 0x7fc00000, 0x7fff8000, 0x7fffffff, 0xff800001, 0xffffffff];
    const single = np.array(new Float32Array(Uint32Array.from(patterns).buffer));
    const chain = (x: Tensor): Tensor => {
      const y = np.maximum(x.astype(dtype), np.negative(x).astype(dtype));
      return y.mul(2).add(np.abs(y)).div(3);
    };
    for (const f of [(x: Tensor) => x.astype(dtype), chain, jit(chain)])
      expect(np.isnan(f(single)).toArray()).toEqual(patterns.map(() => true));
    if (dtype === 'bfloat16') return;
    // Numbers of bfloat16 whose bits are those of a NaN in float16.
    const bits = [0x7c01, 0x7d55, 0x7e00, 0x7fff, 0xfc01, 0xffff];
    const odd = lax.bitcastConvertType(np.array(decodeHalf(bits, 'bfloat16'), { dtype: 'bfloat16' }), dtype);
    for (const f of [chain, jit(chain)]) expect(np.all(np.isnan(f(odd))).item()).toBe(1);
  });

  test.each(['int32', 'uint32', 'uint8', 'bool'] as const)('%s converts with one rounding', (from) => {
    const values = [0, 1, 3, 255, 2049, 65519, 65520, 16777217, 33685505, 2139095041, -1, -2049, 4286578689]
      .map((v) => castScalar(v, from))
      .map((v) => (from === 'bool' ? Number(v !== 0) : v));
    const x = np.array(values, { dtype: 'float64' }).astype(from);
    sameBits(x.astype(dtype).dataSync(), x.dataSync(), dtype);
  });

  test('conversion to integers truncates and saturates', () => {
    const x = np.array([1.5, -1.5, 300, -7, Infinity, -Infinity], { dtype });
    expect(x.astype('int32').toArray()).toEqual([1, -1, 300, -7, 2147483647, -2147483648]);
    expect(x.astype('uint8').toArray()).toEqual([1, 0, 255, 0, 255, 0]);
  });

  test('a number is rounded once, whichever way it comes in', () => {
    // Halfway plus a little that float32 does not hold.
    const x = 1 + np.finfo(dtype).eps / 2 + 2 ** -40;
    const up = 1 + np.finfo(dtype).eps;
    expect([one(x), np.array([x], { dtype }).item(), np.full([2], x, { dtype }).dataSync()[0]]).toEqual([up, up, up]);
    expect(np.arange(0, 1, x / 4, dtype).dataSync()[3]).toBe(roundHalf((3 * x) / 4, dtype));
    expect(np[dtype](x).item()).toBe(up);
  });

  test('users get float32 values, print the fewest digits, and see the dtype', () => {
    const x = np.array([0.1, 1, -2.5], { dtype });
    expect(x.dataSync()).toBeInstanceOf(Float32Array);
    expect(String(x)).toBe('[0.1, 1, -2.5]');
    expect(x.aval.toString()).toBe(dtype === 'float16' ? 'f16[3]' : 'bf16[3]');
    expect(x.toArray()).toEqual([0.1, 1, -2.5].map((v) => roundHalf(v, dtype)));
  });

  test('each operation is rounded, fused or not, to the same bits', () => {
    const x = random.normal(random.key(1), [7, 129], dtype);
    const f = (t: Tensor): Tensor => {
      const y = np.tanh(t.mul(3)).add(t);
      const z = np.exp(y.sub(np.max(y, { axis: 1, keepdims: true })));
      return z
        .div(np.sum(z, { axis: 1, keepdims: true }))
        .mul(np.square(y))
        .sub(np.mean(y));
    };
    sameBits(jit(f)(x).dataSync(), f(x).dataSync(), dtype);
    sameBits(
      jit(grad((t: Tensor) => np.sum(f(t))))(x).dataSync(),
      grad((t: Tensor) => np.sum(f(t)))(x).dataSync(),
      dtype,
    );
  });

  test('products accumulate in float32', () => {
    const [a, b] = [random.normal(random.key(2), [33, 300], dtype), random.normal(random.key(3), [300, 17], dtype)];
    const wide = np.matmul(a.astype('float32'), b.astype('float32'));
    const narrow = np.matmul(a, b);
    expect(narrow.dtype).toBe(dtype);
    sameBits(narrow.dataSync(), wide.dataSync(), dtype);
    const dims = [
      [[1], [0]],
      [[], []],
    ] as const;
    const kept = lax.dotGeneral(a, b, dims, { preferredElementType: 'float32' });
    expect(kept.dataSync()).toEqual(wide.dataSync());
    const preferred = { preferredElementType: 'float32' } as const;
    expect(np.matmul(a, b, preferred).dataSync()).toEqual(wide.dataSync());
    expect(np.einsum('ij,jk->ik', a, b, preferred).dataSync()).toEqual(wide.dataSync());
    sameBits(
      np.matmul(a.astype('float32'), b.astype('float32'), { preferredElementType: dtype }).dataSync(),
      wide.dataSync(),
      dtype,
    );
    const fused = jit((x: Tensor, y: Tensor) => np.tanh(np.matmul(x, y)).add(1));
    sameBits(fused(a, b).dataSync(), np.tanh(np.matmul(a, b)).add(1).dataSync(), dtype);
    const [image, filter] = [
      random.normal(random.key(4), [2, 3, 9, 9], dtype),
      random.normal(random.key(5), [4, 3, 3, 3], dtype),
    ];
    const conv = (x: Tensor, k: Tensor): Tensor =>
      lax.convGeneralDilated(x, k, { windowStrides: [1, 1], padding: 'SAME' });
    expect(conv(image, filter).dtype).toBe(dtype);
    sameBits(conv(image, filter).dataSync(), conv(image.astype('float32'), filter.astype('float32')).dataSync(), dtype);
  });

  test('sums and means do not overflow on the way', () => {
    const x = np.full([1000], 500, { dtype });
    expect(np.mean(x).item()).toBe(500);
    expect(np.var(np.array([-200, 200, -200, 200], { dtype })).item()).toBe(castScalar(40000, dtype));
    expect(np.sum(np.concatenate([x, x.mul(-1)])).item()).toBe(0);
  });

  test.each<readonly [string, (t: Tensor) => Tensor]>([
    ['median', (t) => np.median(t)],
    ['quantile', (t) => np.quantile(t, np.array([0.1, 0.9], { dtype: t.dtype }))],
    ['percentile', (t) => np.percentile(t, 25)],
    ['nanmedian', (t) => np.nanmedian(t)],
    ['nanquantile', (t) => np.nanquantile(t, 0.9)],
    ['nanmean', (t) => np.nanmean(t)],
    ['nanvar', (t) => np.nanvar(t.mul(300))],
    ['nanstd', (t) => np.nanstd(t, { ddof: 1 })],
    ['var', (t) => np.var(t)],
    ['cov', (t) => np.cov(t, np.square(t))],
    ['corrcoef', (t) => np.corrcoef(t.mul(500), np.sin(t))],
    ['logmeanexp', (t) => nn.logmeanexp(t)],
    ['standardize', (t) => nn.standardize(t).slice(7)],
    ['average', (t) => np.average(t, { weights: t })],
  ])('%s of more numbers than float16 counts', (_name, f) => {
    const x = random.uniform(random.key(7), [70000]).astype(dtype);
    const [got, expected] = [f(x), f(x.astype('float32'))];
    expect(got.dtype).toBe(dtype);
    const tolerance = 2 * np.finfo(dtype).eps;
    const wide = expected.dataSync();
    got.dataSync().forEach((v, i) => expect(Math.abs(v - wide[i]!)).toBeLessThan(tolerance * Math.abs(wide[i]!)));
  });

  test('derivatives have the dtype of the parameters, to any order and in loops', () => {
    const f = (x: Tensor): Tensor => np.sum(np.sin(x).mul(x));
    const x = np.array([0.5, -1, 2], { dtype });
    expect(grad(f)(x).dtype).toBe(dtype);
    expect(hessian(f)(x).dtype).toBe(dtype);
    const [, tangent] = jvp(f, [x], [np.ones([3], dtype)]);
    expect((tangent as Tensor).dtype).toBe(dtype);
    const loop = (t: Tensor): Tensor =>
      np.sum(lax.scan((c: Tensor) => [np.tanh(c.mul(1.5)), c] as const, t, undefined, { length: 4 })[0] as Tensor);
    const [eager, compiled] = [grad(loop)(x), jit(grad(loop))(x)];
    expect(compiled.dtype).toBe(dtype);
    sameBits(compiled.dataSync(), eager.dataSync(), dtype);
    expect(vmap(grad((t: Tensor) => np.sin(t)))(x).dtype).toBe(dtype);
  });

  test('indexing, sorting and updates keep the elements', () => {
    const values = [3, -1, 0.5, NaN, 2];
    const x = np.array(values, { dtype });
    expect(np.sort(x).toArray()).toEqual([-1, 0.5, 2, 3, NaN]);
    expect(np.argsort(x).toArray()).toEqual([1, 2, 4, 0, 3]);
    expect(x.at(1).set(7).toArray()).toEqual([3, 7, 0.5, NaN, 2]);
    expect(x.at(0).add(0.5).dataSync()[0]).toBe(3.5);
    expect(np.flip(x).toArray()).toEqual([...values].reverse());
    expect(np.cumsum(np.array([1, 2, 3], { dtype })).toArray()).toEqual([1, 3, 6]);
    const big = np.arange(0, 600, 1, 'float32').astype(dtype).reshape([20, 30]);
    sameBits(big.T.dataSync(), big.astype('float32').T.dataSync(), dtype);
    sameBits(
      np.take(big, np.array([3, 1, 19], { dtype: 'int32' }), { axis: 0 }).dataSync(),
      np.take(big.astype('float32'), np.array([3, 1, 19], { dtype: 'int32' }), { axis: 0 }).dataSync(),
      dtype,
    );
    sameBits(
      big.reshape([-1]).slice([1, 599, 3]).dataSync(),
      big.astype('float32').reshape([-1]).slice([1, 599, 3]).dataSync(),
      dtype,
    );
  });

  test('nextafter steps through the format, with derivative 1', () => {
    const { eps, max, smallestSubnormal } = np.finfo(dtype);
    const next = (x: number, y: number): number => np.nextafter(np.array(x, { dtype }), np.array(y, { dtype })).item();
    expect([next(1, 2), next(1, 0), next(0, 1), next(0, -1)]).toEqual([
      1 + eps,
      1 - eps / 2,
      smallestSubnormal,
      -smallestSubnormal,
    ]);
    expect([next(max, Infinity), next(Infinity, 0), next(-Infinity, 0), next(smallestSubnormal, -1)]).toEqual([
      Infinity,
      max,
      -max,
      0,
    ]);
    expect([next(3, 3), next(NaN, 1), next(1, NaN)]).toEqual([3, NaN, NaN]);
    const all = np.array(Float32Array.from(everyNumber(dtype)).filter(Number.isFinite), { dtype });
    const up = jit((t: Tensor) => np.nextafter(t, np.array(Infinity, { dtype })))(all).dataSync();
    const host = all
      .dataSync()
      .map((x) => (x === 0 ? smallestSubnormal : halfValue(halfBits(x, dtype) + (x > 0 ? 1 : -1), dtype)));
    sameBits(up, host, dtype);
    expect(grad((t: Tensor) => np.nextafter(t, np.array(9, { dtype })))(np.array(2, { dtype })).item()).toBe(1);
  });

  test('frexp, modf and special functions are those of float32, rounded', () => {
    const x = np.array([0.3, 6e-8, -5, 1000], { dtype });
    const [m, e] = np.frexp(x);
    sameBits(np.ldexp(m.astype('float32'), e).dataSync(), x.dataSync(), dtype);
  });

  test('random numbers lie in range and on the grid of JAX', () => {
    const u = random.uniform(random.key(0), [4096], dtype).dataSync();
    const digits = dtype === 'float16' ? 10 : 7;
    expect(u.every((x) => x >= 0 && x < 1 && Number.isInteger(x * 2 ** digits))).toBe(true);
    const z = random.normal(random.key(0), [4096], dtype);
    expect(np.all(np.isfinite(z)).item()).toBe(1);
    expect(Math.abs(np.mean(z.astype('float32')).item())).toBeLessThan(0.06);
  });
});

test('promotion is JAX’s lattice', () => {
  const cases: readonly (readonly [DType, DType, DType])[] = [
    ['float16', 'bfloat16', 'float32'],
    ['float16', 'float32', 'float32'],
    ['bfloat16', 'float64', 'float64'],
    ['int32', 'float16', 'float16'],
    ['uint8', 'bfloat16', 'bfloat16'],
    ['bool', 'float16', 'float16'],
  ];
  for (const [a, b, c] of cases) {
    expect([np.promoteTypes(a, b), np.promoteTypes(b, a)]).toEqual([c, c]);
    expect(np.ones([2], a).add(np.ones([2], b)).dtype).toBe(c);
  }
  // Numbers are weak.
  expect(np.ones([2], 'bfloat16').mul(1.1).dtype).toBe('bfloat16');
  expect(np.ones([2], 'int32').mul(1.5).dtype).toBe('float32');
});

test('finfo knows both', () => {
  expect(np.finfo('float16')).toMatchObject({
    bits: 16,
    eps: 2 ** -10,
    max: 65504,
    smallestNormal: 2 ** -14,
    smallestSubnormal: 2 ** -24,
  });
  expect(np.finfo('bfloat16')).toMatchObject({
    bits: 16,
    eps: 2 ** -7,
    smallestNormal: 2 ** -126,
    smallestSubnormal: 2 ** -133,
  });
  expect(np.finfo(np.bfloat16).max).toBe(halfValue(0x7f7f, 'bfloat16'));
});

test('bits are reinterpreted between the two', () => {
  const x = np.array([1, -2, 0.1], { dtype: 'float16' });
  const y = lax.bitcastConvertType(x, 'bfloat16');
  expect(y.dataSync()).toEqual(decodeHalf(encodeHalf(x.dataSync(), 'float16'), 'bfloat16'));
  expect(() => lax.bitcastConvertType(x, 'int32')).toThrow(/dtypes of equal width, got f16\[3\]/);
});

test('large tensors lie in 16 bits', () => {
  expect(np.zeros([1000], 'float16').aval.bytes).toBe(2000);
  const big = np.ones([300, 300], 'bfloat16');
  expect(np.sum(big.add(1)).item()).toBe(roundHalf(180000, 'bfloat16'));
});
