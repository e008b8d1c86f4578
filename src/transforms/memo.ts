/**
 * What a transformation makes of a Program is kept with the Program, so that nesting costs each transformation once.
 * May import: `ir`.
 * @module
 */
import type { Program } from '../ir/program.ts';

/** A mask as a cache key. */
export const bits = (mask: readonly boolean[]): string => mask.map(Number).join('');

/** Memoises a function of a Program and a string; what is kept lives as long as the Program. */
export function memo<T>(): (program: Program, key: string, make: () => T) => T {
  const cache = new WeakMap<Program, Map<string, T>>();
  return (program, key, make) => {
    let byKey = cache.get(program);
    if (!byKey) cache.set(program, (byKey = new Map()));
    const hit = byKey.get(key);
    if (hit !== undefined) return hit;
    const made = make();
    byKey.set(key, made);
    return made;
  };
}
