/**
 * Pooling, convolutions, padding and patches: arguments, inverses, errors. Their numbers are in `layers.test.ts`.
 * @module
 */
import { describe, expect, it } from 'vitest';
import { arange, autograd, nn, ones, randn, type Tensor, tensor } from 'cotangent/torch';

const F = nn.functional;
const f64 = { dtype: 'float64' } as const;
const same = (x: Tensor, y: Tensor): void => expect(x.tolist()).toEqual(y.tolist());

describe('pooling', () => {
  const x = randn([2, 3, 7, 8], f64);

  it('takes options by position and by name', () => {
    const expected = F.maxPool2d(x, 3, { stride: 2, padding: 1, dilation: 1, ceilMode: true });
    same(F.maxPool2d(x, 3, 2, 1, 1, true), expected);
    same(new nn.MaxPool2d(3, 2, 1, { ceilMode: true }).call(x), expected);
    same(new nn.MaxPool2d(3, 2, 1, 1, false, true).call(x), expected);
    same(new nn.AvgPool2d(2, 1).call(x), F.avgPool2d(x, [2, 2], { stride: 1 }));
    expect(() => F.maxPool2d(x, 3, { strides: 2 } as never)).toThrow(
      /maxPool2d: expected options stride, .*got strides/,
    );
    expect(() => new nn.AvgPool2d(2, { dilation: 2 } as never)).toThrow('AvgPool2d: expected options stride');
  });

  it('gives positions that find the values again, and undo it', () => {
    const [values, indices] = F.maxPool2d(x, 2, { returnIndices: true });
    same(values, F.maxPool2d(x, 2));
    same(
      x
        .reshape(2, 3, -1)
        .gather(2, indices.reshape(2, 3, -1))
        .reshape([...values.shape]),
      values,
    );
    const back = F.maxUnpool2d(values, indices, 2, { outputSize: x.shape });
    expect(back.shape).toEqual([2, 3, 7, 8]);
    same(F.maxPool2d(back.add(back.eq(0).mul(-100)), 2), values);
    const [most, at] = F.adaptiveMaxPool2d(x, 1, true);
    same(
      x
        .reshape(2, 3, -1)
        .gather(2, at.reshape(2, 3, 1))
        .reshape(2, 3, 1, 1),
      most,
    );
  });

  it('sends derivatives through both', () => {
    const y = randn([1, 1, 4, 4], { ...f64, requiresGrad: true });
    const f = (t: Tensor): Tensor => {
      const [values, indices] = F.maxPool2d(t.pow(2), 2, { returnIndices: true });
      return F.maxUnpool2d(values, indices, 2);
    };
    expect(autograd.gradcheck(f, y)).toBe(true);
    expect(autograd.gradgradcheck(f, y)).toBe(true);
  });

  it('has derivative 0 where a sum of powers is 0', () => {
    const zero = tensor([[0, 0, 1, 1]], { ...f64, requiresGrad: true });
    const y = F.lpPool1d(zero, 2, 2);
    y.sum().backward();
    expect(y.get(0, 0).item()).toBe(0);
    expect(zero.grad?.get(0).tolist().toString()).toMatch(/^0,0,0\.70/);
  });

  it('says what it expects', () => {
    expect(() => F.maxPool2d(ones(3, 4), 2)).toThrow('maxPool2d: expected input [N,C,…,…] or without N, got f32[3,4]');
    expect(() => F.maxPool2d(ones(1, 3, 3), 4)).toThrow('Output size is too small');
    expect(() => F.avgPool1d(ones(1, 4), 2, { padding: 2 })).toThrow('pad should be at most half of kernel size');
    expect(() => F.avgPool1d(ones(1, 4), 2, { divisorOverride: 0 })).toThrow('divisor must be not zero');
    expect(() => F.maxUnpool1d(ones(1, 2), ones([1, 3], { dtype: 'int32' }), 2)).toThrow(
      'Expected shape of indices to be same as that of the input tensor',
    );
    const [values, indices] = F.maxPool1d(ones(1, 4), 2, { returnIndices: true });
    expect(() => F.maxUnpool1d(values, indices, 2, { outputSize: [6] })).toThrow('invalid output_size');
    expect(() => F.adaptiveAvgPool2d(ones(1, 2, 2), [1, 2, 3])).toThrow(
      'expected outputSize to be an integer of at least 1 or 2',
    );
  });
});

