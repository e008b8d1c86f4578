import { execFileSync } from 'node:child_process';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { hostCollector } from '../../../src/backends/wasm/collector.ts';
import { WasmExecutor } from '../../../src/backends/wasm/executor.ts';
import { ModuleBuilder } from '../../../src/backends/wasm/encode/module.ts';
import { Heap } from '../../../src/backends/wasm/heap.ts';
import { convertKernel } from '../../../src/backends/wasm/kernel/convert.ts';
import { settings } from '../../../src/core/config.ts';
import { callP } from '../../../src/control/call.ts';
import { type AnyPrimitive, definePrimitive, erase, type Primitive } from '../../../src/core/primitive.ts';
import { traceProgram } from '../../../src/core/program-trace.ts';
import { ConcreteTensor, type Tensor } from '../../../src/core/tensor.ts';
import { type Aval, f32 } from '../../../src/ir/aval.ts';
import { InternalError, MemoryError } from '../../../src/ir/errors.ts';
import { constant, int, load } from '../../../src/ir/loop/expr.ts';
import { KernelBuilder } from '../../../src/ir/loop/kernel.ts';
import * as p from '../../../src/primitives/index.ts';

const root = new URL('../../..', import.meta.url).pathname;
const ex = new WasmExecutor();

function tensor(aval: Aval, value: (i: number) => number, device = ex): ConcreteTensor {
  const data = Float32Array.from({ length: aval.size }, (_, i) => value(i));
  return new ConcreteTensor(aval, device.fromHost(data, aval));
}

function apply<P extends object>(primitive: Primitive<P>, args: readonly ConcreteTensor[], params: P): ConcreteTensor {
  const outAvals = primitive.abstractEval(
    args.map((a) => a.aval),
    params,
  );
  return ex.execute(erase(primitive) as AnyPrimitive, args, params, outAvals)[0]!;
}

afterEach(() => {
  vi.unstubAllGlobals();
  settings.memoryLimit = Number.POSITIVE_INFINITY;
});

/** Reads 2 GB past its operand. */
const trapP: Primitive<object> = definePrimitive<object>({
  name: 'test_trap',
  abstractEval: ([x]) => [x!],
  calculus: { kind: 'piecewise-constant' },
  batch: () => {
    throw new Error('not needed');
  },
  reference: () => {},
  lower: {
    kind: 'loops',
    build: (b) => b.store(b.outputs[0]!, int(0), load(b.inputs[0]!, int(500_000_000))),
  },
  samples: [],
});

describe('a trap in generated code', () => {
  const x = tensor(f32(100), (i) => i);

  it('is an error that names the kernel, and leaves memory as it was', () => {
    apply(p.negP, [x], {});
    const before = ex.memoryStats();
    expect(() => apply(trapP, [x], {})).toThrow(InternalError);
    expect(() => apply(trapP, [x], {})).toThrow(/test_trap.*out of bounds.* at test_trap/s);
    expect(ex.memoryStats()).toEqual({ ...before, kernels: before.kernels + 1 });
    expect(apply(p.negP, [x], {}).read()[99]).toBe(-99);
  });

  it('leaves no half-written donated operand to be read', () => {
    const { program } = traceProgram('f', [f32(100)], ([y]) => [p.neg(p.neg(y!))]);
    const donated = tensor(f32(100), (i) => i);
    const run = ex.compile(program, { donate: [0] });
    expect(run([donated])[0]!.read()[7]).toBe(7);
    expect(() => donated.read()).toThrow(/disposed/);
  });
});

describe('shape-generic kernels', () => {
  it('serve every offset: taking elements one by one compiles one kernel', () => {
    const own = new WasmExecutor();
    const x = tensor(f32(300), (i) => i, own);
    for (let i = 2; i < 200; i++) {
      const params = { start: [i], limit: [i + 1], strides: [1] };
      const [y] = own.execute(erase(p.sliceP), [x], params, p.sliceP.abstractEval([x.aval], params));
      expect(y!.read()).toEqual(Float32Array.of(i));
    }
    expect(own.memoryStats().kernels).toBe(1);
  });

  it('take as many operands as there are', () => {
    for (const count of [40, 500, 1500]) {
      const xs = Array.from({ length: count }, (_, k) => tensor(f32(2, 3), (i) => 10 * k + i));
      const y = apply(p.concatenateP, xs, { axis: 1 }).read();
      expect(y).toHaveLength(6 * count);
      expect([y[3 * count - 1], y[3 * count], y.at(-1)]).toEqual([10 * (count - 1) + 2, 3, 10 * (count - 1) + 5]);
    }
  });
});

