/**
 * A device in the place of another, which hands on what it does not look at itself.
 * May import: `core` and everything below it.
 * @module
 */
import type { CompileOptions, Executable, Executor, Storage } from '../core/executor.ts';
import type { AnyPrimitive } from '../core/primitive.ts';
import type { ConcreteTensor } from '../core/tensor.ts';
import type { Aval } from '../ir/aval.ts';
import type { TypedArray } from '../ir/dtype.ts';
import type { Program } from '../ir/program.ts';

export abstract class StandIn implements Executor {
  readonly name: string;
  protected readonly inner: Executor;

  constructor(inner: Executor) {
    this.name = inner.name;
    this.inner = inner;
  }

  fromHost(data: TypedArray, aval: Aval): Storage {
    return this.inner.fromHost(data, aval);
  }

  compile(program: Program, options: CompileOptions): Executable {
    return this.inner.compile(program, options);
  }

  abstract execute(
    primitive: AnyPrimitive,
    args: readonly ConcreteTensor[],
    params: object,
    outAvals: readonly Aval[],
  ): ConcreteTensor[];
}
