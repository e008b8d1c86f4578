/** Losses: PyTorch's values and gradients, second derivatives, extremes, masks, mistakes. */
import { describe, expect, test } from 'vitest';
import { grad, hvp, jit, np, random, type Tensor, vmap } from 'cotangent';
import * as nn from 'cotangent/nn';
import { expectClose, type Figure, figures, numericalGrad, tensor } from './figures.ts';

interface Case {
  readonly loss: string;
  readonly options: Record<string, unknown>;
  readonly inputs: readonly Figure[];
  readonly out: Figure;
  readonly ct: Figure;
  readonly grads: readonly (Figure | null)[];
  readonly note?: string;
}

type AnyLoss = (...args: unknown[]) => Tensor;

/** The loss of a case as a function of its tensors. */
function lossOf({ loss, options }: Case): (...xs: Tensor[]) => Tensor {
  const f = (nn as unknown as Record<string, AnyLoss>)[loss]!;
  if (loss !== 'ctcLoss') return (...xs) => f(...xs, options);
  const { logitPaddings, labels, labelPaddings, ...rest } = options;
  return (x) => f(x, logitPaddings, labels, labelPaddings, rest);
}

const cases = figures<Case>('losses');

describe("values and gradients are PyTorch's", () => {
  cases.forEach((c, n) => {
    test(`${n}: ${c.loss} ${c.note ?? JSON.stringify(c.options).slice(0, 60)}`, () => {
      const f = lossOf(c);
      const inputs = c.inputs.map(tensor);
      const at = c.grads.flatMap((g, i) => (g ? [i] : []));
      const total = (...xs: Tensor[]): Tensor => np.sum(f(...xs).mul(tensor(c.ct)));
      expectClose(f(...inputs), c.out, 1e-10, 'value');
      for (const [how, g] of [
        ['eager', grad(total, { argnums: at })(...inputs)],
        ['jit', jit(grad(total, { argnums: at }))(...inputs)],
      ] as const) {
        (g as unknown as Tensor[]).forEach((x, k) =>
          expectClose(x, c.grads[at[k]!]!, 1e-8, `${how} gradient ${at[k]!}`),
        );
      }
    });
  });
});

describe('second derivatives are those of differences of gradients', () => {
  const seen = new Set<string>();
  for (const c of cases) {
    if (seen.has(c.loss) || c.options.reduction !== 'sum') continue;
    seen.add(c.loss);
    test(c.loss, () => {
      const f = lossOf(c);
      const [x, ...rest] = c.inputs.map(tensor) as [Tensor, ...Tensor[]];
      const total = (x: Tensor): Tensor => np.sum(f(x, ...rest));
      const v = random.normal(random.key(1), x.shape, 'float64');
      const along = (x: Tensor): Tensor => np.sum(grad(total)(x).mul(v));
      const expected = numericalGrad(along, x);
      [...hvp(total, x, v).dataSync()].forEach((h, i) => {
        expect(h / Math.max(1, Math.abs(expected[i]!))).toBeCloseTo(
          expected[i]! / Math.max(1, Math.abs(expected[i]!)),
          6,
        );
      });
    });
  }
});

describe('losses without figures agree with differences', () => {
  const f64 = (k: number, shape: number[]): Tensor => random.normal(random.key(k), shape, 'float64');
  const sign = np.sign(f64(9, [4]));
  const table: Record<string, (x: Tensor) => Tensor> = {
    logCosh: (x) => nn.logCosh(x, 0.3),
    hingeLoss: (x) => nn.hingeLoss(x, np.sign(f64(3, [4, 3]))),
    contrastiveLoss: (x) => nn.contrastiveLoss(x, f64(4, [4, 3]), np.greater(sign, 0), { margin: 2 }),
    infoNceLoss: (x) => nn.infoNceLoss(x, f64(5, [4, 3]), { negatives: f64(6, [2, 3]) }),
    'infoNceLoss symmetric': (x) => nn.infoNceLoss(x, f64(5, [4, 3]), { symmetric: true, temperature: 0.5 }),
    diceLoss: (x) => nn.diceLoss(np.square(x), np.greater(f64(7, [4, 3]), 0)),
    ctcLoss: (x) => nn.ctcLoss(x.reshape(2, 2, 3), np.zeros([2, 2]), [[1], [2]], np.zeros([2, 1])),
  };
  for (const [name, f] of Object.entries(table)) {
    test(name, () => {
      const x = f64(2, [4, 3]);
      const g = [...grad(f)(x).dataSync()];
      numericalGrad(f, x).forEach((e, i) => expect(g[i]!).toBeCloseTo(e, 7));
      const v = f64(8, [4, 3]);
      const second = numericalGrad((y) => np.sum(grad(f)(y).mul(v)), x);
      [...hvp(f, x, v).dataSync()].forEach((h, i) => expect(h).toBeCloseTo(second[i]!, 6));
    });
  }
});

