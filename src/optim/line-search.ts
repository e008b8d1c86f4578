/**
 * A step length that satisfies the strong Wolfe conditions, by bracketing and zooming (Nocedal and Wright, Numerical Optimization, 2006,
 * algorithms 3.5 and 3.6). One loop in which each iteration evaluates the function once, so that all of it compiles.
 * May import: `core`, `primitives`, `api`.
 * @module
 */
import { whileLoop } from '../api/lax/loops.ts';
import { scalarTensor, type Tensor } from '../core/tensor.ts';
import * as prim from '../primitives/index.ts';

export interface ZoomOptions {
  /** Evaluations at most; 20. */
  readonly maxLinesearchSteps?: number;
  /** c₁ of φ(a) ≤ φ(0) + c₁ a φ′(0); 1e-4. */
  readonly slopeRtol?: number;
  /** c₂ of |φ′(a)| ≤ c₂ |φ′(0)|; 0.9. */
  readonly curvRtol?: number;
  /** Near a minimum rounding hides a decrease: a value up to this part above φ(0) counts, where the slope shows one; 1e-6. */
  readonly approxDecRtol?: number;
  /** How the first steps grow; 2. */
  readonly increaseFactor?: number;
}

export const zoomKeys: readonly string[] = [
  'maxLinesearchSteps',
  'slopeRtol',
  'curvRtol',
  'approxDecRtol',
  'increaseFactor',
];

/** φ, its slope, and the gradient there, at one step length. */
interface Point {
  readonly a: Tensor;
  readonly value: Tensor;
  readonly slope: Tensor;
  readonly grad: Tensor;
}

interface Search {
  readonly evaluations: Tensor;
  /** The next step length to try. */
  readonly trial: Tensor;
  /** Brackets a step; while there is none yet, `low` is the last point tried. */
  readonly isZoom: Tensor;
  readonly isDone: Tensor;
  readonly low: Point;
  readonly high: Point;
  /** The best point of sufficient decrease. */
  readonly best: Point;
}

const choose = (c: Tensor, x: Tensor, y: Tensor): Tensor => prim.select(c, x, y);
const pick = (c: Tensor, x: Point, y: Point): Point => ({
  a: choose(c, x.a, y.a),
  value: choose(c, x.value, y.value),
  slope: choose(c, x.slope, y.slope),
  grad: choose(c, x.grad, y.grad),
});
const either = (...xs: readonly Tensor[]): Tensor => xs.reduce(prim.or);
const both = (...xs: readonly Tensor[]): Tensor => xs.reduce(prim.and);
const num = (like: Tensor, x: number): Tensor => prim.like(like, x);

/**
 * The minimum of the cubic through both points with their slopes, where that lies well inside; else the middle. (Nocedal and Wright,
 * formula 3.59.) NaN and infinities end in the middle too.
 */
function interpolate(low: Point, high: Point): Tensor {
  const [d, middle] = [prim.sub(high.a, low.a), prim.mul(prim.add(low.a, high.a), num(low.a, 0.5))];
  const secant = prim.div(prim.sub(high.value, low.value), d);
  const d1 = prim.sub(prim.add(low.slope, high.slope), prim.mul(num(d, 3), secant));
  const square = prim.sub(prim.mul(d1, d1), prim.mul(low.slope, high.slope));
  const d2 = prim.mul(prim.sign(d), prim.sqrt(prim.max(square, num(square, 0))));
  const part = prim.div(
    prim.sub(prim.add(high.slope, d2), d1),
    prim.add(prim.sub(high.slope, low.slope), prim.mul(num(d2, 2), d2)),
  );
  const at = prim.sub(high.a, prim.mul(d, part));
  const [from, to] = [prim.min(low.a, high.a), prim.max(low.a, high.a)];
  const margin = prim.mul(prim.abs(d), num(d, 0.1));
  const isInside = both(
    prim.ge(at, prim.add(from, margin)),
    prim.le(at, prim.sub(to, margin)),
    prim.ge(square, num(square, 0)),
  );
  return choose(isInside, at, middle);
}

/** Numbers that are known now are a loop of the host's, which need not be traced. */
function runLoop(goesOn: (s: Search) => Tensor, body: (s: Search) => Search, init: Search, isKnown: boolean): Search {
  if (!isKnown) return whileLoop(goesOn as never, body as never, init as never) as unknown as Search;
  let s = init;
  while (goesOn(s).item() !== 0) s = body(s);
  return s;
}

/**
 * @param evaluate value, slope along the direction, and gradient at a step length
 * @param start the point at 0, whose slope is negative
 * @param first the first step length to try
 * @returns the point found, or the best one of sufficient decrease; `start` if there is none
 */
export function zoomLineSearch(
  evaluate: (a: Tensor) => Omit<Point, 'a'>,
  start: Omit<Point, 'a'>,
  first: Tensor,
  options: ZoomOptions,
): Point {
  const { maxLinesearchSteps = 20, slopeRtol = 1e-4, curvRtol = 0.9 } = options;
  const { approxDecRtol = 1e-6, increaseFactor = 2 } = options;
  const origin: Point = { ...start, a: num(first, 0) };
  const isDecrease = (p: Point): Tensor => {
    const bound = prim.add(start.value, prim.mul(prim.mul(num(p.a, slopeRtol), p.a), start.slope));
    const slack = prim.add(start.value, prim.mul(num(start.value, approxDecRtol), prim.abs(start.value)));
    const isFlat = prim.le(p.slope, prim.mul(num(p.slope, 2 * slopeRtol - 1), start.slope));
    return either(prim.le(p.value, bound), both(isFlat, prim.le(p.value, slack)));
  };
  const body = (s: Search): Search => {
    const p: Point = { ...evaluate(s.trial), a: s.trial };
    const decreases = isDecrease(p);
    // Written so that a NaN is a step too far.
    const isTooFar = prim.not(both(decreases, either(prim.lt(p.value, s.low.value), prim.eq(s.low.a, origin.a))));
    const isLevel = prim.le(prim.abs(p.slope), prim.mul(num(p.slope, -curvRtol), start.slope));
    const found = both(prim.not(isTooFar), isLevel);
    // In a bracket the minimum lies where the slope at the better end points; before, beyond a rising slope lies none.
    const rises = prim.ge(prim.mul(p.slope, choose(s.isZoom, prim.sub(s.high.a, s.low.a), num(p.a, 1))), num(p.a, 0));
    const high = pick(isTooFar, p, pick(rises, s.low, s.high));
    const low = pick(isTooFar, s.low, p);
    const isZoom = either(s.isZoom, isTooFar, rises);
    const trial = choose(isZoom, interpolate(low, high), prim.mul(p.a, num(p.a, increaseFactor)));
    const isBest = either(found, both(decreases, prim.le(p.value, s.best.value)));
    const evaluations = prim.add(s.evaluations, num(s.evaluations, 1));
    const isExhausted = prim.eq(low.a, high.a);
    return {
      evaluations,
      trial,
      isZoom,
      isDone: either(found, both(isZoom, isExhausted)),
      low,
      high,
      best: pick(isBest, p, s.best),
    };
  };
  const init: Search = {
    evaluations: scalarTensor(0, 'int32'),
    trial: first,
    isZoom: scalarTensor(0, 'bool'),
    isDone: scalarTensor(0, 'bool'),
    low: origin,
    high: origin,
    best: origin,
  };
  const goesOn = (s: Search): Tensor =>
    both(prim.not(s.isDone), prim.lt(s.evaluations, num(s.evaluations, maxLinesearchSteps)));
  return runLoop(goesOn, body, init, start.slope.scalar !== undefined).best;
}
