/**
 * Pullbacks of single operations: equal to reverse mode for every primitive, of any order, and reading no more than they need.
 * @module
 */
import { describe, expect, it } from 'vitest';
import { f32, f64 } from '../../src/ir/aval.ts';
import { isFloat } from '../../src/ir/dtype.ts';
import { setActiveExecutor } from '../../src/core/executor.ts';
import { allPrimitives, type AnyPrimitive, erase } from '../../src/core/primitive.ts';
import { deviceTensor, type Tensor } from '../../src/core/tensor.ts';
import { setUpDevices } from '../../src/api/device.ts';
import { add, addP, mul, mulP } from '../../src/primitives/arithmetic.ts';
import { dotGeneralP, expP, tanhP } from '../../src/primitives/index.ts';
import { Operation, primitiveOperation, stepOperation } from '../../src/tape/operation.ts';
import { Linearized } from '../../src/transforms/linearize.ts';
import {
  type AnySample,
  describeSample,
  differentiable,
  drawLike,
  drawOperands,
  elements,
  elementsOrZero,
  expectClose,
  outputsOf,
  restricted,
} from '../support/samples.ts';
import { rounding } from '../support/tolerances.ts';

setUpDevices();
setActiveExecutor('reference');

const vector = (...numbers: number[]): Tensor => deviceTensor(Float64Array.from(numbers), f64(numbers.length));

/** One application: pullback, values saved, cotangents of the outputs. */
function pulled(operation: Operation, args: readonly Tensor[], isWanted: readonly boolean[]) {
  const outs = operation.apply(args);
  const pullback = operation.pullback(args, isWanted);
  const saved = [...pullback.savedInputs.map((i) => args[i]!), ...pullback.savedOutputs.map((i) => outs[i]!)];
  const cts = outs.map((o, i) => (pullback.isDifferentiable[i] ? drawLike([o.aval], 3 + i)[0]! : null));
  return { pullback, saved, cts, grads: pullback.pull(saved, cts), outs };
}

function reversible(primitive: AnyPrimitive, order: number): readonly AnySample[] {
  return primitive.samples.filter(
    (s) =>
      differentiable(s).length > 0 &&
      s.forwardOnly !== true &&
      (s.maxOrder ?? Infinity) >= order &&
      outputsOf(primitive, s).some((a) => isFloat(a.dtype)),
  );
}

/** Cotangents of the operands at `wanted` as reverse mode of the whole function gives them. */
function expectReverseMode(
  what: string,
  operation: Operation,
  args: readonly Tensor[],
  wanted: readonly number[],
): ReturnType<typeof pulled> {
  const result = pulled(
    operation,
    args,
    args.map((_, i) => wanted.includes(i)),
  );
  const f = restricted((xs) => [...operation.apply(xs)], args, wanted);
  const some = wanted.map((i) => args[i]!);
  const expected = new Linearized('vjp', f, some).vjp(result.cts);
  some.forEach(({ aval }, k) => {
    const got = elementsOrZero(result.grads[wanted[k]!]!, aval);
    expectClose(what, got, elementsOrZero(expected[k]!, aval), rounding[aval.dtype]);
  });
  args.forEach((_, i) => wanted.includes(i) || expect(result.grads[i]).toBeNull());
  return result;
}

describe.each(allPrimitives().map((p) => [p.name, p] as const))('the pullback of %s', (_name, primitive) => {
  const samples = reversible(primitive, 1);
  it.runIf(samples.length > 0)('is reverse mode', () => {
    for (const sample of samples) {
      const operation = primitiveOperation(primitive, sample.params);
      expectReverseMode(describeSample(sample), operation, drawOperands(sample, 1), differentiable(sample));
    }
  });

  const twice = reversible(primitive, 2);
  it.runIf(twice.length > 0)('is itself an operation with a pullback', () => {
    for (const sample of twice) {
      const what = describeSample(sample);
      const wanted = differentiable(sample);
      const operation = primitiveOperation(primitive, sample.params);
      const { pullback, saved, cts } = expectReverseMode(what, operation, drawOperands(sample, 1), wanted);
      const present = cts.filter((ct) => ct !== null);
      if (present.length === 0) continue;
      const second = stepOperation(pullback.step(cts.map((ct) => ct !== null)));
      const operands = [...saved, ...present];
      const isInput = (k: number): boolean =>
        k >= pullback.savedInputs.length || wanted.includes(pullback.savedInputs[k]!);
      const again = operands.flatMap((x, k) => (isFloat(x.dtype) && isInput(k) ? [k] : []));
      expectReverseMode(what, second, operands, again);
    }
  });
});

