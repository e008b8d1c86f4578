/**
 * What 16-bit floats cost: operations of the nest, counted. Values are tested in `test/core/half.test.ts`.
 * @module
 */
import { describe, expect, it } from 'vitest';
import { convertKernel } from '../../../src/backends/wasm/kernel/convert.ts';
import { type NestStmt, visitNodes } from '../../../src/backends/wasm/kernel/nest.ts';
import type { HalfDType } from '../../../src/ir/half.ts';
import { binary, convert, type Expr, load, select, unary } from '../../../src/ir/loop/expr.ts';
import { type Kernel, KernelBuilder } from '../../../src/ir/loop/kernel.ts';

/** out[i] = f(x[i], y[i]), whose operations are in float32. */
function kernel(dtype: HalfDType, f: (x: Expr, y: Expr) => Expr): Kernel {
  const half = { dtype, size: 1000 };
  const b = new KernelBuilder('half', [half, half], [half]);
  b.parallel([1000], ([i]) => {
    const [x, y] = b.inputs.map((input) => convert(load(input, i!), 'float32'));
    b.store(b.outputs[0]!, i!, convert(f(x!, y!), dtype));
  });
  return b.build();
}

/** Operations on elements, constants and loads apart. */
function operations(k: Kernel): { all: number; float32: number } {
  const found = { all: 0, float32: 0 };
  const block = (stmts: readonly NestStmt[]): void => {
    for (const s of stmts) {
      if (s.kind === 'for') block(s.body);
      if (s.kind !== 'stores') continue;
      visitNodes(
        s.items.map((item) => item.value),
        new Set(),
        (n) => {
          if (n.args.length === 0 || n.kind === 'load' || n.kind === 'bitcast') return;
          // A sum of n terms is n − 1 additions, and one more with a constant.
          found.all += n.kind === 'affine' ? n.args.length - (n.value === 0 ? 1 : 0) : 1;
          if (n.dtype === 'float32') found.float32++;
        },
      );
    }
  };
  block(convertKernel(k).body);
  return found;
}

const rounded = (x: Expr, dtype: HalfDType): Expr => convert(convert(x, dtype), 'float32');
const add = (x: Expr, y: Expr): Expr => binary('add', x, y);

describe.each([
  ['bfloat16', 5],
  ['float16', 10],
] as const)('%s', (dtype, rounding) => {
  const count = (f: (x: Expr, y: Expr) => Expr): number => operations(kernel(dtype, f)).all;

  it('is negated and chosen by its bits', () => {
    expect(operations(kernel(dtype, (x) => unary('neg', unary('abs', x))))).toEqual({ all: 2, float32: 0 });
    // To be compared they are converted: a float16 by a product.
    const chosen = kernel(dtype, (x, y) => select(binary('lt', x, y), x, unary('neg', y)));
    expect(operations(chosen).float32).toBe(dtype === 'float16' ? 2 : 0);
  });

  it(`is rounded between operations by ${rounding} of them`, () => {
    const one = count(add);
    expect(count((x, y) => add(rounded(add(x, y), dtype), y)) - one).toBe(rounding + 1);
  });

  it('is not rounded where it is exact', () => {
    const limited = (x: Expr): Expr => binary('max', unary('floor', x), unary('neg', x));
    const one = count((x, y) => add(limited(x), y));
    expect(count((x, y) => add(rounded(limited(rounded(x, dtype)), dtype), y))).toBe(one);
  });
});
