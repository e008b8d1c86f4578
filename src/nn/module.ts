/**
 * Modules: plain immutable objects that are pytrees. Fields with tensors or modules in them are children; everything else (sizes,
 * rates, functions) is part of the structure. So transformations, optimisers and `tree.map` take models as they are.
 * May import: `ir`, `core`, `api`.
 * @module
 */
import { isPytreeClass, registerPytreeClass } from '../core/pytree.ts';
import { Tensor } from '../core/tensor.ts';
import type { TreeNode } from '../core/tree-node.ts';
import { ArgumentError, locateError, TreeError } from '../ir/errors.ts';
import type { TensorLike } from '../api/lift.ts';
import { installMethods } from '../api/methods.ts';

// Subclasses call methods on what they are given.
installMethods();

/** Which fields of an instance are children. It stays with copies, whatever stands at the leaves. */
interface Layout {
  /** All fields, in the order of the class. */
  readonly fields: readonly string[];
  readonly children: readonly string[];
  readonly statics: Readonly<Record<string, unknown>>;
}

type Fields = Record<string, unknown>;

const layouts = new WeakMap<object, Layout>();

/** True for tensors, modules, other nodes, and containers that hold some. */
function holdsTensors(x: unknown): boolean {
  if (typeof x !== 'object' || x === null) return false;
  if (x instanceof Tensor || x instanceof Module) return true;
  if (Array.isArray(x)) return x.some(holdsTensors);
  if (x instanceof Map) return [...x.values()].some(holdsTensors);
  const proto = Object.getPrototypeOf(x) as { readonly constructor?: unknown } | null;
  if (proto === Object.prototype || proto === null) return Object.values(x).some(holdsTensors);
  if (isPytreeClass(proto.constructor)) return true;
  refuseHidden(x, proto.constructor);
  return false;
}

/** A tensor inside an object that is no container would be a constant: neither trained nor saved, without a word. */
function refuseHidden(x: object, constructor: unknown): void {
  const values: unknown[] = x instanceof Set ? [...x] : Object.values(x);
  if (!values.some((v) => v instanceof Tensor || v instanceof Module)) return;
  const name = typeof constructor === 'function' ? constructor.name : 'unknown';
  throw new TreeError(
    `Module: expected tensors in arrays, plain objects, Maps and modules, got some in an instance of ${name}.`,
    'keep them in fields of the module, extend Module, or make the class a container with tree.register.',
  );
}

function layoutOf(module: object, isChild: (field: string) => boolean): Layout {
  const fields = Object.keys(module);
  const children = fields.filter(isChild);
  const statics = fields.filter((f) => !children.includes(f)).map((f) => [f, (module as Fields)[f]] as const);
  return { fields, children, statics: Object.fromEntries(statics) };
}

/** The layout of an instance. From the first look on the instance is frozen, so that it stays true. */
function knownLayout(module: object): Layout {
  let layout = layouts.get(module);
  if (layout === undefined) {
    layout = layoutOf(module, (f) => holdsTensors((module as Fields)[f]));
    keep(module, layout);
  }
  return layout;
}

function keep(module: object, layout: Layout): void {
  layouts.set(module, layout);
  Object.freeze(module);
}

function build<T extends object>(prototype: T, layout: Layout, children: readonly unknown[]): T {
  const out = Object.create(prototype) as T;
  for (const field of layout.fields) {
    const i = layout.children.indexOf(field);
    (out as Fields)[field] = i < 0 ? layout.statics[field] : children[i];
  }
  keep(out, layout);
  return out;
}

function register(constructor: abstract new (...args: never[]) => Module): void {
  if (isPytreeClass(constructor)) return;
  const prototype = constructor.prototype as Module;
  registerPytreeClass<Module>(
    constructor,
    (module) => {
      const layout = knownLayout(module);
      return [layout.children.map((f) => (module as unknown as Fields)[f]), layout];
    },
    (layout, children) => build(prototype, layout as Layout, children),
    (layout: Layout) => layout.children,
  );
}

