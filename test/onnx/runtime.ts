/**
 * Running models with onnxruntime, on one thread.
 * @module
 */
import * as ort from 'onnxruntime-web';
import type { Aval } from '../../src/ir/aval.ts';
import type { TypedArray } from '../../src/ir/dtype.ts';

ort.env.wasm.numThreads = 1;

interface Input {
  readonly aval: Aval;
  dataSync(): TypedArray;
}

interface Result {
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly data: readonly number[];
}

/** Results of a model by name. */
export async function runModel(
  bytes: Uint8Array,
  inputs: Readonly<Record<string, Input>>,
): Promise<Readonly<Record<string, Result>>> {
  // Severity 4: what it cannot run it says in the error.
  const session = await ort.InferenceSession.create(bytes, { logSeverityLevel: 4 });
  const feeds = Object.entries(inputs).map(([name, x]) => {
    return [name, new ort.Tensor(x.aval.dtype as 'float32', x.dataSync() as Float32Array, x.aval.shape)] as const;
  });
  const results = await session.run(Object.fromEntries(feeds));
  await session.release();
  const out = Object.entries(results).map(([name, { dims, type, data }]) => {
    return [name, { shape: dims, dtype: type, data: Array.from(data as ArrayLike<number>, Number) }] as const;
  });
  return Object.fromEntries(out);
}

/** True for the error that says that the runtime has no kernel for an operator at a type. */
export const isMissingKernel = (error: unknown): boolean =>
  /NOT_IMPLEMENTED|Could not find an implementation/.test(String(error));
