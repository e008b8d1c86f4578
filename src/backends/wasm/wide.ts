/**
 * 256-bit code: V8 can join pairs of 128-bit instructions (`--experimental-wasm-revectorize`), in Node from version 24 on. The flag
 * is experimental, so it is only set when asked for (`config.simd256`), and only kept when a few functions that its compiler
 * made compute what they should, and faster.
 * May import: `encode`, `features`, `gemm`.
 * @module
 */
import { ModuleBuilder } from './encode/module.ts';
import { engineFlags, v8Version } from './features.ts';
import { double, type Element, single } from './gemm/element.ts';
import { defaultTile, instantiateTiles, tileRates, tiles256 } from './gemm/tuning.ts';
import type { Tile } from './gemm/tile.ts';

/** The first version of V8 whose compiler packs the tiles of a matrix product: that of Node 24. */
const firstVersion = 13.6;
/** How much faster than 128-bit code a tile must be; it is twice where all goes well. */
const leastGain = 1.25;
/** Measurements before the gain is believed to be missing: the first is enough on a machine with nothing else to do. */
const attempts = 8;
/** Milliseconds for one: on a busy machine too, all rounds are run, or an interrupted one could be the only one. */
const attemptLimit = 500;

const flag = 'experimental-wasm-revectorize';
let isOn = false;
let failure: string | undefined;

/** Whether 256-bit code is being made now. */
export const isWide = (): boolean => isOn;

/**
 * Turns 256-bit code on or off for what is compiled from now on; code that is optimised already stays as it is. When it cannot be had,
 * warns (once) and leaves it off.
 * @returns whether it is on
 */
export function setWide(isWanted: boolean): boolean {
  if (isWanted === isOn || (isWanted && failure !== undefined)) return isOn;
  const setFlag = engineFlags();
  if (!isWanted) {
    setFlag?.(`--no-${flag}`);
    isOn = false;
    return false;
  }
  failure = setFlag === undefined ? 'an engine whose flags cannot be set' : turnOn(setFlag);
  isOn = failure === undefined;
  if (failure !== undefined) {
    console.warn(
      `cotangent: config.simd256: expected Node 24 or later on a processor with AVX2, got ${failure}. Code of 128 bits is used instead.\n` +
        '  Fix: leave config.simd256 false here; results are the same but for the rounding of sums.',
    );
  }
  return isOn;
}

/** What is wrong, with the flag off again; undefined, with the flag on, if nothing is. */
function turnOn(setFlag: (flag: string) => void): string | undefined {
  const version = v8Version();
  if (version < firstVersion) return `V8 ${version}`;
  setFlag(`--${flag}`);
  // Optimised code comes from another thread otherwise, at an unknown time.
  setFlag('--wasm-sync-tier-up');
  let problem: string | undefined;
  try {
    problem = findProblem();
  } catch (e) {
    problem = `an error (${String(e)})`;
  } finally {
    setFlag('--no-wasm-sync-tier-up');
    if (problem !== undefined) setFlag(`--no-${flag}`);
  }
  return problem;
}

function findProblem(): string | undefined {
  const [tile] = tiles256;
  for (const element of [single, double]) {
    for (const isPartial of [false, true]) {
      if (!computesProducts(element, tile!, isPartial)) return `wrong results of a product of ${element.vector}`;
    }
  }
  if (!computesElements()) return 'wrong results of an elementwise operation';
  const gain = measuredGain(tile!);
  return gain < leastGain ? `code that is ${gain.toFixed(2)} times as fast` : undefined;
}

/** How much faster the tile is than the 128-bit one, each at its best: on a busy machine a single measurement says little. */
function measuredGain(tile: Tile): number {
  let [wide, narrow] = [0, 0];
  for (let attempt = 0; attempt < attempts && !(wide >= leastGain * narrow && narrow > 0); attempt++) {
    const rates = tileRates(single, [tile, defaultTile], attemptLimit) as [number, number];
    wide = Math.max(wide, rates[0]);
    narrow = Math.max(narrow, rates[1]);
  }
  return wide / narrow;
}

