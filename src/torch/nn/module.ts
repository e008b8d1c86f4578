/**
 * Modules: functions with parameters, found in their fields.
 * May import: everything up to `api`, `tape`, `nn`.
 * @module
 */
import { isFloat } from '../../ir/dtype.ts';
import { ArgumentError } from '../../ir/errors.ts';
import { convert } from '../../primitives/convert.ts';
import { type Dtype, toDtype } from '../dtypes.ts';
import { addHook, type RemovableHandle } from '../hooks.ts';
import { deepcopy, Given } from './deepcopy.ts';
import { type Arguments, readArguments } from '../ops/named.ts';
import { Tensor } from '../tensor.ts';
import { type BackwardHook, type ForwardHook, type ForwardPreHook, ModuleHooks, withBackwardHooks } from './hooks.ts';
import { clearGrad, Parameter } from './parameter.ts';
import {
  type LoadOptions,
  loadInto,
  type LoadResult,
  type StateDict,
  stateOf,
  type StateSource,
} from './state-dict.ts';

/** A module and what it is called below another. */
export type Named<T> = readonly [name: string, value: T];

const join = (prefix: string, name: string): string => (prefix === '' ? name : `${prefix}.${name}`);

/**
 * What all modules extend. Fields that hold a `Parameter` or a `Module` are registered by that alone; lists of them belong into
 * `ModuleList`, `ModuleDict`, `ParameterList`.
 *
 * `forward` says what a module computes. `call` runs it with the hooks of the module, as `module(x)` does in Python.
 * @example
 * ```ts
 * import { nn, ones, type Tensor } from 'cotangent/torch';
 * class Net extends nn.Module {
 *   readonly fc1 = new nn.Linear(4, 8);
 *   readonly fc2 = new nn.Linear(8, 1);
 *   forward(x: Tensor) {
 *     return this.fc2.call(nn.functional.relu(this.fc1.call(x)));
 *   }
 * }
 * const net = new Net();
 * console.log(net.call(ones(2, 4)).shape); // => [ 2, 1 ]
 * console.log(Object.keys(net.stateDict())); // => [ 'fc1.weight', 'fc1.bias', 'fc2.weight', 'fc2.bias' ]
 * console.log(String(net.fc2)); // => Linear(in_features=8, out_features=1, bias=True)
 * ```
 */
export abstract class Module extends Given {
  /** Whether the module trains; `train()` and `eval()` set it for it and all modules below. */
  training = true;
  readonly #buffers = new Map<string, boolean>();
  readonly #hooks = new ModuleHooks();

  /** @internal */
  // oxlint-disable-next-line no-useless-constructor -- subclasses of users call it without arguments
  constructor(target?: object) {
    super(target);
  }

  abstract forward(...args: never[]): unknown;

  /** `forward`, with hooks before, after and on the way back. It has all signatures of `forward`. */
  get call(): this['forward'] {
    return ((...args: unknown[]) => this.#run(args)) as this['forward'];
  }

  #run(args: readonly unknown[]): unknown {
    const { before, after, backward } = this.#hooks;
    if (before.length === 0 && after.length === 0 && backward.length === 0) return this.forward(...(args as never[]));
    let given: readonly unknown[] = args;
    for (const hook of before) given = hook(this, given) ?? given;
    const run = (inner: readonly unknown[]): unknown => {
      let result = this.forward(...(inner as never[]));
      for (const hook of after) result = hook(this, inner, result) ?? result;
      return result;
    };
    return withBackwardHooks(this, backward, given, run);
  }

  /** The name of a field in state dicts and the other names of this module. */
  protected nameOf(field: string): string {
    return field;
  }