describe('at the extremes', () => {
  const none = { reduction: 'none' } as const;
  const int = (...labels: number[]): Tensor => np.array(labels, { dtype: 'int32' });

  test('a logit of +∞ takes all probability', () => {
    const x = np.array([
      [Infinity, 0],
      [Infinity, 0],
      [Infinity, Infinity],
    ]);
    expect(nn.crossEntropy(x, int(0, 1, 0), none).toArray()).toEqual([0, Infinity, Math.fround(Math.LN2)]);
    expect(grad((x: Tensor) => nn.crossEntropy(x, int(0)))(np.array([[Infinity, 0]])).toArray()).toEqual([[0, 0]]);
  });

  test('soft labels of 0 at impossible classes cost nothing, and labels have their derivative', () => {
    const x = np.array([[-Infinity, 0, 0]]);
    const q = np.array([[0, 1, 0]]);
    expect(nn.crossEntropy(x, q).item()).toBeCloseTo(Math.LN2, 6);
    expect(grad((x: Tensor) => nn.crossEntropy(x, q))(x).toArray()).toEqual([[0, -0.5, 0.5]]);
    const byLabel = grad((q: Tensor) => nn.crossEntropy(np.array([[1, 0, 0]]), q))(q).toArray() as number[][];
    const total = Math.log(Math.E + 2);
    [total - 1, total, total].forEach((e, i) => expect(byLabel[0]![i]!).toBeCloseTo(e, 5));
  });

  test('infinite logits of binary labels have the values and slopes of their limits', () => {
    const x = np.array([Infinity, -Infinity, Infinity, -Infinity]);
    const t = np.array([1, 0, 0, 1]);
    expect(nn.binaryCrossEntropyWithLogits(x, t, none).toArray()).toEqual([0, 0, Infinity, Infinity]);
    const g = grad((x: Tensor) => nn.binaryCrossEntropyWithLogits(x, t, { reduction: 'sum' }))(x);
    expect(np.abs(g).toArray()).toEqual([0, 0, 1, 1]);
  });

  test('probabilities 0 and 1: right answers have slope 1 towards the mistake, wrong ones a finite one', () => {
    const p = np.array([0, 1, 0, 1]);
    const t = np.array([0, 1, 1, 0]);
    expect(nn.binaryCrossEntropy(p, t, none).toArray()).toEqual([0, 0, 100, 100]);
    const g = grad((p: Tensor) => nn.binaryCrossEntropy(p, t, { reduction: 'sum' }))(p);
    expect(g.toArray()).toEqual([1, -1, -Math.fround(1e12), Math.fround(1e12)]);
  });

  test('losses of 1e4 in float32 are finite with finite gradients, in all losses of real numbers', () => {
    const x = np.array([1e4, -1e4, 3e19, 0]);
    for (const loss of [nn.huberLoss, nn.smoothL1Loss, nn.logCosh, nn.l1Loss, nn.hingeLoss] as const) {
      expect(np.all(np.isfinite(loss(x, np.array([0, 1, -1, 0]), none))).item(), loss.name).toBe(1);
      const g = grad((x: Tensor) => loss(x, np.array([0, 1, -1, 0]), { reduction: 'sum' }))(x);
      expect(np.all(np.isfinite(g)).item(), loss.name).toBe(1);
    }
    for (const gamma of [0, 1, 2, 0.5]) {
      const focal = (x: Tensor): Tensor => nn.sigmoidFocalLoss(x, np.array([0, 1, 1, 0]), { gamma, reduction: 'sum' });
      expect(np.all(np.isfinite(grad(focal)(x))).item()).toBe(1);
    }
  });

  test('l1Loss, and smoothL1Loss with beta 0, have derivative 0 where there is no error', () => {
    const zero = (loss: (x: Tensor) => Tensor): number => grad(loss)(np.array(0)).item();
    expect(zero((x) => nn.l1Loss(x, 0))).toBe(0);
    expect(zero((x) => nn.smoothL1Loss(x, 0, { beta: 0 }))).toBe(0);
  });

  test('logCosh keeps its precision near 0', () => {
    const x = np.array([1e-4]);
    expect(nn.logCosh(x, 0).item() / 5e-9).toBeCloseTo(1, 5);
    expect(grad((x: Tensor) => nn.logCosh(x, 0))(x).item() / 1e-4).toBeCloseTo(1, 5);
  });

  test('equal vectors and vectors of zeros have finite gradients', () => {
    const zero = np.zeros([2, 3]);
    for (const f of [
      (x: Tensor) => nn.cosineEmbeddingLoss(x, zero, [1, -1], { margin: -1 }),
      (x: Tensor) => nn.tripletMarginLoss(x, zero, zero),
      (x: Tensor) => nn.tripletMarginLoss(x, zero, zero, { p: 3, epsilon: 0 }),
      (x: Tensor) => nn.contrastiveLoss(x, zero, [1, 0]),
      (x: Tensor) => nn.infoNceLoss(x, zero),
    ]) {
      expect(np.all(np.isfinite(grad(f)(zero))).item()).toBe(1);
    }
  });

  test('labels that do not fit into the frames cost ∞, or 0 when asked, with gradient 0', () => {
    const ctc = (x: Tensor, zeroInfinity: boolean): Tensor =>
      nn.ctcLoss(x, [[0, 0]], [[1, 1]], [[0, 0]], { zeroInfinity });
    const x = np.zeros([1, 2, 3]);
    expect(ctc(x, false).item()).toBe(Infinity);
    expect(ctc(x, true).item()).toBe(0);
    for (const zero of [true, false]) expect(np.all(np.equal(grad((x: Tensor) => ctc(x, zero))(x), 0)).item()).toBe(1);
  });

  test('a label that is no class gives NaN, not the loss of another', () => {
    for (const label of [-1, 3]) expect(nn.crossEntropy(np.zeros([1, 3]), int(label)).item()).toBe(Number.NaN);
    expect(nn.multiMarginLoss(np.zeros([1, 3]), int(-1)).item()).toBe(Number.NaN);
  });
});

