/**
 * Runs one op case: the value, both modes of derivative, second order, vmap, and the same under jit.
 * @module
 */

import { mismatch, requireRepresentable, toTensor } from './arrays.ts';
import type { Allowance, GoldenArray, Tolerance } from './arrays.ts';
import { isBetter } from './better.ts';
import type { OpCase, Stage } from './cases.ts';
import { callLibrary, isTensor, MissingError, transform } from './library.ts';
import type { AnyFunction, TensorLike } from './library.ts';
import { pythonBuiltins } from './python-builtins.ts';
import { Evaluator, Scope } from './python-expr.ts';
import { libraryHost, libraryNames, toArgument } from './python-host.ts';
import { parseExpression } from './python-parse.ts';

/** A stage whose result is not the expected one. */
export interface Failure {
  readonly stage: Stage;
  readonly detail: string;
}

/** Plain ops. */
const PLAIN: Tolerance = { relative: 1e-12, absolute: 1e-12 };
/** Derivatives of special functions, linear algebra, and second order. */
const LOOSE: Tolerance = { relative: 1e-10, absolute: 1e-10 };
const LINEAR_ALGEBRA = /\blinalg\b|\bcov\b|corrcoef/;
const SPECIAL = /\bjsp\b|gelu|logaddexp|erf|gamma|polygamma|zeta|bessel|\bi[01]e?\b/;

function toleranceOf(golden: OpCase, stage: Stage): Tolerance {
  if (stage === 'hvp' || stage === 'hess' || LINEAR_ALGEBRA.test(golden.expr)) return LOOSE;
  return (stage.includes('vjp') || stage === 'jvp') && SPECIAL.test(golden.expr) ? LOOSE : PLAIN;
}

/** Parameters come from JSON; lists stand for tuples. */
type Inputs = Readonly<Record<string, unknown>>;

/** A case made ready to run. */
class PreparedOp {
  readonly golden: OpCase;
  readonly inputs: readonly TensorLike[];
  private readonly evaluate: (inputs: Inputs) => unknown;

  constructor(golden: OpCase) {
    this.golden = golden;
    this.inputs = golden.in.map(toTensor);
    const tree = parseExpression(golden.expr);
    const evaluator = new Evaluator(libraryHost);
    const fixed = new Scope(Object.entries({ ...libraryNames, ...pythonBuiltins, ...golden.params }));
    this.evaluate = (inputs) => toArgument(evaluator.evaluate(tree, new Scope(Object.entries(inputs), fixed)));
  }

  /** The expression as a function of all arguments, with its outputs as a flat list. */
  readonly all = (...args: unknown[]): unknown[] => {
    const result = this.evaluate(Object.fromEntries(this.golden.args.map((name, i) => [name, args[i]])));
    return flatten(result).map(intArray);
  };

  /** The float outputs as a function of the differentiated arguments only. */
  readonly smooth = (...args: unknown[]): unknown[] => {
    const { diff = [], fo } = this.golden;
    const full = this.golden.args.map((name, i) => (diff.includes(name) ? args[diff.indexOf(name)] : this.inputs[i]));
    const outputs = this.all(...full);
    return fo === undefined ? outputs : fo.map((i) => outputs[i]);
  };

  /** g(x) = sum(out * ct): a scalar function whose gradient is the vjp. */
  readonly scalar = (...args: unknown[]): unknown => {
    const cotangents = (this.golden.ct ?? []).map(toTensor);
    const terms = this.smooth(...args).map((out, i) =>
      callLibrary('np.sum', callLibrary('np.multiply', out, cotangents[i])),
    );
    return terms.reduce((sum, term) => callLibrary('np.add', sum, term));
  };

  get points(): readonly TensorLike[] {
    const { diff = [], args } = this.golden;
    return diff.map((name) => this.inputs[args.indexOf(name)] as TensorLike);
  }
}

/** The arrays of a result, in order. Namedtuple-like results keep the order of their fields. */
function flatten(result: unknown): unknown[] {
  if (Array.isArray(result)) return result.flatMap(flatten);
  if (typeof result !== 'object' || result === null || isTensor(result)) return [result];
  return Object.values(result).flatMap(flatten);
}

/** A Python int as the array that JAX makes of it; a traced function would take the number for a float. */
function intArray(result: unknown): unknown {
  const isInt = typeof result === 'number' && Number.isInteger(result);
  return isInt ? callLibrary('np.asarray', result, { dtype: 'int32' }) : result;
}

function vjpOf(prepared: PreparedOp, f: AnyFunction): unknown[] {
  const [, pull] = callLibrary('vjp', f, ...prepared.points) as [unknown, AnyFunction];
  return pull((prepared.golden.ct ?? []).map(toTensor)) as unknown[];
}

type Runner = (prepared: PreparedOp) => readonly unknown[];

function runJvp(prepared: PreparedOp): unknown[] {
  const tangents = (prepared.golden.t ?? []).map(toTensor);
  const [, out] = callLibrary('jvp', prepared.smooth, [...prepared.points], tangents) as [unknown, unknown[]];
  return out;
}

