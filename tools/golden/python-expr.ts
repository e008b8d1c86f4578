/**
 * Evaluates the Python expressions of golden cases. Python's own values (numbers, tuples, dicts, lambdas) are handled
 * here; whatever concerns an array or the library goes through a {@link Host}, so this file knows neither.
 * @module
 */

import type {
  BinaryOperator,
  CompareOperator,
  ComprehensionClause,
  Expression,
  Parameter,
  UnaryOperator,
} from './python-ast.ts';
import { parseExpression } from './python-parse.ts';
import {
  isFloat,
  isNumber,
  PyComplex,
  PyFloat,
  PyFunction,
  pythonBinary,
  pythonCompare,
  PythonError,
  pythonItems,
  pythonTruth,
  PySlice,
  toNumber,
} from './python-values.ts';

/** What the evaluator asks of the library that the expressions call. */
export interface Host {
  /** Whether operators and indexing on this value belong to the library. */
  isTensor(value: unknown): boolean;
  binary(op: BinaryOperator, left: unknown, right: unknown): unknown;
  unary(op: Exclude<UnaryOperator, 'not'>, operand: unknown): unknown;
  compare(op: CompareOperator, left: unknown, right: unknown): unknown;
  truth(tensor: unknown): boolean;
  /** `object[items]`; an omitted slice part is null, None is null, an ellipsis is `'...'`. */
  index(tensor: unknown, items: readonly unknown[]): unknown;
  attribute(object: unknown, name: string): unknown;
  call(callee: unknown, args: readonly unknown[], keywords: Readonly<Record<string, unknown>>): unknown;
}

/** Variables in scope. */
export class Scope {
  private readonly variables: Map<string, unknown>;
  private readonly parent: Scope | undefined;

  constructor(variables: Iterable<readonly [string, unknown]>, parent?: Scope) {
    this.variables = new Map(variables);
    this.parent = parent;
  }

  get(name: string): unknown {
    if (this.variables.has(name)) return this.variables.get(name);
    if (this.parent === undefined) throw new PythonError(`name '${name}' is not defined`);
    return this.parent.get(name);
  }

  set(name: string, value: unknown): void {
    this.variables.set(name, value);
  }
}

type Keywords = Readonly<Record<string, unknown>>;

/** Evaluates expressions against one host. */
export class Evaluator {
  readonly host: Host;

  constructor(host: Host) {
    this.host = host;
  }

  evaluate(node: Expression, scope: Scope): unknown {
    switch (node.kind) {
      case 'number':
        return node.isFloat ? new PyFloat(node.value) : node.value;
      case 'imaginary':
        return new PyComplex(0, node.value);
      case 'string':
      case 'constant':
        return node.value;
      case 'name':
        return scope.get(node.id);
      case 'attribute':
        return this.attribute(this.evaluate(node.object, scope), node.name);
      case 'call':
        return this.call(node, scope);
      case 'index':
        return this.index(node, scope);
      case 'slice':
        return this.slice(node, scope);
      case 'unary':
        return this.unary(node.op, this.evaluate(node.operand, scope));
      case 'binary':
        return this.binary(node.op, this.evaluate(node.left, scope), this.evaluate(node.right, scope));
      case 'compare':
        return this.comparison(node, scope);
      case 'logical':
        return this.logical(node, scope);
      case 'conditional':
        return this.evaluate(this.truth(this.evaluate(node.test, scope)) ? node.then : node.otherwise, scope);
      case 'tuple':
      case 'list':
        return this.items(node.items, scope);
      case 'dict':
        return Object.fromEntries(
          node.entries.map(({ key, value }) => [String(this.evaluate(key, scope)), this.evaluate(value, scope)]),
        );
      case 'star':
        throw new PythonError("can't use a starred expression here");
      case 'lambda':
        return this.closure('<lambda>', node.params, scope, (local) => this.evaluate(node.body, local));
      case 'comprehension':
        return this.comprehension(node, scope);
    }
  }

  binary(op: BinaryOperator, left: unknown, right: unknown): unknown {
    const { host } = this;
    return host.isTensor(left) || host.isTensor(right) ? host.binary(op, left, right) : pythonBinary(op, left, right);
  }

  truth(value: unknown): boolean {
    return this.host.isTensor(value) ? this.host.truth(value) : pythonTruth(value);
  }

  /** The items of an iterable; a tensor gives its slices along the first axis. */
  iterate(value: unknown): readonly unknown[] {
    if (!this.host.isTensor(value)) return pythonItems(value);
    const shape = this.host.attribute(value, 'shape') as readonly number[];
    return Array.from({ length: shape[0] ?? 0 }, (_, i) => this.host.index(value, [i]));
  }

  /** A function over Python values whose body runs in a scope of its own. */
  closure(name: string, params: readonly Parameter[], scope: Scope, body: (local: Scope) => unknown): PyFunction {
    const defaults = params.map((p) =>
      p.default === undefined ? undefined : { value: this.evaluate(p.default, scope) },
    );
    const invoke: PyFunction['invoke'] = (args, keywords) => {
      const local = new Scope([], scope);
      bindParameters(name, params, defaults, args, keywords, local);
      return body(local);
    };
    return new PyFunction(
      name,
      invoke,
      params.some((p) => p.kind === 'keywordOnly'),
    );
  }

