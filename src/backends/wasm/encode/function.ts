/**
 * Writes the body of one WebAssembly function: instructions, typed locals with reuse, structured control.
 * May import: `encode`.
 * @module
 */
import { ByteWriter } from './bytes.ts';
import { type OpName, opcode, type ValueType, valueType } from './opcodes.ts';

interface CallFixup {
  readonly at: number;
  readonly ordinal: number;
}

/** Padded LEB128 so that a function index can be patched in place. */
const indexWidth = 4;

export class FunctionBuilder {
  readonly ordinal: number;
  private readonly code = new ByteWriter(512);
  private readonly paramCount: number;
  private readonly localTypes: ValueType[] = [];
  private readonly free: { [T in ValueType]: number[] } = { i32: [], i64: [], f32: [], f64: [], v128: [] };
  private readonly fixups: CallFixup[] = [];
  /** Open blocks, for relative branch depths. */
  private depth = 0;

  constructor(params: readonly ValueType[], ordinal: number) {
    this.paramCount = params.length;
    this.ordinal = ordinal;
  }

  /** Bytes of code so far. */
  get size(): number {
    return this.code.length;
  }

  /** A local variable; its content is undefined (it may have been used and released). */
  local(type: ValueType): number {
    const reused = this.free[type].pop();
    return reused ?? this.paramCount + this.localTypes.push(type) - 1;
  }

  release(local: number): void {
    const type = this.localTypes[local - this.paramCount];
    if (type !== undefined) this.free[type].push(local);
  }

  op(name: OpName): void {
    const x = opcode[name];
    if (x < 0x10000) {
      this.code.u8(x);
      return;
    }
    this.code.u8(x >> 16);
    this.code.u32(x & 0xffff);
  }

  get(local: number): void {
    this.code.u8(opcode['local.get']);
    this.code.u32(local);
  }

  set(local: number): void {
    this.code.u8(opcode['local.set']);
    this.code.u32(local);
  }

  tee(local: number): void {
    this.code.u8(opcode['local.tee']);
    this.code.u32(local);
  }

  globalGet(index: number): void {
    this.code.u8(opcode['global.get']);
    this.code.u32(index);
  }

  i32(value: number): void {
    this.code.u8(0x41);
    this.code.s32(value);
  }

  i64(value: bigint): void {
    this.code.u8(0x42);
    this.code.s64(value);
  }

  f32(value: number): void {
    this.code.u8(0x43);
    this.code.f32(value);
  }

  f64(value: number): void {
    this.code.u8(0x44);
    this.code.f64(value);
  }

  /** A load or store; alignment hints are left at one byte, which costs nothing on the engines we know. */
  memory(name: OpName, offset = 0): void {
    this.op(name);
    this.code.u8(0);
    this.code.u32(offset);
  }

  /** An atomic access of an i32 or an i64, which must be aligned (and say so). */
  atomic(name: OpName, offset = 0): void {
    this.op(name);
    this.code.u8(name.startsWith('i64') ? 3 : 2);
    this.code.u32(offset);
  }

  memoryLane(name: OpName, offset: number, lane: number): void {
    this.memory(name, offset);
    this.code.u8(lane);
  }

  /** Extract and replace lane. */
  lane(name: OpName, lane: number): void {
    this.op(name);
    this.code.u8(lane);
  }

  shuffle(lanes: readonly number[]): void {
    this.op('i8x16.shuffle');
    for (const l of lanes) this.code.u8(l);
  }

  memoryCopy(): void {
    this.op('memory.copy');
    this.code.u8(0);
    this.code.u8(0);
  }

  memoryFill(): void {
    this.op('memory.fill');
    this.code.u8(0);
  }

  callImport(index: number): void {
    this.code.u8(opcode.call);
    this.code.u32(index);
  }

  callDefined(ordinal: number): void {
    this.code.u8(opcode.call);
    this.fixups.push({ at: this.code.length, ordinal });
    for (let i = 0; i < indexWidth; i++) this.code.u8(0);
  }

  /** Calls the entry of table 0 whose index is on the stack; `type` is from `ModuleBuilder.functionType`. */
  callIndirect(type: number): void {
    this.code.u8(0x11);
    this.code.u32(type);
    this.code.u8(0);
  }

  /** `block`, `loop` or `if`; returns a label for `br`. A result type makes the block yield a value. */
  open(kind: 'block' | 'loop' | 'if', result?: ValueType): number {
    this.code.u8(kind === 'block' ? 0x02 : kind === 'loop' ? 0x03 : 0x04);
    this.code.u8(result === undefined ? 0x40 : valueType[result]);
    return ++this.depth;
  }

  otherwise(): void {
    this.code.u8(0x05);
  }

  close(): void {
    this.code.u8(0x0b);
    this.depth--;
  }

  br(label: number): void {
    this.code.u8(0x0c);
    this.code.u32(this.depth - label);
  }

  brIf(label: number): void {
    this.code.u8(0x0d);
    this.code.u32(this.depth - label);
  }

  /** Jumps to `labels[x]` by the i32 on the stack, to the last one when out of range. */
  brTable(labels: readonly number[]): void {
    this.code.u8(0x0e);
    this.code.u32(labels.length - 1);
    for (const l of labels) this.code.u32(this.depth - l);
  }

  /** Appends this function's code entry, with calls resolved. */
  writeBody(out: ByteWriter, importCount: number): void {
    this.patchCalls(importCount);
    const header = new ByteWriter(64);
    const runs: { type: ValueType; count: number }[] = [];
    for (const type of this.localTypes) {
      const last = runs.at(-1);
      if (last?.type === type) last.count++;
      else runs.push({ type, count: 1 });
    }
    header.u32(runs.length);
    for (const r of runs) {
      header.u32(r.count);
      header.u8(valueType[r.type]);
    }
    out.u32(header.length + this.code.length + 1);
    out.append(header.view());
    out.append(this.code.view());
    out.u8(0x0b);
  }

  private patchCalls(importCount: number): void {
    const code = this.code.view();
    for (const { at, ordinal } of this.fixups) {
      let x = importCount + ordinal;
      for (let i = 0; i < indexWidth; i++) {
        code[at + i] = (x & 0x7f) | (i < indexWidth - 1 ? 0x80 : 0);
        x >>>= 7;
      }
    }
  }
}
