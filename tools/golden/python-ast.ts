/**
 * The syntax tree of the Python subset in which golden cases are written: expressions, and the few statements that
 * the bodies of composite cases use. Imported by the parser and the evaluator only.
 * @module
 */

/** One argument of a call: `f(a, *b, k=c, **d)`. */
export interface Argument {
  readonly kind: 'positional' | 'star' | 'keyword' | 'doubleStar';
  readonly name: string;
  readonly value: Expression;
}

/** One parameter of a lambda or a function definition. */
export interface Parameter {
  readonly kind: 'plain' | 'star' | 'keywordOnly' | 'doubleStar';
  readonly name: string;
  readonly default: Expression | undefined;
}

/** `for target in iterable if condition …` inside a comprehension. */
export interface ComprehensionClause {
  readonly target: Expression;
  readonly iterable: Expression;
  readonly conditions: readonly Expression[];
}

export type UnaryOperator = '-' | '+' | '~' | 'not';
export type BinaryOperator = '+' | '-' | '*' | '/' | '//' | '%' | '**' | '@' | '<<' | '>>' | '&' | '|' | '^';
export type CompareOperator = '==' | '!=' | '<' | '<=' | '>' | '>=' | 'is' | 'is not' | 'in' | 'not in';

export type Expression =
  | { readonly kind: 'number'; readonly value: number; readonly isFloat: boolean }
  | { readonly kind: 'imaginary'; readonly value: number }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'constant'; readonly value: null | boolean | '...' }
  | { readonly kind: 'name'; readonly id: string }
  | { readonly kind: 'attribute'; readonly object: Expression; readonly name: string }
  | { readonly kind: 'call'; readonly callee: Expression; readonly args: readonly Argument[] }
  | {
      readonly kind: 'index';
      readonly object: Expression;
      readonly items: readonly Expression[];
      readonly isTuple: boolean;
    }
  | {
      readonly kind: 'slice';
      readonly start: Expression | undefined;
      readonly stop: Expression | undefined;
      readonly step: Expression | undefined;
    }
  | { readonly kind: 'unary'; readonly op: UnaryOperator; readonly operand: Expression }
  | { readonly kind: 'binary'; readonly op: BinaryOperator; readonly left: Expression; readonly right: Expression }
  | {
      readonly kind: 'compare';
      readonly first: Expression;
      readonly rest: readonly { readonly op: CompareOperator; readonly right: Expression }[];
    }
  | { readonly kind: 'logical'; readonly op: 'and' | 'or'; readonly left: Expression; readonly right: Expression }
  | {
      readonly kind: 'conditional';
      readonly test: Expression;
      readonly then: Expression;
      readonly otherwise: Expression;
    }
  | { readonly kind: 'tuple' | 'list'; readonly items: readonly Expression[] }
  | { readonly kind: 'dict'; readonly entries: readonly { readonly key: Expression; readonly value: Expression }[] }
  | { readonly kind: 'star'; readonly value: Expression }
  | { readonly kind: 'lambda'; readonly params: readonly Parameter[]; readonly body: Expression }
  | {
      readonly kind: 'comprehension';
      readonly shape: 'list' | 'dict';
      readonly key: Expression | undefined;
      readonly element: Expression;
      readonly clauses: readonly ComprehensionClause[];
    };

export type Statement =
  | { readonly kind: 'expression'; readonly value: Expression }
  | { readonly kind: 'assign'; readonly targets: readonly Expression[]; readonly value: Expression }
  | { readonly kind: 'augment'; readonly target: Expression; readonly op: BinaryOperator; readonly value: Expression }
  | { readonly kind: 'return'; readonly value: Expression | undefined }
  | {
      readonly kind: 'define';
      readonly name: string;
      readonly params: readonly Parameter[];
      readonly decorators: readonly Expression[];
      readonly body: readonly Statement[];
    }
  | {
      readonly kind: 'for';
      readonly target: Expression;
      readonly iterable: Expression;
      readonly body: readonly Statement[];
    }
  | { readonly kind: 'while'; readonly test: Expression; readonly body: readonly Statement[] }
  | {
      readonly kind: 'if';
      readonly test: Expression;
      readonly then: readonly Statement[];
      readonly otherwise: readonly Statement[];
    }
  | {
      readonly kind: 'try';
      readonly body: readonly Statement[];
      readonly name: string | undefined;
      readonly handler: readonly Statement[];
    }
  | {
      readonly kind: 'import';
      readonly module: string;
      readonly names: readonly { readonly name: string; readonly as: string }[];
    }
  | { readonly kind: 'pass' };
