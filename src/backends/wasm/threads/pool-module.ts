/**
 * The code of the pool, of which every thread has an instance:
 *
 *     parallel(slot, chunks)      calling thread: runs all chunks of a job, together with the threads that come to help
 *     await_job(seen) → job       other threads: returns when there is a job other than number `seen`
 *     help(job) → chunks          runs chunks of that job until none is left, and counts them
 *
 * Imports: `host.publish(slot)` gives the address of the record of the code, 0 to run alone; `host.stalled()` waits until `done`
 * changes, or throws.
 * May import: `encode`, `threads/layout`.
 * @module
 */
import type { FunctionBuilder } from '../encode/function.ts';
import { ModuleBuilder } from '../encode/module.ts';
import { layout } from './layout.ts';

/**
 * Loads (about a nanosecond each) before the caller asks the host to wait: what waking costs. A spin that takes a core from another
 * thread costs a time slice.
 */
const callerSpins = 20_000;
/** Loads before another thread goes to sleep: a loop of compiled steps comes back within that time. */
const helperSpins = 100_000;

export function buildPoolModule(control: number): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder();
  module.importMemory(true);
  module.importTable();
  const publish = module.importFunction('host', 'publish', { params: ['i32'], results: ['i32'] });
  const stalled = module.importFunction('host', 'stalled', { params: [], results: [] });
  const chunkType = module.functionType({ params: ['i32'], results: [] });

  const help = module.defineFunction({ params: ['i32'], results: ['i32'] }, 'help');
  writeHelp(help, control, chunkType);
  module.exportFunction('help', help);

  const parallel = module.defineFunction({ params: ['i32', 'i32'], results: [] }, 'parallel');
  writeParallel(parallel, control, { publish, stalled, chunkType, help });
  module.exportFunction('parallel', parallel);

  const awaitJob = module.defineFunction({ params: ['i32'], results: ['i32'] }, 'await_job');
  writeAwaitJob(awaitJob, control);
  module.exportFunction('await_job', awaitJob);
  return module.build();
}

/** Claims and runs chunks of job `0` until none is left. */
function writeHelp(f: FunctionBuilder, control: number, chunkType: number): void {
  const claim = f.local('i64');
  const [left, count] = [f.local('i32'), f.local('i32')];
  const exit = f.open('block');
  const top = f.open('loop');
  f.i32(control);
  f.atomic('i64.atomic.load', layout.claim);
  f.tee(claim);
  f.i64(32n);
  f.op('i64.shr_u');
  f.op('i32.wrap_i64');
  f.get(0);
  f.op('i32.ne');
  f.brIf(exit);
  f.get(claim);
  f.op('i32.wrap_i64');
  f.tee(left);
  f.op('i32.eqz');
  f.brIf(exit);
  // One chunk less, if no other thread was faster. That also proves that the description has been of this job all along.
  f.i32(control);
  f.get(claim);
  f.get(claim);
  f.i64(1n);
  f.op('i64.sub');
  f.atomic('i64.atomic.rmw.cmpxchg', layout.claim);
  f.get(claim);
  f.op('i64.ne');
  f.brIf(top);
  f.i32(control);
  f.memory('i32.load', layout.chunks);
  f.get(left);
  f.op('i32.sub');
  f.i32(control);
  f.memory('i32.load', layout.slot);
  f.callIndirect(chunkType);
  f.get(count);
  f.i32(1);
  f.op('i32.add');
  f.set(count);
  f.i32(control);
  f.i32(1);
  f.atomic('i32.atomic.rmw.add', layout.done);
  f.op('drop');
  f.i32(control);
  f.atomic('i32.atomic.load', layout.isWaiting);
  f.open('if');
  f.i32(control);
  f.i32(1);
  f.atomic('memory.atomic.notify', layout.done);
  f.op('drop');
  f.close();
  f.br(top);
  f.close();
  f.close();
  f.get(count);
}

interface ParallelParts {
  readonly publish: number;
  readonly stalled: number;
  readonly chunkType: number;
  readonly help: FunctionBuilder;
}

