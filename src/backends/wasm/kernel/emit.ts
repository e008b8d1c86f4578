/**
 * `Kernel` → WebAssembly function. The function takes a pointer for each buffer (inputs, outputs, scratch), then the parameters of a
 * parametric kernel.
 * May import: `ir`, `encode`, `kernel`.
 * @module
 */
import type { Kernel } from '../../../ir/loop/kernel.ts';
import type { FunctionBuilder } from '../encode/function.ts';
import type { ModuleBuilder } from '../encode/module.ts';
import { convertKernel } from './convert.ts';
import { NestLowering } from './lower-nest.ts';
import type { Nest } from './nest.ts';
import { type NestKey, nestKey } from './params.ts';
import { planVectors, type VectorPlan } from './vectorize.ts';
import { LirWriter } from './write-lir.ts';

/** A kernel after all decisions that depend on its shapes. */
export interface PreparedKernel {
  readonly nest: Nest;
  readonly plan: VectorPlan;
  /** Kernels with equal keys have the same code. */
  readonly key: string;
  /** Run-time parameters, which follow the pointers; empty unless parametric. */
  readonly values: readonly number[];
  readonly nestKey: NestKey;
  readonly isParametric: boolean;
}

export function prepareKernel(kernel: Kernel, isParametric: boolean): PreparedKernel {
  const nest = convertKernel(kernel);
  const plan = planVectors(nest);
  const key = nestKey(nest, plan, isParametric);
  return { nest, plan, key: key.key, values: key.values, nestKey: key, isParametric };
}

export function emitKernel(module: ModuleBuilder, prepared: PreparedKernel): FunctionBuilder {
  const { nest, plan, nestKey: key, isParametric, values } = prepared;
  const params = Array.from({ length: nest.buffers.length + values.length }, () => 'i32' as const);
  const f = module.defineFunction({ params, results: [] });
  const body = new NestLowering(f, module, nest, plan, key, isParametric).lower();
  new LirWriter(f).write(body);
  return f;
}
