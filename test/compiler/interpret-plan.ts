/**
 * Runs Plans in plain JavaScript: an oracle for the compiler that shares nothing with any backend.
 * @module
 */
import type { Aval } from '../../src/ir/aval.ts';
import { dtypeInfo, fromRaw, makeTypedArray, type RawArray, toRaw, type TypedArray } from '../../src/ir/dtype.ts';
import type { BufferRef } from '../../src/ir/loop/expr.ts';
import type { ConstantValue } from '../../src/ir/program.ts';
import type { Plan, Slot, Step } from '../../src/compiler/plan.ts';
import { KernelInterpreter } from './interpret-kernel.ts';

/** Uninitialised memory: reads of it give conspicuous values (NaN for floats). */
const poison = 0xff;

function bytesOf(data: RawArray): Uint8Array<ArrayBuffer> {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

function constantBytes(c: ConstantValue): Uint8Array<ArrayBuffer> {
  if (c.scalar === undefined) return bytesOf(toRaw((c as unknown as { read(): TypedArray }).read(), c.aval.dtype));
  const data = makeTypedArray(c.aval.dtype, 1);
  data[0] = c.scalar;
  return bytesOf(toRaw(data, c.aval.dtype));
}

const asArray = (bytes: Uint8Array<ArrayBuffer>, aval: Aval): TypedArray =>
  fromRaw(dtypeInfo[aval.dtype].view(bytes.slice().buffer, 0, aval.size), aval.dtype);

/** Outputs of a plan. Inputs are left alone unless they are donated. */
export function interpretPlan(plan: Plan, args: readonly TypedArray[]): TypedArray[] {
  const inputs = args.map((a, i) => bytesOf(toRaw(a, plan.inputs[i]!.dtype).slice() as RawArray));
  const constants = plan.constants.map(constantBytes);
  const outputs = plan.plannedOutputs.map((p, i) => {
    if (p.kind === 'donated') return inputs[p.input]!;
    return new Uint8Array(p.kind === 'computed' ? plan.outputs[i]!.bytes : 0).fill(poison);
  });
  new Machine({
    input: inputs,
    output: outputs,
    constant: constants,
    arena: [new Uint8Array(plan.arenaBytes).fill(poison)],
  }).run(plan.steps);
  const result = (i: number): TypedArray => {
    const p = plan.plannedOutputs[i]!;
    const aval = plan.outputs[i]!;
    if (p.kind === 'input') return asArray(inputs[p.index]!, aval);
    if (p.kind === 'constant') return asArray(constants[p.index]!, aval);
    return p.kind === 'same-as' ? result(p.output) : asArray(outputs[i]!, aval);
  };
  return plan.outputs.map((_, i) => result(i));
}

type Memory = Readonly<Record<Slot['base']['kind'], readonly Uint8Array<ArrayBuffer>[]>>;

class Machine {
  private readonly memory: Memory;
  private readonly iterations = new Map<number, number>();

  constructor(memory: Memory) {
    this.memory = memory;
  }

  run(steps: readonly Step[]): void {
    for (const s of steps) this.step(s);
  }

  private bytes(slot: Slot, count: number): Uint8Array<ArrayBuffer> {
    const base = this.memory[slot.base.kind][slot.base.kind === 'arena' ? 0 : slot.base.index]!;
    const offset = slot.strides.reduce((sum, s) => sum + this.iterations.get(s.loop)! * s.stride, slot.offset);
    if (offset < 0 || offset + count > base.length) {
      throw new Error(`${slot.base.kind} access at ${offset}…${offset + count} of ${base.length} bytes`);
    }
    return base.subarray(offset, offset + count);
  }

  /** A view where the memory is; a slice of a stacked array of bytes may start anywhere, so unaligned ones are copied and put back. */
  private withArrays(slots: readonly Slot[], buffers: readonly BufferRef[], f: (arrays: TypedArray[]) => void): void {
    const places = buffers.map((b, i) => this.bytes(slots[i]!, b.size * dtypeInfo[b.dtype].bytes));
    const arrays = buffers.map((b, i): TypedArray => {
      const p = places[i]!;
      const isAligned = p.byteOffset % dtypeInfo[b.dtype].bytes === 0;
      const { view } = dtypeInfo[b.dtype];
      return fromRaw(view(isAligned ? p.buffer : p.slice().buffer, isAligned ? p.byteOffset : 0, b.size), b.dtype);
    });
    f(arrays);
    arrays.forEach((a, i) => {
      if (buffers[i]!.role !== 'input' && a.buffer !== places[i]!.buffer)
        places[i]!.set(bytesOf(toRaw(a, buffers[i]!.dtype)));
    });
  }

  private step(s: Step): void {
    switch (s.kind) {
      case 'kernel': {
        const { kernel } = s;
        const buffers = [...kernel.inputs, ...kernel.outputs, ...kernel.scratch];
        if (buffers.length !== s.slots.length)
          throw new Error(`${kernel.name}: expected ${buffers.length} slots, got ${s.slots.length}`);
        this.withArrays(s.slots, buffers, (arrays) => new KernelInterpreter(kernel, arrays).run(kernel.body));
        return;
      }
      case 'copy':
        this.bytes(s.to, s.bytes).set(this.bytes(s.from, s.bytes));
        return;
      case 'branch': {
        const index = dtypeInfo.int32.view(this.bytes(s.index, 4).slice().buffer, 0, 1)[0]!;
        this.run(s.branches[index]!);
        return;
      }
      case 'while':
        this.run(s.cond);
        while (this.bytes(s.predicate, 1)[0] !== 0) {
          this.run(s.body);
          this.run(s.cond);
        }
        return;
      case 'for':
        for (let i = 0; i < s.length; i++) {
          this.iterations.set(s.id, s.reverse ? s.length - 1 - i : i);
          this.run(s.body);
        }
        this.iterations.delete(s.id);
    }
  }
}
