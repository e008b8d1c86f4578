/**
 * Which calls of a traced function are alike: tensors by dtype and shape, variables and objects by identity, numbers and text by value.
 * May import: everything up to `api`.
 * @module
 */
import { isInteger } from '../ir/dtype.ts';
import { ArgumentError, DTypeError, ShapeError } from '../ir/errors.ts';
import { flatten, type TreeDef, unflatten } from '../core/pytree.ts';
import { Tensor } from '../core/tensor.ts';
import { arrayFrom, asTensor } from '../api/lift.ts';
import { isOptions } from '../api/options.ts';
import { TensorSpec } from './tensor-spec.ts';
import { Variable } from './variable.ts';

/** Arguments taken apart: tensors are operands, everything else is part of the signature. */
export interface Call {
  /** Equal for calls that one trace serves. */
  readonly key: string;
  readonly operands: readonly Tensor[];
  /** A line for each leaf: where it is, and what it is. */
  readonly description: readonly string[];
  /** The arguments with other tensors in the places of the operands. */
  readonly rebuild: (tensors: readonly Tensor[]) => readonly unknown[];
}

const identities = new WeakMap<WeakKey, number>();
let nextIdentity = 0;

function identity(x: WeakKey): number {
  let id = identities.get(x);
  if (id === undefined) identities.set(x, (id = nextIdentity++));
  return id;
}

const isTensorLeaf = (x: unknown): boolean =>
  (x instanceof Tensor && !(x instanceof Variable)) || ArrayBuffer.isView(x);

function describeStatic(x: unknown): string {
  if (x instanceof Variable) return `variable ${JSON.stringify(x.name)} #${identity(x)}`;
  if (typeof x === 'symbol') {
    const key = Symbol.keyFor(x);
    return key === undefined ? `${String(x)} #${identity(x)}` : `Symbol.for(${JSON.stringify(key)})`;
  }
  if (typeof x === 'function' || (typeof x === 'object' && x !== null)) return `${typeof x} #${identity(x)}`;
  if (typeof x === 'string') return JSON.stringify(x);
  return Object.is(x, -0) ? '-0' : `${typeof x === 'bigint' ? 'bigint ' : ''}${String(x)}`;
}

/** What a registered class keeps besides its children: plain data by content, everything else by identity, as trees are compared. */
function dataKey(x: unknown): string {
  if (Array.isArray(x)) return `[${x.map(dataKey).join()}]`;
  if (typeof x !== 'object' || x === null) return describeStatic(x);
  const proto: unknown = Object.getPrototypeOf(x);
  if (proto !== Object.prototype && proto !== null) return describeStatic(x);
  const entries = Object.entries(x).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([k, v]) => `${JSON.stringify(k)}:${dataKey(v)}`).join()}}`;
}

/** Text that is equal for equal structures only. */
function structureKey({ node, children }: TreeDef): string {
  const inner = children.map(structureKey);
  switch (node.kind) {
    case 'leaf':
      return '*';
    case 'null':
      return 'null';
    case 'array':
      return `[${inner.join()}]`;
    case 'object':
      return `{${inner.map((text, i) => `${JSON.stringify(node.keys[i])}:${text}`).join()}}`;
    case 'map':
      return `Map{${inner.map((text, i) => `${dataKey(node.keys[i])}:${text}`).join()}}`;
    case 'class':
      return `#${identity(node.constructor)}${dataKey(node.aux)}(${inner.join()})`;
  }
}

export function takeApart(args: readonly unknown[]): Call {
  const [leaves, def] = flatten(args);
  const operands: Tensor[] = [];
  const description = leaves.map((x, i) => {
    const place = `args${def.path(i)}`;
    if (!isTensorLeaf(x)) return `${place} ${describeStatic(x)}`;
    const operand = asTensor(x as Tensor);
    operands.push(operand);
    return `${place} ${operand.aval.toString()}`;
  });
  const rebuild = (tensors: readonly Tensor[]): readonly unknown[] => {
    let next = 0;
    return unflatten(
      def,
      leaves.map((x) => (isTensorLeaf(x) ? tensors[next++]! : x)),
    ) as readonly unknown[];
  };
  return { key: `${structureKey(def)}|${description.join('|')}`, operands, description, rebuild };
}

/** The same for a function with a declared signature: whatever stands for a tensor becomes one of the declared type. */
export function takeApartAs(name: string, args: readonly unknown[], signature: readonly unknown[]): Call {
  const [specs, def] = flatten(signature);
  const leaves = leavesLike(name, args, signature, def);
  const operands = leaves.map((x, i) => {
    const spec = specs[i] as TensorSpec;
    const where = `${name}: expected args${def.path(i)} to be ${spec.toString()}`;
    if (!(x instanceof Tensor) && typeof x !== 'number' && typeof x !== 'boolean' && !ArrayBuffer.isView(x))
      throw new ArgumentError(`${where}, got ${String(x)}.`, 'pass a tensor: constant(x) makes one.');
    const isBare = typeof x === 'number' || typeof x === 'boolean';
    if (isBare) checkNumbers(where, x, spec);
    const given = isBare ? arrayFrom(x, spec.dtype) : asTensor(x as Tensor);
    if (given.dtype !== spec.dtype)
      throw new DTypeError(`${where}, got ${given.aval.toString()}.`, `convert it with astype('${spec.dtype}').`);
    if (!spec.fits(given.aval))
      throw new ShapeError(`${where}, got ${given.aval.toString()}.`, 'null in a TensorSpec fits every size.');
    return given;
  });
  const description = operands.map((x, i) => `args${def.path(i)} ${x.aval.toString()}`);
  return {
    key: description.join('|'),
    operands,
    description,
    rebuild: (tensors) => unflatten(def, tensors) as readonly unknown[],
  };
}

/** Throws for a number with a fraction in the place of an integer. */
function checkNumbers(where: string, x: unknown, spec: TensorSpec): void {
  const odd = isInteger(spec.dtype)
    ? [x].flat(Infinity).find((v) => typeof v === 'number' && !Number.isInteger(v))
    : undefined;
  if (odd === undefined) return;
  throw new DTypeError(`${where}, got ${String(odd)}.`, 'round it first.');
}

/** The arguments at `where` with tensors in the place of nested arrays where the signature has one. */
function withArrays(where: string, spec: unknown, x: unknown): unknown {
  if (spec instanceof TensorSpec) {
    if (!Array.isArray(x)) return x;
    checkNumbers(`${where} to be ${spec.toString()}`, x, spec);
    return arrayFrom(x as never, spec.dtype, undefined, 'fn');
  }
  if (Array.isArray(spec) && Array.isArray(x)) {
    return x.map((v: unknown, i) => withArrays(`${where}[${i}]`, spec[i], v));
  }
  if (!isOptions(spec) || !isOptions(x)) return x;
  const specs = spec as Readonly<Record<string, unknown>>;
  return Object.fromEntries(Object.entries(x).map(([key, v]) => [key, withArrays(`${where}.${key}`, specs[key], v)]));
}

function leavesLike(name: string, args: readonly unknown[], signature: readonly unknown[], def: TreeDef): unknown[] {
  const [leaves, given] = flatten(withArrays(`${name}: expected args`, signature, args));
  if (given.equals(def)) return leaves;
  throw new ArgumentError(
    `${name}: expected arguments of the structure of inputSignature ${def.toString()}, got ${given.toString()}.`,
    `it declares ${signature.length} argument${signature.length === 1 ? '' : 's'}.`,
  );
}
