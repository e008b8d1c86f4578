/**
 * Copies a block of a matrix to where a product reads it in order. Both routines may read up to a vector past the end of a line and
 * write as much past the end of a row; what they write there is never stored in a result.
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
function transposed(r: Routine, e: Element, v: readonly Lir[]): Lir[] {
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

/** transpose(source, lineStride, lines, length, target, rowStride): target[q][p] = source[p][q] for p < lines, q < length. */
export function defineTranspose(module: ModuleBuilder, e: Element): FunctionBuilder {
  return defineRoutine(
    module,
    6,
    (r, source, lineStride, lines, length, target, rowStride) => {
      const { b } = r;
      const last = b.op('i32.sub', lines!, b.i32(1));
      r.loop(b.i32(0), lines!, e.lanes, (p) => {
        // Lines past the last are read as the last.
        const from = Array.from({ length: e.lanes }, (_, l) => {
          const line = r.min(b.add(p, b.i32(l)), last);
          return b.add(source!, b.mul(line, lineStride!));
        });
        const to = b.add(target!, b.mul(p, b.i32(e.bytes)));
        r.loop(b.i32(0), length!, e.lanes, (q) => {
          const at = b.mul(q, b.i32(e.bytes));
          const vectors = from.map((line) => r.load('v128.load', b.add(line, at)));
          const row = b.add(to, b.mul(q, rowStride!));
          r.storeAll(
            transposed(r, e, vectors).map((value, l) => ({
              op: 'v128.store' as const,
              address: b.add(row, b.mul(rowStride!, b.i32(l))),
              offset: 0,
              value,
            })),
          );
        });
      });
    },
    `${e.scalar}_transpose`,
  );
}

/**
 * copyPanels(source, rowStride, rows, target, panelStride): rows of `panels` panels of `vectors` vectors, each panel to a place of its
 * own where its rows are adjacent.
 */
export function defineCopyPanels(module: ModuleBuilder, e: Element, vectors: number, panels: number): FunctionBuilder {
  return defineRoutine(
    module,
    5,
    (r, source, rowStride, rows, target, panelStride) => {
      const { b } = r;
      r.loop(b.i32(0), rows!, 1, (i) => {
        const from = b.add(source!, b.mul(i, rowStride!));
        const to = b.add(target!, b.mul(i, b.i32(16 * vectors)));
        r.storeAll(
          Array.from({ length: panels * vectors }, (_, v) => ({
            op: 'v128.store' as const,
            address: b.add(to, b.mul(panelStride!, b.i32(Math.floor(v / vectors)))),
            offset: 16 * (v % vectors),
            value: r.load('v128.load', from, 16 * v),
          })),
        );
      });
    },
    `${e.scalar}_copy_panels_${panels}`,
  );
}

/** copyElements(source, rowStride, columnStride, rows, columns, target, targetStride). */
export function defineCopyElements(module: ModuleBuilder, e: Element): FunctionBuilder {
  const [loadOp, storeOp]: [OpName, OpName] = [`${e.scalar}.load`, `${e.scalar}.store`];
  return defineRoutine(
    module,
    7,
    (r, source, rowStride, columnStride, rows, columns, target, targetStride) => {
      const { b } = r;
      r.loop(b.i32(0), rows!, 1, (i) => {
        const [from, to] = [b.add(source!, b.mul(i, rowStride!)), b.add(target!, b.mul(i, targetStride!))];
        r.loop(b.i32(0), columns!, 1, (j) => {
          const value = r.load(loadOp, b.add(from, b.mul(j, columnStride!)));
          r.store(storeOp, b.add(to, b.mul(j, b.i32(e.bytes))), value);
        });
      });
    },
    `${e.scalar}_copy_elements`,
  );
}
