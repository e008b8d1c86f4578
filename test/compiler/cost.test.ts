/** Floating-point operations and bytes of kernels and plans, counted from their loops. */
import { expect, test } from 'vitest';
import { axisExpr, binary, type BufferRef, constant, convert, linearize, load, unary } from '../../src/ir/loop/expr.ts';
import { type Kernel, KernelBuilder, type Stmt } from '../../src/ir/loop/kernel.ts';
import { kernelCost, stepsCost } from '../../src/compiler/cost.ts';
import type { Step } from '../../src/compiler/plan.ts';

const spec = (size: number, dtype: 'float32' | 'float64' | 'int32' = 'float32') => ({ dtype, size });

function kernel(inputs: number[], outputs: number[], write: (b: KernelBuilder) => void): Kernel {
  const b = new KernelBuilder(
    'test',
    inputs.map((n) => spec(n)),
    outputs.map((n) => spec(n)),
  );
  write(b);
  return b.build();
}

test('an expression that several stores share counts once', () => {
  const k = kernel([100], [100, 100], (b) =>
    b.parallel([100], ([i]) => {
      const e = unary('exp', load(b.inputs[0]!, i!));
      b.store(b.outputs[0]!, i!, e);
      b.store(b.outputs[1]!, i!, binary('mul', e, e));
    }),
  );
  expect(kernelCost(k)).toEqual({ flops: 200, productFlops: 0, bytes: 3 * 400 });
});

test('index arithmetic, integers and conversions count nothing', () => {
  const k = kernel([200], [100], (b) =>
    b.parallel([100], ([i]) => {
      const twice = binary('mul', i!, constant(2, 'int32'));
      b.store(b.outputs[0]!, i!, binary('add', load(b.inputs[0]!, twice), convert(twice, 'float32')));
    }),
  );
  // Half of the input is read.
  expect(kernelCost(k)).toEqual({ flops: 100, productFlops: 0, bytes: 800 });
});

test('what depends on the outer loop counts once for each of its iterations, also inside a reduction', () => {
  const k = kernel([20, 5], [5], (b) =>
    b.parallel([5], ([i]) => {
      const scale = unary('exp', load(b.inputs[1]!, i!));
      const index = (j: typeof i): typeof i => binary('add', binary('mul', i!, constant(4, 'int32')), j!);
      const sum = b.reduce('add', [4], 'float32', ([j]) => binary('mul', scale, load(b.inputs[0]!, index(j)!)));
      b.store(b.outputs[0]!, i!, sum);
    }),
  );
  expect(kernelCost(k).flops).toBe(5 + 20 + 20);
  expect(kernelCost(k).bytes).toBe(4 * (20 + 5 + 5));
});

test('what a reduction stores for each element counts for each', () => {
  const [x, y] = [
    { kind: 'buffer', id: 0, dtype: 'float32', size: 50, role: 'input' },
    { kind: 'buffer', id: 1, dtype: 'float32', size: 50, role: 'output' },
  ] as const;
  const axis = { kind: 'axis', id: 2, extent: 50 } as const;
  const element = unary('exp', load(x, axisExpr(axis)));
  const k: Kernel = {
    name: 'test',
    inputs: [x],
    outputs: [y],
    scratch: [],
    body: [
      {
        kind: 'reduce',
        target: { kind: 'local', id: 3, dtype: 'float32' },
        combine: 'add',
        axes: [axis],
        element,
        stores: [{ kind: 'store', buffer: y, index: axisExpr(axis), value: unary('neg', element) }],
      },
    ],
  };
  expect(kernelCost(k)).toEqual({ flops: 150, productFlops: 0, bytes: 400 });
});

test('an accumulator that a loop sets is computed in each iteration', () => {
  const k = kernel([10], [1], (b) => {
    const acc = b.local('float32', 1);
    b.loop(10, () => b.set(acc, binary('mul', b.get(acc), constant(2, 'float32'))));
    b.store(b.outputs[0]!, constant(0, 'int32'), b.get(acc));
  });
  expect(kernelCost(k)).toEqual({ flops: 10, productFlops: 0, bytes: 4 });
});

