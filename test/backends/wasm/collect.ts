/**
 * Collects on demand, then prints where a global `gc` can be seen: here, in a new context, in a worker.
 * Run in a process of its own, without `--expose-gc`.
 * @module
 */
import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';
import { hostCollector } from '../../../src/backends/wasm/collector.ts';

const hasCollected = hostCollector()!.collect();
const code = "require('node:worker_threads').parentPort.postMessage(typeof gc)";
const inWorker = await new Promise((resolve, reject) => {
  new Worker(code, { eval: true }).once('message', resolve).once('error', reject);
});
const here = typeof (globalThis as { gc?: unknown }).gc;
console.log(JSON.stringify([hasCollected, here, runInNewContext('typeof gc'), inWorker]));
