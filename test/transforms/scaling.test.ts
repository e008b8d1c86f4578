/** Long Programs and wide pytrees: no rule recurses over length, none looks at every leaf for every leaf. */
import { expect, test } from 'vitest';
import { configure, grad, jit, jvp, makeProgram, np, type Tensor, vjp, vmap } from 'cotangent';
import { evalProgram } from '../../src/core/evaluate.ts';
import { backwardPass, transposeProgram } from '../../src/transforms/backward.ts';
import { LinearInput } from '../../src/core/primitive.ts';
import { partialEvalProgram, recomputeSplit } from '../../src/transforms/partial-eval.ts';
import { batchProgram, jvpProgram } from '../../src/transforms/program-transforms.ts';

configure({ defaultDevice: 'reference' });
const n = 100_000;

test(`every transformation takes a Program of ${n} equations`, () => {
  const program = makeProgram((x: Tensor) => {
    let y = x;
    for (let i = 0; i < n; i++) y = y.mul(1.00001);
    return y;
  })(1);
  const value = 1.00001 ** n;
  expect((evalProgram(program, [np.array(1)])[0] as Tensor).item()).toBeCloseTo(value, 1);
  const pushed = jvpProgram(program, [true]).program;
  expect(pushed.equations).toHaveLength(2 * n);
  expect(batchProgram(program, { size: 2, axisName: undefined }, [true]).program.equations).toHaveLength(n);
  const { known, unknown, residualAvals } = partialEvalProgram(pushed, [false, true]);
  expect([known.equations.length, unknown.equations.length]).toEqual([n, n]);
  expect(residualAvals).toHaveLength(0);
  expect(recomputeSplit(pushed, [false, true], () => false).unknown.equations).toHaveLength(n);
  expect(transposeProgram(unknown, [true], [true]).program.equations).toHaveLength(n);
  expect(backwardPass(unknown, [new LinearInput(unknown.inputs[0]!.aval)], [np.array(1)])[0]!.item()).toBeCloseTo(
    value,
    1,
  );
}, 120_000);

test(`every transformation takes a pytree of ${n} leaves`, () => {
  const params = Array.from({ length: n }, (_, i) => ({ w: np.array(i) }));
  const f = (ps: readonly { readonly w: Tensor }[]): Tensor => ps[1]!.w.mul(ps[2]!.w);
  expect(grad(f)(params)[1]!.w.item()).toBe(2);
  expect(jit(f)(params).item()).toBe(2);
  expect(grad(jit(f))(params)[2]!.w.item()).toBe(1);
  expect(jvp(f, [params], [params])[1].item()).toBe(4);
  expect(vjp((ps: readonly { readonly w: Tensor }[]) => ps, params)[1](params)[0]![7]!.w.item()).toBe(7);
  const rows = params.map(() => ({ w: np.ones([2]) }));
  expect(vmap((ps: readonly { readonly w: Tensor }[]) => ps)(rows)).toHaveLength(n);
  expect(() => vmap((ps: readonly { readonly w: Tensor }[]) => ps)([...rows, { w: np.ones([3]) }])).toThrow(
    /args\[0\]\[100000\]\.w to have size 2/,
  );
  expect(() => grad(f)([...params, { w: 'w' as never }])).toThrow(/got "w" at args\[0\]\[100000\]\.w/);
}, 120_000);
