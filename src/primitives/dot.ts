/**
 * dot_general: the contraction of two arrays over any axes, with batch axes. Every product of matrices and vectors is one.
 * May import: `ir`, `core`, `primitives/{structural,arithmetic,dot-lower,dot-rules,dot-views}`.
 * @module
 */
import { type Aval, f32, f64, i32, u32 } from '../ir/aval.ts';
import { isFloat } from '../ir/dtype.ts';
import { DTypeError, ShapeError } from '../ir/errors.ts';
import { rowMajorStrides } from '../ir/shape.ts';
import {
  type BatchDim,
  definePrimitive,
  type HostArray,
  isLinearInput,
  type Primitive,
  residual,
} from '../core/primitive.ts';
import type { Tensor } from '../core/tensor.ts';
import { bind1 } from '../core/trace.ts';
import { mulP } from './arithmetic.ts';
import { lowerDot } from './dot-lower.ts';
import { absorbTransposes, permutedDot, sumOfProducts, transposedDot } from './dot-rules.ts';
import { type DotParams, dotShape, freeAxes, type PermutedDotParams } from './dot-views.ts';
import {
  forEachIndex,
  inversePermutation,
  movements,
  sumRules,
  transpose,
  transposeP,
  transposeRules,
} from './structural.ts';

export type { DotParams } from './dot-views.ts';

function checkDot(x: Aval, y: Aval, { contract, batch }: DotParams): void {
  if (x.dtype !== y.dtype || x.dtype === 'bool' || x.dtype === 'uint8') {
    throw new DTypeError(
      `dot: expected operands of one dtype (float or 32-bit integer), got ${x.toString()} and ${y.toString()}.`,
      'functions of np promote by themselves; with lax, convert with astype first.',
    );
  }
  const axes = (i: 0 | 1): number[] => [...batch[i], ...contract[i]];
  const isDistinct = ([a, i]: readonly [Aval, 0 | 1]): boolean =>
    axes(i).every((d) => d >= 0 && d < a.ndim) && new Set(axes(i)).size === axes(i).length;
  const isPaired = contract[0].length === contract[1].length && batch[0].length === batch[1].length;
  if (!isPaired || !isDistinct([x, 0]) || !isDistinct([y, 1])) {
    throw new ShapeError(
      `dot: expected pairs of distinct axes, got contraction [${contract[0].join(',')}] with [${contract[1].join(',')}] and batch ` +
        `[${batch[0].join(',')}] with [${batch[1].join(',')}] for ${x.toString()} @ ${y.toString()}.`,
      'name each axis of an operand at most once.',
      { contract, batch },
    );
  }
  const unequal = axes(0).findIndex((d, i) => x.shape[d] !== y.shape[axes(1)[i]!]);
  if (unequal < 0) return;
  const [p, q] = [axes(0)[unequal]!, axes(1)[unequal]!];
  throw new ShapeError(
    `dot: expected equal inner dimensions, got ${x.toString()} @ ${y.toString()} (${x.shape[p]} ≠ ${y.shape[q]} on axes ${p} and ${q}).`,
    "transpose one operand, or check the layer's input size.",
    { shapes: [x.shape, y.shape], axes: [p, q] },
  );
}

const range = (start: number, count: number): number[] => Array.from({ length: count }, (_, i) => start + i);

/** `axes[i]`, in the order in which their partners `by[i]` ascend. */
const orderedBy = (axes: readonly number[], by: readonly number[]): number[] =>
  axes
    .map((_, i) => i)
    .sort((a, b) => by[a]! - by[b]!)
    .map((i) => axes[i]!);

/**
 * Cotangent of operand `side`, whose aval is `own`: the cotangent of the result contracted with the other operand over the other's
 * free axes leaves batch, own free and own contracted axes. The operand order that needs no permutation afterwards is taken.
 */
function transposeDot(ct: Tensor, other: Tensor, own: Aval, side: 0 | 1, params: DotParams): Tensor {
  const that: 0 | 1 = side === 0 ? 1 : 0;
  const nBatch = params.batch[0].length;
  const ownFree = freeAxes(own.ndim, params, side);
  const otherFree = freeAxes(other.aval.ndim, params, that);
  const ctOtherFree = range(nBatch + (side === 0 ? ownFree.length : 0), otherFree.length);
  const ctBatch = range(0, nBatch);
  const contracted = orderedBy(params.contract[side], params.contract[that]);
  const otherFirst = [...params.batch[side], ...contracted, ...ownFree];
  if (otherFirst.every((d, i) => d === i)) {
    return dotGeneral(other, ct, { contract: [otherFree, ctOtherFree], batch: [params.batch[that], ctBatch] });
  }
  const ctFirst = [...params.batch[side], ...ownFree, ...contracted];
  const product = dotGeneral(ct, other, { contract: [ctOtherFree, otherFree], batch: [ctBatch, params.batch[that]] });
  return transpose(product, inversePermutation(ctFirst));
}

