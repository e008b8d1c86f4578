/**
 * The program of a worker, as text: it needs no file, so it starts from a package, from a bundle and in a page alike. It has no event loop
 * once it runs: the code of jobs it finds in memory, and compiles when it first meets it.
 * May import: `kernel/chunk`, `threads/layout`.
 * @module
 */
import { chunkName } from '../kernel/chunk.ts';
import { layout, messageBytes, recordLayout, routineLayout } from './layout.ts';

/** What a worker is started with. */
export interface WorkerData {
  readonly memory: WebAssembly.Memory;
  readonly control: number;
  readonly pool: WebAssembly.Module;
  /** Number of this thread, from 1. */
  readonly index: number;
}

export const workerSource: string = `'use strict';
const run = ({ memory, control, pool, index }) => {
  let words = new Int32Array(memory.buffer);
  const word = (at) => {
    if (at >= words.byteLength) words = new Int32Array(memory.buffer);
    return words[at >>> 2];
  };
  const isCurrent = (job) =>
    Atomics.load(words, (control + ${layout.claimGeneration}) >>> 2) === job &&
    Atomics.load(words, (control + ${layout.claim}) >>> 2) !== 0;
  const routines = {};
  const routine = (record, name) => (routines[record] ??= (() => {
    const address = word(record + ${routineLayout.address}) >>> 0;
    const bytes = new Uint8Array(memory.buffer, address, word(record + ${routineLayout.bytes})).slice();
    const value = word(record + ${routineLayout.workspaces} + 4 * index);
    const workspace = new WebAssembly.Global({ value: 'i32' }, value);
    return new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory, workspace } }).exports;
  })())[name];
  const never = () => { throw new Error('not on this thread'); };
  const table = new WebAssembly.Table({ element: 'anyfunc', initial: 64 });
  const serials = [];
  // The description may be that of the next job, or none at all, unless the job is still current afterwards.
  const load = (job) => {
    const record = word(control + ${layout.record}) >>> 0;
    const [slot, serial] = [word(control + ${layout.slot}), word(record + ${recordLayout.serial})];
    if (serials[slot] === serial) return true;
    const [address, size] = [word(record + ${recordLayout.address}) >>> 0, word(record + ${recordLayout.bytes})];
    const slotCount = word(record + ${recordLayout.slotCount});
    const routineCount = word(record + ${recordLayout.routineCount});
    if (!isCurrent(job)) return false;
    const list = (from, length) =>
      Array.from({ length }, (_, i) => word(record + ${recordLayout.lists} + 4 * (from + i)));
    const [slots, records] = [list(0, slotCount), list(slotCount, routineCount)];
    const bytes = new Uint8Array(memory.buffer, address, size).slice();
    if (!isCurrent(job)) return false;
    const module = new WebAssembly.Module(bytes);
    const imports = { env: { memory } };
    for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
      if (kind !== 'function') continue;
      const known = from === 'math' ? Math[name] : from === 'gemm' ? routine(records.shift() >>> 0, name) : undefined;
      (imports[from] ??= {})[name] = known ?? never;
    }
    const { exports } = new WebAssembly.Instance(module, imports);
    for (const s of slots) {
      if (s >= table.length) table.grow(s + 64 - table.length);
      table.set(s, exports['${chunkName(0).slice(0, -1)}' + s]);
      serials[s] = serial;
    }
    return true;
  };
  const fail = (error) => {
    const text = new TextEncoder().encode(String((error && error.stack) || error)).subarray(0, ${messageBytes});
    new Uint8Array(memory.buffer).set(text, control + ${layout.message});
    Atomics.store(words, (control + ${layout.failed}) >>> 2, text.length);
    Atomics.add(words, (control + ${layout.done}) >>> 2, 1);
    Atomics.notify(words, (control + ${layout.done}) >>> 2);
  };
  const host = { publish: never, stalled: never };
  const { await_job, help } = new WebAssembly.Instance(pool, { env: { memory, table }, host }).exports;
  for (let job = 0; ; ) {
    job = await_job(job);
    if (!load(job)) continue;
    try {
      help(job);
    } catch (error) {
      fail(error);
    }
  }
};
if (typeof process === 'object' && typeof require === 'function') run(require('node:worker_threads').workerData);
else self.onmessage = (event) => run(event.data);
`;
