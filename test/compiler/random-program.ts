/**
 * Random programs of primitives whose values stay near 1.
 * @module
 */
import { type Aval, f32 } from '../../src/ir/aval.ts';
import type { DType } from '../../src/ir/dtype.ts';
import type { Program } from '../../src/ir/program.ts';
import { scalarTensor, type Tensor } from '../../src/core/tensor.ts';
import { cond } from '../../src/control/cond.ts';
import { scan } from '../../src/control/scan.ts';
import { whileLoop } from '../../src/control/while.ts';
import { dynamicUpdateSlice } from '../../src/primitives/dynamic.ts';
import * as p from '../../src/primitives/index.ts';
import { slice } from '../../src/primitives/slice.ts';
import { trace } from './check-plan.ts';

/** A number in 0…count−1. */
export type Choose = (count: number) => number;

interface Drawing {
  readonly choose: Choose;
  readonly dtypes: readonly DType[];
}

const s = (x: number): Tensor => scalarTensor(x, 'float32');

/** Where a value and one that it meets differ, the dtype is that of the first. */
const as = (y: Tensor, x: Tensor): Tensor => p.convert(y, x.aval.dtype);

/** Values stay near 1: tanh and the like everywhere, so that rounding does not grow. */
const unaries: readonly ((x: Tensor) => Tensor)[] = [
  p.neg,
  p.tanh,
  p.sin,
  p.abs,
  (x) => p.mul(x, p.like(x, 0.5)),
  (x) => p.add(x, p.like(x, 0.25)),
  p.cos,
  (x) => p.logistic(x),
];
const binaries: readonly ((x: Tensor, y: Tensor) => Tensor)[] = [
  p.add,
  p.sub,
  (x, y) => p.tanh(p.mul(x, y)),
  p.max,
  p.min,
  (x, y) => p.select(p.lt(x, y), x, p.neg(y)),
];

const fit = (x: Tensor, y: Tensor): boolean =>
  x.shape.length === y.shape.length && x.shape.every((n, i) => n === y.shape[i] || n === 1 || y.shape[i] === 1);

function move(x: Tensor, choose: Choose): Tensor {
  const rank = x.shape.length;
  switch (choose(5)) {
    case 0:
      return rank === 2 ? p.transpose(x, [1, 0]) : p.reshape(x, x.size % 2 === 0 ? [2, x.size / 2] : [x.size]);
    case 1:
      return p.reshape(x, [x.size]);
    case 2:
      return p.reverse(x, rank === 0 ? [] : [choose(rank)]);
    case 3:
      return rank === 1 ? p.broadcastInDim(x, [2, x.shape[0]!], [1]) : p.reduceSum(x, rank === 0 ? [] : [choose(rank)]);
    default: {
      const start = x.shape.map((d) => (d > 1 ? choose(2) : 0));
      return slice(x, { start, limit: x.shape, strides: x.shape.map(() => 1 + choose(2)) });
    }
  }
}

/** One element replaced: in place, when the array is not needed any more. */
function updated(x: Tensor, y: Tensor, choose: Choose): Tensor {
  const largest = p.reduceMax(
    y,
    y.shape.map((_, i) => i),
  );
  const part = p.reshape(
    largest,
    x.shape.map(() => 1),
  );
  return dynamicUpdateSlice(
    x,
    as(part, x),
    x.shape.map((n) => scalarTensor(choose(n), 'int32')),
  );
}

/** For each value one of `grown` with its aval: itself at least. */
function successors(values: readonly Tensor[], grown: readonly Tensor[], choose: Choose): Tensor[] {
  return values.map((c) => {
    const same = [...grown, ...values].filter((v) => v.aval.equals(c.aval, true));
    return same[choose(same.length)]!;
  });
}

function forLoop(values: readonly Tensor[], drawing: Drawing, depth: number): Tensor[] {
  const { choose } = drawing;
  const carry = Array.from({ length: 1 + choose(2) }, () => values[choose(values.length)]!);
  const constant = values[choose(values.length)]!;
  const xs = values.filter((v) => v.shape.length === 2);
  const length = xs[0]?.shape[0] ?? 1 + choose(3);
  const stacked = xs.filter((v) => v.shape[0] === length);
  const avals = [
    constant.aval,
    ...carry.map((c) => c.aval),
    ...stacked.map((x) => f32(x.shape[1]!).withDType(x.aval.dtype)),
  ];
  const body = trace(avals, ([k, ...rest]) => {
    const cs = rest.slice(0, carry.length);
    const grown = grow([k!, ...rest], drawing, 4, depth + 1);
    return [...successors(cs, grown, choose), grown[choose(grown.length)]!];
  });
  return scan([constant, ...carry, ...stacked], {
    body,
    numConsts: 1,
    numCarry: carry.length,
    length,
    reverse: choose(2) === 1,
    unroll: 1 + choose(3),
  });
}

