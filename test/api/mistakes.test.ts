/**
 * What a newcomer gets wrong is a typed error that says what was expected.
 * @module
 */
import { expect, test } from 'vitest';
import * as cotangent from 'cotangent';
import { CotangentError } from 'cotangent';

// Mistakes do not type-check, so the functions are called without their types here.
type Loose = ((...args: unknown[]) => Loose) & { [name: string]: Loose };
const c = cotangent as unknown as Loose;
const { np } = c as unknown as { np: Loose };
const vector = (): Loose => np['array']!([1, 2, 3]);
const identity = (x: unknown): unknown => x;

const cyclic: Record<string, unknown> = { x: 1 };
cyclic['self'] = cyclic;

const mistakes: readonly (readonly [string, () => unknown, RegExp])[] = [
  ['grad of a number', () => c['grad']!(3), /grad: expected a function, got a number/],
  ['grad(f, x)', () => c['grad']!(identity, vector()), /grad: expected argnums to be a number/],
  [
    'a misspelt option of grad',
    () => c['grad']!(identity, { argNums: 1 }),
    /grad: expected options argnums, hasAux, allowInt, got argNums/,
  ],
  [
    'a misspelt option of vmap',
    () => c['vmap']!(identity, { in_axes: 0 }),
    /vmap: expected options inAxes.*got in_axes/,
  ],
  ['a misspelt option of jit', () => c['jit']!(identity, { staticArgNums: 0 }), /jit: expected options staticArgnums/],
  ['a misspelt option of jvp', () => c['jvp']!(identity, [1], [1], { has_aux: true }), /jvp: expected options hasAux/],
  ['vmap of a tensor', () => c['vmap']!(vector()), /vmap: expected a function/],
  ['jit of nothing', () => c['jit']!(), /jit: expected a function, got undefined/],
  ['grad without arguments', () => c['grad']!(identity)(), /grad: expected at least one argument, got none/],
  [
    'defvjp without a backward rule',
    () => c['customVjp']!(identity)['defvjp']!(identity),
    /defvjp: expected a function/,
  ],
  [
    'a loop without a body',
    () => (c['lax'] as Loose)['foriLoop']!(0, 3, 5, 0),
    /lax.foriLoop: expected a function, got a number/,
  ],
  [
    'a loop with half a turn',
    () => (c['lax'] as Loose)['foriLoop']!(0, 2.5, identity, 0),
    /lax.foriLoop: expected integers as bounds, got 2.5/,
  ],
  [
    'a condition without branches',
    () => (c['lax'] as Loose)['cond']!(true, 1, 2),
    /lax.cond.*: expected a function, got a number/,
  ],
  [
    'branches that are no list',
    () => (c['lax'] as Loose)['switch']!(0, identity, 1),
    /lax.switch: expected an array of branches/,
  ],
  ['an axis that is text', () => np['sum']!(vector(), 'x'), /sum: expected an axis between -1 and 0, got x/],
  ['an array that is too large', () => np['zeros']!([1e6, 1e6]), /array: expected a size that fits in memory/],
  ['a range that is too long', () => np['arange']!(1e12), /array: expected a size that fits in memory/],
  ['a hole in an array', () => np['array']!([1, , 3]), /array: expected numbers, got undefined at \[1\]/], // oxlint-disable-line no-sparse-arrays
  ['a ragged array', () => np['array']!([1, [2]]), /array: expected numbers, got an array at \[1\]/],
  ['a promise', () => np['add']!(1, Promise.resolve(1)), /got Promise[\s\S]*await it first/],
  [
    'a shape in place of options',
    () => np['array']!([1, 2, 3, 4], [2, 2]),
    /expected a dtype, got \[2,2\][\s\S]*shape: \[2, 3\]/,
  ],
  ['sizes as arguments', () => np['zeros']!(2, 3), /expected a dtype, got 3[\s\S]*zeros\(\[2, 3\]\)/],
  ['slice(0, 2) of a vector', () => vector()['slice']!(0, 2), /at most 1 entries[\s\S]*a range is one/],
  [
    'a Python slice',
    () => vector()['slice']!('1:'),
    /slice: expected numbers, ranges.*got "1:"[\s\S]*\{ start: 1, stop: 3 \}/,
  ],
  ['a wrong mode of at', () => vector()['at']!(0)['set']!(1, { mode: 'wrap' }), /at: expected mode to be one of/],
  [
    'too few axes for transpose',
    () => np['ones']!([2, 3])['transpose']!(0),
    /transpose: expected a permutation of 2 axes/,
  ],
  ['configure without settings', () => c['configure']!(), /configure: expected an object of settings, got undefined/],
  [
    'a number as text for a setting',
    () => c['configure']!({ threads: '2' }),
    /config.threads: expected a positive integer, got "2"/,
  ],
  [
    'deleting a setting',
    () => delete (cotangent.config as Partial<typeof cotangent.config>).threads,
    /config: expected settings to stay/,
  ],
  ['new Tensor', () => new (cotangent.Tensor as unknown as new () => unknown)(), /Tensor: expected a call of array/],
  [
    'tree.map without a function',
    () => (c['tree'] as Loose)['map']!({ a: 1 }),
    /tree.map: expected a function, got object/,
  ],
  ['a container that holds itself', () => c['grad']!(identity)(cyclic), /tree: expected at most 1000 levels/],
  [
    'a size that is traced',
    () => c['jit']!((n: unknown) => np['zeros']!([n]))(3),
    /zeros: a number that a shape depends on: expected a value with numbers, got f32.*traced by jit[\s\S]*staticArgnums/,
  ],
  [
    'a range whose end is traced',
    () => c['jit']!((n: unknown) => np['arange']!(n))(3),
    /arange: a number that a shape depends on: expected a value with numbers/,
  ],
  [
    'an array of numbers at a traced position',
    () => c['jit']!((i: unknown) => [1, 2, 3][i as number])(0),
    /conversion to a string: expected a value with numbers[\s\S]*np\.take\(list, i\) in place of list\[i\]/,
  ],
  [
    'a loop that does not end',
    () =>
      (c['lax'] as Loose)['whileLoop']!(
        () => true,
        (x: unknown) => x,
        3,
      ),
    /lax.whileLoop: expected a condition that depends on the value, got one that is always true/,
  ],
  ['a device that is none', () => c['configure']!({ defaultDevice: 'gpu' }), /got "gpu"[\s\S]*devices here: wasm/],
  [
    'donating what is no argument',
    () => c['jit']!(identity, { donateArgnums: 3 })(1),
    /jit: expected donateArgnums between -1 and 0, got 3/,
  ],
  ['a shape that is text', () => np['reshape']!(vector(), '3'), /reshape: expected a shape, got 3/],
];

test('a tensor may be a size where it is known', () => {
  expect(cotangent.np.zeros([cotangent.np.array(2) as never, 3]).shape).toEqual([2, 3]);
  expect(cotangent.np.arange(cotangent.np.array(3) as never).toArray()).toEqual([0, 1, 2]);
});

test.each([2, 1000])('the use of a donated array of %d numbers says that it was donated', (n) => {
  const increment = cotangent.jit((x: cotangent.Tensor) => x.add(1), { donateArgnums: 0 });
  const x = cotangent.np.ones([n]);
  increment(x);
  const uses = [() => x.add(1), () => increment(x), () => x.toArray(), () => cotangent.grad(increment as never)(x)];
  for (const use of uses)
    expect(use).toThrow(
      /use of a disposed tensor f32\[\d+\]: it was donated to a jitted function[\s\S]*what the function returned/,
    );
  const dropped = cotangent.np.ones([n]);
  dropped.dispose();
  expect(() => dropped.add(1)).toThrow(/use of a disposed tensor f32\[\d+\]\.\s+Fix: dispose\(\) is never needed/);
});

test.each(mistakes)('%s is a clear error', (_name, run, message) => {
  expect(run).toThrow(message);
  expect(run).toThrow(CotangentError);
});
