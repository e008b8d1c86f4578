/**
 * The tensor of this face: a value of the core with a place in the graph. To the core it is a value of a trace that stands below every
 * other, so functions of the core take it as it is, record what they do to it, and give back tensors of this face.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import type { Aval } from '../ir/aval.ts';
import { type DType, isFloat } from '../ir/dtype.ts';
import { ArgumentError, DifferentiationError, DTypeError, ShapeError } from '../ir/errors.ts';
import type { Shape } from '../ir/shape.ts';
import type { AnyPrimitive, MaybeZero } from '../core/primitive.ts';
import { recordScratch } from '../core/scratch.ts';
import { captureSite } from '../core/site.ts';
import { ConcreteTensor, Tensor as CoreTensor, Tracer } from '../core/tensor.ts';
import { bind, currentTrace, type CustomJvpCall, type CustomVjpCall, Trace } from '../core/trace.ts';
import { applyCustomJvp, applyCustomVjp } from '../control/custom.ts';
import { add } from '../primitives/arithmetic.ts';
import { stopGradientOf } from '../primitives/barrier.ts';
import { describe } from '../api/options.ts';
import { ClosureNode, type FlatFunction } from '../tape/closure.ts';
import { type CotangentHook, Edge, type Node, OperationNode } from '../tape/graph.ts';
import { type Operation, primitiveOperation } from '../tape/operation.ts';
import { Linearized } from '../transforms/linearize.ts';
import { AccumulateGrad } from './accumulate.ts';
import { modes, withModes } from './modes.ts';

/** What few tensors have. */
interface Extras {
  accumulator?: Edge;
  /** Called with a leaf whose gradient was just added to. */
  afterAccumulate?: ((leaf: Tensor) => void)[];
  retainsGrad?: boolean;
  /** The hook that keeps the gradient then. */
  keeper?: CotangentHook;
}

/** What a view is of, and how. */
export interface View {
  /** The tensor that owns the elements. */
  readonly root: Tensor;
  readonly fromRoot: Operation;
  /** The tensor that derivatives come from; undefined for `detach`. */
  readonly base: Tensor | undefined;
  readonly fromBase: Operation;
  /** Name of the operation that made several views at once. */
  readonly siblings: string | undefined;
  /** The number of writes to the root that the value takes into account. */
  seen: number;
}

/** What the base class has that users of this face see as well. */
type CoreMembers = Pick<Tracer, 'dataSync' | 'data' | 'item' | 'toJSON'>;

/**
 * Runs what comes by way of the core: at home in its trace, and what is computed may be saved in the graph, so no derivative of the core
 * that is under way owns it.
 */
function below<T>(f: () => T): T {
  const before = recordScratch(undefined);
  const here = currentTrace();
  try {
    return here === modes.home ? f() : withModes({ home: here, dual: undefined, captures: undefined }, f);
  } finally {
    recordScratch(before);
  }
}

/** Operations on tensors of this face that come by way of the core: recorded, one node a primitive. */
class FaceTrace extends Trace {
  override readonly isBottom = true;

  process(primitive: AnyPrimitive, args: readonly CoreTensor[], params: object): CoreTensor[] {
    // What carries a Program is split into what is computed now and what a backward pass needs, both compiled.
    const isStructured = primitive.calculus.kind === 'structured';
    const outs = below(() =>
      isStructured
        ? applyFunction(primitive.name, (xs) => bind(primitive, xs, params), args)
        : applyOperation(primitiveOperation(primitive, params), args),
    );
    return outs as unknown[] as CoreTensor[];
  }

  processCustomJvp(call: CustomJvpCall, args: readonly CoreTensor[]): CoreTensor[] {
    return below(() => applyFunction(call.name, (xs) => applyCustomJvp(call, xs), args)) as unknown[] as CoreTensor[];
  }

  processCustomVjp(call: CustomVjpCall, args: readonly CoreTensor[]): CoreTensor[] {
    return below(() => applyFunction(call.name, (xs) => applyCustomVjp(call, xs), args)) as unknown[] as CoreTensor[];
  }
}

const face = new FaceTrace('cotangent/torch');

// The methods of the core's tensors are not this one's; what takes their place is declared in `methods.ts`.
const Base = Tracer as unknown as abstract new (trace: Trace) => CoreMembers;

