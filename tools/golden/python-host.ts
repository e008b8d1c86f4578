/**
 * Connects the Python evaluator to the library: `jnp`, `lax`, `jax` and `jsp` by name, snake_case to camelCase,
 * keyword arguments to one trailing options object, operators and indexing to functions.
 * @module
 */

import { callLibrary, floatArgument, isTensor, lookup, MissingError, SkipError, withPartitionable } from './library.ts';
import type { AnyFunction } from './library.ts';
import type { BinaryOperator, CompareOperator } from './python-ast.ts';
import type { Host } from './python-expr.ts';
import { PyComplex, PyFloat, PyFunction, PythonError, PySlice } from './python-values.ts';

type Keywords = Readonly<Record<string, unknown>>;

/** A namespace of the library, `jnp` say; attributes of it are looked up in the library. */
class Namespace {
  /** Dotted path in the library; empty for the root. */
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }
}

/** A function of the library with the name it was found under. */
class LibraryFunction {
  readonly fn: AnyFunction;
  readonly path: string;

  constructor(fn: AnyFunction, path: string) {
    this.fn = fn;
    this.path = path;
  }
}

/** An element type, `jnp.float32`: a value by itself, and a conversion when called. */
class PyDType {
  readonly dtype: string;

  constructor(dtype: string) {
    this.dtype = dtype;
  }
}

/** Element types by Python name; 64-bit integers are 32 bits wide in the library. Undefined: not built. */
const DTYPES: Readonly<Record<string, string | undefined>> = {
  bool_: 'bool',
  uint8: 'uint8',
  int32: 'int32',
  int64: 'int32',
  uint32: 'uint32',
  float32: 'float32',
  float64: 'float64',
};
const UNBUILT_DTYPES: ReadonlySet<string> = new Set([
  'int8',
  'int16',
  'uint16',
  'uint64',
  'float16',
  'bfloat16',
  'complex64',
  'complex128',
]);

/** Names whose place or spelling differs from the rule. */
const RENAMED: Readonly<Record<string, string>> = {
  'jax.numpy': 'np',
  'jax.scipy': 'scipy',
  'jax.make_jaxpr': 'makeProgram',
  'jax.remat': 'checkpoint',
  'jax.tree_util': 'tree',
  'tree.tree_map': 'tree.map',
  'tree.tree_leaves': 'tree.leaves',
  'tree.tree_reduce': 'tree.reduce',
  'jax.numpy.newaxis': 'null',
  'np.bool': 'bool',
};

const BINARY: Readonly<Record<BinaryOperator, string>> = {
  '+': 'add',
  '-': 'subtract',
  '*': 'multiply',
  '/': 'divide',
  '//': 'floorDivide',
  '%': 'mod',
  '**': 'power',
  '@': 'matmul',
  '<<': 'leftShift',
  '>>': 'rightShift',
  '&': 'bitwiseAnd',
  '|': 'bitwiseOr',
  '^': 'bitwiseXor',
};
const UNARY = { '-': 'negative', '+': 'positive', '~': 'invert' } as const;
const COMPARE: Readonly<Record<string, string>> = {
  '==': 'equal',
  '!=': 'notEqual',
  '<': 'less',
  '<=': 'lessEqual',
  '>': 'greater',
  '>=': 'greaterEqual',
};

