/**
 * Text form of a Program. One equation a line; sub-Programs indented under the equation that carries them.
 * May import: `ir/dtype`, types of `ir`.
 * @module
 */
import type { Aval } from './aval.ts';
import { isFloat } from './dtype.ts';
import type { Atom, Equation, Program, Var } from './program.ts';

/** `a … z, aa, ab …` */
export function letterName(i: number): string {
  let s = '';
  for (let n = i; n >= 0; n = Math.floor(n / 26) - 1) s = String.fromCharCode(97 + (n % 26)) + s;
  return s;
}

class Names {
  private readonly names = new Map<Var, string>();

  of(v: Var): string {
    let name = this.names.get(v);
    if (name === undefined) {
      name = letterName(this.names.size);
      this.names.set(v, name);
    }
    return name;
  }

  typed(v: Var): string {
    return `${this.of(v)}:${v.aval.toString()}`;
  }

  atom(a: Atom): string {
    if (a.kind === 'var') return this.of(a);
    const { scalar, aval } = a.value;
    return scalar === undefined ? `const:${aval.toString()}` : `${showNumber(scalar, aval)}:${aval.toString()}`;
  }
}

/** A scalar constant: `2.0`, `-0`, `true`. */
export function showNumber(x: number, aval: Aval): string {
  if (aval.dtype === 'bool') return x ? 'true' : 'false';
  return isFloat(aval.dtype) && Number.isInteger(x) && Math.abs(x) < 1e15
    ? x.toFixed(1)
    : Object.is(x, -0)
      ? '-0'
      : String(x);
}

const isProgram = (x: unknown): x is Program => typeof x === 'object' && x !== null && 'equations' in x;

/** Plain data of a params record; sub-Programs and functions are shown elsewhere or not at all. */
function showParam(value: unknown): string | undefined {
  if (value === undefined || typeof value === 'function' || isProgram(value)) return undefined;
  if (Array.isArray(value)) {
    if (value.some(isProgram)) return undefined;
    return `[${value.map((v) => showParam(v) ?? '·').join(', ')}]`;
  }
  if (typeof value !== 'object' || value === null) return String(value);
  const entries = Object.entries(value).flatMap(([k, v]) => {
    const shown = showParam(v);
    return shown === undefined ? [] : [`${k}=${shown}`];
  });
  return `{${entries.join(' ')}}`;
}

/** `[axes=[0]]`: the plain data among the parameters; empty where there is none. */
export function showParams(eqn: Equation): string {
  const shown = Object.entries(eqn.params).flatMap(([key, value]) => {
    const text = showParam(value);
    return text === undefined ? [] : [`${key}=${text}`];
  });
  return shown.length > 0 ? `[${shown.join(' ')}]` : '';
}

function subPrograms(eqn: Equation): [string, Program][] {
  return Object.entries(eqn.params).flatMap(([key, value]): [string, Program][] => {
    if (isProgram(value)) return [[key, value]];
    if (!Array.isArray(value)) return [];
    return value.flatMap((v, i): [string, Program][] => (isProgram(v) ? [[`${key}[${i}]`, v]] : []));
  });
}

/** Printing keeps its own stack of pending lines, so that deep nesting of Programs costs no call depth. */
export function printProgram(program: Program): string {
  const lines: string[] = [];
  const work: (string | { program: Program; indent: string; label: string })[] = [{ program, indent: '', label: '' }];
  for (let item = work.pop(); item !== undefined; item = work.pop()) {
    if (typeof item === 'string') lines.push(item);
    else for (const s of sections(item.program, item.indent, item.label).reverse()) work.push(s);
  }
  return lines.join('\n');
}

type Section = string | { program: Program; indent: string; label: string };

function sections(program: Program, indent: string, label: string): Section[] {
  const names = new Names();
  const out: Section[] = [`${indent}${label}{ lambda ${program.inputs.map((v) => names.typed(v)).join(' ')} .`];
  for (const eqn of program.equations) {
    const ins = eqn.inputs.map((a) => names.atom(a)).join(' ');
    const outs = eqn.outputs.map((v) => names.typed(v)).join(' ');
    out.push(`${indent}    ${outs} = ${eqn.primitive.name}${showParams(eqn)} ${ins}`);
    for (const [key, sub] of subPrograms(eqn)) out.push({ program: sub, indent: `${indent}      `, label: `${key}=` });
  }
  out.push(`${indent}  in (${program.outputs.map((a) => names.atom(a)).join(', ')}) }`);
  return out;
}
