/**
 * Derivatives held against finite differences.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import { Aval } from '../../ir/aval.ts';
import { isFloat, makeTypedArray, type TypedArray } from '../../ir/dtype.ts';
import { DifferentiationError } from '../../ir/errors.ts';
import { deviceTensor } from '../../core/tensor.ts';
import { checkOptions } from '../../api/options.ts';
import { enableGrad, noGrad } from '../grad-mode.ts';
import { Tensor } from '../tensor.ts';
import { grad, type OneOrMore, several } from './backward.ts';
import type { TensorFunction } from './functional.ts';

export interface GradcheckOptions {
  /** Step of the differences; 10⁻⁶. */
  readonly eps?: number | undefined;
  /** 10⁻⁵. */
  readonly atol?: number | undefined;
  /** 10⁻³. */
  readonly rtol?: number | undefined;
  /** Throw where a check fails, in place of giving false; true. */
  readonly raiseException?: boolean | undefined;
}

/** A derivative differs from finite differences. */
export class GradcheckError extends DifferentiationError {}

const keys = ['eps', 'atol', 'rtol', 'raiseException'] as const;

/** Which derivative differs, and by how much. */
interface Difference {
  readonly output: number;
  readonly input: number;
  readonly numerical: number;
  readonly analytical: number;
}

/**
 * Compares the gradients of `f`, entry by entry of its Jacobian, with central differences: |a − n| ≤ atol + rtol·|n|. The defaults are for
 * float64.
 * @param inputs those that require grad are checked
 * @throws GradcheckError where they differ
 */
export function gradcheck(f: TensorFunction, inputs: OneOrMore, options: GradcheckOptions = {}): boolean {
  checkOptions('gradcheck', options, keys);
  const { eps = 1e-6, atol = 1e-5, rtol = 1e-3, raiseException = true } = options;
  const all = several(inputs);
  const checked = all.flatMap((x, i) => (x.requiresGrad ? [i] : []));
  if (checked.length === 0) {
    throw new DifferentiationError(
      'gradcheck: expected at least one input that requires grad, got none: gradcheck expects at least one input tensor to require gradient.',
      'tensor(data, { dtype: "float64", requiresGrad: true }).',
    );
  }
  const outputs = several(f(...all)).filter((y) => isFloat(y.dtype));
  for (const i of checked) {
    const numerical = differences(f, all, i, eps);
    for (const [k, y] of outputs.entries()) {
      const found = compare(y, all[i]!, numerical[k]!, { atol, rtol });
      if (found === undefined) continue;
      if (!raiseException) return false;
      throw mismatch({ ...found, output: k, input: i });
    }
  }
  return true;
}

function mismatch({ output, input, numerical, analytical }: Difference): GradcheckError {
  return new GradcheckError(
    `gradcheck: expected the derivative of finite differences, got another: Jacobian mismatch for output ${output} with respect to input ` +
      `${input}, numerical: ${numerical}, analytical: ${analytical}.`,
    'use float64 inputs away from kinks; then look at the backward of the operation.',
    { output, input, numerical, analytical },
  );
}

/** For each output, the columns of the Jacobian by central differences: one for each element of input i. */
function differences(f: TensorFunction, inputs: readonly Tensor[], i: number, eps: number): TypedArray[][] {
  const x = inputs[i]!;
  const data = x.dataSync();
  const at = (j: number, step: number): TypedArray[] => {
    const moved = data.slice() as TypedArray;
    moved[j] = data[j]! + step;
    const changed = new Tensor(deviceTensor(moved, new Aval(x.shape, x.dtype)));
    const outs = noGrad(() => f(...inputs.map((y, k) => (k === i ? changed : y))));
    return several(outs)
      .filter((y) => isFloat(y.dtype))
      .map((y) => y.dataSync());
  };
  const columns: TypedArray[][] = [];
  for (let j = 0; j < data.length; j++) {
    const [above, below] = [at(j, eps), at(j, -eps)];
    above.forEach((up, k) => {
      const slopes = new Float64Array(up.length);
      for (let r = 0; r < up.length; r++) slopes[r] = (up[r]! - below[k]![r]!) / (2 * eps);
      (columns[k] ??= []).push(slopes);
    });
  }
  return columns;
}

/** The first entry of the Jacobian of `y` by `x` that differs. */
function compare(
  y: Tensor,
  x: Tensor,
  columns: readonly TypedArray[] = [],
  { atol, rtol }: { readonly atol: number; readonly rtol: number },
): Pick<Difference, 'numerical' | 'analytical'> | undefined {
  for (let r = 0; r < y.numel(); r++) {
    const row = rowOf(y, x, r);
    for (let j = 0; j < columns.length; j++) {
      const [numerical, analytical] = [columns[j]![r]!, row[j]!];
      const isClose = Math.abs(analytical - numerical) <= atol + rtol * Math.abs(numerical);
      if (!isClose) return { numerical, analytical };
    }
  }
  return undefined;
}

/** Row r of the Jacobian as a backward pass gives it. */
function rowOf(y: Tensor, x: Tensor, r: number): ArrayLike<number> {
  if (!y.requiresGrad) return new Float64Array(x.numel());
  const unit = makeTypedArray(y.dtype, y.numel());
  unit[r] = 1;
  const ct = new Tensor(deviceTensor(unit, new Aval(y.shape, y.dtype)));
  const [g] = grad(y, x, { gradOutputs: ct, retainGraph: true, allowUnused: true });
  return g?.dataSync() ?? new Float64Array(x.numel());
}

/**
 * `gradcheck` of the gradients of `f`, as functions of its inputs and of the cotangents that they start from: second derivatives.
 * @param gradOutputs ones that are drawn, unless given
 */
export function gradgradcheck(
  f: TensorFunction,
  inputs: OneOrMore,
  gradOutputs?: OneOrMore | null,
  options: GradcheckOptions = {},
): boolean {
  const all = several(inputs);
  const outputs = several(f(...all)).filter((y) => y.requiresGrad);
  const cts = gradOutputs === undefined || gradOutputs === null ? outputs.map(drawn) : [...several(gradOutputs)];
  const wanted = all.flatMap((x, i) => (x.requiresGrad ? [i] : []));
  const gradients: TensorFunction = (...xs) => {
    const point = xs.slice(0, all.length).map((x, i) => {
      if (!wanted.includes(i) || x.requiresGrad) return x;
      const own = new Tensor(x.value);
      own.requiresGrad = true;
      return own;
    });
    return gradientsAt(f, point, wanted, xs.slice(all.length));
  };
  return gradcheck(gradients, [...all, ...cts], options);
}

/** Gradients that can be differentiated, also where the rest is not recorded. */
function gradientsAt(
  f: TensorFunction,
  point: readonly Tensor[],
  wanted: readonly number[],
  cts: readonly Tensor[],
): Tensor[] {
  return enableGrad(() => {
    const ys = several(f(...point)).filter((y) => y.requiresGrad);
    const xs = wanted.map((i) => point[i]!);
    return grad(ys, xs, { gradOutputs: cts, createGraph: true, materializeGrads: true });
  });
}

/** A cotangent of fixed numbers around 1, that requires grad. */
function drawn(y: Tensor): Tensor {
  const data = makeTypedArray(y.dtype, y.numel());
  for (let i = 0; i < data.length; i++) data[i] = 0.75 + ((i * 0.618_033_988_75) % 0.5);
  const ct = new Tensor(deviceTensor(data, new Aval(y.shape, y.dtype)));
  ct.requiresGrad = true;
  return ct;
}
