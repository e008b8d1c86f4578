/**
 * Variables: named places for a value that changes. A variable stands for its value wherever a tensor is asked for.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import { Aval } from '../ir/aval.ts';
import { type DType, isFloat, isInteger } from '../ir/dtype.ts';
import { ArgumentError, DTypeError, ShapeError, TraceError } from '../ir/errors.ts';
import { sameShape, type Shape } from '../ir/shape.ts';
import { followAlways } from '../core/program-trace.ts';
import { ConcreteTensor, scalarTensor, Tensor } from '../core/tensor.ts';
import { currentTrace, evalTrace, withTrace } from '../core/trace.ts';
import { add, sub } from '../primitives/arithmetic.ts';
import { convert } from '../primitives/convert.ts';
import { arrayFrom, asTensor, type TensorLike } from '../api/lift.ts';
import { checkOptions } from '../api/options.ts';
import { graphContext } from './graph-context.ts';
import { activeWatchers } from './tapes.ts';

export interface VariableOptions {
  /** Whether tapes watch it when it is read (default true). */
  readonly trainable?: boolean;
  readonly name?: string;
  readonly dtype?: DType;
}

/** Values of variables: no Program holds one as a constant, since it changes. */
const valuesOfVariables = new WeakSet<ConcreteTensor>();
let created = 0;

let standIns: ReadonlyMap<Variable, Tensor> = new Map();

/** Runs `f` with other values in the place of these variables'. */
export function withValues<T>(values: ReadonlyMap<Variable, Tensor>, f: () => T): T {
  const before = standIns;
  standIns = values.size === 0 ? before : new Map([...before, ...values]);
  try {
    return f();
  } finally {
    standIns = before;
  }
}

/**
 * A value that changes: `assign` gives it another, of the same shape and dtype. Tapes watch trainable variables that are read while they
 * record; a traced function (`fn`) reads the value at each call.
 *
 * @example
 * ```ts
 * import { GradientTape, Variable } from 'cotangent/tf';
 * const x = new Variable(3);
 * const tape = new GradientTape();
 * const y = tape.run(() => x.mul(x));
 * console.log(String(tape.gradient(y, x))); // => 6
 * x.assignSub(1);
 * console.log(String(x)); // => 2
 * ```
 */
export class Variable<S extends Shape = Shape, D extends DType = DType> extends Tensor<S, D> {
  readonly aval: Aval;
  readonly name: string;
  readonly trainable: boolean;
  /** How many variables were made before. */
  readonly order: number;
  private held!: ConcreteTensor;

  /**
   * @param initial a value, or a function that gives one
   * @throws TraceError inside a traced function, but for its first call
   */
  constructor(initial: TensorLike | (() => TensorLike), options: VariableOptions = {}) {
    super();
    checkOptions('Variable', options, ['trainable', 'name', 'dtype']);
    const context = graphContext();
    if (context !== undefined && !context.isFirst) {
      throw new TraceError(
        `Variable: expected no new variable in ${context.name} after its first call, got one: it would start anew in each trace.`,
        'create the variable outside the function, or only if it is not there yet.',
      );
    }
    const value = initialValue(initial, options.dtype);
    this.aval = new Aval(value.shape, value.dtype);
    this.order = created++;
    this.name = options.name ?? `Variable:${this.order}`;
    this.trainable = options.trainable ?? true;
    this.hold(value);
  }

  /** The value, watched by the tapes that record now. */
  override current(): Tensor {
    for (const watcher of activeWatchers()) watcher.readVariable(this);
    return this.peek();
  }

  /** The value, without being watched. */
  peek(): Tensor {
    return standIns.get(this) ?? graphContext()?.read(this) ?? this.held;
  }

  /** The value as a tensor of its own. */
  readValue(): Tensor {
    return this.current();
  }

  concrete(use: string): ConcreteTensor {
    return this.peek().concrete(use);
  }

  override get scalar(): number | undefined {
    return this.peek().scalar;
  }

  /** Gives it another value, which carries no derivative: what is read afterwards does not depend on what was computed before. */
  assign(value: TensorLike): this {
    const context = graphContext();
    if (context === undefined) refuseTracing();
    const fits = this.adapted(value);
    this.check(fits);
    if (context !== undefined) context.assign(this, fits);
    else this.hold(fits.concrete('Variable.assign'));
    return this;
  }

  /** x ← x + value */
  assignAdd(value: TensorLike): this {
    return this.assign(add(this.peek(), this.adapted(value)));
  }

  /** x ← x − value */
  assignSub(value: TensorLike): this {
    return this.assign(sub(this.peek(), this.adapted(value)));
  }

  override toString(): string {
    return this.peek().toString();
  }

  /** Bare numbers, and arrays of them, in the dtype of the variable where it can hold them. */
  private adapted(value: TensorLike): Tensor {
    const given = asTensor(value);
    const isBare = given.aval.weakType || !(value instanceof Tensor || ArrayBuffer.isView(value));
    if (!isBare || given.dtype === this.dtype || given.dtype === 'bool') return given;
    const holds = isFloat(this.dtype) || (isInteger(this.dtype) && holdsIntegers(given));
    return holds ? convert(given, this.dtype) : given;
  }

  private check(value: Tensor): void {
    const { aval } = this;
    const message = `Variable.assign: expected a value like ${this.name} ${aval.toString()}, got ${value.aval.toString()}.`;
    if (!sameShape(value.shape, aval.shape)) throw new ShapeError(message, 'a variable keeps its shape.');
    if (value.dtype !== aval.dtype) throw new DTypeError(message, 'convert the value with astype.');
  }

  private hold(value: ConcreteTensor): void {
    // An object of its own: what a tape follows stays what it was.
    this.held = new ConcreteTensor(this.aval, value.storage);
    valuesOfVariables.add(this.held);
  }
}

followAlways((x) => valuesOfVariables.has(x));

const holdsIntegers = (x: Tensor): boolean => x instanceof ConcreteTensor && x.read().every(Number.isInteger);

/** An assignment in a function that is being traced would happen once, while it is. */
function refuseTracing(): void {
  const zero = scalarTensor(0, 'int32');
  if (add(zero, zero) instanceof ConcreteTensor) return;
  throw new TraceError(
    `Variable.assign: expected a call outside of traced functions, got one in ${currentTrace().name}: it would happen while the function is ` +
      'traced, and not at each call.',
    'return the value and assign it outside, or trace the function with fn, which assigns at each call.',
  );
}

function initialValue(initial: TensorLike | (() => TensorLike), dtype: DType | undefined): ConcreteTensor {
  const value = typeof initial === 'function' ? withTrace(evalTrace, initial) : initial;
  if (value === undefined || value === null)
    throw new ArgumentError(
      'Variable: expected an initial value, got nothing.',
      'pass a number, an array or a tensor.',
    );
  const given = value instanceof Tensor ? value.current() : value;
  if (graphContext() !== undefined && given instanceof Tensor && !(given instanceof ConcreteTensor)) {
    throw new TraceError(
      `Variable: expected an initial value with numbers, got ${given.aval.toString()}, which is being traced.`,
      'pass a function that makes the value: new Variable(() => np.zeros([3])).',
    );
  }
  return withTrace(evalTrace, () => arrayFrom(given, dtype, undefined, 'Variable').concrete('Variable'));
}
