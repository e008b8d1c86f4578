/**
 * Branches and loops: If, and Loop with the constants of its body taken from the graph around it.
 * May import: `ir`, `onnx/{graph,arrays,lowering}`.
 * @module
 */
import type { Aval } from '../ir/aval.ts';
import type { ControlFlow } from '../ir/loop/lower.ts';
import { reversed } from './arrays.ts';
import { type OnnxGraph, type Operand, valueMessage } from './graph.ts';
import type { Application } from './lowering.ts';
import type { GraphMessage, ValueMessage } from './proto.ts';

type Context = Application<object>;
type Of<K extends ControlFlow['kind']> = Extract<ControlFlow, { readonly kind: K }>;

/** Results under names of their own: a value may be several results, or come from outside. */
function finished(
  inner: OnnxGraph,
  name: string,
  inputs: readonly ValueMessage[],
  results: readonly string[],
  types: readonly Omit<ValueMessage, 'name'>[],
): GraphMessage {
  const outputs = types.map((type) => ({ ...type, name: inner.fresh() }));
  outputs.forEach((output, i) => inner.nameAs(results[i]!, output.name));
  return inner.message(name, inputs, outputs);
}

const typeOf = ({ dtype, shape }: Aval): Omit<ValueMessage, 'name'> => ({ type: dtype, shape });

const names = (operands: readonly Operand[]): string[] => operands.map(({ name }) => name);

/** The first branch where the index is at most 0, else the others by what is left of it. */
function branch({ g, x, outs, inline }: Context, { branches }: Of<'branch'>): string[] {
  const [index, ...operands] = x;
  const choose = (graph: OnnxGraph, from: number): string[] => {
    if (from === branches.length - 1) return inline(graph, branches[from]!, names(operands));
    const isHere = graph.op('LessOrEqual', [index!.name, graph.scalar(from, 'int32')]);
    const side = (name: string, fill: (inner: OnnxGraph) => string[]): GraphMessage => {
      const inner = graph.inner();
      return finished(inner, name, [], fill(inner), outs.map(typeOf));
    };
    const sides = {
      then_branch: side('then', (inner) => inline(inner, branches[from]!, names(operands))),
      else_branch: side('else', (inner) => choose(inner, from + 1)),
    };
    return graph.node('If', [isHere], sides, outs.length);
  };
  return choose(g, 0);
}

const counter: Omit<ValueMessage, 'name'> = { type: 'int64', shape: [] };
const flag: Omit<ValueMessage, 'name'> = { type: 'bool', shape: [] };

interface LoopParts {
  /** Number of iterations; an empty name for no limit. */
  readonly trips: string;
  /** Whether there is a first; an empty name for yes. */
  readonly start: string;
  readonly carry: readonly string[];
  readonly carryAvals: readonly Aval[];
  readonly stacked: readonly Aval[];
  /** Whether to go on, the carry, and what is stacked. */
  readonly body: (inner: OnnxGraph, iteration: string, carry: readonly string[], goesOn: string) => readonly string[];
}

function loop(g: OnnxGraph, parts: LoopParts): string[] {
  const inner = g.inner();
  const [iteration, goesOn] = [inner.fresh(), inner.fresh()];
  const carry = parts.carryAvals.map((aval) => valueMessage(inner.fresh(), aval));
  const results = parts.body(
    inner,
    iteration,
    carry.map(({ name }) => name),
    goesOn,
  );
  const inputs = [{ ...counter, name: iteration }, { ...flag, name: goesOn }, ...carry];
  const types = [flag, ...[...parts.carryAvals, ...parts.stacked].map(typeOf)];
  const body = finished(inner, 'body', inputs, results, types);
  return g.node('Loop', [parts.trips, parts.start, ...parts.carry], { body }, types.length - 1);
}

function whileLoop({ g, x, outs, inline }: Context, flow: Of<'while'>): string[] {
  const all = names(x);
  const condConstants = all.slice(0, flow.condConstants);
  const bodyConstants = all.slice(flow.condConstants, flow.condConstants + flow.bodyConstants);
  const carry = all.slice(flow.condConstants + flow.bodyConstants);
  const test = (graph: OnnxGraph, values: readonly string[]): string =>
    inline(graph, flow.cond, [...condConstants, ...values])[0]!;
  return loop(g, {
    trips: '',
    start: test(g, carry),
    carry,
    carryAvals: outs,
    stacked: [],
    body: (inner, _iteration, values) => {
      const next = inline(inner, flow.body, [...bodyConstants, ...values]);
      return [test(inner, next), ...next];
    },
  });
}

function scan({ g, x, outs, inline }: Context, flow: Of<'scan'>): string[] {
  const { body, constants, carry: numCarry, length, reverse } = flow;
  const all = names(x);
  const xs = all.slice(constants + numCarry);
  const carryAvals = outs.slice(0, numCarry);
  const slices = outs.slice(numCarry).map((aval) => aval.withShape(aval.shape.slice(1)));
  // Without an iteration the results are empty, which drivers need not tell from unknown.
  if (length === 0) {
    return [...all.slice(constants, constants + numCarry), ...outs.slice(numCarry).map((aval) => g.zeros(aval))];
  }
  const results = loop(g, {
    trips: g.scalar(length, 'int64'),
    start: '',
    carry: all.slice(constants, constants + numCarry),
    carryAvals,
    stacked: slices,
    body: (inner, iteration, carry, goesOn) => {
      const at = reverse ? inner.op('Sub', [inner.scalar(length - 1, 'int64'), iteration]) : iteration;
      const rows = xs.map((x) => inner.op('Gather', [x, at], { axis: 0 }));
      return [goesOn, ...inline(inner, body, [...all.slice(0, constants), ...carry, ...rows])];
    },
  });
  return results.map((y, i) => (reverse && i >= numCarry ? reversed(g, y, [0]) : y));
}

/** An equation that carries Programs. */
export function lowerControl(application: Context, flow: ControlFlow): string[] {
  if (flow.kind === 'branch') return branch(application, flow);
  return flow.kind === 'while' ? whileLoop(application, flow) : scan(application, flow);
}
