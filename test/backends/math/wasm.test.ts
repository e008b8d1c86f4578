import { describe, expect, it } from 'vitest';
import { expandBinary, expandUnary } from '../../../src/backends/wasm/math/expand.ts';
import { type BinaryOp, binary, load, unary, type UnaryOp } from '../../../src/ir/loop/expr.ts';
import { type Kernel, KernelBuilder } from '../../../src/ir/loop/kernel.ts';
import { runEmitted } from '../wasm/run-kernel.ts';
import { compileExpr, operand } from './interpret.ts';

// prettier-ignore
const unaries: readonly UnaryOp[] = [
  'exp', 'exp2', 'expm1', 'logistic', 'tanh', 'sinh', 'cosh', 'erf', 'log', 'log1p', 'log2', 'log10', 'sin', 'cos',
  'tan', 'asin', 'acos', 'atan', 'asinh', 'acosh', 'atanh', 'cbrt', 'rsqrt',
];
const binaries: readonly BinaryOp[] = ['pow', 'atan2'];

/** Numbers of all magnitudes and both signs, special ones between them. Not a multiple of the vector width. */
function numbers(seed: number, smallest: number): number[] {
  // prettier-ignore
  const special = [0, -0, Infinity, -Infinity, NaN, 1, -1, smallest, -smallest, 0.5, -2, 3, 1e30, -1e9, 88.8,
    710, -745, -103.5];
  let s = seed;
  const uniform = (): number => (s = (s * 48271) % 2147483647) / 2147483647;
  const wide = Array.from({ length: 120 }, () => (uniform() < 0.5 ? -1 : 1) * 2 ** ((uniform() - 0.5) * 60));
  const near = Array.from({ length: 121 }, () => (uniform() - 0.5) * 6);
  return [...special, ...wide, ...special, ...near];
}

function elementwise(arity: number, dtype: 'float32' | 'float64', size: number, fn: string): Kernel {
  const b = new KernelBuilder(
    fn,
    Array.from({ length: arity }, () => ({ dtype, size })),
    [{ dtype, size }],
  );
  b.parallel([size], ([i]) => {
    const [x, y] = b.inputs.map((input) => load(input, i!));
    b.store(b.outputs[0]!, i!, y === undefined ? unary(fn as UnaryOp, x!) : binary(fn as BinaryOp, x!, y));
  });
  return b.build();
}

describe('expansions in generated code', () => {
  for (const dtype of ['float32', 'float64'] as const) {
    const make = (xs: readonly number[]): Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer> =>
      dtype === 'float32' ? Float32Array.from(xs) : Float64Array.from(xs);
    const smallest = dtype === 'float32' ? 2 ** -149 : 2 ** -1074;
    const [first, second] = [make(numbers(3, smallest)), make(numbers(5, smallest).reverse())];
    const operands = [operand(0, dtype), operand(1, dtype)] as const;
    for (const fn of [...unaries, ...binaries]) {
      it(`${fn} of ${dtype} gives the bits that the expansion denotes`, () => {
        const expansion = expandUnary(fn as UnaryOp, operands[0]) ?? expandBinary(fn as BinaryOp, ...operands);
        const { run } = compileExpr(expansion!, 2);
        const inputs = binaries.includes(fn as BinaryOp) ? [first, second] : [first];
        const kernel = elementwise(inputs.length, dtype, first.length, fn);
        for (const parametric of [false, true]) {
          const out = runEmitted(kernel, inputs, { parametric })[inputs.length]!;
          first.forEach((x, i) => expect(out[i], `${fn}(${x}, ${second[i]})`).toBe(run(x, second[i]!)));
        }
      });
    }
  }
});
