/**
 * A key for the parameters of a primitive: equal keys mean equal parameters. Functions and other objects count by identity, Programs too
 * unless their keys are given.
 * May import: `ir`.
 * @module
 */
import { Aval } from '../ir/aval.ts';
import { Program } from '../ir/program.ts';

const identities = new WeakMap<object, number>();
let nextIdentity = 0;

function identity(x: object): number {
  let id = identities.get(x);
  if (id === undefined) identities.set(x, (id = nextIdentity++));
  return id;
}

export function paramsKey(x: unknown, programKey?: (program: Program) => string): string {
  switch (typeof x) {
    case 'number':
      return Object.is(x, -0) ? '-0' : String(x);
    case 'string':
      return JSON.stringify(x);
    case 'object': {
      if (x === null) return 'null';
      if (Array.isArray(x)) return `[${x.map((e) => paramsKey(e, programKey)).join()}]`;
      if (programKey !== undefined && x instanceof Program) return programKey(x);
      if (x instanceof Aval) return x.toString();
      if (Object.getPrototypeOf(x) !== Object.prototype) return `@${identity(x)}`;
      let out = '{';
      for (const key in x) out += `${key}:${paramsKey((x as Record<string, unknown>)[key], programKey)};`;
      return `${out}}`;
    }
    case 'function':
      return `@${identity(x)}`;
    default:
      return String(x);
  }
}
