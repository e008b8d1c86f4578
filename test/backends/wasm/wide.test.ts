import { execFileSync } from 'node:child_process';
import { describe, expect, it, vi } from 'vitest';
import type * as Tuning from '../../../src/backends/wasm/gemm/tuning.ts';
import { v8Version } from '../../../src/backends/wasm/features.ts';

const root = new URL('../../..', import.meta.url).pathname;

/** For a process, in milliseconds: many times what it takes on a machine of its own. */
const limit = 300_000;

interface Outcome {
  readonly isOn: boolean;
  readonly isOff: boolean;
  readonly same: boolean;
  readonly warnings: readonly string[];
}

function turnOn(): Outcome {
  const args = ['scripts/run-ts.mjs', 'test/backends/wasm/wide.ts'];
  const env = { ...process.env, NODE_OPTIONS: '' };
  // A compiler that does not come to an end would keep the process.
  const timeout = limit - 1000;
  return JSON.parse(execFileSync(process.execPath, args, { cwd: root, encoding: 'utf8', env, timeout })) as Outcome;
}

type Run = (...args: number[]) => void;

const canBeWide = v8Version() >= 13.6;

describe('256-bit code', { timeout: limit }, () => {
  it.runIf(canBeWide)('is made when asked for, gives the same bits, and can be turned off', () => {
    const { isOn, isOff, same, warnings } = turnOn();
    // On a processor without AVX2, or a heavily loaded one, it is given up with a warning.
    expect(warnings).toHaveLength(isOn ? 0 : 1);
    expect({ isOff, same }).toEqual({ isOff: true, same: true });
  });

  it.runIf(!canBeWide)('is given up with one warning on engines that are too old', () => {
    const { isOn, same, warnings } = turnOn();
    expect({ isOn, same }).toEqual({ isOn: false, same: true });
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(
      /^cotangent: config\.simd256: expected Node 24 .* got V8 \d+\.\d+\. Code of 128 bits is used/,
    );
  });

  type Bench = ReturnType<typeof Tuning.instantiateTiles>;
  const spoiled =
    (spoil: (run: Run, c: Float32Array) => Run) =>
    (bench: Bench): Bench => {
      const c = new Float32Array(bench.memory.buffer, bench.c, 64);
      return { ...bench, runs: bench.runs.map((run) => spoil(run, c)) };
    };
  it.each<[string, { spoil?: (bench: Bench) => Bench; rates?: readonly number[] }, string]>([
    [
      'a wrong product',
      {
        spoil: spoiled((run, c) => (...args) => {
          run(...args);
          c[1]! += 1;
        }),
      },
      'wrong results of a product of f32x4',
    ],
    [
      'a trap',
      {
        spoil: spoiled(() => () => {
          throw new WebAssembly.RuntimeError('unreachable');
        }),
      },
      'an error (RuntimeError: unreachable)',
    ],
    ['code that is no faster', { rates: [1.1, 1] }, 'code that is 1.10 times as fast'],
  ])('is given up with one warning where its check finds %s', async (_what, { spoil, rates }, found) => {
    vi.resetModules();
    const flags: string[] = [];
    vi.doMock('../../../src/backends/wasm/features.ts', async (original) => ({
      ...(await original<object>()),
      v8Version: () => 13.6,
      engineFlags: () => (flag: string) => void flags.push(flag),
    }));
    vi.doMock('../../../src/backends/wasm/gemm/tuning.ts', async (original) => {
      const tuning = await original<typeof Tuning>();
      const { instantiateTiles, tileRates } = tuning;
      return {
        ...tuning,
        instantiateTiles: (...args: Parameters<typeof instantiateTiles>) => {
          const bench = instantiateTiles(...args);
          return spoil?.(bench) ?? bench;
        },
        tileRates: (...args: Parameters<typeof tileRates>) => rates ?? tileRates(...args),
      };
    });
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    const { isWide, setWide } = await import('../../../src/backends/wasm/wide.ts');
    expect([setWide(true), setWide(true), isWide()]).toEqual([false, false, false]);
    expect(warn.mock.calls.map(([text]) => String(text))).toEqual([
      expect.stringContaining(`got ${found}. Code of 128 bits is used instead.`),
    ]);
    const name = 'experimental-wasm-revectorize';
    expect(flags).toEqual([`--${name}`, '--wasm-sync-tier-up', '--no-wasm-sync-tier-up', `--no-${name}`]);
    warn.mockRestore();
    vi.doUnmock('../../../src/backends/wasm/features.ts');
    vi.doUnmock('../../../src/backends/wasm/gemm/tuning.ts');
  });

  it('is given up with one warning outside Node', async () => {
    vi.resetModules();
    const { setWide } = await import('../../../src/backends/wasm/wide.ts');
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    vi.stubGlobal('process', Object.create(process, { getBuiltinModule: { value: undefined } }));
    const results = [setWide(true), setWide(true), setWide(false)];
    vi.unstubAllGlobals();
    expect(results).toEqual([false, false, false]);
    expect(warn.mock.calls.map(([text]) => String(text))).toEqual([
      expect.stringContaining('got an engine whose flags cannot be set'),
    ]);
    warn.mockRestore();
  });
});
