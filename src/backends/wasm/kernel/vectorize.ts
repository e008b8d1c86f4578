/**
 * Decides which loops run in vector lanes: for each innermost parallel loop either its own axis (with any reductions inside it done
 * for several outputs at once) or the innermost axis of the reductions.
 * May import: `ir`, `kernel`.
 * @module
 */
import { dtypeInfo } from '../../../ir/dtype.ts';
import { isComparison } from '../../../ir/loop/expr.ts';
import { v8Version } from '../features.ts';
import { isWide } from '../wide.ts';
import { axisCoefficient } from './coefficient.ts';
import { areInterleaved } from './interleave.ts';
import { childBlocks, type Loop, type Nest, type NestStmt, ownNodes, type StoreItem, visitNodes } from './nest.ts';
import { depthBit, type Node } from './node.ts';
import { hasManyOperations, planStages, type Stages } from './stages.ts';
import { tilingOf } from './tiles.ts';

/**
 * `lanes` of the loop itself, with `unroll` groups of four side by side in the main loop; or `tiles` or
 * `blocks` of the loop and the innermost one in it (see `tiles.ts`).
 */
export interface Strategy {
  readonly kind: 'lanes' | 'tiles' | 'blocks';
  readonly unroll: number;
  /** Of a reduction: whether the main loop leaves groups over. */
  readonly leavesGroups?: boolean;
  /** Of lanes: what has loops of its own. */
  readonly stages?: Stages | undefined;
}

/** Strategies of `for` and `reduce` statements; those without one run one element at a time. */
export type VectorPlan = ReadonlyMap<NestStmt, Strategy>;

const lanes = 4;

/** Height of elements that are work of their own, and carry the rounding errors of several steps. */
export const heavyHeight = 8;

/**
 * Many operations are too much for two vectors at a time in engines that order instructions anew: they compete for registers. (Measured with
 * V8 11.3, where tanh·exp + sin is 15 % slower in pairs; a lone tanh, of 30, is 8 % faster. V8 13.6 keeps the order of the code, and
 * pairs gain, the more so if that is the order of `inPairs`.) Wider code needs pairs.
 */
const firstInOrder = 13;

/** Whether the engine keeps the order of the code: a V8 that makes 128-bit code, of Node 24 and later. */
export const keepsOrder = (): boolean => !isWide() && v8Version() >= firstInOrder;
const ordersAnew = (): boolean => !isWide() && v8Version() > 0 && v8Version() < firstInOrder;

const areMany = (roots: readonly Node[]): boolean => ordersAnew() && hasManyOperations(roots);

const stagesOf = (roots: readonly Node[], loop: Loop, functions: Functions): Stages | undefined =>
  ordersAnew() ? planStages(roots, loop, functions) : undefined;

/** Inner loops count that many times as much as what is computed once for all their iterations: more decides nothing. */
const maxTrips = 64;

/** Rows up to which the lanes may be rows although elements could be: those of fewer are left over, and lanes are to be combined. */
const shortRow = 32;
/** What a row takes beside its elements for one result: lanes to be combined, and a loop begun. (In instructions; measured with softmax.) */
const combining = 32;

export function planVectors(nest: Nest): VectorPlan {
  const plan = new Map<NestStmt, Strategy>();
  planBlock(nest.body, plan, nest.functions);
  return plan;
}

type Functions = Nest['functions'];

function planBlock(stmts: readonly NestStmt[], plan: Map<NestStmt, Strategy>, functions: Functions): void {
  for (const s of stmts) {
    const tiling = s.kind === 'for' && s.parallel ? tilingOf(s) : undefined;
    if (tiling !== undefined) {
      plan.set(s, { kind: tiling, unroll: 1 });
      continue;
    }
    if (s.kind === 'for' && s.parallel && canRunInLanes(s.body) && planLoop(s, plan, functions)) continue;
    if (s.kind === 'reduce') planReduce(s, plan, functions);
    for (const b of childBlocks(s)) planBlock(b, plan, functions);
  }
}

type For = Extract<NestStmt, { kind: 'for' }>;
type Reduce = Extract<NestStmt, { kind: 'reduce' }>;

/** Whether all control flow of the body is the same for every lane. Long loops inside it have lanes of their own. */
function canRunInLanes(body: readonly NestStmt[]): boolean {
  return body.every((s) => {
    if (s.kind === 'for') return (!s.parallel || s.loop.axis.extent <= shortRow) && canRunInLanes(s.body);
    return s.kind === 'stores' || s.kind === 'set' || s.kind === 'reduce';
  });
}

/** A reduction, or a parallel loop, inside the loop that may run in lanes. */
interface Inner {
  readonly loops: readonly Loop[];
  readonly roots: readonly Node[];
  readonly stores: readonly StoreItem[];
  /** Results that are combined from lanes, if its elements are the lanes. */
  readonly results: number;
}

interface Body {
  readonly roots: Node[];
  readonly reduces: Reduce[];
  readonly inner: Inner[];
}

function gather(stmts: readonly NestStmt[], into: Body): void {
  for (const s of stmts) {
    into.roots.push(...ownNodes(s));
    if (s.kind === 'reduce') {
      into.reduces.push(s);
      into.inner.push({ loops: s.loops, roots: ownNodes(s), stores: s.stores, results: s.items.length });
    }
    if (s.kind === 'for' && s.parallel) {
      const own = s.body.filter((t) => t.kind === 'stores' || t.kind === 'set');
      const stores = own.flatMap((t) => (t.kind === 'stores' ? t.items : []));
      into.inner.push({ loops: [s.loop], roots: own.flatMap(ownNodes), stores, results: 0 });
    }
    for (const b of childBlocks(s)) gather(b, into);
  }
}

