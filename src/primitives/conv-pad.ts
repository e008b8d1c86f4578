/**
 * The operand of a convolution with its padding and dilation written out, so that all windows are views of one array.
 * May import: `ir`, `primitives/{strided-view,conv-shape}`.
 * @module
 */
import { type BufferRef, constant, type Expr, int, load } from '../ir/loop/expr.ts';
import type { KernelBuilder } from '../ir/loop/kernel.ts';
import { rowMajorStrides } from '../ir/shape.ts';
import type { ConvArrays } from './conv-lower.ts';
import { type ConvParams, dilate } from './conv-shape.ts';
import { offsetOf, type StridedAxis } from './strided-view.ts';

interface Padded {
  readonly buffer: BufferRef;
  readonly strides: readonly number[];
}

/** The lhs with zeros around and between its elements (and only as much of it as windows reach); itself where that is nothing. */
export function padLhs(b: KernelBuilder, arrays: ConvArrays, params: ConvParams): Padded {
  const { dimensionNumbers: n } = params;
  const [lhs, rhs, out] = [arrays.lhs.aval, arrays.rhs.aval, arrays.out.aval];
  const shape = [...lhs.shape];
  const [low, dilation] = [shape.map(() => 0), shape.map(() => 1)];
  params.windowStrides.forEach((stride, d) => {
    const axis = n.lhs[d + 2]!;
    shape[axis] = (out.shape[n.out[d + 2]!]! - 1) * stride + dilate(rhs.shape[n.rhs[d + 2]!]!, params.rhsDilation[d]!);
    low[axis] = params.padding[d]![0];
    dilation[axis] = params.lhsDilation[d]!;
  });
  const isInPlace = shape.every((extent, d) => low[d] === 0 && dilation[d] === 1 && extent <= lhs.shape[d]!);
  const own = rowMajorStrides(lhs.shape);
  if (isInPlace) return { buffer: arrays.lhs.buffer, strides: own };
  const strides = rowMajorStrides(shape);
  const buffer = b.scratch(
    lhs.dtype,
    shape.reduce((p, q) => p * q, 1),
  );
  b.parallel([buffer.size], ([i]) => b.store(buffer, i!, constant(0, lhs.dtype)));
  // Element i lies at low + i · dilation; those with 0 ≤ that < extent are copied.
  const first = shape.map((_, d) => Math.max(0, Math.ceil(-low[d]! / dilation[d]!)));
  const end = shape.map((extent, d) => Math.min(lhs.shape[d]!, Math.floor((extent - 1 - low[d]!) / dilation[d]!) + 1));
  const counts = end.map((e, d) => Math.max(0, e - first[d]!));
  const axes = (scale: (d: number) => number): StridedAxis[] =>
    counts.map((extent, d) => ({ extent, stride: scale(d) }));
  const start = (scale: (d: number) => number): Expr => int(shape.reduce((sum, _, d) => sum + scale(d), 0));
  const to = start((d) => (low[d]! + first[d]! * dilation[d]!) * strides[d]!);
  const from = start((d) => first[d]! * own[d]!);
  b.parallel(counts, (index) =>
    b.store(
      buffer,
      offsetOf(
        index,
        axes((d) => dilation[d]! * strides[d]!),
        to,
      ),
      load(
        arrays.lhs.buffer,
        offsetOf(
          index,
          axes((d) => own[d]!),
          from,
        ),
      ),
    ),
  );
  return { buffer, strides };
}
