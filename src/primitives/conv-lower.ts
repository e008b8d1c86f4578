/**
 * Loops of convolution: the operand is padded into a scratch buffer once, windows are unrolled into a matrix a bounded piece at a
 * time, and that matrix is multiplied with the kernel. Layouts are handled by choosing which axes are rows, columns and outer loops,
 * so that nothing is transposed.
 * May import: `ir`, `core`, `primitives/{structural,strided-view,conv-shape,conv-pad,conv-phases}`.
 * @module
 */
import type { Aval } from '../ir/aval.ts';
import { type DType, isFloat } from '../ir/dtype.ts';
import { binary, type BufferRef, constant, type Expr, iadd, imul, int, linearize, load } from '../ir/loop/expr.ts';
import type { KernelBuilder, MatrixRef } from '../ir/loop/kernel.ts';
import { rowMajorStrides } from '../ir/shape.ts';
import { lowerByPhases } from './conv-phases.ts';
import { padLhs } from './conv-pad.ts';
import type { ConvParams } from './conv-shape.ts';
import { mergedStride, nestedLoops, offsetOf, type StridedAxis } from './strided-view.ts';
import { forEachIndex } from './structural.ts';

/** Contracted elements that a product should have: below, writing the result costs more than the sums (k of a tile's inner loop). */
const shortK = 64;

/** Elements of an unrolled piece: 1 MB of float32 stays in a second-level cache, and is far more than a product needs to be fast. */
const pieceElements = 1 << 18;

/** An axis of the product: how far one step moves in the padded lhs and in the other array (the result for rows, the kernel else). */
interface ProductAxis {
  readonly extent: number;
  readonly lhs: number;
  readonly other: number;
}

const inLhs = (axes: readonly ProductAxis[]): StridedAxis[] => axes.map((a) => ({ extent: a.extent, stride: a.lhs }));
const inOther = (axes: readonly ProductAxis[]): StridedAxis[] =>
  axes.map((a) => ({ extent: a.extent, stride: a.other }));
const extentsOf = (axes: readonly ProductAxis[]): number[] => axes.map((a) => a.extent);
const size = (axes: readonly ProductAxis[]): number => axes.reduce((n, a) => n * a.extent, 1);

/** A convolution as a product: out[rows, features] = Σ_k lhs[rows, k] · kernel[k, features], for each group. */
interface Product {
  readonly lhs: BufferRef;
  readonly rhs: BufferRef;
  readonly out: BufferRef;
  /** Row axes before and after the features in the result, in the order of its memory. */
  readonly outerRows: readonly ProductAxis[];
  readonly innerRows: readonly ProductAxis[];
  /** Contracted axes before and after the features in the kernel. */
  readonly outerK: readonly ProductAxis[];
  readonly innerK: readonly ProductAxis[];
  /** Features of one group. */
  readonly features: number;
  readonly featureStrideOut: number;
  readonly featureStrideRhs: number;
  readonly groups: number;
  readonly groupStrideLhs: number;
}

/** Positions in the three arrays. */
interface Offsets {
  readonly lhs: Expr;
  readonly rhs: Expr;
  readonly out: Expr;
}

const advance = (e: Expr, index: Expr, stride: number): Expr => iadd(e, imul(index, int(stride)));

/** An array of a convolution and where it is. */
export interface ConvArray {
  readonly aval: Aval;
  readonly buffer: BufferRef;
}

export interface ConvArrays {
  readonly lhs: ConvArray;
  readonly rhs: ConvArray;
  readonly out: ConvArray;
}

export function lowerConv(b: KernelBuilder, lhs: Aval, rhs: Aval, out: Aval, params: ConvParams): void {
  const arrays: ConvArrays = {
    lhs: { aval: lhs, buffer: b.inputs[0]! },
    rhs: { aval: rhs, buffer: b.inputs[1]! },
    out: { aval: out, buffer: b.outputs[0]! },
  };
  if (out.size === 0) return;
  if (lhs.size === 0 || rhs.size === 0) {
    b.parallel([out.size], ([i]) => b.store(b.outputs[0]!, i!, constant(0, out.dtype)));
    return;
  }
  if (!lowerByPhases(b, arrays, params, convolve)) convolve(b, arrays, params);
}

