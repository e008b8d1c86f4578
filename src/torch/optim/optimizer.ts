/**
 * What all optimisers share: groups of parameters, and state.
 * May import: everything up to `api`, `tape`, `nn`, `optim`.
 * @module
 */
import { ArgumentError, DifferentiationError } from '../../ir/errors.ts';
import { checkOptions, describe } from '../../api/options.ts';
import { clearGrad } from '../nn/parameter.ts';
import { type TensorLike, toTensor } from '../ops/define.ts';
import { readArguments } from '../ops/named.ts';
import { Tensor } from '../tensor.ts';

/** What an optimiser remembers about a parameter: tensors, numbers such as the count of steps, and lists of either. */
export type ParamState = Record<string, Tensor | number | readonly (Tensor | number)[]>;

/** Parameters with settings of their own. */
export type ParamGroup<O> = O & {
  params: Tensor[];
  /** The learning rate that schedulers start from. */
  initialLr?: number;
};

/** Parameters, or groups of them with the settings that differ. */
export type Params<O> = Iterable<Tensor> | Iterable<Partial<O> & { readonly params: Tensor | Iterable<Tensor> }>;

/** The state of an optimiser as data: parameters are numbered in the order of the groups. */
export interface OptimizerState<O> {
  state: Record<number, ParamState>;
  paramGroups: (O & { params: number[]; initialLr?: number })[];
}

/** Settings that all optimisers have. */
export interface CommonOptions {
  lr: number;
}

/** A closure that computes the loss again and its gradients. */
export type LossClosure = () => Tensor | number;

/**
 * How PyTorch is to compute a step, not what: accepted so that programs carry over. All updates are compiled here, so `foreach` and `fused`
 * change nothing; a step is never recorded, so `differentiable` and `capturable` must be false.
 */
export interface ImplementationOptions {
  readonly foreach?: boolean | null | undefined;
  readonly fused?: boolean | null | undefined;
  readonly capturable?: boolean | undefined;
  readonly differentiable?: boolean | undefined;
}

type Options<O> = Partial<O> & ImplementationOptions;

/** Settings as they are given to an optimiser: by name, or by position from the learning rate on, in PyTorch's order. */
export type Given<O> =
  | readonly [options?: Options<O>]
  | readonly [lr: number, ...settings: readonly (O[keyof O] | Options<O>)[]];

/** All by name. `names` are in PyTorch's order. */
export function byName<O>(op: string, names: readonly string[], given: Given<O>): Options<O> {
  const all = [...names, ...implementation];
  const [first] = given as readonly unknown[];
  if (typeof first !== 'number') checkOptions(op, first as object, all, `options of ${op}: ${all.join(', ')}.`);
  return readArguments<Options<O>>(op, all as never, given);
}

const implementation = ['foreach', 'fused', 'capturable', 'differentiable'];

/** The base of all optimisers. `step` changes parameters in place, outside the graph. */
export abstract class Optimizer<O extends CommonOptions = CommonOptions> {
  /** Settings of groups that say nothing else. */
  readonly defaults: O;
  /** May be changed between steps: the learning rate, say. */
  paramGroups: ParamGroup<O>[] = [];
  readonly state: Map<Tensor, ParamState> = new Map();
  /** Names under which a parameter's state has a list. */
  protected readonly listNames: readonly string[] = [];

  /** @throws ArgumentError for settings that are unknown, or make no sense */
  constructor(params: Params<O>, defaults: O, given: Given<O>) {
    this.defaults = settingsOf(new.target.name, defaults, given);
    this.check(this.defaults);
    const list = [...(params as Iterable<Tensor | (Partial<O> & { readonly params: Tensor | Iterable<Tensor> })>)];
    if (list.length === 0) {
      throw new ArgumentError(
        `${new.target.name}: expected parameters, got none: optimizer got an empty parameter list.`,
        'pass module.parameters().',
      );
    }
    const isTensors = list[0] instanceof Tensor;
    const groups = isTensors ? [{ params: list as Tensor[] } as never] : list;
    for (const group of groups)
      this.addParamGroup(group as Partial<O> & { readonly params: Tensor | Iterable<Tensor> });
  }

  /** Throws for settings that make no sense. */
  protected abstract check(options: O): void;

