/**
 * One call of a plan: operands are brought into the heap, results get memory, the code runs on their addresses, results get handles.
 * Tensors of a few bytes live on the host and pass through a staging area.
 * May import: `ir`, `core`, `compiler/plan`.
 * @module
 */
import type { Plan } from '../../compiler/plan.ts';
import { HostStorage, type Storage } from '../../core/executor.ts';
import { ConcreteTensor, hostScalar, scalarTensor } from '../../core/tensor.ts';
import type { Aval } from '../../ir/aval.ts';
import { dtypeInfo, fromRaw, isHalf, toRaw, type TypedArray } from '../../ir/dtype.ts';
import { InternalError } from '../../ir/errors.ts';
import { tableIndex, tableLength } from './emit-plan.ts';
import type { Heap } from './heap.ts';
import { speculationSlack } from './kernel/node.ts';
import { WasmStorage } from './storage.ts';

/**
 * Tensors up to this many bytes live on the host: copying them in and out costs less than a finalizer (about a microsecond).
 */
export const tinyBytes = 256;

export const isTiny = (aval: Aval): boolean => aval.bytes <= tinyBytes;

/** Runs the code on the addresses in `table`; `tableAddress` has room for them in the heap. */
export type Launch = (table: readonly number[], tableAddress: number) => void;

/** Device copies of larger host arrays that serve as operands, made once. */
const uploads = new WeakMap<Storage, WasmStorage>();

function uploaded(heap: Heap, t: ConcreteTensor): WasmStorage {
  const { storage } = t;
  if (storage instanceof WasmStorage && storage.belongsTo(heap)) return storage;
  let copy = uploads.get(storage);
  if (copy === undefined || !copy.belongsTo(heap)) {
    copy = heap.fromHost(t.read().slice() as TypedArray, t.aval);
    uploads.set(storage, copy);
  }
  return copy;
}

/** Where empty tensors are: an address that is always valid. */
const nowhere: number = speculationSlack;

const noHandles: readonly (WasmStorage | undefined)[] = [];

export class PlanCall {
  private readonly heap: Heap;
  private readonly plan: Plan;
  private readonly launch: Launch;
  private readonly donated: ReadonlySet<number>;
  private readonly constants: readonly ConcreteTensor[];
  private readonly table: number[];
  private readonly stagingBytes: number;
  /** Whether all operands pass through the staging area, and there is nothing else to bring in. */
  private readonly isTiny: boolean;
  /** Offsets in the staging area; -1 for what has memory of its own. */
  private readonly inputOffsets: readonly number[];
  private readonly outputOffsets: readonly number[];

  constructor(heap: Heap, plan: Plan, donated: readonly number[], launch: Launch) {
    this.heap = heap;
    this.plan = plan;
    this.launch = launch;
    this.donated = new Set(donated);
    // Scalars that the compiler made by folding are numbers only.
    this.constants = plan.constants.map((c) =>
      resident(heap, c instanceof ConcreteTensor ? c : scalarTensor(c.scalar!, c.aval.dtype)),
    );
    this.table = Array.from({ length: tableLength(plan) }, () => nowhere);
    let bytes = (4 * tableLength(plan) + 15) & -16;
    const place = (aval: Aval): number => {
      if (!isTiny(aval)) return -1;
      const at = bytes;
      bytes += (aval.bytes + 15) & -16;
      return at;
    };
    this.inputOffsets = plan.inputs.map(place);
    this.outputOffsets = plan.outputs.map((a, i) => (plan.plannedOutputs[i]!.kind === 'computed' ? place(a) : -1));
    this.stagingBytes = bytes;
    this.isTiny = this.constants.length === 0 && this.inputOffsets.every((offset) => offset >= 0);
  }

