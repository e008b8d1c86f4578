/**
 * `Expr` → `Node`. Functions with an expansion are expanded; nodes of 16-bit floats are their bits; loads under a `select` whose address may be out of reach get an index
 * that is clamped by the condition. Iterative: expressions may be very deep.
 * May import: `ir`, `kernel`, `math`.
 * @module
 */
import { isFloat, isHalf } from '../../../ir/dtype.ts';
import { halfBits } from '../../../ir/half.ts';
import { type Axis, type Expr, operandsOf } from '../../../ir/loop/expr.ts';
import { expandBinary, expandUnary } from '../math/expand.ts';
import { expandConvert } from '../math/half.ts';
import type { Graph } from './graph.ts';
import type { Node } from './node.ts';

export interface ExprScope {
  readonly axis: (axis: Axis) => Node;
  readonly local: (e: Extract<Expr, { op: 'local' }>) => Node;
  readonly load: (e: Extract<Expr, { op: 'load' }>, index: Node, isGuarded: boolean) => Node;
}

/** What must hold for the value to be used; null where nothing must. */
type Guard = Node | null;

interface Frame {
  readonly e: Expr;
  readonly guard: Guard;
}

export class ExprConverter {
  private readonly graph: Graph;
  private readonly expands: boolean;
  private readonly scope: ExprScope;
  private plain = new Map<Expr, Node>();
  private guarded = new Map<Guard, Map<Expr, Node>>();
  private readonly expansions = new Map<Expr, Expr>();
  /** The values of functions that were expanded. */
  readonly functions: Set<Node> = new Set();

  /** `expands`: functions are expanded. */
  constructor(graph: Graph, expands: boolean, scope: ExprScope) {
    this.graph = graph;
    this.expands = expands;
    this.scope = scope;
  }

  /** Forgets conversions: a local or a buffer has changed. Interning makes repeating them cheap. */
  forget(): void {
    this.plain = new Map();
    this.guarded = new Map();
  }

  convert(e: Expr): Node {
    const node = this.runPlain(e);
    return node.isUnsafe ? this.runGuarded(e) : node;
  }

  /** First as if every load could be done anywhere. */
  private runPlain(root: Expr): Node {
    const { plain } = this;
    const stack = [root];
    while (stack.length > 0) {
      const e = stack[stack.length - 1]!;
      if (plain.has(e)) {
        stack.pop();
        continue;
      }
      const before = stack.length;
      const expanded = this.expansion(e);
      const operands = expanded === undefined ? operandsOf(e) : [expanded];
      for (let i = operands.length - 1; i >= 0; i--) if (!plain.has(operands[i]!)) stack.push(operands[i]!);
      if (stack.length > before) continue;
      stack.pop();
      const args = operands.map((x) => plain.get(x)!);
      plain.set(e, expanded === undefined ? this.build(e, null, args) : this.valueOf(e, args[0]!));
    }
    return plain.get(root)!;
  }

  /** Then again what holds an unsafe load, each part under the conditions of the selects around it. */
  private runGuarded(root: Expr): Node {
    const top: Frame = { e: root, guard: null };
    const stack = [top];
    while (stack.length > 0) {
      const frame = stack[stack.length - 1]!;
      if (this.lookup(frame) !== undefined) {
        stack.pop();
        continue;
      }
      const before = stack.length;
      const children = this.children(frame);
      for (let i = children.length - 1; i >= 0; i--)
        if (this.lookup(children[i]!) === undefined) stack.push(children[i]!);
      if (stack.length > before) continue;
      stack.pop();
      const args = children.map((c) => this.lookup(c)!);
      const isExpanded = this.expansions.has(frame.e);
      this.memoize(frame, isExpanded ? this.valueOf(frame.e, args[0]!) : this.build(frame.e, frame.guard, args));
    }
    return this.lookup(top)!;
  }

  private lookup({ e, guard }: Frame): Node | undefined {
    const plain = this.plain.get(e);
    return plain !== undefined && !plain.isUnsafe ? plain : this.guarded.get(guard)?.get(e);
  }

  private memoize({ e, guard }: Frame, node: Node): void {
    let memo = this.guarded.get(guard);
    if (memo === undefined) this.guarded.set(guard, (memo = new Map()));
    memo.set(e, node);
  }

  private expansion(e: Expr): Expr | undefined {
    if (!this.expands || (e.op !== 'unary' && e.op !== 'binary' && e.op !== 'convert')) return undefined;
    if (!isFloat(e.x.dtype) && !isHalf(e.dtype)) return undefined;
    const known = this.expansions.get(e);
    if (known !== undefined) return known;
    const made =
      e.op === 'convert'
        ? expandConvert(e.x, e.dtype)
        : e.op === 'unary'
          ? expandUnary(e.fn, e.x)
          : expandBinary(e.fn, e.x, e.y);
    if (made !== undefined) this.expansions.set(e, made);
    return made;
  }

  /** The value of what was expanded. */
  private valueOf(e: Expr, value: Node): Node {
    if (e.op !== 'convert') this.functions.add(value);
    return value;
  }

  private children({ e, guard }: Frame): Frame[] {
    const expanded = this.expansion(e);
    if (expanded !== undefined) return [{ e: expanded, guard }];
    if (e.op === 'select') return this.selectChildren(e, guard);
    return operandsOf(e).map((x) => ({ e: x, guard }));
  }

  private selectChildren(e: Extract<Expr, { op: 'select' }>, guard: Guard): Frame[] {
    const cond: Frame = { e: e.cond, guard };
    const c = this.lookup(cond);
    // The guards of the branches are known only once the condition is converted.
    if (c === undefined) return [cond];
    if (c.kind === 'const') return [cond, { e: c.value !== 0 ? e.then : e.otherwise, guard }];
    const both = (x: Node): Node => (guard === null ? x : this.graph.binary('and', guard, x));
    return [cond, { e: e.then, guard: both(c) }, { e: e.otherwise, guard: both(this.graph.unary('not', c)) }];
  }

  private build(e: Expr, guard: Guard, args: readonly Node[]): Node {
    const { graph } = this;
    switch (e.op) {
      case 'const':
        return graph.constant(isHalf(e.dtype) ? halfBits(e.value, e.dtype) : e.value, e.dtype);
      case 'axis':
        return this.scope.axis(e.axis);
      case 'local':
        return this.scope.local(e);
      case 'load': {
        const index = guard === null ? args[0]! : graph.guardedIndex(guard, args[0]!, e.buffer);
        return this.scope.load(e, index, guard !== null);
      }
      case 'unary':
        return graph.unary(e.fn, args[0]!);
      case 'binary':
        return graph.binary(e.fn, args[0]!, args[1]!);
      case 'ternary':
        return graph.ternary(e.fn, args[0]!, args[1]!, args[2]!);
      case 'select':
        return args.length === 2 ? args[1]! : graph.select(args[0]!, args[1]!, args[2]!);
      case 'convert':
        return graph.convert(args[0]!, e.dtype);
      case 'bitcast':
        return graph.bitcast(args[0]!, e.dtype);
    }
  }
}