function writeParallel(f: FunctionBuilder, control: number, parts: ParallelParts): void {
  const [slot, chunks] = [0, 1];
  const [record, job, count] = [f.local('i32'), f.local('i32'), f.local('i32')];
  const exit = f.open('block');
  f.get(slot);
  f.callImport(parts.publish);
  f.tee(record);
  f.op('i32.eqz');
  f.open('if');
  runAlone(f, parts.chunkType, count);
  f.br(exit);
  f.close();

  const store = (offset: number, local: number): void => {
    f.i32(control);
    f.get(local);
    f.memory('i32.store', offset);
  };
  store(layout.record, record);
  store(layout.slot, slot);
  store(layout.chunks, chunks);
  f.i32(control);
  f.i32(0);
  f.atomic('i32.atomic.store', layout.done);
  f.i32(control);
  f.memory('i32.load', layout.generation);
  f.i32(1);
  f.op('i32.add');
  f.set(job);
  f.i32(control);
  f.get(job);
  f.op('i64.extend_i32_u');
  f.i64(32n);
  f.op('i64.shl');
  f.get(chunks);
  f.op('i64.extend_i32_u');
  f.op('i64.or');
  f.atomic('i64.atomic.store', layout.claim);
  f.i32(control);
  f.get(job);
  f.atomic('i32.atomic.store', layout.generation);
  f.i32(control);
  f.atomic('i32.atomic.load', layout.sleepers);
  f.open('if');
  f.i32(control);
  f.i32(0x7fffffff);
  f.atomic('memory.atomic.notify', layout.generation);
  f.op('drop');
  f.close();
  // What the caller does not run itself, others do.
  f.i32(control);
  f.i32(control);
  f.memory('i32.load', layout.delegated);
  f.get(chunks);
  f.op('i32.add');
  f.get(job);
  f.callDefined(parts.help.ordinal);
  f.op('i32.sub');
  f.memory('i32.store', layout.delegated);
  awaitDone(f, control, chunks, count, parts.stalled);
  f.close();
}

function runAlone(f: FunctionBuilder, chunkType: number, count: number): void {
  f.i32(0);
  f.set(count);
  const top = f.open('loop');
  f.get(count);
  f.get(0);
  f.callIndirect(chunkType);
  f.get(count);
  f.i32(1);
  f.op('i32.add');
  f.tee(count);
  f.get(1);
  f.op('i32.lt_s');
  f.brIf(top);
  f.close();
}

/** Looks up to `times` times, counted down in `count`, and leaves for `exit` where `test` puts true on the stack. */
function spin(f: FunctionBuilder, count: number, times: number, exit: number, test: () => void): void {
  f.i32(times);
  f.set(count);
  const top = f.open('loop');
  test();
  f.brIf(exit);
  f.get(count);
  f.i32(1);
  f.op('i32.sub');
  f.tee(count);
  f.brIf(top);
  f.close();
}

/** Until all chunks are done; a failure on another thread is thrown by `stalled`. */
function awaitDone(f: FunctionBuilder, control: number, chunks: number, count: number, stalled: number): void {
  const finished = f.open('block');
  const again = f.open('loop');
  spin(f, count, callerSpins, finished, () => {
    f.i32(control);
    f.atomic('i32.atomic.load', layout.done);
    f.get(chunks);
    f.op('i32.eq');
  });
  f.callImport(stalled);
  f.br(again);
  f.close();
  f.close();
  f.i32(control);
  f.atomic('i32.atomic.load', layout.failed);
  f.open('if');
  f.callImport(stalled);
  f.close();
}

function writeAwaitJob(f: FunctionBuilder, control: number): void {
  const seen = 0;
  const [job, count] = [f.local('i32'), f.local('i32')];
  const found = f.open('block');
  const again = f.open('loop');
  spin(f, count, helperSpins, found, () => {
    f.i32(control);
    f.atomic('i32.atomic.load', layout.generation);
    f.tee(job);
    f.get(seen);
    f.op('i32.ne');
  });
  const addSleepers = (n: number): void => {
    f.i32(control);
    f.i32(n);
    f.atomic('i32.atomic.rmw.add', layout.sleepers);
    f.op('drop');
  };
  addSleepers(1);
  f.i32(control);
  f.get(seen);
  f.i64(-1n);
  f.atomic('memory.atomic.wait32', layout.generation);
  f.op('drop');
  addSleepers(-1);
  f.br(again);
  f.close();
  f.close();
  f.get(job);
}