function countedLoop(values: readonly Tensor[], drawing: Drawing, depth: number): Tensor[] {
  const { choose } = drawing;
  const carry = Array.from({ length: 1 + choose(2) }, () => values[choose(values.length)]!);
  const constant = values[choose(values.length)]!;
  const avals = [f32(), ...carry.map((c) => c.aval)];
  const test = trace(avals, ([i]) => [p.lt(i!, s(choose(4)))]);
  const body = trace([constant.aval, ...avals], ([k, i, ...cs]) => {
    const grown = grow([k!, ...cs], drawing, 4, depth + 1);
    return [p.add(i!, s(1)), ...successors(cs, grown, choose)];
  });
  return whileLoop([constant, s(0), ...carry], { cond: test, body, numCondConsts: 0, numBodyConsts: 1 }).slice(1);
}

function branch(values: readonly Tensor[], drawing: Drawing, depth: number): Tensor[] {
  const { choose } = drawing;
  const operands = [values[choose(values.length)]!, values[choose(values.length)]!];
  const avals = operands.map((o) => o.aval);
  const branches = [0, 1].map(() => trace(avals, (xs) => successors(xs, grow(xs, drawing, 3, depth + 1), choose)));
  const index = p.convert(
    p.lt(
      p.reduceSum(
        operands[0]!,
        operands[0]!.shape.map((_, i) => i),
      ),
      p.like(operands[0]!, 0.1),
    ),
    'int32',
  );
  return cond(branches, index, operands);
}

function control(values: readonly Tensor[], drawing: Drawing, depth: number): Tensor[] {
  return [forLoop, countedLoop, branch][drawing.choose(3)]!(values, drawing, depth);
}

/** Now and then in another dtype. */
const converted = (x: Tensor, choose: Choose, dtypes: readonly DType[]): Tensor =>
  dtypes.length > 1 && choose(4) === 0 ? p.convert(x, dtypes[choose(dtypes.length)]!) : x;

/** `values` and what `count` random steps make of them. */
function grow(values: readonly Tensor[], drawing: Drawing, count: number, depth = 0): Tensor[] {
  const { choose, dtypes } = drawing;
  const out = [...values];
  for (let i = 0; i < count; i++) {
    // Late values more often than early ones: chains, not only bushes.
    const pick = (): Tensor => out[Math.max(choose(out.length), choose(out.length))]!;
    const kind = choose(22);
    const x = converted(pick(), choose, dtypes);
    if (kind < 6) out.push(unaries[choose(unaries.length)]!(x));
    else if (kind < 13) {
      const y = pick();
      out.push(
        fit(x, y)
          ? binaries[choose(binaries.length)]!(x, as(y, x))
          : p.add(
              x,
              p.reduceMax(
                as(y, x),
                y.shape.map((_, d) => d),
              ),
            ),
      );
    } else if (kind < 19) {
      const moved = move(x, choose);
      if (moved.size > 0 && moved.size <= 64) out.push(moved);
    } else if (kind === 19) {
      if (x.shape.length > 0) out.push(choose(2) === 0 ? p.cumsum(p.tanh(x), 0) : updated(x, pick(), choose));
    } else if (depth < 2) out.push(...control(out.slice(-5), drawing, depth));
  }
  return out;
}

const shapes: readonly Aval[] = [f32(4), f32(2, 3), f32(3, 2), f32(), f32(1, 3), f32(6)];

export interface RandomProgram {
  readonly program: Program;
  readonly donate: readonly number[];
}

/** Values have the given dtypes, of which the first comes in. */
export function randomProgram(choose: Choose, size: number, dtypes: readonly DType[] = ['float32']): RandomProgram {
  const drawing = { choose, dtypes };
  const avals = Array.from({ length: 1 + choose(3) }, () => shapes[choose(shapes.length)]!.withDType(dtypes[0]!));
  const program = trace(avals, (args) => {
    const all = grow(args, drawing, size);
    return Array.from({ length: 1 + choose(4) }, () => all[Math.max(choose(all.length), choose(all.length))]!);
  });
  return { program, donate: avals.flatMap((_, i) => (choose(2) === 1 ? [i] : [])) };
}

/** A chooser from a stream of numbers. */
export const chooser =
  (stream: Iterator<number>): Choose =>
  (count) =>
    count <= 1 ? 0 : (stream.next().value as number) % count;
