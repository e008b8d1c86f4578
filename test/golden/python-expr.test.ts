/**
 * The Python expression evaluator, against a host whose tensors only record what was done to them.
 * @module
 */

import { describe, expect, it } from 'vitest';
import { evaluateExpression } from '../../tools/golden/python-expr.ts';
import type { Host } from '../../tools/golden/python-expr.ts';
import { parseExpression } from '../../tools/golden/python-parse.ts';
import { PyComplex, PyFloat, PyFunction, PySlice } from '../../tools/golden/python-values.ts';

/** A stand-in for a tensor: the text of the operations that made it. */
class Recorded {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

function show(value: unknown): string {
  if (value instanceof Recorded) return value.text;
  if (value instanceof PyFloat) return Number.isInteger(value.value) ? value.value.toFixed(1) : String(value.value);
  if (value instanceof PySlice)
    return [value.start, value.stop, value.step].map((p) => (p === null ? '' : show(p))).join(':');
  if (value instanceof PyFunction) return value.name;
  if (Array.isArray(value)) return `[${value.map(show).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    return `{${Object.entries(value)
      .map(([k, v]) => `${k}: ${show(v)}`)
      .join(', ')}}`;
  }
  return String(value);
}

const host: Host = {
  isTensor: (v) => v instanceof Recorded,
  binary: (op, a, b) => new Recorded(`(${show(a)} ${op} ${show(b)})`),
  unary: (op, a) => new Recorded(`(${op}${show(a)})`),
  compare: (op, a, b) => new Recorded(`(${show(a)} ${op} ${show(b)})`),
  truth: () => true,
  index: (a, items) => new Recorded(`${show(a)}[${items.map(show).join(', ')}]`),
  attribute: (a, name) => (name === 'shape' ? [2, 3] : new Recorded(`${show(a)}.${name}`)),
  call: (f, args, keywords) =>
    new Recorded(
      `${show(f)}(${[...args.map(show), ...Object.entries(keywords).map(([k, v]) => `${k}=${show(v)}`)].join(', ')})`,
    ),
};
const tensors = { x: new Recorded('x'), y: new Recorded('y'), i: new Recorded('i'), np: new Recorded('np') };
const run = (source: string, more: Record<string, unknown> = {}): string =>
  show(evaluateExpression(source, host, { ...tensors, ...more }));

describe('literals and Python arithmetic', () => {
  it.each([
    ['1', '1'],
    ['1.0', '1.0'],
    ['1e-3', '0.001'],
    ['1_000', '1000'],
    ['0x1F', '31'],
    ['7 // -2', '-4'],
    ['-7 % 3', '2'],
    ['7 / 7', '1.0'],
    ['2 ** -1', '0.5'],
    ['-2 ** 2', '-4'],
    ['2 ** 3 ** 2', '512'],
    ['1 + 2.0', '3.0'],
    ['1 << 4 | 3', '19'],
    ['~5', '-6'],
    ['1 < 2 < 3', 'true'],
    ['1 < 2 > 3', 'false'],
    ['not 0 and 5', '5'],
    ['0 or 7', '7'],
    ['1 if 0 else 2', '2'],
    ['"a" \'b\'', 'ab'],
    ['None is None', 'true'],
    ['3 in (1, 2, 3)', 'true'],
    ['3 not in [1, 2]', 'true'],
    ['(1,)', '[1]'],
    ['()', '[]'],
    ['(1, 2) + (3,)', '[1, 2, 3]'],
    ['(0,) * 3', '[0, 0, 0]'],
    ['[*(1, 2), 3]', '[1, 2, 3]'],
    ['(1, 2, 3)[::-1]', '[3, 2, 1]'],
    ['(1, 2, 3)[-1]', '3'],
    ['{"a": 1, \'b\': 2.0}["b"]', '2.0'],
    ['[k * 2 for k in (1, 2, 3) if k > 1]', '[4, 6]'],
    ['[(a, b) for a, b in [(1, 2)] for _ in (0, 0)]', '[[1, 2], [1, 2]]'],
    ['{k: v for k, v in [("p", 1)]}', '{p: 1}'],
  ])('%s is %s', (source, expected) => {
    expect(run(source)).toBe(expected);
  });

  it('keeps complex literals apart', () => {
    expect(evaluateExpression('2 + 3j', host, {})).toEqual(new PyComplex(2, 3));
  });
});

describe('operators on tensors', () => {
  it.each([
    ['-x ** 2', '(-(x ** 2))'],
    ['x ** -2', '(x ** -2)'],
    ['x @ y + 1.0', '((x @ y) + 1.0)'],
    ['x - y - 1', '((x - y) - 1)'],
    ['2 * x // y % 3', '(((2 * x) // y) % 3)'],
    ['x & y | ~x ^ y', '((x & y) | ((~x) ^ y))'],
    ['x << 3 >> 1', '((x << 3) >> 1)'],
    ['x + 1 < y * 2', '((x + 1) < (y * 2))'],
    ['(x == y, x != y)', '[(x == y), (x != y)]'],
    ['x[1:3, ::-2]', 'x[1:3:, ::-2]'],
    ['x[..., None]', 'x[..., null]'],
    ['x[i, :, 0]', 'x[i, ::, 0]'],
    ['x[(1, 2)]', 'x[1, 2]'],
    ['x[[0, 2]]', 'x[[0, 2]]'],
    ['x.T.sum(0, keepdims=True)', 'x.T.sum(0, keepdims=true)'],
    ["x.at[1:3, 0].add(y, mode='drop')", 'x.at[1:3:, 0].add(y, mode=drop)'],
    ['x.shape[0] * 2', '4'],
    ['np.f(*(x, y), **{"axis": 1})', 'np.f(x, y, axis=1)'],
    ['np.sum(x, axis=axis, keepdims=k)', 'np.sum(x, axis=[0, 1], keepdims=false)'],
    ['[r for r in x]', '[x[0], x[1]]'],
    ['np.f(a * 2 for a in (1, 2))', 'np.f([2, 4])'],
    ['x if x else y', 'x'],
  ])('%s', (source, expected) => {
    expect(run(source, { axis: [0, 1], k: false })).toBe(expected);
  });
});

describe('lambdas', () => {
  it.each([
    ['(lambda a, b=2, *c, d=4, **e: (a, b, c, d, e))(1)', '[1, 2, [], 4, {}]'],
    ['(lambda a, b=2, *c, d=4, **e: (a, b, c, d, e))(1, 3, 5, d=6, f=7)', '[1, 3, [5], 6, {f: 7}]'],
    ['(lambda q, r: (q * r, r))(*(x, y))', '[(x * y), y]'],
    ['(lambda: (lambda k: k + 1)(2))()', '3'],
    ['(lambda f: f(1.5))(lambda v: v * 2)', '3.0'],
    ['(lambda a, *, s: a * s)(x, s=4.0)', '(x * 4.0)'],
  ])('%s', (source, expected) => {
    expect(run(source)).toBe(expected);
  });

  it('names a missing argument', () => {
    expect(() => run('(lambda a: a)()')).toThrow(/missing argument 'a'/);
    expect(() => run('(lambda a: a)(1, 2)')).toThrow(/takes 1 positional/);
    expect(() => run('(lambda a: a)(1, b=2)')).toThrow(/unexpected keyword 'b'/);
  });
});

describe('what is not in the subset', () => {
  it.each(['x +', '(x', 'x y', 'f(a b)', '"open', 'x ? y', '1 +* 2', 'lambda: '])('%s is a syntax error', (source) => {
    expect(() => parseExpression(source)).toThrow(expect.objectContaining({ name: 'PythonSyntaxError' }));
  });

  it('names an undefined variable', () => {
    expect(() => run('zz + 1')).toThrow(/name 'zz' is not defined/);
  });
});
