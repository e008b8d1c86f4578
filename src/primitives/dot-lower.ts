/**
 * Loops of dot_general: matrix products over strided views of the operands and of the result (see `dot-views.ts`).
 * May import: `ir`, `core`, `primitives/{dot-views,strided-view}`.
 * @module
 */
import type { Aval } from '../ir/aval.ts';
import { isFloat } from '../ir/dtype.ts';
import { binary, constant, type Expr, load } from '../ir/loop/expr.ts';
import type { KernelBuilder } from '../ir/loop/kernel.ts';
import { rowMajorStrides } from '../ir/shape.ts';
import {
  copiesOf,
  hasColumns,
  inResult,
  mergedFrom,
  type Operand,
  type PermutedDotParams,
  viewsOf,
} from './dot-views.ts';
import { countOf, mergedStride, nestedLoops, offsetOf, type StridedAxis } from './strided-view.ts';

const extentsOf = (axes: readonly StridedAxis[]): number[] => axes.map((a) => a.extent);

/** A copy of the operand in the order batch, free, contracted. */
function copied(b: KernelBuilder, v: Operand): Operand {
  const from = [...v.batch, ...v.free, ...v.contract];
  const strides = rowMajorStrides(extentsOf(from));
  const to = from.map(({ extent }, i) => ({ extent, stride: strides[i]! }));
  const buffer = b.scratch(v.buffer.dtype, countOf(from));
  b.parallel(extentsOf(from), (index) => b.store(buffer, offsetOf(index, to), load(v.buffer, offsetOf(index, from))));
  const restrided = <A extends StridedAxis>(axes: readonly A[], first: number): A[] =>
    axes.map((a, i) => ({ ...a, stride: strides[first + i]! }));
  const [p, q] = [v.batch.length, v.batch.length + v.free.length];
  return {
    buffer,
    batch: restrided(v.batch, 0),
    free: restrided(v.free, p),
    contract: restrided(v.contract, q),
  };
}

export function lowerDot(b: KernelBuilder, x: Aval, y: Aval, params: PermutedDotParams): void {
  const views = viewsOf(x, y, params);
  const given = views.map((v, i): Operand => ({ ...v, buffer: b.inputs[i]! })) as [Operand, Operand];
  const isProduct = isFloat(x.dtype) && countOf(views[0].contract) > 0 && views.some(hasColumns);
  if (!isProduct) productOfElements(b, ...given);
  else if (b.outputs[0]!.size > 0) productOfMatrices(b, ...given);
}

function productOfMatrices(b: KernelBuilder, first: Operand, second: Operand): void {
  const [left, right] = hasColumns(second) ? [first, second] : [second, first];
  const isCopied = copiesOf(left, right);
  const [x, y] = [left, right].map((v, i) => (isCopied[i]! ? copied(b, v) : v)) as [Operand, Operand];
  const [rowsAt, columnsAt] = [x, y].map(({ free }) => mergedFrom(free, inResult(free))) as [number, number];
  const ksAt = mergedFrom(x.contract, y.contract);
  const [rows, columns] = [x.free.slice(rowsAt), y.free.slice(columnsAt)];
  const [xk, yk] = [x.contract.slice(ksAt), y.contract.slice(ksAt)];
  const [m, n, k] = [countOf(rows), countOf(columns), countOf(xk)];
  const [out] = b.outputs;
  const loopsK = extentsOf(x.contract.slice(0, ksAt));
  const accumulate = loopsK.length > 0;
  if (accumulate) b.parallel([out!.size], ([i]) => b.store(out!, i!, constant(0, out!.dtype)));
  const loops = [x.batch, x.free.slice(0, rowsAt), y.free.slice(0, columnsAt)] as const;
  b.parallel(loops.flatMap(extentsOf), (index) => {
    const [ofBatch, ofRows, ofColumns] = divided(index, loops);
    const atX = offsetOf(ofRows, loops[1], offsetOf(ofBatch, x.batch));
    const atY = offsetOf(ofColumns, loops[2], offsetOf(ofBatch, y.batch));
    const inBatch = offsetOf(ofBatch, inResult(loops[0]));
    const atC = offsetOf(ofColumns, inResult(loops[2]), offsetOf(ofRows, inResult(loops[1]), inBatch));
    nestedLoops(b, loopsK, (at) =>
      b.gemm({
        m,
        n,
        k,
        a: {
          buffer: x.buffer,
          offset: offsetOf(at, x.contract.slice(0, ksAt), atX),
          rowStride: mergedStride(rows, k)!,
          colStride: mergedStride(xk, 1)!,
        },
        b: {
          buffer: y.buffer,
          offset: offsetOf(at, y.contract.slice(0, ksAt), atY),
          rowStride: mergedStride(yk, n)!,
          colStride: mergedStride(columns, 1)!,
        },
        c: { buffer: out!, offset: atC, rowStride: mergedStride(inResult(rows), n)!, colStride: 1 },
        accumulate,
      }),
    );
  });
}

/** An index cut into those of lists of axes that follow each other. */
function divided<L extends readonly (readonly StridedAxis[])[]>(
  index: readonly Expr[],
  lists: L,
): { [K in keyof L]: Expr[] } {
  let from = 0;
  return lists.map((axes) => index.slice(from, (from += axes.length))) as { [K in keyof L]: Expr[] };
}

/** One sum per element: integers, and contractions over nothing. */
function productOfElements(b: KernelBuilder, x: Operand, y: Operand): void {
  const out = b.outputs[0]!;
  const axes = [x.batch, x.free, y.free] as const;
  const isEmpty = x.contract.some((a) => a.extent === 0);
  b.parallel(axes.flatMap(extentsOf), (index) => {
    const [ofBatch, i, j] = divided(index, axes);
    const [px, py] = [offsetOf(i, x.free, offsetOf(ofBatch, x.batch)), offsetOf(j, y.free, offsetOf(ofBatch, y.batch))];
    const term = (k: readonly Expr[]): Expr =>
      binary('mul', load(x.buffer, offsetOf(k, x.contract, px)), load(y.buffer, offsetOf(k, y.contract, py)));
    const sum = isEmpty ? constant(0, out.dtype) : b.reduce('add', extentsOf(x.contract), out.dtype, term);
    b.store(out, offsetOf(index, axes.flatMap(inResult)), sum);
  });
}
