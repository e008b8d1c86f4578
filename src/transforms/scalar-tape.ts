/**
 * The tangents of operations on single numbers, recorded as numbers. Of such an operation the linear Program of a derivative needs two
 * slopes and where they apply; an equation with its variables, operands and cotangents would cost many times the arithmetic. Nodes of the
 * tape and equations of the Program may feed each other. Whoever wants the Program whole gets equations for the nodes too.
 * May import: `ir`, `core`, `primitives`.
 * @module
 */
import type { Aval } from '../ir/aval.ts';
import { castScalar, type DType } from '../ir/dtype.ts';
import { type Atom, Equation, Literal, type Params, Program, Var } from '../ir/program.ts';
import type { MaybeZero, Primitive } from '../core/primitive.ts';
import { type ProgramTrace, ProgramTracer } from '../core/program-trace.ts';
import type { Scratch } from '../core/scratch.ts';
import { scalarTensor, type Tensor } from '../core/tensor.ts';
import { addP, divP, mulP, negP } from '../primitives/arithmetic.ts';
import { type NoParams, noParams } from '../primitives/define-elementwise.ts';
import { Cotangents, type Residuals } from './cotangents.ts';

/** No operand. */
export const absent = -1;
/** In place of a left operand, what is no sum: a variable of the Program; equations of the Program. */
const variable = -2;
const equations = -3;

export class ScalarTape {
  private readonly trace: ProgramTrace;
  private dtype: DType | undefined;
  // A node is leftSlope · left + rightSlope · right. Four arrays of numbers: nothing for a garbage collector to follow.
  private readonly left: number[] = [];
  private readonly right: number[] = [];
  private readonly leftSlope: number[] = [];
  private readonly rightSlope: number[] = [];
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

  get isEmpty(): boolean {
    return this.left.length === 0;
  }

  /** Whether numbers of this type go here: those of the first type that came. */
  accepts(dtype: DType): boolean {
    this.dtype ??= dtype;
    return this.dtype === dtype;
  }

  private push(left: number, right: number, leftSlope: number, rightSlope: number): number {
    this.left.push(left);
    this.right.push(right);
    this.leftSlope.push(leftSlope);
    return this.rightSlope.push(rightSlope) - 1;
  }

  /** A node; one operand may be absent. */
  record(left: number, leftSlope: number, right: number, rightSlope: number): number {
    const made = this.trace.equations.length;
    if (made > this.seen) {
      this.push(equations, this.seen, made, 0);
      this.seen = made;
    }
    return this.push(left, right, leftSlope, rightSlope);
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

  /** Cotangents of the inputs of `program`, the equations between which this tape stands. */
  backward(
    program: Program,
    cts: readonly MaybeZero[],
    scratch: Scratch | undefined,
    residuals: Residuals | undefined,
  ): MaybeZero[] {
    const { left, right, leftSlope, rightSlope } = this;
    const sums = new NodeSums(left.length, this.dtype === 'float32');
    const pending = new TapeCotangents(sums, this.nodeOfVar, scratch);
    pending.consume(residuals);
    program.outputs.forEach((o, i) => pending.add(o, cts[i]!));
    pending.transpose(program.equations, this.seen, program.equations.length);
    for (let i = left.length - 1; i >= 0; i--) {
      const from = left[i]!;
      if (from === equations) pending.transpose(program.equations, right[i]!, leftSlope[i]!);
      else if (sums.has(i)) {
        const ct = sums.at(i);
        if (from === variable) pending.add(this.imported[right[i]!]!, scalarTensor(ct, this.dtype!));
        else {
          if (right[i]! >= 0) sums.add(right[i]!, rightSlope[i]! * ct);
          if (from >= 0) sums.add(from, leftSlope[i]! * ct);
        }
      }
    }
    return program.inputs.map((v) => pending.take(v));
  }

  /** `program` with equations for the nodes. */
  materialize(program: Program): Program {
    const all: Equation[] = [];
    const vars: Var[] = [];
    for (let i = 0; i < this.left.length; i++) {
      const [from, at] = [this.left[i]!, this.right[i]!];
      if (from === equations) all.push(...program.equations.slice(at, this.leftSlope[i]!));
      else if (from === variable) vars[i] = this.imported[at]!;
      else vars[i] = this.equationsOf(i, vars, all);
    }
    all.push(...program.equations.slice(this.seen));
    return new Program(program.name, program.inputs, all, program.outputs);
  }

  private equationsOf(i: number, vars: readonly Var[], out: Equation[]): Var {
    const [x, y] = [vars[this.left[i]!], vars[this.right[i]!]];
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
    if (x === undefined) return scaled(y!, this.rightSlope[i]!, result);
    if (y === undefined) return scaled(x, this.leftSlope[i]!, result);
    return emit(addP, [scaled(x, this.leftSlope[i]!), scaled(y, this.rightSlope[i]!)], result);
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
