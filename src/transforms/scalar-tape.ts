/**
 * The tangents of operations on single numbers, recorded as numbers. Of such an operation the linear Program of a derivative needs two
 * slopes and where they apply; an equation with its variables, operands and cotangents would cost many times the arithmetic. Nodes of the
 * tape and equations of the Program may feed each other. Whoever wants the Program whole gets equations for the nodes too.
 * May import: `ir`, `core`, `primitives`.
 * @module
 */
import { type Aval, scalarAval } from '../ir/aval.ts';
import { castScalar, type DType, isHalf } from '../ir/dtype.ts';
import { InternalError } from '../ir/errors.ts';
import { type Atom, Equation, Literal, type Params, Program, Var } from '../ir/program.ts';
import type { MaybeZero, Primitive } from '../core/primitive.ts';
import { type ProgramTrace, ProgramTracer } from '../core/program-trace.ts';
import type { Scratch } from '../core/scratch.ts';
import { hostScalar, scalarTensor, type Tensor } from '../core/tensor.ts';
import { addP, divP, mulP, negP } from '../primitives/arithmetic.ts';
import { type NoParams, noParams } from '../primitives/define-elementwise.ts';
import { Cotangents, type Residuals } from './cotangents.ts';
import { NodeColumns } from './node-columns.ts';

/** No operand. */
export const absent = -1;
/** In place of a left operand, what is no sum: a variable of the Program; equations of the Program; an input. */
const variable = -2;
const equations = -3;
const input = -4;

export class ScalarTape {
  private readonly trace: ProgramTrace;
  private dtype: DType | undefined;
  /** A node is leftSlope · left + rightSlope · right. */
  private readonly nodes = new NodeColumns();
  /** The first nodes: inputs, of which the Program knows only those that equations read. */
  private inputs = 0;
  private isOver = false;
  /** Variables of the Program that nodes read. */
  private readonly imported: Var[] = [];
  /** Nodes that equations read, or that are results. */
  private readonly nodeOfVar = new Map<Var, number>();
  private readonly varOfNode = new Map<number, Var>();
  /** Equations of the Program that stand before the last node. */
  private seen = 0;

  /** `trace` records what is more than numbers. */
  constructor(trace: ProgramTrace) {
    this.trace = trace;
  }

  /** Whether there is nothing, not even an input. */
  get isEmpty(): boolean {
    return this.nodes.length === 0;
  }

  /** Whether there are nodes beside the inputs. */
  get hasNodes(): boolean {
    return this.nodes.length > this.inputs;
  }

  /** Whether numbers of this type go here: those of the first type that came. */
  accepts(dtype: DType): boolean {
    if (isHalf(dtype)) return false;
    this.dtype ??= dtype;
    return this.dtype === dtype;
  }

  /** A node for an input of the function. Inputs come before everything else. */
  newInput(): number {
    this.inputs++;
    return this.nodes.push(input, absent, 0, 0);
  }

  /** A node; one operand may be absent. */
  record(left: number, leftSlope: number, right: number, rightSlope: number): number {
    const made = this.trace.equations.length;
    if (made > this.seen) {
      this.nodes.push(equations, this.seen, made, 0);
      this.seen = made;
    }
    return this.nodes.push(left, right, leftSlope, rightSlope);
  }

  /** The node that stands for a tangent of the Program; undefined if it is none. */
  nodeOf(tangent: Tensor): number | undefined {
    if (!(tangent instanceof ProgramTracer) || tangent.tracedBy !== this.trace) return undefined;
    const known = this.nodeOfVar.get(tangent.atom);
    return known ?? this.record(variable, 0, this.imported.push(tangent.atom) - 1, 0);
  }

  /** A node as a tangent of the Program. */
  tracerOf(node: number, aval: Aval): Tensor {
    let v = this.varOfNode.get(node);
    if (v === undefined) {
      v = new Var(aval);
      this.varOfNode.set(node, v);
      this.nodeOfVar.set(v, node);
    }
    return new ProgramTracer(this.trace, v);
  }

