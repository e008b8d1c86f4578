/** Modules and losses of 16-bit floats: what 16 bits are too narrow for is computed in 32. */
import { describe, expect, test } from 'vitest';
import { grad, np, random, type Tensor } from 'cotangent';
import * as nn from 'cotangent/nn';

const key = random.key(0);
const isFinite = (x: Tensor): number => np.all(np.isfinite(x)).item();

for (const dtype of ['float16', 'bfloat16'] as const) {
  const options = { key, dtype };
  const x = random.normal(random.key(1), [2, 4, 8]).astype(dtype);

  describe(dtype, () => {
    test('layers keep the dtype, and agree with float32 to its precision', () => {
      const layers: [string, (dtype: 'float32' | 'float16' | 'bfloat16') => nn.Layer][] = [
        ['Linear', (d) => new nn.Linear(8, 3, { ...options, dtype: d })],
        ['LayerNorm', (d) => new nn.LayerNorm(8, { dtype: d })],
        ['RMSNorm', (d) => new nn.RMSNorm(8, { dtype: d })],
        ['GroupNorm', (d) => new nn.GroupNorm(2, 4, { dtype: d })],
        ['BatchNorm', (d) => new nn.BatchNorm(4, { dtype: d })],
        ['Conv1d', (d) => new nn.Conv1d(4, 3, 3, { ...options, dtype: d })],
        ['LSTM', (d) => new nn.LSTM(8, 4, { ...options, dtype: d })],
        ['MultiHeadAttention', (d) => new nn.MultiHeadAttention(8, 2, { ...options, dtype: d, rotary: true })],
        ['TransformerBlock', (d) => new nn.TransformerBlock(8, 2, { ...options, dtype: d })],
      ];
      for (const [name, make] of layers) {
        const narrow = make(dtype);
        const wide = nn.loadStateDict(make('float32'), nn.stateDict(narrow));
        const y = narrow.call(x);
        expect(y.dtype, name).toBe(dtype);
        const difference = np.max(np.abs(y.astype('float32').sub(wide.call(x.astype('float32'))))).item();
        expect(difference, name).toBeLessThan(dtype === 'float16' ? 0.02 : 0.15);
        const g = grad((m: nn.Layer) => np.sum(m.call(x).astype('float32')))(narrow);
        for (const t of Object.values(nn.stateDict(g))) expect(isFinite(t), name).toBe(1);
      }
    });

    test('norms of large values, and attention to nothing, are finite', () => {
      const large = x.mul(1000);
      for (const layer of [new nn.LayerNorm(8), new nn.RMSNorm(8), new nn.GroupNorm(2, 4)]) {
        expect(isFinite(layer.call(large))).toBe(1);
      }
      const [y, next] = new nn.BatchNorm(4, { dtype }).apply(large, { train: true });
      expect([y.dtype, next.runningVar!.dtype]).toEqual([dtype, 'float32']);
      expect(isFinite(next.runningVar!)).toBe(1);
      const attention = new nn.MultiHeadAttention(8, 2, options);
      expect(isFinite(attention.call(x, { mask: np.full([4, 4], false) }))).toBe(1);
    });

    test('losses are float32, with finite gradients at the extremes', () => {
      const p = np.array([0, 1, 0.5]).astype(dtype);
      const t = np.array([1, 0, 1]).astype(dtype);
      expect(nn.binaryCrossEntropy(p, t).dtype).toBe('float32');
      expect(nn.binaryCrossEntropy(p, t, { reduction: 'none' }).toArray()).toEqual([100, 100, Math.fround(Math.LN2)]);
      const logits = np.array([[3e4, -3e4, 0]]).astype(dtype);
      expect(nn.crossEntropy(logits, [0]).item()).toBe(0);
      for (const loss of [nn.mseLoss, nn.huberLoss, nn.logCosh] as const) {
        expect(isFinite(loss(logits, np.zeros([1, 3]).astype(dtype)))).toBe(1);
      }
      expect(isFinite(grad((x: Tensor) => nn.crossEntropy(x, [1]))(logits))).toBe(1);
    });
  });
}