describe('constants of compiled functions', () => {
  it('outlive the handle that they came from', () => {
    const constant = tensor(f32(100), (i) => i);
    const { program } = traceProgram('f', [f32(100)], ([x]) => [p.add(x!, constant as Tensor)]);
    const run = ex.compile(program, {});
    constant.dispose();
    expect(run([tensor(f32(100), () => 1)])[0]!.read()[99]).toBe(100);
  });

  it('are not overwritten when the same tensor is donated', () => {
    const constant = tensor(f32(100), (i) => i);
    const { program } = traceProgram('f', [f32(100)], ([x]) => [
      p.add(x!, p.reverse(constant as Tensor, [0])),
      p.mul(constant as Tensor, constant as Tensor),
    ]);
    const [sum, square] = ex.execute(erase(callP), [constant], { program, donate: [0] }, program.outAvals);
    expect([...sum!.read()]).toEqual(Array.from({ length: 100 }, () => 99));
    expect(square!.read()[99]).toBe(9801);
  });
});

describe('memory', () => {
  it('is addressed correctly beyond 2 GiB', () => {
    // Address space only: nothing in the 2 GiB is touched.
    const own = new WasmExecutor();
    const { heap } = own as unknown as { heap: Heap };
    heap.allocate(2 ** 31);
    const n = 700;
    const avals = Array.from({ length: n }, () => f32());
    const { program } = traceProgram('f', avals, (xs) => [xs.reduce((a, b) => p.add(a, b))]);
    const args = Array.from({ length: n }, (_, i) => tensor(f32(), () => i, own));
    expect(own.compile(program, {})(args)[0]!.read()).toEqual(Float32Array.of((n * (n - 1)) / 2));
    expect(heap.stage(1)).toBeGreaterThan(2 ** 31);
    const big = tensor(f32(1000), (i) => i, own);
    const out = own.execute(erase(p.mulP), [big, tensor(f32(), () => 3, own)], {}, [f32(1000)])[0]!;
    expect(out.read()[999]).toBe(2997);
  });

  it('of arrays from the host that were dropped does not count against the limit', () => {
    settings.memoryLimit = 20 << 20;
    for (let i = 0; i < 40; i++) tensor(f32(1 << 19), () => i);
    const kept: ConcreteTensor[] = [];
    expect(() => {
      for (let i = 0; i < 40; i++) kept.push(tensor(f32(1 << 19), () => i));
    }).toThrow(MemoryError);
    kept.forEach((t, i) => expect(t.read()[5]).toBe(i));
  });

  it('keeps its staging area when a larger one cannot be had', () => {
    const heap = new Heap({ collect: () => false });
    const at = heap.stage(100);
    expect(() => heap.stage(2 ** 33)).toThrow(MemoryError);
    expect(heap.stage(100)).toBe(at);
    expect(heap.allocate(4096)).not.toBe(at);
  });
});

describe('collection on demand', () => {
  it('exposes no gc to this context, to new ones, or to workers', () => {
    const args = ['scripts/run-ts.mjs', 'test/backends/wasm/collect.ts'];
    const env = { ...process.env, NODE_OPTIONS: '' };
    const out = execFileSync(process.execPath, args, { cwd: root, encoding: 'utf8', env });
    expect(JSON.parse(out)).toEqual([true, 'undefined', 'undefined', 'undefined']);
  });

  it('does not exist outside Node, without an error', () => {
    const { process: real } = globalThis;
    vi.stubGlobal('process', undefined);
    expect(hostCollector()).toBeUndefined();
    vi.stubGlobal('process', { versions: { node: '20.0.0' } });
    expect(hostCollector()).toBeUndefined();
    vi.stubGlobal('process', { versions: { node: '24.0.0' }, getBuiltinModule: () => undefined });
    expect(hostCollector()!.collect()).toBe(false);
    vi.stubGlobal('process', real);
  });
});

describe('loop counters', () => {
  const one = { dtype: 'float32', size: 1 } as const;

  it('do not overflow: loops whose product is 2^31 or more stay apart', () => {
    for (const [extents, loops] of [
      [[40_000, 40_000], 1],
      [[50_000, 50_000], 2],
    ] as const) {
      const b = new KernelBuilder('sum', [one], [one]);
      const sum = b.reduce('add', [...extents], 'float32', () => load(b.inputs[0]!, int(0)));
      b.store(b.outputs[0]!, int(0), sum);
      const reduction = convertKernel(b.build()).body.find((s) => s.kind === 'reduce');
      expect(reduction?.loops).toHaveLength(loops);
    }
  });

  it('that would overflow are an error', () => {
    const b = new KernelBuilder('fill', [], [{ dtype: 'bool', size: 2 ** 31 }]);
    b.parallel([2 ** 31], ([i]) => b.store(b.outputs[0]!, i!, constant(1, 'bool')));
    expect(() => convertKernel(b.build())).toThrow(/^fill: expected fewer than 2\^31 elements/);
  });
});

describe('modules', () => {
  it('name their functions, and stay valid', () => {
    const module = new ModuleBuilder();
    module.defineFunction({ params: [], results: [] }, 'first');
    module.exportFunction('run', module.defineFunction({ params: [], results: [] }));
    const compiled = new WebAssembly.Module(module.build());
    const [names] = WebAssembly.Module.customSections(compiled, 'name');
    expect(new TextDecoder().decode(names)).toContain('first');
  });
});