describe('what a pullback saves', () => {
  const saves = (operation: Operation, count: number, isWanted = Array.from({ length: count }, () => true)) => {
    const args = Array.from({ length: count }, () => vector(0.5, 2));
    const { savedInputs, savedOutputs } = operation.pullback(args, isWanted);
    return { savedInputs, savedOutputs };
  };
  const of = (primitive: Parameters<typeof erase>[0]): Operation => primitiveOperation(erase(primitive), {});

  it('is nothing for a sum', () => {
    expect(saves(of(addP), 2)).toEqual({ savedInputs: [], savedOutputs: [] });
  });

  it('is the other factor of a product', () => {
    expect(saves(of(mulP), 2)).toEqual({ savedInputs: [0, 1], savedOutputs: [] });
    expect(saves(of(mulP), 2, [true, false])).toEqual({ savedInputs: [1], savedOutputs: [] });
  });

  it('is the result of exp and tanh', () => {
    expect(saves(of(expP), 1)).toEqual({ savedInputs: [], savedOutputs: [0] });
    expect(saves(of(tanhP), 1)).toEqual({ savedInputs: [], savedOutputs: [0] });
  });

  it('is nothing that only unused outputs would need', () => {
    const pair = new Operation('pair', ([x, y]) => [mul(x!, x!), add(x!, y!)]);
    const args = [vector(1, 2), vector(3, 4)];
    const pullback = pair.pullback(args, [false, true]);
    expect(pullback.isDifferentiable).toEqual([false, true]);
    expect([pullback.savedInputs, pullback.savedOutputs]).toEqual([[], []]);
    expect(pullback.pull([], [null, null])).toEqual([null, null]);
  });
});

describe('cotangents of some outputs only', () => {
  const pair = new Operation('pair', ([x, y]) => [mul(x!, y!), add(x!, y!)]);
  const args = [vector(1, 2), vector(3, 4)];
  const pullback = pair.pullback(args, [true, true]);
  const saved = pullback.savedInputs.map((i) => args[i]!);

  it.each([
    [
      'the product',
      [vector(1, 1), null],
      [
        [3, 4],
        [1, 2],
      ],
    ],
    [
      'the sum',
      [null, vector(1, 1)],
      [
        [1, 1],
        [1, 1],
      ],
    ],
    [
      'both',
      [vector(1, 1), vector(1, 1)],
      [
        [4, 5],
        [2, 3],
      ],
    ],
  ] as const)('%s', (_name, cts, expected) => {
    expect(pullback.pull(saved, cts).map((g) => Array.from(elements(g!)))).toEqual(expected);
  });
});

describe('pullbacks are derived once', () => {
  it('for equal types and parameters', () => {
    const args = [vector(1, 2), vector(3, 4)];
    const others = [vector(5, 6), vector(7, 8)];
    const product = primitiveOperation(erase(mulP), {});
    expect(product.pullback(others, [true, true])).toBe(product.pullback(args, [true, true]));
    expect(product.pullback(args, [true, false])).not.toBe(product.pullback(args, [true, true]));
    const contract = (): object => ({ contract: [[1], [0]], batch: [[], []] });
    expect(primitiveOperation(erase(dotGeneralP), contract())).toBe(primitiveOperation(erase(dotGeneralP), contract()));
  });

  it('for more types than are looked through one by one', () => {
    const shapes = Array.from({ length: 20 }, (_, n) => deviceTensor(new Float32Array(n), f32(n)));
    const negated = new Operation('double', ([x]) => [add(x!, x!)]);
    const first = shapes.map((x) => negated.pullback([x], [true]));
    expect(shapes.map((x) => negated.pullback([x], [true]))).toEqual(first);
    expect(new Set(first).size).toBe(20);
  });
});
