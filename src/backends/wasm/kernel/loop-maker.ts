/**
 * What the parts of a kernel's lowering share: making loops and locals, and assigning and storing in them.
 * May import: `ir`, `encode`, `kernel`.
 * @module
 */
import type { Local } from '../../../ir/loop/expr.ts';
import type { OpName, ValueType } from '../encode/opcodes.ts';
import type { Lir, LirStmt } from './lir.ts';
import type { Loop, StoreItem } from './nest.ts';
import type { Node } from './node.ts';
import type { IntSite } from './params.ts';

/** Iterations of a loop: it `runs` when there is at least one. */
export interface Steps {
  readonly from: Lir;
  readonly to: Lir;
  readonly step: number;
  readonly runs?: boolean;
}

/** What the lowering of reductions, stages and tiles needs to make loops and locals. */
export interface LoopMaker {
  scalarLoop(loop: Loop, body: () => LirStmt[]): LirStmt;
  /** Part of a loop's range; nothing when the range is known to be empty. */
  rangeLoop(loop: Loop, from: Lir, to: Lir, step: number, body: () => LirStmt[], runs?: boolean): LirStmt[];
  plainLoop(from: Lir, to: Lir, step: number, body: (counter: Lir) => LirStmt[]): LirStmt[];
  /** What `lower` gives; where all guards of lanes hold, which is checked once for all of it, code without them. */
  branchOnGuards(lower: () => LirStmt[]): LirStmt[];
  newLocal(type: ValueType): number;
  /** The value a local has now. */
  read(local: number, type: ValueType): Lir;
  /** A load (of a vector) of what the code around it has stored. */
  reload(address: Lir, offset: number, op?: OpName): Lir;
  assignScalar(target: Local, value: Lir): LirStmt;
  assignLanes(target: Local, parts: readonly Lir[]): LirStmt;
  stores(items: readonly StoreItem[]): LirStmt[];
  /** Whether two vectors of these values should be computed side by side. */
  inPairs(values: readonly Node[]): boolean;
  int(site: IntSite, value: number): Lir;
}
