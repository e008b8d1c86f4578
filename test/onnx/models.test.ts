/** Models with parameters, control flow and derivatives, exported and run by onnxruntime. */
import { describe, expect, test } from 'vitest';
import {
  checkpoint,
  customJvp,
  FileError,
  grad,
  jit,
  lax,
  makeProgram,
  nn,
  np,
  random,
  scipy,
  type Tensor,
  tree,
  vmap,
} from 'cotangent';
import {
  BatchNorm,
  Conv2d,
  ConvTranspose2d,
  crossEntropy,
  Embedding,
  Lambda,
  Linear,
  LSTM,
  MaxPool,
  Sequential,
  TransformerBlock,
} from 'cotangent/nn';
import { exportOnnx, type ExportOptions } from 'cotangent/onnx';
import { firstDifference } from '../support/tolerances.ts';
import { runModel } from './runtime.ts';

const key = random.key(7);
const normal = (shape: readonly number[], seed = 0): Tensor => random.normal(random.key(seed), [...shape]);

/** Exports, runs, and compares with the function itself. */
async function check(
  f: (...args: Tensor[]) => unknown,
  args: readonly Tensor[],
  options: ExportOptions = {},
): Promise<void> {
  const bytes = exportOnnx(f, options)(...args);
  const outs = await runModel(
    bytes,
    Object.fromEntries(args.map((x, i) => [options.inputNames?.[i] ?? `input${i}`, x])),
  );
  const expected = tree.leaves(f(...args)) as Tensor[];
  expect(Object.keys(outs)).toEqual(expected.map((_, i) => options.outputNames?.[i] ?? `output${i}`));
  Object.values(outs).forEach((got, i) => {
    const y = expected[i]!;
    expect([got.dtype, got.shape]).toEqual([y.dtype, y.shape]);
    expect(firstDifference(got.data, y.dataSync(), { rtol: 1e-5, atol: 1e-6 })).toBe(undefined);
  });
}

const mlp = new Sequential([
  new Linear(4, 8, { key }),
  new Lambda((x: Tensor) => nn.gelu(x)),
  new Linear(8, 3, { key: random.key(8) }),
]);
const convnet = new Sequential([
  new Conv2d(2, 4, 3, { key, padding: 1 }),
  new BatchNorm(4),
  new Lambda((x: Tensor) => nn.relu(x)),
  new MaxPool([2, 2]),
  new Conv2d(4, 4, 3, { key: random.key(9), groups: 2, dilation: 2, padding: 2, stride: 2 }),
  new ConvTranspose2d(4, 2, 3, { key: random.key(10), stride: 2 }),
]);
const labels = np.array([0, 2, 1], { dtype: 'int32' });
const mlpLoss = (model: Sequential, x: Tensor): Tensor => crossEntropy(model.call(x), labels);

describe('models compute what they do here', () => {
  test.each([18, 19, 20, 21, 22])('a perceptron with softmax, opset %i', async (opset) => {
    const f = (x: Tensor): Tensor => nn.softmax(mlp.call(x));
    await check(f, [normal([3, 4])], { inputNames: ['x'], outputNames: ['p'], opset });
  });

  test('a convolutional network with batch norm, pooling, groups, dilation and a transposed convolution', async () => {
    await check((x) => convnet.call(x), [normal([2, 2, 8, 8])]);
  });

  test('embedding and a transformer block, with its mask', async () => {
    const embedding = new Embedding(11, 8, { key });
    const block = new TransformerBlock(8, 2, { key, rotary: true });
    const tokens = np.array([[1, 5, 10, 0]], { dtype: 'int32' });
    await check((x) => block.call(embedding.call(x), { isCausal: true }), [tokens]);
  });

  test('a recurrent network, as a loop', async () => {
    const lstm = new LSTM(3, 4, { key });
    await check((x) => lstm.call(x), [normal([2, 5, 3])]);
  });

  test('a gradient in the parameters, which are its inputs', async () => {
    const f = (w: Tensor, x: Tensor): Tensor => {
      const first = (mlp.layers[0] as Linear).with({ weight: w });
      return mlpLoss(new Sequential([first, ...mlp.layers.slice(1)]), x);
    };
    await check(grad(f, { argnums: [0, 1] }) as (...args: Tensor[]) => unknown, [normal([8, 4]), normal([3, 4], 1)]);
  });

  test('the gradient of a convolutional network in its input', async () => {
    await check(grad((x: Tensor) => np.sum(np.square(convnet.call(x)))) as (x: Tensor) => unknown, [
      normal([2, 2, 8, 8]),
    ]);
  });

  test('16-bit floats, computed in 32 and rounded', async () => {
    const f = (x: Tensor): Tensor => np.tanh(x.astype('float16').mul(3)).add(1).astype('float32');
    await check(f, [normal([5])]);
  });
});

