/**
 * 16-bit floats are for storage: an equation that computes with them becomes one in float32, between conversions. So every operation
 * rounds its result once, to the dtype it is kept in, whether it runs alone or fused. What only moves elements, or converts them, stays.
 * May import: `ir`, `core`.
 * @module
 */
import { allPrimitives } from '../core/primitive.ts';
import type { Aval } from '../ir/aval.ts';
import { isHalf } from '../ir/dtype.ts';
import { type Expr, operandsOf } from '../ir/loop/expr.ts';
import { KernelBuilder, type Stmt } from '../ir/loop/kernel.ts';
import { type Atom, Equation, Literal, type Params, type PrimitiveInfo, type Program, Var } from '../ir/program.ts';
import { elementsOf } from './access.ts';
import { deepPass, type Pass, rebuild, withBody } from './rewrite.ts';
import { loopsOf, rulesOf } from './rules.ts';

const holdsHalf = (values: readonly { readonly aval: Aval }[]): boolean => values.some((v) => isHalf(v.aval.dtype));

function widenOne(program: Program, recurse: Pass): Program {
  const widener = new Widener();
  for (const eqn of program.equations) {
    const built = rebuild(eqn, eqn.inputs, recurse);
    const computes = (holdsHalf(eqn.inputs) || holdsHalf(eqn.outputs)) && computesWithHalves(eqn);
    if (computes) widener.widen(eqn);
    else widener.out.push(built);
  }
  return withBody(program, widener.out, program.outputs);
}

class Widener {
  readonly out: Equation[] = [];
  /** The float32 of each value that one was needed of. */
  private readonly wide = new Map<Var, Var>();

  widen(eqn: Equation): void {
    const inputs = eqn.inputs.map((a) => (isHalf(a.aval.dtype) ? this.float32(a, eqn) : a));
    const avals = rulesOf(eqn).abstractEval(
      inputs.map((a) => a.aval),
      eqn.params,
    );
    // The dtype of a result may be a parameter; its elements are converted then.
    const outputs = eqn.outputs.map((v, i) => (avals[i]!.dtype === v.aval.dtype ? v : new Var(avals[i]!)));
    this.out.push(new Equation(eqn.primitive, inputs, eqn.params, outputs, eqn.site));
    eqn.outputs.forEach((v, i) => {
      if (outputs[i] !== v) this.convert(outputs[i]!, v, eqn);
    });
  }

  private float32(a: Atom, user: Equation): Atom {
    const aval = a.aval.withDType('float32');
    if (a.kind === 'literal') {
      const { scalar } = a.value;
      if (scalar !== undefined) return new Literal({ aval, scalar });
      return this.convert(a, new Var(aval), user);
    }
    let wide = this.wide.get(a);
    if (wide === undefined) this.wide.set(a, (wide = this.convert(a, new Var(aval), user)));
    return wide;
  }

  private convert(from: Atom, to: Var, { site }: Equation): Var {
    this.out.push(new Equation(conversion(), [from], { dtype: to.aval.dtype }, [to], site));
    return to;
  }
}

let known: PrimitiveInfo | undefined;
const conversion = (): PrimitiveInfo => (known ??= allPrimitives().find((p) => p.isConversion === true)!);

/** Whether the lowering of an equation does arithmetic on its 16-bit floats. */
function computesWithHalves(eqn: Equation): boolean {
  const { lower } = rulesOf(eqn);
  if (lower.kind === 'control') return false;
  if (lower.kind === 'reduction') return true;
  if (lower.kind === 'pointwise' && elementsOf(eqn, lower).some((e) => isArithmetic(e, new Set()))) return true;
  const loops = loopsOf(eqn);
  if (loops === undefined) return false;
  const [ins, outs] = [eqn.inputs.map((a) => a.aval), eqn.outputs.map((v) => v.aval)];
  const spec = ({ dtype, size }: Aval): { dtype: Aval['dtype']; size: number } => ({ dtype, size });
  const builder = new KernelBuilder(eqn.primitive.name, ins.map(spec), outs.map(spec));
  loops.build(builder, ins, outs, eqn.params as Params);
  return builder.build().body.some(statementComputes);
}

function isArithmetic(e: Expr, seen: Set<Expr>): boolean {
  if (seen.has(e)) return false;
  seen.add(e);
  const operands = operandsOf(e);
  const isOperation = e.op === 'unary' || e.op === 'binary' || e.op === 'ternary';
  if (isOperation && (isHalf(e.dtype) || operands.some((x) => isHalf(x.dtype)))) return true;
  return operands.some((x) => isArithmetic(x, seen));
}

function statementComputes(s: Stmt): boolean {
  const computes = (...exprs: readonly Expr[]): boolean => exprs.some((e) => isArithmetic(e, new Set()));
  switch (s.kind) {
    case 'for':
      return s.body.some(statementComputes);
    case 'store':
      return computes(s.index, s.value);
    case 'set':
      return computes(s.value);
    case 'if':
      return computes(s.cond) || s.then.some(statementComputes) || s.otherwise.some(statementComputes);
    case 'while':
      return computes(s.cond) || s.body.some(statementComputes);
    case 'reduce':
      return isHalf(s.target.dtype) || computes(s.element) || (s.stores ?? []).some(statementComputes);
    case 'gemm':
      return [s.a, s.b, s.c].some((m) => isHalf(m.buffer.dtype));
  }
}

export const widenHalves = (program: Program): Program => deepPass(widenOne)(program);