describe('masks and weights', () => {
  const where = np.array([true, false]);
  const bad = np.array([1, Number.NaN]);

  test('what is masked counts nowhere, even if it is NaN', () => {
    const losses: Record<string, (x: Tensor) => Tensor> = {
      mseLoss: (x) => nn.mseLoss(x, [3, Number.NaN], { where }),
      binaryCrossEntropy: (x) => nn.binaryCrossEntropy(x, [0.5, Number.NaN], { where }),
      binaryCrossEntropyWithLogits: (x) => nn.binaryCrossEntropyWithLogits(x, [1, Number.NaN], { where }),
      klDiv: (x) => nn.klDiv(x, [0.5, Number.NaN], { where }),
      poissonNllLoss: (x) => nn.poissonNllLoss(x, [2, Number.NaN], { where, logInput: false }),
      crossEntropy: (x) => nn.crossEntropy(np.stack([x, x.mul(0.5)], 1), [0, 7], { where }),
      contrastiveLoss: (x) => nn.contrastiveLoss(np.stack([x, x], 1), np.zeros([2, 2]), [1, 0], { where }),
    };
    for (const [name, f] of Object.entries(losses)) {
      const g = grad(f)(bad).toArray() as number[];
      expect(Number.isFinite(f(bad).item()), name).toBe(true);
      expect(Number.isFinite(g[0]!) && g[0] !== 0, name).toBe(true);
      expect(g[1], name).toBe(0);
    }
    expect(nn.mseLoss([1, 5], [3, 5], { where: [1, 0] }).item()).toBe(4);
  });

  test('with nothing to count the mean is NaN and the gradient 0', () => {
    const f = (x: Tensor): Tensor => nn.mseLoss(x, [0, 0], { where: [false, false] });
    expect(f(bad).item()).toBe(Number.NaN);
    expect(grad(f)(bad).toArray()).toEqual([0, 0]);
  });

  test('weights multiply, and the mean divides by the number of losses', () => {
    expect(nn.mseLoss([1, 2], [0, 0], { weights: [2, 3] }).item()).toBe((2 + 12) / 2);
    expect(nn.mseLoss([1, 2], [0, 0], { weights: [2, 3], where, reduction: 'none' }).toArray()).toEqual([2, 0]);
  });

  test('one example needs no batch axis, and one-hot integers are probabilities', () => {
    expect(nn.crossEntropy([0, 0], np.array(1, { dtype: 'int32' })).item()).toBeCloseTo(Math.LN2, 6);
    expect(nn.crossEntropy([[0, 0]], np.array([[0, 1]], { dtype: 'int32' })).item()).toBeCloseTo(Math.LN2, 6);
  });

  test('weights of losses and of classes go together', () => {
    const x = np.array([
      [0, 0],
      [0, 0],
    ]);
    const both = nn.crossEntropy(x, [0, 1], { classWeights: [1, 3], weights: [2, 1] });
    expect(both.item()).toBeCloseTo((Math.LN2 * (2 * 1 + 1 * 3)) / (1 + 3), 6);
  });

  test('an empty batch has no mean, and the sum 0', () => {
    expect(nn.mseLoss(np.zeros([0]), np.zeros([0])).item()).toBe(Number.NaN);
    expect(nn.crossEntropy(np.zeros([0, 3]), np.zeros([0], 'int32'), { reduction: 'sum' }).item()).toBe(0);
  });

  test('vmap of a loss is the losses one by one', () => {
    const x = random.normal(random.key(0), [3, 4, 5]);
    const y = random.randint(random.key(1), [3, 4], 0, 5);
    const each = vmap((x: Tensor, y: Tensor) => nn.crossEntropy(x, y, { labelSmoothing: 0.1 }))(x, y);
    const expected = [0, 1, 2].map((i) => nn.crossEntropy(x.slice(i), y.slice(i), { labelSmoothing: 0.1 }).item());
    expected.forEach((e, i) => expect(each.slice(i).item()).toBeCloseTo(e, 6));
  });
});

