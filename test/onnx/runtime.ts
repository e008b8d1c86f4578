/**
 * Running models with onnxruntime, on one thread.
 * @module
 */
import * as ort from 'onnxruntime-web';
import { dtypeInfo } from '../../src/ir/dtype.ts';
import type { Aval } from '../../src/ir/aval.ts';
import type { DType, TypedArray } from '../../src/ir/dtype.ts';

ort.env.wasm.numThreads = 1;
ort.env.logLevel = 'error';

/** Elements with their type, as they go into a model and come out. */
export interface Values {
  readonly aval: Aval;
  readonly data: TypedArray;
}

/** Results of a model by name. */
export async function runModel(
  bytes: Uint8Array,
  inputs: Readonly<Record<string, Values>>,
): Promise<
  Record<string, { readonly shape: readonly number[]; readonly dtype: string; readonly data: ArrayLike<number> }>
> {
  const session = await ort.InferenceSession.create(bytes, { logSeverityLevel: 4 });
  const feeds = Object.fromEntries(
    Object.entries(inputs).map(([name, { aval, data }]) => [
      name,
      new ort.Tensor(aval.dtype as 'float32', data as Float32Array, [...aval.shape]),
    ]),
  );
  const results = await session.run(feeds);
  const out = Object.entries(results).map(([name, { dims, type, data }]) => {
    return [name, { shape: dims, dtype: type, data: data as ArrayLike<number> }] as const;
  });
  await session.release();
  return Object.fromEntries(out);
}

/** True for the error that says that the runtime has no kernel for an operator at a type. */
export const isMissingKernel = (error: unknown): boolean =>
  /NOT_IMPLEMENTED|Could not find an implementation|code 9\b/i.test(String(error));

export const isRunnable = (dtype: DType): boolean =>
  dtypeInfo[dtype] !== undefined && dtype !== 'bfloat16' && dtype !== 'float16';
