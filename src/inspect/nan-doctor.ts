/**
 * `nanDoctor`: which operation first makes a NaN, forward and in the gradient.
 * May import: `api` and everything below it.
 * @module
 */
import { type AnyFunction, checkFunction, functionName, type LiftArgs } from '../api/args.ts';
import { vjp } from '../api/grad.ts';
import { historyOf } from '../api/jit-history.ts';
import { checkCount, checkOptions } from '../api/options.ts';
import { activeExecutor, withExecutor } from '../core/executor.ts';
import { flatten, type TreeDef, unflatten } from '../core/pytree.ts';
import { observeSites } from '../core/site.ts';
import { ConcreteTensor, hostTensor, type Tensor } from '../core/tensor.ts';
import { isFloat, makeTypedArray, type TypedArray } from '../ir/dtype.ts';
import { CotangentError } from '../ir/errors.ts';
import { refusePromise } from './refuse-promise.ts';
import { type NanFinding, NanReport, type NonFinite, type OperandReport } from './nan-report.ts';
import { type Operation, WatchingExecutor } from './watching-executor.ts';

export interface NanDoctorOptions {
  /** Look at the gradient of the sum of the results, too. Default true. */
  readonly gradient?: boolean;
  /** Report infinities, too. Default true. */
  readonly infinities?: boolean;
  /** Findings after which the rest is not listed. Default 10. */
  readonly maxFindings?: number;
}

interface Counts {
  readonly nans: number;
  readonly infinities: number;
  /** Position of the first. */
  readonly firstNan: number;
  readonly firstInfinity: number;
}

const finite: Counts = { nans: 0, infinities: 0, firstNan: -1, firstInfinity: -1 };

function countsOf(t: ConcreteTensor): Counts {
  if (!isFloat(t.dtype)) return finite;
  const data = t.read();
  let [nans, infinities, firstNan, firstInfinity] = [0, 0, -1, -1];
  for (let i = 0; i < data.length; i++) {
    const x = data[i]!;
    // Zero for every finite number, NaN for the rest.
    if (x - x === 0) continue;
    if (Number.isNaN(x)) {
      if (nans++ === 0) firstNan = i;
    } else if (infinities++ === 0) firstInfinity = i;
  }
  return { nans, infinities, firstNan, firstInfinity };
}

/** Multi-index of a row-major position. */
function indexOf(position: number, shape: readonly number[]): number[] {
  const out: number[] = [];
  let rest = position;
  for (const n of shape.toReversed()) {
    out.unshift(rest % n);
    rest = Math.floor(rest / n);
  }
  return out;
}

/** Element of an operand that belongs to the result's element at `index`: the same, or the one that is broadcast there. */
function valueAt(t: ConcreteTensor, index: readonly number[], shape: readonly number[]): number | undefined {
  const own = t.shape;
  const fits = own.length === shape.length && own.every((n, i) => n === shape[i] || n === 1);
  if (own.length > 0 && !fits) return undefined;
  const position = own.reduce((p, n, i) => p * n + (n === 1 ? 0 : index[i]!), 0);
  return t.read()[position];
}

function describeOperand(t: ConcreteTensor, index: readonly number[], shape: readonly number[]): OperandReport {
  let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const x of t.read()) {
    if (x < min) min = x;
    if (x > max) max = x;
  }
  return { aval: t.aval.toString(), value: valueAt(t, index, shape), min, max };
}

/** Collects what goes wrong while operations run. */
class Watch {
  readonly findings: NanFinding[] = [];
  phase: NanFinding['phase'] = 'forward';
  operations = 0;
  private readonly seen = new Set<string>();
  private readonly infinities: boolean;
  private readonly maxFindings: number;

  constructor(infinities: boolean, maxFindings: number) {
    this.infinities = infinities;
    this.maxFindings = maxFindings;
  }

  look(operation: Operation): void {
    if (this.phase === 'forward') this.operations++;
    const { outs, args } = operation;
    for (const out of outs) {
      const counts = countsOf(out);
      if (counts.nans === 0 && counts.infinities === 0) continue;
      const before = args.map(countsOf);
      const hadNan = before.some((c) => c.nans > 0);
      const hadInfinity = before.some((c) => c.infinities > 0);
      if (counts.nans > 0 && !hadNan) this.note('NaN', operation, out, counts.firstNan, counts.nans);
      else if (this.infinities && counts.infinities > 0 && !hadNan && !hadInfinity)
        this.note('Infinity', operation, out, counts.firstInfinity, counts.infinities);
    }
  }

  private note(
    kind: NanFinding['kind'],
    operation: Operation,
    out: ConcreteTensor,
    first: number,
    count: number,
  ): void {
    const { primitive, place, context, args } = operation;
    // The forward pass runs again under the derivative.
    const key = `${kind} ${primitive.name} ${place} ${args.map((a) => a.aval.toString()).join(' ')}`;
    if (this.seen.has(key) || this.findings.length >= this.maxFindings) return;
    this.seen.add(key);
    const index = indexOf(first, out.shape);
    this.findings.push({
      kind,
      phase: this.phase,
      operation: primitive.name,
      place,
      context,
      aval: out.aval.toString(),
      index,
      count,
      size: out.size,
      operands: args.map((a) => describeOperand(a, index, out.shape)),
    });
  }
}

