/**
 * The module of matrix products that generated code imports: `sgemm` and `dgemm` (see `gemmSignature`).
 * May import: `encode`, `kernel/lir`, `heap`.
 * @module
 */
import type { FunctionBuilder } from '../encode/function.ts';
import { ModuleBuilder } from '../encode/module.ts';
import { hasRelaxedSimd } from '../features.ts';
import type { Lir } from '../kernel/lir.ts';
import { double, type Element, single } from './element.ts';
import { defineProduct, type ProductOptions, type Tile, workspaceBytes } from './product.ts';
import { defineRoutine } from './routine.ts';
import type { GemmParameters } from './signature.ts';
import { defineVectorProduct } from './vector-product.ts';

/** What the library needs of the heap. */
export interface Workspace {
  readonly memory: WebAssembly.Memory;
  allocate(bytes: number): number;
}

export interface GemmTuning {
  readonly single: { readonly tile: Tile; readonly unroll: number };
  readonly double: { readonly tile: Tile; readonly unroll: number };
}

/** Node 20 moves all loads of an iteration to its start, and a tile of 4 rows leaves registers for that. */
export const defaultTuning: GemmTuning = {
  single: { tile: { rows: 4, columns: 8 }, unroll: 1 },
  double: { tile: { rows: 4, columns: 4 }, unroll: 1 },
};

/** Chooses between the product with a vector and the general one; fills with zeros when k = 0. */
function defineGemm(module: ModuleBuilder, o: ProductOptions): FunctionBuilder {
  const e = o.element;
  const product = defineProduct(module, o);
  const vector = defineVectorProduct(module, e, o.isRelaxed);
  return defineRoutine(module, 12, (r, ...p) => {
    const { b } = r;
    const [m, n, k, a, ars, acs, bAt, brs, bcs, c, crs, adds] = p as readonly Lir[] as GemmParameters;
    const bytes = (x: Lir): Lir => b.mul(x, b.i32(e.bytes));
    const is = (x: Lir, value: number): Lir => b.op('i32.eq', x, b.i32(value));
    const general = (): void => r.call(product, ...p);
    const zeros = (): void =>
      r.if(b.op('i32.eqz', adds), () =>
        r.loop(b.i32(0), m, 1, (i) =>
          r.loop(b.i32(0), n, 1, (j) =>
            r.store(`${e.scalar}.store`, b.add(b.add(c, bytes(b.mul(i, crs))), bytes(j)), e.zero(b)),
          ),
        ),
      );
    // A row vector times B; or, transposed, A times a column vector.
    const rowTimesB = (): void =>
      r.call(vector, n, k, a, bytes(acs), bAt, bytes(brs), bytes(bcs), c, b.i32(e.bytes), adds);
    const aTimesColumn = (): void =>
      r.call(vector, m, k, bAt, bytes(brs), a, bytes(acs), bytes(ars), c, bytes(crs), adds);
    r.if(is(k, 0), zeros, () => r.if(is(m, 1), rowTimesB, () => r.if(is(n, 1), aTimesColumn, general)));
  });
}

/** Builds the module; `workspace` gives the addresses of the packing areas. */
export function buildGemmModule(
  workspace: (element: Element, tile: Tile) => number,
  tuning: GemmTuning = defaultTuning,
): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder();
  module.importMemory();
  const isRelaxed = hasRelaxedSimd();
  for (const [name, element] of [
    ['sgemm', single],
    ['dgemm', double],
  ] as const) {
    const { tile, unroll } = tuning[element === single ? 'single' : 'double'];
    const o: ProductOptions = { element, tile, unroll, isRelaxed, workspace: workspace(element, tile) };
    module.exportFunction(name, defineGemm(module, o));
  }
  return module.build();
}

/** The library, built when first used. */
export class GemmLibrary {
  private readonly workspace: Workspace;
  private made: WebAssembly.Exports | undefined;

  constructor(workspace: Workspace) {
    this.workspace = workspace;
  }

  exports(): WebAssembly.ModuleImports {
    if (this.made === undefined) {
      const bytes = buildGemmModule((e, tile) => this.workspace.allocate(workspaceBytes(e, tile)));
      const { memory } = this.workspace;
      this.made = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } }).exports;
    }
    return this.made as WebAssembly.ModuleImports;
  }
}
