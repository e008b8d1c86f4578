/**
 * How functions of this face are declared: a name and a function of the core's tensors. The derivative follows from the latter.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import { type DType, dtypeInfo, isFloat, promoteTypes } from '../../ir/dtype.ts';
import { defaultFloat } from '../../core/config.ts';
import { scalarTensor, Tensor as CoreTensor } from '../../core/tensor.ts';
import { convert } from '../../primitives/convert.ts';
import { jit } from '../../api/jit.ts';
import { arrayFrom, type NestedArray } from '../../api/lift.ts';
import { Operation, OperationFamily } from '../../tape/operation.ts';
import { applyOperation, Tensor } from '../tensor.ts';
import { makeView } from '../views.ts';

/** Nested arrays of numbers, booleans and tensors. */
export type NestedData = number | boolean | Tensor | readonly NestedData[];

/** Whatever stands for a tensor. Numbers adapt to the dtype of what they meet. */
export type TensorLike = Tensor | CoreTensor | NestedData | ArrayBufferView;

/**
 * A tensor of this face from anything that stands for one.
 * @param float dtype of plain numbers
 */
export function toTensor(x: TensorLike, float?: DType): Tensor {
  if (x instanceof Tensor) return x;
  if (x instanceof CoreTensor) return new Tensor(x);
  if (typeof x === 'number') return new Tensor(scalarTensor(x, float ?? defaultFloat()));
  if (typeof x === 'boolean') return new Tensor(scalarTensor(x ? 1 : 0, 'bool'));
  const isOfNumbers = float !== undefined && Array.isArray(x) && holdsNumbers(x);
  const data = arrayFrom(x as NestedArray, isOfNumbers ? float : undefined);
  return data instanceof Tensor ? data : new Tensor(data);
}

/** Whether the first thing in nested arrays is a number. */
function holdsNumbers(x: readonly unknown[]): boolean {
  let first: unknown = x;
  while (Array.isArray(first)) first = first[0];
  return typeof first === 'number';
}

/** A tensor as the core takes it. */
export const lift = (x: TensorLike): CoreTensor => (x instanceof Tensor ? x.asCore() : toTensor(x).asCore());

/** Name of the node of a function: `MulBackward0` for `mul`. */
export const nodeName = (name: string): string =>
  `${name
    .split('_')
    .map((part) => part.slice(0, 1).toUpperCase() + part.slice(1))
    .join('')}Backward0`;

const rank: { readonly [category: string]: number } = { bool: 0, unsigned: 1, signed: 1, float: 2 };
const rankOf = (dtype: DType): number => rank[dtypeInfo[dtype].category]!;

/** A number as a scalar of the dtype that it takes beside `other`. */
export function scalarBeside(x: number | boolean, other: DType): CoreTensor {
  if (typeof x === 'boolean') return scalarTensor(x ? 1 : 0, other);
  if (isFloat(other)) return scalarTensor(x, other);
  if (!Number.isInteger(x)) return scalarTensor(x, defaultFloat());
  return scalarTensor(x, other === 'bool' ? 'int32' : other);
}

/** Operands of a function of two tensors; a number adapts to the other operand. */
export function pair(x: TensorLike, y: TensorLike): [CoreTensor, CoreTensor] {
  if (x instanceof Tensor) {
    if (y instanceof Tensor) return [x.asCore(), y.asCore()];
    if (typeof y === 'number' || typeof y === 'boolean') return [x.asCore(), scalarBeside(y, x.dtype)];
    if (isFloat(x.dtype)) return [x.asCore(), toTensor(y, x.dtype).asCore()];
  } else if ((typeof x === 'number' || typeof x === 'boolean') && typeof y !== 'number' && typeof y !== 'boolean') {
    const other = lift(y);
    return [scalarBeside(x, other.dtype), other];
  }
  return [lift(x), typeof y === 'number' || typeof y === 'boolean' ? scalarBeside(y, lift(x).dtype) : lift(y)];
}

/** The dtype of a result: tensors without axes count only where they are of a higher kind (bool < integer < float). */
export function resultType(xs: readonly { readonly dtype: DType; readonly ndim: number }[]): DType {
  const of = (group: readonly { readonly dtype: DType }[]): DType | undefined =>
    group
      .map((x) => x.dtype)
      .reduce((a: DType | undefined, b) => (a === undefined || a === b ? b : promoted(a, b)), undefined);
  const wide = of(xs.filter((x) => x.ndim > 0));
  const scalar = of(xs.filter((x) => x.ndim === 0));
  if (wide === undefined || scalar === undefined) return (wide ?? scalar)!;
  return rankOf(scalar) > rankOf(wide) ? promoted(wide, scalar) : wide;
}