  apply(callee: unknown, args: readonly unknown[], keywords: Keywords): unknown {
    return callee instanceof PyFunction ? callee.invoke(args, keywords) : this.host.call(callee, args, keywords);
  }

  /** Assigns to a name, an item or a pattern of them. */
  assign(target: Expression, value: unknown, scope: Scope): void {
    if (target.kind === 'name') {
      scope.set(target.id, value);
    } else if (target.kind === 'tuple' || target.kind === 'list') {
      this.unpack(target.items, this.iterate(value), scope);
    } else if (target.kind === 'index' && target.items[0] !== undefined) {
      const container = this.evaluate(target.object, scope);
      if (typeof container !== 'object' || container === null)
        throw new PythonError('value does not support item assignment');
      (container as Record<string, unknown>)[String(this.evaluate(target.items[0], scope))] = value;
    } else {
      throw new PythonError(`cannot assign to ${target.kind}`);
    }
  }

  private unpack(targets: readonly Expression[], values: readonly unknown[], scope: Scope): void {
    const star = targets.findIndex((t) => t.kind === 'star');
    const extra = values.length - targets.length;
    if (star < 0 ? extra !== 0 : extra < -1) {
      throw new PythonError(`cannot unpack ${values.length} values into ${targets.length} names`);
    }
    targets.forEach((target, i) => {
      if (target.kind === 'star') this.assign(target.value, values.slice(i, i + extra + 1), scope);
      else this.assign(target, values[star >= 0 && i > star ? i + extra : i], scope);
    });
  }

  private items(nodes: readonly Expression[], scope: Scope): unknown[] {
    return nodes.flatMap((n) =>
      n.kind === 'star' ? this.iterate(this.evaluate(n.value, scope)) : [this.evaluate(n, scope)],
    );
  }

  private call(node: Extract<Expression, { kind: 'call' }>, scope: Scope): unknown {
    const callee = this.evaluate(node.callee, scope);
    const args: unknown[] = [];
    const keywords: Record<string, unknown> = {};
    for (const arg of node.args) {
      const value = this.evaluate(arg.value, scope);
      if (arg.kind === 'positional') args.push(value);
      else if (arg.kind === 'star') args.push(...this.iterate(value));
      else if (arg.kind === 'keyword') keywords[arg.name] = value;
      else Object.assign(keywords, value);
    }
    return this.apply(callee, args, keywords);
  }

  private attribute(object: unknown, name: string): unknown {
    const method = pythonMethod(object, name);
    return method ?? this.host.attribute(object, name);
  }

  private index(node: Extract<Expression, { kind: 'index' }>, scope: Scope): unknown {
    const object = this.evaluate(node.object, scope);
    const items = this.items(node.items, scope);
    if (this.host.isTensor(object)) return this.host.index(object, items);
    if (Array.isArray(object) || typeof object === 'string') return sequenceItem(object as unknown[], items[0]);
    if (isDict(object)) {
      const key = String(items[0]);
      if (!Object.hasOwn(object, key)) throw new PythonError(`no key '${key}'`);
      return object[key];
    }
    // `x.at[i]`: an object of the library that is indexed.
    return this.host.index(object, items);
  }

  private slice(node: Extract<Expression, { kind: 'slice' }>, scope: Scope): PySlice {
    const part = (n: Expression | undefined): unknown => (n === undefined ? null : this.evaluate(n, scope));
    return new PySlice(part(node.start), part(node.stop), part(node.step));
  }

  private unary(op: UnaryOperator, operand: unknown): unknown {
    if (op === 'not') return !this.truth(operand);
    if (this.host.isTensor(operand)) return this.host.unary(op, operand);
    if (operand instanceof PyComplex) return op === '-' ? new PyComplex(-operand.re, -operand.im) : operand;
    if (!isNumber(operand)) throw new PythonError(`bad operand type for unary ${op}`);
    const value = toNumber(operand);
    if (op === '~') return -value - 1;
    const signed = op === '-' ? -value : value;
    return isFloat(operand) ? new PyFloat(signed) : signed;
  }

  private comparison(node: Extract<Expression, { kind: 'compare' }>, scope: Scope): unknown {
    let left = this.evaluate(node.first, scope);
    let result: unknown = true;
    for (const [i, { op, right: rightNode }] of node.rest.entries()) {
      // a < b < c is (a < b) and (b < c).
      if (i > 0 && !this.truth(result)) return result;
      const right = this.evaluate(rightNode, scope);
      result = this.compare(op, left, right);
      left = right;
    }
    return result;
  }

  private compare(op: CompareOperator, left: unknown, right: unknown): unknown {
    const isIdentity = op === 'is' || op === 'is not' || op === 'in' || op === 'not in';
    const isLibrary = !isIdentity && (this.host.isTensor(left) || this.host.isTensor(right));
    return isLibrary ? this.host.compare(op, left, right) : pythonCompare(op, left, right);
  }

