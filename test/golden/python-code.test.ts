/**
 * The Python statements of composite cases, and that every case of the committed file can be read.
 * @module
 */

import { describe, expect, it } from 'vitest';
import { isComposite, readCases } from '../../tools/golden/cases.ts';
import { loadFunction } from '../../tools/golden/python-code.ts';
import type { Host } from '../../tools/golden/python-expr.ts';
import { parseExpression } from '../../tools/golden/python-parse.ts';
import { PyFunction } from '../../tools/golden/python-values.ts';

const unused = (): never => {
  throw new RangeError('no library here');
};
const host: Host = {
  isTensor: () => false,
  binary: unused,
  unary: unused,
  compare: unused,
  truth: unused,
  index: unused,
  attribute: unused,
  call: unused,
};

function run(source: string, inputs: Record<string, unknown> = {}): unknown {
  const range = new PyFunction('range', ([n]) => Array.from({ length: Number(n) }, (_, i) => i));
  const twice = new PyFunction(
    'twice',
    ([f]) => new PyFunction('', (args) => (f as PyFunction).invoke([(f as PyFunction).invoke(args, {})], {})),
  );
  return loadFunction(source, 'run', host, { range, twice, boom: new PyFunction('boom', unused), Exception: '' })(
    inputs,
  );
}

describe('statements', () => {
  it.each([
    ['def run(x):\n    return x + 1', 4],
    ['def run(x):\n    y = x; y += 2\n    return y', 5],
    ['def run(x):\n    a, (b, *c) = x, (1, 2, 3)\n    return [a, b, c]', [3, 1, [2, 3]]],
    [
      'def run(x):\n    s = 0\n    for i in range(x):\n        if i == 1:\n            s += 10\n        elif i == 2:\n            s += 100\n        else:\n            s += 1\n    return s',
      111,
    ],
    ['def run(x):\n    while x < 50:\n        x = x * 2\n    return x', 96],
    ['def f(a, b=2):\n    return a * b\n\n# a comment\ndef run(x):\n\n    return f(x)\n', 6],
    ['def run(x):\n    @twice\n    def f(a):\n        return a + 5\n    return f(x)', 13],
    ['def run(x):\n    try:\n        boom(); e = 0\n    except Exception as ex:\n        e = 1\n    return e', 1],
    ['def run(x):\n    d = {}\n    d["a"] = x\n    d.update({"b": 1})\n    return d', { a: 3, b: 1 }],
    ['def run(x):\n    r = (x\n         + 1)\n    return (r,\n  r)', [4, 4]],
    ['def run(x):\n    if x > 2: return 1\n    return 0', 1],
    ['def run(x):\n    for k, v in {"p": 1}.items():\n        x = x + v\n    return x', 4],
  ])('%j', (source, expected) => {
    expect(run(source, { x: 3 })).toEqual(expected);
  });

  it('keeps each call of a function apart', () => {
    expect(
      run(
        'def run(n):\n    def f(k):\n        v = k * 2\n        return lambda: v\n    a = f(1)\n    b = f(2)\n    return [a(), b()]',
        { n: 0 },
      ),
    ).toEqual([2, 4]);
  });

  it('does not let a case catch its own mistakes', () => {
    expect(() => run('def run():\n    try:\n        zz\n    except Exception:\n        return 0')).toThrow(/name 'zz'/);
  });
});

describe('the committed cases', () => {
  const cases = readCases('test/golden/data/public.json');

  it('are all in the subset of Python that the runner reads', () => {
    const unreadable = cases.filter((golden) => {
      try {
        if (isComposite(golden)) loadFunction(golden.code, 'run', host, {});
        else parseExpression(golden.expr);
        return false;
      } catch {
        return true;
      }
    });
    expect(unreadable.map((c) => c.n)).toEqual([]);
    expect(cases).toHaveLength(441);
  });
});