/**
 * A tensor that remembers how it was computed, as PyTorch's does. Made by `tensor`, `zeros`, `randn` and their like.
 */
export class Tensor extends Base {
  /**
   * The value, for a view as of the version it has seen.
   * @internal
   */
  raw: CoreTensor;
  /**
   * Where the value was computed; undefined for leaves.
   * @internal
   */
  origin: Edge | undefined;
  /** @internal */
  viewed: View | undefined;
  /**
   * How often this tensor and its views were changed in place.
   * @internal
   */
  writes = 0;
  /** @internal */
  readonly isOfInference: boolean;
  /**
   * The function under compilation inside which it was made.
   * @internal
   */
  readonly madeIn: typeof modes.captures;
  /** @internal */
  extras: Extras | undefined;
  private requiresGradFlag = false;
  private gradient: Tensor | null = null;

  constructor(value: CoreTensor, origin?: Edge, view?: View) {
    super(face);
    if (!(value instanceof CoreTensor)) throw notValue(value);
    this.raw = value;
    this.origin = origin;
    this.viewed = view;
    this.isOfInference = modes.isInference;
    this.madeIn = modes.captures;
  }

  get aval(): Aval {
    return this.raw.aval;
  }

  get shape(): Shape {
    return this.raw.aval.shape;
  }

  get dtype(): DType {
    return this.raw.aval.dtype;
  }

  get ndim(): number {
    return this.raw.aval.shape.length;
  }

  /** Number of elements. */
  numel(): number {
    return this.raw.aval.size;
  }

  /** The value now. For a view of a tensor that was changed in place, that is taken from it anew. */
  get value(): CoreTensor {
    this.refresh();
    return this.raw;
  }

  concrete(use: string): ConcreteTensor {
    return this.value.concrete(use);
  }

  /** Takes over what happened to the base of a view since it was last looked at. */
  private refresh(): void {
    const view = this.viewed;
    if (view === undefined || view.seen === view.root.writes) return;
    view.seen = view.root.writes;
    const { base, root } = view;
    const [fresh] = withModes({ isGradEnabled: base !== undefined }, () =>
      base === undefined
        ? applyOperation(view.fromRoot, [root.asCore()])
        : applyOperation(view.fromBase, [base.asCore()], 'AsStridedBackward0'),
    );
    this.raw = fresh!.raw;
    if (base !== undefined) this.origin = fresh!.origin;
  }

  /** This tensor, typed as functions of the core take it. */
  asCore(): CoreTensor {
    return this as unknown as CoreTensor;
  }

  /**
   * What functions of the core take where they are given this tensor: itself, or inside a function that the core transforms the traced
   * value that it holds.
   * @internal
   */
  current(): CoreTensor {
    const { value } = this;
    const isTraced = value instanceof Tracer && !value.tracedBy.isBottom && value.tracedBy !== modes.home;
    return isTraced && currentTrace() !== modes.home ? value : this.asCore();
  }

  /** Whether gradients are computed for it. Assigning is for leaves. */
  get requiresGrad(): boolean {
    if (this.requiresGradFlag) return true;
    this.refresh();
    return this.origin !== undefined;
  }

  set requiresGrad(value: boolean) {
    if (value && !isFloat(this.dtype)) {
      throw new DTypeError(
        `requiresGrad: only Tensors of floating point and complex dtype can require gradients, got ${this.aval.toString()}.`,
        'convert with .to("float32") first.',
      );
    }
    if (value && this.isOfInference && !modes.isInference) {
      throw new DifferentiationError(
        `requiresGrad: expected a tensor made outside inferenceMode, got ${this.aval.toString()}: Setting requires_grad=True on inference ` +
          'tensor outside InferenceMode is not allowed.',
        'clone it outside inferenceMode for a normal tensor.',
      );
    }
    if (!value && !this.isLeaf) {
      throw new ArgumentError(
        'requiresGrad: expected a leaf, got a tensor that was computed: you can only change requires_grad flags of leaf variables.',
        'use .detach() for a tensor without history.',
      );
    }
    if (this.isLeaf) this.requiresGradFlag = value;
  }

  /** Whether no recorded operation made it. */
  get isLeaf(): boolean {
    this.refresh();
    return this.origin === undefined;
  }