  private logical(node: Extract<Expression, { kind: 'logical' }>, scope: Scope): unknown {
    const left = this.evaluate(node.left, scope);
    return this.truth(left) === (node.op === 'or') ? left : this.evaluate(node.right, scope);
  }

  private comprehension(node: Extract<Expression, { kind: 'comprehension' }>, scope: Scope): unknown {
    const entries: [string, unknown][] = [];
    this.clause(node.clauses, scope, (local) => {
      const key = node.key === undefined ? '' : String(this.evaluate(node.key, local));
      entries.push([key, this.evaluate(node.element, local)]);
    });
    return node.shape === 'dict' ? Object.fromEntries(entries) : entries.map(([, value]) => value);
  }

  private clause(clauses: readonly ComprehensionClause[], scope: Scope, emit: (local: Scope) => void): void {
    const [first, ...rest] = clauses;
    if (first === undefined) return emit(scope);
    for (const item of this.iterate(this.evaluate(first.iterable, scope))) {
      const local = new Scope([], scope);
      this.assign(first.target, item, local);
      if (first.conditions.every((c) => this.truth(this.evaluate(c, local)))) this.clause(rest, local, emit);
    }
  }
}

function bindParameters(
  name: string,
  params: readonly Parameter[],
  defaults: readonly ({ readonly value: unknown } | undefined)[],
  args: readonly unknown[],
  keywords: Keywords,
  local: Scope,
): void {
  const unused = { ...keywords };
  let next = 0;
  params.forEach((param, i) => {
    if (param.kind === 'star') {
      local.set(param.name, args.slice(next));
      next = args.length;
    } else if (param.kind === 'doubleStar') {
      const rest = { ...unused };
      for (const key of Object.keys(rest)) delete unused[key];
      local.set(param.name, rest);
    } else if (param.kind === 'plain' && next < args.length) {
      local.set(param.name, args[next++]);
    } else if (Object.hasOwn(unused, param.name)) {
      local.set(param.name, unused[param.name]);
      delete unused[param.name];
    } else {
      const fallback = defaults[i];
      if (fallback === undefined) throw new PythonError(`${name}() is missing argument '${param.name}'`);
      local.set(param.name, fallback.value);
    }
  });
  if (next < args.length) throw new PythonError(`${name}() takes ${next} positional arguments, got ${args.length}`);
  const [unknownKeyword] = Object.keys(unused);
  if (unknownKeyword !== undefined) throw new PythonError(`${name}() got an unexpected keyword '${unknownKeyword}'`);
}

function isDict(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

function sequenceItem(items: readonly unknown[], index: unknown): unknown {
  if (index instanceof PySlice) return sequenceSlice(items, index);
  if (typeof index !== 'number') throw new PythonError('sequence indices must be integers or slices');
  const at = index < 0 ? index + items.length : index;
  if (at < 0 || at >= items.length) throw new PythonError('sequence index out of range');
  return items[at];
}

function sequenceSlice(items: readonly unknown[], { start, stop, step }: PySlice): unknown[] {
  const by = typeof step === 'number' ? step : 1;
  const n = items.length;
  const clamp = (value: unknown, fallback: number): number => {
    if (typeof value !== 'number') return fallback;
    const at = value < 0 ? value + n : value;
    return by > 0 ? Math.min(Math.max(at, 0), n) : Math.min(Math.max(at, -1), n - 1);
  };
  const from = clamp(start, by > 0 ? 0 : n - 1);
  const to = clamp(stop, by > 0 ? n : -1);
  const out: unknown[] = [];
  for (let i = from; by > 0 ? i < to : i > to; i += by) out.push(items[i]);
  return out;
}

/** The methods of Python's dict and list that cases use. */
function pythonMethod(object: unknown, name: string): PyFunction | undefined {
  // `x.at[i]` may be a plain object too, with a `get` of its own.
  if (isDict(object) && !Object.hasOwn(object, name)) {
    if (name === 'keys') return new PyFunction(name, () => Object.keys(object));
    if (name === 'values') return new PyFunction(name, () => Object.values(object));
    if (name === 'items') return new PyFunction(name, () => Object.entries(object));
    if (name === 'get') return new PyFunction(name, ([key, fallback = null]) => object[String(key)] ?? fallback);
    if (name === 'update') {
      return new PyFunction(name, ([other]) => {
        Object.assign(object, other);
        return null;
      });
    }
  }
  if (Array.isArray(object) && name === 'append') {
    return new PyFunction(name, ([item]) => {
      (object as unknown[]).push(item);
      return null;
    });
  }
  if (Array.isArray(object) && name === 'index') {
    return new PyFunction(name, ([item]) => (object as unknown[]).indexOf(item));
  }
  return undefined;
}

/**
 * Evaluates Python source with the given variables.
 * @throws {PythonSyntaxError} when the source is not an expression of the subset.
 */
export function evaluateExpression(source: string, host: Host, variables: Readonly<Record<string, unknown>>): unknown {
  return new Evaluator(host).evaluate(parseExpression(source), new Scope(Object.entries(variables)));
}
