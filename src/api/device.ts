/**
 * Devices and settings.
 * May import: `ir`, `core`, `backends`, `api/options`.
 * @module
 */
import { ArgumentError } from '../ir/errors.ts';
import { type Settings, settings } from '../core/config.ts';
import { announceSettings, executorNames, getExecutor, registerExecutor, setActiveExecutor } from '../core/executor.ts';
import { ReferenceExecutor } from '../backends/reference/executor.ts';
import { WasmExecutor } from '../backends/wasm/executor.ts';
import { describe, isOptions } from './options.ts';

/** Makes the devices of this build known. Idempotent; building one is left to its first use. */
export function setUpDevices(): void {
  registerExecutor('wasm', () => new WasmExecutor());
  registerExecutor('reference', () => new ReferenceExecutor());
}

/** Names of the devices that exist here. */
export const devices = (): string[] => executorNames();

/** Runs operations on `device` from now on. Tensors on other devices keep working; they are copied when used. */
export function setDevice(device: string): void {
  setActiveExecutor(device);
}

/**
 * Prepares a device (compiles what first calls would have to wait for: some tens of milliseconds for matrix products) and makes it the
 * current one. Needed only by devices that start asynchronously.
 */
export function init(device: string = settings.defaultDevice): Promise<string> {
  getExecutor(device).warmUp?.();
  setActiveExecutor(device);
  return Promise.resolve(device);
}

const isBoolean = (x: unknown): boolean => typeof x === 'boolean';

interface Rule {
  readonly expected: string;
  readonly accepts: (x: unknown) => boolean;
  readonly fix?: () => string;
}

const rules: {
  readonly [K in keyof Settings]: Rule;
} = {
  defaultDtype: { expected: "'float32' or 'float64'", accepts: (x) => x === 'float32' || x === 'float64' },
  defaultDevice: {
    expected: 'the name of a device',
    accepts: (x) => executorNames().includes(x as string),
    fix: () => `devices here: ${executorNames().join(', ')}.`,
  },
  threads: {
    expected: 'a positive integer',
    accepts: (x) => Number.isInteger(x) && (x as number) > 0,
    fix: () => '1 is no extra thread; more than the machine has cores means as many as it has.',
  },
  simd256: { expected: 'a boolean', accepts: isBoolean },
  debugNans: { expected: 'a boolean', accepts: isBoolean },
  checkLeaks: { expected: 'a boolean', accepts: isBoolean },
  memoryLimit: {
    expected: 'a positive number of bytes',
    accepts: (x) => typeof x === 'number' && x > 0,
    fix: () => '2 ** 30 is one GiB; Infinity is no limit.',
  },
  threefryPartitionable: { expected: 'a boolean', accepts: isBoolean },
  recompileWarningLimit: {
    expected: 'a positive integer, or Infinity for no warning',
    accepts: (x) => x === Number.POSITIVE_INFINITY || (Number.isInteger(x) && (x as number) > 0),
  },
};

function set(key: string, value: unknown): void {
  if (!Object.hasOwn(rules, key)) {
    throw new ArgumentError(`config: expected a setting, got ${key}.`, `settings: ${Object.keys(rules).join(', ')}.`);
  }
  const rule = rules[key as keyof Settings];
  if (!rule.accepts(value))
    throw new ArgumentError(`config.${key}: expected ${rule.expected}, got ${describe(value)}.`, rule.fix?.());
  if (key === 'defaultDevice') setActiveExecutor(value as string);
  else (settings as unknown as Record<string, unknown>)[key] = value;
  announceSettings();
}

/** The settings. Assigning validates: `config.defaultDtype = 'float64'`. */
export const config: Settings = new Proxy(settings, {
  set: (_target, key, value: unknown) => {
    set(String(key), value);
    return true;
  },
  deleteProperty: (_target, key) => {
    throw new ArgumentError(
      `config: expected settings to stay, got delete config.${String(key)}.`,
      'assign the value you want instead.',
    );
  },
});

/** Changes several settings at once; with a function, only while it runs. */
export function configure(changes: Partial<Settings>): void;
export function configure<T>(changes: Partial<Settings>, run: () => T): T;
export function configure<T>(changes: Partial<Settings>, run?: () => T): T | undefined {
  if (!isOptions(changes))
    throw new ArgumentError(
      `configure: expected an object of settings, got ${describe(changes)}.`,
      'configure({ defaultDtype: "float64" }).',
    );
  const saved = { ...settings };
  const restore = (): void => {
    for (const key of Object.keys(changes)) if (Object.hasOwn(saved, key)) set(key, saved[key as keyof Settings]);
  };
  try {
    for (const [key, value] of Object.entries(changes)) set(key, value);
  } catch (error) {
    restore();
    throw error;
  }
  if (run === undefined) return undefined;
  try {
    const result = run();
    if (typeof result === 'object' && result !== null && 'then' in result) {
      throw new ArgumentError(
        'configure: expected a function that returns at once, got one that returns a Promise.',
        'settings hold while the function runs, not while it waits: set them without a function, or await outside.',
      );
    }
    return result;
  } finally {
    restore();
  }
}
