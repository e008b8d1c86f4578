/**
 * `GradientTape`: records what happens while a function runs, and differentiates it afterwards.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import { isFloat } from '../ir/dtype.ts';
import { ArgumentError, DifferentiationError, DTypeError, ShapeError, TraceError } from '../ir/errors.ts';
import { sizeOf } from '../ir/shape.ts';
import type { MaybeZero } from '../core/primitive.ts';
import { flatten, type TreeDef, unflatten } from '../core/pytree.ts';
import { ConcreteTensor, Tensor } from '../core/tensor.ts';
import { currentTrace } from '../core/trace.ts';
import { Edge } from '../tape/graph.ts';
import { Recording, RecordTrace, sourceEdge } from '../tape/record-trace.ts';
import { walkBackward } from '../tape/walk.ts';
import { zeros } from '../transforms/jvp.ts';
import { checkFunction, refusePromise } from '../api/args.ts';
import { asTensor, type TensorLike } from '../api/lift.ts';
import { checkOptions } from '../api/options.ts';
import { vmap } from '../api/vmap.ts';
import { broadcastTo, eye, moveaxis, reshape } from '../api/numpy/index.ts';
import { activeWatchers, type VariableWatcher, withWatchers } from './tapes.ts';
import { connect, cotangentsOf, flattenTargets, stackRows, type UnconnectedOption } from './gradients.ts';
import { Variable } from './variable.ts';

export interface GradientTapeOptions {
  /** More than one call of `gradient` or `jacobian` (default false). */
  readonly persistent?: boolean;
  /** Watch trainable variables that are read while the tape records (default true). */
  readonly watchAccessedVariables?: boolean;
}

export interface GradientOptions extends UnconnectedOption {
  /** Cotangents: one like each target; ones where absent. */
  readonly outputGradients?: unknown;
}

export interface JacobianOptions extends UnconnectedOption {
  /** All rows at once, vectorised (default true), or one after the other, which takes less memory and a persistent tape. */
  readonly experimentalUsePfor?: boolean;
}

/** Structure `S` with a gradient, or `null`, in the place of each source. */
export type Gradients<S> = S extends Tensor
  ? Tensor | null
  : S extends object
    ? { -readonly [K in keyof S]: Gradients<S[K]> }
    : Tensor | null;

/** Watching follows an object, and shared constants stand for every use of their number. */
function ownTensor(x: Tensor): Tensor {
  if (!(x instanceof ConcreteTensor) || !x.isShared) return x;
  throw new ArgumentError(
    `GradientTape.watch: expected a tensor of its own, got the constant ${x.toString()}, which others hold too.`,
    'make one with constant(number), and compute with that.',
  );
}

interface Source {
  /** What was given, of the shape and dtype of the gradient. */
  readonly value: Tensor;
  /** Where it is in the graph; undefined for what the tape has not seen. */
  readonly edge: Edge | undefined;
}

/**
 * Records operations on what it watches while `run` runs a function, and differentiates afterwards. Trainable variables that are read are
 * watched; tensors are once `watch` is called. Everything counts that happens in between: functions of this face and of the rest of the
 * package, methods, jitted functions.
 *
 * @example
 * ```ts
 * import { constant, GradientTape } from 'cotangent/tf';
 * const x = constant(3);
 * const tape = new GradientTape();
 * const y = tape.run(() => {
 *   tape.watch(x);
 *   return x.mul(x);
 * });
 * console.log(String(tape.gradient(y, x))); // => 6
 * ```
 */
export class GradientTape implements VariableWatcher {
  readonly persistent: boolean;
  private readonly watchesAccessed: boolean;
  private readonly recording: Recording = new Recording();
  private readonly variables: Map<Variable, Edge> = new Map();
  private isRecording = false;
  private isUsed = false;

  constructor(options: GradientTapeOptions = {}) {
    checkOptions('GradientTape', options, ['persistent', 'watchAccessedVariables']);
    this.persistent = options.persistent ?? false;
    this.watchesAccessed = options.watchAccessedVariables ?? true;
    this.recording.isOn = false;
  }

  /** Runs `f` with its operations recorded, and gives its result. */
  run<T>(f: () => T): T {
    checkFunction('GradientTape.run', f);
    if (this.isRecording) {
      throw new TraceError(
        'GradientTape.run: expected a tape that is not recording, got one that is. Tape is still recording, this can happen if you try to ' +
          're-enter an already-active tape.',
        'use a tape of its own for the inner part.',
      );
    }
    const before = currentTrace();
    const [parent, others] = before instanceof RecordTrace ? [before.parent, before.recordings] : [before, []];
    const trace = new RecordTrace(parent, [...others, this.recording]);
    const watchers = [...activeWatchers(), this];
    this.isRecording = true;
    this.recording.isOn = true;
    try {
      const result = withWatchers(watchers, () => trace.run(f));
      refusePromise('GradientTape.run', result);
      return result;
    } finally {
      this.isRecording = false;
      this.recording.isOn = false;
    }
  }

