import { describe, expect, it } from 'vitest';
import { WasmExecutor } from '../../../src/backends/wasm/executor.ts';
import { WasmStorage } from '../../../src/backends/wasm/storage.ts';
import { callP } from '../../../src/control/call.ts';
import { HostStorage } from '../../../src/core/executor.ts';
import { type AnyPrimitive, erase, type Primitive } from '../../../src/core/primitive.ts';
import { traceProgram } from '../../../src/core/program-trace.ts';
import { ConcreteTensor, hostTensor, type Tensor } from '../../../src/core/tensor.ts';
import { type Aval, f32, i32 } from '../../../src/ir/aval.ts';
import type { Program } from '../../../src/ir/program.ts';
import * as p from '../../../src/primitives/index.ts';

const ex = new WasmExecutor();

function tensor(aval: Aval, value: (i: number) => number): ConcreteTensor {
  const data = Float32Array.from({ length: aval.size }, (_, i) => value(i));
  return new ConcreteTensor(aval, ex.fromHost(data, aval));
}

function apply<P extends object>(primitive: Primitive<P>, args: readonly ConcreteTensor[], params: P): ConcreteTensor {
  const record: AnyPrimitive = erase(primitive);
  const outAvals = primitive.abstractEval(
    args.map((a) => a.aval),
    params,
  );
  return ex.execute(record, args, params, outAvals)[0]!;
}

const trace = (avals: readonly Aval[], f: (...xs: Tensor[]) => readonly Tensor[]): Program =>
  traceProgram('test', avals, (xs) => [...f(...xs)]).program;

const call = (program: Program, args: readonly ConcreteTensor[], donate: readonly number[] = []): ConcreteTensor[] =>
  ex.execute(erase(callP), args, { program, donate }, program.outAvals);

describe('eager operations', () => {
  it('share one kernel between shapes', () => {
    for (const n of [100, 101, 200, 5000]) {
      const x = tensor(f32(n, 3), (i) => i);
      expect(apply(p.mulP, [x, x], {}).read()[299]).toBe(299 * 299);
    }
    const before = ex.memoryStats();
    expect(before.kernels).toBe(1);
  });

  it('are told apart by operands and parameters, however they alternate', () => {
    const [x, y] = [tensor(f32(100, 3), (i) => i), tensor(f32(3, 100), (i) => 2 * i)];
    const [first, second] = [{ axes: [0] }, { axes: [1] }];
    for (let i = 0; i < 3; i++) {
      expect(apply(p.addP, [x, x], {}).read()[299]).toBe(598);
      expect(apply(p.addP, [y, y], {}).aval.toString()).toBe('f32[3,100]');
      expect(apply(p.reduceSumP, [x], first).read()[1]).toBe(14_950);
      expect(apply(p.reduceSumP, [x], second).read()[1]).toBe(12);
      expect(apply(p.reduceSumP, [y], second).read()[1]).toBe(29_900);
    }
  });

  it('keep tiny results on the host and large ones in the heap', () => {
    expect(apply(p.negP, [tensor(f32(4), (i) => i)], {}).storage).toBeInstanceOf(HostStorage);
    expect(apply(p.negP, [tensor(f32(400), (i) => i)], {}).storage).toBeInstanceOf(WasmStorage);
  });

  it('reshape without copying, and either handle may be disposed', () => {
    const x = tensor(f32(30, 10), (i) => i);
    const y = apply(p.negP, [x], {});
    const tensors = ex.memoryStats().tensors;
    const r = apply(p.reshapeP, [y], { shape: [10, 30] });
    expect(ex.memoryStats().tensors).toBe(tensors);
    y.dispose();
    expect(r.read()[299]).toBe(-299);
    expect(() => y.read()).toThrow(/disposed tensor f32\[30,10\]/);
  });

  it('handle empty arrays and scalars', () => {
    const empty = hostTensor(new Float32Array(0), f32(0, 5));
    expect(apply(p.addP, [empty, empty], {}).read()).toHaveLength(0);
    expect(apply(p.reduceSumP, [empty], { axes: [0] }).read()).toEqual(new Float32Array(5));
    expect(apply(p.reduceSumP, [empty], { axes: [0, 1] }).read()).toEqual(new Float32Array(1));
  });

  it('take operands from other devices', () => {
    const x = hostTensor(
      Float32Array.from({ length: 500 }, (_, i) => i),
      f32(500),
    );
    expect(apply(p.addP, [x, x], {}).read()[499]).toBe(998);
    expect(apply(p.addP, [x, x], {}).read()[498]).toBe(996);
  });
});

describe('compiled programs', () => {
  it('return operands, constants and repeated results without confusion', () => {
    const constant = tensor(f32(100), (i) => 2 * i);
    const program = trace([f32(100), f32(2)], (x, y) => {
      const z = p.mul(x!, constant);
      return [x!, z, z, constant, y!, p.neg(y!)];
    });
    const outs = call(program, [tensor(f32(100), (i) => i), tensor(f32(2), (i) => i + 1)]);
    expect(outs.map((o) => o.read().at(-1))).toEqual([99, 2 * 99 * 99, 2 * 99 * 99, 198, 2, -2]);
    outs[1]!.dispose();
    expect(outs[2]!.read()[10]).toBe(200);
  });

  it('write results into donated memory, unless someone else holds it', () => {
    const program = trace([f32(1000)], (x) => [p.mul(x!, x!)]);
    const x = tensor(f32(1000), (i) => i);
    const first = call(program, [apply(p.addP, [x, x], {})], [0]);
    expect(first[0]!.read()[999]).toBe(4 * 999 * 999);
    const y = apply(p.negP, [x], {});
    const kept = apply(p.reshapeP, [y], { shape: [10, 100] });
    expect(call(program, [y], [0])[0]!.read()[999]).toBe(999 * 999);
    expect(y.storage.isDisposed).toBe(true);
    expect(kept.read()[999]).toBe(-999);
  });

  it('run many operands and results of a few bytes', () => {
    const n = 300;
    const program = trace(
      Array.from({ length: n }, () => f32(3)),
      (...xs) => xs.map((x) => p.add(x, xs[0]!)),
    );
    const outs = call(
      program,
      Array.from({ length: n }, (_, k) => tensor(f32(3), () => k + 1)),
    );
    expect(outs.map((o) => o.read()[2])).toEqual(Array.from({ length: n }, (_, k) => k + 2));
  });

  it('work from a working set larger than the budget, in any order', () => {
    const n = 1 << 20;
    const arrays = Array.from({ length: 20 }, (_, k) => tensor(f32(n), () => k));
    const program = trace([f32(n), f32(n)], (x, y) => [p.add(x!, y!)]);
    for (let round = 0; round < 3; round++) {
      for (let k = 0; k < 20; k++) {
        const [sum] = call(program, [arrays[k]!, arrays[(7 * k + round) % 20]!]);
        expect(sum!.read()[n - 1]).toBe(k + ((7 * k + round) % 20));
        sum!.dispose();
      }
    }
    arrays.forEach((a) => a.dispose());
  });

  it('compile integer index programs', () => {
    const program = trace([i32(50)], (x) => [p.reduceSum(p.mul(x!, x!), [0])]);
    const data = Int32Array.from({ length: 50 }, (_, i) => i);
    expect(call(program, [hostTensor(data, i32(50))])[0]!.read()[0]).toBe(40_425);
  });
});