describe('transformations and control flow', () => {
  test('jit, vmap, checkpoint and custom rules are written out', async () => {
    const cube = customJvp((x: Tensor) => x.mul(x).mul(x));
    cube.defjvp(([x]: [Tensor], [dx]: [Tensor]) => [cube(x), dx.mul(x.mul(x)).mul(3)] as never);
    const row = jit((x: Tensor) => np.sum(checkpoint((y: Tensor) => np.sin(cube(y)))(x)));
    await check(vmap(row) as (x: Tensor) => Tensor, [normal([3, 4])]);
    await check(vmap(grad(row as (x: Tensor) => Tensor)) as (x: Tensor) => Tensor, [normal([3, 4])]);
  });

  const scanned = (reverse: boolean) => (x: Tensor) =>
    lax.scan((c: Tensor, row: Tensor) => [np.tanh(c.add(row)), c.mul(row)] as const, np.zeros([3]), x, { reverse });

  test.each([false, true])('scan, reversed %s, and its derivative', async (reverse) => {
    await check(scanned(reverse), [normal([5, 3])]);
    const loss = (x: Tensor): Tensor => {
      const [carry, ys] = scanned(reverse)(x) as unknown as [Tensor, Tensor];
      return np.sum(carry).add(np.sum(np.square(ys)));
    };
    await check(grad(loss) as (x: Tensor) => Tensor, [normal([5, 3])]);
  });

  test('a scan of no iterations', async () => {
    await check(
      (x) => lax.scan((c: Tensor, row: Tensor) => [c.add(row), c] as const, x, np.zeros([0, 3])),
      [normal([3])],
    );
  });

  test.each([0.1, 3, 1000])('a loop until a condition holds, from %f', async (start) => {
    const f = (x: Tensor): unknown =>
      lax.whileLoop(
        (y: Tensor) => np.less(y, 100),
        (y: Tensor) => y.mul(2).add(x),
        x,
      );
    await check(f, [np.array(start)]);
  });

  test.each([-1, 0, 1, 2, 7])('switch at %i, inside a loop', async (index) => {
    const branches = [(x: Tensor) => np.sin(x), (x: Tensor) => x, (x: Tensor) => x.mul(2).add(1)];
    const f = (i: Tensor, x: Tensor): unknown =>
      lax.foriLoop(0, 3, (k: Tensor, y: Tensor) => lax.switch(i.add(k), branches, y), x);
    await check(f, [np.array(index, { dtype: 'int32' }), normal([2])]);
  });
});

describe('values outside the usual', () => {
  const odd = np.array([NaN, -Infinity, Infinity, -0, 0, 3e9, -3e9, 1.5, -2.5, 1e-9]);

  test('conversions saturate, NaN is 0 as an integer', async () => {
    await check((x) => ['int32', 'uint32', 'uint8', 'bool'].map((d) => x.astype(d as 'int32')), [odd]);
  });

  test('NaN in comparisons, extremes, signs and positions', async () => {
    await check(
      (x) => [np.argmax(x), np.argmin(x), np.sign(x), np.isfinite(x), np.equal(x, x), np.sort(x), np.argsort(x)],
      [odd],
    );
    await check((x) => [np.maximum(x, 0), np.minimum(x, 0), np.isnan(x), np.trunc(x)], [odd]);
  });

  test('near 0 nothing cancels', async () => {
    await check((x) => [np.expm1(x), np.log1p(x)], [np.array([1e-7, -1e-7, 1e-4, 0.4, -0.6, 20, 1e20])]);
  });

  test('erfc in its tail', async () => {
    const x = np.array([0, 0.3, 0.6, 1, 3, 6, 9, -0.4, -2, -8]);
    const { output0 } = await runModel(exportOnnx(scipy.special.erfc)(x), { input0: x as never });
    const expected = scipy.special.erfc(x).dataSync();
    output0!.data.forEach((y, i) => expect(Math.abs(y / expected[i]! - 1)).toBeLessThan(2e-5));
  });

  test('an input that is a result, a constant that is one, and one result twice', async () => {
    await check((x) => [x, np.ones([2]), x, np.array(3)], [normal([2])]);
  });
});

describe('errors say what to change', () => {
  test('a primitive that ONNX cannot express, with the line that it comes from', () => {
    const f = (x: Tensor): Tensor => scipy.special.gammaln(x).add(1);
    let error: unknown;
    try {
      exportOnnx(f)(np.ones([2]));
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(FileError);
    expect((error as Error).message).toMatch(
      /expected primitives that ONNX can express, got lgamma of \(f32\[2\]\) at .*models\.test\.ts/,
    );
  });

  test('names and versions', () => {
    const x = np.ones([2]);
    const f = (y: Tensor): Tensor => y.add(1);
    expect(() => exportOnnx(f, { inputNames: [] })(x)).toThrow(/expected 1 distinct names in inputNames, got \[\]/);
    expect(() => exportOnnx(f, { inputNames: ['a'], outputNames: ['a'] })(x)).toThrow(
      /of different names, got a twice/,
    );
    expect(() => exportOnnx(f, { opset: 9 })(x)).toThrow(/expected an opset of 18, 19, 20, 21, 22, got 9/);
    expect(() => exportOnnx(f, { names: [] } as never)(x)).toThrow(/expected options inputNames, outputNames, opset/);
  });

  test('names of the user do not meet those of the model', async () => {
    await check((x) => np.sin(x).mul(2), [normal([2])], { inputNames: ['v0'], outputNames: ['v1'] });
  });
});

test('a parameter that is used twice is stored once', () => {
  const w = normal([64, 64]);
  const once = exportOnnx((x: Tensor) => np.dot(x, w))(np.ones([1, 64])).length;
  const twice = exportOnnx((x: Tensor) => np.dot(np.dot(x, w), w))(np.ones([1, 64])).length;
  expect(makeProgram((x: Tensor) => np.dot(x, w))(np.ones([1, 64])).equations.length).toBe(1);
  expect(twice - once).toBeLessThan(200);
});
