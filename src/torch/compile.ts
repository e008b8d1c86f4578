/**
 * `compile`: a function of this face through the core's `jit`, with gradients.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import type { Tensor as CoreTensor } from '../core/tensor.ts';
import { evalTrace, withTrace } from '../core/trace.ts';
import { checkFunction } from '../api/args.ts';
import { jit } from '../api/jit.ts';
import { foldIn, key } from '../api/random/index.ts';
import { type Generator, keyFrom } from './generator.ts';
import { withModes } from './modes.ts';
import type { Tensor } from './tensor.ts';
import { holdsTensors, unwrap, wrap } from './trees.ts';

type Flat = (captured: readonly CoreTensor[], keys: readonly CoreTensor[], ...args: readonly unknown[]) => unknown;

/** A key in a trace that is made again once it is known which generators it draws from. */
const placeholder = (): CoreTensor => withTrace(evalTrace, () => key(0));

/** One kind of call: which arguments are tensors. */
class Compiled {
  private readonly f: (...args: never[]) => unknown;
  private readonly staticArgnums: readonly number[];
  /** Tensors that the function closes over; they are arguments of the compiled code, so it sees their values of each call. */
  private captured: Tensor[] = [];
  private missing = new Set<Tensor>();
  /** Generators that it draws from; each call passes a key of each. */
  private generators: Generator[] = [];
  private unknown = new Set<Generator>();
  private jitted: Flat;

  constructor(f: (...args: never[]) => unknown, isStatic: readonly boolean[]) {
    this.f = f;
    this.staticArgnums = isStatic.flatMap((is, i) => (is ? [i + 2] : []));
    this.jitted = this.compile();
  }

  private compile(): Flat {
    const { captured, missing, generators, unknown } = this;
    const traced = (
      values: readonly CoreTensor[],
      given: readonly CoreTensor[],
      ...args: readonly unknown[]
    ): unknown => {
      const inputs = new Map(captured.map((x, i) => [x, values[i]!]));
      const captures = (x: Tensor): CoreTensor | undefined => {
        const input = inputs.get(x);
        if (input === undefined) missing.add(x);
        return input;
      };
      let drawn = 0;
      const keys = (generator: Generator): CoreTensor => {
        const own = given[generators.indexOf(generator)];
        if (own === undefined) unknown.add(generator);
        return own === undefined ? placeholder() : foldIn(own, drawn++);
      };
      // Whether results are recorded is a matter of each call.
      const modesInside = { captures, keys, isGradEnabled: true, stopsAt: undefined };
      return withModes(modesInside, () => unwrap(this.f(...(args.map(wrap) as never[]))));
    };
    Object.defineProperty(traced, 'name', { value: this.f.name });
    return jit(traced as never, { staticArgnums: this.staticArgnums }) as unknown as Flat;
  }

  call(args: readonly unknown[]): unknown {
    for (;;) {
      const result = this.jitted(
        this.captured.map((x) => x.asCore()),
        this.generators.map((g) => keyFrom({ generator: g })),
        ...args,
      );
      if (this.missing.size === 0 && this.unknown.size === 0) return wrap(result);
      // Met while tracing: from now on they are arguments.
      this.captured = [...this.captured, ...this.missing];
      this.missing = new Set();
      this.generators = [...this.generators, ...this.unknown];
      this.unknown = new Set();
      this.jitted = this.compile();
    }
  }
}

/**
 * Compiles a function: it is traced the first time it meets tensors of given shapes and dtypes, and runs as one unit from then on, forward
 * and backward. Tensors that it closes over (parameters) get their gradients too. Arguments without tensors are constants: each new value
 * compiles anew. Random numbers are new in each call.
 * @throws TraceError if it asks a traced tensor for its numbers, or changes one from outside in place
 * @example
 * ```ts
 * import { compile, tensor } from 'cotangent/torch';
 * const w = tensor([1, 2], { requiresGrad: true });
 * const f = compile((x) => x.mul(w).tanh().sum());
 * f(tensor([0, 0])).backward();
 * console.log(w.grad?.tolist()); // => [ 0, 0 ]
 * ```
 */
export function compile<A extends readonly unknown[] = Tensor[], R = Tensor>(f: (...args: A) => R): (...args: A) => R {
  checkFunction('compile', f);
  const kinds = new Map<string, Compiled>();
  return (...args) => {
    const isStatic = args.map((x) => !holdsTensors(x));
    const kind = isStatic.map(Number).join('');
    let compiled = kinds.get(kind);
    if (compiled === undefined) kinds.set(kind, (compiled = new Compiled(f as never, isStatic)));
    return compiled.call(args) as R;
  };
}
