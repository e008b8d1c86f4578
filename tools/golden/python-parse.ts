/**
 * Recursive-descent parser from Python tokens to expressions. Precedence climbs one table of binary operators.
 * @module
 */

import type {
  Argument,
  BinaryOperator,
  CompareOperator,
  ComprehensionClause,
  Expression,
  Parameter,
  UnaryOperator,
} from './python-ast.ts';
import { PythonSyntaxError, tokenize } from './python-tokens.ts';
import type { Token } from './python-tokens.ts';

/** Binding strength of the left-associative binary operators, loosest first (Python reference, section 6.17). */
const STRENGTH: Readonly<Record<string, number>> = {
  '|': 1,
  '^': 2,
  '&': 3,
  '<<': 4,
  '>>': 4,
  '+': 5,
  '-': 5,
  '*': 6,
  '/': 6,
  '//': 6,
  '%': 6,
  '@': 6,
};
const COMPARISONS: ReadonlySet<string> = new Set(['==', '!=', '<', '<=', '>', '>=']);
const KEYWORDS: ReadonlySet<string> = new Set(['lambda', 'if', 'else', 'for', 'in', 'and', 'or', 'not', 'is']);
const CONSTANTS: Readonly<Record<string, null | boolean>> = { None: null, True: true, False: false };

/** Reads tokens one after the other; statements share it with expressions. */
export class ExpressionParser {
  protected readonly tokens: readonly Token[];
  protected position = 0;

  constructor(tokens: readonly Token[]) {
    this.tokens = tokens;
  }

  peek(offset = 0): Token {
    return this.tokens[this.position + offset] ?? { kind: 'end', text: '', at: -1 };
  }

  /** Whether the next token is this operator or keyword. */
  sees(text: string): boolean {
    const token = this.peek();
    return (token.kind === 'op' || token.kind === 'name') && token.text === text;
  }

  accept(text: string): boolean {
    if (!this.sees(text)) return false;
    this.position += 1;
    return true;
  }

  expect(text: string): void {
    if (!this.accept(text)) throw this.unexpected(`'${text}'`);
  }

  expectName(): string {
    const token = this.peek();
    if (token.kind !== 'name' || KEYWORDS.has(token.text)) throw this.unexpected('a name');
    this.position += 1;
    return token.text;
  }

  unexpected(wanted: string): PythonSyntaxError {
    const token = this.peek();
    return new PythonSyntaxError(
      `expected ${wanted}, got ${token.text === '' ? token.kind : `'${token.text}'`} at ${token.at}`,
    );
  }

  /** An expression list: `a, *b` is a tuple, `a` is itself. */
  tupleOrExpression(): Expression {
    const first = this.starOrExpression();
    if (!this.sees(',')) {
      if (first.kind === 'star') throw this.unexpected("','");
      return first;
    }
    const items = [first];
    while (this.accept(',')) {
      if (this.atExpressionEnd()) break;
      items.push(this.starOrExpression());
    }
    return { kind: 'tuple', items };
  }

  expression(): Expression {
    if (this.sees('lambda')) return this.lambda();
    const then = this.disjunction();
    if (!this.accept('if')) return then;
    const test = this.disjunction();
    this.expect('else');
    return { kind: 'conditional', test, then, otherwise: this.expression() };
  }

  /** Parameters up to `close`; annotations are read and dropped. */
  parameters(close: string, annotated: boolean): Parameter[] {
    const params: Parameter[] = [];
    let keywordOnly = false;
    while (!this.sees(close)) {
      if (this.accept('**')) {
        params.push({ kind: 'doubleStar', name: this.expectName(), default: undefined });
      } else if (this.accept('*')) {
        keywordOnly = true;
        if (!this.sees(',')) params.push({ kind: 'star', name: this.expectName(), default: undefined });
      } else {
        params.push(this.parameter(keywordOnly, annotated));
      }
      if (!this.accept(',')) break;
    }
    return params;
  }

  /** `a`, `a.b`, `a[0]`, `a, (b, *c)`: what may stand left of `=` or after `for`. */
  target(): Expression {
    const first = this.targetItem();
    if (!this.sees(',')) return first;
    const items = [first];
    while (this.accept(',')) {
      if (this.sees('=') || this.sees('in')) break;
      items.push(this.targetItem());
    }
    return { kind: 'tuple', items };
  }

