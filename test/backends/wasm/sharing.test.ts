/** What is compiled once: Programs of equal structure, and nothing that differs in what it computes. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { grad, jit, lax, np, type Tensor } from 'cotangent';
import { KernelTable } from '../../../src/backends/wasm/kernel/kernel-key.ts';
import { Recent } from '../../../src/util/recent.ts';
import { structureKey } from '../../../src/backends/wasm/structure-key.ts';
import { compileProgram } from '../../../src/compiler/compile.ts';
import { callP } from '../../../src/control/call.ts';
import { traceProgram } from '../../../src/core/program-trace.ts';
import { hostTensor } from '../../../src/core/tensor.ts';
import { f32, i32 } from '../../../src/ir/aval.ts';
import type { Kernel } from '../../../src/ir/loop/kernel.ts';
import type { Program } from '../../../src/ir/program.ts';

let compiled = 0;

beforeEach(() => {
  compiled = 0;
  const { Module } = WebAssembly;
  vi.spyOn(WebAssembly, 'Module').mockImplementation(function (this: unknown, bytes: BufferSource) {
    compiled++;
    return new Module(bytes);
  } as never);
});

afterEach(() => void vi.restoreAllMocks());

/** Modules compiled while `run` runs. */
function modules(run: () => unknown): number {
  const before = compiled;
  run();
  return compiled - before;
}

const keyOf = (program: Program, donate: readonly number[] = []): string | undefined =>
  structureKey(callP, program.inAvals, { program, donate });

describe('Programs of one structure', () => {
  it('are compiled once, whichever closure they come from', () => {
    const layer = (scale: number) => (x: Tensor) => np.sum(np.tanh(x.mul(scale)).add(x), { axis: 0 });
    const x = np.arange(12, { dtype: 'float32' }).reshape([3, 4]);
    const first = jit(layer(0.25));
    expect(modules(() => first(x))).toBe(1);
    expect(modules(() => jit(layer(0.25))(x))).toBe(0);
    expect(jit(layer(0.25))(x).toArray()).toEqual(first(x).toArray());
  });

  it('are compiled once when eager control flow traces its body at each call', () => {
    const step = (x: Tensor): Tensor =>
      lax.scan((c: Tensor) => [c.mul(0.75).add(1), null] as const, x, null, { length: 20 })[0];
    const x = np.ones([7]);
    const run = (): Tensor => np.sum(step(x));
    run();
    expect(modules(run)).toBe(0);
    const slope = grad((y: Tensor) => np.sum(step(y)));
    slope(x);
    expect(modules(() => slope(x))).toBe(0);
    expect(slope(x).slice(0).item()).toBeCloseTo(0.75 ** 20, 7);
  });
});

describe('Programs that differ', () => {
  const x = np.array([1, -2, 3]);
  const run = (f: (x: Tensor) => Tensor): unknown => jit(f)(x).toArray();

  it('in a constant are not mixed up: other numbers, the sign of zero, other types', () => {
    const divided = (by: number) => (y: Tensor) => np.divide(y, y.mul(by));
    expect(run(divided(2))).toEqual([0.5, 0.5, 0.5]);
    expect(run(divided(4))).toEqual([0.25, 0.25, 0.25]);
    const signed = (zero: number) => (y: Tensor) => np.divide(1, y.mul(0).add(zero).mul(zero));
    expect(run(signed(0))).toEqual([Infinity, Infinity, Infinity]);
    expect(run(signed(-0))).toEqual([-Infinity, Infinity, -Infinity]);
  });

  it('in a parameter, in the order of operands, or in what they return are not mixed up', () => {
    const m = np.array([
      [1, 2],
      [3, 5],
    ]);
    const sums = [0, 1].map((axis) => jit((y: Tensor) => np.sum(y, { axis }))(m).toArray());
    expect(sums).toEqual([
      [4, 7],
      [3, 8],
    ]);
    expect(jit((y: Tensor) => y.sub(y.T))(m).toArray()).toEqual([
      [0, -1],
      [1, 0],
    ]);
    expect(jit((y: Tensor) => y.T.sub(y))(m).toArray()).toEqual([
      [0, 1],
      [-1, 0],
    ]);
    const pairs = [true, false].map((swap) => {
      const [a, b] = jit((y: Tensor) => (swap ? [y.mul(3), y.mul(2)] : [y.mul(2), y.mul(3)]))(np.array(1)) as Tensor[];
      return [a!.item(), b!.item()];
    });
    expect(pairs).toEqual([
      [3, 2],
      [2, 3],
    ]);
  });

  it('have different keys: constants of few bytes by value, types, donation', () => {
    const table = (last: number): ReturnType<typeof hostTensor> => hostTensor(Int32Array.of(1, 2, last), i32(3));
    const withTable = (last: number): Program =>
      traceProgram('f', [i32(3)], ([y]) => [np.add(y!, table(last)) as Tensor]).program;
    expect(keyOf(withTable(3))).toBe(keyOf(withTable(3)));
    expect(keyOf(withTable(3))).not.toBe(keyOf(withTable(4)));
    const plain = (n: number): Program => traceProgram('f', [f32(n)], ([y]) => [np.sin(y!) as Tensor]).program;
    expect(keyOf(plain(3))).not.toBe(keyOf(plain(4)));
    expect(keyOf(plain(3), [0])).not.toBe(keyOf(plain(3)));
  });

  it('are not kept when they hold much data or are very long', () => {
    const held = hostTensor(new Float32Array(1000), f32(1000));
    const holding = traceProgram('f', [f32(1000)], ([y]) => [np.add(y!, held) as Tensor]).program;
    expect(keyOf(holding)).toBeUndefined();
    const long = traceProgram('f', [f32()], ([y]) => {
      let z = y!;
      for (let i = 0; i < 5e4; i++) z = np.sin(z) as Tensor;
      return [z];
    }).program;
    expect(keyOf(long)).toBeUndefined();
  });
});

describe('a map of what was used last', () => {
  it('forgets the oldest first, by entries and by characters', () => {
    const recent = new Recent<number>(3, 20);
    for (const [i, key] of ['a', 'b', 'c'].entries()) recent.add(key, i);
    expect(recent.get('a')).toBe(0);
    recent.add('d', 3);
    expect(['a', 'b', 'c', 'd'].map((k) => recent.get(k))).toEqual([0, undefined, 2, 3]);
    recent.add('e'.repeat(19), 4);
    expect(recent.size).toBe(2);
    expect(recent.get('d')).toBe(3);
    recent.add('f'.repeat(30), 5);
    expect(recent.size).toBe(0);
  });
});

describe('equal kernels', () => {
  function kernelOf(f: (y: Tensor) => Tensor, n = 300): Kernel {
    const [step] = compileProgram(traceProgram('f', [f32(n)], ([y]) => [f(y!)]).program).steps;
    if (step?.kind !== 'kernel') throw new Error('expected a kernel');
    return step.kernel;
  }
  const scaled = (by: number) => kernelOf((y) => np.sin(y).mul(by));

  it('share what is made of them; kernels with buffers alike do not', () => {
    const table = new KernelTable<number>();
    let made = 0;
    const get = (k: Kernel): number => table.get(k, () => made++);
    expect([scaled(2), scaled(3), scaled(2), kernelOf((y) => np.cos(y).mul(2)), scaled(3)].map(get)).toEqual([
      0, 1, 0, 2, 1,
    ]);
    expect(get(kernelOf((y) => np.sin(y).mul(2), 301))).toBe(3);
    expect(get(kernelOf((y) => np.sin(np.flip(y)).mul(2)))).toBe(4);
    expect(table.size).toBe(5);
  });
});
