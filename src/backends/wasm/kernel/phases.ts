/**
 * Which statements of a nest are worth sharing between threads, and in how many chunks. A phase is a parallel loop, a
 * reduction or a matrix product, outside all parallel loops; it may stand in loops that run in order. What is decided here depends on shapes only, never on
 * the number of threads, so that results do not either.
 * May import: `ir`, `kernel`.
 * @module
 */
import { dtypeInfo } from '../../../ir/dtype.ts';
import { columnUnit, rowUnit } from '../gemm/signature.ts';
import { childBlocks, type Loop, type Nest, type NestStmt, ownNodes, visitNodes } from './nest.ts';
import type { Node } from './node.ts';
import { mostPartialResults } from './lower-reduce.ts';
import type { IntSite } from './params.ts';
import type { VectorPlan } from './vectorize.ts';

export interface Phase {
  readonly ordinal: number;
  /** Position of the statement among those that could be phases. */
  readonly statement: number;
  /** The loops around it, outermost first. */
  readonly around: readonly Loop[];
  readonly chunks: number;
  /** Iterations of a loop in one chunk. Of a product, the most parts a thread; negative where columns are cut. */
  readonly grain: number;
}

export type Phases = ReadonlyMap<NestStmt, Phase>;

export const phaseSite = (p: Phase, field: 'chunks' | 'grain'): IntSite => `p${p.ordinal}:${field}`;

/** Work below this stays on the calling thread, in ns. Handing it out costs 0.2 µs to a thread that spins, 15 µs to one that sleeps. */
const leastWork = 30_000;
/** Work of one chunk, in ns: enough to make the claim of it (0.1 µs) small. */
const chunkWork = 8000;
/** Chunks of one phase: the last to finish keeps the others waiting for a chunk at most. */
const mostChunks = 32;
/** Iterations between possible cuts of a vectorised loop: a cache line of float32, and whole groups of lanes. */
const cutUnit = 64;
/** Work of one part of a product, in ns, if parts were equal, and bounds of their number: two threads share four evenly. */
const partWork = 50_000;
const fewParts = 4;
const mostParts = 64;
/** Parts of a product a thread: the fewer, the fewer copies; from two on, threads that work alike end together (see `rangeOf`). */
const partsPerThread = [2, 4] as const;
/** Copies of `partsPerThread[1]` parts a thread may cost this much of a thread's work. */
const copyShare = 0.03;
/** Products in a loop below which each is cut itself, if they are large. */
const fewProducts = 8;

type For = Extract<NestStmt, { kind: 'for' }>;
type Reduce = Extract<NestStmt, { kind: 'reduce' }>;
type Gemm = Extract<NestStmt, { kind: 'gemm' }>;

export function planPhases(nest: Nest, plan: VectorPlan): Phases {
  const phases = new Map<NestStmt, Phase>();
  let statement = 0;
  const visit = (stmts: readonly NestStmt[], around: readonly Loop[]): void => {
    for (const s of stmts) {
      const isOrdered = s.kind === 'for' && (!s.parallel || isFewLargeProducts(s));
      const cut = isOrdered ? undefined : cutOf(s, plan);
      if (cut !== undefined && !readsOuterLocals(s)) phases.set(s, { ordinal: phases.size, statement, around, ...cut });
      statement++;
      if (isOrdered) visit(s.body, [...around, s.loop]);
    }
  };
  visit(nest.body, []);
  return phases;
}

/** Products that are better cut themselves. */
function isFewLargeProducts({ loop, body: [only, ...more] }: For): boolean {
  return (
    loop.axis.extent < fewProducts && only?.kind === 'gemm' && more.length === 0 && productWork(only) > 4 * partWork
  );
}

type Cut = Pick<Phase, 'chunks' | 'grain'> | undefined;

function cutOf(s: NestStmt, plan: VectorPlan): Cut {
  switch (s.kind) {
    case 'for':
      return cutLoop(s, s.loop, plan.has(s) ? cutUnit : 1, plan);
    case 'reduce':
      if (s.items.length > mostPartialResults) return undefined;
      return cutLoop(s, s.loops[0]!, s.loops.length === 1 && plan.has(s) ? cutUnit : 1, plan);
    case 'gemm':
      return cutProduct(s);
    default:
      return undefined;
  }
}

/** Cuts `loop`, the outermost of the statement, at multiples of `unit`. */
function cutLoop(s: For | Reduce, loop: Loop, unit: number, plan: VectorPlan): Cut {
  const work = workOf(s, plan);
  const { extent } = loop.axis;
  if (work < leastWork || extent < 2) return undefined;
  const wanted = Math.min(mostChunks, Math.max(2, Math.floor(work / chunkWork)));
  const grain = Math.ceil(extent / wanted / unit) * unit;
  const chunks = Math.ceil(extent / grain);
  return chunks > 1 ? { chunks, grain } : undefined;
}

