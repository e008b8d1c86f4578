/**
 * Tensor: the one type users hold. `ConcreteTensor` has numbers; a `Tracer` stands for numbers while a function is transformed.
 * Methods beyond the few here are installed by `api`.
 * May import: `ir`, `core`.
 * @module
 */
import { type Aval, scalarAval } from '../ir/aval.ts';
import { castScalar, type DType, isHalf, makeTypedArray, rounded, type TypedArray } from '../ir/dtype.ts';
import { ArgumentError, TraceError } from '../ir/errors.ts';
import { type Shape, sizeOf } from '../ir/shape.ts';
import { settings } from './config.ts';
import { activeExecutor, disposedError, HostStorage, type Storage } from './executor.ts';
import type { Trace } from './trace.ts';

/** An n-dimensional array, with numbers or traced. Immutable. */
export abstract class Tensor<S extends Shape = Shape, D extends DType = DType> {
  abstract readonly aval: Aval;

  constructor() {
    if (new.target === Tensor)
      throw new ArgumentError(
        'Tensor: expected a call of array(…), got new Tensor(…).',
        'make tensors with array(data), zeros(shape) and their like.',
      );
  }

  get shape(): S {
    return this.aval.shape as S;
  }

  get dtype(): D {
    return this.aval.dtype as D;
  }

  get ndim(): number {
    return this.aval.shape.length;
  }

  /** Number of elements. */
  get size(): number {
    return this.aval.size;
  }

  /** The value that is meant where a tensor is asked for: of a variable its value now; everything else stands for itself. */
  current(): Tensor {
    return this;
  }

  /** The numbers behind this value if there are any now: itself, or the primal of an eager derivative. */
  abstract concrete(use: string): ConcreteTensor;

  /** The number of a host-side scalar; `undefined` for everything else. */
  get scalar(): number | undefined {
    return undefined;
  }

  /** Elements in row-major order, now. On devices that only read asynchronously this throws; use `data()`. */
  dataSync(): TypedArray {
    return this.concrete('dataSync()').read().slice() as TypedArray;
  }

  /** Elements in row-major order. */
  data(): Promise<TypedArray> {
    return Promise.resolve(this.dataSync());
  }

  /** The number of an array with one element; booleans give 0 or 1. */
  item(): number {
    return itemOf(this, 'item()');
  }

  [Symbol.toPrimitive](hint: string): number | string {
    if (hint === 'string') return this.concrete('conversion to a string').toString();
    return itemOf(this, 'conversion to a number');
  }

  /** Nested numbers, as `toArray()` gives them. */
  toJSON(): unknown {
    return nested(this.concrete('JSON'));
  }
}

function itemOf(t: Tensor, use: string): number {
  const value = t.concrete(use);
  if (value.aval.size !== 1) {
    throw new TraceError(
      `${use}: expected an array with one element, got ${value.aval.toString()}.`,
      use === 'conversion to a number'
        ? 'for arithmetic use methods (x.mul(2), not x * 2); to compare use np.greater and its like; for numbers toArray().'
        : 'reduce it first (sum, mean, max), or use toArray().',
    );
  }
  return value.scalar ?? value.read()[0]!;
}

/** Nested arrays of numbers (or booleans) of a concrete tensor; a number for a scalar. */
export function nested(t: ConcreteTensor): unknown {
  const { shape, dtype } = t.aval;
  const flat = t.read();
  const leaf = dtype === 'bool' ? (i: number): unknown => flat[i] !== 0 : (i: number): unknown => flat[i];
  let level: unknown[] = Array.from({ length: flat.length }, (_, i) => leaf(i));
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const n = shape[axis]!;
    const outer = sizeOf(shape.slice(0, axis));
    level = Array.from({ length: outer }, (_, i) => level.slice(i * n, (i + 1) * n));
  }
  return level[0];
}

/** A tensor with numbers. */
export class ConcreteTensor extends Tensor {
  readonly aval: Aval;
  /** Absent while a scalar is its number only. */
  private memory: Storage | undefined;
  private readonly number: number;

  constructor(aval: Aval, memory: Storage | undefined, number = 0) {
    super();
    this.aval = aval;
    this.memory = memory;
    this.number = number;
  }

  /** Whether it is a constant made from a bare number, which others may hold too. */
  get isShared(): boolean {
    return false;
  }

  get isDisposed(): boolean {
    return this.memory?.isDisposed === true;
  }

  get storage(): Storage {
    return (this.memory ??= this.store(this.number));
  }

  protected store(number: number): Storage {
    return new HostStorage(oneElement(number, this.aval.dtype), settings.defaultDevice);
  }

  concrete(): ConcreteTensor {
    return this;
  }

  override get scalar(): number | undefined {
    const { memory } = this;
    if (memory === undefined) return this.number;
    if (this.aval.shape.length > 0 || !(memory instanceof HostStorage) || memory.isDisposed) return undefined;
    return memory.read()[0];
  }

  /** The elements without a copy: do not write, do not keep. */
  read(): TypedArray {
    if (this.isDisposed) throw disposedError(this.aval, this.storage.isDonated);
    return this.storage.read();
  }

  override dispose(): void {
    this.storage.dispose();
  }

  override toString(): string {
    return formatTensor(this);
  }
}

/** The number of the fewest digits that rounds to `x`. */
function shortest(x: number, dtype: DType): number {
  for (let digits = 1; digits < 5; digits++) {
    const short = Number(x.toPrecision(digits));
    if (castScalar(short, dtype) === x) return short;
  }
  return Number(x.toPrecision(5));
}

