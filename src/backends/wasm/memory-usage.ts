/**
 * What the host knows of memory, and how amounts are written.
 * May import: nothing.
 * @module
 */

export function formatBytes(n: number): string {
  if (!Number.isFinite(n)) return 'no limit';
  if (n < 1024) return `${n} B`;
  const units = ['KiB', 'MiB', 'GiB'];
  let value = n / 1024;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value.toFixed(1)} ${units[unit]!}`;
}

interface NodeProcess {
  readonly memoryUsage?: () => { readonly arrayBuffers?: number };
  readonly getBuiltinModule?: (name: string) => Record<string, (...args: string[]) => unknown> | undefined;
}

let collect: (() => void) | undefined;

/** Collects garbage where the host lets us ask for it (Node). */
function collectGarbage(): void {
  const { process: host, gc } = globalThis as { process?: NodeProcess; gc?: () => void };
  if (collect === undefined) {
    if (gc === undefined) host?.getBuiltinModule?.('node:v8')?.setFlagsFromString?.('--expose-gc');
    collect = gc ?? (host?.getBuiltinModule?.('node:vm')?.runInNewContext?.('gc') as (() => void) | undefined);
  }
  collect?.();
}

/** Bytes in ArrayBuffers after a garbage collection, where the host can tell (Node); otherwise no bound. */
export function collectedArrayBytes(): number {
  const { process: host } = globalThis as { process?: NodeProcess };
  if (host?.memoryUsage === undefined) return Number.POSITIVE_INFINITY;
  collectGarbage();
  return host.memoryUsage().arrayBuffers ?? Number.POSITIVE_INFINITY;
}

/** Bytes that may leave the heap between collections. */
const collectEvery: number = 32 << 20;
/** Collections may take a quarter of the time. */
const restPerWork = 3;

/**
 * Asks for garbage collections when much has been spilled. Engines collect by themselves, but late: a buffer whose (dropped) handle is
 * old survives all minor collections, and a major one may come only after 100 MB or more.
 */
export class CollectionPacer {
  private pending = 0;
  private restUntil = 0;

  spilled(bytes: number): void {
    this.pending += bytes;
    const start = performance.now();
    if (this.pending < collectEvery || start < this.restUntil) return;
    this.pending = 0;
    collectGarbage();
    const end = performance.now();
    this.restUntil = end + restPerWork * (end - start);
  }
}
