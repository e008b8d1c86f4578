/** Safetensors files: written, read in every way, and refused when they are not what they claim. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { FileError, np, random, type Tensor, TreeError } from 'cotangent';
import {
  BatchNorm,
  Conv2d,
  Linear,
  loadModel,
  loadSafetensors,
  Module,
  openSafetensors,
  relu,
  saveModel,
  saveSafetensors,
  Sequential,
  stateDict,
  streamSafetensors,
  torchNames,
  writeSafetensors,
} from 'cotangent/nn';
import { runs } from '../support/runs.ts';

/** A file of any header and data. */
function file(header: unknown, data: Uint8Array | number = 0): Uint8Array<ArrayBuffer> {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const bytes = typeof data === 'number' ? new Uint8Array(data) : data;
  const out = new Uint8Array(8 + json.length + bytes.length);
  new DataView(out.buffer).setBigUint64(0, BigInt(json.length), true);
  out.set(json, 8);
  out.set(bytes, 8 + json.length);
  return out;
}

const one = (dtype: string, shape: readonly number[], data: ArrayBufferView): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return file({ x: { dtype, shape, data_offsets: [0, bytes.length] } }, bytes);
};

async function* chunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < bytes.length; i += size) yield bytes.subarray(i, i + size);
}

const sample = {
  byte: np.array([1, 2, 255], { dtype: 'uint8' }),
  flags: np.array([true, false]),
  deep: np.reshape(np.arange(24, { dtype: 'float64' }), [2, 3, 4]),
  half: np.array([1.5, -0, Infinity, 65504], { dtype: 'float16' }),
  brain: np.array([[1.5], [Number.NaN]], { dtype: 'bfloat16' }),
  ints: np.array([-2147483648, 2147483647], { dtype: 'int32' }),
  unsigned: np.array([4294967295], { dtype: 'uint32' }),
  scalar: np.array(0.1, { dtype: 'float32' }),
  empty: np.zeros([3, 0]),
  __proto: np.ones([1]),
};

const expectSame = (got: Record<string, Tensor>, wanted: Record<string, Tensor>): void => {
  expect(Object.keys(got).sort()).toEqual(Object.keys(wanted).sort());
  for (const [name, value] of Object.entries(wanted)) {
    expect(got[name]!.shape, name).toEqual(value.shape);
    expect(got[name]!.dtype, name).toEqual(value.dtype);
    expect(got[name]!.dataSync(), name).toEqual(value.dataSync());
  }
};

describe('a file comes back as it was', () => {
  test.each([1, 7, 64, 1e6])('from a stream of chunks of %i bytes', async (size) => {
    const bytes = await saveSafetensors(sample);
    expectSame(await loadSafetensors(chunks(bytes, size), { dtype: 'stored' }), sample);
  });

  test('from memory, an unaligned view, a buffer, a Blob and ranges', async () => {
    const bytes = await saveSafetensors(sample, { metadata: { note: 'a "b" {c}' } });
    const shifted = new Uint8Array(bytes.length + 1);
    shifted.set(bytes, 1);
    const read = (offset: number, length: number) => Promise.resolve(bytes.subarray(offset, offset + length));
    const sources = [bytes, shifted.subarray(1), bytes.buffer, new Blob([bytes]), { size: bytes.length, read }];
    for (const source of sources) {
      const opened = await openSafetensors(source);
      expect(opened.metadata).toEqual({ note: 'a "b" {c}' });
      expectSame(await opened.tensors(undefined, { dtype: 'stored' }), sample);
    }
  });

  test('through a pair of streams, with and without an iterator', async () => {
    for (const hasIterator of [true, false]) {
      const { readable, writable } = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>();
      const source = hasIterator ? readable : { getReader: () => readable.getReader() };
      const [, back] = await Promise.all([
        writeSafetensors(writable, sample),
        loadSafetensors(source as ReadableStream<Uint8Array>, { dtype: 'stored' }),
      ]);
      expectSame(back, sample);
    }
  });

  test('with names that objects treat in a way of their own', async () => {
    const tensors = Object.fromEntries(['__proto__', 'constructor', 'a"\\b', 'ünïcode'].map((n) => [n, np.ones([1])]));
    const back = await loadSafetensors(await saveSafetensors(tensors));
    expect(Object.keys(back).sort()).toEqual(Object.keys(tensors).sort());
  });

  test('each tensor begins at a multiple of its element size, and the data at a multiple of 8', async () => {
    const bytes = await saveSafetensors(sample);
    const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    expect(length % 8).toBe(0);
    const { entries } = await openSafetensors(bytes);
    for (const { start, end, shape } of entries) {
      const size =
        (end - start) /
        Math.max(
          1,
          shape.reduce((a, b) => a * b, 1),
        );
      expect(start % Math.max(1, size)).toBe(0);
    }
  });

  test('random tables', async () => {
    const floats = fc.array(fc.float({ noNaN: false }), { maxLength: 9 });
    await fc.assert(
      fc.asyncProperty(fc.dictionary(fc.string({ unit: 'binary' }), floats), fc.nat(40), async (table, size) => {
        delete table.__metadata__;
        const tensors = Object.fromEntries(Object.entries(table).map(([k, v]) => [k, np.array(new Float32Array(v))]));
        expectSame(await loadSafetensors(chunks(await saveSafetensors(tensors), size + 1)), tensors);
      }),
      runs(25),
    );
  });
});

