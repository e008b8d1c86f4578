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
}

/** Values that exist already, or one other equation with the same results. */
export type Replacement =
  | { readonly kind: 'values'; readonly values: readonly Atom[] }
  | {
      readonly kind: 'equation';
      readonly primitive: PrimitiveInfo;
      readonly inputs: readonly Atom[];
      readonly params: Params;
    };

/**
 * A cheaper equal of an equation, or undefined. Equal means for every operand: NaN, infinities, −0 and wrapping integers included.
 * Shapes and dtypes of the results stay; weak types may change.
 */
export type SimplifyRule<P> = (view: SimplifyView<P>) => Replacement | undefined;

/** The number behind an atom, if it is a scalar literal. */
export const scalarOf = (atom: Atom): number | undefined => (atom.kind === 'literal' ? atom.value.scalar : undefined);
