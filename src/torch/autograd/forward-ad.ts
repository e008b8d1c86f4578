/**
 * Forward mode: dual numbers inside a level.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import { isFloat } from '../../ir/dtype.ts';
import { DifferentiationError, DTypeError, ShapeError } from '../../ir/errors.ts';
import { sameShape } from '../../ir/shape.ts';
import { flatten, unflatten } from '../../core/pytree.ts';
import { currentTrace, withTrace } from '../../core/trace.ts';
import { DualTrace } from '../../transforms/jvp.ts';
import { modes, withModes } from '../modes.ts';
import { shown, Tensor } from '../tensor.ts';

/** A value and its tangent; null where it has none. */
export interface UnpackedDual {
  readonly primal: Tensor;
  readonly tangent: Tensor | null;
}

const isTensor = (x: unknown): boolean => x instanceof Tensor;

/**
 * Runs `f`, inside which `makeDual` gives tensors tangents that every operation carries on. What it returns comes back without them.
 * @example
 * ```ts
 * import { autograd, tensor } from 'cotangent/torch';
 * const { dualLevel, makeDual, unpackDual } = autograd.forwardAd;
 * const slope = dualLevel(() => unpackDual(makeDual(tensor(3), tensor(1)).pow(2)).tangent);
 * console.log(slope?.item()); // => 6
 * ```
 */
export function dualLevel<T>(f: () => T): T {
  const parent = currentTrace();
  const trace = new DualTrace('dualLevel', parent, parent);
  try {
    const result = withModes({ home: trace, dual: trace }, () => withTrace(trace, f));
    const [leaves, def] = flatten(result, isTensor);
    return unflatten(
      def,
      leaves.map((x) => (x instanceof Tensor ? primalOf(trace, x) : x)),
    ) as T;
  } finally {
    trace.isAlive = false;
  }
}

/** The value without its tangent, with its history outside the level. */
function primalOf(trace: DualTrace, x: Tensor): Tensor {
  const { value } = x;
  const primal = trace.primalOf(value);
  if (primal === value) return x;
  return primal instanceof Tensor ? primal : new Tensor(primal, x.edge());
}

/** The level that is under way. */
function levelFor(op: string): DualTrace {
  const { dual } = modes;
  if (dual !== undefined && currentTrace() === dual) return dual;
  throw new DifferentiationError(
    `${op}: expected a call inside dualLevel, got one outside. Trying to create a dual Tensor for forward AD but no level exists, make ` +
      'sure to enter_dual_level() first.',
    'forwardAd.dualLevel(() => …).',
  );
}

/** The value of `tensor` with a tangent of its shape. */
export function makeDual(tensor: Tensor, tangent: Tensor): Tensor {
  const trace = levelFor('makeDual');
  if (!isFloat(tensor.dtype) || tensor.dtype !== tangent.dtype) {
    throw new DTypeError(
      `makeDual: expected a float and a tangent of its dtype, got ${tensor.aval.toString()} and ${tangent.aval.toString()}: Expected tangent ` +
        'to be floating point or complex and of the dtype of its primal.',
    );
  }
  if (!sameShape(tensor.shape, tangent.shape)) {
    throw new ShapeError(
      `makeDual: expected a tangent like its primal ${tensor.aval.toString()}, got ${tangent.aval.toString()}: has incompatible tensor geometry.`,
    );
  }
  return new Tensor(trace.lift(outerValue(tensor), outerValue(tangent)), tensor.edge());
}

/** As operations outside the level see it: with history, if it has any. */
const outerValue = (x: Tensor): ReturnType<Tensor['asCore']> => (x.requiresGrad ? x.asCore() : x.value);

/** Value and tangent of a dual tensor. */
export function unpackDual(tensor: Tensor): UnpackedDual {
  const trace = levelFor('unpackDual');
  const tangent = trace.tangentOf(tensor.value);
  return {
    primal: primalOf(trace, tensor),
    tangent: shown(tangent),
  };
}
