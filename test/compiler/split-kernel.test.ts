import { describe, expect, it } from 'vitest';
import { splitKernel } from '../../src/compiler/split-kernel.ts';
import { load } from '../../src/ir/loop/expr.ts';
import { type Kernel, KernelBuilder } from '../../src/ir/loop/kernel.ts';

const spec = { dtype: 'float32', size: 4 } as const;

/** Copies each input to its place in the output. */
function copies(count: number): Kernel {
  const b = new KernelBuilder(
    'copies',
    Array.from({ length: count }, () => spec),
    [{ dtype: 'float32', size: 4 * count }],
  );
  for (const input of b.inputs) b.parallel([4], ([i]) => b.store(b.outputs[0]!, i!, load(input, i!)));
  return b.build();
}

describe('splitting kernels', () => {
  it('leaves small kernels alone', () => {
    const kernel = copies(8);
    expect(splitKernel(kernel)).toEqual([kernel]);
  });

  it('keeps the statements in order, and gives each kernel the buffers it uses', () => {
    const kernel = copies(1000);
    const pieces = splitKernel(kernel);
    expect(pieces.flatMap((k) => k.body)).toEqual(kernel.body);
    expect(pieces.flatMap((k) => k.inputs)).toEqual(kernel.inputs);
    for (const k of pieces) {
      expect(k.inputs.length).toBeLessThanOrEqual(32);
      expect(k.outputs).toEqual(kernel.outputs);
    }
  });
});
