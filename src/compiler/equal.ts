/**
 * Structural equality and hashing of parameters. Sub-Programs and functions are compared by identity.
 * May import: nothing.
 * @module
 */

/** Equality of plain data. Params are shallow trees, so recursion is bounded by how they are written. */
export function equalData(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || ArrayBuffer.isView(a)) return equalLists(a, b);
  const proto: unknown = Object.getPrototypeOf(a);
  if (proto !== Object.getPrototypeOf(b) || (proto !== Object.prototype && proto !== null)) return false;
  return equalRecords(a, b);
}

function equalLists(a: object, b: object): boolean {
  if (a.constructor !== b.constructor) return false;
  const [x, y] = [a as ArrayLike<unknown>, b as ArrayLike<unknown>];
  if (x.length !== y.length) return false;
  for (let i = 0; i < x.length; i++) if (!equalData(x[i], y[i])) return false;
  return true;
}

function equalRecords(a: object, b: object): boolean {
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every(
    (k) => Object.hasOwn(b, k) && equalData((a as Record<string, unknown>)[k], (b as Record<string, unknown>)[k]),
  );
}

/** Multiplier and offset basis of the 32-bit FNV-1a hash (Fowler, Noll, Vo). */
const fnvPrime = 0x01000193;
export const hashSeed = 0x811c9dc5;

export const hashCombine = (h: number, x: number): number => Math.imul(h ^ x, fnvPrime);

export function hashString(h: number, s: string): number {
  let out = h;
  for (let i = 0; i < s.length; i++) out = hashCombine(out, s.charCodeAt(i));
  return out;
}

/** Equal data have equal hashes; what is compared by identity does not take part. */
export function hashData(h: number, x: unknown): number {
  if (typeof x === 'number') return Number.isInteger(x) ? hashCombine(h, x | 0) : hashString(h, String(x));
  if (typeof x === 'string') return hashString(h, x);
  if (typeof x === 'boolean') return hashCombine(h, x ? 1 : 2);
  if (typeof x !== 'object' || x === null) return h;
  if (Array.isArray(x)) return x.reduce<number>((acc, v) => hashData(acc, v), hashCombine(h, x.length));
  let out = h;
  if (Object.getPrototypeOf(x) === Object.prototype) {
    for (const key of Object.keys(x).sort()) out = hashData(hashString(out, key), (x as Record<string, unknown>)[key]);
  }
  return out;
}
