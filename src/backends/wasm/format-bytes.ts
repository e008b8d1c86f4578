/**
 * How amounts of memory are written in messages.
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
