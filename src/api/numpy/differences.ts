/**
 * Along an axis, from element to element: differences, slopes, areas, interpolation.
 * May import: `ir`, `core`, `primitives`, `api/lift`, `api/options`.
 * @module
 */
import { ArgumentError, ShapeError } from '../../ir/errors.ts';
import { normalizeAxis } from '../../ir/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import * as prim from '../../primitives/index.ts';
import { asTensor, promoteToFloat, type TensorLike } from '../lift.ts';
import { readOptions } from '../named.ts';
import { checkOptions, optionsOf } from '../options.ts';
import { concatenate } from './joining.ts';
import { where } from './logic.ts';
import { moveaxis, range, ravel } from './movement.ts';
import { gatherAxis } from './static-take.ts';
import { toFloat } from './unary.ts';

export interface DiffOptions {
  /** How many times; 1. */
  readonly n?: number | undefined;
  readonly axis?: number | undefined;
  readonly prepend?: TensorLike | undefined;
  readonly append?: TensorLike | undefined;
}

/**
 * Differences of neighbours along an axis (the last).
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.diff([1, 4, 9]).toArray()); // => [ 3, 5 ]
 * ```
 */
export function diff(x: TensorLike, n?: number | DiffOptions, options?: number | DiffOptions): Tensor {
  const o = readOptions<DiffOptions>('diff', ['n', 'axis', 'prepend', 'append'], [n, options]);
  let t = asTensor(x);
  const axis = normalizeAxis('diff', o.axis ?? -1, t.ndim);
  const piece = (v: TensorLike | undefined): Tensor[] => {
    if (v === undefined) return [];
    const p = asTensor(v);
    return [
      p.ndim === 0
        ? prim.broadcastTo(
            p,
            t.shape.map((m, d) => (d === axis ? 1 : m)),
          )
        : p,
    ];
  };
  t = concatenate([...piece(o.prepend), t, ...piece(o.append)], axis);
  for (let k = 0; k < (o.n ?? 1); k++) {
    const m = t.shape[axis]!;
    const [after, before] = [
      prim.sliceAxis(t, axis, Math.min(1, m), m),
      prim.sliceAxis(t, axis, 0, Math.max(0, m - 1)),
    ];
    t = t.dtype === 'bool' ? prim.ne(after, before) : prim.sub(after, before);
  }
  return t;
}

/** Differences of neighbours of the flattened array, with parts put before and after. */
export function ediff1d(
  x: TensorLike,
  options?: { readonly toEnd?: TensorLike; readonly toBegin?: TensorLike },
): Tensor {
  checkOptions('ediff1d', options, ['toEnd', 'toBegin']);
  const inner = diff(ravel(x));
  const part = (v: TensorLike | undefined): Tensor[] => (v === undefined ? [] : [prim.convert(ravel(v), inner.dtype)]);
  return concatenate([...part(options?.toBegin), inner, ...part(options?.toEnd)]);
}

export interface GradientOptions {
  readonly axis?: number | readonly number[] | null | undefined;
}

/** (x[i+1] − x[i−1]) / 2h inside, one-sided at the ends; with coordinates, the second-order formula for unequal steps. */
function gradientAlong(t: Tensor, axis: number, spacing: TensorLike): Tensor {
  const n = t.shape[axis]!;
  if (n < 2)
    throw new ShapeError(`gradient: expected at least 2 elements along axis ${axis}, got ${t.aval.toString()}.`);
  const part = (start: number, stop: number): Tensor => prim.sliceAxis(t, axis, start, stop);
  const h = prim.convert(asTensor(spacing), t.dtype);
  const [first, last] = [prim.sub(part(1, 2), part(0, 1)), prim.sub(part(n - 1, n), part(n - 2, n - 1))];
  if (h.ndim === 0) {
    const inside = prim.div(prim.sub(part(2, n), part(0, n - 2)), prim.mul(h, prim.like(h, 2)));
    return prim.concatenate([prim.div(first, h), inside, prim.div(last, h)], axis);
  }
  if (h.size !== n)
    throw new ShapeError(`gradient: expected ${n} coordinates along axis ${axis}, got ${h.aval.toString()}.`);
  const steps = prim.reshape(
    prim.sub(prim.sliceAxis(h, 0, 1, n), prim.sliceAxis(h, 0, 0, n - 1)),
    t.shape.map((_, d) => (d === axis ? n - 1 : 1)),
  );
  const step = (start: number, stop: number): Tensor => prim.sliceAxis(steps, axis, start, stop);
  const [a, b] = [step(0, n - 2), step(1, n - 1)];
  const sum = prim.add(a, b);
  const terms = [
    prim.mul(prim.neg(prim.div(b, prim.mul(a, sum))), part(0, n - 2)),
    prim.mul(prim.div(prim.sub(b, a), prim.mul(a, b)), part(1, n - 1)),
    prim.mul(prim.div(a, prim.mul(b, sum)), part(2, n)),
  ];
  return prim.concatenate(
    [prim.div(first, step(0, 1)), terms.reduce(prim.add), prim.div(last, step(n - 2, n - 1))],
    axis,
  );
}

/**
 * Slopes by central differences, one array an axis (an array itself for one axis). Spacings: one number for all axes, or a number or
 * coordinates for each.
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.gradient([1, 2, 4, 7], { axis: 0 }).toArray()); // => [ 1, 1.5, 2.5, 3 ]
 * ```
 */
