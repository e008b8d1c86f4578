/**
 * Derivatives of what was recorded: `backward`, which adds gradients to leaves, and `grad`, which returns them.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import { ArgumentError, DifferentiationError, ShapeError } from '../../ir/errors.ts';
import { sameShape } from '../../ir/shape.ts';
import type { MaybeZero } from '../../core/primitive.ts';
import { scalarTensor, type Tensor as CoreTensor } from '../../core/tensor.ts';
import { concatenate, convert, reshape } from '../../primitives/index.ts';
import { broadcastTo, materializeBatch, moveBatchToFront } from '../../primitives/structural.ts';
import { zeros } from '../../transforms/jvp.ts';
import { batchFlat } from '../../transforms/batch.ts';
import { getIndexed } from '../../api/indexing.ts';
import { checkOptions, describe } from '../../api/options.ts';
import { Operation, OperationFamily } from '../../tape/operation.ts';
import type { Edge, Recorder } from '../../tape/graph.ts';
import { walkBackward, type WalkOptions } from '../../tape/walk.ts';
import { modes, withModes } from '../modes.ts';
import { type Arguments, readArguments } from '../ops/named.ts';
import { applyFunction, applyOperation, shown, Tensor } from '../tensor.ts';
import { anomalyCheck } from './anomaly.ts';

/** One tensor, or several. */
export type OneOrMore = Tensor | readonly Tensor[];

export interface GraphOptions {
  /** Keep the graph for another backward pass; `createGraph` unless given. */
  readonly retainGraph?: boolean | null | undefined;
  /** Record the backward pass, so that gradients can be differentiated. */
  readonly createGraph?: boolean | undefined;
}

export interface BackwardOptions extends GraphOptions {
  /** Leaves (or retained tensors) that get a gradient; all if absent. */
  readonly inputs?: OneOrMore | null | undefined;
}

export interface GradOptions extends GraphOptions {
  /** Cotangents of the outputs; ones for scalars. */
  readonly gradOutputs?: Tensor | null | readonly (Tensor | null)[] | undefined;
  /** Give null for inputs that the outputs do not depend on, instead of throwing. */
  readonly allowUnused?: boolean | undefined;
  /** Give zeros for those. */
  readonly materializeGrads?: boolean | undefined;
  /** `gradOutputs` have one axis more in front: gradients for each of their rows, in one pass. */
  readonly isGradsBatched?: boolean | undefined;
}

export const several = <T>(x: T | readonly T[]): readonly T[] => (Array.isArray(x) ? (x as readonly T[]) : [x as T]);

const recorder: Recorder = {
  apply: (operation, args) => applyOperation(operation, args).map((x) => x.asCore()),
  applyFunction: (name, f, args) => applyFunction(name, f, args).map((x) => x.asCore()),
  attach: (value, edge) => (edge === undefined ? value : new Tensor(value, edge).asCore()),
};

/** Where the walk starts: output by output, with the cotangent it starts from. */
interface Root {
  readonly edge: Edge;
  readonly ct: CoreTensor;
}

function rootsOf(
  op: string,
  outputs: readonly Tensor[],
  cts: readonly (Tensor | null)[],
  createGraph: boolean,
): Root[] {
  return outputs.map((y, i) => {
    checkTensor(op, 'outputs', y);
    const edge = y.edge();
    if (edge === undefined) {
      throw new DifferentiationError(
        `${op}: expected a tensor that was computed from one that requires grad, got ${y.aval.toString()}: element ${i} of tensors does not ` +
          'require grad and does not have a grad_fn.',
        'set requiresGrad on what it is computed from, before it is computed and outside noGrad.',
      );
    }
    return { edge, ct: startingCotangent(op, y, cts[i] ?? null, i, createGraph) };
  });
}

function checkTensor(op: string, what: string, x: unknown): void {
  if (x instanceof Tensor) return;
  throw new ArgumentError(
    `${op}: expected tensors of this face as ${what}, got ${describe(x)}.`,
    'tensor(data, { requiresGrad: true }), or asTensor(x) for a tensor of the core.',
  );
}

