/**
 * Which results of a kernel may take the memory of an operand.
 * May import: `ir`.
 * @module
 */
import { dtypeInfo } from '../ir/dtype.ts';
import { InternalError } from '../ir/errors.ts';
import type { BufferRef, Expr } from '../ir/loop/expr.ts';
import type { Stmt } from '../ir/loop/kernel.ts';
import { loadedBuffers } from './loads.ts';

/** Output `output` may take the memory of input `input`: every element is read before it is written over. */
export interface Reuse {
  readonly input: number;
  readonly output: number;
}

const bytesOf = (b: BufferRef): number => dtypeInfo[b.dtype].bytes;

/**
 * Inputs that are read at the written position only, and by nothing after what first writes there. `body` is what a kernel does for one
 * position or one row.
 */
export function findReuse(
  body: readonly Stmt[],
  inputs: readonly { readonly buffer: BufferRef; readonly isNearOnly: boolean }[],
  outputs: readonly BufferRef[],
): Reuse[] {
  const lastLoads = new Map<BufferRef, number>();
  const firstStores = new Map<BufferRef, number>();
  const seen = new Set<Expr>();
  const steps = timeline(body);
  for (let time = steps.length - 1; time >= 0; time--) {
    const loaded = new Set<BufferRef>();
    for (const e of steps[time]!.values) loadedBuffers(e, seen, loaded);
    for (const b of loaded) if (!lastLoads.has(b)) lastLoads.set(b, time);
    for (const b of steps[time]!.written) firstStores.set(b, time);
  }
  return outputs.flatMap((to, output) =>
    inputs.flatMap(({ buffer, isNearOnly }, input): Reuse[] => {
      const fits = isNearOnly && bytesOf(buffer) === bytesOf(to) && buffer.size === to.size;
      return fits && (lastLoads.get(buffer) ?? -1) <= firstStores.get(to)! ? [{ input, output }] : [];
    }),
  );
}

interface Step {
  readonly values: readonly Expr[];
  readonly written: readonly BufferRef[];
}

/** What is computed and then written, in order; loops are what they do for one element. */
function timeline(body: readonly Stmt[]): Step[] {
  return body.flatMap((s): Step[] => {
    switch (s.kind) {
      case 'for':
        return timeline(s.body);
      case 'set':
        return [{ values: [s.value], written: [] }];
      case 'store':
        return [{ values: [s.value], written: [s.buffer] }];
      case 'reduce': {
        const stores = s.stores ?? [];
        return [{ values: [s.element, ...stores.map((x) => x.value)], written: stores.map((x) => x.buffer) }];
      }
      default:
        throw new InternalError(`a fused kernel has no ${s.kind}`);
    }
  });
}
