import { describe, expect, it } from 'vitest';
import { expandBinary, expandUnary } from '../../../src/backends/wasm/math/expand.ts';
import type { BinaryOp, UnaryOp } from '../../../src/ir/loop/expr.ts';
import { runEmitted } from '../wasm/run-kernel.ts';
import { elementwise, numbers } from './elementwise.ts';
import { compileExpr, operand } from './interpret.ts';

// prettier-ignore
const unaries: readonly UnaryOp[] = [
  'exp', 'exp2', 'expm1', 'logistic', 'tanh', 'sinh', 'cosh', 'erf', 'erfc', 'log', 'log1p', 'log2', 'log10', 'sin', 'cos',
  'tan', 'asin', 'acos', 'atan', 'asinh', 'acosh', 'atanh', 'cbrt', 'rsqrt',
];
/** Without an expansion for float64. */
const float32Only: readonly UnaryOp[] = ['erf_inv', 'lgamma'];
const binaries: readonly BinaryOp[] = ['pow', 'atan2', 'rem'];

describe('expansions in generated code', () => {
  for (const dtype of ['float32', 'float64'] as const) {
    const make = (xs: readonly number[]): Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer> =>
      dtype === 'float32' ? Float32Array.from(xs) : Float64Array.from(xs);
    const smallest = dtype === 'float32' ? 2 ** -149 : 2 ** -1074;
    const [first, second] = [make(numbers(3, smallest)), make(numbers(5, smallest).reverse())];
    const operands = [operand(0, dtype), operand(1, dtype)] as const;
    for (const fn of [...unaries, ...binaries, ...(dtype === 'float32' ? float32Only : [])]) {
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