function cutProduct(s: Gemm): Cut {
  const work = productWork(s);
  if (work < leastWork) return undefined;
  const [rows, columns] = [Math.ceil(s.m / rowUnit), Math.ceil(s.n / columnUnit)];
  const copies = copyWork(s);
  const isCheaper = s.m === 1 || s.n === 1 ? s.m > s.n : copies.ofB < copies.ofA;
  const cutsRows = Math.min(rows, columns) < fewUnits ? rows > columns : isCheaper;
  const units = cutsRows ? rows : columns;
  const chunks = Math.min(mostParts, units, Math.max(fewParts, Math.floor(work / partWork)));
  const [few, many] = partsPerThread;
  const perThread = many * (cutsRows ? copies.ofB : copies.ofA) > copyShare * work ? few : many;
  return chunks > 1 ? { chunks, grain: cutsRows ? perThread : -perThread } : undefined;
}

/** Units of a side that can be cut evenly enough. */
const fewUnits = 4;

/**
 * What each part costs that copies all of A, or all of B, in ns: 0.25 ns an element, twice as much where lines become columns; less where
 * rows of A are only read again.
 */
function copyWork({ m, n, k, a, b, dtype }: Gemm): { readonly ofA: number; readonly ofB: number } {
  const scale = dtypeInfo[dtype].bytes / 4;
  const ofA = (a.colStride === 1 ? 0.1 : 0.5) * m * k;
  const ofB = (b.colStride === 1 ? 0.25 : 0.5) * k * n;
  return { ofA: ofA * scale, ofB: ofB * scale };
}

/** Measured rates: 54 GF/s, half of that for float64; 10 GB/s where a vector is involved and everything is read once. */
function productWork({ m, n, k, dtype }: Gemm): number {
  const { bytes } = dtypeInfo[dtype];
  if (m === 1 || n === 1) return (m * n * k * bytes) / 10;
  return (2 * m * n * k * (bytes / 4)) / 54;
}

/** Whether the statement reads a local that is assigned outside it. */
function readsOuterLocals(s: NestStmt): boolean {
  const own = new Set<unknown>();
  const roots: Node[] = [];
  const gather = (t: NestStmt): void => {
    roots.push(...ownNodes(t));
    if (t.kind === 'set') own.add(t.local);
    if (t.kind === 'reduce') for (const i of t.items) own.add(i.target);
    for (const b of childBlocks(t)) b.forEach(gather);
  };
  gather(s);
  let found = false;
  visitNodes(roots, new Set(), (n) => (found ||= n.kind === 'local' && !own.has(n.ref)));
  return found;
}

/** Rough time of a loop or reduction in ns. */
function workOf(loop: For | Reduce, plan: VectorPlan): number {
  /** Iterations of the loops around, by depth. */
  const times: number[] = [];
  const enter = (l: Loop): void => void (times[l.depth] = (times[l.depth - 1] ?? 1) * l.axis.extent);
  const seen = new Set<Node>();
  let work = 0;
  const visit = (s: NestStmt, depth: number, isInLanes: boolean): void => {
    const inLanes = isInLanes || plan.has(s);
    const lanes = inLanes ? lanesPerVector : 1;
    const loops = s.kind === 'for' ? [s.loop] : s.kind === 'reduce' ? s.loops : [];
    loops.forEach(enter);
    const inner = loops.at(-1)?.depth ?? depth;
    if (s.kind === 'gemm') work += productWork(s) * times[depth]!;
    const stores = s.kind === 'stores' ? s.items : s.kind === 'reduce' ? s.stores : [];
    work += (stores.length * times[inner]!) / lanes;
    // A node runs as often as the innermost loop it depends on.
    visitNodes(ownNodes(s), seen, (n) => (work += (nodeWork(n) * (times[31 - Math.clz32(n.deps)] ?? 0)) / lanes));
    for (const block of childBlocks(s)) for (const t of block) visit(t, inner, inLanes);
  };
  visit(loop, 0, false);
  return work;
}

const lanesPerVector = 4;

/** Rough time of one element in ns. */
function nodeWork(n: Node): number {
  switch (n.kind) {
    case 'const':
    case 'axis':
    case 'affine':
    case 'local':
      return 0;
    case 'load':
      return 1;
    case 'unary':
      return n.fn === 'neg' || n.fn === 'abs' || n.fn === 'sqrt' ? 0.3 : 2;
    default:
      return 0.3;
  }
}