  private targetItem(): Expression {
    return this.accept('*') ? { kind: 'star', value: this.primary() } : this.primary();
  }

  private parameter(keywordOnly: boolean, annotated: boolean): Parameter {
    const name = this.expectName();
    if (annotated && this.accept(':')) this.expression();
    const fallback = this.accept('=') ? this.expression() : undefined;
    return { kind: keywordOnly ? 'keywordOnly' : 'plain', name, default: fallback };
  }

  private lambda(): Expression {
    this.expect('lambda');
    const params = this.parameters(':', false);
    this.expect(':');
    return { kind: 'lambda', params, body: this.expression() };
  }

  private starOrExpression(): Expression {
    return this.accept('*') ? { kind: 'star', value: this.binary(1) } : this.expression();
  }

  private atExpressionEnd(): boolean {
    const token = this.peek();
    if (token.kind === 'end' || token.kind === 'newline') return true;
    return token.kind === 'op' && [')', ']', '}', '=', ':', ';'].includes(token.text);
  }

  private disjunction(): Expression {
    let left = this.conjunction();
    while (this.accept('or')) left = { kind: 'logical', op: 'or', left, right: this.conjunction() };
    return left;
  }

  private conjunction(): Expression {
    let left = this.negation();
    while (this.accept('and')) left = { kind: 'logical', op: 'and', left, right: this.negation() };
    return left;
  }

  private negation(): Expression {
    return this.accept('not') ? { kind: 'unary', op: 'not', operand: this.negation() } : this.comparison();
  }

  private comparison(): Expression {
    const first = this.binary(1);
    const rest: { op: CompareOperator; right: Expression }[] = [];
    for (let op = this.comparator(); op !== undefined; op = this.comparator()) rest.push({ op, right: this.binary(1) });
    return rest.length === 0 ? first : { kind: 'compare', first, rest };
  }

  private comparator(): CompareOperator | undefined {
    const token = this.peek();
    if (token.kind === 'op' && COMPARISONS.has(token.text)) {
      this.position += 1;
      return token.text as CompareOperator;
    }
    if (this.accept('in')) return 'in';
    if (this.accept('is')) return this.accept('not') ? 'is not' : 'is';
    if (this.sees('not') && this.peek(1).text === 'in') {
      this.position += 2;
      return 'not in';
    }
    return undefined;
  }

  private binary(minimum: number): Expression {
    let left = this.unary();
    for (;;) {
      const token = this.peek();
      const strength = token.kind === 'op' ? STRENGTH[token.text] : undefined;
      if (strength === undefined || strength < minimum) return left;
      this.position += 1;
      left = { kind: 'binary', op: token.text as BinaryOperator, left, right: this.binary(strength + 1) };
    }
  }

  private unary(): Expression {
    for (const op of ['-', '+', '~'] as const satisfies readonly UnaryOperator[]) {
      if (this.accept(op)) return { kind: 'unary', op, operand: this.unary() };
    }
    const base = this.primary();
    // `**` binds tighter than a sign on its left and looser than one on its right: -x ** -2 is -(x ** (-2)).
    return this.accept('**') ? { kind: 'binary', op: '**', left: base, right: this.unary() } : base;
  }

  primary(): Expression {
    let object = this.atom();
    for (;;) {
      if (this.accept('.')) object = { kind: 'attribute', object, name: this.expectName() };
      else if (this.accept('(')) object = { kind: 'call', callee: object, args: this.callArguments() };
      else if (this.accept('[')) object = this.subscript(object);
      else return object;
    }
  }

  private callArguments(): Argument[] {
    const args: Argument[] = [];
    while (!this.sees(')')) {
      args.push(this.argument());
      if (!this.accept(',')) break;
    }
    this.expect(')');
    return args;
  }

  private argument(): Argument {
    if (this.accept('**')) return { kind: 'doubleStar', name: '', value: this.expression() };
    if (this.accept('*')) return { kind: 'star', name: '', value: this.expression() };
    if (this.peek().kind === 'name' && this.peek(1).kind === 'op' && this.peek(1).text === '=') {
      const name = this.expectName();
      this.expect('=');
      return { kind: 'keyword', name, value: this.expression() };
    }
    const value = this.expression();
    return {
      kind: 'positional',
      name: '',
      value: this.sees('for') ? this.comprehension('list', undefined, value) : value,
    };
  }