test('a chunk a tensor, and none is made before it is asked for', async () => {
  const stream = streamSafetensors({ a: np.ones([4]), b: np.ones([2]) });
  await stream.next();
  expect((await stream.next()).value?.length).toBe(16);
  await stream.return();
});

test('one tensor is read without the others', async () => {
  const bytes = await saveSafetensors({ a: np.arange(4), b: np.arange(1000) });
  let total = 0;
  const read = (offset: number, length: number) => {
    total += length;
    return bytes.subarray(offset, offset + length);
  };
  const opened = await openSafetensors({ size: bytes.length, read });
  expect((await opened.tensor('a')).toArray()).toEqual([0, 1, 2, 3]);
  expect(total).toBe(bytes.length - 4000);
  await expect(opened.tensor('c')).rejects.toThrow(/expected a name of the file, got "c"/);
});

describe('element types', () => {
  const load = async (dtype: string, shape: readonly number[], data: ArrayBufferView, options = {}) =>
    (await loadSafetensors(one(dtype, shape, data), options)).x!;

  test('of 16 bits become float32, or stay, or become what is asked for', async () => {
    const half = new Uint16Array([0x3c00, 0xc000, 0x7c00, 0x0001]);
    expect((await load('F16', [4], half)).toArray()).toEqual([1, -2, Infinity, 2 ** -24]);
    expect((await load('F16', [4], half)).dtype).toBe('float32');
    expect((await load('BF16', [2, 2], half, { dtype: 'stored' })).dtype).toBe('bfloat16');
    expect((await load('F16', [4], half, { dtype: 'float64' })).dtype).toBe('float64');
    expect((await load('BF16', [1], new Uint16Array([0x3f80]))).toArray()).toEqual([1]);
  });

  test('of 8 bits', async () => {
    const e4m3 = new Uint8Array([0x38, 0x7e, 0xfe, 0x01, 0x08, 0x7f, 0x80]);
    expect((await load('F8_E4M3', [7], e4m3)).toArray()).toEqual([1, 448, -448, 2 ** -9, 2 ** -6, NaN, -0]);
    const e5m2 = new Uint8Array([0x3c, 0x7b, 0xfc, 0x01]);
    expect((await load('F8_E5M2', [4], e5m2)).toArray()).toEqual([1, 57344, -Infinity, 2 ** -16]);
  });

  test('of integers of every width', async () => {
    const cases: readonly [string, ArrayBufferView, string, readonly number[]][] = [
      ['I8', new Int8Array([-128, 127]), 'int32', [-128, 127]],
      ['I16', new Int16Array([-32768, 5]), 'int32', [-32768, 5]],
      ['U16', new Uint16Array([65535, 5]), 'uint32', [65535, 5]],
      ['I64', new BigInt64Array([-2147483648n, 2147483647n]), 'int32', [-2147483648, 2147483647]],
      ['U64', new BigUint64Array([0n, 4294967295n]), 'uint32', [0, 4294967295]],
      ['U8', new Uint8Array([255, 0]), 'uint8', [255, 0]],
    ];
    for (const [name, data, dtype, values] of cases) {
      const x = await load(name, [2], data);
      expect([name, x.dtype, x.toArray()]).toEqual([name, dtype, values]);
    }
  });

  test('that do not fit are errors that name the tensor', async () => {
    const big = one('I64', [2], new BigInt64Array([1n, 2147483648n]));
    await expect(loadSafetensors(big)).rejects.toThrow(
      /expected integers of 32 bits in 'x', got 2147483648 at position 1/,
    );
    const negative = one('U64', [1], new BigInt64Array([-1n]));
    await expect(loadSafetensors(negative)).rejects.toThrow(/got 18446744073709551615/);
    const odd = one('BOOL', [2], new Uint8Array([1, 2]));
    await expect(loadSafetensors(odd)).rejects.toThrow(/expected booleans of 0 and 1 in 'x', got 2/);
  });

  test('that are not known are an error only for the tensor that has one', async () => {
    const mixed = file(
      {
        a: { dtype: 'C64', shape: [1], data_offsets: [0, 8] },
        b: { dtype: 'F32', shape: [1], data_offsets: [8, 12] },
      },
      12,
    );
    const opened = await openSafetensors(mixed);
    expect((await opened.tensor('b')).toArray()).toEqual([0]);
    await expect(opened.tensor('a')).rejects.toThrow(/expected an element type of .*, got C64 in 'a'/);
  });

  test('on saving, floats are rounded to the dtype that is asked for, and integers stay', async () => {
    const bytes = await saveSafetensors(
      { x: np.array([0.1]), n: np.array([7], { dtype: 'int32' }) },
      { dtype: 'float16' },
    );
    const { entries } = await openSafetensors(bytes);
    expect(entries.map((e) => [e.name, e.dtype])).toEqual([
      ['n', 'I32'],
      ['x', 'F16'],
    ]);
    await expect(saveSafetensors({}, { dtype: 'int32' })).rejects.toThrow(/expected dtype to be one of floats/);
    await expect(loadSafetensors(bytes, { dtype: 'bool' })).rejects.toThrow(
      /expected dtype to be 'stored' or one of floats/,
    );
  });
});

