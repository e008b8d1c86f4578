/** Pytrees and segment reductions. */
import { describe, expect, test } from 'vitest';
import { grad, np, ops, type Tensor, tree } from 'cotangent';

const js = (x: unknown): unknown => JSON.parse(JSON.stringify(x));

describe('tree', () => {
  const params = { w: [1, 2], b: { x: 3, none: null } };

  test('flatten and unflatten are inverses; keys go in sorted order', () => {
    const [leaves, structure] = tree.flatten(params);
    expect(leaves).toEqual([3, 1, 2]);
    expect(tree.unflatten(structure, leaves)).toEqual(params);
    expect(String(tree.structure(params))).toBe('{b: {none: null, x: *}, w: [*, *]}');
    expect(() => tree.unflatten(structure, [1])).toThrow(/tree.unflatten: expected 3 leaves/);
  });

  test('map joins trees of one structure, and refuses others', () => {
    expect(tree.map((a: number, b: number) => a - b, params, params)).toEqual({ w: [0, 0], b: { x: 0, none: null } });
    expect(() => tree.map((a: number) => a, [1, 2], [1])).toThrow(
      /tree.map: expected trees of one structure, got \[\*, \*\] and \[\*\]/,
    );
    expect(tree.mapWithPath((path: string) => path, params)).toEqual({
      w: ['.w[0]', '.w[1]'],
      b: { x: '.b.x', none: null },
    });
  });

  test('reduce, all and leaves see every leaf', () => {
    expect(tree.reduce((a: number, b: number) => a + b, params, 10)).toBe(16);
    expect(tree.all({ a: true, b: [1] })).toBe(true);
    expect(tree.all({ a: true, b: [0] })).toBe(false);
    expect(tree.leaves(params, { isLeaf: Array.isArray })).toEqual([3, [1, 2]]);
    expect(() => tree.reduce((a: number) => a, [])).toThrow(/tree.reduce: expected at least one leaf/);
  });

  test('transpose turns a tree of trees inside out', () => {
    const outer = tree.structure([0, 0]);
    const inner = tree.structure({ a: 0, b: 0 });
    expect(
      tree.transpose(outer, inner, [
        { a: 1, b: 2 },
        { a: 3, b: 4 },
      ]),
    ).toEqual({ a: [1, 3], b: [2, 4] });
  });

  test('a registered class is a container', () => {
    class Pair {
      readonly first: unknown;
      readonly second: unknown;
      constructor(first: unknown, second: unknown) {
        this.first = first;
        this.second = second;
      }
    }
    tree.register(
      Pair,
      (p) => [[p.first, p.second], null],
      (_aux, [a, b]) => new Pair(a, b),
    );
    expect(tree.map((x: number) => x + 1, new Pair(1, 2))).toEqual(new Pair(2, 3));
    const g = grad((p: Pair) => np.multiply(p.first as Tensor, p.second as Tensor))(
      new Pair(np.array(3), np.array(5)) as never,
    ) as unknown as Pair;
    expect([js(g.first), js(g.second)]).toEqual([5, 3]);
  });
});

describe('ops', () => {
  const data = np.array([1, 2, 3, 4]);
  const ids = [0, 2, 0, 7];

  test('segment reductions drop entries outside and fill empty segments', () => {
    expect(js(ops.segmentSum(data, ids, { numSegments: 3 }))).toEqual([4, 0, 2]);
    expect(js(ops.segmentProd(data, ids, 3))).toEqual([3, 1, 2]);
    expect(ops.segmentMax(data, ids, 3).toArray()).toEqual([3, -Infinity, 2]);
    expect(ops.segmentMin(data, ids, 3).toArray()).toEqual([1, Infinity, 2]);
    expect(ops.segmentSum(data, ids).shape).toEqual([8]);
  });

  test('segmentSum reduces rows and differentiates', () => {
    const rows = np.array([
      [1, 2],
      [3, 4],
      [5, 6],
    ]);
    expect(js(ops.segmentSum(rows, [1, 0, 1], 2))).toEqual([
      [3, 4],
      [6, 8],
    ]);
    const f = (x: Tensor): Tensor =>
      np.sum(
        ops.segmentSum(x, [1, 0, 1], 2).mul(
          np.array([
            [1, 1],
            [10, 10],
          ]),
        ),
      );
    expect(js(grad(f)(rows))).toEqual([
      [10, 10],
      [1, 1],
      [10, 10],
    ]);
    expect(() => ops.segmentSum(rows, [0, 1])).toThrow(
      /ops.segmentSum: expected one segment number for each entry of f32\[3,2\], got i32\[2\]/,
    );
  });
});