const shiftFrom = (axes: readonly number[], at: BatchDim): number[] =>
  axes.map((d) => (at !== null && d >= at ? d + 1 : d));

/** z[b, i, j] = Σ_k x[b, i, k] · y[b, k, j]. Integers wrap. */
export const dotGeneralP: Primitive<DotParams> = definePrimitive<DotParams>({
  name: 'dot_general',
  abstractEval: ([x, y], params) => {
    checkDot(x!, y!, params);
    const shape = dotShape(x!, y!, params);
    return [x!.weakType && y!.weakType ? x!.withShape(shape) : x!.strong().withShape(shape)];
  },
  calculus: {
    kind: 'multilinear',
    transpose: ([ct], [x, y], params) => [
      isLinearInput(x!) ? transposeDot(ct!, residual(y!), x.aval, 0, params) : null,
      isLinearInput(y!) ? transposeDot(ct!, residual(x!), y.aval, 1, params) : null,
    ],
  },
  // A mapped axis of one operand is one more free axis; of both, one more batch axis.
  batch: (_context, [x, y], [xdim, ydim], { contract, batch }) => {
    const moved = (pair: DotParams['contract']): DotParams['contract'] => [
      shiftFrom(pair[0], xdim!),
      shiftFrom(pair[1], ydim!),
    ];
    const [c, b] = [moved(contract), moved(batch)];
    if (xdim !== null && ydim !== null) {
      return [
        [
          dotGeneral(x!, y!, {
            contract: c,
            batch: [
              [xdim!, ...b[0]],
              [ydim!, ...b[1]],
            ],
          }),
        ],
        [0],
      ];
    }
    const params: DotParams = { contract: c, batch: b };
    const xFree = freeAxes(x!.aval.ndim, params, 0);
    const at = xdim !== null ? xFree.indexOf(xdim!) : xFree.length + freeAxes(y!.aval.ndim, params, 1).indexOf(ydim!);
    return [[dotGeneral(x!, y!, params)], [b[0].length + at]];
  },
  reference: ([x, y], [out], params) => evaluateDot(x!, y!, out!, params),
  lower: { kind: 'loops', build: (b, [x, y], _outputs, params) => lowerDot(b, x!, y!, params) },
  simplify: (view) => absorbTransposes(view, dotGeneralP, transposeP),
  samples: [
    { avals: [f32(2, 3), f32(3, 4)], params: { contract: [[1], [0]], batch: [[], []] } },
    { avals: [f64(3), f64(3)], params: { contract: [[0], [0]], batch: [[], []] } },
    { avals: [f32(2, 3), f32(4)], params: { contract: [[], []], batch: [[], []] } },
    { avals: [f64(2, 3, 4), f64(4, 5, 2)], params: { contract: [[2], [0]], batch: [[0], [2]] } },
    // Contracted axes that merge in neither operand, and batch axes in another order.
    {
      avals: [f64(2, 3, 2, 2), f64(2, 2, 2, 3)],
      params: {
        contract: [
          [1, 3],
          [3, 1],
        ],
        batch: [[2], [0]],
      },
    },
    { avals: [f32(3, 2), f32(4, 3)], params: { contract: [[0], [1]], batch: [[], []] } },
    { avals: [f32(2, 0), f32(0, 3)], params: { contract: [[1], [0]], batch: [[], []] } },
    { avals: [f32(), f32()], params: { contract: [[], []], batch: [[], []] } },
    { avals: [f64(2, 0, 3), f64(2, 3, 1)], params: { contract: [[2], [1]], batch: [[0], [0]] } },
    { avals: [i32(2, 3), i32(3, 2)], params: { contract: [[1], [0]], batch: [[], []] } },
    { avals: [u32(2, 2), u32(2, 2)], params: { contract: [[1], [1]], batch: [[0], [0]] } },
  ],
});

type WithPermutation = Required<PermutedDotParams>;