const tripsOf = (loops: readonly Loop[]): number => loops.reduce((n, l) => n * l.axis.extent, 1);

/** What it saves, for four iterations of the loop around it, if its innermost elements are the lanes. */
function savedInside({ loops, roots, stores, results }: Inner): number {
  const inner = loops.at(-1)!;
  const { extent } = inner.axis;
  if (extent < 2 * lanes) return 0;
  const often = Math.min(maxTrips, tripsOf(loops));
  const inGroups = (extent - (extent % lanes)) / extent;
  return often * inGroups * (score(roots, inner) + storesScore(stores, inner)) - lanes * combining * results;
}

function planLoop(s: For, plan: Map<NestStmt, Strategy>, functions: Functions): boolean {
  if (s.loop.axis.extent < lanes) return false;
  const { roots, reduces, inner }: Body = { roots: [], reduces: [], inner: [] };
  gather(s.body, { roots, reduces, inner });
  let own = score(roots, s.loop) + storeScore(s.body, s.loop);
  let rows = 0;
  for (const i of inner) {
    const more = Math.min(maxTrips, tripsOf(i.loops)) - 1;
    own += more * (score(i.roots, s.loop, i.loops) + storesScore(i.stores, s.loop));
    rows += savedInside(i);
  }
  if (own <= 0 || rows > own) return false;
  const takesFour = reduces.length === 1 && reduces[0]!.items.length === 1 && s.loop.axis.extent >= 16;
  const [first, ...others] = s.body;
  const values = first?.kind === 'stores' && others.length === 0 ? first.items.map((i) => i.value) : [];
  const stages = stagesOf(values, s.loop, functions);
  const isPair = reduces.length === 0 && s.loop.axis.extent >= 16 && (stages !== undefined || !areMany(roots));
  plan.set(s, { kind: 'lanes', unroll: takesFour ? 4 : isPair ? 2 : 1, stages });
  return true;
}

function planReduce(s: Reduce, plan: Map<NestStmt, Strategy>, functions: Functions): void {
  const inner = s.loops.at(-1)!;
  if (inner.axis.extent < 2 * lanes) return;
  if (score(ownNodes(s), inner) + storesScore(s.stores, inner) <= 0) return;
  const isHeavy = s.items.some((i) => i.element.height >= heavyHeight);
  const values = s.loops.length === 1 ? [...s.items.map((i) => i.element), ...s.stores.map((i) => i.value)] : [];
  const stages = stagesOf(values, inner, functions);
  const most = isWide() || !isHeavy ? 4 : stages === undefined && areMany(ownNodes(s)) ? 1 : 2;
  const unroll = s.items.length > 2 ? 1 : Math.min(most, inner.axis.extent >= 64 ? 4 : 2);
  plan.set(s, { kind: 'lanes', unroll, leavesGroups: inner.axis.extent % (lanes * unroll) >= lanes, stages });
}

const storesScore = (items: readonly StoreItem[], loop: Loop): number =>
  areInterleaved(items, loop) ? 2 * items.length : items.reduce((sum, i) => sum + accessScore(i.index, loop), 0);

function storeScore(stmts: readonly NestStmt[], loop: Loop): number {
  let sum = 0;
  for (const s of stmts) {
    if (s.kind === 'stores') sum += storesScore(s.items, loop);
    if (s.kind === 'reduce') sum += storesScore(s.stores, loop);
    for (const b of childBlocks(s)) sum += storeScore(b, loop);
  }
  return sum;
}

function accessScore(index: Node, loop: Loop): number {
  const c = axisCoefficient(index, loop);
  return c === 1 ? 3 : c === 0 ? 0 : c === undefined ? -4 : -2;
}

/** Loads of every second element, and backwards, are vector loads with shuffles; not of one or two bytes. */
function loadScore(n: Node, loop: Loop): number {
  const c = axisCoefficient(n.args[0]!, loop);
  const isShuffled = (c === 2 || c === -1) && dtypeInfo[n.dtype].bytes > 2;
  return isShuffled ? 2 : accessScore(n.args[0]!, loop);
}

/** Roughly, the instructions that four lanes save, for everything that varies along the loop (and in one of `within`, if given). */
function score(roots: readonly Node[], loop: Loop, within?: readonly Loop[]): number {
  const bit = depthBit(loop.depth);
  const inner = within?.reduce((bits, l) => bits | depthBit(l.depth), 0) ?? -1;
  let sum = 0;
  visitNodes(roots, new Set(), (n) => {
    if ((n.deps & bit) === 0 || (n.deps & inner) === 0) return;
    if (n.kind === 'load') sum += loadScore(n, loop);
    else if (n.kind === 'binary' && n.args[0]!.dtype === 'int32' && (n.fn === 'div' || n.fn === 'rem')) sum -= 2;
    else if (n.kind === 'binary' && !isComparison(n.fn as never) && n.dtype !== 'int32') sum += 3;
    else if (n.kind === 'unary' || n.kind === 'select') sum += 2;
    else if (n.kind !== 'affine' && n.kind !== 'axis') sum += 1;
  });
  return sum;
}