/** `take_along_axis` → `takeAlongAxis`, `atleast_1d` → `atleast1d`; underscores at the ends stay. */
export function camelCase(name: string): string {
  return name.replaceAll(/(?<=[a-zA-Z0-9])_([a-zA-Z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** JavaScript functions that stand for Python ones, one each, so that the library's caches see the same function. */
const wrappers = new WeakMap<PyFunction, AnyFunction>();

function wrap(fn: PyFunction): AnyFunction {
  const known = wrappers.get(fn);
  if (known !== undefined) return known;
  const wrapper: AnyFunction = (...args) => {
    const last = args.at(-1);
    const isNamed = fn.isKeyworded && isDict(last);
    return toArgument(isNamed ? fn.invoke(args.slice(0, -1), last) : fn.invoke(args, {}));
  };
  wrappers.set(fn, wrapper);
  return wrapper;
}

function isDict(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

/** A Python value as the library takes it. */
export function toArgument(value: unknown): unknown {
  if (value instanceof PyFloat) return floatArgument(value.value);
  if (value instanceof PyFunction) return wrap(value);
  if (value instanceof LibraryFunction) return value.fn;
  if (value instanceof PyDType) return value.dtype;
  if (value instanceof PySlice) return range(value);
  if (value instanceof PyComplex) throw new SkipError('complex is not built');
  if (value instanceof Namespace) throw new PythonError(`${value.path} is a namespace, not a value`);
  if (typeof value === 'string') return DTYPES[value] ?? value;
  if (Array.isArray(value)) return value.map(toArgument);
  if (isDict(value)) return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, toArgument(v)]));
  return value;
}

function range({ start, stop, step }: PySlice): Record<string, unknown> {
  const parts = Object.entries({ start, stop, step }).filter(([, part]) => part !== null);
  return Object.fromEntries(parts.map(([name, part]) => [name, toArgument(part)]));
}

/** Keyword arguments that the cases pass by position, after the function that is transformed. */
const POSITIONAL: Readonly<Record<string, readonly string[]>> = {
  grad: ['argnums'],
  valueAndGrad: ['argnums'],
  jacfwd: ['argnums'],
  jacrev: ['argnums'],
  hessian: ['argnums'],
  vmap: ['in_axes', 'out_axes'],
};

/** Functions whose numbers are plain numbers of the host and never arrays: they take no weakly typed scalar. */
const HOST_NUMBERS: ReadonlySet<string> = new Set([
  'np.arange',
  'np.linspace',
  'np.logspace',
  'np.geomspace',
  'np.eye',
  'np.fft.fftfreq',
]);
/** Functions that make an array of literals: where these begin, and how many there are. */
const LITERALS: Readonly<Record<string, readonly [number, number]>> = {
  'np.array': [0, 1],
  'np.asarray': [0, 1],
  'np.full': [1, 1],
  'np.where': [1, 2],
};
/** Methods that take a shape or a permutation spread over their arguments. */
const SPREAD: ReadonlySet<string> = new Set(['Tensor#reshape', 'Tensor#transpose']);
/** Positions of the arguments that loops carry as arrays. */
const CARRIED: Readonly<Record<string, readonly number[]>> = {
  'lax.scan': [1, 2],
  'lax.whileLoop': [2],
  'lax.foriLoop': [3],
};

function someLeaf(value: unknown, test: (leaf: unknown) => boolean): boolean {
  if (Array.isArray(value)) return value.some((v) => someLeaf(v, test));
  return test(value);
}

const isInt = (leaf: unknown): boolean => typeof leaf === 'number' && Number.isInteger(leaf);
const isIntOrBool = (leaf: unknown): boolean => isInt(leaf) || typeof leaf === 'boolean';

/** Python ints among the leaves become arrays, of the type that Python's ints have. */
function withIntArrays(value: unknown): unknown {
  if (isInt(value)) return callLibrary('np.asarray', value, { dtype: 'int32' });
  if (Array.isArray(value)) return value.map(withIntArrays);
  if (!isDict(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, withIntArrays(v)]));
}

/**
 * JavaScript numbers do not say whether they are ints or floats; where Python's literals decide a dtype, they are given
 * one here.
 */
function literalArguments(path: string, args: readonly unknown[], keywords: Keywords): [readonly unknown[], Keywords] {
  if (HOST_NUMBERS.has(path) || path.startsWith('nn.initializers')) {
    const isFloatRange = path === 'np.arange' && args.some((a) => a instanceof PyFloat);
    const dtype = isFloatRange && !('dtype' in keywords) ? { dtype: 'float64' } : {};
    return [args.map((a) => (a instanceof PyFloat ? a.value : a)), { ...dtype, ...keywords }];
  }
  const [start, count] = LITERALS[path] ?? [0, 0];
  const literals = args.slice(start);
  // A further argument is a dtype.
  const isUntyped = literals.length === count && !('dtype' in keywords);
  if (isUntyped && someLeaf(literals, isInt) && !someLeaf(literals, (leaf) => !isIntOrBool(leaf))) {
    if (path !== 'np.where') return [args, { ...keywords, dtype: 'int32' }];
    return [[args[0], ...literals.map(withIntArrays)], keywords];
  }
  const carried = CARRIED[path] ?? [];
  return [args.map((a, i) => (carried.includes(i) ? withIntArrays(a) : a)), keywords];
}

function callNamed({ fn, path }: LibraryFunction, given: readonly unknown[], named: Keywords): unknown {
  const [args, keywords] = literalArguments(path, given, named);
  // x.reshape(2, 3) is x.reshape((2, 3)).
  if (SPREAD.has(path) && args.length > 1) return callFunction(fn, [args], keywords);
  const names = POSITIONAL[path];
  if (names === undefined || args.length < 2) return callFunction(fn, args, keywords);
  const moved = args.slice(1).map((arg, i) => [names[i] ?? '', arg] as const);
  return callFunction(fn, args.slice(0, 1), { ...Object.fromEntries(moved), ...keywords });
}

function callFunction(fn: AnyFunction, args: readonly unknown[], keywords: Keywords): unknown {
  const options = Object.entries(keywords).map(([k, v]) => [camelCase(k), toArgument(v)] as const);
  const trailing = options.length === 0 ? [] : [Object.fromEntries(options)];
  return fn(...args.map(toArgument), ...trailing);
}

function namespaceAttribute({ path }: Namespace, name: string): unknown {
  if (path === 'np' && name === 'newaxis') return null;
  if (path === 'np' && DTYPES[name] !== undefined) return new PyDType(DTYPES[name]);
  if (path === 'np' && UNBUILT_DTYPES.has(name)) throw new SkipError(`element type ${name} is not built`);
  const full = path === '' ? camelCase(name) : `${path}.${camelCase(name)}`;
  const renamed = RENAMED[`${path === '' ? 'jax' : path}.${name}`] ?? full;
  return described(lookup(renamed), renamed, undefined);
}

/** A property of the library as the evaluator handles it. */
function described(value: unknown, path: string, owner: unknown): unknown {
  if (typeof value === 'function') {
    return new LibraryFunction(owner === undefined ? (value as AnyFunction) : (value.bind(owner) as AnyFunction), path);
  }
  const isNamespace = typeof value === 'object' && value !== null && !Array.isArray(value) && !isTensor(value);
  return isNamespace && owner === undefined ? new Namespace(path) : value;
}

function propertyOf(owner: object, name: string, kind: string): unknown {
  const camel = camelCase(name);
  const value = (owner as Record<string, unknown>)[camel];
  if (value === undefined) throw new MissingError(`${kind}#${camel}`);
  return described(value, `${kind}#${camel}`, owner);
}

/** The library behind the evaluator's interface. */
export const libraryHost: Host = {
  isTensor,
  binary: (op, left, right) => callLibrary(`np.${BINARY[op]}`, toArgument(left), toArgument(right)),
  unary: (op, operand) => callLibrary(`np.${UNARY[op]}`, operand),
  compare: (op: CompareOperator, left, right) =>
    callLibrary(`np.${COMPARE[op] ?? op}`, toArgument(left), toArgument(right)),
  // A conversion to number, because a traced value refuses it; every object is true to JavaScript.
  truth: (tensor) => Boolean(Number(tensor)),
  index(object, items) {
    const args = items.map(toArgument);
    if (object instanceof LibraryFunction) return object.fn(...args);
    const slice = isTensor(object) ? (object as unknown as Record<string, unknown>)['slice'] : undefined;
    if (typeof slice !== 'function') throw new MissingError('Tensor#slice');
    return (slice as AnyFunction).apply(object, args);
  },
  attribute(object, name) {
    if (object instanceof Namespace) return namespaceAttribute(object, name);
    if (isTensor(object)) return propertyOf(object, name, 'Tensor');
    if (object instanceof LibraryFunction) return propertyOf(object.fn, name, object.path);
    if (typeof object === 'function') return propertyOf(object, name, 'function');
    if (typeof object === 'object' && object !== null) return propertyOf(object, name, object.constructor.name);
    throw new PythonError(`no attribute '${name}'`);
  },
  call(callee, args, keywords) {
    if (callee instanceof LibraryFunction) return callNamed(callee, args, keywords);
    if (callee instanceof PyDType) return callLibrary('np.asarray', toArgument(args[0]), { dtype: callee.dtype });
    if (typeof callee === 'function') return callFunction(callee as AnyFunction, args, keywords);
    throw new PythonError('value is not callable');
  },
};

/** The names that every case may use: the modules and the runner's own WITHPART. */
export const libraryNames: Readonly<Record<string, unknown>> = {
  jnp: new Namespace('np'),
  np: new Namespace('np'),
  lax: new Namespace('lax'),
  jax: new Namespace(''),
  jsp: new Namespace('scipy'),
  optax: new Namespace('optim'),
  WITHPART: new PyFunction('WITHPART', ([flag, thunk]) =>
    withPartitionable(Boolean(flag), () => (thunk as PyFunction).invoke([], {})),
  ),
};
