/**
 * One `Lir` as the instruction it is, its operands being on the stack.
 * May import: `encode`, `kernel/lir`.
 * @module
 */
import type { FunctionBuilder } from '../encode/function.ts';
import type { OpName } from '../encode/opcodes.ts';
import type { Lir } from './lir.ts';

/** What follows the opcode of an instruction. */
type Form = 'plain' | 'lane' | 'memory' | 'memory-lane';

const forms = new Map<OpName, Form>();

function formOf(op: OpName): Form {
  let form = forms.get(op);
  if (form === undefined) {
    const isLane = op.endsWith('_lane');
    const isMemory = op.includes('.load');
    forms.set(op, (form = isMemory ? (isLane ? 'memory-lane' : 'memory') : isLane ? 'lane' : 'plain'));
  }
  return form;
}

/** `op` is that of `v`; a guarded value is more than one instruction. */
export function writeInstruction(f: FunctionBuilder, op: Exclude<Lir['op'], 'guarded'>, v: Lir): void {
  switch (op) {
    case 'const':
      if (v.type === 'i32') f.i32(v.imm);
      else if (v.type === 'f32') f.f32(v.imm);
      else f.f64(v.imm);
      return;
    case 'get':
      return f.get(v.imm);
    case 'global':
      return f.globalGet(v.imm);
    case 'call':
      return f.callImport(v.imm);
    case 'i8x16.shuffle':
      return f.shuffle(v.bytes!);
    default:
  }
  switch (formOf(op)) {
    case 'lane':
      return f.lane(op, v.lane);
    case 'memory':
      return f.memory(op, v.imm);
    case 'memory-lane':
      return f.memoryLane(op, v.imm, v.lane);
    case 'plain':
      return f.op(op);
  }
}
