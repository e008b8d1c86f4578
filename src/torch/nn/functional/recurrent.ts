/**
 * One layer of a recurrent network in one direction, and one step of it, as operations.
 * May import: everything up to `api`, `tape`, `nn`.
 * @module
 */
import type { Tensor as CoreTensor } from '../../../core/tensor.ts';
import { relu } from '../../../api/nn/activations.ts';
import { add } from '../../../api/numpy/binary.ts';
import { affine, type CellState, gruStep, lstmStep, type Recurrence, sweep } from '../../../nn/recurrence.ts';
import { tanh } from '../../../primitives/elementwise-trig.ts';
import { type TensorLike, compiledResults } from '../../ops/define.ts';
import type { Tensor } from '../../tensor.ts';

/** What a step computes. */
export type CellKind = 'rnnTanh' | 'rnnRelu' | 'gru' | 'lstm';

/** Parameters of one layer in one direction. */
export interface CellWeights {
  /** `[gates · hidden, input]` */
  readonly input: TensorLike;
  /** `[gates · hidden, output]` */
  readonly hidden: TensorLike;
  readonly inputBias: TensorLike | null;
  readonly hiddenBias: TensorLike | null;
  /** `[output, hidden]`: from the hidden vectors of an LSTM to its output. */
  readonly projection: TensorLike | null;
}

interface Layout {
  readonly kind: CellKind;
  readonly hasBias: boolean;
  readonly hasProjection: boolean;
}

/** Operands: x, the states, weights, what there is of biases and projection; further ones. */
function parse(xs: readonly CoreTensor[], { kind, hasBias, hasProjection }: Layout) {
  const rest = [...xs];
  const take = (): CoreTensor => rest.shift()!;
  const takeIf = (isThere: boolean): CoreTensor | undefined => (isThere ? take() : undefined);
  const x = take();
  const state = kind === 'lstm' ? ([take(), take()] as const) : take();
  const [input, hidden] = [take(), take()];
  const [inputBias, hiddenBias] = [takeIf(hasBias), takeIf(hasBias)];
  return { x, state, weights: { input, hidden, inputBias, hiddenBias, projection: takeIf(hasProjection) }, rest };
}

type Weights = ReturnType<typeof parse>['weights'];

function recurrenceOf(kind: CellKind, w: Weights): Recurrence<CellState> {
  const recur = (h: CoreTensor): CoreTensor => affine(h, w.hidden, w.hiddenBias);
  if (kind === 'lstm') {
    const cell: Recurrence<readonly [CoreTensor, CoreTensor]> = {
      step: ([h, c], projected) => {
        const [hidden, memory] = lstmStep(add(projected, recur(h)), c);
        return [w.projection === undefined ? hidden : affine(hidden, w.projection, undefined), memory];
      },
      hidden: ([h]) => h,
    };
    return cell as Recurrence<CellState>;
  }
  const activation = kind === 'rnnRelu' ? relu : tanh;
  const cell: Recurrence<CoreTensor> = {
    step: (h, projected) => (kind === 'gru' ? gruStep(projected, recur(h), h) : activation(add(projected, recur(h)))),
    hidden: (h) => h,
  };
  return cell as Recurrence<CellState>;
}

const listOf = (state: CellState): readonly CoreTensor[] =>
  Array.isArray(state) ? (state as readonly CoreTensor[]) : [state as CoreTensor];

const makeSweep = (kind: CellKind) =>
  compiledResults<Layout & { readonly reverse: boolean }>(kind, (xs, layout) => {
    const { x, state, weights: w, rest } = parse(xs, layout);
    const projected = affine(x, w.input, w.inputBias);
    const [outputs, end] = sweep(recurrenceOf(kind, w), projected, state, rest[0], layout.reverse);
    return [outputs, ...listOf(end)];
  });

const makeStep = (kind: CellKind) =>
  compiledResults<Layout>(`${kind}Cell`, (xs, layout) => {
    const { x, state, weights: w } = parse(xs, layout);
    return listOf(recurrenceOf(kind, w).step(state, affine(x, w.input, w.inputBias)));
  });

const each = <T>(make: (kind: CellKind) => T): Readonly<Record<CellKind, T>> => ({
  rnnTanh: make('rnnTanh'),
  rnnRelu: make('rnnRelu'),
  gru: make('gru'),
  lstm: make('lstm'),
});

const [sweeps, steps] = [each(makeSweep), each(makeStep)];

const layoutOf = (kind: CellKind, w: CellWeights): Layout => ({
  kind,
  hasBias: w.inputBias !== null,
  hasProjection: w.projection !== null,
});

const present = (w: CellWeights): TensorLike[] =>
  [w.input, w.hidden, w.inputBias, w.hiddenBias, w.projection].filter((p) => p !== null);

/**
 * All steps over `[T, N, features]`.
 * @param states `[N, hidden]`: one, or two of an LSTM
 * @param running bool `[T, N, 1]`: where it is false a sequence has ended
 * @returns the outputs `[T, N, output]`, then the states at the end
 */
export function recurrentLayer(
  kind: CellKind,
  x: TensorLike,
  states: readonly TensorLike[],
  weights: CellWeights,
  { reverse, running }: { readonly reverse: boolean; readonly running: TensorLike | undefined },
): Tensor[] {
  const operands = [x, ...states, ...present(weights), ...(running === undefined ? [] : [running])];
  return sweeps[kind](operands, { ...layoutOf(kind, weights), reverse });
}

/** One step. @returns the next states */
export const recurrentStep = (
  kind: CellKind,
  x: TensorLike,
  states: readonly TensorLike[],
  weights: CellWeights,
): Tensor[] => steps[kind]([x, ...states, ...present(weights)], layoutOf(kind, weights));
