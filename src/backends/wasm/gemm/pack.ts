/**
 * Packs a panel of a matrix: `width` lanes (rows of A or columns of B) side by side for each step of k, so that the inner loop of a
 * product reads memory in order. Missing lanes are zero.
 * May import: `encode`, `kernel/lir`.
 * @module
 */
import type { FunctionBuilder } from '../encode/function.ts';
import type { ModuleBuilder } from '../encode/module.ts';
import type { OpName } from '../encode/opcodes.ts';
import type { Lir } from '../kernel/lir.ts';
import type { Element } from './element.ts';
import { defineRoutine, type Routine } from './routine.ts';

/** The 32-bit lanes of two vectors by position 0…7. */
const words = (...w: number[]): number[] => w.flatMap((i) => [4 * i, 4 * i + 1, 4 * i + 2, 4 * i + 3]);

/** Vectors whose i-th lanes are the i-th vector's elements. */
function transpose(r: Routine, e: Element, v: readonly Lir[]): Lir[] {
  const { b } = r;
  const [v0, v1, v2, v3] = v;
  if (e.lanes === 2) return [b.shuffle(v0!, v1!, words(0, 1, 4, 5)), b.shuffle(v0!, v1!, words(2, 3, 6, 7))];
  const lowA = b.shuffle(v0!, v1!, words(0, 4, 1, 5));
  const highA = b.shuffle(v0!, v1!, words(2, 6, 3, 7));
  const lowB = b.shuffle(v2!, v3!, words(0, 4, 1, 5));
  const highB = b.shuffle(v2!, v3!, words(2, 6, 3, 7));
  const join = (x: Lir, y: Lir): Lir[] => [b.shuffle(x, y, words(0, 1, 4, 5)), b.shuffle(x, y, words(2, 3, 6, 7))];
  return [...join(lowA, lowB), ...join(highA, highB)];
}

/** pack(source, laneStride, kStride, lanes, k, target); strides in bytes. */
export function definePack(module: ModuleBuilder, e: Element, width: number): FunctionBuilder {
  const step = width * e.bytes;
  const loadOp: OpName = `${e.scalar}.load`;
  const storeOp: OpName = `${e.scalar}.store`;
  return defineRoutine(module, 6, (r, source, laneStride, kStride, lanes, k, target) => {
    const { b } = r;
    const isFull = b.op('i32.eq', lanes!, b.i32(width));
    const unit = b.i32(e.bytes);
    const at = (i: Lir, lane: Lir): Lir => b.add(b.add(source!, b.mul(lane, laneStride!)), b.mul(i, kStride!));
    const to = (i: Lir): Lir => b.add(target!, b.mul(i, b.i32(step)));

    const partial = (): void => {
      r.loop(b.i32(0), k!, 1, (i) => {
        r.loop(b.i32(0), b.i32(width), 1, (lane) => {
          const place = b.add(to(i), b.mul(lane, unit));
          r.if(
            b.op('i32.lt_s', lane, lanes!),
            () => r.store(storeOp, place, r.load(loadOp, at(i, lane))),
            () => r.store(storeOp, place, e.zero(b)),
          );
        });
      });
    };
    const scattered = (from: Lir): void => {
      r.loop(from, k!, 1, (i) => {
        r.storeAll(
          Array.from({ length: width }, (_, lane) => ({
            op: storeOp,
            address: to(i),
            offset: lane * e.bytes,
            value: r.load(loadOp, at(i, b.i32(lane))),
          })),
        );
      });
    };
    const adjacentLanes = (): void => {
      r.loop(b.i32(0), k!, 1, (i) => {
        r.storeAll(
          Array.from({ length: width / e.lanes }, (_, g) => ({
            op: 'v128.store' as const,
            address: to(i),
            offset: 16 * g,
            value: r.load('v128.load', at(i, b.i32(0)), 16 * g),
          })),
        );
      });
    };
    const adjacentSteps = (): void => {
      const whole = b.and(k!, -e.lanes);
      r.loop(b.i32(0), whole, e.lanes, (i) => {
        for (let g = 0; g < width / e.lanes; g++) {
          const rows = Array.from({ length: e.lanes }, (_, l) => r.load('v128.load', at(i, b.i32(g * e.lanes + l))));
          r.storeAll(
            transpose(r, e, rows).map((value, s) => ({
              op: 'v128.store' as const,
              address: to(i),
              offset: s * step + 16 * g,
              value,
            })),
          );
        }
      });
      scattered(whole);
    };
    r.if(
      isFull,
      () =>
        r.if(b.op('i32.eq', laneStride!, unit), adjacentLanes, () =>
          r.if(b.op('i32.eq', kStride!, unit), adjacentSteps, () => scattered(b.i32(0))),
        ),
      partial,
    );
  });
}
