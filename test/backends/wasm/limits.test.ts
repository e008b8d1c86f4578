import { describe, it } from 'vitest';
import { binary, constant, load } from '../../../src/ir/loop/expr.ts';
import { KernelBuilder } from '../../../src/ir/loop/kernel.ts';
import { expectSame } from './run-kernel.ts';

const values = [0, -0, 1, -1, 0.5, NaN, Infinity, -Infinity, 2 ** -149, -(2 ** -149), 7, -7, 0, -0, 3, NaN, -3, 8, -0];

describe('max and min with a number', () => {
  for (const dtype of ['float32', 'float64'] as const) {
    for (const fn of ['max', 'min'] as const) {
      it.each([0, -0, 1, -1, Infinity, -Infinity, NaN])(`${fn} of ${dtype} and %d, on either side`, (limit) => {
        const size = values.length;
        const b = new KernelBuilder(
          'limits',
          [{ dtype, size }],
          [
            { dtype, size },
            { dtype, size },
          ],
        );
        b.parallel([size], ([i]) => {
          const x = load(b.inputs[0]!, i!);
          b.store(b.outputs[0]!, i!, binary(fn, x, constant(limit, dtype)));
          b.store(b.outputs[1]!, i!, binary(fn, constant(limit, dtype), x));
        });
        expectSame(b.build(), [dtype === 'float32' ? Float32Array.from(values) : Float64Array.from(values)]);
      });
    }
  }
});