  run(args: readonly ConcreteTensor[], outAvals: readonly Aval[]): ConcreteTensor[] {
    const { heap, plan, table } = this;
    heap.beginCall();
    const staging = heap.stage(this.stagingBytes);
    const operands = this.bringIn(args, staging);
    const results: { address: number; size: number }[] = [];
    let arena = 0;
    let hasStarted = false;
    try {
      this.placeOutputs(staging, results);
      if (plan.arenaBytes > 0) {
        arena = heap.allocate(plan.arenaBytes);
        table[table.length - 1] = arena;
      }
      hasStarted = true;
      this.launch(table, staging);
    } catch (e) {
      for (const r of results) if (r.size > 0) heap.free(r.address, r.size);
      // What was donated may be half overwritten.
      if (hasStarted) this.disposeDonated(args);
      throw e instanceof WebAssembly.RuntimeError ? trapError(plan.name, e) : e;
    } finally {
      if (arena !== 0) heap.free(arena, plan.arenaBytes);
    }
    const outs = this.wrap(args, operands, outAvals, staging, results);
    this.disposeDonated(args);
    return outs;
  }

  private disposeDonated(args: readonly ConcreteTensor[]): void {
    for (const i of this.donated) args[i]!.storage.dispose(true);
  }

  /** Puts the addresses of all operands and constants in the table; gives the operands' handles. */
  private bringIn(args: readonly ConcreteTensor[], staging: number): readonly (WasmStorage | undefined)[] {
    const { heap, table, plan } = this;
    if (this.isTiny) {
      for (let i = 0; i < args.length; i++) copyIn(heap, args[i]!, (table[i] = staging + this.inputOffsets[i]!));
      return noHandles;
    }
    const handles = args.map((t, i) => (this.inputOffsets[i]! < 0 ? this.handle(args, t, i) : undefined));
    const constants = this.constants.map((t) => (t.aval.size === 0 ? undefined : uploaded(heap, t)));
    // All are marked before the first is placed, so that placing one does not push out another.
    for (const h of handles) h?.touch();
    for (const c of constants) c?.touch();
    for (let i = 0; i < args.length; i++) {
      const offset = this.inputOffsets[i]!;
      if (offset < 0) table[i] = handles[i]!.pin();
      else {
        table[i] = staging + offset;
        copyIn(heap, args[i]!, staging + offset);
      }
    }
    const first = plan.inputs.length + plan.outputs.length;
    constants.forEach((c, i) => (table[first + i] = c?.pin() ?? nowhere));
    return handles;
  }

  /** The handle of an operand; a copy, where its memory is to be overwritten but others use it. */
  private handle(args: readonly ConcreteTensor[], t: ConcreteTensor, i: number): WasmStorage {
    const handle = uploaded(this.heap, t);
    if (!this.donated.has(i)) return handle;
    const isShared = handle !== t.storage || !handle.isSole || args.some((a, k) => k !== i && a.storage === t.storage);
    return isShared ? this.heap.fromHost(handle.read().slice() as TypedArray, t.aval) : handle;
  }

  private placeOutputs(staging: number, results: { address: number; size: number }[]): void {
    const { heap, plan, table } = this;
    for (let i = 0; i < plan.outputs.length; i++) {
      const planned = plan.plannedOutputs[i]!;
      const at = tableIndex(plan, { kind: 'output', index: i });
      if (planned.kind === 'donated') table[at] = table[planned.input]!;
      if (planned.kind !== 'computed') {
        results.push({ address: 0, size: 0 });
        continue;
      }
      const offset = this.outputOffsets[i]!;
      const result = offset < 0 ? heap.allocateTensor(plan.outputs[i]!) : { address: staging + offset, size: 0 };
      results.push(result);
      table[at] = result.address;
    }
  }

