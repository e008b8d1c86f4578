/**
 * Loops over many operations in stages. A processor works on several iterations at a time as far as their operations fit in its window
 * (some hundred), and needs several for what one waits for in another: of an iteration that alone fills the window most time is spent
 * waiting. And where constants do not fit in registers, each use is an operation more. So a loop with several functions is cut into blocks
 * of a few hundred elements, and each function has a loop of its own over the block, whose values wait in the first-level cache.
 * (tanh·exp + sin in V8 11.3: an eighth faster. In V8 13.6 there is nothing to gain.) Values do not depend on it.
 * May import: `ir`, `kernel`.
 * @module
 */
import { dtypeInfo } from '../../../ir/dtype.ts';
import { type Loop, visitNodes } from './nest.ts';
import { depthBit, type Node, stagesBytes } from './node.ts';

/** Operations of one iteration that leave room for others. */
const manyOperations = 48;
/** Constants beside which two vectors find registers. */
const fewConstants = 10;
/** A function of fewer operations is not worth the way through memory. */
const fewOperations = 12;
/** Elements of a block: whole groups of all widths. */
const shortestBlock = 64;
const longestBlock = 256;

/** Functions that have a loop of their own, in the order of their loops, and the elements of a block. */
export interface Stages {
  readonly values: readonly Node[];
  readonly block: number;
}

const isOperation = (n: Node): boolean => n.args.length > 0 && n.kind !== 'affine' && n.kind !== 'load';

const isStored = (n: Node): boolean => n.dtype === 'float32' || n.dtype === 'float64';

/** Whether the roots have many operations, and more constants than leave registers for two vectors. */
export function hasManyOperations(roots: readonly Node[]): boolean {
  let operations = 0;
  let constants = 0;
  visitNodes(roots, new Set(), (n) => {
    if (isOperation(n)) operations++;
    if (n.kind === 'const') constants++;
  });
  return operations > manyOperations && constants > fewConstants;
}

/** The stages of an outermost loop that computes `roots`; undefined where one loop does as well. */
export function planStages(roots: readonly Node[], loop: Loop, functions: ReadonlySet<Node>): Stages | undefined {
  if (loop.depth !== 1 || loop.axis.extent < 2 * shortestBlock) return undefined;
  const bit = depthBit(loop.depth);
  const found: { readonly value: Node; readonly operations: number }[] = [];
  let total = 0;
  let own = 0;
  // Operands come first, so what was counted since the last stage is what the next one computes.
  visitNodes(roots, new Set(), (n) => {
    if (!isOperation(n) || (n.deps & bit) === 0) return;
    total++;
    own++;
    if (!functions.has(n) || !isStored(n) || own < fewOperations) return;
    found.push({ value: n, operations: own });
    own = 0;
  });
  if (total <= manyOperations || found.length === 0) return undefined;
  // The last one may stay with the rest.
  if (own + found.at(-1)!.operations <= manyOperations) found.pop();
  const values: Node[] = [];
  let bytes = 0;
  for (const { value } of found) {
    bytes += dtypeInfo[value.dtype].bytes;
    if (shortestBlock * bytes > stagesBytes) break;
    values.push(value);
  }
  if (values.length === 0) return undefined;
  const width = values.reduce((sum, n) => sum + dtypeInfo[n.dtype].bytes, 0);
  return { values, block: Math.min(longestBlock, 2 ** Math.floor(Math.log2(stagesBytes / width))) };
}
