/**
 * Runs the few Python statements that composite cases are written in: assignments, `def`, `if`, `for`, `while`,
 * `try`, `return`, `import`. Composites that are not ported by hand run through this.
 * @module
 */

import type { BinaryOperator, Expression, Statement } from './python-ast.ts';
import { Evaluator, Scope } from './python-expr.ts';
import type { Host } from './python-expr.ts';
import { ExpressionParser } from './python-parse.ts';
import { tokenize } from './python-tokens.ts';
import { PyFunction, PythonError } from './python-values.ts';

class StatementParser extends ExpressionParser {
  /** Statements up to a dedent or the end. */
  block(): Statement[] {
    const statements: Statement[] = [];
    while (this.peek().kind !== 'end' && this.peek().kind !== 'dedent') statements.push(...this.line());
    return statements;
  }

  /** What follows a colon: an indented block, or simple statements on the same line. */
  private suite(): Statement[] {
    this.expect(':');
    if (this.peek().kind !== 'newline') return this.simpleLine();
    this.position += 1;
    if (this.peek().kind !== 'indent') throw this.unexpected('an indented block');
    this.position += 1;
    const body = this.block();
    if (this.peek().kind === 'dedent') this.position += 1;
    return body;
  }

  private line(): Statement[] {
    if (this.sees('@')) return [this.decorated()];
    if (this.sees('def')) return [this.define([])];
    if (this.accept('if')) return [this.conditional()];
    if (this.accept('for')) return [this.loop()];
    if (this.accept('while')) return [{ kind: 'while', test: this.expression(), body: this.suite() }];
    if (this.accept('try')) return [this.attempt()];
    return this.simpleLine();
  }

  private decorated(): Statement {
    const decorators: Expression[] = [];
    while (this.accept('@')) {
      decorators.push(this.expression());
      this.endOfLine();
    }
    return this.define(decorators);
  }

  private define(decorators: readonly Expression[]): Statement {
    this.expect('def');
    const name = this.expectName();
    this.expect('(');
    const params = this.parameters(')', true);
    this.expect(')');
    if (this.accept('->')) this.expression();
    return { kind: 'define', name, params, decorators, body: this.suite() };
  }

  private conditional(): Statement {
    const test = this.expression();
    const then = this.suite();
    if (this.accept('elif')) return { kind: 'if', test, then, otherwise: [this.conditional()] };
    return { kind: 'if', test, then, otherwise: this.accept('else') ? this.suite() : [] };
  }

  private loop(): Statement {
    const target = this.target();
    this.expect('in');
    const iterable = this.tupleOrExpression();
    return { kind: 'for', target, iterable, body: this.suite() };
  }

  private attempt(): Statement {
    const body = this.suite();
    this.expect('except');
    if (!this.sees(':')) this.expression();
    const name = this.accept('as') ? this.expectName() : undefined;
    return { kind: 'try', body, name, handler: this.suite() };
  }

  private endOfLine(): void {
    if (this.peek().kind === 'newline') this.position += 1;
    else if (this.peek().kind !== 'end') throw this.unexpected('the end of the line');
  }

  private simpleLine(): Statement[] {
    const statements = [this.simple()];
    while (this.accept(';')) {
      if (this.peek().kind === 'newline') break;
      statements.push(this.simple());
    }
    this.endOfLine();
    return statements;
  }

  private simple(): Statement {
    if (this.accept('pass')) return { kind: 'pass' };
    if (this.accept('return')) {
      const isBare = this.peek().kind === 'newline' || this.sees(';');
      return { kind: 'return', value: isBare ? undefined : this.tupleOrExpression() };
    }
    if (this.accept('from')) return this.fromImport();
    const value = this.tupleOrExpression();
    const token = this.peek();
    if (token.kind === 'op' && token.text !== '=' && token.text.endsWith('=')) {
      this.position += 1;
      return {
        kind: 'augment',
        target: value,
        op: token.text.slice(0, -1) as BinaryOperator,
        value: this.tupleOrExpression(),
      };
    }
    const chain = [value];
    while (this.accept('=')) chain.push(this.tupleOrExpression());
    const last = chain.pop();
    if (last === undefined || chain.length === 0) return { kind: 'expression', value };
    return { kind: 'assign', targets: chain, value: last };
  }

