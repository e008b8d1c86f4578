/**
 * Products over random axes and layouts: the loops compute what the reference rules say, and both transposes are adjoint.
 * @module
 */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Aval, f64 } from '../../src/ir/aval.ts';
import { DTypeError, ShapeError } from '../../src/ir/errors.ts';
import { setActiveExecutor } from '../../src/core/executor.ts';
import type { Tensor } from '../../src/core/tensor.ts';
import {
  convGeneralDilated,
  type ConvParams,
  dotGeneral,
  type DotParams,
  transpose,
} from '../../src/primitives/index.ts';
import { Linearized } from '../../src/transforms/linearize.ts';
import { drawArgs, expectPlanMatches, trace } from '../compiler/check-plan.ts';
import { dot, drawLike, elements } from '../support/samples.ts';
import { runs } from '../support/runs.ts';

// `check-plan` does so where it is loaded, but not for the next file of the process.
setActiveExecutor('reference');

type Binary = (args: readonly Tensor[]) => readonly Tensor[];

function checkAdjoint(f: Binary, avals: readonly Aval[]): void {
  const primals = drawLike(avals, 1);
  const tangents = drawLike(avals, 2);
  const linear = new Linearized('product', (args) => f(args), primals);
  const [ct] = drawLike([linear.outs[0]!.aval], 3);
  const forward = dot(elements(ct!), elements(linear.jvp(tangents)[0]!));
  const back = linear.vjp([ct!]).reduce((sum, g, i) => sum + dot(elements(g!), elements(tangents[i]!)), 0);
  expect(Math.abs(forward - back)).toBeLessThan(1e-9 * Math.max(1, Math.abs(forward)));
}

const permutation = (n: number): fc.Arbitrary<number[]> =>
  fc.shuffledSubarray(
    Array.from({ length: n }, (_, i) => i),
    { minLength: n, maxLength: n },
  );

/** A shape of which `axes[i]` has the given extent. */
const placed = (order: readonly number[], extents: readonly number[]): number[] => order.map((i) => extents[i]!);

interface DotExtents {
  readonly batch: number[];
  readonly xFree: number[];
  readonly yFree: number[];
  readonly contract: number[];
}

/** A contraction of arrays with their axes in any order, and any order of those of its result. */
interface DotCase {
  readonly avals: readonly Aval[];
  readonly params: DotParams;
  readonly resultOrder: readonly number[];
}

const extent = fc.integer({ min: 1, max: 3 });

const smallExtents: fc.Arbitrary<DotExtents> = fc.record({
  batch: fc.array(extent, { maxLength: 2 }),
  xFree: fc.array(extent, { maxLength: 2 }),
  yFree: fc.array(extent, { maxLength: 2 }),
  contract: fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 }),
});

/** Long enough for products in loops. */
const longExtents: fc.Arbitrary<DotExtents> = fc.record({
  batch: fc.array(extent, { maxLength: 1 }),
  xFree: fc.tuple(extent, fc.constantFrom(5, 16, 130)),
  yFree: fc.tuple(extent, fc.constantFrom(5, 17)),
  contract: fc.tuple(extent, fc.constantFrom(3, 64)),
});

const dotOf = (extents: fc.Arbitrary<DotExtents>): fc.Arbitrary<DotCase> =>
  extents
    .chain((e) =>
      fc.record({
        e: fc.constant(e),
        xOrder: permutation(e.batch.length + e.xFree.length + e.contract.length),
        yOrder: permutation(e.batch.length + e.yFree.length + e.contract.length),
        resultOrder: permutation(e.batch.length + e.xFree.length + e.yFree.length),
      }),
    )
    .map(({ e, xOrder, yOrder, resultOrder }): DotCase => {
      const at = (order: readonly number[], from: number, count: number): number[] =>
        Array.from({ length: count }, (_, i) => order.indexOf(from + i));
      const nb = e.batch.length;
      const [xc, yc] = [nb + e.xFree.length, nb + e.yFree.length];
      return {
        avals: [
          f64(...placed(xOrder, [...e.batch, ...e.xFree, ...e.contract])),
          f64(...placed(yOrder, [...e.batch, ...e.yFree, ...e.contract])),
        ],
        params: {
          batch: [at(xOrder, 0, nb), at(yOrder, 0, nb)],
          contract: [at(xOrder, xc, e.contract.length), at(yOrder, yc, e.contract.length)],
        },
        resultOrder,
      };
    });

const dotCase = dotOf(smallExtents);