  private subscript(object: Expression): Expression {
    const items = [this.subscriptItem()];
    let isTuple = false;
    while (this.accept(',')) {
      isTuple = true;
      if (this.sees(']')) break;
      items.push(this.subscriptItem());
    }
    this.expect(']');
    const [only] = items;
    // x[(a, b)] is x[a, b].
    if (!isTuple && only?.kind === 'tuple') return { kind: 'index', object, items: only.items, isTuple: true };
    return { kind: 'index', object, items, isTuple };
  }

  private subscriptItem(): Expression {
    const bound = (): Expression | undefined =>
      this.sees(':') || this.sees(']') || this.sees(',') ? undefined : this.starOrExpression();
    const start = bound();
    if (!this.accept(':')) {
      if (start === undefined) throw this.unexpected('an index');
      return start;
    }
    const stop = bound();
    return { kind: 'slice', start, stop, step: this.accept(':') ? bound() : undefined };
  }

  private atom(): Expression {
    const token = this.peek();
    this.position += 1;
    const digits = token.text.replaceAll('_', '');
    if (token.kind === 'int') return { kind: 'number', value: Number(digits), isFloat: false };
    if (token.kind === 'float') return { kind: 'number', value: Number(digits), isFloat: true };
    if (token.kind === 'imaginary') return { kind: 'imaginary', value: Number(digits.slice(0, -1)) };
    if (token.kind === 'string') return this.stringRun(token.text);
    if (token.kind === 'name' && !KEYWORDS.has(token.text)) {
      const constant = CONSTANTS[token.text];
      return constant === undefined ? { kind: 'name', id: token.text } : { kind: 'constant', value: constant };
    }
    if (token.kind === 'op' && token.text === '(') return this.parenthesis();
    if (token.kind === 'op' && token.text === '[') return this.list();
    if (token.kind === 'op' && token.text === '{') return this.dict();
    if (token.kind === 'op' && token.text === '...') return { kind: 'constant', value: '...' };
    this.position -= 1;
    throw this.unexpected('an expression');
  }

  /** Adjacent string literals are one string. */
  private stringRun(first: string): Expression {
    let value = first;
    for (let token = this.peek(); token.kind === 'string'; token = this.peek()) {
      value += token.text;
      this.position += 1;
    }
    return { kind: 'string', value };
  }

  private parenthesis(): Expression {
    if (this.accept(')')) return { kind: 'tuple', items: [] };
    let inner = this.tupleOrExpression();
    if (this.sees('for')) inner = this.comprehension('list', undefined, inner);
    this.expect(')');
    return inner;
  }

  private list(): Expression {
    if (this.accept(']')) return { kind: 'list', items: [] };
    const first = this.starOrExpression();
    if (this.sees('for')) {
      const comprehension = this.comprehension('list', undefined, first);
      this.expect(']');
      return comprehension;
    }
    const items = [first];
    while (this.accept(',')) {
      if (this.sees(']')) break;
      items.push(this.starOrExpression());
    }
    this.expect(']');
    return { kind: 'list', items };
  }

  private dict(): Expression {
    const entries: { key: Expression; value: Expression }[] = [];
    while (!this.sees('}')) {
      const key = this.expression();
      this.expect(':');
      const value = this.expression();
      if (entries.length === 0 && this.sees('for')) {
        const comprehension = this.comprehension('dict', key, value);
        this.expect('}');
        return comprehension;
      }
      entries.push({ key, value });
      if (!this.accept(',')) break;
    }
    this.expect('}');
    return { kind: 'dict', entries };
  }

  private comprehension(shape: 'list' | 'dict', key: Expression | undefined, element: Expression): Expression {
    const clauses: ComprehensionClause[] = [];
    while (this.accept('for')) {
      const target = this.target();
      this.expect('in');
      const iterable = this.disjunction();
      const conditions: Expression[] = [];
      while (this.accept('if')) conditions.push(this.disjunction());
      clauses.push({ target, iterable, conditions });
    }
    return { kind: 'comprehension', shape, key, element, clauses };
  }
}

/**
 * Parses one Python expression.
 * @throws {PythonSyntaxError} when the text is not one expression of the subset.
 */
export function parseExpression(source: string): Expression {
  const parser = new ExpressionParser(tokenize(source));
  const expression = parser.tupleOrExpression();
  if (parser.peek().kind !== 'end') throw parser.unexpected('the end of the expression');
  return expression;
}