  private fromImport(): Statement {
    let module = this.expectName();
    while (this.accept('.')) module += `.${this.expectName()}`;
    this.expect('import');
    const names: { name: string; as: string }[] = [];
    do {
      const name = this.expectName();
      names.push({ name, as: this.accept('as') ? this.expectName() : name });
    } while (this.accept(','));
    return { kind: 'import', module, names };
  }
}

/** The value of a `return` that was reached. */
interface Returned {
  readonly value: unknown;
}

class Runner extends Evaluator {
  run(statements: readonly Statement[], scope: Scope): Returned | undefined {
    for (const statement of statements) {
      const returned = this.execute(statement, scope);
      if (returned !== undefined) return returned;
    }
    return undefined;
  }

  private execute(statement: Statement, scope: Scope): Returned | undefined {
    switch (statement.kind) {
      case 'pass':
        return undefined;
      case 'expression':
        this.evaluate(statement.value, scope);
        return undefined;
      case 'return':
        return { value: statement.value === undefined ? null : this.evaluate(statement.value, scope) };
      case 'assign': {
        const value = this.evaluate(statement.value, scope);
        for (const target of statement.targets) this.assign(target, value, scope);
        return undefined;
      }
      case 'augment': {
        const value = this.binary(
          statement.op,
          this.evaluate(statement.target, scope),
          this.evaluate(statement.value, scope),
        );
        this.assign(statement.target, value, scope);
        return undefined;
      }
      case 'define':
        this.define(statement, scope);
        return undefined;
      case 'if':
        return this.run(this.truth(this.evaluate(statement.test, scope)) ? statement.then : statement.otherwise, scope);
      case 'for':
        return this.loop(statement, scope);
      case 'while':
        return this.repeat(statement, scope);
      case 'try':
        return this.attempt(statement, scope);
      case 'import':
        for (const { name, as } of statement.names) scope.set(as, this.imported(statement.module, name, scope));
        return undefined;
    }
  }

  private define(node: Extract<Statement, { kind: 'define' }>, scope: Scope): void {
    const plain = this.closure(node.name, node.params, scope, (local) => this.run(node.body, local)?.value ?? null);
    const decorated = node.decorators.reduceRight<unknown>(
      (fn, d) => this.apply(this.evaluate(d, scope), [fn], {}),
      plain,
    );
    scope.set(node.name, decorated);
  }

  private loop(node: Extract<Statement, { kind: 'for' }>, scope: Scope): Returned | undefined {
    for (const item of this.iterate(this.evaluate(node.iterable, scope))) {
      this.assign(node.target, item, scope);
      const returned = this.run(node.body, scope);
      if (returned !== undefined) return returned;
    }
    return undefined;
  }

  private repeat(node: Extract<Statement, { kind: 'while' }>, scope: Scope): Returned | undefined {
    while (this.truth(this.evaluate(node.test, scope))) {
      const returned = this.run(node.body, scope);
      if (returned !== undefined) return returned;
    }
    return undefined;
  }

  private attempt(node: Extract<Statement, { kind: 'try' }>, scope: Scope): Returned | undefined {
    try {
      return this.run(node.body, scope);
    } catch (error) {
      // What is not built, or wrong in the case itself, is no error that the case may catch.
      if (error instanceof Error && ['MissingError', 'SkipError', 'PythonError', 'TypeError'].includes(error.name))
        throw error;
      if (node.name !== undefined) scope.set(node.name, error);
      return this.run(node.handler, scope);
    }
  }

  /** `from jax.experimental.jet import jet` is `jax.jet`: the library keeps these names at its root. */
  private imported(module: string, name: string, scope: Scope): unknown {
    const top = module.split('.')[0] ?? '';
    return this.host.attribute(scope.get(top), name);
  }
}

/**
 * Runs Python source and gives the function of that name which it defines, to be called with keyword arguments.
 * @throws {PythonSyntaxError} when the source is not of the subset.
 */
export function loadFunction(
  source: string,
  name: string,
  host: Host,
  variables: Readonly<Record<string, unknown>>,
): (inputs: Readonly<Record<string, unknown>>) => unknown {
  const statements = new StatementParser(tokenize(source, true)).block();
  const scope = new Scope(Object.entries(variables));
  new Runner(host).run(statements, scope);
  const fn = scope.get(name);
  if (!(fn instanceof PyFunction)) throw new PythonError(`the source defines no function '${name}'`);
  return (inputs) => fn.invoke([], inputs);
}