function startingCotangent(op: string, y: Tensor, given: Tensor | null, i: number, createGraph: boolean): CoreTensor {
  if (given === null) {
    if (y.numel() !== 1) {
      throw new ShapeError(
        `${op}: expected a scalar, or the cotangent to start from, got ${y.aval.toString()} alone: grad can be implicitly created only for ` +
          'scalar outputs.',
        'reduce it with .sum() or .mean(), or pass a tensor of its shape.',
      );
    }
    return broadcastTo(scalarTensor(1, y.dtype), y.shape);
  }
  checkTensor(op, 'cotangents', given);
  if (!sameShape(given.shape, y.shape)) {
    const text = (shape: readonly number[]): string => `torch.Size([${shape.join(', ')}])`;
    throw new ShapeError(
      `${op}: expected a cotangent of the shape of its tensor ${y.aval.toString()}, got ${given.aval.toString()}. Mismatch in shape: ` +
        `grad_output[${i}] has a shape of ${text(given.shape)} and output[${i}] has a shape of ${text(y.shape)}.`,
      'pass one number for each element of the output.',
    );
  }
  const ct = createGraph ? given.asCore() : given.value;
  return ct.dtype === y.dtype ? ct : convert(ct, y.dtype);
}

function walk(roots: readonly Root[], options: GraphOptions, targets: readonly Edge[] | undefined): MaybeZero[] {
  const createGraph = options.createGraph === true;
  const walkOptions: WalkOptions = {
    retain: options.retainGraph ?? createGraph,
    recorder: createGraph ? recorder : undefined,
    targets,
    check: modes.detectsAnomaly ? anomalyCheck : undefined,
  };
  return withModes({ isGradEnabled: createGraph }, () => walkBackward(roots, walkOptions));
}

/**
 * Adds the gradients of some tensors (their sum, weighted by `gradTensors`) to the leaves that they were computed from.
 *
 * @param gradTensors cotangents, one for each tensor; may be left out for tensors of one element
 * @throws DifferentiationError if there is no graph, or it was freed; ShapeError if a cotangent does not fit
 */
export function backward(
  tensors: OneOrMore,
  gradTensors: Tensor | null | readonly (Tensor | null)[] = null,
  options: BackwardOptions = {},
): void {
  checkOptions('backward', options, ['retainGraph', 'createGraph', 'inputs']);
  const outputs = several(tensors);
  const roots = rootsOf('backward', outputs, several(gradTensors), options.createGraph === true);
  const { inputs } = options;
  if (inputs === undefined || inputs === null) {
    walk(roots, options, undefined);
    return;
  }
  const wanted = several(inputs);
  if (wanted.length === 0)
    throw new ArgumentError(
      'backward: expected at least one tensor in inputs, got none: inputs argument cannot be empty.',
    );
  const cts = walk(roots, options, edgesOf('backward', wanted));
  withModes({ isGradEnabled: options.createGraph === true }, () =>
    cts.forEach((ct, i) => ct !== null && wanted[i]!.accumulate(ct)),
  );
}

function edgesOf(op: string, inputs: readonly Tensor[]): Edge[] {
  return inputs.map((x) => {
    checkTensor(op, 'inputs', x);
    const edge = x.edge();
    if (edge !== undefined) return edge;
    throw new DifferentiationError(
      `${op}: expected inputs that require grad, got ${x.aval.toString()}: One of the differentiated Tensors does not require grad.`,
      'set requiresGrad before the outputs are computed.',
    );
  });
}

/** One entry for each input. */
type PerInput<I, T> = I extends readonly Tensor[] ? { -readonly [K in keyof I]: T } : [T];

/**
 * Gradients of the sum of `outputs` (weighted by `gradOutputs`) with respect to `inputs`, without touching any `.grad`.
 *
 * @returns one gradient for each input
 * @throws DifferentiationError for an input that the outputs do not depend on, unless `allowUnused`
 * @example
 * ```ts
 * import { autograd, tensor } from 'cotangent/torch';
 * const x = tensor(2, { requiresGrad: true });
 * const [dx] = autograd.grad(x.pow(3), x, { createGraph: true });
 * console.log(dx.item(), autograd.grad(dx, x)[0].item()); // => 12 12
 * ```
 */
