/**
 * Kernels of one function, and numbers to give them.
 * @module
 */
import { type BinaryOp, binary, load, unary, type UnaryOp } from '../../../src/ir/loop/expr.ts';
import { type Kernel, KernelBuilder } from '../../../src/ir/loop/kernel.ts';

/** Numbers of all magnitudes and both signs, special ones between them. Not a multiple of the vector width. */
export function numbers(seed: number, smallest: number): number[] {
  // prettier-ignore
  const special = [0, -0, Infinity, -Infinity, NaN, 1, -1, smallest, -smallest, 0.5, -2, 3, 1e30, -1e9, 88.8,
    710, -745, -103.5];
  let s = seed;
  const uniform = (): number => (s = (s * 48271) % 2147483647) / 2147483647;
  const wide = Array.from({ length: 120 }, () => (uniform() < 0.5 ? -1 : 1) * 2 ** ((uniform() - 0.5) * 60));
  const near = Array.from({ length: 121 }, () => (uniform() - 0.5) * 6);
  return [...special, ...wide, ...special, ...near];
}

export function elementwise(arity: number, dtype: 'float32' | 'float64', size: number, fn: string): Kernel {
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
