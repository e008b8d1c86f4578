/**
 * Random bits: the Threefry-2x32 block cipher in counter mode.
 * May import: `ir`, `core`, `primitives/{structural,define-elementwise}`.
 * @module
 */
import { Aval, u32 } from '../ir/aval.ts';
import { DTypeError } from '../ir/errors.ts';
import { binary, constant, type Expr } from '../ir/loop/expr.ts';
import { broadcastShapes, rowMajorStrides } from '../ir/shape.ts';
import { definePrimitive, type HostArray, type Primitive } from '../core/primitive.ts';
import type { Tensor } from '../core/tensor.ts';
import { bind } from '../core/trace.ts';
import { broadcastIndex, type NoParams, noParams } from './define-elementwise.ts';
import { forEachIndex, moveBatchToFront, reshape } from './structural.ts';

// Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3 (SC 2011). Rotations of the 2x32 variant, in turn four a
// group; after each group the next two words of the extended key are added. The parity constant is that of Skein 1.2.
const rotations: readonly (readonly number[])[] = [
  [13, 15, 26, 6],
  [17, 29, 16, 24],
];
const parity = 0x1bd11bda;
const groups = 5;

/** The cipher over any arithmetic modulo 2³². */
interface Words<T> {
  readonly add: (x: T, y: T) => T;
  readonly xor: (x: T, y: T) => T;
  readonly rotate: (x: T, bits: number) => T;
  readonly word: (value: number) => T;
}

function threefry<T>(w: Words<T>, key0: T, key1: T, counter0: T, counter1: T): [T, T] {
  const key = [key0, key1, w.xor(w.xor(key0, key1), w.word(parity))];
  let [x0, x1] = [w.add(counter0, key0), w.add(counter1, key1)];
  for (let g = 0; g < groups; g++) {
    for (const bits of rotations[g % 2]!) {
      x0 = w.add(x0, x1);
      x1 = w.xor(w.rotate(x1, bits), x0);
    }
    x0 = w.add(x0, key[(g + 1) % 3]!);
    x1 = w.add(w.add(x1, key[(g + 2) % 3]!), w.word(g + 1));
  }
  return [x0, x1];
}

const hostWords: Words<number> = {
  add: (x, y) => (x + y) >>> 0,
  xor: (x, y) => (x ^ y) >>> 0,
  rotate: (x, bits) => ((x << bits) | (x >>> (32 - bits))) >>> 0,
  word: (value) => value,
};

const word = (value: number): Expr => constant(value, 'uint32');

const exprWords: Words<Expr> = {
  add: (x, y) => binary('add', x, y),
  xor: (x, y) => binary('xor', x, y),
  rotate: (x, bits) => binary('or', binary('shl', x, word(bits)), binary('shr_logical', x, word(32 - bits))),
  word,
};

/** (y0, y1) = Threefry-2x32 of counters (x0, x1) under key (k0, k1): 20 rounds. Operands (k0, k1, x0, x1) broadcast. */
export const threefry2x32P: Primitive<NoParams> = definePrimitive<NoParams>({
  name: 'threefry2x32',
  abstractEval: (avals) => {
    const odd = avals.find((a) => a.dtype !== 'uint32');
    if (odd)
      throw new DTypeError(
        `threefry2x32: expected uint32 keys and counters, got ${odd.toString()}.`,
        'convert with astype first.',
      );
    const out = new Aval(broadcastShapes('threefry2x32', ...avals.map((a) => a.shape)), 'uint32');
    return [out, out];
  },
  calculus: { kind: 'piecewise-constant' },
  batch: ({ size }, args, dims) => {
    const ranks = args.map((x, i) => x.aval.ndim - (dims[i] === null ? 0 : 1));
    const rank = Math.max(...ranks);
    const aligned = args.map((x, i) => {
      const d = dims[i]!;
      if (d === null) return x;
      // Enough axes of size 1 after the mapped one that the rest aligns from the last.
      const front = moveBatchToFront(x, d);
      const ones = Array.from({ length: rank - ranks[i]! }, () => 1);
      return reshape(front, [size, ...ones, ...front.aval.shape.slice(1)]);
    });
    return [bind(threefry2x32P, aligned, noParams), [0, 0]];
  },
  reference: (args, outs) => evaluateThreefry(args, outs),
  lower: {
    kind: 'pointwise',
    element: ({ inputs, outputs, index, load }) => {
      const [k0, k1, x0, x1] = inputs.map((x, k) => load(k, broadcastIndex(x.shape, outputs[0]!.shape, index)));
      return threefry(exprWords, k0!, k1!, x0!, x1!);
    },
  },
  samples: [
    { avals: [u32(), u32(), u32(3), u32(3)], params: noParams },
    {
      avals: [u32(), u32(), u32(), u32()],
      params: noParams,
      data: [[0x13198a2e], [0x03707344], [0x243f6a88], [0x85a308d3]],
    },
    { avals: [u32(2, 1), u32(2, 1), u32(), u32(3)], params: noParams },
    { avals: [u32(), u32(), u32(0), u32(0)], params: noParams },
  ],
});

function evaluateThreefry(args: readonly HostArray[], outs: readonly HostArray[]): void {
  const { shape } = outs[0]!.aval;
  const strides = args.map((a) => {
    const own = rowMajorStrides(a.aval.shape);
    const shift = shape.length - own.length;
    return shape.map((_, d) => (d < shift || a.aval.shape[d - shift] === 1 ? 0 : own[d - shift]!));
  });
  forEachIndex(shape, (index, o) => {
    const [k0, k1, x0, x1] = args.map((a, k) => a.data[index.reduce((sum, e, d) => sum + e * strides[k]![d]!, 0)]!);
    [outs[0]!.data[o], outs[1]!.data[o]] = threefry(hostWords, k0!, k1!, x0!, x1!);
  });
}

/** Two words of random bits for every counter (x0, x1) under the key (k0, k1); all uint32, broadcasting. */
export function threefry2x32(k0: Tensor, k1: Tensor, x0: Tensor, x1: Tensor): [Tensor, Tensor] {
  const [y0, y1] = bind(threefry2x32P, [k0, k1, x0, x1], noParams);
  return [y0!, y1!];
}
