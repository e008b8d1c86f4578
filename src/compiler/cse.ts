/**
 * Common subexpressions: equations with equal primitive, operands and parameters become one.
 * May import: `ir`.
 * @module
 */
import type { Atom, Equation, Program, Var } from '../ir/program.ts';
import { equalData, hashCombine, hashData, hashSeed, hashString } from './equal.ts';
import { deepPass, type Pass, rebuild, Substitution, withBody } from './rewrite.ts';
import { rulesOf } from './rules.ts';

/** Scalar literals are equal by dtype and bits (−0 is not 0, NaN is NaN), larger ones by identity. */
function equalAtoms(a: Atom, b: Atom): boolean {
  if (a === b) return true;
  if (a.kind === 'var' || b.kind === 'var') return false;
  if (a.value === b.value) return true;
  const [x, y] = [a.value.scalar, b.value.scalar];
  return x !== undefined && y !== undefined && Object.is(x, y) && a.aval.equals(b.aval, true);
}

const equalEquations = (a: Equation, b: Equation): boolean =>
  a.primitive === b.primitive &&
  a.inputs.length === b.inputs.length &&
  a.inputs.every((x, i) => equalAtoms(x, b.inputs[i]!)) &&
  equalData(a.params, b.params);

class Numbering {
  private readonly numbers = new Map<Var, number>();

  of(v: Var): number {
    let n = this.numbers.get(v);
    if (n === undefined) this.numbers.set(v, (n = this.numbers.size));
    return n;
  }
}

function hashEquation(eqn: Equation, numbering: Numbering): number {
  let h = hashCombine(hashSeed, rulesOf(eqn).id);
  for (const a of eqn.inputs) {
    if (a.kind === 'var') h = hashCombine(h, numbering.of(a));
    else if (a.value.scalar !== undefined) h = hashString(h, String(a.value.scalar));
  }
  return hashData(h, eqn.params);
}

function cseOne(program: Program, recurse: Pass): Program {
  const env = new Substitution();
  const numbering = new Numbering();
  const buckets = new Map<number, Equation[]>();
  const out: Equation[] = [];
  for (const original of program.equations) {
    const eqn = rebuild(original, env.all(original.inputs), recurse);
    const { hasEffects, isOpaque } = rulesOf(eqn);
    const isShareable = !hasEffects && !isOpaque;
    const hash = isShareable ? hashEquation(eqn, numbering) : 0;
    const bucket = buckets.get(hash) ?? [];
    const twin = isShareable ? bucket.find((e) => equalEquations(e, eqn)) : undefined;
    if (twin !== undefined) {
      eqn.outputs.forEach((v, i) => env.set(v, twin.outputs[i]!));
      continue;
    }
    out.push(eqn);
    if (!isShareable) continue;
    bucket.push(eqn);
    buckets.set(hash, bucket);
  }
  return withBody(program, out, env.all(program.outputs));
}

export const cse = (program: Program): Program => deepPass(cseOne)(program);
