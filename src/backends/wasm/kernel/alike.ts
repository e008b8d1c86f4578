/**
 * Kernels of one Plan that differ in integers only: layers of different widths, updates of parameters of different sizes. They share their
 * code, to which these integers are parameters. What has no like keeps them in its code, where engines make something of them.
 * May import: `ir`, `kernel`.
 * @module
 */
import type { Kernel } from '../../../ir/loop/kernel.ts';
import { type PreparedKernel, prepareKernel, withoutParameters } from './emit.ts';
import { KernelTable } from './kernel-key.ts';

/** Parameters of a kernel that is shared: more cost more at each call than they save once. */
const mostParameters = 64;

/** The kernels of a plan, prepared when first asked for. */
export class AlikeKernels {
  private readonly isShared: boolean;
  private readonly byName = new Map<string, Set<Kernel>>();
  private readonly prepared = new Map<Kernel, PreparedKernel>();

  /** `isShared`: see `prepareKernel`. */
  constructor(isShared: boolean) {
    this.isShared = isShared;
  }

  add(kernel: Kernel): void {
    const named = this.byName.get(kernel.name);
    if (named === undefined) this.byName.set(kernel.name, new Set([kernel]));
    else named.add(kernel);
  }

  get(kernel: Kernel): PreparedKernel {
    const named = this.byName.get(kernel.name);
    if (named === undefined || named.size === 1) return prepareKernel(kernel, 'none', this.isShared);
    if (!this.prepared.has(kernel)) this.prepareAll(named);
    return this.prepared.get(kernel)!;
  }

  /** Equal names say that kernels compute with the same operations; whether they are alike is seen when they are prepared. */
  private prepareAll(kernels: Iterable<Kernel>): void {
    const distinct = new KernelTable<PreparedKernel>();
    const count = new Map<string, number>();
    for (const k of kernels) {
      const prepared = distinct.get(k, () => {
        const made = prepareKernel(k, 'cheap', this.isShared);
        count.set(made.key, (count.get(made.key) ?? 0) + 1);
        return made;
      });
      this.prepared.set(k, prepared);
    }
    for (const k of kernels) {
      const p = this.prepared.get(k)!;
      if (count.get(p.key) === 1 || p.values.length > mostParameters) this.prepared.set(k, withoutParameters(p));
    }
  }
}
