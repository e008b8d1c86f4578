/**
 * Products with a vector whose matrix has the contracted axis innermost: one dot product an element.
 * May import: `encode`, `features`, `kernel/lir`.
 * @module
 */
import type { FunctionBuilder } from '../encode/function.ts';
import type { ModuleBuilder } from '../encode/module.ts';
import type { OpName } from '../encode/opcodes.ts';
import { hoistsLoads } from '../features.ts';
import type { Lir } from '../kernel/lir.ts';
import type { BlockOptions } from './block.ts';
import { multiplyAdd, zeroVector } from './element.ts';
import { defineRoutine, type Routine } from './routine.ts';

/** Vectors of partial sums of one dot product. What results are depends on it. */
const width = 4;

/** Dot products side by side: they share the loads of x, where there are registers for that. */
const rowsAtOnce = (): number => (hoistsLoads() ? 1 : 2);

/** dots(n, k, x, m, mStride, y, yStride, adds): y[j] (+)= Σ x[i] · m[j][i]; strides in bytes. */
export function defineDots(module: ModuleBuilder, o: BlockOptions): FunctionBuilder {
  const { element: e } = o;
  return defineRoutine(
    module,
    8,
    (r, n, k, x, m, mStride, y, yStride, adds) => {
      const { b } = r;
      const together = rowsAtOnce();
      const whole = b.and(n!, -together);
      const run = (from: Lir, to: Lir, count: number): void =>
        r.loop(from, to, count, (j) => {
          const rows = Array.from({ length: count }, (_, i) => b.add(m!, b.mul(b.add(j, b.i32(i)), mStride!)));
          dotProducts(r, o, k!, x!, rows).forEach((total, i) => {
            const at = b.add(y!, b.mul(b.add(j, b.i32(i)), yStride!));
            const [loadOp, storeOp]: [OpName, OpName] = [`${e.scalar}.load`, `${e.scalar}.store`];
            r.if(
              adds!,
              () => r.store(storeOp, at, b.op(`${e.scalar}.add`, r.load(loadOp, at), total)),
              () => r.store(storeOp, at, total),
            );
          });
        });
      run(b.i32(0), whole, together);
      if (together > 1) run(whole, n!, 1);
    },
    `${e.scalar}_dots`,
  );
}

/** The products of x with each of the rows. */
function dotProducts(r: Routine, o: BlockOptions, k: Lir, x: Lir, rows: readonly Lir[]): Lir[] {
  const { b } = r;
  const { element: e } = o;
  const step = e.lanes * width;
  const whole = b.and(k, -step);
  const bytes = (i: Lir): Lir => b.mul(i, b.i32(e.bytes));
  const sums = rows.map(() => Array.from({ length: width }, () => r.variable('v128', zeroVector(b, e))));
  r.loop(b.i32(0), whole, step, (i) => {
    const xs = sums[0]!.map((_, v) => r.load('v128.load', b.add(x, bytes(i)), 16 * v));
    const items = rows.flatMap((row, p) =>
      sums[p]!.map((s, v) => {
        const y = r.load('v128.load', b.add(row, bytes(i)), 16 * v);
        return [s, multiplyAdd(b, e, o.isRelaxed, xs[v]!, y, r.read(s))] as const;
      }),
    );
    r.set(items);
  });
  // Through memory, in pairs: what is not stored in pairs is not summed in code of 256 bits.
  const scratch = r.global(o.workspace);
  r.storeAll(
    sums.flat().map((s, i) => ({ op: 'v128.store' as const, address: scratch, offset: 16 * i, value: r.read(s) })),
  );
  const [vectorAdd, scalarAdd]: [OpName, OpName] = [`${e.vector}.add`, `${e.scalar}.add`];
  const totals = rows.map((_, p) => {
    const [s0, s1, s2, s3] = sums[p]!.map((__, v) => r.load('v128.load', scratch, 16 * (p * width + v)));
    const sum = b.op(vectorAdd, b.op(vectorAdd, s0!, s1!), b.op(vectorAdd, s2!, s3!));
    const lanes = Array.from({ length: e.lanes }, (__, l) => b.lane(`${e.vector}.extract_lane`, l, sum));
    return r.variable(
      e.scalar,
      lanes.reduce((s, l) => b.op(scalarAdd, s, l)),
    );
  });
  r.loop(whole, k, 1, (i) => {
    const load = (from: Lir): Lir => r.load(`${e.scalar}.load`, b.add(from, bytes(i)));
    const factor = load(x);
    r.set(
      rows.map((row, p) => {
        const total = totals[p]!;
        return [total, b.op(scalarAdd, r.read(total), b.op(`${e.scalar}.mul`, factor, load(row)))] as const;
      }),
    );
  });
  return totals.map((t) => r.read(t));
}
