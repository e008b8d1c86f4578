/**
 * A line search for the strong Wolfe conditions: brackets a minimum along a direction, then closes in on it by cubic interpolation.
 * The constants and the order of the tests are PyTorch's, which has them from Schmidt's minFunc.
 * May import: `core`.
 * @see Nocedal & Wright, Numerical Optimization (2006), algorithms 3.5 and 3.6
 * @module
 */
import type { Tensor as CoreTensor } from '../../core/tensor.ts';

/** What is known at a step length. */
export interface Point {
  readonly t: number;
  readonly loss: number;
  readonly grad: CoreTensor;
  /** Derivative of the loss by t. */
  readonly slope: number;
}

/** Share of the decrease that the slope at 0 promises. */
const decrease = 1e-4;
/** Share of the slope at 0 that may be left. */
const curvature = 0.9;
const maxRounds = 25;

/** The minimum of the cubic through two points with their slopes, within bounds (those of the two points by default). */
function cubicMinimum(p: Point, q: Point, low = Math.min(p.t, q.t), high = Math.max(p.t, q.t)): number {
  const [a, b] = p.t <= q.t ? [p, q] : [q, p];
  const d1 = a.slope + b.slope - (3 * (a.loss - b.loss)) / (a.t - b.t);
  const square = d1 * d1 - a.slope * b.slope;
  if (!(square >= 0)) return (low + high) / 2;
  const d2 = Math.sqrt(square);
  const at = b.t - (b.t - a.t) * ((b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2));
  return Math.min(Math.max(at, low), high);
}

/** One search, from the point at step length 0. */
export class StrongWolfe {
  private readonly start: Point;
  private readonly evaluate: (t: number) => Point;
  private readonly reach: number;
  private readonly tolerance: number;

  /**
   * @param evaluate computes a point
   * @param reach the largest entry of the direction
   * @param tolerance changes of parameters that are too small to go on for
   */
  constructor(start: Point, evaluate: (t: number) => Point, reach: number, tolerance: number) {
    this.start = start;
    this.evaluate = evaluate;
    this.reach = reach;
    this.tolerance = tolerance;
  }

  private isTooHigh({ t, loss }: Point): boolean {
    return loss > this.start.loss + decrease * t * this.start.slope;
  }

  private isFlat({ slope }: Point): boolean {
    return Math.abs(slope) <= -curvature * this.start.slope;
  }

  /**
   * Lengthens the step until a minimum must lie before it.
   * @param first the step length to try first
   */
  search(first: number): Point {
    let [before, now] = [this.start, this.evaluate(first)];
    for (let round = 0; round < maxRounds; round++) {
      if (this.isTooHigh(now) || (round > 1 && now.loss >= before.loss)) return this.zoom(before, now, round);
      if (this.isFlat(now)) return now;
      if (now.slope >= 0) return this.zoom(before, now, round);
      const t = cubicMinimum(before, now, now.t + 0.01 * (now.t - before.t), now.t * 10);
      [before, now] = [now, this.evaluate(t)];
    }
    return this.start.loss <= now.loss ? this.start : now;
  }

  /** Closes in on a minimum between two points. */
  private zoom(first: Point, second: Point, rounds: number): Point {
    const ends: [Point, Point] = [first, second];
    const lower = (): 0 | 1 => (ends[0].loss <= ends[1].loss ? 0 : 1);
    let at = lower();
    let isSlow = false;
    for (let round = rounds; round < maxRounds; round++) {
      const [low, high] = [ends[at], ends[at === 0 ? 1 : 0]];
      if (Math.abs(high.t - low.t) * this.reach < this.tolerance) break;
      const [t, wasSlow] = this.trial(low, high, isSlow);
      isSlow = wasSlow;
      const now = this.evaluate(t);
      if (this.isTooHigh(now) || now.loss >= low.loss) {
        ends[at === 0 ? 1 : 0] = now;
        at = lower();
        continue;
      }
      if (this.isFlat(now)) return now;
      if (now.slope * (high.t - low.t) >= 0) ends[at === 0 ? 1 : 0] = low;
      ends[at] = now;
    }
    return ends[at];
  }

  /** A step length between two; not close to an end twice in a row, so that the interval shrinks. */
  private trial(low: Point, high: Point, isSlow: boolean): [t: number, isSlow: boolean] {
    const [least, most] = [Math.min(low.t, high.t), Math.max(low.t, high.t)];
    const t = cubicMinimum(low, high);
    const margin = 0.1 * (most - least);
    if (Math.min(most - t, t - least) >= margin) return [t, false];
    if (!isSlow && t < most && t > least) return [t, true];
    return [Math.abs(t - most) < Math.abs(t - least) ? most - margin : least + margin, false];
  }
}
