/**
 * Assembles a WebAssembly module: types, imports, functions, globals, exports.
 * May import: `encode`.
 * @module
 */
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

/** One module. */
export class ModuleBuilder {
  private readonly types: string[] = [];
  private readonly signatures: Signature[] = [];
  private readonly imports: FunctionImport[] = [];
  private readonly importIndex = new Map<string, number>();
  private readonly functions: { type: number; builder: FunctionBuilder; name: string }[] = [];
  private readonly exports: { name: string; index: number }[] = [];
  private readonly globals: Uint8Array[] = [];
  private readonly globalIndex = new Map<string, number>();
  private hasMemory = false;

  private typeIndex(signature: Signature): number {
    const key = `${signature.params.join()}:${signature.results.join()}`;
    const at = this.types.indexOf(key);
    if (at >= 0) return at;
    this.signatures.push(signature);
    return this.types.push(key) - 1;
  }

  /** Imports the shared heap as `env.memory`. */
  importMemory(): void {
    this.hasMemory = true;
  }

  /** Index of an imported function; equal imports share one. */
  importFunction(module: string, name: string, signature: Signature): number {
    const key = `${module}.${name}`;
    const known = this.importIndex.get(key);
    if (known !== undefined) return known;
    this.importIndex.set(key, this.imports.length);
    return this.imports.push({ module, name, type: this.typeIndex(signature) }) - 1;
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
    this.functions.push({ type: this.typeIndex(signature), builder, name });
    return builder;
  }

  exportFunction(name: string, f: FunctionBuilder): void {
    this.exports.push({ name, index: f.ordinal });
  }

  /**
   * Index of a mutable v128 global that holds `bytes`. Engines cannot see through it, so a value read from it stays in a register,
   * where a `v128.const` is rebuilt at each use.
   */
  vectorGlobal(bytes: Uint8Array): number {
    const key = bytes.join();
    const known = this.globalIndex.get(key);
    if (known !== undefined) return known;
    this.globalIndex.set(key, this.globals.length);
    return this.globals.push(Uint8Array.from(bytes)) - 1;
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
    if (this.globals.length > 0) this.section(out, 6, (w) => this.writeGlobals(w));
    this.section(out, 7, (w) => this.writeExports(w));
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
    w.u32(this.imports.length + (this.hasMemory ? 1 : 0));
    if (this.hasMemory) {
      w.name('env');
      w.name('memory');
      // Kind memory, no maximum declared by the importer, at least one page.
      for (const b of [0x02, 0x00, 0x01]) w.u8(b);
    }
    for (const i of this.imports) {
      w.name(i.module);
      w.name(i.name);
      w.u8(0x00);
      w.u32(i.type);
    }
  }

  private writeGlobals(w: ByteWriter): void {
    writeVector(w, this.globals, (bytes) => {
      for (const b of [valueType.v128, 0x01, 0xfd, 0x0c]) w.u8(b);
      w.append(bytes);
      w.u8(0x0b);
    });
  }

  private writeExports(w: ByteWriter): void {
    writeVector(w, this.exports, (e) => {
      w.name(e.name);
      w.u8(0x00);
      w.u32(this.imports.length + e.index);
    });
  }
}
