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

/** Bytes in ArrayBuffers after a garbage collection, where the host lets us ask (Node); otherwise no bound. */
export function collectedArrayBytes(): number {
  const { process: host, gc } = globalThis as { process?: NodeProcess; gc?: () => void };
  if (host?.memoryUsage === undefined) return Number.POSITIVE_INFINITY;
  if (collect === undefined && gc === undefined) {
    host.getBuiltinModule?.('node:v8')?.setFlagsFromString?.('--expose-gc');
    collect = host.getBuiltinModule?.('node:vm')?.runInNewContext?.('gc') as (() => void) | undefined;
  }
  (gc ?? collect)?.();
  return host.memoryUsage().arrayBuffers ?? Number.POSITIVE_INFINITY;
}