  /**
   * Watches tensors: what is computed from them from now on is recorded.
   * @param values a tensor or variable, or a tree of them
   * @throws DTypeError for integers and booleans, which have no derivatives
   */
  watch(values: unknown): void {
    this.checkRecording('watch');
    for (const x of flatten(values)[0]) {
      if (!(x instanceof Tensor)) {
        throw new ArgumentError(
          `GradientTape.watch: expected tensors or variables, got ${String(x)}.`,
          'make it a tensor first: constant(x).',
        );
      }
      if (!isFloat(x.dtype)) {
        throw new DTypeError(
          `GradientTape.watch: expected floats, got ${x.aval.toString()}.`,
          "convert it first: x.astype('float32').",
        );
      }
      if (x instanceof Variable) this.watchVariable(x);
      else if (this.recording.edgeOf(x) === undefined) this.recording.follow(ownTensor(x), sourceEdge());
    }
  }

  /** @internal */
  readVariable(variable: Variable): void {
    if (!this.recording.isOn) return;
    const isWanted = this.watchesAccessed && variable.trainable && isFloat(variable.dtype);
    // What was watched once is watched with every value that it is given.
    if (isWanted || this.variables.has(variable)) this.watchVariable(variable);
  }

  private watchVariable(variable: Variable): void {
    const value = variable.peek();
    const present = this.recording.edgeOf(value);
    let edge = this.variables.get(variable);
    // Its value may have been watched as a tensor: both are one source then.
    if (edge === undefined) this.variables.set(variable, (edge = present ?? sourceEdge()));
    if (present === undefined) this.recording.follow(value, edge);
  }

  /** Variables that have been watched, in the order in which they were made. */
  watchedVariables(): Variable[] {
    return [...this.variables.keys()].sort((a, b) => a.order - b.order);
  }

  /** Runs `f` without recording it. */
  stopRecording<T>(f: () => T): T {
    this.checkRecording('stopRecording');
    const watchers = activeWatchers().filter((w) => w !== this);
    const wasOn = this.recording.isOn;
    this.recording.isOn = false;
    try {
      return withWatchers(watchers, f);
    } finally {
      this.recording.isOn = wasOn;
    }
  }

  /** Forgets everything recorded and watched so far. */
  reset(): void {
    this.recording.reset();
    this.variables.clear();
    this.isUsed = false;
    this.recording.isOn = this.isRecording;
  }

  /** Frees what was recorded; never needed. */
  [Symbol.dispose](): void {
    this.reset();
  }

  /**
   * The derivative of the sum of all elements of `target` in each of `sources`.
   *
   * @param target a tensor, or a tree of them
   * @param sources a tensor or variable, or a tree of them
   * @returns the structure of `sources`; `null` (or zeros) where the target does not depend on the source
   * @throws DifferentiationError at the second call, unless the tape is persistent
   */
  gradient<S>(target: unknown, sources: S, options: GradientOptions = {}): Gradients<S> {
    checkOptions('GradientTape.gradient', options, ['outputGradients', 'unconnectedGradients']);
    const { leaves, def } = flattenTargets('gradient', target);
    const cts = cotangentsOf(leaves, def, options.outputGradients);
    return this.use('gradient', () => {
      const [found, sourceDef] = this.sourcesOf('gradient', sources);
      const grads = this.pull(leaves, cts, found, this.persistent);
      return unflatten(
        sourceDef,
        connect(
          found.map((s) => s.value.aval),
          grads,
          options,
        ),
      ) as Gradients<S>;
    });
  }

  /**
   * The Jacobian of one tensor in each of `sources`: of shape `[...target.shape, ...source.shape]`.
   */
  jacobian<S>(target: TensorLike, sources: S, options: JacobianOptions = {}): Gradients<S> {
    checkOptions('GradientTape.jacobian', options, ['unconnectedGradients', 'experimentalUsePfor']);
    this.checkPfor('jacobian', options);
    const y = asTensor(target);
    return this.use('jacobian', () => {
      const [found, def] = this.sourcesOf('jacobian', sources);
      const rows = reshape(eye(y.size, y.size, { dtype: y.dtype }), [y.size, ...y.shape]);
      const grads = this.pullRows(y, rows, found, options).map((g, i) =>
        g === null ? null : reshape(g, [...y.shape, ...found[i]!.value.shape]),
      );
      const avals = found.map(({ value }) => value.aval.withShape([...y.shape, ...value.shape]));
      return unflatten(def, connect(avals, grads, options)) as Gradients<S>;
    });
  }