  /** Which output of `gradFn` it is. */
  get outputNr(): number {
    return this.origin?.output ?? 0;
  }

  /** Its place in the graph; undefined where no gradient is wanted. */
  edge(): Edge | undefined {
    this.refresh();
    if (this.origin !== undefined) return this.origin;
    if (!this.requiresGradFlag) return undefined;
    const extras = this.rare();
    return (extras.accumulator ??= new Edge(new AccumulateGrad(this), 0));
  }

  /** Drops the history. */
  detachInPlace(): this {
    this.refresh();
    this.origin = undefined;
    this.requiresGradFlag = false;
    return this;
  }

  /** What few tensors have. */
  rare(): Extras {
    return (this.extras ??= {});
  }

  /** The gradient that backward passes have added up, of the shape and dtype of this leaf; null before the first. */
  get grad(): Tensor | null {
    return this.gradient;
  }

  set grad(value: Tensor | null) {
    if (value !== null && !((value as unknown) instanceof Tensor)) {
      throw new ArgumentError(
        `grad: expected a tensor or null, got ${describe(value)}.`,
        'make a tensor of the shape and dtype of this one.',
      );
    }
    if (value !== null && !value.aval.equals(this.aval, true)) {
      throw new ShapeError(
        `grad: expected a gradient like the tensor, ${this.aval.toString()}, got ${value.aval.toString()}.`,
        'assign null to clear it.',
      );
    }
    this.gradient = value;
  }

  /** Adds to the gradient of a leaf; a recorded backward pass gives a recorded sum. */
  accumulate(ct: CoreTensor): void {
    const old = this.gradient;
    const isRecorded = ct instanceof Tensor;
    if (old === null) this.gradient = isRecorded ? ct : new Tensor(ct);
    else if (isRecorded) this.gradient = new Tensor(add(old.asCore(), ct.asCore()));
    else old.replace(add(old.value, ct));
    for (const hook of this.extras?.afterAccumulate ?? []) hook(this);
  }

  /** Changes the value of a tensor that is no view and has no history. */
  private replace(value: CoreTensor): void {
    this.raw = value;
    this.writes++;
  }

  /**
   * Runs `f` with another tensor in the place of this one. What `f` writes is written to that.
   * @internal
   */
  withStandIn<T>(other: Tensor, f: () => T): T {
    const { raw, origin, viewed, requiresGradFlag } = this;
    this.raw = other.value;
    this.origin = other.edge();
    this.viewed = undefined;
    this.requiresGradFlag = false;
    const before = this.writes;
    try {
      return f();
    } finally {
      if (this.writes > before) other.overwrite(this.raw, this.origin);
      Object.assign(this, { raw, origin, viewed, requiresGradFlag });
    }
  }

  /**
   * Puts another value in the place of this one; who writes counts.
   * @internal
   */
  overwrite(value: CoreTensor, origin: Edge | undefined): void {
    this.raw = value;
    this.origin = origin;
  }

  /** How often it, or what it shares its elements with, was changed in place. */
  get _version(): number {
    return (this.viewed?.root ?? this).writes;
  }

  /** The tensor that a view is of; null for others. */
  get _base(): Tensor | null {
    return this.viewed?.base ?? null;
  }
}

const notValue = (value: unknown): ArgumentError =>
  new ArgumentError(
    `Tensor: expected tensor(data), got new Tensor(${describe(value)}).`,
    'tensor(data), zeros(shape) and their like make tensors.',
  );

/** The value that takes part in an operation under `here`: the tensor itself where that happens outside its graph. */
export function operand(x: CoreTensor, here: Trace): CoreTensor {
  if (!(x instanceof Tensor)) return x;
  const { value } = x;
  const isOfTrace = value instanceof Tracer && value.tracedBy === here;
  if (isOfTrace) return value;
  const { captures } = modes;
  if (here !== modes.home && captures !== undefined && captures !== x.madeIn && value instanceof ConcreteTensor) {
    return captures(x) ?? x.asCore();
  }
  if (!x.requiresGrad) return value;
  if (here !== modes.home) return x.asCore();
  // Inside a level of dual numbers, what is computed has a place in the graph around it as well: tangents have history.
  return modes.dual === undefined ? value : new Tensor(value, x.edge()).asCore();
}

