/**
 * A traced loop whose number of iterations depends on data, with a derivative in reverse mode. The loop itself is XLA's kind of `while`,
 * in memory of fixed size; its derivative needs the state of each iteration, last to first. They are computed again: the states at
 * about evenly spaced iterations are kept in a table, and for each stretch between two of those the same is done once more. With a
 * table of B states that is three forward passes for up to B² iterations; beyond that, stretches of the second kind are longer than
 * one, and each of their states is computed from the start of the stretch.
 * Griewank and Walther 2008, "Evaluating derivatives", chapter 12, for checkpointing schedules.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import { isFloat } from '../ir/dtype.ts';
import type { Program } from '../ir/program.ts';
import { evalProgram } from '../core/evaluate.ts';
import type { MaybeZero } from '../core/primitive.ts';
import { unflatten } from '../core/pytree.ts';
import { scalarTensor, type Tensor } from '../core/tensor.ts';
import type { CustomVjpCall } from '../core/trace.ts';
import { applyCustomVjp } from '../control/custom.ts';
import { add, div, mul, sub } from '../primitives/arithmetic.ts';
import { lt } from '../primitives/compare.ts';
import { and } from '../primitives/elementwise-bits.ts';
import { zeros } from '../transforms/jvp.ts';
import { Linearized } from '../transforms/linearize.ts';
import { type AnyFunction, flattenArgs } from '../api/args.ts';
import { settleCarry, traceBranch } from '../api/lax/control.ts';
import { dynamicIndexInDim, dynamicUpdateIndexInDim, min, whileLoop } from '../api/lax/index.ts';
import { nextVars, truth } from './loop-vars.ts';

/** Memory that both tables of states may take together, bytes. */
const tableBytes: number = 64 << 20;
const [fewest, most] = [8, 256];

const int = (n: number): Tensor => scalarTensor(n, 'int32');

/** `body` applied to `state` while `test` holds. */
type Body = (state: readonly Tensor[]) => Tensor[];

/** `f` of i and the state, for i from 0 up to `count`. */
function repeat(
  count: Tensor,
  state: readonly Tensor[],
  f: (i: Tensor, state: readonly Tensor[]) => Tensor[],
): Tensor[] {
  type Carry = { readonly i: Tensor; readonly state: readonly Tensor[] };
  const step = ({ i, state: s }: Carry): Carry => ({ i: add(i, int(1)), state: f(i, s) });
  const end = whileLoop(({ i }: Carry) => lt(i, count), step as never, { i: int(0), state: [...state] }) as Carry;
  return [...end.state];
}

/** What is carried backward: cotangents of the state and of what the body closes over; floats only. */
interface Pulled {
  readonly state: readonly Tensor[];
  readonly consts: readonly Tensor[];
}

class WhileGradient {
  private readonly body: Program;
  private readonly consts: readonly Tensor[];
  private readonly slots: number;

  constructor(body: Program, consts: readonly Tensor[], start: readonly Tensor[]) {
    this.body = body;
    this.consts = consts;
    const bytes = start.reduce((sum, x) => sum + x.aval.bytes, 1);
    this.slots = Math.max(fewest, Math.min(most, Math.floor(tableBytes / (2 * bytes))));
  }

  private readonly advance: Body = (state) => evalProgram(this.body, [...this.consts, ...state]);

  /** Cotangents before `count` iterations from those after them. */
  backward(start: readonly Tensor[], count: Tensor, after: Pulled): Pulled {
    return this.overStretches(start, count, after, (s, n, ct) =>
      this.overStretches(s, n, ct, (t, m, inner) => this.overSteps(t, m, inner)),
    );
  }

  /** Stretches of one length (but for the last), the states at whose beginnings fit a table; last to first. */
  private overStretches(
    start: readonly Tensor[],
    count: Tensor,
    after: Pulled,
    within: (start: readonly Tensor[], count: Tensor, after: Pulled) => Pulled,
  ): Pulled {
    const stride = div(add(count, int(this.slots - 1)), int(this.slots));
    // No iterations: a stride of zero, and no stretches.
    const stretches = div(sub(add(count, stride), int(1)), add(stride, lt(stride, int(1)).astype('int32')));
    const lengthOf = (k: Tensor): Tensor => min(stride, sub(count, mul(k, stride)));
    const table = this.fill(start, stretches, lengthOf);
    const numStates = after.state.length;
    const flat = repeat(stretches, [...after.state, ...after.consts], (i, cts) => {
      const k = sub(sub(stretches, i), int(1));
      const from = table.map((t) => dynamicIndexInDim(t, k, { axis: 0, keepdims: false }));
      const given = { state: cts.slice(0, numStates), consts: cts.slice(numStates) };
      const { state, consts } = within(from, lengthOf(k), given);
      return [...state, ...consts];
    });
    return { state: flat.slice(0, numStates), consts: flat.slice(numStates) };
  }

  private fill(start: readonly Tensor[], stretches: Tensor, lengthOf: (k: Tensor) => Tensor): Tensor[] {
    const empty = start.map((x) => zeros(x.aval.strong().withShape([this.slots, ...x.shape])));
    const n = start.length;
    const filled = repeat(stretches, [...start, ...empty], (k, all) => {
      const [state, table] = [all.slice(0, n), all.slice(n)];
      const next = repeat(lengthOf(k), state, (_i, s) => this.advance(s));
      return [...next, ...table.map((t, i) => dynamicUpdateIndexInDim(t, state[i]!, k, 0))];
    });
    return filled.slice(n);
  }

