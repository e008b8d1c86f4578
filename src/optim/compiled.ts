/**
 * Update rules as compiled code. Written with operations on tensors, a rule makes a temporary of the size of the parameters at every step;
 * compiled, it is one pass over each of them. Small parameters are not worth a compilation.
 * May import: `core`, `control`.
 * @module
 */
import { call } from '../control/call.ts';
import { settings } from '../core/config.ts';
import { traceProgram } from '../core/program-trace.ts';
import { flatten, type TreeDef, unflatten } from '../core/pytree.ts';
import { ConcreteTensor, Tensor } from '../core/tensor.ts';
import { currentTrace, evalTrace } from '../core/trace.ts';
import type { Aval } from '../ir/aval.ts';
import type { Program } from '../ir/program.ts';

/** Bytes of operands from which one pass saves more than compiling costs within a few steps. */
const worthCompiling = 256 << 10;
/** Structures of operands that are kept; the first goes first. */
const maxVersions = 8;

interface Version {
  readonly def: TreeDef;
  readonly avals: readonly Aval[];
  readonly defaultDtype: string;
  readonly program: Program;
  readonly outDef: TreeDef;
}

/** A function of pytrees that does nothing but operations on their tensors. */
export class Compiled<A extends readonly unknown[], R> {
  private readonly f: (...args: A) => R;
  private readonly name: string;
  private readonly versions: Version[] = [];

  constructor(name: string, f: (...args: A) => R) {
    this.name = name;
    this.f = f;
  }

  run(...args: A): R {
    // Whoever looks at single operations is to see them.
    if (currentTrace() !== evalTrace || settings.debugNans) return this.f(...args);
    const [leaves, def] = flatten(args);
    let bytes = 0;
    for (const x of leaves) {
      if (!(x instanceof ConcreteTensor)) return this.f(...args);
      bytes += x.aval.bytes;
    }
    if (bytes < worthCompiling) return this.f(...args);
    const tensors = leaves as ConcreteTensor[];
    const version = this.find(tensors, def) ?? this.make(tensors, def);
    return version === undefined ? this.f(...args) : (unflatten(version.outDef, call(version.program, tensors)) as R);
  }

  private find(leaves: readonly Tensor[], def: TreeDef): Version | undefined {
    return this.versions.find(
      (v) =>
        v.defaultDtype === settings.defaultDtype &&
        v.def.equals(def) &&
        v.avals.every((a, i) => a === leaves[i]!.aval || a.equals(leaves[i]!.aval)),
    );
  }

  private make(leaves: readonly Tensor[], def: TreeDef): Version | undefined {
    let outDef: TreeDef | undefined;
    const avals = leaves.map((x) => x.aval);
    const { program, captured } = traceProgram(this.name, avals, (args) => {
      const [outs, resultDef] = flatten(this.f(...(unflatten(def, args) as unknown as A)));
      if (outs.every((x) => x instanceof Tensor)) outDef = resultDef;
      return outDef === undefined ? [] : (outs as Tensor[]);
    });
    if (outDef === undefined || captured.length > 0) return undefined;
    const version = { def, avals, defaultDtype: settings.defaultDtype, program, outDef };
    if (this.versions.length >= maxVersions) this.versions.shift();
    this.versions.push(version);
    return version;
  }
}
