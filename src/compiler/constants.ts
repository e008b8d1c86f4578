/**
 * Parts of a Program that depend on constants alone: what is dear in them is computed once, when the Program is compiled, by the device
 * that would compute it in every call, so that no bit differs. Cheap elementwise parts (counting, masks) stay: computing them where
 * they are used takes less than reading them.
 * May import: `ir`, `core`.
 * @module
 */
import { activeExecutor } from '../core/executor.ts';
import { recordOf } from '../core/primitive.ts';
import { ConcreteTensor, scalarTensor } from '../core/tensor.ts';
import { type Atom, type Equation, Literal, type Program, type Var } from '../ir/program.ts';
import { deepPass, type Pass, rebuild, Substitution, withBody } from './rewrite.ts';
import { loopsOf, rulesOf } from './rules.ts';

/** Bytes of a result that is kept with the compiled code. */
const maxBytes = 2 ** 20;

function foldOne(program: Program, recurse: Pass): Program {
  const env = new Substitution();
  const constants = new Constants();
  const out: Equation[] = [];
  for (const original of program.equations) {
    const eqn = rebuild(original, env.all(original.inputs), recurse);
    const isConstant = constants.enter(eqn);
    const bytes = eqn.outputs.reduce((sum, v) => sum + v.aval.bytes, 0);
    const values = isConstant && isDear(eqn) && bytes <= maxBytes ? constants.evaluate(eqn) : undefined;
    if (values === undefined) out.push(eqn);
    else eqn.outputs.forEach((v, i) => env.set(v, new Literal(values[i]!)));
  }
  return withBody(program, out, env.all(program.outputs));
}

/** Each element takes loops of its own. (An operation without operands would be compiled to be computed to be compiled.) */
const isDear = (eqn: Equation): boolean =>
  eqn.inputs.length > 0 && (dearKinds.has(rulesOf(eqn).lower.kind) || loopsOf(eqn) !== undefined);
const dearKinds: ReadonlySet<string> = new Set(['reduction', 'assembly']);

/** The values that depend on nothing but constants. */
class Constants {
  private readonly producers = new Map<Var, Equation>();
  /** Constant equations by their order in the Program. */
  private readonly order = new Map<Equation, number>();
  private readonly values = new Map<Var, ConcreteTensor>();

  /** Whether an equation is constant: each equation of the Program in order. */
  enter(eqn: Equation): boolean {
    const { hasEffects, isOpaque, lower } = rulesOf(eqn);
    const isPure = hasEffects !== true && isOpaque !== true && lower.kind !== 'control';
    if (!isPure || !eqn.inputs.every((a) => isTensor(a) || (a.kind === 'var' && this.producers.has(a)))) return false;
    for (const v of eqn.outputs) this.producers.set(v, eqn);
    this.order.set(eqn, this.order.size);
    return true;
  }

  /** The results of a constant equation, computed with those it depends on. */
  evaluate(eqn: Equation): readonly ConcreteTensor[] {
    for (const e of this.missing(eqn)) {
      const record = recordOf(e);
      const args = e.inputs.map((a) => this.tensor(a));
      const avals = e.outputs.map((v) => v.aval);
      const outs = activeExecutor().execute(record, args, e.params, avals);
      e.outputs.forEach((v, i) => this.values.set(v, outs[i]!));
    }
    return eqn.outputs.map((v) => this.values.get(v)!);
  }

  /** `eqn` and the constant equations behind it that have not been computed, operands first. */
  private missing(eqn: Equation): Equation[] {
    const found = new Set<Equation>();
    const stack = [eqn];
    for (let e = stack.pop(); e !== undefined; e = stack.pop()) {
      if (found.has(e)) continue;
      found.add(e);
      for (const a of e.inputs) if (a.kind === 'var' && !this.values.has(a)) stack.push(this.producers.get(a)!);
    }
    return [...found].sort((a, b) => this.order.get(a)! - this.order.get(b)!);
  }

  private tensor(a: Atom): ConcreteTensor {
    if (a.kind === 'var') return this.values.get(a)!;
    const { value } = a;
    return value instanceof ConcreteTensor ? value : scalarTensor(value.scalar!, value.aval.dtype);
  }
}

const isTensor = (a: Atom): boolean =>
  a.kind === 'literal' && (a.value instanceof ConcreteTensor || a.value.scalar !== undefined);

export const foldConstants = (program: Program): Program => deepPass(foldOne)(program);