  /** Iterations one by one, each state computed from the start. */
  private overSteps(start: readonly Tensor[], count: Tensor, after: Pulled): Pulled {
    const n = after.state.length;
    const flat = repeat(count, [...after.state, ...after.consts], (i, cts) => {
      const before = sub(sub(count, i), int(1));
      const state = repeat(before, start, (_i, s) => this.advance(s));
      const pulled = this.pull(state, { state: cts.slice(0, n), consts: cts.slice(n) });
      return [...pulled.state, ...pulled.consts];
    });
    return { state: flat.slice(0, n), consts: flat.slice(n) };
  }

  private pull(state: readonly Tensor[], after: Pulled): Pulled {
    const args = [...this.consts, ...state];
    const linear = new Linearized('whileLoop', (xs) => evalProgram(this.body, xs), args);
    let next = 0;
    const grads = linear.vjp(state.map((x) => (isFloat(x.dtype) ? after.state[next++]! : null)));
    const present = (from: number, to: number): Tensor[] =>
      args.slice(from, to).flatMap((x, i) => (isFloat(x.dtype) ? [grads[from + i] ?? zeros(x.aval.strong())] : []));
    const numConsts = this.consts.length;
    return {
      state: present(numConsts, args.length),
      consts: present(0, numConsts).map((g, i) => add(after.consts[i]!, g)),
    };
  }
}

interface Loop {
  readonly test: Program;
  readonly numTestConsts: number;
  readonly body: Program;
  readonly numBodyConsts: number;
  readonly limit: number;
}

/** Operands: what the condition closes over, what the body does, the state. Results: the state and the number of iterations. */
function runLoop({ test, numTestConsts, body, numBodyConsts, limit }: Loop, args: readonly Tensor[]): Tensor[] {
  const testConsts = args.slice(0, numTestConsts);
  const consts = args.slice(numTestConsts, numTestConsts + numBodyConsts);
  const start = args.slice(numTestConsts + numBodyConsts);
  type Carry = readonly Tensor[];
  const holds = ([i, ...state]: Carry): Tensor => {
    const [more] = evalProgram(test, [...testConsts, ...state]);
    const truthful = more!.dtype === 'bool' ? more! : more!.astype('bool');
    return Number.isFinite(limit) ? and(truthful, lt(i!, int(limit))) : truthful;
  };
  const step = ([i, ...state]: Carry): Carry => [add(i!, int(1)), ...evalProgram(body, [...consts, ...state])];
  const [count, ...state] = whileLoop(holds as never, step as never, [int(0), ...start]) as unknown as Tensor[];
  return [...state, count!];
}

function gradientOfLoop(loop: Loop, args: readonly Tensor[], count: Tensor, cts: readonly Tensor[]): MaybeZero[] {
  const { numTestConsts, numBodyConsts, body } = loop;
  const consts = args.slice(numTestConsts, numTestConsts + numBodyConsts);
  const start = args.slice(numTestConsts + numBodyConsts);
  const floats = <T>(xs: readonly T[], like: readonly Tensor[]): T[] => xs.filter((_, i) => isFloat(like[i]!.dtype));
  const after = {
    state: floats(cts.slice(0, start.length), start),
    consts: floats(consts, consts).map((x) => zeros(x.aval.strong())),
  };
  const found = new WhileGradient(body, consts, start).backward(start, count, after);
  const spread = (grads: readonly Tensor[], like: readonly Tensor[]): MaybeZero[] => {
    let next = 0;
    return like.map((x) => (isFloat(x.dtype) ? grads[next++]! : null));
  };
  const none = args.slice(0, numTestConsts).map((): MaybeZero => null);
  return [...none, ...spread(found.consts, consts), ...spread(found.state, start)];
}

/** The loop as control flow of the Program that is being traced. */
export function tracedWhile(
  condition: AnyFunction,
  body: AnyFunction,
  loopVars: readonly unknown[],
  limit: number,
): unknown {
  const { leaves, def } = flattenArgs('whileLoop', loopVars, 'loopVars');
  const next = (...vars: readonly unknown[]): unknown => nextVars(body(...(vars as never[])), def.children.length);
  const { leaves: start, branch } = settleCarry(
    'whileLoop',
    leaves,
    def,
    (avals) => traceBranch('whileLoop', next, def, avals),
    (d) => d,
  );
  const avals = start.map((x) => x.aval);
  const holds = (...vars: readonly unknown[]): unknown => truth('whileLoop', condition(...(vars as never[])));
  const test = traceBranch('whileLoop', holds, def, avals);
  const loop: Loop = {
    test: test.program,
    numTestConsts: test.captured.length,
    body: branch.program,
    numBodyConsts: branch.captured.length,
    limit,
  };
  const call: CustomVjpCall = {
    name: 'whileLoop',
    fun: (args) => runLoop(loop, args),
    fwd: (args) => {
      const outs = runLoop(loop, args);
      return { outs, residuals: [...args, outs.at(-1)!] };
    },
    bwd: (residuals, cts) => gradientOfLoop(loop, residuals.slice(0, -1), residuals.at(-1)!, cts),
  };
  const outs = applyCustomVjp(call, [...test.captured, ...branch.captured, ...start]);
  return unflatten(def, outs.slice(0, -1));
}
