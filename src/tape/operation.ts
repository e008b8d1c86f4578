/**
 * Operations: what a recorded step of a computation did, with the pullbacks derived from it so far.
 * May import: `util`, `ir`, `core`, `primitives`, `transforms`, `control`.
 * @module
 */
import type { Aval } from '../ir/aval.ts';
import { type Params, type Program, subPrograms } from '../ir/program.ts';
import { evalProgram } from '../core/evaluate.ts';
import { paramsKey } from '../core/params-key.ts';
import type { AnyPrimitive } from '../core/primitive.ts';
import { traceClosedProgram } from '../core/program-trace.ts';
import type { Tensor } from '../core/tensor.ts';
import { bind } from '../core/trace.ts';
import { Recent } from '../util/recent.ts';
import { Pullback, type PullbackStep, withoutSites } from './pullback.ts';

interface Entry {
  readonly avals: readonly Aval[];
  readonly isWanted: readonly boolean[];
  readonly pullback: Pullback;
}

/** Entries that are looked through before a key is made. */
const maxRecent = 4;

/**
 * A function of flat tensors that closes over no tensor, the same each time it is applied. Its pullbacks are derived once for each set
 * of types of its inputs, and of inputs whose derivative is wanted.
 */
export class Operation {
  readonly name: string;
  readonly apply: (args: readonly Tensor[]) => readonly Tensor[];
  private readonly recent: Entry[] = [];
  private readonly all = new Recent<Entry>(256, 1 << 16);

  constructor(name: string, apply: (args: readonly Tensor[]) => readonly Tensor[]) {
    this.name = name;
    this.apply = apply;
  }

  /** The pullback at `args` towards those that `isWanted` marks, which are of floating type. */
  pullback(args: readonly Tensor[], isWanted: readonly boolean[]): Pullback {
    const { recent } = this;
    for (let k = 0; k < recent.length; k++) {
      const entry = recent[k]!;
      if (!fits(entry, args, isWanted)) continue;
      if (k > 0) {
        recent[k] = recent[k - 1]!;
        recent[k - 1] = entry;
      }
      return entry.pullback;
    }
    return this.find(args, isWanted);
  }

  private find(args: readonly Tensor[], isWanted: readonly boolean[]): Pullback {
    let key = '';
    for (let i = 0; i < args.length; i++) key += `${args[i]!.aval.toString()}${isWanted[i] ? '!' : ';'}`;
    let entry = this.all.get(key);
    if (entry === undefined) {
      const avals = args.map((x) => x.aval);
      const pullback = withoutSites(
        () => new Pullback(traceClosedProgram(this.name, avals, this.apply), [...isWanted]),
      );
      this.all.add(key, (entry = { avals, isWanted: [...isWanted], pullback }));
    }
    this.recent.unshift(entry);
    if (this.recent.length > maxRecent) this.recent.pop();
    return entry.pullback;
  }
}

function fits({ avals, isWanted: wanted }: Entry, args: readonly Tensor[], isWanted: readonly boolean[]): boolean {
  if (avals.length !== args.length) return false;
  for (let i = 0; i < avals.length; i++) {
    if (wanted[i] !== isWanted[i]) return false;
    const aval = args[i]!.aval;
    if (avals[i] !== aval && !avals[i]!.equals(aval)) return false;
  }
  return true;
}

const operationOfStep = new WeakMap<PullbackStep, Operation>();

/** A step of a pullback as an operation that can itself be recorded: derivatives of derivatives. */
export function stepOperation(step: PullbackStep): Operation {
  let found = operationOfStep.get(step);
  if (found === undefined) {
    const { program } = step;
    operationOfStep.set(step, (found = new Operation(program.name, (args) => evalProgram(program, args))));
  }
  return found;
}

/** Operations that differ in their parameters. Equal parameters give one operation. */
export class OperationFamily<P> {
  readonly name: string;
  private readonly apply: (args: readonly Tensor[], params: P) => readonly Tensor[];
  private readonly byKey = new Recent<Operation>(1024, 1 << 18);
  private lastParams: P | undefined;
  private last: Operation | undefined;

  constructor(name: string, apply: (args: readonly Tensor[], params: P) => readonly Tensor[]) {
    this.name = name;
    this.apply = apply;
  }

  of(params: P): Operation {
    if (this.lastParams === params && this.last !== undefined) return this.last;
    const key = paramsKey(params);
    let found = this.byKey.get(key);
    if (found === undefined) {
      const { apply } = this;
      this.byKey.add(key, (found = new Operation(this.name, (args) => apply(args, params))));
    }
    this.lastParams = params;
    this.last = found;
    return found;
  }
}

type PrimitiveOperations = Map<AnyPrimitive, OperationFamily<object>>;

const plain: PrimitiveOperations = new Map();
/** What carries a Program goes with it. */
const carrying = new WeakMap<Program, PrimitiveOperations>();

function familyOf(primitive: AnyPrimitive, params: object): OperationFamily<object> {
  let home = plain;
  if (primitive.calculus.kind === 'structured') {
    const [program] = subPrograms(params as Params);
    if (program !== undefined) {
      home = carrying.get(program) ?? new Map();
      carrying.set(program, home);
    }
  }
  let found = home.get(primitive);
  if (found === undefined) {
    const { name } = primitive;
    found = new OperationFamily(name, (args, p) => bind(primitive, args, p));
    home.set(primitive, found);
  }
  return found;
}

/** A primitive with its parameters as an operation. Equal parameters give one operation. */
export const primitiveOperation = (primitive: AnyPrimitive, params: object): Operation =>
  familyOf(primitive, params).of(params);