function convolve(b: KernelBuilder, arrays: ConvArrays, params: ConvParams): void {
  const out = arrays.out.aval;
  const product = describe(b, arrays, params);
  // A product with a few columns leaves most of a tile empty: groups of single features (depthwise) are summed directly.
  const isThin = product.groups > 1 && product.features < 4;
  if (!isFloat(out.dtype) || isThin) sumDirectly(b, product);
  else multiply(b, product);
}

function describe(b: KernelBuilder, arrays: ConvArrays, params: ConvParams): Product {
  const { dimensionNumbers: n, featureGroupCount, batchGroupCount } = params;
  const [rhs, out] = [arrays.rhs.aval, arrays.out.aval];
  const padded = padLhs(b, arrays, params);
  const [rs, os] = [rowMajorStrides(rhs.shape), rowMajorStrides(out.shape)];
  const axisStep = [1, ...params.windowStrides];
  const rows = n.out
    .map((at, i) => ({ at, i }))
    .filter(({ i }) => i !== 1)
    .sort((p, q) => p.at - q.at);
  const rowAxes = rows.map(({ at, i }) => ({
    before: at < n.out[1]!,
    axis: {
      extent: out.shape[at]!,
      lhs: padded.strides[n.lhs[i]!]! * (i === 0 ? 1 : axisStep[i - 1]!),
      other: os[at]!,
    },
  }));
  const contracted = n.rhs
    .map((at, i) => ({ at, i }))
    .filter(({ i }) => i !== 0)
    .sort((p, q) => p.at - q.at);
  const kAxes = contracted.map(({ at, i }) => ({
    before: at < n.rhs[0]!,
    axis: {
      extent: rhs.shape[at]!,
      lhs: padded.strides[n.lhs[i]!]! * (i === 1 ? 1 : params.rhsDilation[i - 2]!),
      other: rs[at]!,
    },
  }));
  const groups = featureGroupCount * batchGroupCount;
  const inFeatures = rhs.shape[n.rhs[1]!]!;
  const batch = out.shape[n.out[0]!]!;
  return {
    lhs: padded.buffer,
    rhs: arrays.rhs.buffer,
    out: arrays.out.buffer,
    outerRows: rowAxes.filter((a) => a.before).map((a) => a.axis),
    innerRows: rowAxes.filter((a) => !a.before).map((a) => a.axis),
    outerK: kAxes.filter((a) => a.before).map((a) => a.axis),
    innerK: kAxes.filter((a) => !a.before).map((a) => a.axis),
    features: rhs.shape[n.rhs[0]!]! / groups,
    featureStrideOut: os[n.out[1]!]!,
    featureStrideRhs: rs[n.rhs[0]!]!,
    groups,
    groupStrideLhs:
      featureGroupCount > 1 ? inFeatures * padded.strides[n.lhs[1]!]! : batch * padded.strides[n.lhs[0]!]!,
  };
}

/** Extents of one piece, and how the axes are cut into pieces (outermost cut first). */
interface Split {
  readonly side: 'rows' | 'k';
  readonly axis: number;
  readonly unit: number;
}

/** Cuts the longer side along its outermost axes until a piece fits. */
function planSplits(rows: readonly ProductAxis[], ks: readonly ProductAxis[]): Split[] {
  const extents = { rows: extentsOf(rows), k: extentsOf(ks) };
  const count = (list: readonly number[]): number => list.reduce((p, q) => p * q, 1);
  const splits: Split[] = [];
  for (
    let total = count(extents.rows) * count(extents.k);
    total > pieceElements;
    total = count(extents.rows) * count(extents.k)
  ) {
    const side = count(extents.k) > count(extents.rows) ? 'k' : 'rows';
    const axis = extents[side].findIndex((n) => n > 1);
    const n = extents[side][axis]!;
    const most = Math.max(1, Math.floor(pieceElements / (total / n)));
    // Pieces of nearly equal length.
    const unit = Math.ceil(n / Math.ceil(n / most));
    splits.push({ side, axis, unit });
    extents[side][axis] = unit;
  }
  return splits;
}

/**
 * The product with its kernel copied so that all contracted axes are one, and one product does for them: after the features where those
 * are the rows of the product (whose factors are read along k), else before them.
 */
