/**
 * Products with a vector: y[j] (+)= Σ x[k] · M[k, j], for a matrix with adjacent columns, with adjacent rows, and with neither.
 * May import: `encode`, `kernel/lir`.
 * @module
 */
import type { FunctionBuilder } from '../encode/function.ts';
import type { ModuleBuilder } from '../encode/module.ts';
import type { OpName } from '../encode/opcodes.ts';
import type { Lir } from '../kernel/lir.ts';
import { type Element, multiplyAdd, zeroVector } from './element.ts';
import { defineRoutine, type Routine } from './routine.ts';

/** Vectors of y (or partial sums of a dot product) that are held in registers. */
const width = 4;

/** y[j] of the remaining columns, one at a time. */
type Finish = (j: Lir, sum: Lir) => void;

/** vectorProduct(n, k, x, xStride, m, rowStride, columnStride, y, yStride, adds); strides in bytes. */
export function defineVectorProduct(module: ModuleBuilder, e: Element, isRelaxed: boolean): FunctionBuilder {
  return defineRoutine(module, 10, (r, ...p) => {
    const { b } = r;
    const [n, k, x, xs, m, rs, cs, y, ys, adds] = p as [Lir, Lir, Lir, Lir, Lir, Lir, Lir, Lir, Lir, Lir];
    const unit = b.i32(e.bytes);
    const isUnit = (stride: Lir): Lir => b.op('i32.eq', stride, unit);
    const finish: Finish = (j, sum) => {
      const at = b.add(y, b.mul(j, ys));
      const storeOp: OpName = `${e.scalar}.store`;
      r.if(
        adds,
        () => r.store(storeOp, at, b.op(`${e.scalar}.add`, r.load(`${e.scalar}.load`, at), sum)),
        () => r.store(storeOp, at, sum),
      );
    };
    const at = {
      x: (i: Lir): Lir => b.add(x, b.mul(i, xs)),
      m: (i: Lir, j: Lir): Lir => b.add(b.add(m, b.mul(j, cs)), b.mul(i, rs)),
    };
    const dots = b.op('i32.and', isUnit(rs), isUnit(xs));
    r.if(
      dots,
      () => dotProducts(r, e, isRelaxed, n, k, at, finish),
      () => {
        const strip = e.lanes * width;
        const whole = b.select(b.op('i32.and', isUnit(cs), isUnit(ys)), b.and(n, -strip), b.i32(0));
        strips(r, e, isRelaxed, whole, k, strip, at, y, adds);
        r.loop(whole, n, 1, (j) => {
          const sum = r.variable(e.scalar, e.zero(b));
          r.loop(b.i32(0), k, 1, (i) => {
            const term = b.op(
              `${e.scalar}.mul`,
              r.load(`${e.scalar}.load`, at.x(i)),
              r.load(`${e.scalar}.load`, at.m(i, j)),
            );
            r.set([[sum, b.op(`${e.scalar}.add`, r.read(sum), term)]]);
          });
          finish(j, r.read(sum));
        });
      },
    );
  });
}

interface Addresses {
  readonly x: (i: Lir) => Lir;
  readonly m: (i: Lir, j: Lir) => Lir;
}

/** Adjacent columns: a strip of y in registers while k runs. */
function strips(
  r: Routine,
  e: Element,
  isRelaxed: boolean,
  to: Lir,
  k: Lir,
  strip: number,
  at: Addresses,
  y: Lir,
  adds: Lir,
): void {
  const { b } = r;
  r.loop(b.i32(0), to, strip, (j) => {
    const sums = Array.from({ length: width }, () => r.variable('v128', zeroVector(b, e)));
    r.loop(b.i32(0), k, 1, (i) => {
      const x = r.load(e.loadSplat, at.x(i));
      r.set(
        sums.map(
          (s, v) => [s, multiplyAdd(b, e, isRelaxed, x, r.load('v128.load', at.m(i, j), 16 * v), r.read(s))] as const,
        ),
      );
    });
    const to = b.add(y, b.mul(j, b.i32(e.bytes)));
    const write = (value: (v: number) => Lir): void =>
      r.storeAll(sums.map((_, v) => ({ op: 'v128.store' as const, address: to, offset: 16 * v, value: value(v) })));
    r.if(
      adds,
      () => write((v) => b.op(`${e.vector}.add`, r.load('v128.load', to, 16 * v), r.read(sums[v]!))),
      () => write((v) => r.read(sums[v]!)),
    );
  });
}

/** Adjacent rows: one dot product a column. */
function dotProducts(r: Routine, e: Element, isRelaxed: boolean, n: Lir, k: Lir, at: Addresses, finish: Finish): void {
  const { b } = r;
  const step = e.lanes * width;
  const whole = b.and(k, -step);
  r.loop(b.i32(0), n, 1, (j) => {
    const sums = Array.from({ length: width }, () => r.variable('v128', zeroVector(b, e)));
    r.loop(b.i32(0), whole, step, (i) => {
      r.set(
        sums.map((s, v) => {
          const [x, y] = [r.load('v128.load', at.x(i), 16 * v), r.load('v128.load', at.m(i, j), 16 * v)];
          return [s, multiplyAdd(b, e, isRelaxed, x, y, r.read(s))] as const;
        }),
      );
    });
    const add: OpName = `${e.vector}.add`;
    const [s0, s1, s2, s3] = sums.map((s) => r.read(s));
    const v = b.op(add, b.op(add, s0!, s1!), b.op(add, s2!, s3!));
    const lanes = Array.from({ length: e.lanes }, (_, l) => b.lane(`${e.vector}.extract_lane`, l, v));
    const total = r.variable(
      e.scalar,
      lanes.reduce((s, x) => b.op(`${e.scalar}.add`, s, x)),
    );
    r.loop(whole, k, 1, (i) => {
      const term = b.op(`${e.scalar}.mul`, r.load(`${e.scalar}.load`, at.x(i)), r.load(`${e.scalar}.load`, at.m(i, j)));
      r.set([[total, b.op(`${e.scalar}.add`, r.read(total), term)]]);
    });
    finish(j, r.read(total));
  });
}