export function grad<const I extends OneOrMore>(
  outputs: OneOrMore,
  inputs: I,
  options: GradOptions & { readonly allowUnused: true; readonly materializeGrads?: false },
): PerInput<I, Tensor | null>;
export function grad<const I extends OneOrMore>(
  outputs: OneOrMore,
  inputs: I,
  ...args: Arguments<GradOptions, typeof gradNames>
): PerInput<I, Tensor>;
export function grad(outputs: OneOrMore, inputs: OneOrMore, ...args: readonly unknown[]): unknown {
  const options = readArguments<GradOptions>('autograd.grad', gradNames, args);
  const wanted = several(inputs);
  const targets = edgesOf('autograd.grad', wanted);
  const cts = options.isGradsBatched
    ? batchedWalk(several(outputs), targets, options)
    : walk(
        rootsOf('autograd.grad', several(outputs), several(options.gradOutputs ?? null), options.createGraph === true),
        options,
        targets,
      );
  return cts.map((ct, i) => finished(ct, wanted[i]!, options));
}

const gradNames = [
  'gradOutputs',
  'retainGraph',
  'createGraph',
  'allowUnused',
  'isGradsBatched',
  'materializeGrads',
] as const;

function finished(ct: MaybeZero, input: Tensor, options: GradOptions): Tensor | null {
  if (ct !== null) return shown(ct);
  if (options.materializeGrads === true) return new Tensor(zeros(input.aval));
  if (options.allowUnused === true) return null;
  throw new DifferentiationError(
    `autograd.grad: expected outputs that depend on every input, got none for ${input.aval.toString()}. One of the differentiated Tensors ` +
      'appears to not have been used in the graph.',
    'pass { allowUnused: true } for null, or { materializeGrads: true } for zeros.',
  );
}

/** One walk for each row of the cotangents: all at once, or one after the other where they are recorded. */
function batchedWalk(outputs: readonly Tensor[], targets: readonly Edge[], options: GradOptions): MaybeZero[] {
  const given = several(options.gradOutputs ?? null).map((ct, i) => checkBatched(ct, outputs[i]));
  const size = given[0]?.shape[0] ?? 0;
  return options.createGraph === true
    ? rowByRow(outputs, targets, options, given, size)
    : allRows(outputs, targets, options, given, size);
}

function checkBatched(ct: Tensor | null, output: Tensor | undefined): Tensor {
  if (ct !== null && output !== undefined && sameShape(ct.shape.slice(1), output.shape)) return ct;
  throw new ShapeError(
    `autograd.grad: expected gradOutputs with one axis more than the outputs, got ${ct?.aval.toString() ?? 'null'} for ` +
      `${output?.aval.toString() ?? 'no output'}.`,
    'with isGradsBatched every output needs a batch of cotangents.',
  );
}

function allRows(
  outputs: readonly Tensor[],
  targets: readonly Edge[],
  options: GradOptions,
  given: readonly Tensor[],
  size: number,
): MaybeZero[] {
  let isZero: boolean[] = [];
  const rows = (cts: readonly CoreTensor[]): CoreTensor[] => {
    const roots = rootsOf(
      'autograd.grad',
      outputs,
      cts.map((ct) => new Tensor(ct)),
      false,
    );
    const grads = walk(roots, options, targets);
    isZero = grads.map((g) => g === null);
    return grads.filter((g) => g !== null);
  };
  const values = given.map((ct) => ct.value);
  const context = { size, axisName: undefined };
  const [outs, dims] = batchFlat(
    context,
    rows,
    values,
    values.map(() => 0),
  );
  let next = 0;
  return isZero.map((is) => {
    if (is) return null;
    const k = next++;
    const dim = dims[k]!;
    return dim === null ? materializeBatch(size, [outs[k]!], [null])[0]! : moveBatchToFront(outs[k]!, dim);
  });
}

const row = new OperationFamily<number>('select', ([x], i) => [indexed(x!, i)]);
const indexed = (x: CoreTensor, i: number): CoreTensor => getIndexed('select', x, [i]);

const stack = new Operation('stack', (xs) => [
  concatenate(
    xs.map((x) => reshape(x, [1, ...x.shape])),
    0,
  ),
]);

function rowByRow(
  outputs: readonly Tensor[],
  targets: readonly Edge[],
  options: GradOptions,
  given: readonly Tensor[],
  size: number,
): MaybeZero[] {
  const rows = Array.from({ length: size }, (_, i) => {
    const cts = given.map((ct) => applyOperation(row.of(i), [ct.asCore()])[0]!);
    return walk(rootsOf('autograd.grad', outputs, cts, true), options, targets);
  });
  return targets.map((_, k) => {
    const grads = rows.map((r) => r[k]!);
    const present = grads.filter((g) => g !== null);
    return present.length < grads.length ? null : applyOperation(stack, present)[0]!.asCore();
  });
}
