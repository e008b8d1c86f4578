import { describe, expect, it } from 'vitest';
import { convertKernel } from '../../../src/backends/wasm/kernel/convert.ts';
import { prepareKernel } from '../../../src/backends/wasm/kernel/emit.ts';
import type { NestStmt } from '../../../src/backends/wasm/kernel/nest.ts';
import { canRepeat } from '../../../src/backends/wasm/kernel/repeat.ts';
import { binary, type Expr, iadd, imul, int, load, unary } from '../../../src/ir/loop/expr.ts';
import { type Kernel, KernelBuilder } from '../../../src/ir/loop/kernel.ts';
import { expectSame } from './run-kernel.ts';

/** out[i] = f(x[at(i)]) */
function mapping(n: number, at: (i: Expr) => Expr, f: (x: Expr) => Expr = (x) => x): Kernel {
  const b = new KernelBuilder('mapping', [{ dtype: 'float32', size: 2 * n + 4 }], [{ dtype: 'float32', size: n }]);
  b.parallel([n], ([i]) => b.store(b.outputs[0]!, i!, f(load(b.inputs[0]!, at(i!)))));
  return b.build();
}

const bodyOf = (k: Kernel): readonly NestStmt[] => {
  const [loop] = convertKernel(k).body;
  return loop?.kind === 'for' ? loop.body : [];
};
const everySecond = (i: Expr): Expr => imul(i, int(2));
const counting = (n: number): Float32Array<ArrayBuffer> => Float32Array.from({ length: n }, (_, i) => i % 83);

describe('loops in lanes', () => {
  it('take two vectors side by side, which engines can join to wider ones', () => {
    const { plan } = prepareKernel(mapping(1000, (i) => i, (x) => unary('exp', x)), 'none'); // prettier-ignore
    expect([...plan.values()]).toEqual([{ kind: 'lanes', unroll: 2 }]);
  });

  it.each([4, 5, 6, 7, 8, 11, 15, 16, 17, 23, 29])('%i elements, the last vector beginning where it is whole', (n) => {
    expectSame(mapping(n, everySecond), [counting(2 * n + 4)]);
    expectSame(
      mapping(n, (i) => iadd(imul(i, int(-1)), int(n))),
      [counting(2 * n + 4)],
    );
  });

  it('may compute an element twice only if nothing that it reads can lie where it stores', () => {
    expect(canRepeat(bodyOf(mapping(9, everySecond)))).toBe(true);
    // The result may be in the memory of such an operand.
    expect(canRepeat(bodyOf(mapping(9, (i) => i)))).toBe(false);
  });

  it('do not branch for guards of functions, and are right where these fail', () => {
    const n = 50;
    const x = Float32Array.from({ length: 2 * n + 4 }, (_, i) => (i % 7 === 3 ? 10 ** (i % 12) : i / 9 - 3));
    const k = mapping(n, (i) => i, (v) => binary('add', unary('sin', v), unary('log', unary('abs', unary('cos', v))))); // prettier-ignore
    expectSame(k, [x], 1e-6);
  });
});
