/**
 * What Programs share when the same code computes them: structure, types, parameters and the constants, which may be folded into the
 * code. Two jitted functions of one structure, and control flow that eager code traces anew at each call, are compiled once.
 * May import: `ir`, `core`, `compiler/rules`.
 * @module
 */
import { rulesOf } from '../../compiler/rules.ts';
import { ConcreteTensor } from '../../core/tensor.ts';
import type { Aval } from '../../ir/aval.ts';
import {
  type Atom,
  type ConstantValue,
  type Equation,
  type Params,
  type Program,
  subPrograms,
} from '../../ir/program.ts';
import { paramsKey } from '../../core/params-key.ts';

/** Programs with larger constants are not shared: what is kept would keep the constants too. */
const maxConstantBytes = 256;

/** Longer Programs are not shared either: they are rarely made twice, and their keys would be kept. */
const maxEquations = 10_000;
const maxKeyLength = 500_000;

/** A key for one application of an operation that carries Programs; undefined where there is nothing to share. */
export function structureKey(
  primitive: { readonly id: number },
  avals: readonly Aval[],
  params: object,
): string | undefined {
  if (subPrograms(params as Params).length === 0) return undefined;
  return new StructureWriter().application(primitive, avals, params);
}

class StructureWriter {
  private readonly programs = new Map<Program, number>();
  private length = 0;
  private isShareable = true;

  application(primitive: { readonly id: number }, avals: readonly Aval[], params: object): string | undefined {
    const key = `${primitive.id}(${avals.join()})${this.params(params)}`;
    return this.isShareable ? key : undefined;
  }

  private params(params: object): string {
    return paramsKey(params, (p) => this.program(p));
  }

  private program(program: Program): string {
    const known = this.programs.get(program);
    if (known !== undefined) return `^${known}`;
    this.programs.set(program, this.programs.size);
    this.isShareable &&= program.equations.length <= maxEquations;
    const names = new Map<Atom, number>();
    const define = (v: Atom): void => void names.set(v, names.size);
    program.inputs.forEach(define);
    const text = [`${JSON.stringify(program.name)}(${program.inAvals.join()}){`];
    for (const e of program.equations) {
      if (!this.isShareable) return '';
      const line = this.equation(e, names);
      this.length += line.length;
      this.isShareable &&= this.length <= maxKeyLength;
      text.push(line);
      e.outputs.forEach(define);
    }
    text.push('}', program.outputs.map((a) => this.atom(a, names)).join());
    return text.join('');
  }

  private equation(e: Equation, names: ReadonlyMap<Atom, number>): string {
    const operands = e.inputs.map((a) => this.atom(a, names)).join();
    return `${rulesOf(e).id}(${operands})${this.params(e.params)}${e.outputs.length};`;
  }

  private atom(a: Atom, names: ReadonlyMap<Atom, number>): string {
    return a.kind === 'var' ? String(names.get(a)) : this.constant(a.value);
  }

  private constant(value: ConstantValue): string {
    const { aval, scalar } = value;
    if (scalar !== undefined) return `${aval.toString()}=${Object.is(scalar, -0) ? '-0' : scalar}`;
    if (!(value instanceof ConcreteTensor) || aval.bytes > maxConstantBytes) {
      this.isShareable = false;
      return '';
    }
    const data = value.read();
    return `${aval.toString()}=[${new Uint8Array(data.buffer, data.byteOffset, data.byteLength).join()}]`;
  }
}