const promoted = (a: DType, b: DType): DType =>
  promoteTypes({ dtype: a, weakType: false }, { dtype: b, weakType: false }, defaultFloat()).dtype;

/** Operands converted to one dtype. */
export function promote(xs: readonly CoreTensor[]): CoreTensor[] {
  const first = xs[0]!.dtype;
  if (xs.every((x) => x.dtype === first)) return [...xs];
  const dtype = resultType(xs);
  return xs.map((x) => (x.dtype === dtype ? x : convert(x, dtype)));
}

/** Unsigned numbers as signed ones, which sums and products of them are. */
export const counted = (x: CoreTensor): CoreTensor => (x.dtype === 'uint8' ? convert(x, 'int32') : x);

export type Unary = (x: TensorLike) => Tensor;
export type Binary = (x: TensorLike, y: TensorLike) => Tensor;

/** A function of one tensor. */
export function unary(name: string, f: (x: CoreTensor) => CoreTensor): Unary {
  const operation = new Operation(name, ([x]) => [f(x!)]);
  const node = nodeName(name);
  return (x) => applyOperation(operation, [lift(x)], node)[0]!;
}

/** `pair` for functions whose results are floats: a number beside integers is a float, which has a sign where they have none. */
export function floatPair(x: TensorLike, y: TensorLike): [CoreTensor, CoreTensor] {
  const isNumber = (z: TensorLike): boolean => typeof z === 'number';
  if (isNumber(x) === isNumber(y)) return pair(x, y);
  const tensor = lift(isNumber(x) ? y : x);
  if (isFloat(tensor.dtype)) return pair(x, y);
  const number = scalarTensor((isNumber(x) ? x : y) as number, defaultFloat());
  return isNumber(x) ? [number, tensor] : [tensor, number];
}

/** A function of two tensors that broadcast, and promote. */
export function binary(
  name: string,
  f: (x: CoreTensor, y: CoreTensor) => CoreTensor,
  operands: typeof pair = pair,
): Binary {
  const operation = new Operation(name, (xs) => {
    const [x, y] = xs[0]!.dtype === xs[1]!.dtype ? xs : promote(xs);
    return [f(x!, y!)];
  });
  const node = nodeName(name);
  return (x, y) => applyOperation(operation, operands(x, y), node)[0]!;
}

/** A function of tensors and parameters (plain data) with one result. */
export function withParams<P>(
  name: string,
  f: (xs: readonly CoreTensor[], params: P) => CoreTensor,
): (xs: readonly TensorLike[], params: P) => Tensor {
  const family = new OperationFamily<P>(name, (xs, params) => [f(xs, params)]);
  const node = nodeName(name);
  return (xs, params) => applyOperation(family.of(params), xs.map(lift), node)[0]!;
}

/** A function of tensors and parameters with several results. */
export function withResults<P>(
  name: string,
  f: (xs: readonly CoreTensor[], params: P) => readonly CoreTensor[],
): (xs: readonly TensorLike[], params: P) => Tensor[] {
  const family = new OperationFamily<P>(name, f);
  const node = nodeName(name);
  return (xs, params) => applyOperation(family.of(params), xs.map(lift), node);
}

/**
 * As `withResults`, compiled once for each kind of operands: for functions of many primitives, or with loops, which would be traced anew
 * each time.
 */
export function compiledResults<P>(
  name: string,
  f: (xs: readonly CoreTensor[], params: P) => readonly CoreTensor[],
): (xs: readonly TensorLike[], params: P) => Tensor[] {
  const traced = (params: P, xs: readonly CoreTensor[]): readonly CoreTensor[] => f(xs, params);
  Object.defineProperty(traced, 'name', { value: name });
  const run = jit(traced as never, { staticArgnums: 0 }) as unknown as typeof traced;
  return withResults<P>(name, (xs, params) => run(params, xs));
}

/** An operation whose result is a view. */
export function viewing<P>(
  name: string,
  f: (x: CoreTensor, params: P) => CoreTensor,
): (x: Tensor, params: P) => Tensor {
  const family = new OperationFamily<P>(name, ([x], params) => [f(x!, params)]);
  const node = nodeName(name);
  return (x, params) => makeView(family.of(params), x, node);
}