/**
 * Base of all modules. A subclass assigns its fields in its constructor and has methods that compute; there is nothing to register.
 * Fields are public and never change afterwards (no `#private` ones: copies are made without the constructor).
 *
 * @example
 * ```ts
 * import { grad, np, random, type Tensor } from 'cotangent';
 * import { Linear, Module } from 'cotangent/nn';
 * class Residual extends Module {
 *   readonly inner: Linear;
 *   readonly scale: number; // a setting: no leaf
 *   constructor(width: number, key: Tensor) {
 *     super();
 *     this.inner = new Linear(width, width, { key });
 *     this.scale = 0.5;
 *   }
 *   call(x: Tensor): Tensor {
 *     return x.add(np.tanh(this.inner.call(x)).mul(this.scale));
 *   }
 * }
 * const model = new Residual(2, random.key(0));
 * const gradient = grad((m: Residual) => np.sum(m.call(np.ones([2]))))(model);
 * console.log(gradient.inner.weight.shape); // => [ 2, 2 ]
 * ```
 */
export abstract class Module implements TreeNode {
  constructor() {
    register(new.target);
  }

  /** Tells types that fields which are no tensors stay what they are. */
  get isTreeNode(): true {
    return true;
  }

  /** Names of fields that training computes rather than learns: `partition` leaves them out of the parameters. */
  get buffers(): readonly string[] {
    return [];
  }

  /**
   * A copy with other values in some fields.
   * @throws ArgumentError for a name that is no field
   * @example
   * ```ts
   * import { np, random } from 'cotangent';
   * import { Linear } from 'cotangent/nn';
   * const layer = new Linear(2, 1, { key: random.key(0), bias: false });
   * console.log(String(layer.with({ weight: np.ones([1, 2]) }).call(np.array([1, 2])))); // => [3]
   * ```
   */
  with(changes: Partial<this>): this {
    const before = knownLayout(this);
    for (const name of Object.keys(changes)) {
      if (before.fields.includes(name)) continue;
      throw new ArgumentError(
        `${this.constructor.name}.with: expected fields ${before.fields.join(', ') || '(there are none)'}, got ${name}.`,
      );
    }
    const out = Object.create(Object.getPrototypeOf(this) as object) as this;
    for (const field of before.fields) {
      (out as Fields)[field] = Object.hasOwn(changes, field) ? (changes as Fields)[field] : (this as Fields)[field];
    }
    const isChild = (f: string): boolean =>
      Object.hasOwn(changes, f) ? holdsTensors((changes as Fields)[f]) : before.children.includes(f);
    keep(out, layoutOf(out, isChild));
    return out;
  }

  /** What errors and summaries call it. */
  toString(): string {
    return this.constructor.name;
  }
}

/** How a layer is called. */
export interface CallOptions {
  /** Training (true) or evaluation (false, the default): matters to dropout and to batch statistics. */
  readonly train?: boolean;
  /** A random key; needed where training draws numbers. */
  readonly key?: TensorLike;
}

/**
 * A module from one tensor to one tensor: what `Sequential` chains. `call` gives the result; `apply` gives the result and the module
 * with its new state, which is the module itself for layers that have none.
 */
export abstract class Layer extends Module {
  abstract call(x: TensorLike, options?: CallOptions): Tensor;

  apply(x: TensorLike, options: CallOptions = {}): [Tensor, this] {
    return [this.call(x, options), this];
  }
}

/**
 * Runs a part of a module, so that an error inside says where: `At: .layers[1]`. The containers of this library do so; a module of
 * yours may do the same around calls of its parts.
 * @param step how the path goes on, `.encoder` or `[2]`
 * @example
 * ```ts
 * import { random } from 'cotangent';
 * import { Linear, within } from 'cotangent/nn';
 * try {
 *   within('.head', () => new Linear(2, 1, { key: random.key(0) }).call([1, 2, 3]));
 * } catch (error) {
 *   console.log(String(error).split('\n')[1]); // =>   At: .head
 * }
 * ```
 */
export function within<R>(step: string, run: () => R): R {
  try {
    return run();
  } catch (error) {
    locateError(error, step);
    throw error;
  }
}
