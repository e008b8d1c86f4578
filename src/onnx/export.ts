/**
 * Programs as ONNX models.
 * May import: everything up to `api`, `onnx`.
 * @module
 */
import { type HostArray, recordOf } from '../core/primitive.ts';
import type { ConcreteTensor, Tensor } from '../core/tensor.ts';
import { optimizeProgram } from '../compiler/compile.ts';
import { makeTypedArray, makeUnrounded, rounded } from '../ir/dtype.ts';
import { ArgumentError, FileError } from '../ir/errors.ts';
import type { Atom, Equation, Program, Var } from '../ir/program.ts';
import type { LiftArgs } from '../api/args.ts';
import { makeProgram } from '../api/jit.ts';
import { checkOptions } from '../api/options.ts';
import { lowerControl } from './control.ts';
import { OnnxGraph, type Operand, valueMessage } from './graph.ts';
import type { Application } from './lowering.ts';
import { opsets, writeModel } from './proto.ts';
import { lowerings, unsupported } from './table.ts';

export interface ExportOptions {
  /** One for each tensor among the arguments, in their order; the default is `input0`, `input1`, … */
  readonly inputNames?: readonly string[];
  /** One for each tensor of the result; the default is `output0`, `output1`, … */
  readonly outputNames?: readonly string[];
  /** Version of the operators, 18 (the default) to 22. */
  readonly opset?: number;
}

const whereOf = (eqn: Equation): string => (eqn.site ? ` at ${eqn.site.toString()}` : '');

/** Results that no element of an operand goes into: computed now. */
function withoutElements(g: OnnxGraph, eqn: Equation): string[] | undefined {
  const outs = eqn.outputs.map((v) => v.aval);
  if (outs.every((aval) => aval.size === 0)) return outs.map((aval) => g.zeros(aval));
  const { reference } = recordOf(eqn);
  const isEmpty = eqn.inputs.length > 0 && eqn.inputs.every((a) => a.aval.size === 0);
  if (!isEmpty || !reference) return undefined;
  const args = eqn.inputs.map(({ aval }): HostArray => ({ aval, data: makeTypedArray(aval.dtype, 0) }));
  const results = outs.map((aval): HostArray => ({ aval, data: makeUnrounded(aval.dtype, aval.size) }));
  reference(args, results, eqn.params);
  return results.map(({ aval, data }) => g.array(rounded(data, aval.dtype), aval));
}

function lowerEquation(g: OnnxGraph, eqn: Equation, x: readonly Operand[]): readonly string[] {
  const record = recordOf(eqn);
  const outs = eqn.outputs.map((v) => v.aval);
  const application: Application<object> = { g, x, params: eqn.params, outs, inline };
  if (record.lower.kind === 'control') return lowerControl(application, record.lower.control(eqn.params));
  const rule = lowerings.get(record);
  if (rule) {
    const results = withoutElements(g, eqn) ?? rule(application);
    return typeof results === 'string' ? [results] : results;
  }
  const avals = eqn.inputs.map((a) => a.aval.toString()).join(', ');
  throw new FileError(
    `exportOnnx: expected primitives that ONNX can express, got ${record.name} of (${avals})${whereOf(eqn)}.`,
    unsupported.get(record),
    { primitive: record.name, site: eqn.site?.toString() },
  );
}

/** Writes the equations of a Program into a graph; the names of its results. */
function inline(g: OnnxGraph, program: Program, args: readonly string[]): string[] {
  const env = new Map<Var, string>(program.inputs.map((v, i) => [v, args[i]!]));
  const nameOf = (a: Atom): string => (a.kind === 'var' ? env.get(a)! : g.tensor(a.value as ConcreteTensor));
  for (const eqn of program.equations) {
    const results = lowerEquation(
      g,
      eqn,
      eqn.inputs.map((a) => ({ name: nameOf(a), aval: a.aval })),
    );
    eqn.outputs.forEach((v, i) => env.set(v, results[i]!));
  }
  return program.outputs.map(nameOf);
}

