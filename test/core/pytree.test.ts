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
});
