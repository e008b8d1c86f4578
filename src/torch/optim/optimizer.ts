/**
 * What all optimisers share: groups of parameters, state, and one compiled update for each parameter.
 * May import: everything up to `api`, `tape`, `nn`, `optim`.
 * @module
 */
import { ArgumentError, DifferentiationError } from '../../ir/errors.ts';
import { scalarTensor, type Tensor as CoreTensor } from '../../core/tensor.ts';
import { jit } from '../../api/jit.ts';
import { describe } from '../../api/options.ts';
import { enableGrad } from '../grad-mode.ts';
import { withModes } from '../modes.ts';
import { clearGrad } from '../nn/parameter.ts';
import { toTensor } from '../ops/define.ts';
import { Tensor } from '../tensor.ts';
import { changeInPlace } from '../views.ts';

/** What an optimiser remembers about a parameter: tensors, and numbers such as the count of steps. */
export type ParamState = Record<string, Tensor | number>;

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

type Rule = (tensors: readonly CoreTensor[], scalars: readonly CoreTensor[]) => readonly CoreTensor[];

/**
 * A compiled update of one parameter: from tensors of its shape and numbers to new tensors, the first of which is the parameter. It is
 * compiled once for each shape.
 */
export class Kernel {
  private readonly run: (tensors: CoreTensor[], scalars: CoreTensor[]) => CoreTensor[];

  constructor(name: string, rule: Rule) {
    const update = (tensors: CoreTensor[], scalars: CoreTensor[]): CoreTensor[] =>
      rule(tensors, scalars).map((t) => (t.dtype === tensors[0]!.dtype ? t : t.astype(tensors[0]!.dtype)));
    Object.defineProperty(update, 'name', { value: name });
    this.run = jit(update as never) as unknown as (tensors: CoreTensor[], scalars: CoreTensor[]) => CoreTensor[];
  }

  /** Changes the first tensor and those after the second (the gradient) in place. */
  apply(targets: readonly Tensor[], grad: CoreTensor, scalars: readonly number[]): void {
    const [p, ...state] = targets.map((t) => t.value) as [CoreTensor, ...CoreTensor[]];
    const type = p.dtype === 'float64' ? 'float64' : 'float32';
    const fresh = this.run(
      [p, grad, ...state],
      scalars.map((x) => scalarTensor(x, type)),
    );
    targets.forEach((t, i) => changeInPlace('step', t, () => new Tensor(fresh[i]!)));
  }
}

const kernels = new Map<string, Kernel>();

/** The kernel of a name, which says all that its rule depends on. */
export function kernelOf(name: string, rule: Rule): Kernel {
  let found = kernels.get(name);
  if (found === undefined) kernels.set(name, (found = new Kernel(name, rule)));
  return found;
}

/**
 * The base of all optimisers. `step` changes parameters in place, outside the graph; those without a gradient are passed over.
 */
export abstract class Optimizer<O extends CommonOptions = CommonOptions> {
  /** Settings of groups that say nothing else. */
  readonly defaults: O;
  /** May be changed between steps: the learning rate, say. */
  paramGroups: ParamGroup<O>[] = [];
  readonly state: Map<Tensor, ParamState> = new Map();

  constructor(params: Params<O>, defaults: O) {
    this.defaults = defaults;
    this.check(defaults);
    const given = [...(params as Iterable<Tensor | (Partial<O> & { readonly params: Tensor | Iterable<Tensor> })>)];
    if (given.length === 0) {
      throw new ArgumentError(
        `${new.target.name}: expected parameters, got none: optimizer got an empty parameter list.`,
        'pass module.parameters().',
      );
    }
    const isTensors = given[0] instanceof Tensor;
    const groups = isTensors ? [{ params: given as Tensor[] } as never] : given;
    for (const group of groups)
      this.addParamGroup(group as Partial<O> & { readonly params: Tensor | Iterable<Tensor> });
  }

  /** Throws for settings that make no sense. */
  protected abstract check(options: O): void;

  /** Updates one parameter. */
  protected abstract update(p: Tensor, grad: CoreTensor, group: ParamGroup<O>): void;

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
  step(closure?: LossClosure): Tensor | number | undefined {
    const loss = closure === undefined ? undefined : enableGrad(closure);
    withModes({ isGradEnabled: false }, () => {
      for (const group of this.paramGroups) {
        for (const p of group.params) if (p.grad !== null) this.update(p, p.grad.value, group);
      }
    });
    return loss;
  }

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
   * Takes settings and state; tensors are copied.
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
      if (saved !== undefined) this.state.set(params[i]!, copied(saved));
    });
  }

  toString(): string {
    const groups = this.paramGroups.map((g, i) => {
      const lines = Object.entries(g).filter(([name]) => name !== 'params');
      return `Parameter Group ${i}\n${lines.map(([name, value]) => `    ${name}: ${JSON.stringify(value)}`).join('\n')}`;
    });
    return `${this.constructor.name} (\n${groups.join('\n')}\n)`;
  }
}

const copied = (state: ParamState): ParamState =>
  Object.fromEntries(
    Object.entries(state).map(([name, x]) => [name, typeof x === 'number' ? x : new Tensor(toTensor(x).value)]),
  );

/** Throws unless a setting is in its range. */
export function checkSetting(op: string, name: string, value: number, isGood: boolean): void {
  if (isGood) return;
  throw new ArgumentError(`${op}: expected ${name} in its range, got ${value}: invalid ${name} value: ${value}.`);
}

/** Throws unless settings are numbers of at least 0. */
export function checkNonNegative(op: string, settings: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(settings)) checkSetting(op, name, value, value >= 0);
}
