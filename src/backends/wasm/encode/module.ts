/**
 * Assembles a WebAssembly module: types, imports, functions, globals, exports.
 * May import: `ir/errors`, `encode`.
 * @module
 */
import { InternalError } from '../../../ir/errors.ts';
import { ByteWriter } from './bytes.ts';
import { FunctionBuilder } from './function.ts';
import { type ValueType, valueType } from './opcodes.ts';

export interface Signature {
  readonly params: readonly ValueType[];
  readonly results: readonly ValueType[];
}

interface FunctionImport {
  readonly module: string;
  readonly name: string;
  readonly type: number;
}

const writeVector = <T>(w: ByteWriter, items: readonly T[], write: (item: T) => void): void => {
  w.u32(items.length);
  items.forEach(write);
};

/** Pages of 64 KiB that a memory may have. */
export const maxPages = 65536;

/** One module. */
export class ModuleBuilder {
  private readonly types: string[] = [];
  private readonly signatures: Signature[] = [];
  private readonly imports: FunctionImport[] = [];
  private readonly importIndex = new Map<string, number>();
  private readonly functions: { type: number; builder: FunctionBuilder; name: string }[] = [];
  private readonly exports: { name: string; index: number }[] = [];
  private readonly globalImports: { readonly module: string; readonly name: string; readonly type: ValueType }[] = [];
  private readonly globals: Uint8Array[] = [];
  private readonly globalIndex = new Map<string, number>();
  private memory: 'none' | 'plain' | 'shared' = 'none';
  private hasTable = false;
  private readonly entries: FunctionBuilder[] = [];

  /** Index of a function type, for `callIndirect`. */
  functionType(signature: Signature): number {
    const key = `${signature.params.join()}:${signature.results.join()}`;
    const at = this.types.indexOf(key);
    if (at >= 0) return at;
    this.signatures.push(signature);
    return this.types.push(key) - 1;
  }

  /** Imports the heap that all modules use as `env.memory`: a memory that is shared between threads, or one that is not. */
  importMemory(isShared = false): void {
    this.memory = isShared ? 'shared' : 'plain';
  }

  /** Imports a table of functions as `env.table`. */
  importTable(): void {
    this.hasTable = true;
  }

  /** Defines the table, with these functions of the module as its entries. */
  defineTable(functions: readonly FunctionBuilder[]): void {
    this.entries.push(...functions);
  }

  /** Index of an imported immutable global. Imported globals come first in the index space: import them before any is defined. */
  importGlobal(module: string, name: string, type: ValueType): number {
    if (this.globals.length > 0) throw new InternalError('a global is imported after others were defined.');
    return this.globalImports.push({ module, name, type }) - 1;
  }

  /** Index of an imported function; equal imports share one. */
  importFunction(module: string, name: string, signature: Signature): number {
    const key = `${module}.${name}`;
    const known = this.importIndex.get(key);
    if (known !== undefined) return known;
    this.importIndex.set(key, this.imports.length);
    return this.imports.push({ module, name, type: this.functionType(signature) }) - 1;
  }

  /** Whether anything of `module` is imported. */
  importsFrom(module: string): boolean {
    return this.imports.some((i) => i.module === module);
  }

  /**
   * Defines a function. Imported functions come first in the index space, so its final index is known only when the module is built;
   * calls between defined functions are written as `callDefined(ordinal)`, calls of imports as `callImport(index)`.
   * The name is for stack traces and profilers.
   */
  defineFunction(signature: Signature, name = ''): FunctionBuilder {
    const builder = new FunctionBuilder(signature.params, this.functions.length);
    this.functions.push({ type: this.functionType(signature), builder, name });
    return builder;
  }

  exportFunction(name: string, f: FunctionBuilder): void {
    this.exports.push({ name, index: f.ordinal });
  }

  /**
   * Index of a mutable v128 global that holds `bytes`. Engines cannot see through it, so a value read from it stays in a register,
   * where a `v128.const` is rebuilt at each use: functions have no other vector constants.
   */
  vectorGlobal(bytes: Uint8Array): number {
    const key = bytes.join();
    const known = this.globalIndex.get(key);
    if (known !== undefined) return known;
    const index = this.globalImports.length + this.globals.push(Uint8Array.from(bytes)) - 1;
    this.globalIndex.set(key, index);
    return index;
  }

