import { describe, expect, it } from 'vitest';
import { emitPlan, tableLength } from '../../../src/backends/wasm/emit-plan.ts';
import { hostMath } from '../../../src/backends/wasm/host-math.ts';
import type { Plan, Slot, Step } from '../../../src/compiler/plan.ts';
import { f32, i32 } from '../../../src/ir/aval.ts';
import { binary, type Expr, iadd, int, load } from '../../../src/ir/loop/expr.ts';
import { type Kernel, KernelBuilder } from '../../../src/ir/loop/kernel.ts';

const slot = (kind: 'input' | 'output' | 'arena', index = 0, offset = 0, strides: Slot['strides'] = []): Slot => ({
  base: kind === 'arena' ? { kind } : { kind, index },
  offset,
  strides,
});

/** out[0] = f(in[0]) on int32 scalars. */
function scalarKernel(f: (x: Expr) => Expr): Kernel {
  const b = new KernelBuilder('scalar', [{ dtype: 'int32', size: 1 }], [{ dtype: 'int32', size: 1 }]);
  b.store(b.outputs[0]!, int(0), f(load(b.inputs[0]!, int(0))));
  return b.build();
}

const step = (kernel: Kernel, ...slots: Slot[]): Step => ({ kind: 'kernel', kernel, slots });
const plus = (n: number): Kernel => scalarKernel((x) => iadd(x, int(n)));

/** Runs a plan of one int32[n] input and one int32[n] output. */
function run(steps: readonly Step[], input: readonly number[], outputs = 1): number[] {
  const plan: Plan = {
    name: 'test',
    inputs: [i32(input.length)],
    outputs: [i32(outputs)],
    plannedOutputs: [{ kind: 'computed' }],
    constants: [],
    arenaBytes: 4096,
    steps,
  };
  const memory = new WebAssembly.Memory({ initial: 1 });
  const view = new Int32Array(memory.buffer);
  const [table, at, out, arena] = [1024, 4096, 8192, 12_288];
  view.set(input, at / 4);
  view.set([at, out, arena], table / 4);
  expect(tableLength(plan)).toBe(3);
  const { bytes } = emitPlan(plan);
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory }, math: hostMath });
  (instance.exports.run as (table: number) => void)(table);
  return Array.from(view.subarray(out / 4, out / 4 + outputs));
}

describe('plans', () => {
  it('run kernels in order, with copies between', () => {
    expect(
      run(
        [
          step(plus(1), slot('input'), slot('arena')),
          { kind: 'copy', from: slot('arena'), to: slot('arena', 0, 64), bytes: 4 },
          step(
            scalarKernel((x) => binary('mul', x, int(10))),
            slot('arena', 0, 64),
            slot('output'),
          ),
        ],
        [4],
      ),
    ).toEqual([50]);
  });

  it('take the branch of the index', () => {
    const branches = [1, 2, 3].map((n) => [step(plus(100 * n), slot('input'), slot('output'))]);
    for (const i of [0, 1, 2])
      expect(run([{ kind: 'branch', index: slot('input'), branches }], [i])).toEqual([i + 100 * (i + 1)]);
  });

  it('loop while a predicate holds', () => {
    const less = new KernelBuilder('less', [{ dtype: 'int32', size: 1 }], [{ dtype: 'bool', size: 1 }]);
    less.store(less.outputs[0]!, int(0), binary('lt', load(less.inputs[0]!, int(0)), int(1000)));
    const double = scalarKernel((x) => binary('mul', x, int(2)));
    expect(
      run(
        [
          { kind: 'copy', from: slot('input'), to: slot('output'), bytes: 4 },
          {
            kind: 'while',
            cond: [step(less.build(), slot('output'), slot('arena'))],
            predicate: slot('arena'),
            body: [step(double, slot('output'), slot('output'))],
          },
        ],
        [3],
      ),
    ).toEqual([1536]);
  });

  it('iterate forward and backward with strided slots, nested', () => {
    const accumulate = new KernelBuilder(
      'push',
      [
        { dtype: 'int32', size: 1 },
        { dtype: 'int32', size: 1 },
      ],
      [{ dtype: 'int32', size: 1 }],
    );
    const [total, x] = accumulate.inputs.map((b) => load(b, int(0)));
    accumulate.store(accumulate.outputs[0]!, int(0), iadd(binary('mul', total!, int(10)), x!));
    const zero = new KernelBuilder('zero', [], [{ dtype: 'int32', size: 1 }]);
    zero.store(zero.outputs[0]!, int(0), int(0));
    for (const [reverse, want] of [
      [false, [123, 456]],
      [true, [321, 654]],
    ] as const) {
      const element = slot('input', 0, 0, [
        { loop: 7, stride: 12 },
        { loop: 8, stride: 4 },
      ]);
      const row = slot('output', 0, 0, [{ loop: 7, stride: 4 }]);
      const inner: Step = {
        kind: 'for',
        id: 8,
        length: 3,
        reverse,
        body: [step(accumulate.build(), row, element, row)],
      };
      expect(
        run(
          [{ kind: 'for', id: 7, length: 2, reverse: !reverse, body: [step(zero.build(), row), inner] }],
          [1, 2, 3, 4, 5, 6],
          2,
        ),
      ).toEqual(want);
    }
  });

  it('split long sequences into functions, and share equal kernels', () => {
    const inOut = [slot('output'), slot('output')] as const;
    const steps = Array.from({ length: 50_000 }, (_, i) => step(plus(1 + (i % 2)), ...inOut));
    const body = Array.from({ length: 500 }, () =>
      step(plus(1), slot('output', 0, 0, [{ loop: 1, stride: 0 }]), slot('output')),
    );
    expect(
      run(
        [
          { kind: 'copy', from: slot('input'), to: slot('output'), bytes: 4 },
          ...steps,
          { kind: 'for', id: 1, length: 3, reverse: false, body },
        ],
        [5],
      ),
    ).toEqual([5 + 75_000 + 1500]);
    const plan: Plan = {
      name: 'many',
      inputs: [f32()],
      outputs: [f32()],
      plannedOutputs: [{ kind: 'computed' }],
      constants: [],
      arenaBytes: 0,
      steps,
    };
    expect(emitPlan(plan).kernels).toBe(2);
  });
});
