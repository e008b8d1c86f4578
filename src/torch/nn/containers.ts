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

const at = <T>(op: string, list: readonly T[], index: number): T => {
  const found = list.at(index);
  if (found !== undefined) return found;
  throw new ArgumentError(`${op}: expected an index from ${-list.length} to ${list.length - 1}, got ${index}.`);
};

/** A module of modules in order; forward is not theirs. */
abstract class Container extends Module {
  override forward(..._args: never[]): unknown {
    throw new ArgumentError(
      `${this.constructor.name}: expected a module that computes something, got one that only holds others.`,
      'call its members in the forward of the module that has it.',
    );
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
export class Sequential extends Module {
  constructor(...modules: readonly TensorModule[] | readonly [Readonly<Record<string, TensorModule>>]) {
    super();
    const [first] = modules;
    if (modules.length === 1 && !(first instanceof Module)) {
      for (const [name, module] of Object.entries(first as object)) this.registerModule(name, module as Module);
    } else this.extend(modules as readonly TensorModule[]);
  }

  forward(x: Tensor): Tensor {
    let y = x;
    for (const module of this) y = module.call(y);
    return y;
  }

  append(module: TensorModule): this {
    this.registerModule(String(this.length), module);
    return this;
  }

  extend(modules: Iterable<TensorModule>): this {
    for (const module of modules) this.append(module);
    return this;
  }

  at(index: number): TensorModule {
    return at('Sequential.at', [...this], index);
  }

  get length(): number {
    return [...this.children()].length;
  }

  *[Symbol.iterator](): IterableIterator<TensorModule> {
    for (const [, module] of this.namedMembers()) yield module;
  }

  /** Not each once: a module may stand in several places. */
  private namedMembers(): (readonly [string, TensorModule])[] {
    return Object.entries(this).filter((entry): entry is [string, TensorModule] => entry[1] instanceof Module);
  }
}

/** Modules in a list; all are registered. */
export class ModuleList<M extends Module = Module> extends Container {
  constructor(modules: Iterable<M> = []) {
    super();
    this.extend(modules);
  }

  append(module: M): this {
    this.registerModule(String(this.length), module);
    return this;
  }

  extend(modules: Iterable<M>): this {
    for (const module of modules) this.append(module);
    return this;
  }

  /** Puts a module before the one at `index`. */
  insert(index: number, module: M): void {
    [...this].toSpliced(index, 0, module).forEach((m, i) => ((this as unknown as M[])[i] = m));
  }

  at(index: number): M {
    return at('ModuleList.at', [...this], index);
  }

  get length(): number {
    return this.members().length;
  }

  *[Symbol.iterator](): IterableIterator<M> {
    yield* this.members();
  }

  private members(): M[] {
    return Object.values(this).filter((m): m is M => m instanceof Module);
  }
}

/** Modules by name; all are registered. */
export class ModuleDict<M extends Module = Module> extends Container {
  constructor(modules: Readonly<Record<string, M>> = {}) {
    super();
    for (const [name, module] of Object.entries(modules)) this.set(name, module);
  }

  set(name: string, module: M): this {
    if (this.has(name)) (this as unknown as Record<string, M>)[name] = module;
    else this.registerModule(name, module);
    return this;
  }

  get(name: string): M {
    const found = this.entries().find(([key]) => key === name);
    if (found !== undefined) return found[1];
    throw new ArgumentError(`ModuleDict.get: expected one of ${this.keys().join(', ')}, got ${JSON.stringify(name)}.`);
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

  values(): M[] {
    return this.entries().map(([, module]) => module);
  }

  entries(): [string, M][] {
    return Object.entries(this).filter((entry): entry is [string, M] => entry[1] instanceof Module);
  }
}

/** Parameters in a list; all are registered. */
export class ParameterList extends Container {
  constructor(parameters: Iterable<Tensor> = []) {
    super();
    for (const p of parameters) this.append(p);
  }

  /** Tensors that are no parameters become ones. */
  append(p: Tensor): this {
    this.registerParameter(String(this.length), p instanceof Parameter ? p : new Parameter(p));
    return this;
  }

  at(index: number): Parameter {
    return at('ParameterList.at', [...this], index);
  }

  get length(): number {
    return [...this].length;
  }

  *[Symbol.iterator](): IterableIterator<Parameter> {
    for (const value of Object.values(this)) if (value instanceof Parameter) yield value;
  }
}

/** Parameters by name; all are registered. */
export class ParameterDict extends Container {
  constructor(parameters: Readonly<Record<string, Tensor>> = {}) {
    super();
    for (const [name, p] of Object.entries(parameters)) this.set(name, p);
  }

  /** Tensors that are no parameters become ones. */
  set(name: string, p: Tensor): this {
    const parameter = p instanceof Parameter ? p : new Parameter(p);
    if (this.has(name)) (this as unknown as Record<string, Parameter>)[name] = parameter;
    else this.registerParameter(name, parameter);
    return this;
  }

  get(name: string): Parameter {
    const found = this.entries().find(([key]) => key === name);
    if (found !== undefined) return found[1];
    throw new ArgumentError(
      `ParameterDict.get: expected one of ${this.keys().join(', ')}, got ${JSON.stringify(name)}.`,
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

  values(): Parameter[] {
    return this.entries().map(([, p]) => p);
  }

  entries(): [string, Parameter][] {
    return Object.entries(this).filter((entry): entry is [string, Parameter] => entry[1] instanceof Parameter);
  }
}
