/**
 * Copies of modules with all they hold.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import { Tensor } from '../tensor.ts';
import type { Module } from './module.ts';
import { Parameter } from './parameter.ts';

/** An object that is given takes the place of the new one: so a constructor adds its private members to it. */
// oxlint-disable-next-line typescript/no-extraneous-class -- a base for what has members
export class Given {
  constructor(target?: object) {
    if (target !== undefined) return target as this;
  }
}

function copyTensor(x: Tensor): Tensor {
  if (x instanceof Parameter) return new Parameter(x.value, x.requiresGrad);
  const copy = new Tensor(x.value);
  if (x.requiresGrad) copy.requiresGrad = true;
  return copy;
}

/**
 * A copy of a value: of tensors (which become leaves), modules, and of arrays, maps and plain objects of these; anything else is itself.
 * @param done the copies made so far
 */
export function deepcopy(value: unknown, done: Map<object, object>, copyModule: (module: Module) => Module): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const known = done.get(value);
  if (known !== undefined) return known;
  const made = (copy: object): object => {
    done.set(value, copy);
    return copy;
  };
  const inner = (x: unknown): unknown => deepcopy(x, done, copyModule);
  if (value instanceof Tensor) return made(copyTensor(value));
  if (isModule(value)) return copyModule(value);
  if (Array.isArray(value)) return made(value.map(inner));
  if (value instanceof Map) return made(new Map([...value].map(([k, v]) => [k, inner(v)])));
  if (Object.getPrototypeOf(value) !== Object.prototype) return value;
  return made(Object.fromEntries(Object.entries(value).map(([k, v]) => [k, inner(v)])));
}

/** Told by the base class, which this file is loaded before. */
const isModule = (x: object): x is Module => x instanceof Given;
