import { describe, expect, test } from 'vitest';
import { broadcastPrefix, flatten, registerPytreeClass, unflatten } from '../../src/core/pytree.ts';

class Point {
  readonly x: unknown;
  readonly y: unknown;
  constructor(x: unknown, y: unknown) {
    this.x = x;
    this.y = y;
  }
}
registerPytreeClass(
  Point,
  (p) => [[p.x, p.y], null],
  (_aux, [x, y]) => new Point(x, y),
);

describe('pytrees', () => {
  test('flatten and unflatten are inverse, with null, Map and registered classes inside', () => {
    const tree = { b: [1, null, { z: 2 }], a: new Map([['k', 3]]), p: new Point(4, [5]) };
    const [leaves, def] = flatten(tree);
    expect(leaves).toEqual([3, 1, 2, 4, 5]);
    expect(unflatten(def, leaves)).toEqual(tree);
    expect(def.toString()).toBe('{a: Map{k => *}, b: [*, null, {z: *}], p: Point(*, [*])}');
  });

  test('structure does not depend on the order in which keys were inserted', () => {
    expect(flatten({ a: 1, b: 2 })[1].equals(flatten({ b: 2, a: 1 })[1])).toBe(true);
    expect(flatten({ a: 1 })[1].equals(flatten({ b: 1 })[1])).toBe(false);
    expect(flatten([1, 2])[1].equals(flatten([1])[1])).toBe(false);
  });

  test('paths name every leaf', () => {
    expect(flatten([{ w: 1, b: [2, 3] }])[1].paths()).toEqual(['[0].b[0]', '[0].b[1]', '[0].w']);
  });

  test('a prefix entry stands for a whole subtree, and a misfit names its place', () => {
    const [, def] = flatten([{ a: 1, b: 2 }, 3]);
    const isLeaf = (x: unknown): boolean => typeof x === 'number' || x === null;
    expect(broadcastPrefix('vmap', [0, null], def, isLeaf)).toEqual([0, 0, null]);
    expect(() => broadcastPrefix('vmap', [[0], null], def, isLeaf)).toThrow(/tree prefix of .* at \[0\]/);
  });

  test('auxiliary data of a class is compared by content, its functions by identity', () => {
    class Layer {
      readonly w: unknown;
      readonly options: { readonly act: (x: number) => number; readonly sizes: readonly number[] };
      constructor(w: unknown, options: Layer['options']) {
        this.w = w;
        this.options = options;
      }
    }
    registerPytreeClass(
      Layer,
      (l) => [[l.w], l.options],
      (options, [w]) => new Layer(w, options as Layer['options']),
    );
    const [f, g] = [(x: number): number => x, (x: number): number => -x];
    const def = (act: (x: number) => number, sizes: readonly number[]) => flatten(new Layer(1, { act, sizes }))[1];
    expect(def(f, [1, 2]).equals(def(f, [1, 2]))).toBe(true);
    expect(def(f, [1, 2]).equals(def(g, [1, 2]))).toBe(false);
    expect(def(f, [1, 2]).equals(def(f, [1, 3]))).toBe(false);
  });

  test('the path of one leaf is that among all paths', () => {
    const [leaves, def] = flatten({ b: [1, null, { z: 2 }], a: new Map([['k', 3]]), c: [] });
    expect(leaves.map((_, i) => def.path(i))).toEqual(def.paths());
  });

  test('a prefix with other keys does not fit', () => {
    const [, def] = flatten({ a: 1, b: 2 });
    expect(() => broadcastPrefix('op', { a: 0, c: 1 }, def, (x) => typeof x === 'number')).toThrow(
      /expected a tree prefix of \{a: \*, b: \*\}/,
    );
  });
});