function runHvp(prepared: PreparedOp): unknown[] {
  const argnums = prepared.points.map((_, i) => i);
  const gradient = transform('grad', prepared.scalar, { argnums });
  const tangents = (prepared.golden.t ?? []).map(toTensor);
  const [, out] = callLibrary('jvp', gradient, [...prepared.points], tangents) as [unknown, unknown[]];
  return out;
}

function runJitValue(prepared: PreparedOp): unknown[] {
  const { diff } = prepared.golden;
  if (diff === undefined) return transform('jit', prepared.all)(...prepared.inputs) as unknown[];
  return transform('jit', prepared.smooth)(...prepared.points) as unknown[];
}

function runJitVjp(prepared: PreparedOp): unknown[] {
  return transform('jit', (...points: unknown[]) => {
    const [, pull] = callLibrary('vjp', prepared.smooth, ...points) as [unknown, AnyFunction];
    return pull((prepared.golden.ct ?? []).map(toTensor));
  })(...prepared.points) as unknown[];
}

/** The stages of a case: how each is run, and what it should give. */
function stagesOf(golden: OpCase): [Stage, Runner, readonly GoldenArray[]][] {
  const { out, jvp, vjp, hvp, hess, vout, fo } = golden;
  const stages: [Stage, Runner, readonly GoldenArray[]][] = [];
  if (out !== undefined) {
    stages.push(['value', (p) => p.all(...p.inputs), out]);
    const traced = golden.diff !== undefined && fo !== undefined ? fo.map((i) => out[i] as GoldenArray) : out;
    stages.push(['jit value', runJitValue, traced]);
  }
  if (jvp !== undefined) stages.push(['jvp', runJvp, jvp]);
  if (vjp !== undefined) {
    stages.push(['vjp', (p) => vjpOf(p, p.smooth), vjp], ['jit vjp', runJitVjp, vjp]);
  }
  if (hvp !== undefined) stages.push(['hvp', runHvp, hvp]);
  if (hess !== undefined) stages.push(['hess', (p) => [transform('hessian', p.scalar)(...p.points)], [hess]]);
  if (vout !== undefined) {
    const runVmap: Runner = (p) =>
      transform('vmap', p.all, { inAxes: [...(golden.vax ?? [])] })(...(golden.vin ?? []).map(toTensor)) as unknown[];
    stages.push(['vmap', runVmap, vout]);
  }
  return stages;
}

function compareAll(
  actual: readonly unknown[],
  expected: readonly GoldenArray[],
  tolerance: Tolerance,
  allowance: Allowance,
): string | undefined {
  if (actual.length !== expected.length) return `expected ${expected.length} arrays, got ${actual.length}`;
  for (const [i, array] of expected.entries()) {
    const detail = mismatch(actual[i], array, tolerance, allowance);
    if (detail !== undefined) return expected.length > 1 ? `array ${i}: ${detail}` : detail;
  }
  return undefined;
}

/** Names of the stages at which a file may say that JAX fails. */
const ERROR_STAGES: Readonly<Record<string, (p: PreparedOp) => unknown>> = {
  out: (p) => p.all(...p.inputs),
  value: (p) => p.all(...p.inputs),
  jvp: runJvp,
  vjp: (p) => vjpOf(p, p.smooth),
  hvp: runHvp,
};

/** Whether running fails, as it should. A name that is not built says nothing, and is passed on. */
function fails(run: () => unknown): boolean {
  try {
    run();
    return false;
  } catch (error) {
    if (error instanceof MissingError) throw error;
    return true;
  }
}

function missingErrors(prepared: PreparedOp): Failure[] {
  const { err, errs = {} } = prepared.golden;
  const wanted = err === undefined ? errs : { value: err, ...errs };
  return Object.entries(wanted).flatMap(([name, message]): Failure[] => {
    const run = ERROR_STAGES[name];
    if (run === undefined || fails(() => run(prepared))) return [];
    const stage: Stage = name === 'out' ? 'value' : (name as Stage);
    return isBetter(prepared.golden.n, stage)
      ? []
      : [{ stage, detail: `expected an error (JAX: ${message}), got a result` }];
  });
}

/**
 * Runs one op case and returns the stages that fail.
 * @throws {MissingError} when the library lacks a name. @throws {SkipError} when it leaves out what the case is about.
 */
export function runOpCase(golden: OpCase): readonly Failure[] {
  for (const array of golden.out ?? []) requireRepresentable(array);
  const prepared = new PreparedOp(golden);
  const failures = missingErrors(prepared);
  const fromIntegers =
    golden.in.length > 0 && golden.in.every(({ d }) => !/^f\d/.test(d)) && !golden.expr.includes('float32');
  for (const [stage, run, expected] of stagesOf(golden)) {
    const allowance: Allowance = { fromIntegers, finiteForNan: isBetter(golden.n, stage) };
    try {
      const detail = compareAll(run(prepared), expected, toleranceOf(golden, stage), allowance);
      if (detail !== undefined) failures.push({ stage, detail });
    } catch (error) {
      if (error instanceof Error && (error.name === 'MissingError' || error.name === 'SkipError')) throw error;
      failures.push({ stage, detail: error instanceof Error ? `${error.name}: ${error.message}` : String(error) });
    }
  }
  return failures;
}