test('of two branches the dearer counts; a while loop counts once', () => {
  const k = kernel([10], [10], (b) =>
    b.parallel([10], ([i]) => {
      const x = load(b.inputs[0]!, i!);
      const cond = binary('lt', i!, constant(3, 'int32'));
      b.if(
        cond,
        () => b.store(b.outputs[0]!, i!, unary('exp', x)),
        () => b.store(b.outputs[0]!, i!, unary('sin', unary('cos', x))),
      );
      b.while(cond, () => b.store(b.outputs[0]!, i!, unary('tan', x)));
    }),
  );
  expect(kernelCost(k).flops).toBe(30);
});

test('products: 2mnk, both factors and the result, which is also read when it accumulates', () => {
  const product = (accumulate: boolean): Kernel =>
    kernel([6, 12], [8], (b) => {
      const at = (buffer: (typeof b.inputs)[number], rowStride: number) => ({
        buffer,
        offset: constant(0, 'int32'),
        rowStride,
        colStride: 1,
      });
      b.gemm({ m: 2, n: 4, k: 3, a: at(b.inputs[0]!, 3), b: at(b.inputs[1]!, 4), c: at(b.outputs[0]!, 4), accumulate });
    });
  expect(kernelCost(product(false))).toEqual({ flops: 48, productFlops: 48, bytes: 4 * (6 + 12 + 8) });
  expect(kernelCost(product(true)).bytes).toBe(4 * (6 + 12 + 8 + 8));
});

test('an epilogue counts for each element, and has the element of the product at hand', () => {
  const [x, y, c] = [6, 12, 8].map((size, id) => ({
    ...({ kind: 'buffer', dtype: 'float32', role: id < 2 ? 'input' : 'output' } as const),
    id,
    size,
  })) as [BufferRef, BufferRef, BufferRef];
  const [row, column] = [
    { kind: 'axis', id: 3, extent: 2 },
    { kind: 'axis', id: 4, extent: 4 },
  ] as const;
  const at = (buffer: BufferRef, rowStride: number) => ({
    buffer,
    offset: constant(0, 'int32'),
    rowStride,
    colStride: 1,
  });
  const position = linearize([axisExpr(row), axisExpr(column)], [2, 4]);
  const tanh: Stmt = { kind: 'store', buffer: c, index: position, value: unary('tanh', load(c, position)) };
  const gemm = { kind: 'gemm', m: 2, n: 4, k: 3, a: at(x, 3), b: at(y, 4), c: at(c, 4), accumulate: false } as const;
  const body: Stmt[] = [{ ...gemm, epilogue: { row, column, body: [tanh] } }];
  const k: Kernel = { name: 'test', inputs: [x, y], outputs: [c], scratch: [], body };
  expect(kernelCost(k)).toEqual({ flops: 48 + 8, productFlops: 48, bytes: 4 * (6 + 12 + 8) });
});

test('steps: loops as often as they run, the dearest branch, copies both ways', () => {
  const k = kernel([100], [100], (b) =>
    b.parallel([100], ([i]) => b.store(b.outputs[0]!, i!, unary('exp', load(b.inputs[0]!, i!)))),
  );
  const slot = { base: { kind: 'arena' }, offset: 0, strides: [] } as const;
  const run: Step = { kind: 'kernel', kernel: k, slots: [] };
  const copy: Step = { kind: 'copy', from: slot, to: slot, bytes: 64 };
  const steps: Step[] = [
    copy,
    { kind: 'for', id: 0, length: 7, reverse: false, body: [run, run] },
    { kind: 'branch', index: slot, branches: [[run], [run, run], []] },
    { kind: 'while', cond: [run], predicate: slot, body: [run] },
  ];
  expect(stepsCost(steps)).toEqual({ flops: 1800, productFlops: 0, bytes: 128 + 18 * 800 });
});
