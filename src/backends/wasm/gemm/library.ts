/**
 * The modules of matrix products that generated code imports, one for each of `GemmName` (see `gemmSignature`).
 * May import: `encode`, `features`, `heap`.
 * @module
 */
import { ModuleBuilder } from '../encode/module.ts';
import { hasRelaxedSimd } from '../features.ts';
import { double, type Element, single } from './element.ts';
import type { BlockOptions } from './block.ts';
import { defineGemm, defineGemmBlocks } from './entry.ts';
import { workspaceBytes } from './product.ts';
import type { Tile } from './tile.ts';
import { defaultTile, measuredTile } from './tuning.ts';
import type { GemmName, LargestProducts } from './work.ts';

/** What the library needs of the heap. */
export interface Workspace {
  readonly memory: WebAssembly.Memory;
  allocate(bytes: number): number;
}

/** Element types by the names of their routines. */
const elements: { readonly [N in GemmName]: Element } = {
  sgemm: single,
  dgemm: double,
  sgemm_blocks: single,
  dgemm_blocks: double,
};

/** What one module of the library is made for. */
export interface GemmOptions {
  readonly name: GemmName;
  readonly tile: Tile;
  /** Whether the memory is shared between threads. */
  readonly isShared: boolean;
}

/** The module's bytes; it imports `env.memory` and `env.workspace`, the address of `gemmWorkspaceBytes` bytes of its instance's own. */
export function buildGemmModule({ name, tile, isShared }: GemmOptions): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder();
  module.importMemory(isShared);
  const workspace = module.importGlobal('env', 'workspace', 'i32');
  const options: BlockOptions = { element: elements[name], tile, isRelaxed: hasRelaxedSimd(), workspace };
  const define = name.endsWith('_blocks') ? defineGemmBlocks : defineGemm;
  module.exportFunction(name, define(module, options));
  return module.build();
}

/** Bytes of workspace that an instance needs. */
export const gemmWorkspaceBytes = ({ name, tile }: GemmOptions): number => workspaceBytes(elements[name], tile);

/** An instance of a module of the library: its one function. */
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

/** The library of one memory; each routine is built when it is first imported. */
export class GemmLibrary {
  private readonly workspace: Workspace;
  private readonly tiles = new Map<GemmName, Tile>();
  private readonly modules = new Map<GemmName, GemmModule>();
  private readonly instances = new Map<GemmName, WebAssembly.ImportValue>();

  constructor(workspace: Workspace) {
    this.workspace = workspace;
  }

  /**
   * Chooses the tiles for products of these sizes: the fastest if they are large, or if code is of 256 bits. What was imported before
   * goes on as it is, and gives the same results. Returns a name of the choice.
   */
  prepare(products: LargestProducts, isWide: boolean): string {
    let names = '';
    for (const [name, work] of products) {
      if (work >= largeProduct || isWide) this.use(name, measuredTile(elements[name], isWide));
      else if (this.tile(name).vectors > defaultTile.vectors) this.use(name, defaultTile);
      names += ` ${name} ${Object.values(this.tile(name)).join()}`;
    }
    return names;
  }

  private tile(name: GemmName): Tile {
    return this.tiles.get(name) ?? defaultTile;
  }

  private use(name: GemmName, tile: Tile): void {
    if (tile === this.tile(name)) return;
    this.tiles.set(name, tile);
    this.modules.delete(name);
    this.instances.delete(name);
  }

  /** The compiled code of a routine, for further instances (`instantiateGemm`) with workspaces of their own. */
  module(name: GemmName): GemmModule {
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
    const get = (name: GemmName): WebAssembly.ImportValue => this.instance(name);
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

  private instance(name: GemmName): WebAssembly.ImportValue {
    let made = this.instances.get(name);
    if (made === undefined) {
      const { module, workspaceBytes } = this.module(name);
      const { memory } = this.workspace;
      made = instantiateGemm(module, memory, this.workspace.allocate(workspaceBytes))[name]!;
      this.instances.set(name, made);
    }
    return made;
  }
}
