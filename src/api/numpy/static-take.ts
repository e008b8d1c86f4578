/**
 * Selecting along an axis by positions that are known now.
 * May import: `ir`, `core`, `primitives`, `api/numpy/movement`.
 * @module
 */
import { Aval } from '../../ir/aval.ts';
import { deviceTensor, type Tensor } from '../../core/tensor.ts';
import * as prim from '../../primitives/index.ts';

interface Run {
  readonly start: number;
  readonly step: number;
  length: number;
}

/** Positions as runs of constant step −1, 0 or 1. */
function runsOf(positions: readonly number[]): Run[] {
  const runs: Run[] = [];
  for (let i = 0; i < positions.length;) {
    const start = positions[i]!;
    const step = i + 1 < positions.length ? positions[i + 1]! - start : 1;
    const end = step === 0 || Math.abs(step) === 1 ? positions.length : i + 1;
    let length = 1;
    while (i + length < end && positions[i + length] === start + length * step) length++;
    runs.push({ start, step: length === 1 ? 1 : step, length });
    i += length;
  }
  return runs;
}

function takeRun(x: Tensor, axis: number, { start, step, length }: Run): Tensor {
  if (step === 0) {
    const one = prim.sliceAxis(x, axis, start, start + 1);
    return prim.broadcastTo(
      one,
      x.shape.map((n, d) => (d === axis ? length : n)),
    );
  }
  if (step > 0) return prim.sliceAxis(x, axis, start, start + length);
  return prim.reverse(prim.sliceAxis(x, axis, start - length + 1, start + 1), [axis]);
}

/** Beyond this many pieces one gather is cheaper than a concatenation. */
const maxRuns = 8;

/** x[…, positions[j], …] along an axis. Few runs of neighbours become slices, anything else a gather. Positions are in bounds. */
export function takeStatic(x: Tensor, axis: number, positions: readonly number[]): Tensor {
  const runs = runsOf(positions);
  if (runs.length === 0) return prim.sliceAxis(x, axis, 0, 0);
  if (runs.length <= maxRuns)
    return prim.concatenate(
      runs.map((r) => takeRun(x, axis, r)),
      axis,
    );
  return gatherAxis(x, indexTensor(positions), axis, 'promise_in_bounds');
}

/** int32 indices on the device. */
export const indexTensor = (values: readonly number[], shape: readonly number[] = [values.length]): Tensor =>
  deviceTensor(Int32Array.from(values), new Aval(shape, 'int32'));

/** x with an axis replaced by the axes of `indices` (int32). */
export function gatherAxis(x: Tensor, indices: Tensor, axis: number, mode: prim.IndexMode, fillValue?: number): Tensor {
  const rank = indices.ndim;
  const offsetDims = x.shape.flatMap((_, d) => (d < axis ? [d] : d > axis ? [d + rank - 1] : []));
  return prim.gather(x, prim.reshape(indices, [...indices.shape, 1]), {
    dimensionNumbers: {
      offsetDims,
      collapsedSliceDims: [axis],
      startIndexMap: [axis],
      operandBatchingDims: [],
      startIndicesBatchingDims: [],
    },
    sliceSizes: x.shape.map((n, d) => (d === axis ? 1 : n)),
    mode,
    ...(fillValue === undefined ? {} : { fillValue }),
  });
}
