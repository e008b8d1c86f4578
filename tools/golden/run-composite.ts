/**
 * Runs one composite case: the port by hand where there is one, else the Python source of the case.
 * @module
 */

import { mismatch, requireRepresentable, toTensor } from './arrays.ts';
import type { Tolerance } from './arrays.ts';
import type { CompositeCase } from './cases.ts';
import { ports } from './composites/index.ts';
import { pythonBuiltins } from './python-builtins.ts';
import { loadFunction } from './python-code.ts';
import { libraryHost, libraryNames, toArgument } from './python-host.ts';
import type { Failure } from './run-op.ts';

const COMPOSITE: Tolerance = { relative: 1e-9, absolute: 1e-9 };

function interpreted(golden: CompositeCase): (inputs: Readonly<Record<string, unknown>>) => unknown {
  // `Exception` is only ever named after `except`.
  const names = { ...libraryNames, ...pythonBuiltins, Exception: 'Exception' };
  const run = loadFunction(golden.code, 'run', libraryHost, names);
  return (inputs) => toArgument(run(inputs));
}

/**
 * Runs one composite case and returns the labels that differ.
 * @throws {MissingError} when the library lacks a name. @throws {SkipError} when it leaves out what the case is about.
 */
export function runCompositeCase(golden: CompositeCase, usePorts = true): readonly Failure[] {
  for (const array of Object.values(golden.out)) if (array.d !== 'float0') requireRepresentable(array);
  const inputs = Object.fromEntries(Object.entries(golden.in).map(([name, array]) => [name, toTensor(array)]));
  const run = (usePorts ? ports[golden.n] : undefined) ?? interpreted(golden);
  const result = run(inputs) as Readonly<Record<string, unknown>>;
  return Object.entries(golden.out).flatMap(([label, expected]): Failure[] => {
    const detail = mismatch(result[label], expected, COMPOSITE);
    return detail === undefined ? [] : [{ stage: 'value', detail: `${label}: ${detail}` }];
  });
}
