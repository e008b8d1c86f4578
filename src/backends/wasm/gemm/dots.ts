/**
 * Products with a vector whose matrix has the contracted axis innermost: one dot product an element.
 * May import: `encode`, `kernel/lir`.
 * @module
 */
import type { FunctionBuilder } from '../encode/function.ts';
import type { ModuleBuilder } from '../encode/module.ts';
import type { OpName } from '../encode/opcodes.ts';
import { type Element, multiplyAdd, zeroVector } from './element.ts';
import { defineRoutine } from './routine.ts';

/** Vectors of partial sums. */
const width = 4;

/** dots(n, k, x, m, mStride, y, yStride, adds): y[j] (+)= Σ x[i] · m[j][i]; strides in bytes. */
export function defineDots(module: ModuleBuilder, e: Element, isRelaxed: boolean): FunctionBuilder {
  return defineRoutine(
    module,
    8,
    (r, n, k, x, m, ms, y, ys, adds) => {
      const { b } = r;
      const step = e.lanes * width;
      const whole = b.and(k!, -step);
      const [scalarLoad, scalarStore]: [OpName, OpName] = [`${e.scalar}.load`, `${e.scalar}.store`];
      const [vectorAdd, scalarAdd]: [OpName, OpName] = [`${e.vector}.add`, `${e.scalar}.add`];
      r.loop(b.i32(0), n!, 1, (j) => {
        const row = b.add(m!, b.mul(j, ms!));
        const sums = Array.from({ length: width }, () => r.variable('v128', zeroVector(b, e)));
        r.loop(b.i32(0), whole, step, (i) => {
          const at = b.mul(i, b.i32(e.bytes));
          r.set(
            sums.map((s, v) => {
              const [u, w] = [
                r.load('v128.load', b.add(x!, at), 16 * v),
                r.load('v128.load', b.add(row, at), 16 * v),
              ];
              return [s, multiplyAdd(b, e, isRelaxed, u, w, r.read(s))] as const;
            }),
          );
        });
        const [s0, s1, s2, s3] = sums.map((s) => r.read(s));
        const v = b.op(vectorAdd, b.op(vectorAdd, s0!, s1!), b.op(vectorAdd, s2!, s3!));
        const lanes = Array.from({ length: e.lanes }, (_, l) => b.lane(`${e.vector}.extract_lane`, l, v));
        const total = r.variable(
          e.scalar,
          lanes.reduce((s, l) => b.op(scalarAdd, s, l)),
        );
        r.loop(whole, k!, 1, (i) => {
          const at = b.mul(i, b.i32(e.bytes));
          const term = b.op(`${e.scalar}.mul`, r.load(scalarLoad, b.add(x!, at)), r.load(scalarLoad, b.add(row, at)));
          r.set([[total, b.op(scalarAdd, r.read(total), term)]]);
        });
        const to = b.add(y!, b.mul(j, ys!));
        r.if(
          adds!,
          () => r.store(scalarStore, to, b.op(scalarAdd, r.load(scalarLoad, to), r.read(total))),
          () => r.store(scalarStore, to, r.read(total)),
        );
      });
    },
    `${e.scalar}_dots`,
  );
}
