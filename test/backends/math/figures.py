"""Writes figures.json: for each function, rows [...arguments, high, low] with f(arguments) = high + low to about 100 bits (needs mpmath).

Run: python3 figures.py > figures.json
"""
import json
import random

import mpmath as mp

mp.mp.prec = 400
random.seed(1)

FUNCTIONS = {
    'exp': (mp.exp, [(-745.1, 709.7), (-1, 1), (-745.1, -708)], [709.782712893384, -745.1332191019411, -708.4, 1e-300]),
    'exp2': (lambda x: mp.mpf(2) ** x, [(-1074, 1023.9), (-1, 1)], [-1074.4, -1022.5, 0.5, -0.5, 1023.9999999999999]),
    'expm1': (mp.expm1, [(-1, 1), (-40, 40), (0, 709.7)], [1e-300, 5e-324, -1e-17, 709.782712893384, 0.34657359, -0.34657359]),
    'logistic': (lambda x: 1 / (1 + mp.exp(-x)), [(-1, 1), (-40, 40), (-745, -700)], [1e-300, -709.9, -745.1, 37]),
    'tanh': (mp.tanh, [(-1, 1), (-20, 20)], [0.625, -0.625, 0.6249999, 1e-300, 5e-324, 19, 22.5]),
    'sinh': (mp.sinh, [(-1, 1), (-5, 5), (-710, 710)], [1.0, 0.9999999, 1e-300, 710.4]),
    'cosh': (mp.cosh, [(-1, 1), (-5, 5), (-710, 710)], [710.4, -710.16, 1e-300]),
    'erf': (mp.erf, [(-1, 1), (-3, 3), (0.8, 0.95), (3, 6)], [0.875, 1e-300, 5e-324, 5.9, 6.5]),
    'log': (mp.log, [(0, 2), (0.9, 1.1), (0, 1e6)], [5e-324, 2.5e-310, 1.7976931348623157e308, 0.7071067811865476, 1.4142135623730951, 0.9999999999999999]),
    'log1p': (mp.log1p, [(-1, 1), (-0.1, 0.1), (0, 1e6)], [1e-300, 5e-324, -0.9999999999999999, 1.7976931348623157e308, 9007199254740993.0, 0.41421356, -0.2928932]),
    'sin': (mp.sin, [(-4, 4), (-1000, 1000), (-1.6e6, 1.6e6)], [3.141592653589793, 1e-300, 710.0, 355.0, 1647098.5, 1e22, 411774.0]),
    'cos': (mp.cos, [(-4, 4), (-1000, 1000), (-1.6e6, 1.6e6)], [1.5707963267948966, 4.71238898038469, 11.0, 1647098.5, 1e22]),
    'tan': (mp.tan, [(-4, 4), (-1000, 1000), (-1.6e6, 1.6e6)], [1.5707963267948966, 3.141592653589793, 0.7853981633974483, 1e-300, 1e22]),
    'cbrt': (lambda x: mp.sign(x) * mp.cbrt(abs(x)), [(-10, 10), (0, 1e-3)], [5e-324, 1e-310, 27.0, 1.7976931348623157e308]),
    'log2': (lambda x: mp.log(x) / mp.log(2), [(0, 2), (0.9, 1.1), (0, 1e6)], [5e-324, 1e-310, 8.0, 0.9999999999999999, 1.7976931348623157e308]),
    'log10': (mp.log10, [(0, 2), (0.9, 1.1), (0, 1e6)], [5e-324, 1e-310, 1000.0, 1e22, 1.7976931348623157e308]),
    'asin': (mp.asin, [(-1, 1), (0.45, 0.55), (0.95, 1)], [0.5, 0.9999999999999999, 1e-300, 5e-324]),
    'acos': (mp.acos, [(-1, 1), (0.45, 0.55), (0.95, 1), (-1, -0.95)], [0.5, 0.9999999999999999, -0.9999999999999999, 1e-300]),
    'atan': (mp.atan, [(-1, 1), (-5, 5), (0.4, 0.5)], [0.4375, 0.6875, 1.1875, 2.4375, 1e300, 1e-300, 5e-324]),
    'asinh': (mp.asinh, [(-1, 1), (-5, 5)], [1e300, 1e-300, 268435456.0, 268435457.0, 5e-324]),
    'acosh': (mp.acosh, [(1, 2), (1, 20)], [1.0000000000000002, 268435456.0, 268435457.0, 1e300]),
    'atanh': (mp.atanh, [(-1, 1), (0.9, 1)], [0.5, 0.9999999999999999, 1e-300, 5e-324]),
}


def near_one():
    return 1 + random.choice([1, -1]) * 2 ** random.uniform(-40, -2)


BINARY = {
    'pow': (lambda x, y: x ** y, [(lambda x: (x, random.uniform(-1070, 1020) / float(mp.log(x, 2))))(near_one()) for _ in range(30)]
            + [(lambda x: (x, random.uniform(-1070, 1020) / float(mp.log(x, 2))))(2 ** random.uniform(-900, 900)) for _ in range(30)]
            + [(random.uniform(0, 10), random.uniform(-10, 10)) for _ in range(20)]
            + [(-3.0, 5.0), (-3.0, 200.0), (5e-324, 0.5), (1e-310, -0.99), (10.0, 308.0), (10.0, -320.0), (2.0, -1074.0), (1.5, 1750.0)]),
    'atan2': (mp.atan2, [(random.uniform(-1, 1), random.uniform(-1, 1)) for _ in range(30)]
              + [(1e-300, -1.0), (1.0, 1e-300), (-1e-10, -1.0), (5e-324, 1.0), (1e300, -1e-300), (3.0, 3.0), (3.0, -3.0)]),
}

DOMAINS = {
    'log1p': lambda x: x > -1,
    'asin': lambda x: abs(x) < 1,
    'acos': lambda x: abs(x) < 1,
    'acosh': lambda x: x > 1,
    'atanh': lambda x: abs(x) < 1,
}


def row(f, *arguments):
    y = f(*[mp.mpf(x) for x in arguments])
    high = float(y)
    return [*arguments, high, float(y - mp.mpf(high))]


table = {}
for name, (f, ranges, extra) in FUNCTIONS.items():
    xs = list(extra)
    for low, high in ranges:
        xs += [random.uniform(low, high) for _ in range(20)]
    xs += [random.choice([1, -1]) * 2 ** random.uniform(-30, 3) for _ in range(10)]
    if name.startswith('log') and name != 'log1p':
        xs = [abs(x) for x in xs]
    inside = DOMAINS.get(name, lambda x: True)
    xs = [x for x in xs if inside(x)]
    table[name] = [row(f, x) for x in xs]
for name, (f, pairs) in BINARY.items():
    table[name] = [row(f, *pair) for pair in pairs]

print('{')
print(',\n'.join('  %s: [\n%s\n  ]' % (json.dumps(k), ',\n'.join('    ' + json.dumps(r) for r in rows)) for k, rows in table.items()))
print('}')
