/** Scalars computed on the host are, bit for bit, what kernels compute. */
import { beforeAll, describe, expect, test } from 'vitest';
import { configure, init, np, type Tensor } from 'cotangent';
import { allPrimitives, type AnyPrimitive } from '../../src/core/primitive.ts';
import { hostScalar, scalarTensor } from '../../src/core/tensor.ts';
import { bind1 } from '../../src/core/trace.ts';
import { allDTypes, castScalar, type DType, dtypeInfo, isFloat } from '../../src/ir/dtype.ts';
import { scalarAval } from '../../src/ir/aval.ts';

beforeAll(async () => {
  configure({ defaultDevice: 'wasm' });
  await init();
});

const floats = [0, -0, 1, -1, 0.5, -2.5, 3, 1e-45, -1e-40, 1.1754943508222875e-38, 3.4028234663852886e38, 1 / 3];
const numbers: { readonly [D in DType]: readonly number[] } = {
  bool: [0, 1],
  uint8: [0, 1, 3, 128, 255],
  int32: [0, 1, -1, 7, -3, 2147483647, -2147483648],
  uint32: [0, 1, 7, 2147483648, 4294967295],
  float16: [...floats, Infinity, -Infinity, NaN, 65504, 6e-8, 2049].map((x) => castScalar(x, 'float16')),
  bfloat16: [...floats, Infinity, -Infinity, NaN, 257, 1e-40].map((x) => castScalar(x, 'bfloat16')),
  float32: [...floats, Infinity, -Infinity, NaN, 16777217].map(Math.fround),
  float64: [...floats, Infinity, -Infinity, NaN, 5e-324, 1.7976931348623157e308, 1e300],
};

const eligible = allPrimitives().filter((p) => p.onHost !== undefined);

/** Operand types of an application, and its parameters; convert goes to every dtype. */
function applications(p: AnyPrimitive): { readonly dtypes: DType[]; readonly params: object }[] {
  if (p.name === 'convert')
    return allDTypes.flatMap((from) => allDTypes.map((dtype) => ({ dtypes: [from], params: { dtype } })));
  const arity = p.samples[0]!.avals.length;
  const tried = allDTypes.map((d) => ({
    dtypes: p.name === 'select' ? (['bool', d, d] as DType[]) : Array.from({ length: arity }, () => d),
    params: {},
  }));
  return tried.filter(({ dtypes }) => {
    try {
      p.abstractEval(
        dtypes.map((d) => scalarAval(d)),
        {},
      );
      return true;
    } catch {
      return false;
    }
  });
}

const tuples = (dtypes: readonly DType[]): number[][] =>
  dtypes.reduce<number[][]>((all, d) => all.flatMap((t) => numbers[d].map((x) => [...t, x])), [[]]);

describe('scalars on the host equal kernels', () => {
  test('the basic operations are there', () => {
    expect(eligible.map((p) => p.name)).toEqual(expect.arrayContaining(['add', 'mul', 'div', 'sqrt', 'select', 'lt']));
  });

  for (const p of eligible) {
    test(p.name, () => {
      for (const { dtypes, params } of applications(p)) {
        for (const xs of tuples(dtypes)) {
          const onHost = bind1(
            p,
            xs.map((x, i) => scalarTensor(x, dtypes[i]!)),
            params,
          );
          // One element of an array goes through the kernel.
          const inKernel = bind1(
            p,
            xs.map((x, i) => np.array([x], { dtype: dtypes[i]! })),
            params,
          );
          const label = `${p.name}(${dtypes.join()})(${xs.join()}) ${JSON.stringify(params)}`;
          expect(onHost.aval.toString(), label).toBe(inKernel.aval.toString().replace('[1]', '[]'));
          expect(Object.is(onHost.item(), inKernel.item()) ? '' : [onHost.item(), inKernel.item()], label).toBe('');
        }
      }
    });
  }
});

describe('a scalar that is only a number', () => {
  test('has memory when asked', () => {
    const x = hostScalar(2.5, scalarAval('float32'));
    expect(x.dataSync()).toEqual(new Float32Array([2.5]));
    expect(np.add(x, np.array([1, 2, 3])).toArray()).toEqual([3.5, 4.5, 5.5]);
  });

  test('can be disposed, unless it is shared', () => {
    const x = np.array(3).add(4);
    x.dispose();
    expect(() => x.item()).toThrow(/disposed/);
    expect(() => x.add(1)).toThrow(/disposed/);
    const shared = scalarTensor(7, 'int32');
    shared.dispose();
    expect(shared.item()).toBe(7);
  });

  test('keeps its dtype', () => {
    for (const d of allDTypes) {
      const x: Tensor = np.array(castScalar(1, d), { dtype: d });
      expect(x.aval.dtype).toBe(d);
      expect(x.dataSync().constructor).toBe(dtypeInfo[d].make(0).constructor);
      if (isFloat(d)) expect(x.add(1).item()).toBe(2);
    }
  });
});
