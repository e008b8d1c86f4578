/**
 * What core knows of a backend. `api` wires one up per device; core never imports a backend.
 * May import: `ir`.
 * @module
 */
import type { Aval } from '../ir/aval.ts';
import type { TypedArray } from '../ir/dtype.ts';
import { BackendError } from '../ir/errors.ts';
import type { Program } from '../ir/program.ts';
import { settings } from './config.ts';
import type { AnyPrimitive } from './primitive.ts';
import type { ConcreteTensor } from './tensor.ts';

/** The memory of one concrete tensor. */
export interface Storage {
  /** The elements, row-major. The caller must not write to them. May be a view that is valid only until the next operation. */
  read(): TypedArray;
  /** Frees the memory now; `isDonated` says that a compiled call took it, which errors about later use then say. */
  dispose(isDonated?: boolean): void;
  /** Says that the memory is in use until it is disposed, so that no search for dropped tensors need count it; or takes that back. */
  hold?(isHeld: boolean): void;
  readonly isDisposed: boolean;
  readonly isDonated: boolean;
  /** Name of the device that holds the memory. */
  readonly device: string;
}

/** For the use of a tensor whose memory is gone. */
export const disposedError = (aval: Aval, isDonated: boolean): BackendError =>
  isDonated
    ? new BackendError(
        `use of a disposed tensor ${aval.toString()}: it was donated to a jitted function (donateArgnums), whose results took its memory.`,
        'go on with what the function returned, or leave the argument out of donateArgnums.',
      )
    : new BackendError(
        `use of a disposed tensor ${aval.toString()}.`,
        'dispose() is never needed; remove the call, or use the tensor before it.',
      );

/** Elements in an ordinary typed array: constants, tiny tensors, and everything of the reference backend. */
export class HostStorage implements Storage {
  readonly device: string;
  private data: TypedArray | undefined;
  isDonated = false;

  constructor(data: TypedArray, device: string) {
    this.data = data;
    this.device = device;
  }

  read(): TypedArray {
    if (this.data === undefined) throw new BackendError('internal: read of disposed memory.');
    return this.data;
  }

  dispose(isDonated = false): void {
    if (this.data !== undefined) this.isDonated = isDonated;
    this.data = undefined;
  }

  get isDisposed(): boolean {
    return this.data === undefined;
  }
}

export interface CompileOptions {
  /** Positions of inputs whose memory the call may take for its results. */
  readonly donate?: readonly number[];
}

/** A compiled Program: computes its outputs from its inputs. */
export type Executable = (args: readonly ConcreteTensor[]) => ConcreteTensor[];

export interface Executor {
  readonly name: string;
  /** Whether scalars may stay on the host, and be computed there. */
  readonly keepsScalarsOnHost?: boolean;
  /** One operation, now. */
  execute(
    primitive: AnyPrimitive,
    args: readonly ConcreteTensor[],
    params: object,
    outAvals: readonly Aval[],
  ): ConcreteTensor[];
  compile(program: Program, options: CompileOptions): Executable;
  /** Takes ownership of `data` (row-major elements of `aval`). */
  fromHost(data: TypedArray, aval: Aval): Storage;
  /** Does now what first operations would have to wait for. */
  warmUp?(): void;
  /** Called when a setting was assigned. */
  settingsChanged?(): void;
}

const factories = new Map<string, () => Executor>();
const executors = new Map<string, Executor>();
let active: Executor | undefined;

/** Makes a device known under its name; it is built when first used. */
export function registerExecutor(name: string, make: () => Executor): void {
  factories.set(name, make);
}

export const executorNames = (): string[] => [...factories.keys()];

export function getExecutor(name: string): Executor {
  const found = executors.get(name);
  if (found) return found;
  const make = factories.get(name);
  if (make === undefined) {
    throw new BackendError(
      `device: expected one of ${executorNames().join(', ')}, got ${name}.`,
      'call devices() to list what this machine has.',
      { name },
    );
  }
  const made = make();
  executors.set(name, made);
  return made;
}

/** Tells the devices in use that a setting was assigned. */
export function announceSettings(): void {
  for (const e of executors.values()) e.settingsChanged?.();
}

/** The device that runs operations now. */
export function activeExecutor(): Executor {
  return (active ??= getExecutor(settings.defaultDevice));
}

/** Changes the device that runs operations from now on; tensors of other devices are copied when they are used. */
export function setActiveExecutor(name: string): void {
  active = getExecutor(name);
  settings.defaultDevice = name;
}

/** Runs `run` with `executor` in the place of the device that runs operations now; it must hand on to that device. */
export function withExecutor<T>(executor: Executor, run: () => T): T {
  const saved = activeExecutor();
  active = executor;
  try {
    return run();
  } finally {
    active = saved;
  }
}