  #register(kind: string, name: string, value: unknown): void {
    const isGood = name !== '' && !name.includes('.') && (!(name in this) || Object.hasOwn(this, name));
    const held = Object.hasOwn(this, name) ? (this as Record<string, unknown>)[name] : undefined;
    const isTaken = held !== null && held !== undefined;
    if (!isGood || isTaken) {
      throw new ArgumentError(
        `${kind}: expected a name that is not empty, has no dot and is not taken, got ${JSON.stringify(name)} in ${this.constructor.name}.`,
        isTaken ? `attribute '${name}' already exists: assign to it.` : 'choose another name.',
      );
    }
    (this as Record<string, unknown>)[name] = value;
  }

  /** Adds a parameter under a name; null keeps the place without one. */
  registerParameter(name: string, parameter: Parameter | null): void {
    this.#register('registerParameter', name, parameter);
  }

  /** Adds a tensor that is part of the state, but no parameter; unless `persistent`, state dicts leave it out. */
  registerBuffer(name: string, buffer: Tensor | null, options: { readonly persistent?: boolean } = {}): void {
    this.#register('registerBuffer', name, buffer);
    this.#buffers.set(name, options.persistent ?? true);
  }

  registerModule(name: string, module: Module | null): void {
    this.#register('registerModule', name, module);
  }

  /** `registerModule`, as PyTorch first called it. */
  addModule(name: string, module: Module | null): void {
    this.#register('addModule', name, module);
  }

  registerForwardPreHook(hook: ForwardPreHook): RemovableHandle {
    return addHook(this.#hooks.before, hook);
  }

  registerForwardHook(hook: ForwardHook): RemovableHandle {
    return addHook(this.#hooks.after, hook);
  }

  /** Calls `hook` in every backward pass that has come to the inputs of this module. */
  registerFullBackwardHook(hook: BackwardHook): RemovableHandle {
    return addHook(this.#hooks.backward, hook);
  }

  #fields<T>(type: abstract new (...args: never[]) => T): Named<T>[] {
    return Object.entries(this)
      .filter((entry): entry is [string, T & object] => entry[1] instanceof type && !this.#buffers.has(entry[0]))
      .map(([field, value]) => [this.nameOf(field), value] as const);
  }

  /** Modules in the fields of this one. */
  *namedChildren(): IterableIterator<Named<Module>> {
    const seen = new Set<Module>();
    for (const entry of this.#fields(Module)) {
      if (!seen.has(entry[1])) yield entry;
      seen.add(entry[1]);
    }
  }

  *children(): IterableIterator<Module> {
    for (const [, child] of this.namedChildren()) yield child;
  }

  /** This module and all below it, each once. */
  *namedModules(prefix = '', seen: Set<Module> = new Set()): IterableIterator<Named<Module>> {
    if (seen.has(this)) return;
    seen.add(this);
    yield [prefix, this];
    for (const [name, child] of this.#fields(Module)) yield* child.namedModules(join(prefix, name), seen);
  }

  *modules(): IterableIterator<Module> {
    for (const [, module] of this.namedModules()) yield module;
  }

  /** Parameters of this module and of those below it, each once. */
  *namedParameters(prefix = '', recurse = true): IterableIterator<Named<Parameter>> {
    yield* this.#members(prefix, recurse, (module) => module.#fields(Parameter));
  }

  *parameters(recurse = true): IterableIterator<Parameter> {
    for (const [, p] of this.namedParameters('', recurse)) yield p;
  }

  *namedBuffers(prefix = '', recurse = true): IterableIterator<Named<Tensor>> {
    yield* this.#members(prefix, recurse, (module) => module.#bufferFields().map(([name, t]) => [name, t] as const));
  }

  *buffers(recurse = true): IterableIterator<Tensor> {
    for (const [, b] of this.namedBuffers('', recurse)) yield b;
  }

  *#members<T>(prefix: string, recurse: boolean, of: (module: Module) => Named<T>[]): IterableIterator<Named<T>> {
    const seen = new Set<T>();
    for (const [path, module] of recurse ? this.namedModules(prefix) : [[prefix, this] as const]) {
      for (const [name, value] of of(module)) {
        if (!seen.has(value)) yield [join(path, name), value];
        seen.add(value);
      }
    }
  }

  #bufferFields(): (readonly [name: string, tensor: Tensor, isPersistent: boolean])[] {
    return [...this.#buffers]
      .map(([field, isPersistent]) => [field, (this as Record<string, unknown>)[field], isPersistent] as const)
      .filter((entry): entry is readonly [string, Tensor, boolean] => entry[1] instanceof Tensor)
      .map(([field, tensor, isPersistent]) => [this.nameOf(field), tensor, isPersistent] as const);
  }

  /**
   * A copy of this module and of all below it, hooks included: `copy.deepcopy(module)` in Python. What was shared among them is shared
   * among the copies. Fields that hold neither modules nor tensors, nor arrays, maps or plain objects of such, are taken as they are.
   */
  deepcopy(): this {
    return this.#copy(new Map());
  }

  #copy(done: Map<object, object>): this {
    // The private members of this class come with its constructor; those of the others are fields.
    const copy = Reflect.construct(Module, [Object.create(Object.getPrototypeOf(this) as object)]) as this;
    done.set(this, copy);
    for (const [field, value] of Object.entries(this)) {
      (copy as Record<string, unknown>)[field] = deepcopy(value, done, (module) => module.#copy(done));
    }
    for (const [name, isPersistent] of this.#buffers) copy.#buffers.set(name, isPersistent);
    copy.#hooks.takeFrom(this.#hooks);
    return copy;
  }

  /** The module below that a path such as `'encoder.0'` names. */
  getSubmodule(path: string): Module {
    const found = [...this.namedModules()].find(([name]) => name === path);
    if (found !== undefined) return found[1];
    throw new ArgumentError(
      `getSubmodule: expected the path of a module in ${this.constructor.name}, got ${JSON.stringify(path)}.`,
      'namedModules() lists them.',
    );
  }

  /** Calls `f` with every module below, then with this one. */
  apply(f: (module: Module) => void): this {
    for (const child of this.children()) child.apply(f);
    f(this);
    return this;
  }

  train(mode = true): this {
    for (const module of this.modules()) module.training = mode;
    return this;
  }

  eval(): this {
    return this.train(false);
  }

  /** Sets `requiresGrad` of all parameters. */
  requiresGrad_(requiresGrad = true): this {
    for (const p of this.parameters()) p.requiresGrad = requiresGrad;
    return this;
  }

  /** Drops all gradients, or sets them to zero. */
  zeroGrad(setToNone = true): void {
    for (const p of this.parameters()) clearGrad(p, setToNone);
  }

  /** Converts parameters and buffers of floating type. Optimisers go on with the same parameters. */
  to(dtype: Dtype): this {
    const target = toDtype(dtype);
    if (!isFloat(target)) {
      throw new ArgumentError(`to: expected a dtype of floating type for a module, got ${target}.`);
    }
    for (const x of [...this.parameters(), ...this.buffers()]) {
      if (!isFloat(x.dtype) || x.dtype === target) continue;
      const { grad } = x;
      x.grad = null;
      x.overwrite(convert(x.value, target), undefined);
      x.writes++;
      if (grad !== null) x.grad = new Tensor(convert(grad.value, target));
    }
    return this;
  }

  float(): this {
    return this.to('float32');
  }

  double(): this {
    return this.to('float64');
  }

  /**
   * Parameters and persistent buffers by the names that PyTorch has for them. They share their elements with the module.
   * @see loadStateDict
   */
  stateDict(): StateDict {
    return stateOf(this.#persistent());
  }

  /**
   * Takes parameters and buffers from a state dict, in place.
   * @throws ArgumentError that lists missing and unexpected keys (unless `strict` is false), and shapes that do not fit; nothing is
   * changed then
   */
  loadStateDict(dict: StateSource, ...args: Arguments<LoadOptions, ['strict']>): LoadResult {
    const options = readArguments<LoadOptions>('loadStateDict', ['strict'], args);
    return loadInto(this.constructor.name, this.#persistent(), dict, options);
  }

  /** Not each once: what is shared has all its names. */
  #persistent(prefix = ''): Named<Tensor>[] {
    const buffers = this.#bufferFields().filter(([, , isPersistent]) => isPersistent);
    const own = [...this.#fields(Parameter), ...buffers.map(([name, t]) => [name, t] as const)];
    return [
      ...own.map(([name, t]) => [join(prefix, name), t] as const),
      ...this.#fields(Module).flatMap(([name, child]) => child.#persistent(join(prefix, name))),
    ];
  }

  /** What `toString` says about the module between parentheses. */
  extraRepr(): string {
    return '';
  }

  /** The tree of modules, as PyTorch prints it. */
  override toString(): string {
    const extra = this.extraRepr();
    const lines = this.#fields(Module).map(
      ([name, child]) => `(${name}): ${child.toString().replaceAll('\n', '\n  ')}`,
    );
    const title = this.constructor.name;
    if (lines.length === 0) return `${title}(${extra})`;
    return `${title}(\n  ${[...(extra === '' ? [] : [extra]), ...lines].join('\n  ')}\n)`;
  }
}