export function gradient(x: TensorLike, options: { readonly axis: number }): Tensor;
export function gradient(x: TensorLike, ...args: (TensorLike | GradientOptions)[]): Tensor | Tensor[];
export function gradient(x: TensorLike, ...args: (TensorLike | GradientOptions)[]): Tensor | Tensor[] {
  const final = args.at(-1);
  const hasOptions = typeof final === 'object' && Object.getPrototypeOf(final) === Object.prototype;
  const options = (hasOptions ? final : {}) as GradientOptions;
  checkOptions('gradient', options, ['axis']);
  const spacings = (hasOptions ? args.slice(0, -1) : args) as TensorLike[];
  const t = toFloat(asTensor(x));
  const listed = typeof options.axis === 'number' ? [options.axis] : options.axis;
  const axes = listed ? listed.map((a) => normalizeAxis('gradient', a, t.ndim)) : range(t.ndim);
  if (spacings.length > 1 && spacings.length !== axes.length) {
    throw new ArgumentError(`gradient: expected one spacing or ${axes.length}, got ${spacings.length}.`);
  }
  const out = axes.map((axis, i) => gradientAlong(t, axis, spacings[spacings.length > 1 ? i : 0] ?? 1));
  return out.length === 1 ? out[0]! : out;
}

export interface TrapezoidOptions {
  /** Coordinates of the samples. */
  readonly x?: TensorLike | null | undefined;
  /** Their distance without coordinates; 1. */
  readonly dx?: number | undefined;
  readonly axis?: number | undefined;
}

/** Integral along an axis (the last) by the trapezoidal rule. */
export function trapezoid(y: TensorLike, x?: TensorLike | TrapezoidOptions | null, options?: TrapezoidOptions): Tensor {
  const o = optionsOf<TrapezoidOptions>('trapezoid', 'x', x ?? undefined, options, ['x', 'dx', 'axis']);
  const hasX = o.x !== undefined && o.x !== null;
  const [t, c] = (hasX ? promoteToFloat(y, o.x!) : promoteToFloat(y, o.dx ?? 1)) as [Tensor, Tensor];
  const axis = normalizeAxis('trapezoid', o.axis ?? -1, t.ndim);
  const lines = prim.moveAxis(t, axis, t.ndim - 1);
  const last = lines.ndim - 1;
  const n = lines.shape[last]!;
  const sums = prim.add(
    prim.sliceAxis(lines, last, Math.min(1, n), n),
    prim.sliceAxis(lines, last, 0, Math.max(0, n - 1)),
  );
  const widths = hasX ? (c.ndim === 1 ? diff(c) : moveaxis(diff(c, { axis }), axis, -1)) : c;
  const areas = prim.mul(prim.mul(sums, widths), prim.like(t, 0.5));
  return prim.reduceSum(areas, [areas.ndim - 1]);
}

export interface InterpOptions {
  /** Below the first coordinate; its value. */
  readonly left?: TensorLike | null | undefined;
  /** Above the last coordinate; its value. */
  readonly right?: TensorLike | null | undefined;
}

/**
 * Piecewise linear interpolation at x between points (xp, fp), with xp ascending; constant outside.
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.interp([1.5, 9], [1, 2, 3], [10, 20, 30]).toArray()); // => [ 15, 30 ]
 * ```
 */
export function interp(x: TensorLike, xp: TensorLike, fp: TensorLike, options?: InterpOptions): Tensor {
  checkOptions('interp', options, ['left', 'right']);
  const [t, a, f] = promoteToFloat(x, xp, fp) as [Tensor, Tensor, Tensor];
  if (a.ndim !== 1 || f.ndim !== 1 || a.size !== f.size || a.size === 0) {
    throw new ShapeError(
      `interp: expected vectors of one length for xp and fp, got ${a.aval.toString()} and ${f.aval.toString()}.`,
    );
  }
  const n = a.size;
  const above = prim.convert(
    prim.reduceSum(prim.convert(prim.le(a, prim.reshape(t, [...t.shape, 1])), 'int32'), [t.ndim]),
    'int32',
  );
  const i = prim.clamp(prim.like(above, Math.min(1, n - 1)), above, prim.like(above, n - 1));
  const before = prim.max(prim.sub(i, prim.like(i, 1)), prim.like(i, 0));
  const at = (v: Tensor, k: Tensor): Tensor => gatherAxis(v, k, 0, 'clip');
  const [x0, y0] = [at(a, before), at(f, before)];
  const [dx, dy] = [prim.sub(at(a, i), x0), prim.sub(at(f, i), y0)];
  const isFlat = prim.eq(dx, prim.like(dx, 0));
  const slope = prim.div(dy, prim.select(isFlat, prim.like(dx, 1), dx));
  const inside = prim.select(isFlat, y0, prim.add(y0, prim.mul(prim.sub(t, x0), slope)));
  const end = (k: number): Tensor => prim.reshape(prim.sliceAxis(f, 0, k, k + 1), []);
  const edge = (k: number): Tensor => prim.reshape(prim.sliceAxis(a, 0, k, k + 1), []);
  const low = where(prim.lt(t, edge(0)), options?.left ?? end(0), inside);
  return where(prim.gt(t, edge(n - 1)), options?.right ?? end(n - 1), low);
}
