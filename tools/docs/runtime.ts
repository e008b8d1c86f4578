/**
 * The `console` that an example's module uses in place of the global one: it records what is printed and compares the
 * latest print with what the example says.
 * @module
 */
import { inspect } from 'node:util';

/** A console with one method, and the checks that the generated code calls. */
export interface ExampleConsole {
  log(...values: unknown[]): void;
  /** Notes a mismatch if the latest print is not `expected`; `…` in `expected` stands for any text. */
  expect(line: number, expected: string): void;
  /** Throws all the mismatches of the example at once. */
  finish(): void;
}

/** @param where the example's place, `file:line`, for messages */
export function createConsole(where: string): ExampleConsole {
  const file = where.replace(/:\d+$/, '');
  const mismatches: string[] = [];
  let latest: string | null = null;
  return {
    log(...values) {
      latest = values.map((value) => printed(value)).join(' ');
    },
    expect(line, expected) {
      if (latest === null) mismatches.push(`${file}:${line}: nothing was printed, expected ${expected}`);
      else if (!matches(latest, expected)) mismatches.push(`${file}:${line}: printed ${latest}, expected ${expected}`);
      latest = null;
    },
    finish() {
      if (mismatches.length > 0) throw new Error(mismatches.join('\n'));
    },
  };
}

/** Strings as they are, objects with a `toString` of their own by it, and the rest as Node prints it on one line. */
function printed(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'object' && value !== null && hasOwnText(value)) return String(value);
  return inspect(value, { breakLength: Infinity, depth: 8 });
}

function hasOwnText(value: object): boolean {
  const { toString } = value;
  const plain: unknown[] = [Object.prototype.toString, Array.prototype.toString, Error.prototype.toString];
  return typeof toString === 'function' && !plain.includes(toString) && !ArrayBuffer.isView(value);
}

const squeeze = (text: string): string => text.replaceAll(/\s+/g, ' ').trim();

/** Equality up to runs of white space, with `…` in `expected` for any text. */
function matches(actual: string, expected: string): boolean {
  const pieces = squeeze(expected)
    .split('…')
    .map((piece) => piece.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`));
  return new RegExp(`^${pieces.join('.*')}$`).test(squeeze(actual));
}
