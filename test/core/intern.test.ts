import { describe, expect, test } from 'vitest';
import { grad, lax, makeProgram, np, type Tensor } from 'cotangent';
import { internProgram } from '../../src/core/intern.ts';
import { Program } from '../../src/ir/program.ts';

const trace = (f: (x: Tensor) => Tensor, shape: number[] = [3]): Program => makeProgram(f)(np.ones(shape));
const bodyOf = (p: Program): unknown => p.equations.find((e) => e.params['body'] instanceof Program)?.params['body'];

describe('internProgram', () => {
  test('gives equal Programs back as one', () => {
    const [a, b] = [trace((x) => np.sin(x).mul(2)), trace((x) => np.sin(x).mul(2))];
    expect(a).not.toBe(b);
    expect(internProgram(b)).toBe(internProgram(a));
  });

  test('keeps apart what differs in a shape, a parameter, the sign of a zero, or the order of operands', () => {
    const programs = [
      trace((x) => np.sum(x, { axis: 0 }), [2, 2]),
      trace((x) => np.sum(x, { axis: 1 }), [2, 2]),
      trace((x) => np.sum(x, { axis: 0 }), [2, 3]),
      trace((x) => lax.mul(x, 0)),
      trace((x) => lax.mul(x, -0)),
      trace((x) => x.sub(np.sin(x))),
      trace((x) => np.sin(x).sub(x)),
    ];
    expect(new Set(programs.map(internProgram)).size).toBe(programs.length);
  });

  test('leaves Programs with arrays inside alone', () => {
    const closed = np.arange(100);
    const program = trace((x) => np.take(closed, 3).astype('float32').add(x));
    expect(internProgram(program)).toBe(program);
  });
});

test('a loop outside jit has one body however often it runs, with arrays it closes over as operands', () => {
  const weights = np.ones([40]);
  const loop = (x: Tensor): Tensor => lax.foriLoop(0, 3, (_i: Tensor, y: Tensor) => y.mul(weights), x) as Tensor;
  expect(bodyOf(trace(loop, [40]))).toBe(bodyOf(trace(loop, [40])));
  expect(
    grad((x: Tensor) => np.sum(loop(x)))(np.ones([40]))
      .slice(0)
      .item(),
  ).toBe(1);
});