  /**
   * The Jacobian of each row of `target` in the same row of `source`: of shape `[b, ...target.shape[1:], ...source.shape[1:]]`. Rows must
   * not depend on each other: their derivatives would be added up.
   */
  batchJacobian(target: TensorLike, source: Tensor, options: JacobianOptions = {}): Tensor | null {
    checkOptions('GradientTape.batchJacobian', options, ['unconnectedGradients', 'experimentalUsePfor']);
    this.checkPfor('batchJacobian', options);
    const y = asTensor(target);
    if (y.ndim === 0 || source.ndim === 0 || y.shape[0] !== source.shape[0]) {
      throw new ShapeError(
        `GradientTape.batchJacobian: expected target and source with the same first dimension, got ${y.aval.toString()} and ${source.aval.toString()}.`,
        'the first axis counts the examples; use jacobian for everything else.',
      );
    }
    return this.use('batchJacobian', () => {
      const [found] = this.sourcesOf('batchJacobian', [source]);
      const rest = y.shape.slice(1);
      const n = sizeOf(rest);
      const one = reshape(eye(n, n, { dtype: y.dtype }), [n, 1, ...rest]);
      const rows = broadcastTo(one, [n, ...y.shape]);
      const shape = [y.shape[0]!, ...rest, ...source.shape.slice(1)];
      const grads = this.pullRows(y, rows, found, options).map((g) =>
        g === null ? null : reshape(moveaxis(g, 0, 1), shape),
      );
      return connect([source.aval.withShape(shape)], grads, options)[0]!;
    });
  }

  private checkPfor(op: string, { experimentalUsePfor = true }: JacobianOptions): void {
    if (experimentalUsePfor || this.persistent) return;
    throw new DifferentiationError(
      `GradientTape.${op}: expected a persistent tape with experimentalUsePfor: false, got one that can be used once.`,
      'make the tape with { persistent: true }, or leave the option out.',
    );
  }

  private checkRecording(op: string): void {
    if (this.isRecording) return;
    throw new TraceError(
      `GradientTape.${op}: expected a tape that is recording, got one that is not.`,
      'call it inside tape.run(() => …).',
    );
  }

  /** Runs a derivative. A tape that is not persistent gives one, and records no more. */
  private use<T>(op: string, f: () => T): T {
    if (this.persistent) return f();
    if (this.isUsed) {
      throw new DifferentiationError(
        `GradientTape.${op}: expected a tape that has not been used, got one that has. A non-persistent GradientTape can only be used to ` +
          'compute one set of gradients (or jacobians).',
        'make it with new GradientTape({ persistent: true }).',
      );
    }
    this.isUsed = true;
    // What comes after its gradient is none of its business, even if it is still running its function.
    this.recording.isOn = false;
    return f();
  }

  private sourcesOf(op: string, sources: unknown): [Source[], TreeDef] {
    const [leaves, def] = flatten(sources);
    const found = leaves.map((x): Source => {
      if (x instanceof Variable) return { value: x.peek(), edge: this.variables.get(x) };
      if (x instanceof Tensor) return { value: x, edge: this.recording.edgeOf(x) };
      throw new ArgumentError(
        `GradientTape.${op}: expected tensors or variables as sources, got ${String(x)}.`,
        'pass the tensor that was watched: constant(x) makes one of a number.',
      );
    });
    return [found, def];
  }

  /** Cotangents of the sources; `null` where nothing arrives. */
  private pull(
    targets: readonly Tensor[],
    cts: readonly Tensor[],
    sources: readonly Source[],
    retain: boolean,
  ): MaybeZero[] {
    const roots = targets.flatMap((y, i) => {
      const edge = this.recording.edgeOf(y);
      return edge === undefined || !isFloat(y.dtype) ? [] : [{ edge, ct: cts[i]! }];
    });
    const nowhere = new Edge(sourceEdge().node, 0);
    const found = walkBackward(roots, { retain, targets: sources.map((s) => s.edge ?? nowhere) });
    return sources.map((s, i) => (s.edge === undefined ? null : found[i]!));
  }

  /** One row of cotangents after the other along a new first axis. */
  private pullRows(y: Tensor, rows: Tensor, sources: readonly Source[], options: JacobianOptions): MaybeZero[] {
    // A target without elements has a Jacobian without rows.
    if (y.size === 0)
      return sources.map(({ value, edge }) =>
        edge === undefined ? null : zeros(value.aval.strong().withShape([0, ...value.shape])),
      );
    let isZero: boolean[] = [];
    const row = (ct: Tensor): Tensor[] => {
      const grads = this.pull([y], [ct], sources, true);
      isZero = grads.map((g) => g === null);
      return grads.filter((g) => g !== null);
    };
    const stacked =
      options.experimentalUsePfor === false ? stackRows(rows, row) : (vmap(row as never)(rows as never) as Tensor[]);
    let next = 0;
    return isZero.map((is) => (is ? null : stacked[next++]!));
  }
}