function withMergedK(b: KernelBuilder, p: Product, isFeatureLast: boolean): Product {
  const ks = [...p.outerK, ...p.innerK];
  const count = p.groups * p.features;
  const rhs = b.scratch(p.rhs.dtype, size(ks) * count);
  const features = { extent: count, stride: p.featureStrideRhs };
  const from = isFeatureLast ? [...inOther(ks), features] : [features, ...inOther(ks)];
  const shape = from.map(({ extent }) => extent);
  b.parallel(shape, (index) => b.store(rhs, linearize(index, shape), load(p.rhs, offsetOf(index, from))));
  const strides = rowMajorStrides(shape);
  const [ofKs, ofFeatures] = isFeatureLast ? [strides, 1] : [strides.slice(1), size(ks)];
  return { ...p, rhs, outerK: ks.map((a, d) => ({ ...a, other: ofKs[d]! })), innerK: [], featureStrideRhs: ofFeatures };
}

const isMergedK = (p: Product): boolean => mergedStride(inOther([...p.outerK, ...p.innerK]), 1) !== undefined;

function multiply(b: KernelBuilder, given: Product): void {
  const isFeatureLast = size(given.innerRows) === 1;
  const p = isMergedK(given) || size(given.innerK) >= shortK ? given : withMergedK(b, given, isFeatureLast);
  const rows = isFeatureLast ? p.outerRows : p.innerRows;
  const loopRows = isFeatureLast ? [] : p.outerRows;
  const allK = [...p.outerK, ...p.innerK];
  const [loopK, ks] = isMergedK(p) ? [[], allK] : [p.outerK, p.innerK];
  const isView = mergedStride(inLhs(rows), 1) !== undefined && mergedStride(inLhs(ks), 1) !== undefined;
  const splits = isView ? [] : planSplits(rows, ks);
  const accumulate = loopK.length > 0 || splits.some((s) => s.side === 'k');
  const { out } = p;
  if (accumulate) b.parallel([out.size], ([i]) => b.store(out, i!, constant(0, out.dtype)));
  const piece = splits.reduce(
    (n, s) => (n / (s.side === 'k' ? ks : rows)[s.axis]!.extent) * s.unit,
    size(rows) * size(ks),
  );
  const columns = isView ? undefined : b.scratch(out.dtype, piece);
  const each = [{ extent: p.groups, lhs: p.groupStrideLhs, other: 0 }, ...loopRows, ...loopK];
  nestedLoops(b, extentsOf(each), (index) => {
    const atK = 1 + loopRows.length;
    const group = p.groups === 1 ? int(0) : index[0]!;
    const at: Offsets = {
      lhs: offsetOf(index, inLhs(each)),
      rhs: offsetOf(index.slice(atK), inOther(loopK), imul(group, int(p.features * p.featureStrideRhs))),
      out: offsetOf(index.slice(1, atK), inOther(loopRows), imul(group, int(p.features * p.featureStrideOut))),
    };
    inPieces(b, splits, rows, ks, at, (r, k, o) =>
      multiplyPiece(b, p, { isFeatureLast, accumulate, columns, rows: r, ks: k, at: o }),
    );
  });
}

type Body = (rows: readonly ProductAxis[], ks: readonly ProductAxis[], at: Offsets) => void;

/** Runs `body` on every piece: whole ones in a loop, then the shorter last one. */
function inPieces(
  b: KernelBuilder,
  splits: readonly Split[],
  rows: readonly ProductAxis[],
  ks: readonly ProductAxis[],
  at: Offsets,
  body: Body,
): void {
  const [split, ...rest] = splits;
  if (!split) {
    body(rows, ks, at);
    return;
  }
  const isRows = split.side === 'rows';
  const axes = isRows ? rows : ks;
  const axis = axes[split.axis]!;
  const run = (extent: number, first: Expr): void => {
    const cut = axes.with(split.axis, { ...axis, extent });
    const from: Offsets = {
      lhs: advance(at.lhs, first, axis.lhs),
      rhs: isRows ? at.rhs : advance(at.rhs, first, axis.other),
      out: isRows ? advance(at.out, first, axis.other) : at.out,
    };
    inPieces(b, rest, isRows ? cut : rows, isRows ? ks : cut, from, body);
  };
  const whole = Math.floor(axis.extent / split.unit);
  b.loop(whole, (i) => run(split.unit, imul(i, int(split.unit))));
  if (axis.extent % split.unit > 0) run(axis.extent % split.unit, int(whole * split.unit));
}

interface Piece {
  readonly isFeatureLast: boolean;
  readonly accumulate: boolean;
  readonly columns: BufferRef | undefined;
  readonly rows: readonly ProductAxis[];
  readonly ks: readonly ProductAxis[];
  readonly at: Offsets;
}

