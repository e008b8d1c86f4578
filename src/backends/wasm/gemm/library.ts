/**
 * The modules of matrix products that generated code imports, one for each dtype, with its `GemmName`s (see `gemmSignature`).
 * May import: `encode`, `features`, `heap`.
 * @module
 */
import { ModuleBuilder } from '../encode/module.ts';
import { hasRelaxedSimd } from '../features.ts';
import { double, type Element, single } from './element.ts';
import type { BlockOptions } from './block.ts';
import { defineGemm } from './entry.ts';
import { workspaceBytes } from './product.ts';
import type { Tile } from './tile.ts';
import { defaultTile, measuredTile } from './tuning.ts';
import type { GemmName, LargestProducts } from './work.ts';

/** What the library needs of the heap. */
export interface Workspace {
  readonly memory: WebAssembly.Memory;
  allocate(bytes: number): number;
  free(address: number, bytes: number): void;
}

/** Modules by their plain routine. */
type ModuleName = 'sgemm' | 'dgemm';

const elements: { readonly [N in ModuleName]: Element } = { sgemm: single, dgemm: double };

const moduleOf = (name: GemmName): ModuleName => (name.startsWith('d') ? 'dgemm' : 'sgemm');

/** What one module of the library is made for. */
export interface GemmOptions {
  readonly name: ModuleName;
  readonly tile: Tile;
  /** Whether the memory is shared between threads. */
  readonly isShared: boolean;
}

/**
 * The module's bytes. It exports the plain routine and the one that hands out blocks, and imports `env.memory` and `env.workspace`, the
 * address of `gemmWorkspaceBytes` bytes of its instance's own.
 */
export function buildGemmModule({ name, tile, isShared }: GemmOptions): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder();
  module.importMemory(isShared);
  const workspace = module.importGlobal('env', 'workspace', 'i32');
  const options: BlockOptions = { element: elements[name], tile, isRelaxed: hasRelaxedSimd(), workspace };
  const { plain, blocks } = defineGemm(module, options);
  module.exportFunction(name, plain);
  module.exportFunction(`${name}_blocks`, blocks);
  return module.build();
}

/** Bytes of workspace that an instance needs. */
export const gemmWorkspaceBytes = ({ name, tile }: GemmOptions): number => workspaceBytes(elements[name], tile);

/** The routines of an instance of a module of the library. */
export function instantiateGemm(
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
  workspaceAddress: number,
): WebAssembly.ModuleImports {
  const workspace = new WebAssembly.Global({ value: 'i32' }, workspaceAddress);
  return new WebAssembly.Instance(module, { env: { memory, workspace } }).exports as WebAssembly.ModuleImports;
}

/** A module of the library, and what each instance of it needs. */
export interface GemmModule {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly module: WebAssembly.Module;
  readonly workspaceBytes: number;
}

/** Multiply-adds of a product from which measuring tiles is worth its few milliseconds: one millisecond's work. */
export const largeProduct: number = 1 << 25;

/** A product of a hundred tiles. */
const warmUpSize = { m: 48, n: 96, k: 256 } as const;

/** The library of one memory; each module is built when it is first imported. */
export class GemmLibrary {
  private readonly workspace: Workspace;
  private readonly tiles = new Map<ModuleName, Tile>();
  private readonly modules = new Map<ModuleName, GemmModule>();
  private readonly instances = new Map<ModuleName, WebAssembly.ModuleImports>();

  constructor(workspace: Workspace) {
    this.workspace = workspace;
  }

  /**
   * Builds now what the first large product of float32 would build, and runs it on a small one: enough for the engine to begin optimising
   * the inner loop, which it does beside whatever follows.
   */
  build(isWide: boolean): void {
    this.prepare(new Map([['sgemm', largeProduct]]), isWide);
    const run = this.instance('sgemm').sgemm as (...parameters: number[]) => void;
    const { m, n, k } = warmUpSize;
    const bytes = single.bytes * (m * k + k * n + m * n);
    const a = this.workspace.allocate(bytes);
    const b = a + single.bytes * m * k;
    run(m, n, k, a, k, 1, b, n, 1, b + single.bytes * k * n, n, 0, 0, 1);
    this.workspace.free(a, bytes);
  }

  /**
   * Chooses the tiles for products of these sizes: the fastest if they are large, or if code is of 256 bits. What was imported before
   * goes on as it is, and gives the same results. Returns a name of the choice.
   */
  prepare(products: LargestProducts, isWide: boolean): string {
    for (const [routine, work] of products) {
      const name = moduleOf(routine);
      if (work >= largeProduct || isWide) this.use(name, measuredTile(isWide));
      else if (this.tile(name).vectors > defaultTile.vectors) this.use(name, defaultTile);
    }
    let names = '';
    for (const [routine] of products) names += ` ${routine} ${Object.values(this.tile(moduleOf(routine))).join()}`;
    return names;
  }

  private tile(name: ModuleName): Tile {
    return this.tiles.get(name) ?? defaultTile;
  }

  private use(name: ModuleName, tile: Tile): void {
    if (tile === this.tile(name)) return;
    this.tiles.set(name, tile);
    this.modules.delete(name);
    this.instances.delete(name);
  }

  /** The compiled code of a routine, for further instances (`instantiateGemm`) with workspaces of their own. */
  module(routine: GemmName): GemmModule {
    const name = moduleOf(routine);
    let made = this.modules.get(name);
    if (made === undefined) {
      const { buffer } = this.workspace.memory;
      const isShared = typeof SharedArrayBuffer === 'function' && buffer instanceof SharedArrayBuffer;
      const options: GemmOptions = { name, tile: this.tile(name), isShared };
      const bytes = buildGemmModule(options);
      const module = new WebAssembly.Module(bytes);
      this.modules.set(name, (made = { bytes, module, workspaceBytes: gemmWorkspaceBytes(options) }));
    }
    return made;
  }

  /** What generated code imports as `gemm`: the calling thread's instances. */
  exports(): WebAssembly.ModuleImports {
    const get = (routine: GemmName): WebAssembly.ImportValue => this.instance(routine)[routine]!;
    return {
      get sgemm() {
        return get('sgemm');
      },
      get dgemm() {
        return get('dgemm');
      },
      get sgemm_blocks() {
        return get('sgemm_blocks');
      },
      get dgemm_blocks() {
        return get('dgemm_blocks');
      },
    };
  }

  private instance(routine: GemmName): WebAssembly.ModuleImports {
    const name = moduleOf(routine);
    let made = this.instances.get(name);
    if (made === undefined) {
      const { module, workspaceBytes } = this.module(name);
      const { memory } = this.workspace;
      made = instantiateGemm(module, memory, this.workspace.allocate(workspaceBytes));
      this.instances.set(name, made);
    }
    return made;
  }
}