function nonFinite(tree: unknown, path: (def: TreeDef, i: number) => string): NonFinite[] {
  const [leaves, def] = flatten(tree);
  return leaves.flatMap((x, i) => {
    if (!(x instanceof ConcreteTensor)) return [];
    const { nans, infinities } = countsOf(x);
    return nans + infinities > 0 ? [{ path: path(def, i), aval: x.aval.toString(), nans, infinities }] : [];
  });
}

const ones = (t: Tensor): Tensor => {
  const data = makeTypedArray(t.dtype, t.size);
  return hostTensor((isFloat(t.dtype) ? data.fill(1) : data) as TypedArray, t.aval.strong());
};

/** Gradient of the sum of the results with respect to every argument that has floats, and paths of its leaves. */
function gradient(f: AnyFunction, args: readonly unknown[]): NonFinite[] {
  const isDifferentiable = args.map((x) => {
    const [leaves] = flatten(x);
    return leaves.some((leaf) => typeof leaf === 'number' || (leaf instanceof ConcreteTensor && isFloat(leaf.dtype)));
  });
  const positions = args.flatMap((_, i) => (isDifferentiable[i] ? [i] : []));
  const partial = (...some: unknown[]): unknown => {
    let next = 0;
    return f(...(args.map((x, i) => (isDifferentiable[i] ? some[next++] : x)) as never[]));
  };
  const primals = positions.map((i) => args[i]) as Tensor[];
  const [out, pullBack] = vjp(partial as (...a: Tensor[]) => Tensor, ...primals);
  const [leaves] = flatten(out);
  if (leaves.every((x) => !isFloat((x as Tensor).dtype))) return [];
  const cotangents = mapLeaves(out, ones);
  const grads = (pullBack as (ct: unknown) => unknown[])(cotangents);
  return positions.flatMap((at, k) => nonFinite(grads[k], (def, i) => `gradient of args[${at}]${def.path(i)}`));
}

function mapLeaves(tree: unknown, f: (t: Tensor) => Tensor): unknown {
  const [leaves, def] = flatten(tree);
  return unflatten(
    def,
    leaves.map((x) => f(x as Tensor)),
  );
}

/**
 * Finds the first operation that makes a NaN, or an infinity, although none of its operands holds one: in the function itself and in its
 * gradient (of the sum of its results), inside jitted functions, loops and branches too.
 *
 * A NaN in a gradient mostly comes from `np.where(ok, f(x), 0)`: the side that is not taken is differentiated, and 0 · ∞ is NaN. The report names
 * the line of the forward operation, the operands and their values. Every operation runs by itself and its result is searched: slow, and
 * for one call.
 *
 * @param f a function of pytrees of tensors, jitted or not; arguments that it donates are left as they are
 * @returns a function of the arguments, which gives the report; `String(report)` is meant for reading
 * @example
 * ```ts
 * import { np, type Tensor } from 'cotangent';
 * import { nanDoctor } from 'cotangent/inspect';
 * const length = (x: Tensor) => np.sqrt(np.sum(np.square(x)));
 * const report = nanDoctor(length)(np.zeros([3]));
 * console.log(report.isHealthy, report.first?.phase, report.findings[0]?.operation); // => false gradient div
 * ```
 */
export function nanDoctor<A extends readonly unknown[] = Tensor[]>(
  f: (...args: A) => unknown,
  options: NanDoctorOptions = {},
): (...args: LiftArgs<A>) => NanReport {
  checkFunction('nanDoctor', f);
  checkOptions(
    'nanDoctor',
    options,
    ['gradient', 'infinities', 'maxFindings'],
    'arguments go to the result: nanDoctor(f)(x).',
  );
  checkCount('nanDoctor', 'maxFindings', options.maxFindings, 1);
  const history = historyOf(f);
  const name = history === undefined ? functionName(f as AnyFunction) : `jit(${history.name})`;
  return (...args) => diagnose(name, f as AnyFunction, args, options);
}

/** Tensors for the numbers and typed arrays among the arguments, and copies of tensors: a function may take the memory of its arguments. */
function ownArgs(args: readonly unknown[]): unknown[] {
  return args.map((x) => {
    const [leaves, def] = flatten(x);
    const copy = (leaf: unknown): unknown =>
      leaf instanceof ConcreteTensor ? hostTensor(leaf.read().slice() as TypedArray, leaf.aval) : leaf;
    return unflatten(def, leaves.map(copy));
  });
}

function diagnose(name: string, f: AnyFunction, args: readonly unknown[], options: NanDoctorOptions): NanReport {
  const { gradient: wantsGradient = true, infinities = true, maxFindings = 10 } = options;
  const watch = new Watch(infinities, maxFindings);
  const executor = new WatchingExecutor(activeExecutor(), (operation) => watch.look(operation));
  const found = nonFinite(args, (def, i) => `args${def.path(i)}`);
  let noGradient: string | undefined;
  withExecutor(executor, () =>
    observeSites(() => {
      const result = f(...(ownArgs(args) as never[]));
      refusePromise('nanDoctor', result);
      found.push(...nonFinite(result, (def, i) => `result${def.path(i)}`));
      if (!wantsGradient) return;
      watch.phase = 'gradient';
      try {
        found.push(...gradient(f, ownArgs(args)));
      } catch (error) {
        if (!(error instanceof CotangentError)) throw error;
        noGradient = error.message.split('\n')[0];
      }
    }),
  );
  return new NanReport(name, watch.findings, found, watch.operations, noGradient);
}
