/**
 * The arithmetic of recurrent networks: gates, and a step over a whole sequence by `scan`.
 * May import: `core`, `primitives`, `api`.
 * @module
 */
import type { Tensor } from '../core/tensor.ts';
import { promoteToFloat } from '../api/lift.ts';
import { scan } from '../api/lax/loops.ts';
import { add } from '../api/numpy/binary.ts';
import { like, mul, sub } from '../primitives/arithmetic.ts';
import { dotGeneral } from '../primitives/dot.ts';
import { logistic } from '../primitives/elementwise-exp.ts';
import { tanh } from '../primitives/elementwise-trig.ts';
import { select } from '../primitives/select.ts';
import { sliceAxis } from '../primitives/slice.ts';
import { broadcastTo } from '../primitives/structural.ts';

/** The hidden vectors, or the hidden vectors and the memory of an LSTM: `[…, hiddenFeatures]` each. */
export type CellState = Tensor | readonly [hidden: Tensor, memory: Tensor];

/** x Wᵀ + b. */
export function affine(x: Tensor, w: Tensor, bias: Tensor | null | undefined): Tensor {
  const [t, weight] = promoteToFloat(x, w) as [Tensor, Tensor];
  const product = dotGeneral(t, weight, { contract: [[t.ndim - 1], [1]], batch: [[], []] });
  return bias ? add(product, bias) : product;
}

/** Gate number `i` of several side by side. */
function gate(x: Tensor, i: number, count: number): Tensor {
  const width = x.shape.at(-1)! / count;
  return sliceAxis(x, x.ndim - 1, i * width, (i + 1) * width);
}

/** c′ = σ(f) c + σ(i) tanh(g), h′ = σ(o) tanh(c′), with the gates i, f, g, o in that order. */
export function lstmStep(gates: Tensor, memory: Tensor): [hidden: Tensor, memory: Tensor] {
  const [i, f, g, o] = [0, 1, 2, 3].map((k) => gate(gates, k, 4)) as [Tensor, Tensor, Tensor, Tensor];
  const next = add(mul(logistic(f), memory), mul(logistic(i), tanh(g)));
  return [mul(logistic(o), tanh(next)), next];
}

/** h′ = (1 − z) n + z h with n = tanh(xₙ + r hₙ), from the projected input and state with the gates r, z, n in that order. */
export function gruStep(projected: Tensor, recurred: Tensor, state: Tensor): Tensor {
  const sum = (k: number): Tensor => add(gate(projected, k, 3), gate(recurred, k, 3));
  const [r, z] = [logistic(sum(0)), logistic(sum(1))];
  const n = tanh(add(gate(projected, 2, 3), mul(r, gate(recurred, 2, 3))));
  return add(mul(sub(like(z, 1), z), n), mul(z, state));
}

/** One step of a recurrent network. */
export interface Recurrence<S extends CellState> {
  /** The next state from the projected input. */
  step(state: S, projected: Tensor): S;
  /** The hidden vectors of a state. */
  hidden(state: S): Tensor;
}

/**
 * One recurrence over all positions.
 * @param projected `[T, …, gates]`
 * @param running bool `[T, …, 1]`: where it is false the state stays, and the output is 0
 * @returns the outputs `[T, …, hidden]` and the last state
 */
export function sweep<S extends CellState>(
  cell: Recurrence<S>,
  projected: Tensor,
  initial: S,
  running: Tensor | undefined,
  reverse: boolean,
): [outputs: Tensor, end: S] {
  const step = (state: S, [x, goesOn]: readonly [Tensor, Tensor | null]): readonly [S, Tensor] => {
    const next = cell.step(state, x);
    const hidden = cell.hidden(next);
    if (goesOn === null) return [next, hidden];
    return [keepWhere(goesOn, next, state), select(broadcastTo(goesOn, hidden.shape), hidden, like(hidden, 0))];
  };
  const xs = [projected, running ?? null] as const;
  const [end, outputs] = scan(step as never, initial as never, xs as never, { reverse }) as unknown as [S, Tensor];
  return [outputs, end];
}

/** The next state where a sequence goes on, the old one elsewhere. */
function keepWhere<S extends CellState>(goesOn: Tensor, next: S, old: S): S {
  const choose = (a: Tensor, b: Tensor): Tensor => select(broadcastTo(goesOn, a.shape), a, b);
  if (!Array.isArray(next)) return choose(next as Tensor, old as Tensor) as S;
  const [before, after] = [old, next] as unknown as [readonly Tensor[], readonly Tensor[]];
  return after.map((a, i) => choose(a, before[i]!)) as unknown as S;
}
