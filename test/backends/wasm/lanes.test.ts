import { describe, expect, it } from 'vitest';
import { axisCoefficient } from '../../../src/backends/wasm/kernel/coefficient.ts';
import { convertKernel } from '../../../src/backends/wasm/kernel/convert.ts';
import { prepareKernel } from '../../../src/backends/wasm/kernel/emit.ts';
import type { ForLoop, NestStmt } from '../../../src/backends/wasm/kernel/nest.ts';
import { canRepeat } from '../../../src/backends/wasm/kernel/repeat.ts';
import { perfectNest } from '../../../src/backends/wasm/kernel/tiles.ts';
import { binary, constant, type Expr, iadd, imul, int, load, select, unary } from '../../../src/ir/loop/expr.ts';
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

/** out[i, j] = table[at[i], j] where at[i] is a row, else 7 */
function lookup(rows: number, columns: number, count: number): Kernel {
  const inputs = [
    { dtype: 'float32', size: rows * columns },
    { dtype: 'int32', size: count },
  ] as const;
  const b = new KernelBuilder('lookup', inputs, [{ dtype: 'float32', size: count * columns }]);
  const [table, at] = b.inputs;
  b.parallel([count, columns], ([i, j]) => {
    const row = load(at!, i!);
    const isRow = binary('and', binary('ge', row, int(0)), binary('lt', row, int(rows)));
    const inside = load(table!, iadd(imul(row, int(columns)), j!));
    b.store(b.outputs[0]!, iadd(imul(i!, int(columns)), j!), select(isRow, inside, constant(7, 'float32')));
  });
  return b.build();
}

describe('loops in lanes', () => {
  it('run along rows that are looked up, and read nothing far away where there is no such row', () => {
    const k = lookup(10, 37, 8);
    const rows = Int32Array.of(3, 0, 9, 10, -1, 2147483647, -2147483648, 58040099);
    expectSame(k, [counting(370), rows]);
    const { inner, items } = perfectNest(convertKernel(k).body[0] as ForLoop)!;
    const [, row] = items[0]!.value.args;
    expect(axisCoefficient(row!.args[0]!, inner)).toBe(1);
  });

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
