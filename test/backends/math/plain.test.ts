import { describe, expect, it, vi } from 'vitest';
import { expandUnary } from '../../../src/backends/wasm/math/expand.ts';
import type { UnaryOp } from '../../../src/ir/loop/expr.ts';
import { runEmitted } from '../wasm/run-kernel.ts';
import { elementwise, numbers } from './elementwise.ts';
import { compileExpr, operand } from './interpret.ts';

vi.mock(import('../../../src/backends/wasm/features.ts'), async (original) => ({
  ...(await original()),
  hasRelaxedSimd: () => false,
}));

describe('expansions in generated code of an engine without relaxed SIMD', () => {
  for (const dtype of ['float32', 'float64'] as const) {
    for (const fn of ['exp', 'expm1', 'logistic', 'tanh', 'erf', 'log', 'log1p', 'sin', 'cos'] as const) {
      it(`${fn} of ${dtype} gives the bits that the expansion denotes when multiply-adds round twice`, () => {
        const expansion = expandUnary(fn satisfies UnaryOp, operand(0, dtype));
        const { run } = compileExpr(expansion!, 1, false);
        const given = numbers(3, dtype === 'float32' ? 2 ** -149 : 2 ** -1074);
        const x = dtype === 'float32' ? Float32Array.from(given) : Float64Array.from(given);
        const out = runEmitted(elementwise(1, dtype, x.length, fn), [x])[1]!;
        x.forEach((value, i) => expect(out[i], `${fn}(${value})`).toBe(run(value)));
      });
    }
  }
});
