/**
 * What an equation's lowering reads and how dear one of its elements is. Found by running the lowering rule once on symbols:
 * every load gives an opaque leaf, and the expression around the leaves is weighed.
 * May import: `ir`.
 * @module
 */
import type { Aval } from '../ir/aval.ts';
import { isHalf } from '../ir/dtype.ts';
import { InternalError } from '../ir/errors.ts';
import {
  type Axis,
  axisExpr,
  type BinaryOp,
  delinearize,
  type Expr,
  linearize,
  type UnaryOp,
} from '../ir/loop/expr.ts';
import type { LowerRule } from '../ir/loop/lower.ts';
import type { Equation, Params } from '../ir/program.ts';
import { type Shape, sizeOf } from '../ir/shape.ts';
import { rulesOf } from './rules.ts';

/**
 * Where an operand is read, seen from the row-major position p of the result. `near`: at p. `row`: at ⌊p / c⌋, since the operand's axes
 * are the first of the result's, and c elements of the result share an element. `fold`: a reduction reads c adjacent elements, at
 * p·c + r. `far`: anywhere.
 */
export type Relation = 'near' | 'row' | 'fold' | 'far';

/** One way in which an equation reads an operand. */
export interface Access {
  readonly operand: number;
  readonly relation: Relation;
  /** The element at the same row-major position as the result's. */
  readonly near: boolean;
}

/** The relation of x to z where y reads x as `inner` says and z reads y as `outer` says. */
export function composed(outer: Relation, inner: Relation): Relation {
  if (outer === 'near') return inner;
  if (inner === 'near') return outer;
  return outer === 'row' && inner === 'row' ? 'row' : 'far';
}

export interface AccessInfo {
  readonly accesses: readonly Access[];
  /** Expression nodes of one element, loads not counted. */
  readonly nodes: number;
  /** Cost of one element in units of a load, loads not counted. */
  readonly cost: number;
  /** No arithmetic on values: results are elements of operands, or constants, chosen by index. */
  readonly isMovement: boolean;
  /** Value depends on the index other than through near loads. */
  readonly usesIndex: boolean;
  /** The elements of the one operand that is read, in the same row-major order under another shape. */
  readonly isAlias: boolean;
}

/**
 * In units of a load. A vector of simple operations hides behind the memory it works on; a transcendental function does not (measured
 * in cache on Zen 4: load and store 0.1 ns an element, exp 0.5 ns).
 */
const simple = 0.3;
const dear = 5;
/** A dozen vector instructions. */
const halfConversion = 1;
const costs: Readonly<Partial<Record<UnaryOp | BinaryOp, number>>> = {
  neg: simple,
  abs: simple,
  sign: simple,
  floor: simple,
  ceil: simple,
  trunc: simple,
  round_even: simple,
  not: simple,
  popcount: simple,
  clz: simple,
  high_word: simple,
  low_word: simple,
  is_finite: simple,
  sqrt: 1.5,
  rsqrt: 2,
  add: simple,
  sub: simple,
  mul: simple,
  max: simple,
  min: simple,
  and: simple,
  or: simple,
  xor: simple,
  shl: simple,
  shr_logical: simple,
  shr_arithmetic: simple,
  eq: simple,
  ne: simple,
  lt: simple,
  le: simple,
  gt: simple,
  ge: simple,
  div: 1.5,
  rem: 3,
}; // what is not listed is a function of many instructions

/** Fresh axes of a shape. */
const freshAxes = (shape: Shape): Expr[] =>
  shape.map((extent, i): Expr => axisExpr({ kind: 'axis', id: i, extent } satisfies Axis));

/**
 * What a load at `index` of an operand of shape `from` reads, seen from position `at` of a result of shape `to`: `near` when the axes are
 * the same, `row` when they are the first axes of the result. Axes of size 1 do not matter.
 */
