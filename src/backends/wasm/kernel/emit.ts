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
import { mostArguments } from '../threads/layout.ts';
import type { Threading } from './chunk.ts';
import { type Phases, phaseSite, planPhases } from './phases.ts';
import { planVectors, type VectorPlan } from './vectorize.ts';
import { writeLir } from './write-lir.ts';

/** A kernel after all decisions that depend on its shapes. */
export interface PreparedKernel {
  readonly nest: Nest;
  readonly plan: VectorPlan;
  /** Parametric kernels with equal keys have the same code; empty for others (see `KernelTable`). */
  readonly key: string;
  /** Run-time parameters, which follow the pointers; empty unless parametric. */
  readonly values: readonly number[];
  /** Index of the parameter at each place that has one. */
  readonly sites: NestKey['sites'];
  readonly gemms: NestKey['gemms'];
  readonly isParametric: boolean;
  /** What may be shared between threads. */
  readonly phases: Phases;
}

const noPhases: Phases = new Map();

/** More loops than any kernel has. */
const mostLoops = 64;

const noKey: NestKey = { key: '', values: [], sites: new Map(), gemms: new Map() };

/** Which integers of a kernel are run-time parameters: none, all that can be, or those whose value is of no use to an engine. */
export type Parameters = 'none' | 'all' | 'cheap';

/** `isShared`: large work is prepared to be shared between threads. */
export function prepareKernel(kernel: Kernel, parameters: Parameters, isShared = false): PreparedKernel {
  const nest = convertKernel(kernel);
  const plan = planVectors(nest);
  const isParametric = parameters !== 'none';
  const { key, values, sites, gemms } = isParametric ? nestKey(nest, plan, parameters === 'cheap') : noKey;
  const prepared = { nest, plan, key, values, sites, gemms, isParametric, phases: noPhases };
  if (!isShared) return prepared;
  const phases = planPhases(nest, plan);
  const isTooLarge = nest.buffers.length + values.length + 3 * phases.size + mostLoops > mostArguments;
  if (phases.size === 0 || isTooLarge) return prepared;
  return isParametric ? withPhases(prepared, phases) : { ...prepared, phases };
}

/** The chunks of phases are run-time parameters as well; which statements are phases is part of the key. */
function withPhases(prepared: PreparedKernel, phases: Phases): PreparedKernel {
  const values = [...prepared.values];
  const sites = new Map(prepared.sites);
  for (const p of phases.values()) {
    for (const field of ['chunks', 'grain'] as const) sites.set(phaseSite(p, field), values.push(p[field]) - 1);
  }
  const key = `${prepared.key} shared ${[...phases.values()].map((p) => p.statement).join()}`;
  return { ...prepared, key, values, sites, phases };
}

/** The kernel with its integers in the code. */
export const withoutParameters = (prepared: PreparedKernel): PreparedKernel => ({
  ...prepared,
  ...noKey,
  isParametric: false,
});

export function emitKernel(module: ModuleBuilder, prepared: PreparedKernel, threading?: Threading): FunctionBuilder {
  const { nest, values } = prepared;
  const params = Array.from({ length: nest.buffers.length + values.length }, () => 'i32' as const);
  const f = module.defineFunction({ params, results: [] }, nest.name);
  const body = new NestLowering(f, module, prepared, threading).lower();
  writeLir(f, body);
  return f;
}
