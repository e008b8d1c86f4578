/**
 * What a page does with two threads: the test reads what it leaves in `globalThis.threadsReport`.
 * @module
 */
import { config, np, random, type Tensor } from 'cotangent';
import { WasmExecutor } from '../../src/backends/wasm/executor.ts';
import { registerExecutor, setActiveExecutor } from '../../src/core/executor.ts';

export interface ThreadsReport {
  readonly isIsolated: boolean;
  readonly threads: number;
  /** Chunks of work that the worker did. */
  readonly delegated: number;
  /** Results of products with two threads that differ from that with one. */
  readonly different: number;
}

const sleep = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

export async function report(): Promise<ThreadsReport> {
  const device = new WasmExecutor({ threads: { cores: 2 } });
  registerExecutor('threaded', () => device);
  setActiveExecutor('threaded');
  const [a, b] = [random.normal(random.key(1), [301, 200]), random.normal(random.key(2), [200, 257])];
  const product = (): number[] => Array.from((np.tanh(np.matmul(a, b)) as Tensor).dataSync());
  const alone = product();
  config.threads = 2;
  let different = 0;
  for (let i = 0; i < 200 && (i < 20 || device.threadStats().delegatedChunks < 20); i++) {
    if (product().some((x, k) => !Object.is(x, alone[k]))) different++;
    // A page starts workers between its tasks.
    await sleep(5);
  }
  const { threads, delegatedChunks } = device.threadStats();
  return { isIsolated: globalThis.crossOriginIsolated, threads, delegated: delegatedChunks, different };
}
