/**
 * Python values that JavaScript has no equal for, and the arithmetic of Python's own numbers. A Python int is a
 * JavaScript number with an integral value; a Python float is a {@link PyFloat}, so that `1` and `1.0` differ;
 * tuples and lists are arrays; dicts are plain objects; None is null.
 * @module
 */

import type { BinaryOperator, CompareOperator } from './python-ast.ts';

/** A Python float. It keeps `1.0` apart from `1`. */
export class PyFloat {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }
}

/** A Python complex number. */
export class PyComplex {
  readonly re: number;
  readonly im: number;

  constructor(re: number, im: number) {
    this.re = re;
    this.im = im;
  }
}

/** `start:stop:step`; null stands for an omitted part. */
export class PySlice {
  readonly start: unknown;
  readonly stop: unknown;
  readonly step: unknown;

  constructor(start: unknown, stop: unknown, step: unknown) {
    this.start = start;
    this.stop = stop;
    this.step = step;
  }
}

/** A function that takes Python positional and keyword arguments: a lambda, a `def`, or a builtin. */
export class PyFunction {
  readonly name: string;
  readonly invoke: (args: readonly unknown[], keywords: Readonly<Record<string, unknown>>) => unknown;

  /** Whether some parameter can only be given by name. */
  readonly isKeyworded: boolean;

  constructor(name: string, invoke: PyFunction['invoke'], isKeyworded = false) {
    this.name = name;
    this.invoke = invoke;
    this.isKeyworded = isKeyworded;
  }
}

/** An error that Python itself would raise. */
export class PythonError extends Error {
  override readonly name: string = 'PythonError';
}

export function isFloat(value: unknown): value is number | PyFloat {
  return value instanceof PyFloat || (typeof value === 'number' && !Number.isInteger(value));
}

export function isNumber(value: unknown): value is number | boolean | PyFloat {
  return typeof value === 'number' || typeof value === 'boolean' || value instanceof PyFloat;
}

export function toNumber(value: number | boolean | PyFloat): number {
  return value instanceof PyFloat ? value.value : Number(value);
}

/** Remainder with the sign of the divisor. */
function modulo(a: number, b: number): number {
  const r = a % b;
  return r !== 0 && r < 0 !== b < 0 ? r + b : r;
}

const ARITHMETIC: Readonly<Record<BinaryOperator, ((a: number, b: number) => number) | undefined>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
  '//': (a, b) => Math.floor(a / b),
  '%': modulo,
  '**': (a, b) => a ** b,
  '<<': (a, b) => a * 2 ** b,
  '>>': (a, b) => Math.floor(a / 2 ** b),
  '&': (a, b) => Number(BigInt(a) & BigInt(b)),
  '|': (a, b) => Number(BigInt(a) | BigInt(b)),
  '^': (a, b) => Number(BigInt(a) ^ BigInt(b)),
  '@': undefined,
};

function numberBinary(op: BinaryOperator, a: number | boolean | PyFloat, b: number | boolean | PyFloat): unknown {
  const apply = ARITHMETIC[op];
  if (apply === undefined) throw new PythonError(`unsupported operand types for ${op}`);
  const [x, y] = [toNumber(a), toNumber(b)];
  if (y === 0 && (op === '/' || op === '//' || op === '%')) throw new PythonError('division by zero');
  const isFloatResult = isFloat(a) || isFloat(b) || op === '/' || (op === '**' && y < 0);
  if (typeof a === 'boolean' && typeof b === 'boolean' && '&|^'.includes(op)) return apply(x, y) !== 0;
  return isFloatResult ? new PyFloat(apply(x, y)) : apply(x, y);
}

function complexParts(value: unknown): PyComplex {
  if (value instanceof PyComplex) return value;
  if (isNumber(value)) return new PyComplex(toNumber(value), 0);
  throw new PythonError('unsupported operand type for a complex number');
}

function complexBinary(op: BinaryOperator, left: unknown, right: unknown): PyComplex {
  const [a, b] = [complexParts(left), complexParts(right)];
  if (op === '+') return new PyComplex(a.re + b.re, a.im + b.im);
  if (op === '-') return new PyComplex(a.re - b.re, a.im - b.im);
  if (op === '*') return new PyComplex(a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re);
  if (op === '/') {
    const d = b.re * b.re + b.im * b.im;
    return new PyComplex((a.re * b.re + a.im * b.im) / d, (a.im * b.re - a.re * b.im) / d);
  }
  throw new PythonError(`unsupported operand types for ${op}: complex`);
}

/** A binary operator between two values that Python itself knows. */
export function pythonBinary(op: BinaryOperator, left: unknown, right: unknown): unknown {
  if (isNumber(left) && isNumber(right)) return numberBinary(op, left, right);
  if (left instanceof PyComplex || right instanceof PyComplex) return complexBinary(op, left, right);
  if (op === '+' && typeof left === 'string' && typeof right === 'string') return left + right;
  if (op === '+' && Array.isArray(left) && Array.isArray(right))
    return [...(left as unknown[]), ...(right as unknown[])];
  if (op === '*' && Array.isArray(left) && typeof right === 'number') return repeated(left, right);
  if (op === '*' && typeof left === 'number' && Array.isArray(right)) return repeated(right, left);
  throw new PythonError(`unsupported operand types for ${op}`);
}

function repeated(items: readonly unknown[], times: number): unknown[] {
  return Array.from({ length: Math.max(0, times) }, () => items).flat(1);
}

/** Python's `==` on Python values. */
export function pythonEqual(a: unknown, b: unknown): boolean {
  if (isNumber(a) && isNumber(b)) return toNumber(a) === toNumber(b);
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((x, i) => pythonEqual(x, b[i]));
  return a === b;
}

function contains(container: unknown, item: unknown): boolean {
  if (typeof container === 'string') return typeof item === 'string' && container.includes(item);
  if (Array.isArray(container)) return container.some((x) => pythonEqual(x, item));
  return typeof container === 'object' && container !== null && Object.hasOwn(container, String(item));
}

/** A comparison between two values that Python itself knows. */
export function pythonCompare(op: CompareOperator, left: unknown, right: unknown): boolean {
  if (op === 'is') return left === right;
  if (op === 'is not') return left !== right;
  if (op === 'in') return contains(right, left);
  if (op === 'not in') return !contains(right, left);
  if (op === '==') return pythonEqual(left, right);
  if (op === '!=') return !pythonEqual(left, right);
  const isText = typeof left === 'string' && typeof right === 'string';
  if (!isText && !(isNumber(left) && isNumber(right)))
    throw new PythonError(`'${op}' not supported between these values`);
  const a = isText ? left : toNumber(left as number);
  const b = isText ? right : toNumber(right as number);
  if (op === '<') return a < b;
  if (op === '<=') return a <= b;
  return op === '>' ? a > b : a >= b;
}

/** Python's truth value of a Python value. */
export function pythonTruth(value: unknown): boolean {
  if (value instanceof PyFloat) return value.value !== 0;
  if (Array.isArray(value)) return value.length > 0;
  if (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
    return Object.keys(value).length > 0;
  }
  return Boolean(value);
}

/** The items of a Python iterable; a dict iterates over its keys. */
export function pythonItems(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value as unknown[];
  if (typeof value === 'string') return [...value];
  if (typeof value === 'object' && value !== null && Symbol.iterator in value) return [...(value as Iterable<unknown>)];
  if (typeof value === 'object' && value !== null) return Object.keys(value);
  throw new PythonError('value is not iterable');
}