describe('a malformed file is refused with the reason', () => {
  const entry = (shape: unknown, offsets: unknown, dtype: unknown = 'F32') => ({ dtype, shape, data_offsets: offsets });
  const huge = new Uint8Array(16);
  new DataView(huge.buffer).setBigUint64(0, 2n ** 63n, true);
  const cases: readonly [string, Uint8Array, RegExp][] = [
    ['nothing', new Uint8Array(0), /expected (at least )?8 bytes/],
    ['four bytes', new Uint8Array(4), /expected (at least )?8 bytes/],
    [
      'a header longer than any',
      huge,
      /expected a header of 2 to 100000000 bytes, got a length of 9223372036854776000/,
    ],
    ['a header longer than the file', file({}, 0).slice(0, 9), /expected (a header of )?2 bytes/],
    ['no JSON', file('{"x":'), /expected a header of JSON in UTF-8/],
    ['bytes that are no UTF-8', file('xxxx').fill(0xff, 8), /expected a header of JSON in UTF-8/],
    ['an array', file('[1]'), /expected a JSON object as header, got \[1\]/],
    [
      'a name twice',
      file(
        '{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"\\u0061":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}',
        4,
      ),
      /expected every name once in the header, got 'a' twice/,
    ],
    ['metadata that is no text', file({ __metadata__: { n: 1 } }), /expected metadata of texts/],
    ['an entry that is none', file({ x: 3 }), /expected dtype, shape and data_offsets of 'x', got 3/],
    ['a negative size', file({ x: entry([-1], [0, 4]) }, 4), /expected dtype, shape and data_offsets of 'x'/],
    ['one offset', file({ x: entry([1], [0]) }, 4), /expected dtype, shape and data_offsets of 'x'/],
    [
      'a range that does not fit its shape',
      file({ x: entry([2], [0, 4]) }, 4),
      /expected 8 bytes for F32\[2\] of 'x', got the range 0…4/,
    ],
    ['a shape that overflows', file({ x: entry([2 ** 40, 2 ** 40], [0, 4]) }, 4), /expected .* bytes for F32/],
    ['a range from behind', file({ x: entry([1], [4, 0]) }, 4), /bytes for F32\[1\] of 'x'/],
    [
      'overlapping ranges',
      file({ x: entry([2], [0, 8]), y: entry([2], [4, 12]) }, 12),
      /expected 'y' to begin at 8, where the tensor before it ends, got the range 4…12/,
    ],
    ['a gap', file({ x: entry([1], [0, 4]), y: entry([1], [8, 12]) }, 12), /expected 'y' to begin at 4/],
    [
      'data that is cut off',
      file({ x: entry([2], [0, 8]) }, 7),
      /expected 8 bytes (behind the header, got 7|of 'x', got 7)/,
    ],
    [
      'data behind the end',
      file({ x: entry([2], [0, 8]) }, 9),
      /expected (8 bytes behind the header, got 9|the stream to end)/,
    ],
  ];

  test.each(cases)('%s', async (_what, bytes, message) => {
    for (const source of [bytes, new Blob([bytes as Uint8Array<ArrayBuffer>]), chunks(bytes, 5)]) {
      const error: unknown = await loadSafetensors(source).catch((e: unknown) => e);
      expect(error).toBeInstanceOf(FileError);
      expect((error as FileError).code).toBe('E_FILE');
      expect((error as FileError).message).toMatch(message);
    }
  });

  test('every prefix of a good file', async () => {
    const whole = await saveSafetensors({ a: np.ones([2]), b: np.array([1], { dtype: 'int32' }) });
    for (let n = 0; n < whole.length; n++) {
      await expect(loadSafetensors(whole.subarray(0, n)), `${n}`).rejects.toThrow(FileError);
      await expect(loadSafetensors(chunks(whole.subarray(0, n), 16)), `${n}`).rejects.toThrow(FileError);
    }
  });

  test('a source that gives too few bytes, or that is none', async () => {
    await expect(openSafetensors({ size: 99, read: () => new Uint8Array(3) })).rejects.toThrow(
      /expected read\(0, 8\) to give 8 bytes, got 3/,
    );
    await expect(openSafetensors('file' as never)).rejects.toThrow(/expected a Uint8Array, an ArrayBuffer, a Blob/);
  });
});