/**
 * Applies an operation to tensors of this face and of the core, and records it where a gradient is wanted.
 * @param name of the node
 */
export function applyOperation(
  operation: Operation,
  args: readonly CoreTensor[],
  name: string = operation.name,
): Tensor[] {
  const here = currentTrace();
  const values = args.map((x) => operand(x, here));
  const outs = finished(operation.apply(values), here);
  const parents = modes.isGradEnabled ? parentsOf(args, values) : undefined;
  if (parents === undefined) return outs.map((o) => shown(o));
  const isWanted = parents.map((edge) => edge !== undefined);
  const pullback = operation.pullback(values, isWanted);
  const saved: CoreTensor[] = [];
  for (const i of pullback.savedInputs) {
    checkSaved(args[i]!);
    saved.push(values[i]!);
  }
  for (const i of pullback.savedOutputs) saved.push(outs[i]!);
  const { pack } = modes;
  return attach(new OperationNode(name, pullback, parents, pack === undefined ? saved : saved.map(pack)), outs);
}

/** Applies a function that closes over values, or carries a rule of the user's, as one operation. */
export function applyFunction(name: string, f: FlatFunction, args: readonly CoreTensor[]): Tensor[] {
  const here = currentTrace();
  const values = args.map((x) => operand(x, here));
  const parents = modes.isGradEnabled ? parentsOf(args, values) : undefined;
  if (parents === undefined) return finished(f(values), here).map((o) => shown(o));
  // Towards the arguments whose gradient is wanted; the others are constants.
  const wanted = parents.flatMap((edge, i) => (edge === undefined ? [] : [i]));
  const some: FlatFunction = (xs) => {
    const all = [...values];
    wanted.forEach((i, k) => (all[i] = xs[k]!));
    return f(all);
  };
  const point = wanted.map((i) => values[i]!);
  const linear = new Linearized(name, some, point);
  const hidden = linear.outs.find((o) => o instanceof Tensor);
  if (hidden !== undefined) {
    throw new DifferentiationError(
      `${name}: expected a function with a rule of its own to use tensors that require grad through its arguments only; it closes over one.`,
      'pass the tensor as an argument.',
    );
  }
  const node = new ClosureNode(
    name,
    some,
    linear,
    point,
    wanted.map((i) => parents[i]),
  );
  return attach(node, linear.outs);
}

/** Results; inside `noGrad` in a transformed function without their derivatives. */
const finished = (outs: readonly CoreTensor[], here: Trace): readonly CoreTensor[] =>
  here === modes.stopsAt && here !== modes.home ? outs.map(stopGradientOf) : outs;

/** Edges to where the arguments come from; undefined if no gradient is wanted. */
function parentsOf(args: readonly CoreTensor[], values: readonly CoreTensor[]): (Edge | undefined)[] | undefined {
  let isAny = false;
  const edges: (Edge | undefined)[] = [];
  for (let i = 0; i < args.length; i++) {
    const x = args[i]!;
    const edge = x instanceof Tensor && values[i] !== x ? x.edge() : undefined;
    if (edge !== undefined) isAny = true;
    edges.push(edge);
  }
  return isAny ? edges : undefined;
}

function checkSaved(x: CoreTensor): void {
  if (!(x instanceof Tensor) || !x.isOfInference) return;
  throw new DifferentiationError(
    `autograd: expected tensors made outside inferenceMode, got ${x.aval.toString()}. Inference tensors cannot be saved for backward.`,
    'clone it outside inferenceMode for a normal tensor.',
  );
}

/** A value of the core as a tensor of this face; null, which stands for no gradient, as it is. */
export function shown(x: CoreTensor): Tensor;
export function shown(x: MaybeZero): Tensor | null;
export function shown(x: MaybeZero): Tensor | null {
  return x === null || x instanceof Tensor ? x : new Tensor(x);
}

/** Tensors for the outputs of a node. */
export function attach(node: Node, outs: readonly CoreTensor[]): Tensor[] {
  if (modes.detectsAnomaly) node.site = captureSite();
  return outs.map((o, k) => (isFloat(o.dtype) ? new Tensor(o, new Edge(node, k)) : shown(o)));
}
