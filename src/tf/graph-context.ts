/**
 * State while a traced function is being traced: variables are inputs of its Program, their new values are results, and what it prints
 * is printed after each call.
 * May import: everything up to `api`.
 * @module
 */
import { isFloat } from '../ir/dtype.ts';
import { TraceError } from '../ir/errors.ts';
import type { ProgramTrace } from '../core/program-trace.ts';
import type { Tensor } from '../core/tensor.ts';
import type { CustomJvpCall } from '../core/trace.ts';
import { applyCustomJvp } from '../control/custom.ts';
import { traceBelowTapes } from '../tape/record-trace.ts';
import type { Variable } from './variable.ts';

export interface PrintRequest {
  /** Text, or the position of a value among the printed ones. */
  readonly parts: readonly (string | { readonly value: number })[];
}

export class GraphContext {
  readonly trace: ProgramTrace;
  readonly name: string;
  /** Whether variables may be created. */
  readonly isFirst: boolean;
  /** Variables met, in the order of their inputs, with their values at this point of the function. */
  readonly values: Map<Variable, Tensor> = new Map();
  private readonly inputs: Map<Variable, Tensor> = new Map();
  readonly assigned: Set<Variable> = new Set();
  readonly printed: Tensor[] = [];
  readonly prints: PrintRequest[] = [];

  constructor(trace: ProgramTrace, name: string, isFirst: boolean) {
    this.trace = trace;
    this.name = name;
    this.isFirst = isFirst;
  }

  read(variable: Variable): Tensor {
    let value = this.values.get(variable);
    if (value === undefined) {
      value = this.trace.newInput(variable.aval);
      this.inputs.set(variable, value);
      this.values.set(variable, value);
    }
    return value;
  }

  assign(variable: Variable, value: Tensor): void {
    this.checkPlace('Variable.assign');
    this.read(variable);
    this.values.set(variable, valueFrom(this.inputs.get(variable)!, value));
    this.assigned.add(variable);
  }

  /** `values` are printed in their places after each call. */
  print(parts: readonly (string | Tensor)[]): void {
    this.checkPlace('print');
    this.prints.push({
      parts: parts.map((p) => (typeof p === 'string' ? p : { value: this.printed.push(p) - 1 })),
    });
  }

  /** Throws where things do not happen in the order of the program text: inside a loop's body or a branch. */
  private checkPlace(op: string): void {
    if (traceBelowTapes() === this.trace) return;
    throw new TraceError(
      `${op}: expected a call in the body of ${this.name} itself, got one inside a loop or branch that is traced, where it would happen ` +
        'once and not each time.',
      'carry the value through the loop, or return it from the branch, and do this afterwards.',
    );
  }
}

/** `value`, with the derivative of the identity in `variable`: whatever was assigned, what is read is the variable. */
function valueFrom(variable: Tensor, value: Tensor): Tensor {
  if (!isFloat(variable.dtype)) return value;
  const call: CustomJvpCall = {
    name: 'Variable.assign',
    fun: ([, x]) => [x!],
    jvp: ([, x], [tangent]) => [[x!], [tangent ?? null]],
  };
  return applyCustomJvp(call, [variable, value])[0]!;
}

const contexts: GraphContext[] = [];

/** The traced function that is being traced, if any. */
export const graphContext = (): GraphContext | undefined => contexts.at(-1);

export function withContext<T>(context: GraphContext, f: () => T): T {
  contexts.push(context);
  try {
    return f();
  } finally {
    contexts.pop();
  }
}