/** The transpose of a contraction, as one operation: what the compiler makes of the two. */
export const permutedDotP: Primitive<WithPermutation> = definePrimitive<WithPermutation>({
  name: 'permuted_dot',
  abstractEval: (avals, params) => {
    const [z] = dotGeneralP.abstractEval(avals, params);
    return [z!.withShape(params.permutation.map((d) => z!.shape[d]!))];
  },
  calculus: {
    kind: 'multilinear',
    transpose: ([ct], [x, y], params) => {
      const inOrder = transpose(ct!, inversePermutation(params.permutation));
      return [
        isLinearInput(x!) ? transposeDot(inOrder, residual(y!), x.aval, 0, params) : null,
        isLinearInput(y!) ? transposeDot(inOrder, residual(x!), y.aval, 1, params) : null,
      ];
    },
  },
  batch: (context, inputs, dims, { permutation, ...params }) => {
    const [results, at] = dotGeneralP.batch(context, inputs, dims, params);
    return transposeP.batch(context, results, at, { permutation });
  },
  reference: ([x, y], [out], params) => evaluateDot(x!, y!, out!, params, params.permutation),
  lower: { kind: 'loops', build: (b, [x, y], _outputs, params) => lowerDot(b, x!, y!, params) },
  samples: [
    // Rows far apart; columns in loops; columns of the first operand; nothing that lies side by side.
    {
      avals: [f32(2, 3, 4), f32(2, 4, 5)],
      params: { contract: [[2], [1]], batch: [[0], [0]], permutation: [1, 0, 2] },
    },
    { avals: [f64(2, 3), f64(4, 3, 5)], params: { contract: [[1], [1]], batch: [[], []], permutation: [1, 0, 2] } },
    {
      avals: [f32(2, 3, 4), f32(2, 4, 5)],
      params: { contract: [[2], [1]], batch: [[0], [0]], permutation: [2, 0, 1] },
    },
    {
      avals: [f64(2, 3, 4), f64(2, 4, 5)],
      params: { contract: [[2], [1]], batch: [[0], [0]], permutation: [1, 2, 0] },
    },
    { avals: [i32(2, 3), i32(3, 4)], params: { contract: [[1], [0]], batch: [[], []], permutation: [1, 0] } },
  ],
});

transposeRules.push((view) => transposedDot(view, dotGeneralP) ?? permutedDot(view, dotGeneralP, permutedDotP));
sumRules.push((view) => sumOfProducts(view, { ...movements(), mul: mulP, dot: dotGeneralP }));

/** `permutation`: of the contraction's axes in the result. */
function evaluateDot(
  x: HostArray,
  y: HostArray,
  out: HostArray,
  params: DotParams,
  permutation: readonly number[] = out.aval.shape.map((_, d) => d),
): void {
  const at = inversePermutation(permutation);
  const [xs, ys] = [rowMajorStrides(x.aval.shape), rowMajorStrides(y.aval.shape)];
  const [xFree, yFree] = [freeAxes(x.aval.ndim, params, 0), freeAxes(y.aval.ndim, params, 1)];
  const nBatch = params.batch[0].length;
  const extents = params.contract[0].map((d) => x.aval.shape[d]!);
  const isInt = !isFloat(out.aval.dtype);
  forEachIndex(out.aval.shape, (place, o) => {
    const index = at.map((d) => place[d]!);
    let [px, py, sum] = [0, 0, 0];
    params.batch[0].forEach((d, i) => (px += index[i]! * xs[d]!));
    params.batch[1].forEach((d, i) => (py += index[i]! * ys[d]!));
    xFree.forEach((d, i) => (px += index[nBatch + i]! * xs[d]!));
    yFree.forEach((d, i) => (py += index[nBatch + xFree.length + i]! * ys[d]!));
    forEachIndex(extents, (k) => {
      let [i, j] = [px, py];
      params.contract[0].forEach((d, c) => (i += k[c]! * xs[d]!));
      params.contract[1].forEach((d, c) => (j += k[c]! * ys[d]!));
      // Exact modulo 2³² for integers; float64 for floats, rounded once on the store.
      sum = isInt ? (sum + Math.imul(x.data[i]!, y.data[j]!)) | 0 : sum + x.data[i]! * y.data[j]!;
    });
    out.data[o] = sum;
  });
}

/** The contraction of `x` and `y`: axes of the result are batch axes, free axes of `x`, free axes of `y`. */
export const dotGeneral = (x: Tensor, y: Tensor, params: DotParams): Tensor => bind1(dotGeneralP, [x, y], params);
