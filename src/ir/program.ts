/**
 * Programs: typed, closed SSA. `Program` of `Equation`s over `Var`s and `Literal`s.
 * The IR knows a primitive only by the few members in `PrimitiveInfo`; core's record extends it.
 * May import: `ir`.
 * @module
 */
import type { Aval } from './aval.ts';
import { printProgram } from './print.ts';

/** What the IR needs to know of a primitive. */
export interface PrimitiveInfo {
  readonly name: string;
}

/** What the IR needs to know of a constant: a concrete tensor. */
export interface ConstantValue {
  readonly aval: Aval;
  /** The number, for a scalar whose value sits on the host; printed inline, folded by the compiler. */
  readonly scalar: number | undefined;
}

export class Var {
  readonly kind = 'var' as const;
  readonly aval: Aval;

  constructor(aval: Aval) {
    this.aval = aval;
  }
}

export class Literal {
  readonly kind = 'literal' as const;
  readonly value: ConstantValue;

  constructor(value: ConstantValue) {
    this.value = value;
  }

  get aval(): Aval {
    return this.value.aval;
  }
}

export type Atom = Var | Literal;

/** Where in the user's code an equation was made; formatted only when asked for. */
export interface SourceSite {
  toString(): string;
}

export type Params = Readonly<Record<string, unknown>>;

export class Equation {
  readonly primitive: PrimitiveInfo;
  readonly inputs: readonly Atom[];
  readonly params: Params;
  readonly outputs: readonly Var[];
  readonly site: SourceSite | undefined;

  constructor(
    primitive: PrimitiveInfo,
    inputs: readonly Atom[],
    params: Params,
    outputs: readonly Var[],
    site?: SourceSite,
  ) {
    this.primitive = primitive;
    this.inputs = inputs;
    this.params = params;
    this.outputs = outputs;
    this.site = site;
  }
}

/** A closed function of `inputs`. Equations are in evaluation order; each Var is defined once, before its uses. */
export class Program {
  readonly name: string;
  readonly inputs: readonly Var[];
  readonly equations: readonly Equation[];
  readonly outputs: readonly Atom[];

  constructor(name: string, inputs: readonly Var[], equations: readonly Equation[], outputs: readonly Atom[]) {
    this.name = name;
    this.inputs = inputs;
    this.equations = equations;
    this.outputs = outputs;
  }

  get inAvals(): Aval[] {
    return this.inputs.map((v) => v.aval);
  }

  get outAvals(): Aval[] {
    return this.outputs.map((v) => v.aval);
  }

  toString(): string {
    return printProgram(this);
  }
}

/** The sub-Programs an equation carries in its params (directly or in arrays). */
export function subPrograms(params: Params): Program[] {
  const out: Program[] = [];
  for (const key in params) {
    const v = params[key];
    if (v instanceof Program) out.push(v);
    else if (Array.isArray(v)) for (const e of v) if (e instanceof Program) out.push(e);
  }
  return out;
}
