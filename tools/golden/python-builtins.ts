/**
 * The builtins of Python that golden cases use.
 * @module
 */

import { callLibrary, isTensor } from './library.ts';
import { isNumber, PyFloat, PyFunction, pythonCompare, PythonError, pythonItems, toNumber } from './python-values.ts';

function builtin(name: string, run: (...args: unknown[]) => unknown): readonly [string, PyFunction] {
  return [name, new PyFunction(name, (args) => run(...args))];
}

function integer(value: unknown): number {
  if (isNumber(value)) return Math.trunc(toNumber(value));
  if (isTensor(value)) return Math.trunc(Number(value));
  throw new PythonError('expected a number');
}

function rangeOf(...bounds: unknown[]): number[] {
  const [a = 0, b, c = 1] = bounds.map(integer);
  const [start, stop] = b === undefined ? [0, a] : [a, b];
  return Array.from({ length: Math.max(0, Math.ceil((stop - start) / c)) }, (_, i) => start + i * c);
}

function lengthOf(value: unknown): number {
  return isTensor(value) ? (value.shape[0] ?? 0) : pythonItems(value).length;
}

function added(a: unknown, b: unknown): unknown {
  if (isTensor(a) || isTensor(b)) return callLibrary('np.add', a, b instanceof PyFloat ? b.value : b);
  if (!isNumber(a) || !isNumber(b)) throw new PythonError('sum() of values that are not numbers');
  const total = toNumber(a) + toNumber(b);
  return a instanceof PyFloat || b instanceof PyFloat ? new PyFloat(total) : total;
}

/** sum() starts from 0, which is left out where it would meet an array. */
function total(items: unknown, start: unknown = 0): unknown {
  return pythonItems(items).reduce((sum, item) => (sum === 0 && isTensor(item) ? item : added(sum, item)), start);
}

function extreme(op: '<' | '>', args: readonly unknown[]): unknown {
  const items = args.length === 1 ? pythonItems(args[0]) : args;
  return items.reduce((best, item) => (pythonCompare(op, item, best) ? item : best));
}

function absolute(value: unknown): unknown {
  if (isTensor(value)) return callLibrary('np.abs', value);
  if (!isNumber(value)) throw new PythonError('abs() of a value that is not a number');
  const size = Math.abs(toNumber(value));
  return value instanceof PyFloat ? new PyFloat(size) : size;
}

export const pythonBuiltins: Readonly<Record<string, unknown>> = {
  ...Object.fromEntries([
    builtin('len', lengthOf),
    builtin('range', rangeOf),
    builtin('sum', total),
    builtin('abs', absolute),
    builtin('max', (...args) => extreme('>', args)),
    builtin('min', (...args) => extreme('<', args)),
    builtin('tuple', (items = []) => [...pythonItems(items)]),
    builtin('list', (items = []) => [...pythonItems(items)]),
    builtin('zip', (...lists) => {
      const all = lists.map(pythonItems);
      return Array.from({ length: Math.min(...all.map((l) => l.length)) }, (_, i) => all.map((l) => l[i]));
    }),
    builtin('enumerate', (items, start = 0) => pythonItems(items).map((item, i) => [i + integer(start), item])),
    builtin('reversed', (items) => [...pythonItems(items)].reverse()),
    builtin('type', (value) => ({ __name__: value instanceof Error ? value.name : typeof value })),
  ]),
  dict: new PyFunction('dict', ([base = {}], keywords) => ({ ...(base as object), ...keywords })),
  // As values these three name element types; as functions they convert, which cases do not use on arrays.
  bool: 'bool',
  int: 'int32',
  float: 'float64',
};
