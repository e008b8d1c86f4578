import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { config, jit, np, random, type Tensor } from 'cotangent';
import { WasmExecutor } from '../../../src/backends/wasm/executor.ts';
import type { PoolOptions } from '../../../src/backends/wasm/threads/pool.ts';
import type { Spawn } from '../../../src/backends/wasm/threads/spawn.ts';
import { workerSource } from '../../../src/backends/wasm/threads/worker-source.ts';
import { registerExecutor, setActiveExecutor } from '../../../src/core/executor.ts';
import { BackendError, InternalError } from '../../../src/ir/errors.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));

let devices = 0;

/** Makes a device with these workers the current one. */
function useDevice(threads: PoolOptions): WasmExecutor {
  const device = new WasmExecutor({ threads: { cores: 2, ...threads } });
  const name = `threaded-${devices++}`;
  registerExecutor(name, () => device);
  setActiveExecutor(name);
  return device;
}

/** Starts workers that run `source`, and hands them to `started`. */
const spawning =
  (source: string, started: (worker: Worker) => void = () => {}): Spawn =>
  (data, onLost) => {
    const worker = new Worker(source, { eval: true, workerData: data, execArgv: [] });
    worker.unref();
    worker.on('error', (e) => onLost(String(e)));
    worker.on('exit', (code) => onLost(`exit code ${code}`));
    started(worker);
    return { terminate: () => void worker.terminate() };
  };

/** The usual worker, but what it does with a job is `body`, in which `claim()` takes a chunk of it. */
const workerThat = (body: string): string => {
  const claim = `const claim = () => {
    const words = new BigInt64Array(memory.buffer);
    for (;;) {
      const c = Atomics.load(words, control >>> 3);
      if ((c & 0xffffffffn) === 0n) return false;
      if (Atomics.compareExchange(words, control >>> 3, c, c - 1n) === c) return true;
    }
  };`;
  const source = workerSource.replace('try {\n      help(job);', `${claim}\n    try {\n      ${body}`);
  expect(source).not.toBe(workerSource);
  return source;
};

const operand = (): Tensor => random.normal(random.key(1), [400, 400]);
const product = (x: Tensor): number => np.sum(np.matmul(x, x)).item();

/** Milliseconds after which what has not happened is taken never to happen. A worker on a busy machine may be late. */
const patience = 100_000;

/** Calls `f` until it throws. */
function untilThrown(f: () => void): unknown {
  const end = performance.now() + patience;
  while (performance.now() < end) {
    try {
      f();
    } catch (e) {
      return e;
    }
  }
  throw new Error('expected an error');
}

function untilShared(device: WasmExecutor, f: () => void): void {
  const before = device.threadStats().delegatedChunks;
  const end = performance.now() + patience;
  while (device.threadStats().delegatedChunks === before) {
    f();
    if (performance.now() > end) throw new Error('expected the worker to take part');
  }
}

describe('threads that fail', () => {
  afterEach(() => {
    config.threads = 1;
    vi.restoreAllMocks();
  });

  it('are replaced by one thread when a worker ends between calls, with a warning', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    const workers: Worker[] = [];
    const device = useDevice({ spawn: spawning(workerSource, (w) => workers.push(w)), patience: 5000 });
    const x = operand();
    const want = product(x);
    config.threads = 2;
    untilShared(device, () => product(x));
    expect(device.threadStats().threads).toBe(2);
    const ended = once(workers[0]!, 'exit');
    void workers[0]!.terminate();
    // In the same job of the event loop nobody has heard of it; it may have time to take a part, and costs this call then.
    let wasLost = false;
    try {
      expect(product(x)).toBe(want);
    } catch (e) {
      expect(String(e)).toMatch(/a worker took a part of this call/);
      wasLost = true;
    }
    await ended;
    expect(device.threadStats().threads).toBe(1);
    expect(product(x)).toBe(want);
    if (!wasLost) expect(warn.mock.calls.flat().join()).toMatch(/a worker was lost \(exit code 1\): using one thread/);
    config.threads = 1;
    expect(product(x)).toBe(want);
    config.threads = 2;
    untilShared(device, () => product(x));
    expect(product(x)).toBe(want);
  });

  it('are an error of the call that they take along, and replaced by one thread', () => {
    const device = useDevice({ spawn: spawning(workerThat('claim() && process.exit();')), patience: 200 });
    const [x, y] = [operand(), operand()];
    const f = jit((a: Tensor) => np.sum(np.tanh(np.matmul(a, a)).mul(a)));
    const want = (f(x) as Tensor).item();
    config.threads = 2;
    const error = untilThrown(() => f(x));
    expect(error).toBeInstanceOf(BackendError);
    expect(String(error)).toMatch(/a worker took a part of this call and has not answered/);
    expect(device.threadStats().threads).toBe(1);
    expect((f(x) as Tensor).item()).toBe(want);
    expect(product(y)).toBe(product(x));
  });

  it('report what went wrong in a chunk, and go on', () => {
    const failing = workerThat(`if (claim()) throw new Error('no luck'); help(job);`);
    const device = useDevice({ spawn: spawning(failing) });
    const x = operand();
    const want = product(x);
    config.threads = 2;
    const error = untilThrown(() => product(x));
    expect(error).toBeInstanceOf(InternalError);
    expect(String(error)).toMatch(/stopped on another thread: Error: no luck/);
    expect(device.threadStats().threads).toBe(2);
    config.threads = 1;
    expect(product(x)).toBe(want);
  });

  it('that do not start leave one, with a warning', () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    const device = useDevice({
      spawn: () => {
        throw new Error('not here');
      },
    });
    const x = operand();
    config.threads = 2;
    expect(product(x)).toBe(product(x));
    expect(device.threadStats()).toEqual({ threads: 1, delegatedChunks: 0 });
    expect(warn.mock.calls.flat()).toEqual([
      'cotangent: threads: a worker could not be started (Error: not here): using 1 thread(s).',
    ]);
  });

  it('are never more than the cores of the machine', () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    const device = useDevice({});
    config.threads = 7;
    product(operand());
    expect(device.threadStats().threads).toBe(2);
    expect(warn.mock.calls.flat().join()).toMatch(/config.threads is 7, but this machine runs 2 at once: using 2/);
  });
});

// A process that does not end by itself is killed at the end of the test's time, which is an error.
it('threads do not keep a process alive', ({ task }) => {
  const args = ['scripts/run-ts.mjs', 'test/backends/wasm/threads-exit.ts'];
  const out = execFileSync(process.execPath, args, { cwd: root, encoding: 'utf8', timeout: task.timeout });
  expect(Number(out)).toBeGreaterThan(0);
});
