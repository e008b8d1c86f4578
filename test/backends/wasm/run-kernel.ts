/**
 * Emits one kernel, runs it in a memory of its own, and compares with the interpreter.
 * @module
 */
import { expect } from 'vitest';
import { ModuleBuilder } from '../../../src/backends/wasm/encode/module.ts';
import { hostMath } from '../../../src/backends/wasm/host-math.ts';
import { emitKernel, prepareKernel } from '../../../src/backends/wasm/kernel/emit.ts';
import { dtypeInfo, fromRaw, makeTypedArray, type RawArray, toRaw, type TypedArray } from '../../../src/ir/dtype.ts';
import type { Kernel } from '../../../src/ir/loop/kernel.ts';
import { interpretKernel } from './interpret-kernel.ts';

/** Speculative loads may reach this far below and above the buffers. */
const margin = 8 << 20;

const gemmStub = new Proxy(
  {},
  {
    get: () => () => {
      throw new Error('no gemm here');
    },
  },
) as WebAssembly.ModuleImports;

export interface EmitOptions {
  readonly parametric?: boolean;
  readonly gemm?: (memory: WebAssembly.Memory) => WebAssembly.ModuleImports;
}

export function emitModule(
  k: Kernel,
  parametric: boolean,
): { bytes: Uint8Array<ArrayBuffer>; values: readonly number[] } {
  const module = new ModuleBuilder();
  module.importMemory();
  const prepared = prepareKernel(k, parametric ? 'all' : 'none');
  module.exportFunction('run', emitKernel(module, prepared));
  return { bytes: module.build(), values: prepared.values };
}

const kept = new Map<number, WebAssembly.Memory>();

/** A memory of so many pages, for one kernel at a time: making them by the hundred, this large, is mostly collecting them. */
function memoryOf(pages: number): WebAssembly.Memory {
  const memory = kept.get(pages) ?? new WebAssembly.Memory({ initial: pages });
  kept.set(pages, memory);
  return memory;
}

/** Contents of all buffers after the emitted code ran on `inputs`. */
export function runEmitted(k: Kernel, inputs: readonly TypedArray[], options: EmitOptions = {}): TypedArray[] {
  const refs = [...k.inputs, ...k.outputs, ...k.scratch];
  let top = margin;
  const pointers = refs.map((r) => {
    const at = top;
    top += (r.size * dtypeInfo[r.dtype].bytes + 31) & ~15;
    return at;
  });
  const pages = Math.ceil((top + margin) / 65536);
  // A product allocates its own workspace, by growing the memory.
  const memory = options.gemm === undefined ? memoryOf(pages) : new WebAssembly.Memory({ initial: pages });
  new Uint8Array(memory.buffer, margin, top - margin).fill(0);
  const { bytes, values } = emitModule(k, options.parametric ?? false);
  const gemm = options.gemm?.(memory) ?? gemmStub;
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory }, math: hostMath, gemm });
  const view = (i: number): RawArray =>
    dtypeInfo[refs[i]!.dtype].view(memory.buffer as ArrayBuffer, pointers[i]!, refs[i]!.size);
  inputs.forEach((x, i) => view(i).set(toRaw(x, refs[i]!.dtype)));
  (instance.exports.run as (...x: number[]) => void)(...pointers, ...values);
  return refs.map((r, i) => fromRaw(view(i), r.dtype).slice() as TypedArray);
}

/** Asserts that emitted code (with fixed and with parametric integers) and interpreter agree on every output. */
export function expectSame(k: Kernel, inputs: readonly TypedArray[], tolerance = 0, options: EmitOptions = {}): void {
  const refs = [...k.inputs, ...k.outputs, ...k.scratch];
  const arrays = refs.map((r, i) => (inputs[i] ? (inputs[i]!.slice() as TypedArray) : makeTypedArray(r.dtype, r.size)));
  interpretKernel(k, arrays);
  for (const parametric of [false, true]) {
    const got = runEmitted(k, inputs, { ...options, parametric });
    k.outputs.forEach((_, o) => {
      const at = k.inputs.length + o;
      const [want, have] = [arrays[at]!, got[at]!];
      for (let i = 0; i < want.length; i++) {
        const [w, h] = [want[i]!, have[i]!];
        const isClose =
          Object.is(w, h) || (w === h && tolerance > 0) || Math.abs(w - h) <= tolerance * Math.max(1, Math.abs(w));
        if (!isClose) expect.fail(`${k.name}: output ${o}[${i}]: expected ${w}, got ${h} (parametric: ${parametric})`);
      }
    });
  }
}