describe('mistakes', () => {
  const x = np.zeros([2, 3]);

  test('shapes and dtypes of labels', () => {
    expect(() => nn.crossEntropy(x, np.zeros([3], 'int32'))).toThrow(
      /crossEntropy: expected labels of shape \[2\], got i32\[3\] for scores f32\[2,3\] with classes on axis 1[^]*\{ axis \}/,
    );
    expect(() => nn.crossEntropy(x, np.zeros([2]))).toThrow(/crossEntropy: expected integer labels, .* got f32\[2\]/);
    expect(nn.crossEntropy(x, [0, 2]).item()).toBeCloseTo(Math.log(3), 6);
    expect(() => nn.crossEntropy(x, x, { ignoreIndex: 0 })).toThrow(/no ignoreIndex with probabilities/);
    expect(() => nn.crossEntropy(x, [0, 1], { classWeights: [1, 2] })).toThrow(
      /expected classWeights \[3\], got f32\[2\]/,
    );
    expect(() => nn.mseLoss(x, np.zeros([4]))).toThrow(/mseLoss: expected shapes that broadcast together/);
    expect(() => nn.multiMarginLoss(x, [[0]])).toThrow(/multiMarginLoss: expected scores/);
    expect(() => nn.infoNceLoss(x, np.zeros([3, 3]))).toThrow(/infoNceLoss: expected queries \[N,features\]/);
    expect(() => nn.ctcLoss(x, x, [[1]], x)).toThrow(/ctcLoss: expected logits \[B,T,K\]/);
  });

  test('options', () => {
    expect(() => nn.mseLoss(x, x, { reduce: 'mean' } as never)).toThrow(/mseLoss: expected options .* got reduce/);
    expect(() => nn.mseLoss(x, x, { reduction: 'avg' as never })).toThrow(
      /expected reduction to be one of none, mean, sum, got avg/,
    );
    expect(() => nn.crossEntropy(x, [0, 1], { labelSmoothing: 2 })).toThrow(/labelSmoothing between 0 and 1, got 2/);
    expect(() => nn.huberLoss(x, x, { delta: 0 })).toThrow(/expected delta to be a positive number, got 0/);
    expect(() => nn.infoNceLoss(x, x, { temperature: 0 })).toThrow(/temperature > 0, got 0/);
  });
});
