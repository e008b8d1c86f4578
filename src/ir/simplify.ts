/**
 * The form of a primitive's rewrite rule. Rules live on records, so that the simplifier knows no primitive.
 * May import: types of `ir`.
 * @module
 */
import type { Aval } from './aval.ts';
import type { Atom, Equation, Params, PrimitiveInfo } from './program.ts';

/** An equation as its rewrite rule sees it. */
export interface SimplifyView<P> {
  readonly inputs: readonly Atom[];
  readonly params: P;
  readonly outputs: readonly Aval[];
  /** The equation that computes a value; undefined for literals and inputs of the Program. */
  readonly producer: (atom: Atom) => Equation | undefined;
  /** How often a value is an operand or a result. A rewrite that leaves its producer behind pays only where this is 1. */
  readonly uses: (atom: Atom) => number;
}

/** Values that exist already, one other equation with the same results, or several and the values that they end in. */
export type Replacement =
  | { readonly kind: 'values'; readonly values: readonly Atom[] }
  | {
      readonly kind: 'equation';
      readonly primitive: PrimitiveInfo;
      readonly inputs: readonly Atom[];
      readonly params: Params;
    }
  | {
      readonly kind: 'equations';
      /** In order, with variables of their own. */
      readonly equations: readonly Equation[];
      readonly values: readonly Atom[];
    };

/**
 * A cheaper equal of an equation, or undefined. Equal means for every operand: NaN, infinities, −0 and wrapping integers included.
 * Shapes and dtypes of the results stay; weak types may change.
 */
export type SimplifyRule<P> = (view: SimplifyView<P>) => Replacement | undefined;

/** The number behind an atom, if it is a scalar literal. */
export const scalarOf = (atom: Atom): number | undefined => (atom.kind === 'literal' ? atom.value.scalar : undefined);