export function relationOf(
  index: readonly Expr[],
  from: Shape,
  at: readonly Expr[],
  to: Shape,
): 'near' | 'row' | 'far' {
  let j = 0;
  for (let i = 0; i < from.length; i++) {
    if (from[i] === 1) continue;
    while (j < to.length && to[j] === 1) j++;
    if (from[i] !== to[j] || index[i] !== at[j]) return 'far';
    j++;
  }
  while (j < to.length && to[j] === 1) j++;
  return j === to.length ? 'near' : 'row';
}

function equalExprs(a: Expr, b: Expr): boolean {
  if (a === b) return true;
  if (a.op === 'const' && b.op === 'const') return a.value === b.value;
  if (a.op !== 'binary' || b.op !== 'binary') return false;
  return a.fn === b.fn && equalExprs(a.x, b.x) && equalExprs(a.y, b.y);
}

/** The alternative spelling of a near load: through the linear index, as reshape writes it. */
function isReshape(index: readonly Expr[], from: Shape, at: readonly Expr[], to: Shape): boolean {
  if (sizeOf(from) !== sizeOf(to)) return false;
  const expected = delinearize(linearize(at, to), from);
  return index.length === expected.length && index.every((e, i) => equalExprs(e, expected[i]!));
}

interface Weights {
  nodes: number;
  cost: number;
  arithmetic: boolean;
  axes: boolean;
}

/** Walks an element's expression down to its leaves; true if it depends on a leaf. */
function weigh(e: Expr, leaves: ReadonlySet<Expr>, seen: Map<Expr, boolean>, w: Weights): boolean {
  if (leaves.has(e)) return true;
  const known = seen.get(e);
  if (known !== undefined) return known;
  const depends = weighNode(e, (x) => weigh(x, leaves, seen, w), w);
  seen.set(e, depends);
  return depends;
}

function weighNode(e: Expr, sub: (x: Expr) => boolean, w: Weights): boolean {
  w.nodes++;
  const arithmetic = (depends: boolean, cost: number): boolean => {
    w.cost += cost;
    w.arithmetic ||= depends;
    return depends;
  };
  switch (e.op) {
    case 'const':
      return false;
    case 'axis':
      w.axes = true;
      return false;
    case 'local':
      return true;
    case 'load':
      return sub(e.index);
    case 'unary':
      return arithmetic(sub(e.x), costs[e.fn as UnaryOp] ?? dear);
    case 'binary':
      return arithmetic([e.x, e.y].map(sub).includes(true), costs[e.fn] ?? dear);
    case 'ternary':
      return arithmetic([e.x, e.y, e.z].map(sub).includes(true), 4 * dear);
    case 'convert':
      return arithmetic(sub(e.x), isHalf(e.dtype) || isHalf(e.x.dtype) ? halfConversion : simple);
    case 'bitcast':
      return arithmetic(sub(e.x), simple);
    case 'select': {
      const isDataDependent = sub(e.cond);
      const depends = [e.then, e.otherwise].map(sub).includes(true);
      w.cost += simple;
      w.arithmetic ||= isDataDependent;
      return depends || isDataDependent;
    }
  }
}

type Pointwise = Extract<LowerRule<Params>, { kind: 'pointwise' }>;

/** An element of each result of a pointwise rule, at a symbolic index, of operands that are symbols. */
export function elementsOf(eqn: Equation, lower: Pointwise): readonly Expr[] {
  const inputs = eqn.inputs.map((a) => a.aval);
  const outputs = eqn.outputs.map((v) => v.aval);
  const index = freshAxes(outputs[0]!.shape);
  const recorder = new Recorder(inputs, index, outputs[0]!.shape, true);
  return lower.element({ params: eqn.params, inputs, outputs, index, load: recorder.load });
}