describe('convolutions', () => {
  it('take options by position and by name, with the bias or without', () => {
    const [x, w, b] = [randn([1, 2, 5, 5], f64), randn([3, 2, 3, 3], f64), randn([3], f64)];
    same(F.conv2d(x, w, b, 2, 1), F.conv2d(x, w, b, { stride: 2, padding: 1 }));
    same(F.conv2d(x, w, { stride: 2 }), F.conv2d(x, w, null, 2));
    same(
      F.convTranspose1d(ones(1, 2, 4), ones(2, 3, 3), null, 2, 1, 1),
      F.convTranspose1d(ones(1, 2, 4), ones(2, 3, 3), { stride: 2, padding: 1, outputPadding: 1 }),
    );
    const layer = new nn.Conv2d(2, 4, 3, 2, 1, 1, 2, false);
    expect(String(layer)).toBe('Conv2d(2, 4, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1), groups=2, bias=False)');
    expect(() => new nn.Conv2d(2, 4, 3, { strides: 2 } as never)).toThrow('Conv2d: expected options stride, padding');
  });

  it('are undone in size, to a size that is asked for', () => {
    const [down, up] = [new nn.Conv2d(2, 3, 3, 2, 1), new nn.ConvTranspose2d(3, 2, 3, 2, 1)];
    const x = ones(1, 2, 8, 7);
    expect(up.call(down.call(x)).shape).toEqual([1, 2, 7, 7]);
    expect(up.call(down.call(x), x.shape).shape).toEqual([1, 2, 8, 7]);
    expect(() => up.call(down.call(x), [9, 7])).toThrow('expected outputSize from [7, 7]');
  });

  it('say what they expect', () => {
    expect(() => new nn.Conv2d(2, 3, 3).call(ones(1, 3, 8, 8))).toThrow(
      'Conv2d: expected input [N,2,…,…] or without N, got f32[1,3,8,8].',
    );
    expect(() => new nn.Conv2d(2, 3, 3, { paddingMode: 'mirror' as never })).toThrow(
      'paddingMode to be one of zeros, reflect, replicate, circular',
    );
    expect(() => new nn.Conv2d(2, 3, 3, { stride: 2, padding: 'same' })).toThrow(
      "expected stride 1 with padding 'same'",
    );
    expect(() => new nn.Conv2d(2.5, 3, 3)).toThrow('Conv2d: expected inChannels to be an integer');
  });
});

describe('padding and patches', () => {
  it('pads no more than there is', () => {
    expect(() => F.pad(ones(1, 3), [3, 0], 'reflect')).toThrow('Padding size should be less than');
    expect(F.pad(arange(3), [3, 0], 'circular').tolist()).toEqual([0, 1, 2, 0, 1, 2]);
    expect(() => F.pad(arange(3), [4, 0], 'circular')).toThrow(
      'expected at most 3 elements at the ends of dimension 0',
    );
    expect(() => F.pad(arange(3), [1])).toThrow('expected two sizes for each of the last dimensions');
    expect(() => new nn.ReflectionPad2d([1, 2])).toThrow('expected padding to be an integer or 4 of them');
  });

  it('folds what it unfolds, each pixel as often as it was read', () => {
    const x = randn([2, 3, 5, 6], f64);
    const options = { dilation: 1, padding: 1, stride: 2 };
    const count = F.fold(F.unfold(ones([2, 3, 5, 6], f64), 3, options), [5, 6], 3, options);
    expect(
      F.fold(F.unfold(x, 3, options), [5, 6], 3, options)
        .sub(x.mul(count))
        .abs()
        .max()
        .item(),
    ).toBeLessThan(1e-12);
    expect(() => F.fold(ones(1, 12, 3), 4, 2)).toThrow('fold: expected columns [N,C·4,9]');
    expect(() => F.unfold(ones(3, 3), 2)).toThrow('unfold: expected images [N,C,H,W] or [C,H,W], got f32[3,3]');
  });

  it('shuffles pixels and channels', () => {
    const x = arange(16).reshape(1, 4, 2, 2);
    expect(F.pixelShuffle(x, 2).get(0, 0, 0).tolist()).toEqual([0, 4, 1, 5]);
    same(F.pixelUnshuffle(F.pixelShuffle(x, 2), 2), x);
    expect(new nn.ChannelShuffle(2).call(x).get(0, {}, 0, 0).tolist()).toEqual([0, 8, 4, 12]);
    expect(() => F.pixelShuffle(ones(1, 3, 2, 2), 2)).toThrow(
      'channel dimension to be divisible by the square of upscale_factor',
    );
  });
});