  private wrap(
    args: readonly ConcreteTensor[],
    operands: readonly (WasmStorage | undefined)[],
    outAvals: readonly Aval[],
    staging: number,
    results: readonly { address: number; size: number }[],
  ): ConcreteTensor[] {
    const { heap, plan } = this;
    const outs: ConcreteTensor[] = [];
    const share = (t: ConcreteTensor, aval: Aval): Storage =>
      t.storage instanceof WasmStorage ? t.storage.share(aval) : new HostStorage(reinterpret(t.read(), aval), 'wasm');
    for (let i = 0; i < plan.outputs.length; i++) {
      const planned = plan.plannedOutputs[i]!;
      const aval = outAvals[i]!;
      let storage: Storage;
      switch (planned.kind) {
        case 'computed': {
          const { address, size } = results[i]!;
          const number = size > 0 ? undefined : scalarOut(heap, aval, address);
          if (number !== undefined) {
            outs.push(hostScalar(number, aval));
            continue;
          }
          storage = size > 0 ? heap.adopt(address, size, aval) : copyOut(heap, aval, address);
          break;
        }
        case 'donated': {
          const handle = operands[planned.input];
          storage = handle?.moveTo(aval) ?? copyOut(heap, aval, staging + this.inputOffsets[planned.input]!);
          break;
        }
        case 'input':
          storage = share(args[planned.index]!, aval);
          break;
        case 'constant':
          storage = share(this.constants[planned.index]!, aval);
          break;
        case 'same-as':
          storage = share(outs[planned.output]!, aval);
      }
      outs.push(new ConcreteTensor(aval, storage));
    }
    return outs;
  }
}

/** The constant as a tensor of this device, under a handle of its own: the caller's may be disposed, or donated. */
function resident(heap: Heap, c: ConcreteTensor): ConcreteTensor {
  if (c.aval.size === 0) return c;
  if (c.storage instanceof WasmStorage && c.storage.belongsTo(heap))
    return new ConcreteTensor(c.aval, c.storage.share(c.aval));
  return new ConcreteTensor(c.aval, heap.fromHost(c.read().slice() as TypedArray, c.aval));
}

function reinterpret(data: TypedArray, aval: Aval): TypedArray {
  const { view, bytes } = dtypeInfo[aval.dtype];
  if (isHalf(aval.dtype) || data.BYTES_PER_ELEMENT !== bytes) return data;
  return view(data.buffer, data.byteOffset, aval.size) as TypedArray;
}

/**
 * Copies float32 numbers one by one: for the few of a tiny tensor that is several times cheaper than the views that other ways need.
 * False at a NaN, whose payload would not survive.
 */
function copyFloats(from: Float32Array, start: number, to: Float32Array, at: number, count: number): boolean {
  for (let i = 0; i < count; i++) {
    const x = from[start + i]!;
    if (Number.isNaN(x)) return false;
    to[at + i] = x;
  }
  return true;
}

/** The data of a tiny operand into the staging area. */
function copyIn(heap: Heap, t: ConcreteTensor, address: number): void {
  const { scalar } = t;
  if (scalar !== undefined && t.aval.dtype === 'float32' && !Number.isNaN(scalar)) {
    heap.f32[address >>> 2] = scalar;
    return;
  }
  const data = toRaw(t.read(), t.aval.dtype);
  if (data instanceof Float32Array && copyFloats(data, 0, heap.f32, address >>> 2, data.length)) return;
  if (data instanceof Int32Array && data.length === 1) heap.i32[address >>> 2] = data[0]!;
  else heap.u8.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), address);
}

/** A scalar out of the staging area; undefined at a NaN, whose payload a number does not keep. */
function scalarOut(heap: Heap, aval: Aval, address: number): number | undefined {
  if (aval.shape.length > 0) return undefined;
  const x = aval.dtype === 'float32' ? heap.f32[address >>> 2]! : fromRaw(heap.view(address, aval), aval.dtype)[0]!;
  return Number.isNaN(x) ? undefined : x;
}

/** A tiny result out of the staging area. */
function copyOut(heap: Heap, aval: Aval, address: number): HostStorage {
  if (aval.dtype === 'float32') {
    const data = new Float32Array(aval.size);
    if (copyFloats(heap.f32, address >>> 2, data, 0, data.length)) return new HostStorage(data, 'wasm');
  }
  return new HostStorage(fromRaw(heap.view(address, aval), aval.dtype).slice() as TypedArray, 'wasm');
}

/** A trap is a fault of the generated code; the engine's stack says which function it was in. */
function trapError(name: string, trap: WebAssembly.RuntimeError): InternalError {
  const frame = /at (.*wasm:\S+)/.exec(trap.stack ?? '')?.[1] ?? 'an unknown place';
  return new InternalError(`the wasm code of ${name} stopped with "${trap.message}" at ${frame}.`, { program: name });
}
