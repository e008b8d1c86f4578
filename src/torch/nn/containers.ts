/**
 * Modules that hold others, or parameters.
 * May import: everything up to `api`, `tape`, `nn`.
 * @module
 */
import { ArgumentError } from '../../ir/errors.ts';
import type { Tensor } from '../tensor.ts';
import type { TensorModule } from './layer.ts';
import { Module } from './module.ts';
import { Parameter } from './parameter.ts';

/** Fields of a container that hold what it is for, in order. The same member may stand in several. */
const fieldsOf = <T>(container: Container, type: abstract new (...args: never[]) => T): [string, T][] =>
  Object.entries(container).filter((entry): entry is [string, T & object] => entry[1] instanceof type);

/** Tensors that are no parameters become ones. */
const toParameter = (p: Tensor): Parameter => (p instanceof Parameter ? p : new Parameter(p));

/** A module of members; forward is not theirs. */
abstract class Container extends Module {
  override forward(..._args: never[]): unknown {
    throw new ArgumentError(
      `${this.constructor.name}: expected a module that computes something, got one that only holds others.`,
      'call its members in the forward of the module that has it.',
    );
  }
}

/** Members of type `T` in order, named by their places, that are made of `Given`s. */
abstract class List<T, Given = T> extends Container {
  abstract append(member: Given): this;

  abstract [Symbol.iterator](): IterableIterator<T>;

  extend(members: Iterable<Given>): this {
    for (const member of members) this.append(member);
    return this;
  }

  at(index: number): T {
    const found = [...this].at(index);
    if (found !== undefined) return found;
    const { length } = this;
    throw new ArgumentError(
      `${this.constructor.name}.at: expected an index from ${-length} to ${length - 1}, got ${index}.`,
    );
  }

  get length(): number {
    return [...this].length;
  }
}

abstract class ListOfModules<M extends Module> extends List<M> {
  append(module: M): this {
    this.registerModule(String(this.length), module);
    return this;
  }

  *[Symbol.iterator](): IterableIterator<M> {
    for (const [, module] of fieldsOf(this, Module)) yield module as M;
  }
}

/** Members of type `T` by name, that are made of `Given`s. */
abstract class Dict<T, Given = T> extends Container {
  constructor(members: Readonly<Record<string, Given>> = {}) {
    super();
    for (const [name, member] of Object.entries(members)) this.set(name, member);
  }

  abstract set(name: string, member: Given): this;

  abstract entries(): [string, T][];

  get(name: string): T {
    const found = this.entries().find(([key]) => key === name);
    if (found !== undefined) return found[1];
    throw new ArgumentError(
      `${this.constructor.name}.get: expected one of ${this.keys().join(', ')}, got ${JSON.stringify(name)}.`,
    );
  }

  has(name: string): boolean {
    return this.keys().includes(name);
  }

  delete(name: string): boolean {
    return this.has(name) && Reflect.deleteProperty(this, name);
  }

  keys(): string[] {
    return this.entries().map(([key]) => key);
  }

  values(): T[] {
    return this.entries().map(([, member]) => member);
  }
}

/**
 * One module after another. Names come from the order, or from an object of modules.
 * @example
 * ```ts
 * import { nn, ones } from 'cotangent/torch';
 * const net = new nn.Sequential(new nn.Linear(2, 3), new nn.ReLU(), new nn.Linear(3, 1));
 * console.log(net.call(ones(5, 2)).shape, net.length); // => [ 5, 1 ] 3
 * ```
 */
export class Sequential extends ListOfModules<TensorModule> {
  constructor(...modules: readonly TensorModule[] | readonly [Readonly<Record<string, TensorModule>>]) {
    super();
    const [first] = modules;
    if (modules.length === 1 && !(first instanceof Module)) {
      for (const [name, module] of Object.entries(first as object)) this.registerModule(name, module as Module);
    } else this.extend(modules as readonly TensorModule[]);
  }

  override forward(x: Tensor): Tensor {
    let y = x;
    for (const module of this) y = module.call(y);
    return y;
  }
}

/** Modules in a list; all are registered. */
export class ModuleList<M extends Module = Module> extends ListOfModules<M> {
  constructor(modules: Iterable<M> = []) {
    super();
    this.extend(modules);
  }

  /** Puts a module before the one at `index`. */
  insert(index: number, module: M): void {
    [...this].toSpliced(index, 0, module).forEach((m, i) => ((this as unknown as M[])[i] = m));
  }
}

/** Modules by name; all are registered. */
export class ModuleDict<M extends Module = Module> extends Dict<M> {
  set(name: string, module: M): this {
    if (this.has(name)) (this as unknown as Record<string, M>)[name] = module;
    else this.registerModule(name, module);
    return this;
  }

  entries(): [string, M][] {
    return fieldsOf(this, Module) as [string, M][];
  }
}

/** Parameters in a list; all are registered. */
export class ParameterList extends List<Parameter, Tensor> {
  constructor(parameters: Iterable<Tensor> = []) {
    super();
    this.extend(parameters);
  }

  /** Tensors that are no parameters become ones. */
  append(p: Tensor): this {
    this.registerParameter(String(this.length), toParameter(p));
    return this;
  }

  *[Symbol.iterator](): IterableIterator<Parameter> {
    for (const [, p] of fieldsOf(this, Parameter)) yield p;
  }
}

/** Parameters by name; all are registered. */
export class ParameterDict extends Dict<Parameter, Tensor> {
  /** Tensors that are no parameters become ones. */
  set(name: string, p: Tensor): this {
    if (this.has(name)) (this as unknown as Record<string, Parameter>)[name] = toParameter(p);
    else this.registerParameter(name, toParameter(p));
    return this;
  }

  entries(): [string, Parameter][] {
    return fieldsOf(this, Parameter);
  }
}