function namesFor(option: string, given: readonly string[] | undefined, count: number, stem: string): string[] {
  const names = given ?? Array.from({ length: count }, (_, i) => `${stem}${i}`);
  const isWell = names.length === count && names.every((n) => typeof n === 'string' && n !== '');
  if (isWell && new Set(names).size === count) return [...names];
  throw new ArgumentError(
    `exportOnnx: expected ${count} distinct names in ${option}, got ${JSON.stringify(given)}.`,
    'there is one for each tensor, in the order of tree.leaves.',
  );
}

/** A protocol buffer ends at 2 GiB. */
const largestModel = 2 ** 31 - 1;

/** The ONNX model of a Program. */
export function programToOnnx(program: Program, options: ExportOptions = {}): Uint8Array<ArrayBuffer> {
  checkOptions('exportOnnx', options, ['inputNames', 'outputNames', 'opset']);
  const { opset = 18 } = options;
  if (!opsets.includes(opset)) {
    throw new ArgumentError(`exportOnnx: expected an opset of ${opsets.join(', ')}, got ${opset}.`);
  }
  const inputNames = namesFor('inputNames', options.inputNames, program.inputs.length, 'input');
  const outputNames = namesFor('outputNames', options.outputNames, program.outputs.length, 'output');
  const shared = outputNames.find((name) => inputNames.includes(name));
  if (shared !== undefined)
    throw new ArgumentError(`exportOnnx: expected inputs and outputs of different names, got ${shared} twice.`);
  const optimized = optimizeProgram(program);
  const g = new OnnxGraph([...inputNames, ...outputNames]);
  const results = inline(g, optimized, inputNames);
  outputNames.forEach((name, i) => g.nameAs(results[i]!, name));
  if (g.constantBytes > largestModel) {
    throw new FileError(
      `exportOnnx: expected constants of less than 2 GiB in all, got ${g.constantBytes} bytes.`,
      'pass the parameters as arguments in place of closing over them.',
    );
  }
  const inputs = inputNames.map((name, i) => valueMessage(name, program.inAvals[i]!));
  const outputs = outputNames.map((name, i) => valueMessage(name, program.outAvals[i]!));
  return writeModel(g.message(program.name || 'main', inputs, outputs), opset);
}

/**
 * A function as an ONNX model: what it computes at arguments of the examples' shapes and dtypes.
 *
 * What the function closes over (parameters) becomes part of the model; its arguments and results are the model's inputs and outputs, one
 * for each tensor, with fixed shapes. `jit`, `vmap`, `checkpoint`, custom rules and derivatives are already gone in what is written; `lax.cond`
 * becomes If, `scan` and loops become Loop. 16-bit floats are kept as such between operations that compute in float32. What a maximum over
 * axes or windows makes of a NaN among its elements is up to the runtime.
 *
 * @param f any function that can be traced
 * @returns given example arguments (or `shapeDtypeStruct`s), the bytes of the file
 * @throws FileError for a primitive that ONNX cannot express, with the line that it comes from
 * @throws DTypeError for an operation that ONNX has for other dtypes only
 * @example
 * ```ts
 * import { np, random } from 'cotangent';
 * import { Linear } from 'cotangent/nn';
 * import { exportOnnx } from 'cotangent/onnx';
 * const layer = new Linear(2, 3, { key: random.key(0) });
 * const bytes = exportOnnx((x) => np.tanh(layer.call(x)), { inputNames: ['x'], outputNames: ['y'] })(np.ones([1, 2]));
 * console.log(bytes.length > 100); // => true
 * ```
 */
export function exportOnnx<A extends readonly unknown[] = Tensor[]>(
  f: (...args: A) => unknown,
  options: ExportOptions = {},
): (...exampleArgs: LiftArgs<A>) => Uint8Array<ArrayBuffer> {
  return (...exampleArgs) => programToOnnx(makeProgram(f)(...exampleArgs), options);
}
