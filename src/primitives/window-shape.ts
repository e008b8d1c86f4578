/**
 * The geometry of window reductions.
 * May import: `ir`, `core`, `primitives/conv-shape`.
 * @module
 */
import type { Aval } from '../ir/aval.ts';
import { DTypeError, ShapeError } from '../ir/errors.ts';
import { binary, type Expr, iadd, idiv, imod, imul, int } from '../ir/loop/expr.ts';
import { rowMajorStrides, type Shape } from '../ir/shape.ts';
import type { HostArray } from '../core/primitive.ts';
import { dilate } from './conv-shape.ts';
import { forEachIndex } from './structural.ts';

/** One entry per axis. */
export interface WindowParams {
  readonly windowDimensions: readonly number[];
  readonly windowStrides: readonly number[];
  /** Before and after the (dilated) operand; padding never takes part in the reduction. */
  readonly padding: readonly (readonly [number, number])[];
  /** 1 for none. */
  readonly baseDilation: readonly number[];
  readonly windowDilation: readonly number[];
}

/** Shape of the result; throws on operands that do not fit. */
export function windowedShape(name: string, x: Aval, p: WindowParams): number[] {
  if (x.dtype === 'bool' || x.dtype === 'uint8') {
    throw new DTypeError(
      `${name}: expected a float or 32-bit integer operand, got ${x.toString()}.`,
      'convert with astype first.',
    );
  }
  const lists = [p.windowDimensions, p.windowStrides, p.padding, p.baseDilation, p.windowDilation];
  const positive = [p.windowDimensions, p.windowStrides, p.baseDilation, p.windowDilation];
  if (lists.some((list) => list.length !== x.ndim) || positive.some((list) => list.some((n) => n < 1))) {
    throw new ShapeError(
      `${name}: expected one window size, stride, padding and dilation ≥ 1 per axis, got window [${p.windowDimensions.join(',')}], ` +
        `strides [${p.windowStrides.join(',')}] for ${x.toString()}.`,
      'give an entry for every axis; use 1 for axes that are not pooled.',
      { shape: x.shape, ...p },
    );
  }
  return x.shape.map((n, d) => {
    const [low, high] = p.padding[d]!;
    const room = dilate(n, p.baseDilation[d]!) + low + high - dilate(p.windowDimensions[d]!, p.windowDilation[d]!);
    return room < 0 ? 0 : Math.floor(room / p.windowStrides[d]!) + 1;
  });
}

/** A window's element, in the operand. */
export interface WindowElement {
  readonly index: readonly Expr[];
  /** Absent when the element always exists. */
  readonly exists: Expr | undefined;
}

/** Element `k` of the window of result `o`: position o·stride + k·dilation − low of the dilated operand. */
export function windowElement(
  x: Shape,
  out: Shape,
  o: readonly Expr[],
  k: readonly Expr[],
  p: WindowParams,
): WindowElement {
  const conditions: Expr[] = [];
  const index = x.map((n, d) => {
    const [low, dilation] = [p.padding[d]![0], p.baseDilation[d]!];
    const at = iadd(iadd(imul(o[d]!, int(p.windowStrides[d]!)), imul(k[d]!, int(p.windowDilation[d]!))), int(-low));
    const last = (out[d]! - 1) * p.windowStrides[d]! + (p.windowDimensions[d]! - 1) * p.windowDilation[d]! - low;
    if (low > 0) conditions.push(binary('ge', at, int(0)));
    if (last >= dilate(n, dilation)) conditions.push(binary('lt', at, int(dilate(n, dilation))));
    if (dilation > 1) conditions.push(binary('eq', imod(at, dilation), int(0)));
    return idiv(at, dilation);
  });
  return { index, exists: conditions.length > 0 ? conditions.reduce((a, c) => binary('and', a, c)) : undefined };
}

/** Calls `visit(result position, operand position)` for every existing element of every window, windows in row-major order. */
export function forEachWindowElement(
  x: HostArray,
  out: Shape,
  p: WindowParams,
  visit: (o: number, i: number) => void,
): void {
  const { shape } = x.aval;
  const strides = rowMajorStrides(shape);
  forEachIndex(out, (index, o) => {
    forEachIndex(p.windowDimensions, (k) => {
      let i = 0;
      for (let d = 0; d < shape.length; d++) {
        const position =
          (index[d]! * p.windowStrides[d]! + k[d]! * p.windowDilation[d]! - p.padding[d]![0]) / p.baseDilation[d]!;
        if (!Number.isInteger(position) || position < 0 || position >= shape[d]!) return;
        i += position * strides[d]!;
      }
      visit(o, i);
    });
  });
}

/** The same window with a further, unpooled axis at `axis`. */
export function insertWindowAxis(p: WindowParams, axis: number): WindowParams {
  const insert = (list: readonly number[]): number[] => list.toSpliced(axis, 0, 1);
  return {
    windowDimensions: insert(p.windowDimensions),
    windowStrides: insert(p.windowStrides),
    padding: p.padding.toSpliced(axis, 0, [0, 0]),
    baseDilation: insert(p.baseDilation),
    windowDilation: insert(p.windowDilation),
  };
}
