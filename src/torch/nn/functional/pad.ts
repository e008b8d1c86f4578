/**
 * Padding.
 * May import: everything up to `api`, `tape`, `nn`.
 * @module
 */
import { ArgumentError, ShapeError } from '../../../ir/errors.ts';
import * as np from '../../../api/numpy/index.ts';
import { checkChoice } from '../../../api/options.ts';
import { type TensorLike, toTensor, withParams } from '../../ops/define.ts';
import { type Arguments, readArguments } from '../../ops/named.ts';
import type { Tensor } from '../../tensor.ts';

export type PadMode = 'constant' | 'reflect' | 'replicate' | 'circular';

export interface PadOptions {
  /** What is added: a number (default), the elements before the end in the other direction, the outermost, or those of the other end. */
  readonly mode?: PadMode | undefined;
  /** For mode `'constant'`; 0. */
  readonly value?: number | null | undefined;
}

interface Padding {
  /** Negative ones cut off. */
  readonly pads: readonly (readonly [before: number, after: number])[];
  readonly mode: PadMode;
  readonly value: number;
}

const numpyModes = { reflect: 'reflect', replicate: 'edge', circular: 'wrap' } as const;

const padded = withParams<Padding>('pad', ([x], { pads, mode, value }) => {
  const isCut = pads.some(([a, b]) => a < 0 || b < 0);
  const kept = pads.map(([a, b], d) => ({ start: Math.max(-a, 0), stop: x!.shape[d]! - Math.max(-b, 0) }));
  const t = isCut ? x!.slice(...kept) : x!;
  const added = pads.map(([a, b]) => [Math.max(a, 0), Math.max(b, 0)] as const);
  return mode === 'constant'
    ? np.pad(t, added, { mode, constantValues: value })
    : np.pad(t, added, { mode: numpyModes[mode] });
});

/** Throws where there is not as much to add as is asked for. */
function checkAmount(x: Tensor, { pads, mode }: Padding): void {
  const most = (n: number): number => (mode === 'reflect' ? n - 1 : mode === 'circular' ? n : Infinity);
  const d = pads.findIndex(([a, b], i) => Math.max(a, b) > most(x.shape[i]!) || a + b + x.shape[i]! < 0);
  if (d < 0) return;
  throw new ShapeError(
    `pad: expected at most ${most(x.shape[d]!)} elements at the ends of dimension ${d} for mode '${mode}', got [${pads[d]!.join(', ')}] for ${x.aval.toString()}: ` +
      'Padding size should be less than the corresponding input dimension.',
  );
}

/**
 * More elements at the ends of the last dimensions; fewer for negative sizes.
 * @param sizes at both ends, from the last dimension on: `[left, right, top, bottom, …]`
 * @example
 * ```ts
 * import { nn, tensor } from 'cotangent/torch';
 * const { pad } = nn.functional;
 * console.log(pad(tensor([1, 2, 3]), [2, 1], 'reflect').tolist()); // => [ 3, 2, 1, 2, 3, 2 ]
 * console.log(pad(tensor([1, 2, 3]), [-1, 1], { value: 9 }).tolist()); // => [ 2, 3, 9 ]
 * ```
 */
export function pad(
  x: TensorLike,
  sizes: readonly number[],
  ...options: Arguments<PadOptions, ['mode', 'value']>
): Tensor {
  const t = toTensor(x);
  const { mode = 'constant', value } = readArguments<PadOptions>('pad', ['mode', 'value'], options);
  checkChoice('pad', 'mode', mode, ['constant', 'reflect', 'replicate', 'circular']);
  if (sizes.length % 2 !== 0 || sizes.length > 2 * t.ndim || !sizes.every((n) => Number.isInteger(n))) {
    throw new ArgumentError(
      `pad: expected two sizes for each of the last dimensions of ${t.aval.toString()}, got [${sizes.join(', ')}].`,
    );
  }
  const pads = t.shape.map((_, d) => {
    const at = 2 * (t.ndim - 1 - d);
    return [sizes[at] ?? 0, sizes[at + 1] ?? 0] as const;
  });
  const padding = { pads, mode, value: value ?? 0 };
  checkAmount(t, padding);
  return padded([t], padding);
}