function multiplyPiece(b: KernelBuilder, p: Product, piece: Piece): void {
  const { rows, ks, at, accumulate } = piece;
  const [m, k, n] = [size(rows), size(ks), p.features];
  const windows = piece.columns ? unroll(b, p, piece, piece.columns) : viewOf(p, piece);
  const kernel: MatrixRef = {
    buffer: p.rhs,
    offset: at.rhs,
    rowStride: mergedStride(inOther(ks), 1)!,
    colStride: p.featureStrideRhs,
  };
  const c = { buffer: p.out, offset: at.out, colStride: 1 };
  if (piece.isFeatureLast) {
    const rowStride = mergedStride(inOther(rows), p.features)!;
    b.gemm({ m, n, k, a: windows, b: kernel, c: { ...c, rowStride }, accumulate });
  } else {
    b.gemm({
      m: n,
      n: m,
      k,
      a: transposed(kernel),
      b: transposed(windows),
      c: { ...c, rowStride: p.featureStrideOut },
      accumulate,
    });
  }
}

const transposed = (x: MatrixRef): MatrixRef => ({ ...x, rowStride: x.colStride, colStride: x.rowStride });

/** Windows that already are a matrix: kernels of size 1, and kernels as large as the operand. */
const viewOf = (p: Product, { rows, ks, at }: Piece): MatrixRef => ({
  buffer: p.lhs,
  offset: at.lhs,
  rowStride: mergedStride(inLhs(rows), 1)!,
  colStride: mergedStride(inLhs(ks), 1)!,
});

/** Length of the stretch of memory that the innermost axes walk without a gap. */
function contiguousRun(axes: readonly ProductAxis[]): number {
  let run = 1;
  for (const a of [...axes].reverse()) {
    if (a.extent === 1) continue;
    if (a.lhs !== run) break;
    run *= a.extent;
  }
  return run;
}

/** Writes windows[row, k] to `columns`, with the side innermost that reads longer stretches of the lhs. */
function unroll(b: KernelBuilder, p: Product, { rows, ks, at }: Piece, columns: BufferRef): MatrixRef {
  const isRowInner = contiguousRun(rows) >= contiguousRun(ks);
  const axes = isRowInner ? [...ks, ...rows] : [...rows, ...ks];
  const extents = extentsOf(axes);
  b.parallel(extents, (index) =>
    b.store(columns, linearize(index, extents), load(p.lhs, offsetOf(index, inLhs(axes), at.lhs))),
  );
  const [rowStride, colStride] = isRowInner ? [1, size(rows)] : [size(ks), 1];
  return { buffer: columns, offset: int(0), rowStride, colStride };
}

/** Sums of up to this many terms are written out, and round like those of a matrix product. */
const mostTerms = 32;

function sumOf(b: KernelBuilder, extents: readonly number[], dtype: DType, term: (k: readonly Expr[]) => Expr): Expr {
  if (extents.reduce((p, q) => p * q, 1) > mostTerms) return b.reduce('add', extents, dtype, term);
  const terms: Expr[] = [];
  forEachIndex(extents, (k) => terms.push(term(k.map((e) => int(e)))));
  return terms.reduce((sum, t) => binary('add', sum, t));
}

/** One sum per element of the result. */
function sumDirectly(b: KernelBuilder, p: Product): void {
  const { out } = p;
  const ks = [...p.outerK, ...p.innerK];
  const features: ProductAxis[] = [
    { extent: p.groups, lhs: p.groupStrideLhs, other: p.features * p.featureStrideOut },
    { extent: p.features, lhs: 0, other: p.featureStrideOut },
  ];
  const inRhs: StridedAxis[] = [
    { extent: p.groups, stride: p.features * p.featureStrideRhs },
    { extent: p.features, stride: p.featureStrideRhs },
  ];
  const axes = [...p.outerRows, ...features, ...p.innerRows];
  const atFeatures = p.outerRows.length;
  b.parallel(extentsOf(axes), (index) => {
    const fromLhs = offsetOf(index, inLhs(axes));
    const fromRhs = offsetOf(index.slice(atFeatures, atFeatures + 2), inRhs);
    const term = (k: readonly Expr[]): Expr =>
      binary('mul', load(p.lhs, offsetOf(k, inLhs(ks), fromLhs)), load(p.rhs, offsetOf(k, inOther(ks), fromRhs)));
    b.store(out, offsetOf(index, inOther(axes)), sumOf(b, extentsOf(ks), out.dtype, term));
  });
}
