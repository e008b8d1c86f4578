/**
 * What the engine can do, and the host's modules in the form that `WebAssembly.Instance` takes.
 *
 * Modules are compiled synchronously. Node and workers allow any size; Chrome's main thread allows 8 MB (before version 115: 4 KB),
 * and Firefox and Safari set no limit.
 * May import: `ir`.
 * @module
 */
import { BackendError } from '../../ir/errors.ts';
import { ModuleBuilder } from './encode/module.ts';
import type { OpName } from './encode/opcodes.ts';

interface NodeProcess {
  readonly versions?: { readonly v8?: string };
  readonly getBuiltinModule?: (name: string) => { setFlagsFromString?: (flag: string) => void } | undefined;
}

const host = (): NodeProcess | undefined => (globalThis as { process?: NodeProcess }).process;

/** Sets a flag of V8; undefined where there is nothing to set it with (outside Node). V8 complains on stderr about flags it does not know. */
export function engineFlags(): ((flag: string) => void) | undefined {
  const v8 = host()?.getBuiltinModule?.('node:v8');
  if (v8?.setFlagsFromString === undefined) return undefined;
  return (flag) => {
    try {
      v8.setFlagsFromString?.(flag);
    } catch {
      // Other hosts have the function and refuse: what the flag would have given is missing, which callers check.
    }
  };
}

/** Major and minor version of V8 as one number; 0 where it is unknown. */
export const v8Version = (): number => Number.parseFloat(host()?.versions?.v8 ?? '0');

/** Whether a function that applies `op` to copies of its v128 argument validates. */
function validates(op: OpName, operands: number): boolean {
  const module = new ModuleBuilder();
  const f = module.defineFunction({ params: ['v128'], results: ['v128'] });
  for (let i = 0; i < operands; i++) f.get(0);
  f.op(op);
  return WebAssembly.validate(module.build());
}

/** Whether the engine moves all loads of a straight piece of code to its start (V8 before 12): what is held then takes registers. */
export const hoistsLoads = (): boolean => v8Version() > 0 && v8Version() < 12;

let relaxed: boolean | undefined;

/** Relaxed SIMD (fused multiply-add). Engines that have it behind a flag get the flag, in Node. */
export function hasRelaxedSimd(): boolean {
  if (relaxed !== undefined) return relaxed;
  relaxed = validates('f32x4.relaxed_madd', 3);
  if (!relaxed) {
    engineFlags()?.('--experimental-wasm-relaxed-simd');
    relaxed = validates('f32x4.relaxed_madd', 3);
  }
  return relaxed;
}

/**
 * Settles what the engine can do, so that the first operation need not.
 * @throws BackendError without WebAssembly or SIMD128
 */
export function requireSimd(): void {
  if (typeof WebAssembly === 'object' && validates('f32x4.add', 2)) {
    hasRelaxedSimd();
    return;
  }
  throw new BackendError(
    'wasm: expected an engine with WebAssembly SIMD (Chrome 91, Firefox 89, Safari 16.4, Node 16.4 or later), got one without.',
    "use setDevice('reference'), which is slow but runs everywhere.",
  );
}
