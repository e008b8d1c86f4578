import { execFileSync } from 'node:child_process';
import { describe, expect, it, vi } from 'vitest';
import { v8Version } from '../../../src/backends/wasm/features.ts';

const root = new URL('../../..', import.meta.url).pathname;

interface Outcome {
  readonly isOn: boolean;
  readonly isOff: boolean;
  readonly same: boolean;
  readonly warnings: readonly string[];
}

function turnOn(...flags: string[]): Outcome {
  const args = [...flags, 'scripts/run-ts.mjs', 'test/backends/wasm/wide.ts'];
  const env = { ...process.env, NODE_OPTIONS: '' };
  // A compiler that does not come to an end would keep the process.
  const timeout = 50_000;
  return JSON.parse(execFileSync(process.execPath, args, { cwd: root, encoding: 'utf8', env, timeout })) as Outcome;
}

const canBeWide = v8Version() >= 13.6;

describe('256-bit code', { timeout: 60_000 }, () => {
  it.runIf(canBeWide)('is made when asked for, gives the same bits, and can be turned off', () => {
    const { isOn, isOff, same, warnings } = turnOn();
    // On a processor without AVX2, or a heavily loaded one, it is given up with a warning.
    expect(warnings).toHaveLength(isOn ? 0 : 1);
    expect({ isOff, same }).toEqual({ isOff: true, same: true });
  });

  it.runIf(canBeWide)('is given up with one warning where it would not be faster', () => {
    const { isOn, same, warnings } = turnOn('--no-enable-avx2');
    expect({ isOn, same }).toEqual({ isOn: false, same: true });
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(
      /^cotangent: config\.simd256: expected Node 24 .* got code that is 0\.\d+ times as fast/,
    );
  });

  it.runIf(!canBeWide)('is given up with one warning on engines that are too old', () => {
    const { isOn, same, warnings } = turnOn();
    expect({ isOn, same }).toEqual({ isOn: false, same: true });
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(
      /^cotangent: config\.simd256: expected Node 24 .* got V8 \d+\.\d+\. Code of 128 bits is used/,
    );
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