  /** Cotangents of the inputs of `program`, the equations between which this tape stands; then of the inputs here. */
  backward(
    program: Program,
    cts: readonly MaybeZero[],
    scratch: Scratch | undefined,
    residuals: Residuals | undefined,
  ): MaybeZero[] {
    this.checkThere();
    const { nodes, inputs } = this;
    const sums = new NodeSums(nodes.length, this.dtype === 'float32');
    const pending = new TapeCotangents(sums, this.nodeOfVar, scratch);
    pending.consume(residuals);
    program.outputs.forEach((o, i) => pending.add(o, cts[i]!));
    pending.transpose(program.equations, this.seen, program.equations.length);
    for (let i = nodes.length - 1; i >= inputs; i--) {
      const from = nodes.left(i);
      if (from === equations) pending.transpose(program.equations, nodes.right(i), nodes.leftSlope(i));
      else if (sums.has(i)) {
        const ct = sums.at(i);
        const right = nodes.right(i);
        if (from === variable) pending.add(this.imported[right]!, scalarTensor(ct, this.dtype!));
        else {
          if (right >= 0) sums.add(right, nodes.rightSlope(i) * ct);
          if (from >= 0) sums.add(from, nodes.leftSlope(i) * ct);
        }
      }
    }
    const grads = program.inputs.map((v) => pending.take(v));
    const aval = scalarAval(this.dtype!);
    for (let i = 0; i < inputs; i++) grads.push(sums.has(i) ? hostScalar(sums.at(i), aval) : null);
    return grads;
  }

  /** Ends the tape: its memory serves others. */
  clear(): void {
    this.isOver = true;
    this.nodes.clear();
  }

  private checkThere(): void {
    if (this.isOver) throw new InternalError('a derivative taken once only was asked for again');
  }

  /** `program` with equations for the nodes, and variables for the inputs here after its own. */
  materialize(program: Program): Program {
    this.checkThere();
    const { nodes } = this;
    const all: Equation[] = [];
    const vars: Var[] = [];
    const aval = scalarAval(this.dtype!);
    for (let i = 0; i < nodes.length; i++) {
      const from = nodes.left(i);
      if (from === input) vars[i] = this.varOfNode.get(i) ?? new Var(aval);
      else if (from === equations) all.push(...program.equations.slice(nodes.right(i), nodes.leftSlope(i)));
      else if (from === variable) vars[i] = this.imported[nodes.right(i)]!;
      else vars[i] = this.equationsOf(i, vars, all);
    }
    all.push(...program.equations.slice(this.seen));
    return new Program(program.name, [...program.inputs, ...vars.slice(0, this.inputs)], all, program.outputs);
  }

  private equationsOf(i: number, vars: readonly Var[], out: Equation[]): Var {
    const { nodes } = this;
    const [x, y] = [vars[nodes.left(i)], vars[nodes.right(i)]];
    const dtype = this.dtype!;
    const emit = (primitive: Primitive<NoParams>, inputs: Atom[], result: Var | undefined): Var => {
      const made = result ?? new Var(inputs[0]!.aval);
      out.push(new Equation(primitive, inputs, noParams as Params, [made]));
      return made;
    };
    const number = (value: number): Literal => new Literal(scalarTensor(value, dtype));
    const scaled = (v: Var, slope: number, result?: Var): Var => {
      if (slope === 1 && result === undefined) return v;
      if (slope === -1) return emit(negP, [v], result);
      // What is not of the dtype is the reciprocal of a number that is.
      if (castScalar(slope, dtype) !== slope) return emit(divP, [v, number(1 / slope)], result);
      return emit(mulP, [v, number(slope)], result);
    };
    const result = this.varOfNode.get(i);
    if (x === undefined) return scaled(y!, nodes.rightSlope(i), result);
    if (y === undefined) return scaled(x, nodes.leftSlope(i), result);
    return emit(addP, [scaled(x, nodes.leftSlope(i)), scaled(y, nodes.rightSlope(i))], result);
  }
}

/** Cotangents of nodes, rounded as tensors of their dtype are. */
class NodeSums {
  private readonly values: Float64Array;
  private readonly present: Uint8Array;
  private readonly isSingle: boolean;

  constructor(count: number, isSingle: boolean) {
    this.values = new Float64Array(count);
    this.present = new Uint8Array(count);
    this.isSingle = isSingle;
  }

  has(i: number): boolean {
    return this.present[i] === 1;
  }

  at(i: number): number {
    return this.values[i]!;
  }

  add(i: number, ct: number): void {
    const { values, present, isSingle } = this;
    const term = isSingle ? Math.fround(ct) : ct;
    if (present[i] === 0) {
      present[i] = 1;
      values[i] = term;
    } else values[i] = isSingle ? Math.fround(values[i]! + term) : values[i]! + term;
  }
}

class TapeCotangents extends Cotangents {
  private readonly sums: NodeSums;
  private readonly nodes: ReadonlyMap<Var, number>;

  constructor(sums: NodeSums, nodes: ReadonlyMap<Var, number>, scratch: Scratch | undefined) {
    super(new Map(), scratch);
    this.sums = sums;
    this.nodes = nodes;
  }

  override add(a: Atom, ct: MaybeZero): void {
    const node = ct !== null && a.kind === 'var' ? this.nodes.get(a) : undefined;
    if (node === undefined) super.add(a, ct);
    else this.sums.add(node, ct!.item());
  }
}
