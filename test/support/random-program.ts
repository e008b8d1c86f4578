/**
 * Random programs over the primitives: straight-line code on values whose shapes broadcast together.
 * @module
 */
import { type Arbitrary, array, nat, record } from 'fast-check';
import { Aval } from '../../src/ir/aval.ts';
import type { ConcreteTensor, Tensor } from '../../src/core/tensor.ts';
import * as p from '../../src/primitives/index.ts';
import { drawLike, type FlatFunction } from './samples.ts';

interface Op {
  readonly name: string;
  /** Has derivatives of every order everywhere, so that differences converge. */
  readonly isSmooth: boolean;
  readonly apply: (a: Tensor, b: Tensor, c: Tensor) => Tensor;
}

const smooth = (name: string, apply: Op['apply']): Op => ({ name, isSmooth: true, apply });
const kinked = (name: string, apply: Op['apply']): Op => ({ name, isSmooth: false, apply });

const shape = (x: Tensor): readonly number[] => x.aval.shape;
const allAxes = (x: Tensor): number[] => shape(x).map((_, i) => i);
const flat = (x: Tensor): Tensor => p.reshape(x, [x.aval.size]);
const isScalar = (x: Tensor): boolean => shape(x).length === 0;
const onAxes = (f: (x: Tensor) => Tensor) => (x: Tensor) => (isScalar(x) ? x : f(x));

/** Every operation keeps numbers moderate, so that no program overflows. */
const ops: readonly Op[] = [
  smooth('sin', (a) => p.sin(a)),
  smooth('tanh', (a) => p.tanh(a)),
  smooth('exp(sin)', (a) => p.exp(p.sin(a))),
  smooth('logistic', (a) => p.logistic(a)),
  smooth('log(2 + tanh)', (a) => p.log(p.add(p.tanh(a), p.like(a, 2)))),
  smooth('erf', (a) => p.erf(a)),
  smooth('neg', (a) => p.neg(a)),
  smooth('cos²', (a) => p.integerPow(p.cos(a), 2)),
  smooth('add', (a, b) => p.add(a, b)),
  smooth('sub', (a, b) => p.sub(a, b)),
  smooth('mul by sin', (a, b) => p.mul(a, p.sin(b))),
  smooth('div by 2 + cos', (a, b) => p.div(a, p.add(p.cos(b), p.like(b, 2)))),
  smooth('add to itself', (a) => p.add(a, a)),
  smooth(
    'sum of the last axis',
    onAxes((a) => p.reshape(p.reduceSum(a, [shape(a).length - 1]), [...shape(a).slice(0, -1), 1])),
  ),
  smooth(
    'sum of the first axis',
    onAxes((a) => p.reduceSum(a, [0])),
  ),
  smooth('sum of all', (a) => p.reduceSum(a, allAxes(a))),
  smooth(
    'product of sines',
    onAxes((a) => p.reduceProd(p.sin(a), [0])),
  ),
  smooth(
    'cumsum',
    onAxes((a) => p.cumsum(a, 0)),
  ),
  smooth(
    'cumprod of sines, reversed',
    onAxes((a) => p.cumprod(p.sin(a), 0, true)),
  ),
  smooth('twice transposed', (a, b) => {
    const order = allAxes(a).reverse();
    return p.transpose(p.mul(p.transpose(a, order), p.sin(p.like(b, 2))), order);
  }),
  smooth(
    'shifted by one',
    onAxes((a) => {
      const x = flat(a);
      const n = x.aval.size;
      return p.reshape(p.concatenate([p.sliceAxis(x, 0, 1, n), p.sliceAxis(x, 0, 0, 1)], 0), shape(a));
    }),
  ),
  kinked('max', (a, b) => p.max(a, b)),
  kinked('min', (a, b) => p.min(a, b)),
  kinked('abs', (a) => p.abs(a)),
  kinked('floor', (a) => p.floor(a)),
  kinked('select', (a, b, c) => p.select(p.gt(c, p.like(c, 0)), a, b)),
  kinked(
    'maximum of an axis',
    onAxes((a) => p.reduceMax(a, [0])),
  ),
  kinked(
    'cummin',
    onAxes((a) => p.cummin(a, 0)),
  ),
  kinked('through int32', (a) => p.convert(p.convert(a, 'int32'), a.aval.dtype)),
];

export interface RandomProgram {
  readonly f: FlatFunction;
  readonly inputs: readonly ConcreteTensor[];
  readonly text: string;
}

const shapes: readonly (readonly number[])[] = [[], [3], [2, 3], [1, 3], [2, 1]];

/** Programs of up to 12 operations on up to 3 inputs. With `onlySmooth`, all of them infinitely differentiable. */
export function randomPrograms(dtype: 'float32' | 'float64', onlySmooth: boolean): Arbitrary<RandomProgram> {
  const pool = ops.filter((op) => op.isSmooth || !onlySmooth);
  const step = record({ op: nat(pool.length - 1), a: nat(99), b: nat(99), c: nat(99) });
  return record({
    inputs: array(nat(shapes.length - 1), { minLength: 1, maxLength: 3 }),
    steps: array(step, { minLength: 1, maxLength: 12 }),
    seed: nat(),
  }).map(({ inputs, steps, seed }) => ({
    f: (args) => {
      const values = [...args];
      for (const { op, a, b, c } of steps) {
        const at = (i: number): Tensor => values[values.length - 1 - (i % values.length)]!;
        values.push(pool[op]!.apply(at(a), at(b), at(c)));
      }
      return values.slice(-2);
    },
    inputs: drawLike(
      inputs.map((s) => new Aval(shapes[s]!, dtype)),
      seed,
    ),
    text: `${inputs.map((s) => `[${shapes[s]!.join()}]`).join(' ')} seed ${seed}: ${steps
      .map(({ op, a, b, c }) => `${pool[op]!.name}(${a},${b},${c})`)
      .join('; ')}`,
  }));
}
