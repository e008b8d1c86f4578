/**
 * What a browser must be able to do with the library. Each case runs inside the page, bundled with the library's own
 * sources; add one by adding an entry. Imports must work in a browser: the library, and `assert` helpers written here.
 * @module
 */
import * as cotangent from 'cotangent';

/** One claim about the library in a browser; `run` throws (or rejects) when it does not hold. */
export interface SmokeCase {
  readonly name: string;
  run(): void | Promise<void>;
}

function check(condition: boolean, message: string): void {
  if (!condition) throw new Error(message);
}

/** The cases, in the order they run. */
export const cases: readonly SmokeCase[] = [
  {
    name: 'the entry loads as a module',
    run: () => check(typeof cotangent === 'object', `expected a module namespace, got ${typeof cotangent}`),
  },
  {
    name: 'the page is cross-origin isolated, so shared memory is there',
    run: () => check(globalThis.crossOriginIsolated, 'expected crossOriginIsolated to be true'),
  },
];
