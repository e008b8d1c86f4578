/**
 * Operations on scalars, computed on the host: a few numbers cost less there than a call of compiled code. Only what rounds as kernels
 * do is computed here (`onHost` of a primitive), and never a NaN, whose bits JavaScript does not keep.
 * May import: `ir`, `core`.
 * @module
 */
import type { Aval } from '../ir/aval.ts';
import { castScalar, isFloat } from '../ir/dtype.ts';
import type { AnyPrimitive, HostRule } from './primitive.ts';
import { ConcreteTensor, hostScalar, type Tensor } from './tensor.ts';

/** The number of a concrete scalar that the host holds. */
export const numberOf = (x: Tensor): number | undefined => (x instanceof ConcreteTensor ? x.scalar : undefined);

/** The result of `primitive`, or undefined where that needs a kernel. */
export function evaluateScalar(
  primitive: AnyPrimitive,
  rule: HostRule<object>,
  args: readonly Tensor[],
  params: object,
): ConcreteTensor | undefined {
  const first = args[0]!;
  if (first.aval.shape.length > 0) return undefined;
  const x = numberOf(first);
  if (x === undefined) return undefined;
  const y = args.length > 1 ? numberOf(args[1]!) : 0;
  const z = args.length > 2 ? numberOf(args[2]!) : 0;
  if (y === undefined || z === undefined) return undefined;
  const aval = scalarResult(primitive, rule, args, params);
  const operand = args[args.length - 1]!.aval.dtype;
  const value = castScalar(rule.compute(x, y, z, operand, params), aval.dtype);
  return Number.isNaN(value) ? undefined : hostScalar(value, aval);
}

/** Mostly the operands have one type, which is the result's. */
function scalarResult(primitive: AnyPrimitive, rule: HostRule<object>, args: readonly Tensor[], params: object): Aval {
  const { aval } = args[0]!;
  const isUniform = rule.keepsFloats && isFloat(aval.dtype);
  if (isUniform && (args.length === 1 || (args.length === 2 && args[1]!.aval === aval))) return aval;
  return primitive.abstractEval(
    args.map((a) => a.aval),
    params,
  )[0]!;
}