/** Calls after which V8 has optimised a tile for certain: its budget is 13 million bytes of code executed, of which a call runs 10⁵. */
const calls = 300;

/** Small integers, whose sums of products are exact. */
const integer = (i: number): number => ((i * 7919) % 17) - 8;

function computesProducts(element: Element, tile: Tile, isPartial: boolean): boolean {
  const { memory, a, b, c, aRow, runs } = instantiateTiles(element, [tile], isPartial);
  const View = element.bytes === 4 ? Float32Array : Float64Array;
  const steps = 256;
  const width = tile.vectors * element.lanes;
  const columns = isPartial ? width - 1 : width;
  const [A, B] = [new View(memory.buffer, a, tile.rows * aRow), new View(memory.buffer, b, steps * width)];
  const C = new View(memory.buffer, c, tile.rows * width);
  A.forEach((_, i) => (A[i] = integer(i)));
  B.forEach((_, i) => (B[i] = integer(i + 5)));
  for (let n = 0; n < calls; n++) runs[0]!(0, columns);
  runs[0]!(1, columns);
  for (let i = 0; i < tile.rows; i++) {
    for (let j = 0; j < width; j++) {
      let sum = 0;
      for (let k = 0; k < steps; k++) sum += A[i * aRow + k]! * B[k * width + j]!;
      if (C[i * width + j] !== (j < columns ? 2 * sum : 0)) return false;
    }
  }
  return true;
}

/** Elements of a loop over two vectors, enough that V8 optimises it within `calls` calls. */
const elementCount = 8192;

/** out[i] = max(x·y + x, y) − |x| in pairs of vectors, and the same with the bits of the sign of x put in. */
function computesElements(): boolean {
  const memory = new WebAssembly.Memory({ initial: 3 });
  const [x, y, out] = [0, 1, 2].map((i) => new Float32Array(memory.buffer, i << 16, elementCount)) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  x.forEach((_, i) => (x[i] = integer(i)));
  y.forEach((_, i) => (y[i] = integer(3 * i + 1)));
  const module = new ModuleBuilder();
  module.importMemory();
  module.exportFunction('run', defineElements(module));
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.build()), { env: { memory } });
  for (let n = 0; n < calls; n++) (exports.run as () => void)();
  return out.every((value, i) => {
    const [p, q] = [x[i]!, y[i]!];
    const magnitude = Math.abs(Math.max(p * q + p, q) - Math.abs(p));
    return Object.is(value, p < 0 ? -magnitude : magnitude);
  });
}

function defineElements(module: ModuleBuilder): ReturnType<ModuleBuilder['defineFunction']> {
  const f = module.defineFunction({ params: [], results: [] }, 'elements');
  const i = f.local('i32');
  const sign = f.local('v128');
  const pairs = [0, 16].map((offset) => ({ offset, x: f.local('v128'), y: f.local('v128'), z: f.local('v128') }));
  f.f32(-0);
  f.op('f32x4.splat');
  f.set(sign);
  const top = f.open('loop');
  for (const { offset, x, y } of pairs) {
    for (const [local, base] of [
      [x, 0],
      [y, 1 << 16],
    ] as const) {
      f.get(i);
      f.memory('v128.load', base + offset);
      f.set(local);
    }
  }
  for (const { x, y, z } of pairs) {
    f.get(x);
    f.get(y);
    f.op('f32x4.mul');
    f.get(x);
    f.op('f32x4.add');
    f.get(y);
    f.op('f32x4.max');
    f.get(x);
    f.op('f32x4.abs');
    f.op('f32x4.sub');
    f.set(z);
    // The magnitude of z with the sign of x.
    f.get(x);
    f.get(z);
    f.get(sign);
    f.op('v128.bitselect');
    f.set(z);
  }
  for (const { offset, z } of pairs) {
    f.get(i);
    f.get(z);
    f.memory('v128.store', (2 << 16) + offset);
  }
  f.get(i);
  f.i32(32);
  f.op('i32.add');
  f.tee(i);
  f.i32(4 * elementCount);
  f.op('i32.lt_u');
  f.brIf(top);
  f.close();
  return f;
}
