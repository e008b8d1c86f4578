/**
 * The format of a case file, and its reading.
 * @module
 */

import { readFileSync } from 'node:fs';
import type { GoldenArray } from './arrays.ts';

/** What is compared of an op case. */
export type Stage = 'value' | 'jvp' | 'vjp' | 'hvp' | 'hess' | 'vmap' | 'jit value' | 'jit vjp';

/** A case of one op: an expression over named inputs. */
export interface OpCase {
  readonly n: string;
  readonly expr: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly tags?: readonly string[];
  readonly note?: string;
  readonly args: readonly string[];
  readonly in: readonly GoldenArray[];
  readonly out?: readonly GoldenArray[];
  /** Indices of the outputs that are floats, when not all are. */
  readonly fo?: readonly number[];
  readonly diff?: readonly string[];
  readonly t?: readonly GoldenArray[];
  readonly ct?: readonly GoldenArray[];
  readonly jvp?: readonly GoldenArray[];
  readonly vjp?: readonly GoldenArray[];
  readonly hvp?: readonly GoldenArray[];
  readonly hess?: GoldenArray;
  readonly vax?: readonly (number | null)[];
  readonly vin?: readonly GoldenArray[];
  readonly vout?: readonly GoldenArray[];
  /** The message with which JAX fails on the value. */
  readonly err?: string;
  /** The messages with which JAX fails, by stage. */
  readonly errs?: Readonly<Record<string, string>>;
}

/** A case of several features together: the body of a function `run`. */
export interface CompositeCase {
  readonly n: string;
  readonly code: string;
  readonly tags?: readonly string[];
  readonly note?: string;
  readonly in: Readonly<Record<string, GoldenArray>>;
  readonly out: Readonly<Record<string, GoldenArray>>;
}

export type GoldenCase = OpCase | CompositeCase;

/** The file cannot be read as a file of cases. */
export class CaseFileError extends Error {
  override readonly name: string = 'CaseFileError';
}

export function isComposite(golden: GoldenCase): golden is CompositeCase {
  return 'code' in golden;
}

function isCase(value: unknown): value is GoldenCase {
  if (typeof value !== 'object' || value === null || !('n' in value) || typeof value.n !== 'string') return false;
  if (!('in' in value) || typeof value.in !== 'object' || value.in === null) return false;
  if ('code' in value) return typeof value.code === 'string' && 'out' in value;
  return 'expr' in value && typeof value.expr === 'string' && Array.isArray(value.in) && 'args' in value;
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    throw new CaseFileError(`${file}: ${code === 'ENOENT' ? 'no such file' : `cannot be read (${code})`}`);
  }
}

/**
 * Reads a file of cases.
 * @throws {CaseFileError} in one line, when there is no such file or it has another format.
 */
export function readCases(file: string): readonly GoldenCase[] {
  const text = readText(file);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : '';
    throw new CaseFileError(`${file}: not valid JSON (${reason})`);
  }
  const cases = typeof parsed === 'object' && parsed !== null && 'cases' in parsed ? parsed.cases : parsed;
  if (!Array.isArray(cases)) throw new CaseFileError(`${file}: expected an object with a list 'cases'`);
  const bad = cases.findIndex((c) => !isCase(c));
  if (bad >= 0) throw new CaseFileError(`${file}: case ${bad} is neither an op case nor a composite case`);
  return cases as GoldenCase[];
}