/** `[1, 2]`, with long axes cut in the middle: only what is shown is read. */
function formatTensor(t: ConcreteTensor): string {
  const { shape, dtype } = t.aval;
  const flat = t.read();
  const number = (x: number): string => {
    if (dtype === 'bool') return String(x !== 0);
    if (Object.is(x, -0)) return '-0';
    if (dtype === 'float32') return String(Number(x.toPrecision(7)));
    return isHalf(dtype) ? String(shortest(x, dtype)) : String(x);
  };
  const show = (axis: number, offset: number, block: number): string => {
    if (axis === shape.length) return number(flat[offset]!);
    const n = shape[axis]!;
    const inner = block / (n || 1);
    const items = (start: number, end: number): string[] =>
      Array.from({ length: end - start }, (_, i) => show(axis + 1, offset + (start + i) * inner, inner));
    return `[${(n > 8 ? [...items(0, 4), '…', ...items(n - 4, n)] : items(0, n)).join(', ')}]`;
  };
  return show(0, 0, flat.length);
}

/** Stands for a value while a function is being transformed; belongs to one trace. */
export abstract class Tracer extends Tensor {
  /** The trace this value belongs to. (`trace` is the method that sums a diagonal.) */
  readonly tracedBy: Trace;

  constructor(trace: Trace) {
    super();
    this.tracedBy = trace;
  }

  concrete(use: string): ConcreteTensor {
    const under = this.underlying();
    if (under !== undefined) return under.concrete(use);
    throw new TraceError(
      `${use}: expected a value with numbers, got ${this.aval.toString()} traced by ${this.tracedBy.name}.`,
      'inside traced functions use np.where, lax.cond, lax.whileLoop or lax.foriLoop for decisions and np.take(list, i) in place of ' +
        'list[i]; mark the argument static (staticArgnums), or move this line out of the traced function.',
    );
  }

  /**
   * Arithmetic operators would go on with a bare number, and its derivative would be lost without a word; so only text is given here.
   */
  override [Symbol.toPrimitive](hint: string): number | string {
    const value = this.concrete(hint === 'string' ? 'conversion to a string' : 'conversion to a number');
    if (hint === 'string') return value.toString();
    throw new TraceError(
      `conversion to a number: expected a value that is not being differentiated, got ${this.aval.toString()} traced by ` +
        `${this.tracedBy.name}: the number would carry no derivative.`,
      'for arithmetic use methods (x.mul(2), not x * 2); to decide by the value use x.item() or np.where.',
    );
  }

  /** The values one level down that it is made of. */
  parts(): readonly Tensor[] {
    return [];
  }

  /** The value one level down, when it may have numbers. */
  protected underlying(): Tensor | undefined {
    return undefined;
  }

  override toString(): string {
    return `Tracer ${this.aval.toString()} of ${this.tracedBy.name}`;
  }
}

/** A host-side constant; `data` is owned by the result, and rounded where assignments do not. */
export function hostTensor(data: TypedArray, aval: Aval): ConcreteTensor {
  return new ConcreteTensor(aval, new HostStorage(rounded(data, aval.dtype), 'host'));
}

/** A tensor on the active device; `data` is owned by the result, and rounded where assignments do not. */
export function deviceTensor(unrounded: TypedArray, aval: Aval): ConcreteTensor {
  const data = rounded(unrounded, aval.dtype);
  const executor = activeExecutor();
  if (aval.shape.length === 0 && executor.keepsScalarsOnHost === true && !Number.isNaN(data[0])) {
    return new ConcreteTensor(scalarAval(aval.dtype, aval.weakType), undefined, data[0]);
  }
  return new ConcreteTensor(aval, executor.fromHost(data, aval));
}

function oneElement(value: number, dtype: DType): TypedArray {
  const data = makeTypedArray(dtype, 1);
  data[0] = value;
  return data;
}

/** A scalar computed on the host. `value` is one of the dtype's, and not NaN unless its bits do not matter. */
export const hostScalar = (value: number, aval: Aval): ConcreteTensor => new ConcreteTensor(aval, undefined, value);

const scalarCaches = new Map<string, Map<number, ConcreteTensor>>();
const scalarCacheLimit = 256;

/** A scalar constant. Small integers and their like are shared: scalars are immutable and cannot be disposed. */
export function scalarTensor(value: number, dtype: DType, weakType = false): ConcreteTensor {
  const key = weakType ? `${dtype}*` : dtype;
  let cache = scalarCaches.get(key);
  if (cache === undefined) scalarCaches.set(key, (cache = new Map()));
  // Map keys treat -0 as 0, so -0 is never cached.
  const isCacheable = !Object.is(value, -0);
  const hit = isCacheable ? cache.get(value) : undefined;
  if (hit !== undefined) return hit;
  const aval = scalarAval(dtype, weakType);
  const made = new SharedScalar(aval, undefined, castScalar(value, dtype));
  if (isCacheable && cache.size < scalarCacheLimit) cache.set(value, made);
  return made;
}

/** A shared constant: disposing is a no-op. */
class SharedScalar extends ConcreteTensor {
  override get isShared(): boolean {
    return true;
  }

  protected override store(number: number): Storage {
    return new SharedStorage(oneElement(number, this.aval.dtype), 'host');
  }
}

class SharedStorage extends HostStorage {
  override dispose(): void {}
}
