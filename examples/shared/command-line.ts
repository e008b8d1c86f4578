/**
 * Command lines of the examples: options declared once, mistakes answered in one line.
 * @module
 */
import { cac } from 'cac';
import { config, devices } from 'cotangent';
import { UserError } from './user-error.ts';

export interface Option {
  /** As `--help` shows it: `--steps <n>`. */
  readonly flag: string;
  readonly help: string;
  readonly default?: string | number;
}

export type Flags = Readonly<Record<string, unknown>>;

/** What every example has: where its state and its page are kept, and where it computes. */
export const commonOptions = (program: string): Option[] => [
  { flag: '--seed <n>', help: 'seed of everything random', default: 0 },
  { flag: '--resume', help: 'continue from the checkpoint' },
  { flag: '--checkpoint <file>', help: 'where the state is kept', default: `${program}-checkpoint.json` },
  { flag: '--report <file>', help: 'where the report goes', default: `${program}-report.html` },
  { flag: '--device <name>', help: `one of ${devices().join(', ')}`, default: config.defaultDevice },
  { flag: '--threads <n>', help: 'threads for large operations', default: config.threads },
  { flag: '--simd256', help: '256-bit code (Node 24 and later)' },
];

/**
 * The flags given, with `--device`, `--threads` and `--simd256` applied, or `undefined` where help was asked for and has been shown.
 * @throws UserError
 */
export function parseFlags(
  program: string,
  summary: string,
  options: readonly Option[],
  command = `npm run example ${program} --`,
): Flags | undefined {
  const cli = cac(command);
  let flags: Flags | undefined;
  const root = cli.command('', summary);
  for (const { flag, help, default: value } of options)
    root.option(flag, help, value === undefined ? undefined : { default: value });
  root.action((given: Flags) => (flags = given));
  cli.help();
  try {
    cli.parse(['node', program, ...process.argv.slice(2)]);
  } catch (error) {
    throw new UserError(`${program}: ${(error as Error).message}; --help lists the options.`, 2);
  }
  if (flags) applyDevice(program, flags);
  return flags;
}

function applyDevice(program: string, flags: Flags): void {
  const device = text(flags, 'device');
  if (!devices().includes(device))
    throw new UserError(`${program}: --device expects ${devices().join(' or ')}, got ${device}.`, 2);
  config.defaultDevice = device;
  if (flags['threads'] !== undefined) config.threads = numbersOf(program, flags).whole('threads');
  if (flags['simd256'] === true) config.simd256 = true;
}

export const text = (flags: Flags, name: string): string => String(flags[name]);

/** Reads flags that are numbers. Each throws a `UserError` if the flag is none, or is less than `least`. */
export interface Numbers {
  /** A whole number; at least 1. */
  readonly whole: (name: string, least?: number) => number;
  /** Any number; at least 0. */
  readonly real: (name: string, least?: number) => number;
}

export function numbersOf(program: string, flags: Flags): Numbers {
  const read = (name: string, least: number, kind: string, isKind: (x: unknown) => boolean): number => {
    // `--some-name` is kept as `someName`.
    const value = flags[name.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase())];
    if (isKind(value) && (value as number) >= least) return value as number;
    throw new UserError(`${program}: --${name} expects ${kind} of at least ${least}, got ${String(value)}.`, 2);
  };
  return {
    whole: (name, least = 1) => read(name, least, 'a whole number', Number.isInteger),
    real: (name, least = 0) => read(name, least, 'a number', Number.isFinite),
  };
}
