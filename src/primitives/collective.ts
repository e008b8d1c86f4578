/**
 * Communication between the examples of a `vmap` with an axis name: sums, extremes, positions. Only the rule for batches computes;
 * outside a vmap of that name there is nothing to compute with, which is an error. (So these have no samples, and are not in the index.)
 * May import: `ir`, `core`, `primitives`.
 * @module
 */
import { Aval } from '../ir/aval.ts';
import { TraceError } from '../ir/errors.ts';
import { type BatchRule, type Calculus, definePrimitive, type Primitive } from '../core/primitive.ts';
import type { Tensor } from '../core/tensor.ts';
import { bind1 } from '../core/trace.ts';
import { div, like, mul } from './arithmetic.ts';
import { eq } from './compare.ts';
import { convert } from './convert.ts';
import { iota } from './iota.ts';
import { reduceMax, reduceMin } from './reduce.ts';
import { select } from './select.ts';
import { moveBatchToFront, reduceSum } from './structural.ts';

export interface CollectiveParams {
  readonly axisName: string;
}

function noAxis(name: string, { axisName }: CollectiveParams): never {
  throw new TraceError(
    `${name}: expected an enclosing vmap with axisName '${axisName}', got none.`,
    `call the function through vmap(f, { axisName: '${axisName}' }).`,
    { axisName },
  );
}

interface CollectiveRules {
  readonly name: string;
  readonly abstractEval: (x: Aval | undefined) => Aval;
  readonly calculus: Calculus<CollectiveParams>;
  /** Over the named axis, which is the first of `x` (or x is the same for all, `isMapped` false). */
  readonly over: (x: Tensor | undefined, isMapped: boolean, size: number) => readonly [Tensor, 0 | null];
}

function defineCollective(rules: CollectiveRules): Primitive<CollectiveParams> {
  const { name } = rules;
  const batch: BatchRule<CollectiveParams> = ({ size, axisName }, [x], [dim], params) => {
    if (axisName === params.axisName) {
      const front = x && typeof dim === 'number' ? moveBatchToFront(x, dim) : x;
      const [out, outDim] = rules.over(front, typeof dim === 'number', size);
      return [[out], [outDim]];
    }
    // Another vmap: each of its examples communicates by itself.
    return [[bind1(primitive, [x!], params)], [dim!]];
  };
  const primitive: Primitive<CollectiveParams> = definePrimitive<CollectiveParams>({
    name,
    abstractEval: ([x]) => [rules.abstractEval(x)],
    calculus: rules.calculus,
    batch,
    usesAxisName: (params, axisName) => params.axisName === axisName,
    reference: (_args, _outs, params) => noAxis(name, params),
    lower: { kind: 'loops', build: (_b, _inputs, _outputs, params) => noAxis(name, params) },
    samples: [],
  });
  return primitive;
}

const same = (x: Aval | undefined): Aval => x!;

/** Σ over the examples. */
export const psumP: Primitive<CollectiveParams> = defineCollective({
  name: 'psum',
  abstractEval: same,
  // Every example's x feeds every example's y: the cotangents of all are summed too.
  calculus: { kind: 'linear', transpose: ([ct], _operands, { axisName }) => [psum(ct!, axisName)] },
  over: (x, isMapped, size) => [isMapped ? reduceSum(x!, [0]) : mul(x!, like(x!, size)), null],
});

/** Those that attain the extreme share its tangent evenly, as in a reduction. */
const extremeCalculus: Calculus<CollectiveParams> = {
  kind: 'smooth',
  jvp: ([x], [t], [y], { axisName }) => {
    if (!t) return [null];
    const isAttained = eq(x!, y!);
    const total = psum(select(isAttained, t, like(t, 0)), axisName);
    return [div(total, psum(convert(isAttained, t.dtype), axisName))];
  },
};

export const pmaxP: Primitive<CollectiveParams> = defineCollective({
  name: 'pmax',
  abstractEval: same,
  calculus: extremeCalculus,
  over: (x, isMapped) => [isMapped ? reduceMax(x!, [0]) : x!, null],
});

export const pminP: Primitive<CollectiveParams> = defineCollective({
  name: 'pmin',
  abstractEval: same,
  calculus: extremeCalculus,
  over: (x, isMapped) => [isMapped ? reduceMin(x!, [0]) : x!, null],
});

/** The number of the example. No operands. */
export const axisIndexP: Primitive<CollectiveParams> = defineCollective({
  name: 'axis_index',
  abstractEval: () => new Aval([], 'int32'),
  calculus: { kind: 'piecewise-constant' },
  over: (_x, _isMapped, size) => [iota([size], 'int32', 0), 0],
});

export const psum = (x: Tensor, axisName: string): Tensor => bind1(psumP, [x], { axisName });
export const pmax = (x: Tensor, axisName: string): Tensor => bind1(pmaxP, [x], { axisName });
export const pmin = (x: Tensor, axisName: string): Tensor => bind1(pminP, [x], { axisName });
export const axisIndex = (axisName: string): Tensor => bind1(axisIndexP, [], { axisName });
