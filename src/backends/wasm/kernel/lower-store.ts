/**
 * Stores of single elements and of lanes.
 * May import: `ir`, `kernel`.
 * @module
 */
import { dtypeInfo } from '../../../ir/dtype.ts';
import type { BufferRef } from '../../../ir/loop/expr.ts';
import type { OpName } from '../encode/opcodes.ts';
import { axisCoefficient } from './coefficient.ts';
import type { Lir, LirStore } from './lir.ts';
import type { ValueLowering } from './lower-value.ts';
import type { StoreItem } from './nest.ts';

/** The low byte of each 32-bit lane. */
const lowBytes: readonly number[] = [0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12];

const integerStores: Readonly<Record<number, OpName>> = { 1: 'i32.store8', 2: 'i32.store16', 4: 'i32.store' };
/** Stores of four neighbouring elements, by the bytes of one. */
const vectorStores: Readonly<Record<number, OpName>> = { 1: 'v128.store32_lane', 2: 'v128.store64_lane' };
const laneStores: Readonly<Record<number, OpName>> = {
  1: 'v128.store8_lane',
  2: 'v128.store16_lane',
  4: 'v128.store32_lane',
  8: 'v128.store64_lane',
};

export function lowerStore(v: ValueLowering, item: StoreItem): LirStore[] {
  const { buffer, index, value } = item;
  const { lanes } = v;
  if (lanes === undefined || !(v.isVarying(index) || v.isVarying(value))) return [storeScalar(v, item)];
  const count = buffer.dtype === 'float64' ? 2 * lanes.parts : lanes.parts;
  const perPart = buffer.dtype === 'float64' ? 2 : 4;
  const c = axisCoefficient(index, lanes.loop);
  if (c === 1 && dtypeInfo[buffer.dtype].bytes === 2 && count % 2 === 0) return storeWords(v, item, count);
  const out: LirStore[] = [];
  for (let p = 0; p < count; p++) {
    const part = storable(v, buffer, v.part(value, p));
    if (lanes.rows !== undefined) {
      const perRow = 4 / perPart;
      const { address, offset } = v.atRow(buffer, index, Math.floor(p / perRow));
      out.push({ op: 'v128.store', address, offset: offset + 16 * (p % perRow), value: part, lane: 0 });
      continue;
    }
    if (c === 1) out.push(storeVector(v, buffer, item, part, p * perPart));
    else for (let lane = 0; lane < perPart; lane++) out.push(storeLane(v, item, part, c, p * perPart + lane, lane));
  }
  return out;
}

function storeScalar(v: ValueLowering, { buffer, index, value }: StoreItem): LirStore {
  const { address, offset } = v.address(buffer, index);
  const op: OpName =
    buffer.dtype === 'float32'
      ? 'f32.store'
      : buffer.dtype === 'float64'
        ? 'f64.store'
        : integerStores[dtypeInfo[buffer.dtype].bytes]!;
  return { op, address, value: v.value(value), offset, lane: 0 };
}

/** A vector as it is laid out in memory: elements of one or two bytes are gathered at its start. */
function storable({ b, vectors }: ValueLowering, buffer: BufferRef, part: Lir): Lir {
  const width = dtypeInfo[buffer.dtype].bytes;
  if (width > 2) return part;
  // Their lanes hold 0…65535.
  if (width === 2) return b.op('i16x8.narrow_i32x4_u', part, part);
  const bytes = buffer.dtype === 'bool' ? b.op('v128.and', part, vectors.constant(1, 'int32')) : part;
  return b.shuffle(bytes, bytes, lowBytes);
}

/** Elements of two bytes, two parts at once. */
function storeWords(v: ValueLowering, { buffer, index, value }: StoreItem, count: number): LirStore[] {
  const { address, offset } = v.address(buffer, index);
  const out: LirStore[] = [];
  for (let p = 0; p < count; p += 2) {
    const both = v.b.op('i16x8.narrow_i32x4_u', v.part(value, p), v.part(value, p + 1));
    out.push({ op: 'v128.store', address, offset: offset + 8 * p, value: both, lane: 0 });
  }
  return out;
}

function storeVector(v: ValueLowering, buffer: BufferRef, { index }: StoreItem, value: Lir, element: number): LirStore {
  const { address, offset } = v.address(buffer, index);
  const { bytes } = dtypeInfo[buffer.dtype];
  return {
    op: vectorStores[bytes] ?? 'v128.store',
    address,
    value,
    offset: offset + element * bytes,
    lane: 0,
  };
}

function storeLane(
  v: ValueLowering,
  { buffer, index }: StoreItem,
  value: Lir,
  c: number | undefined,
  element: number,
  lane: number,
): LirStore {
  const { bytes } = dtypeInfo[buffer.dtype];
  const op = laneStores[bytes]!;
  if (c === 0) return { op, ...v.address(buffer, index), value, lane };
  return { op, ...v.laneAddress(buffer, index, element, c !== undefined), value, lane };
}