describe('dot_general', () => {
  it('computes the same in loops as by definition, whatever the order of axes', () => {
    fc.assert(
      fc.property(dotCase, ({ avals, params }) => {
        expectPlanMatches(
          trace(avals, ([x, y]) => [dotGeneral(x!, y!, params)]),
          drawArgs(avals, 1),
          JSON.stringify(params),
        );
      }),
      runs(60),
    );
  });

  it('computes the same in loops and into a permuted result, whatever the order and the extents of axes', () => {
    const check = ({ avals, params, resultOrder }: DotCase): void => {
      const program = trace(avals, ([x, y]) => [transpose(dotGeneral(x!, y!, params), resultOrder)]);
      expectPlanMatches(program, drawArgs(avals, 1), JSON.stringify({ params, resultOrder }));
    };
    fc.assert(fc.property(dotCase, check), runs(60));
    fc.assert(fc.property(dotOf(longExtents), check), runs(60));
  });

  it('has adjoint transposes, whatever the order of axes', () => {
    fc.assert(
      fc.property(dotCase, ({ avals, params }) => checkAdjoint(([x, y]) => [dotGeneral(x!, y!, params)], avals)),
      runs(60),
    );
  });

  it('names the axes that do not fit', () => {
    const params: DotParams = { contract: [[1], [0]], batch: [[], []] };
    const f: Binary = ([x, y]) => [dotGeneral(x!, y!, params)];
    expect(() => trace([f64(2, 3), f64(4, 5)], f)).toThrow(
      /expected equal inner dimensions, got f64\[2,3\] @ f64\[4,5\] \(3 ≠ 4/,
    );
    expect(() => trace([f64(2, 3), new Aval([3, 2], 'float32')], f)).toThrow(DTypeError);
  });
});

const axis = fc.record({
  size: fc.integer({ min: 1, max: 6 }),
  kernel: fc.integer({ min: 1, max: 3 }),
  stride: fc.integer({ min: 1, max: 3 }),
  low: fc.integer({ min: -1, max: 3 }),
  high: fc.integer({ min: -1, max: 3 }),
  lhsDilation: fc.integer({ min: 1, max: 3 }),
  rhsDilation: fc.integer({ min: 1, max: 2 }),
});

const convCase = fc
  .record({
    axes: fc.array(axis, { minLength: 1, maxLength: 2 }),
    batch: fc.integer({ min: 1, max: 3 }),
    inFeatures: fc.integer({ min: 1, max: 3 }),
    outFeatures: fc.integer({ min: 1, max: 4 }),
    groups: fc.integer({ min: 1, max: 3 }),
    kind: fc.constantFrom('none' as const, 'feature' as const, 'batch' as const),
  })
  .chain((e) => {
    const rank = e.axes.length + 2;
    return fc.record({ e: fc.constant(e), lhs: permutation(rank), rhs: permutation(rank), out: permutation(rank) });
  })
  .map(({ e, lhs, rhs, out }): { avals: Aval[]; params: ConvParams } => {
    const [features, batches] = [e.kind === 'feature' ? e.groups : 1, e.kind === 'batch' ? e.groups : 1];
    const at = (spec: readonly number[], extents: readonly number[]): number[] =>
      spec.map((_, d) => extents[spec.indexOf(d)]!);
    return {
      avals: [
        f64(...at(lhs, [e.batch * batches, e.inFeatures * features, ...e.axes.map((a) => a.size)])),
        f64(...at(rhs, [e.outFeatures * features * batches, e.inFeatures, ...e.axes.map((a) => a.kernel)])),
      ],
      params: {
        dimensionNumbers: { lhs, rhs, out },
        windowStrides: e.axes.map((a) => a.stride),
        padding: e.axes.map((a) => [a.low, a.high] as const),
        lhsDilation: e.axes.map((a) => a.lhsDilation),
        rhsDilation: e.axes.map((a) => a.rhsDilation),
        featureGroupCount: features,
        batchGroupCount: batches,
      },
    };
  });

const plainConv = (changed: Partial<ConvParams>): ConvParams => ({
  dimensionNumbers: { lhs: [0, 3, 1, 2], rhs: [3, 2, 0, 1], out: [0, 3, 1, 2] },
  windowStrides: [1, 1],
  padding: [
    [1, 1],
    [1, 1],
  ],
  lhsDilation: [1, 1],
  rhsDilation: [1, 1],
  featureGroupCount: 1,
  batchGroupCount: 1,
  ...changed,
});

describe('conv_general_dilated', () => {
  it('computes the same in loops as by definition, whatever the layout', () => {
    fc.assert(
      fc.property(convCase, ({ avals, params }) => {
        expectPlanMatches(
          trace(avals, ([x, y]) => [convGeneralDilated(x!, y!, params)]),
          drawArgs(avals, 1),
          JSON.stringify(params),
        );
      }),
      runs(150),
    );
  });

  it('has adjoint transposes, whatever the layout', () => {
    fc.assert(
      fc.property(convCase, ({ avals, params }) =>
        checkAdjoint(([x, y]) => [convGeneralDilated(x!, y!, params)], avals),
      ),
      runs(100),
    );
  });

  it('computes the same in pieces when the unrolled windows are large', () => {
    const nchw = { lhs: [0, 1, 2, 3], rhs: [0, 1, 2, 3], out: [0, 1, 2, 3] };
    const cases: [Aval[], ConvParams][] = [
      // Rows are cut: images, then lines of one image.
      [[f64(7, 23, 23, 8), f64(3, 3, 8, 1)], plainConv({})],
      [[f64(1, 40, 700, 1), f64(3, 3, 1, 2)], plainConv({})],
      [[f64(1, 1, 40, 800), f64(1, 1, 3, 3)], plainConv({ dimensionNumbers: nchw })],
      // The contraction is cut: a kernel as large as the operand.
      [
        [f64(7, 60, 99, 7), f64(60, 100, 7, 2)],
        plainConv({
          padding: [
            [0, 0],
            [0, 2],
          ],
        }),
      ],
    ];
    for (const [avals, params] of cases) {
      expectPlanMatches(
        trace(avals, ([x, y]) => [convGeneralDilated(x!, y!, params)]),
        drawArgs(avals, 1),
        JSON.stringify(params),
      );
    }
  }, 60_000);

  it('says what does not fit', () => {
    const f: Binary = ([x, y]) => [convGeneralDilated(x!, y!, plainConv({}))];
    expect(() => trace([f64(1, 5, 5, 2), f64(3, 3, 3, 4)], f)).toThrow(/input features/);
    expect(() => trace([f64(5, 5, 2), f64(3, 3, 2, 4)], f)).toThrow(ShapeError);
  });
});