  /** Adds parameters with settings of their own. */
  addParamGroup(group: Partial<O> & { readonly params: Tensor | Iterable<Tensor> }): void {
    const params = group.params instanceof Tensor ? [group.params] : [...group.params];
    const known = new Set(this.paramGroups.flatMap((g) => g.params));
    for (const p of params) {
      if (!(p instanceof Tensor)) {
        throw new ArgumentError(
          `${this.constructor.name}: expected tensors as parameters, got ${describe(p)}: optimizer can only optimize Tensors.`,
        );
      }
      if (!p.isLeaf) {
        throw new DifferentiationError(
          `${this.constructor.name}: expected leaves as parameters, got ${p.aval.toString()} with a history: can't optimize a non-leaf Tensor.`,
          'detach it.',
        );
      }
      if (known.has(p)) {
        throw new ArgumentError(
          `${this.constructor.name}: expected each parameter once, got ${p.aval.toString()} again: some parameters appear in more than one parameter group.`,
        );
      }
      known.add(p);
    }
    const full = { ...this.defaults, ...group, params };
    this.check(full);
    this.paramGroups.push(full);
  }

  /** Drops all gradients, or sets them to zero. */
  zeroGrad(setToNone = true): void {
    for (const { params } of this.paramGroups) for (const p of params) clearGrad(p, setToNone);
  }

  /**
   * Changes the parameters.
   * @param closure computes the loss anew, for optimisers that need that several times
   * @returns what the closure gave
   */
  abstract step(closure?: LossClosure): Tensor | number | undefined;

  /** The state of a parameter; `make` when it is first met. */
  protected stateOf<S extends ParamState>(p: Tensor, make: () => S): S {
    let found = this.state.get(p);
    if (found === undefined) this.state.set(p, (found = make()));
    return found as S;
  }

  /** Settings and state, by numbers in the place of parameters. Tensors are those of the optimiser. */
  stateDict(): OptimizerState<O> {
    const numbers = new Map(this.paramGroups.flatMap((g) => g.params).map((p, i) => [p, i]));
    return {
      state: Object.fromEntries([...this.state].map(([p, s]) => [numbers.get(p)!, { ...s }])),
      paramGroups: this.paramGroups.map((g) => ({ ...g, params: g.params.map((p) => numbers.get(p)!) })),
    };
  }

  /**
   * Takes settings and state, as they were given or as JSON; tensors are copied.
   * @throws ArgumentError if groups or their sizes differ
   */
  loadStateDict(dict: OptimizerState<O>): void {
    const sizes = (groups: readonly { readonly params: readonly unknown[] }[]): string =>
      groups.map((g) => g.params.length).join(', ');
    if (sizes(dict.paramGroups) !== sizes(this.paramGroups)) {
      throw new ArgumentError(
        `${this.constructor.name}.loadStateDict: expected groups of ${sizes(this.paramGroups)} parameters, got ${sizes(dict.paramGroups)}: ` +
          "loaded state dict contains a parameter group that doesn't match the size of optimizer's group.",
      );
    }
    const params = this.paramGroups.flatMap((g) => g.params);
    const numbers = dict.paramGroups.flatMap((g) => g.params);
    this.paramGroups = this.paramGroups.map((g, i) => ({ ...dict.paramGroups[i]!, params: g.params }));
    this.state.clear();
    numbers.forEach((number, i) => {
      const saved = dict.state[number];
      if (saved !== undefined) this.state.set(params[i]!, this.loaded(saved, params[i]!));
    });
  }

  /** A copy of what was saved. Nested arrays, which tensors are in JSON, become tensors of the parameter's dtype again. */
  private loaded(state: ParamState, { dtype }: Tensor): ParamState {
    const copy = (x: unknown): Tensor | number =>
      typeof x === 'number' ? x : new Tensor(toTensor(x as TensorLike, x instanceof Tensor ? undefined : dtype).value);
    const { listNames } = this;
    return Object.fromEntries(
      Object.entries(state).map(([name, x]) => [name, listNames.includes(name) ? (x as unknown[]).map(copy) : copy(x)]),
    );
  }

  toString(): string {
    const groups = this.paramGroups.map((g, i) => {
      const lines = Object.entries(g).filter(([name]) => name !== 'params');
      return `Parameter Group ${i}\n${lines.map(([name, value]) => `    ${name}: ${JSON.stringify(value)}`).join('\n')}`;
    });
    return `${this.constructor.name} (\n${groups.join('\n')}\n)`;
  }
}

/** Defaults with the settings that are given in their place. */
function settingsOf<O extends object>(op: string, defaults: O, given: Given<O>): O {
  const { foreach: _, fused: __, capturable, differentiable, ...settings } = byName(op, Object.keys(defaults), given);
  if (capturable === true || differentiable === true) {
    throw new ArgumentError(
      `${op}: expected ${capturable === true ? 'capturable' : 'differentiable'} to be false, got true: steps are not recorded.`,
      'for derivatives through a step, write the update with functions of tensors, or use cotangent/optim under grad.',
    );
  }
  const present = Object.entries(settings).filter(([, value]) => value !== undefined);
  return { ...defaults, ...Object.fromEntries(present) } as O;
}
