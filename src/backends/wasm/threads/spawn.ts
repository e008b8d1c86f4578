/**
 * Starting workers, in Node and in pages.
 * May import: `threads/worker-source`.
 * @module
 */
import { type WorkerData, workerSource } from './worker-source.ts';

export interface WorkerHandle {
  terminate(): void;
}

/** Starts a worker; `onLost` is called when it ends without having been terminated. Throws where workers cannot be had. */
export type Spawn = (data: WorkerData, onLost: (reason: string) => void) => WorkerHandle;

interface NodeWorker {
  unref(): void;
  on(event: 'error' | 'exit', listener: (x: unknown) => void): void;
  terminate(): Promise<number>;
}

interface NodeHost {
  readonly getBuiltinModule?: (name: string) => unknown;
  readonly emitWarning?: (message: string, options: { code: string }) => void;
}

const nodeHost = (): NodeHost | undefined => (globalThis as { process?: NodeHost }).process;

interface WorkerThreads {
  readonly Worker: new (source: string, options: object) => NodeWorker;
}

const spawnInNode =
  ({ Worker }: WorkerThreads): Spawn =>
  (data, onLost) => {
    // Without the caller's loaders and flags, which its own code needs and this does not.
    const worker = new Worker(workerSource, { eval: true, workerData: data, execArgv: [], name: 'cotangent' });
    worker.unref();
    let isOver = false;
    const end = (reason: string): void => {
      if (isOver) return;
      isOver = true;
      onLost(reason);
    };
    worker.on('error', (error) => end(String(error)));
    worker.on('exit', (code) => end(`exit code ${String(code)}`));
    return {
      terminate: () => {
        isOver = true;
        void worker.terminate();
      },
    };
  };

const spawnInPage: Spawn = (data, onLost) => {
  const url = URL.createObjectURL(new Blob([workerSource], { type: 'text/javascript' }));
  const worker = new Worker(url, { name: 'cotangent' });
  worker.addEventListener('error', (event) => {
    event.preventDefault();
    onLost(event.message || 'the page may not start it');
  });
  worker.postMessage(data, []);
  return { terminate: () => worker.terminate() };
};

/** How this host starts workers. */
export function hostSpawn(): Spawn {
  const threads = nodeHost()?.getBuiltinModule?.('node:worker_threads');
  return threads === undefined ? spawnInPage : spawnInNode(threads as WorkerThreads);
}

/** Threads that the machine runs at once. */
export function hostCores(): number {
  const os = nodeHost()?.getBuiltinModule?.('node:os') as { availableParallelism?: () => number } | undefined;
  const { navigator } = globalThis as { navigator?: { hardwareConcurrency?: number } };
  return os?.availableParallelism?.() ?? navigator?.hardwareConcurrency ?? 1;
}

/** Whether threads can have a memory in common here. In pages that takes cross-origin isolation. */
export const hasSharedMemory = (): boolean => typeof SharedArrayBuffer === 'function';