  private section(out: ByteWriter, id: number, write: (w: ByteWriter) => void): void {
    const w = new ByteWriter(1024);
    write(w);
    out.u8(id);
    out.u32(w.length);
    out.append(w.view());
  }

  /** The module's bytes. */
  build(): Uint8Array<ArrayBuffer> {
    const out = new ByteWriter(4096);
    out.append(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
    this.section(out, 1, (w) => this.writeTypes(w));
    this.section(out, 2, (w) => this.writeImports(w));
    this.section(out, 3, (w) => writeVector(w, this.functions, (f) => w.u32(f.type)));
    if (this.entries.length > 0) this.section(out, 4, (w) => this.writeTable(w));
    if (this.globals.length > 0) this.section(out, 6, (w) => this.writeGlobals(w));
    this.section(out, 7, (w) => this.writeExports(w));
    if (this.entries.length > 0) this.section(out, 9, (w) => this.writeEntries(w));
    this.section(out, 10, (w) => writeVector(w, this.functions, (f) => f.builder.writeBody(w, this.imports.length)));
    if (this.functions.some((f) => f.name !== '')) this.section(out, 0, (w) => this.writeNames(w));
    return out.view().slice();
  }

  /** The custom section of names, with the one subsection for functions. */
  private writeNames(w: ByteWriter): void {
    w.name('name');
    const named = this.functions
      .map((f, i) => ({ name: f.name, index: this.imports.length + i }))
      .filter((f) => f.name);
    this.section(w, 1, (names) =>
      writeVector(names, named, (f) => {
        names.u32(f.index);
        names.name(f.name);
      }),
    );
  }

  private writeTypes(w: ByteWriter): void {
    writeVector(w, this.signatures, ({ params, results }) => {
      w.u8(0x60);
      writeVector(w, params, (t) => w.u8(valueType[t]));
      writeVector(w, results, (t) => w.u8(valueType[t]));
    });
  }

  private writeImports(w: ByteWriter): void {
    const [hasMemory, hasTable] = [this.memory !== 'none', this.hasTable];
    w.u32(this.imports.length + this.globalImports.length + Number(hasMemory) + Number(hasTable));
    if (hasMemory) {
      w.name('env');
      w.name('memory');
      // Kind memory, at least one page; a shared memory has a maximum.
      const isShared = this.memory === 'shared';
      for (const b of [0x02, isShared ? 0x03 : 0x00, 0x01]) w.u8(b);
      if (isShared) w.u32(maxPages);
    }
    if (hasTable) {
      w.name('env');
      w.name('table');
      // Kind table, of functions, of any length.
      for (const b of [0x01, 0x70, 0x00, 0x00]) w.u8(b);
    }
    for (const i of this.imports) {
      w.name(i.module);
      w.name(i.name);
      w.u8(0x00);
      w.u32(i.type);
    }
    for (const g of this.globalImports) {
      w.name(g.module);
      w.name(g.name);
      // Kind global, immutable.
      for (const b of [0x03, valueType[g.type], 0x00]) w.u8(b);
    }
  }

  private writeGlobals(w: ByteWriter): void {
    writeVector(w, this.globals, (bytes) => {
      for (const b of [valueType.v128, 0x01, 0xfd, 0x0c]) w.u8(b);
      w.append(bytes);
      w.u8(0x0b);
    });
  }

  /** One table of functions, exactly as long as it has entries. */
  private writeTable(w: ByteWriter): void {
    for (const b of [1, 0x70, 0x01]) w.u8(b);
    w.u32(this.entries.length);
    w.u32(this.entries.length);
  }

  /** One active segment for the table, from its start. */
  private writeEntries(w: ByteWriter): void {
    for (const b of [1, 0x00, 0x41, 0x00, 0x0b]) w.u8(b);
    writeVector(w, this.entries, (f) => w.u32(this.imports.length + f.ordinal));
  }

  private writeExports(w: ByteWriter): void {
    writeVector(w, this.exports, (e) => {
      w.name(e.name);
      w.u8(0x00);
      w.u32(this.imports.length + e.index);
    });
  }
}
