/**
 * The control block: what the threads of a heap tell each other. One job runs at a time. The calling thread writes its description,
 * then `claim`, then `generation`; every thread takes chunks by counting `claim` down, and counts those that are finished in `done`.
 * A thread that is late finds nothing to claim: reading a description is safe as long as the claim that follows succeeds, because
 * the next description is written only when all chunks are done.
 * May import: nothing.
 * @module
 */

/** Offsets in bytes. What different threads write lies in cache lines of its own. */
export const layout = {
  /** i64: chunks that are not taken yet, and above them the generation of the job. */
  claim: 0,
  claimGeneration: 4,
  /** Number of the latest job. */
  generation: 64,
  /** Threads that wait to be notified of the next. */
  sleepers: 128,
  /** Finished chunks of the job. */
  done: 192,
  /** Whether the calling thread waits to be notified when `done` changes. */
  isWaiting: 256,
  /** Threads in use, the caller included. */
  threads: 320,
  /** Length of the message of a chunk that failed on another thread; 0 when none did. */
  failed: 324,
  /** Chunks of all jobs that others than the calling thread have run. */
  delegated: 328,
  /** The job: place of its function in the table, address of its code's record, number of chunks. */
  slot: 384,
  record: 388,
  chunks: 392,
  message: 448,
  /** Arguments of the job: addresses, run-time parameters, counters of the loops around it. */
  args: 1024,
} as const;

export const messageBytes: number = layout.args - layout.message;

/** Arguments that a job may have. */
export const mostArguments = 768;

export const controlBytes: number = layout.args + 4 * mostArguments;

/** Threads that one heap may have. */
export const mostThreads = 64;

/**
 * Where the code of a job is, for threads that do not have it yet: offsets in its record. `lists` holds the places of its functions in the
 * table, then the addresses of the records of the library routines that it imports, in the order of its imports.
 */
export const recordLayout = { serial: 0, address: 4, bytes: 8, slotCount: 12, routineCount: 16, lists: 20 } as const;

/** The record of a library routine, which stays for good: its code, and the address of each thread's workspace. */
export const routineLayout = { address: 0, bytes: 4, workspaces: 8 } as const;
