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
  /** Parametric kernels with equal keys have the same code; empty for others (see `kernelKey`). */
  readonly key: string;
  /** Run-time parameters, which follow the pointers; empty unless parametric. */
  readonly values: readonly number[];
  /** Index of the parameter at each place that has one. */
  readonly sites: NestKey['sites'];
  readonly gemms: NestKey['gemms'];
  readonly isParametric: boolean;
}

const noKey: NestKey = { key: '', values: [], sites: new Map(), gemms: new Map() };

export function prepareKernel(kernel: Kernel, isParametric: boolean): PreparedKernel {
  const nest = convertKernel(kernel);
  const plan = planVectors(nest);
  const { key, values, sites, gemms } = isParametric ? nestKey(nest, plan) : noKey;
  return { nest, plan, key, values, sites, gemms, isParametric };
}

export function emitKernel(module: ModuleBuilder, prepared: PreparedKernel): FunctionBuilder {
  const { nest, values } = prepared;
  const params = Array.from({ length: nest.buffers.length + values.length }, () => 'i32' as const);
  const f = module.defineFunction({ params, results: [] }, nest.name);
  const body = new NestLowering(f, module, prepared).lower();
  new LirWriter(f).write(body);
  return f;
}