/** An element of each result of an equation with a pointwise rule, of the operands' elements that `load` gives. */
export function elementAt(
  { primitive, params, inputs, outputs }: Equation,
  index: readonly Expr[],
  load: (operand: number, index: readonly Expr[]) => Expr,
): readonly Expr[] {
  const { lower } = rulesOf({ primitive });
  if (lower.kind !== 'pointwise') throw new InternalError(`${primitive.name} cannot be computed at an index`);
  return lower.element({ params, inputs: inputs.map((a) => a.aval), outputs: outputs.map((v) => v.aval), index, load });
}

/** Runs a pointwise or reduction rule on symbols. */
export function probe(eqn: Equation): AccessInfo {
  const { lower } = rulesOf(eqn);
  const inputs = eqn.inputs.map((a) => a.aval);
  const outputs = eqn.outputs.map((v) => v.aval);
  const shape = outputs[0]!.shape;
  const index = freshAxes(shape);
  const context = { params: eqn.params, inputs, outputs, index };
  if (lower.kind === 'pointwise') {
    const recorder = new Recorder(inputs, index, shape, true);
    return recorder.result(lower.element({ ...context, load: recorder.load }));
  }
  if (lower.kind !== 'reduction') throw new InternalError(`${eqn.primitive.name} has no element rule`);
  const extents = lower.extents(inputs, eqn.params);
  const reduceIndex = freshAxes(extents);
  const recorder = new Recorder(inputs, [...index, ...reduceIndex], [...shape, ...extents], false);
  return recorder.result([lower.element({ ...context, load: recorder.load, reduceIndex })]);
}

type LeafAccess = Access & { readonly isReshape: boolean };

class Recorder {
  private readonly inputs: readonly Aval[];
  private readonly index: readonly Expr[];
  private readonly shape: Shape;
  private readonly isPointwise: boolean;
  private readonly leaves = new Map<Expr, LeafAccess>();
  private readonly indices: Expr[] = [];

  constructor(inputs: readonly Aval[], index: readonly Expr[], shape: Shape, isPointwise: boolean) {
    this.inputs = inputs;
    this.index = index;
    this.shape = shape;
    this.isPointwise = isPointwise;
  }

  readonly load = (operand: number, index: readonly Expr[]): Expr => {
    const { shape, dtype } = this.inputs[operand]!;
    const seen = relationOf(index, shape, this.index, this.shape);
    const relation = this.isPointwise ? seen : seen === 'near' ? 'fold' : 'far';
    const near = relation === 'near';
    const isReshapeLoad = this.isPointwise && (near || isReshape(index, shape, this.index, this.shape));
    const leaf: Expr = { op: 'local', dtype, local: { kind: 'local', id: this.leaves.size, dtype } };
    this.leaves.set(leaf, { operand, relation, near, isReshape: isReshapeLoad });
    if (!near) this.indices.push(...index);
    return leaf;
  };

  result(elements: readonly Expr[]): AccessInfo {
    const leaves = new Set(this.leaves.keys());
    const value: Weights = { nodes: 0, cost: 0, arithmetic: false, axes: false };
    const position: Weights = { ...value };
    const seen = new Map<Expr, boolean>();
    for (const e of elements) weigh(e, leaves, seen, value);
    for (const e of this.indices) weigh(e, leaves, seen, position);
    const accesses = distinct(this.leaves.values());
    const only = elements.length === 1 ? this.leaves.get(elements[0]!) : undefined;
    return {
      accesses,
      nodes: value.nodes,
      cost: value.cost + position.cost / 4,
      isMovement: this.isPointwise && !value.arithmetic && !position.arithmetic,
      usesIndex: value.axes || accesses.some((a) => !a.near),
      isAlias: only !== undefined && only.isReshape && this.leaves.size === 1,
    };
  }
}

function distinct(accesses: Iterable<LeafAccess>): Access[] {
  const out: Access[] = [];
  for (const { operand, relation, near } of accesses) {
    if (!out.some((b) => b.operand === operand && b.relation === relation)) out.push({ operand, relation, near });
  }
  return out;
}