describe('models', () => {
  class Net extends Module {
    readonly body: Sequential;
    readonly outProj: Linear;
    constructor(key: Tensor) {
      super();
      const [a, b] = random.split(key);
      this.body = new Sequential([new Conv2d(1, 2, 3, { key: a!, padding: 1 }), new BatchNorm(2)]);
      this.outProj = new Linear(32, 3, { key: b! });
    }
    call(x: Tensor): Tensor {
      return this.outProj.call(np.reshape(relu(this.body.call(x)), [-1, 32]));
    }
  }
  const net = new Net(random.key(0));

  test('that PyTorch saved, in several dtypes, compute what they did there', async () => {
    const at = (name: string) => new URL(`data/${name}`, import.meta.url);
    const bytes = readFileSync(at('torch.safetensors'));
    const { x, y } = JSON.parse(readFileSync(at('torch-safetensors.json'), 'utf8')) as Record<'x' | 'y', number[]>;
    for (const source of [new Uint8Array(bytes), chunks(bytes, 100)]) {
      const loaded = await loadModel(net, source, { map: torchNames(net) });
      const out = loaded.call(np.reshape(np.array(x), [2, 1, 4, 4])).dataSync();
      y.forEach((value, i) => expect(out[i]).toBeCloseTo(value, 5));
    }
  });

  test('are saved and loaded whole, or as far as they go', async () => {
    const other = new Net(random.key(1));
    const bytes = await saveModel(net);
    expectSame(stateDict(await loadModel(other, bytes)), stateDict(net));
    await expect(loadModel(other.body, bytes)).rejects.toThrow(TreeError);
    const part = await loadModel(other.body, bytes, { strict: false, map: (name) => `body.${name}` });
    expectSame(stateDict(part), stateDict(net.body));
  });

  test('go to a stream', async () => {
    const { readable, writable } = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>();
    const [, loaded] = await Promise.all([saveModel(net, { to: writable }), loadModel(net, readable)]);
    expectSame(stateDict(loaded), stateDict(net));
  });
});
