/**
 * One Program for equal Programs. A loop outside `jit` traces its body anew at each call; what is derived from the body (its jvp, its
 * split, its compiled code) is cached by Program, so giving back the Program of the first call makes those caches hit.
 * May import: `ir`, `core`.
 * @module
 */
import { Aval } from '../ir/aval.ts';
import { type Atom, Program, type Var } from '../ir/program.ts';
import { recordOf } from './primitive.ts';
import { ConcreteTensor } from './tensor.ts';

/** Programs kept; the one unused for longest goes first. */
const capacity = 256;
/** Longer Programs are not worth their key. */
const longest = 2000;

const interned = new Map<string, Program>();

/** Thrown inside `keyOf` by what has no structural key: functions (custom rules) and arrays held as constants. */
class NoKey extends Error {}

function number(x: number): string {
  return Object.is(x, -0) ? '-0' : String(x);
}

const identities = new WeakMap<object, number>();
let nextIdentity = 0;

/** What tells a scalar from others of its value: a tape may follow it some day. */
function identity(x: object): string {
  if (!(x instanceof ConcreteTensor) || x.isShared) return '';
  let id = identities.get(x);
  if (id === undefined) identities.set(x, (id = nextIdentity++));
  return `@${id}`;
}

function dataKey(x: unknown): string {
  if (typeof x === 'number') return number(x);
  if (typeof x === 'string') return JSON.stringify(x);
  if (typeof x === 'boolean' || x === null || x === undefined) return String(x);
  if (Array.isArray(x)) return `[${x.map(dataKey).join()}]`;
  if (x instanceof Aval) return x.toString();
  if (x instanceof Program) return keyOf(x);
  if (typeof x !== 'object' || Object.getPrototypeOf(x) !== Object.prototype) throw new NoKey();
  return `{${Object.entries(x)
    .map(([k, v]) => `${k}:${dataKey(v)}`)
    .join()}}`;
}

/** Text that determines a Program up to the identity of its variables. */
function keyOf(program: Program): string {
  if (program.equations.length > longest) throw new NoKey();
  const names = new Map<Var, string>();
  const define = (v: Var): string => {
    names.set(v, `${names.size}`);
    return v.aval.toString();
  };
  const atom = (a: Atom): string => {
    if (a.kind === 'var') return names.get(a)!;
    if (a.value.scalar === undefined) throw new NoKey();
    return `#${number(a.value.scalar)}:${a.aval.toString()}${identity(a.value)}`;
  };
  const lines = [program.name, program.inputs.map(define).join(' ')];
  for (const eqn of program.equations) {
    const inputs = eqn.inputs.map(atom).join(' ');
    lines.push(`${recordOf(eqn).id}${dataKey(eqn.params)} ${inputs} ${eqn.outputs.map(define).join(' ')}`);
  }
  lines.push(program.outputs.map(atom).join(' '));
  return lines.join('\n');
}

/** An equal Program seen before, or the given one, which is then remembered. */
export function internProgram(program: Program): Program {
  let key: string;
  try {
    key = keyOf(program);
  } catch (error) {
    if (error instanceof NoKey) return program;
    throw error;
  }
  const found = interned.get(key) ?? program;
  interned.delete(key);
  interned.set(key, found);
  if (interned.size > capacity) interned.delete(interned.keys().next().value!);
  return found;
}
