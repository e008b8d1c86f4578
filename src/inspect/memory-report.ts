/**
 * `memoryReport`: which tensors are alive.
 * May import: `api` and everything below it.
 * @module
 */
import { checkFunction } from '../api/args.ts';
import type { LiveTensor } from '../backends/wasm/heap.ts';
import { WasmExecutor } from '../backends/wasm/executor.ts';
import { settings } from '../core/config.ts';
import { activeExecutor } from '../core/executor.ts';
import { observeSites, placeOf } from '../core/site.ts';
import { refusePromise } from './refuse-promise.ts';
import { logAsText, plural, scaled, table } from './text.ts';

/** Tensors of one shape and dtype, made in one place. */
export interface MemoryGroup {
  /** `f32[2,3]` */
  readonly aval: string;
  /** Line of the user's code that made them (`src/train.ts:20`); empty when unknown. */
  readonly place: string;
  readonly count: number;
  /** Of all of them together. */
  readonly bytes: number;
  /** Of those, bytes that are not in linear memory: moved out under pressure, or not used yet. */
  readonly outsideBytes: number;
}

/** What is alive on a device. Prints as a table. */
export class MemoryReport {
  static {
    logAsText(this.prototype);
  }

  readonly device: string;
  /** The largest first. */
  readonly groups: readonly MemoryGroup[];
  /** Bytes of the WebAssembly memory itself, which grows and never shrinks; 0 on other devices. */
  readonly heapBytes: number;

  constructor(device: string, groups: readonly MemoryGroup[], heapBytes: number) {
    this.device = device;
    this.groups = groups;
    this.heapBytes = heapBytes;
  }

  /** Tensors of more than 256 bytes. Smaller ones are ordinary JavaScript objects and not counted. */
  get tensors(): number {
    return this.groups.reduce((n, g) => n + g.count, 0);
  }

  get bytes(): number {
    return this.groups.reduce((n, g) => n + g.bytes, 0);
  }

  get outsideBytes(): number {
    return this.groups.reduce((n, g) => n + g.outsideBytes, 0);
  }

  toString(): string {
    if (this.heapBytes === 0) return `Tensors on ${this.device} are ordinary JavaScript arrays and not counted.`;
    const outside = this.outsideBytes > 0 ? `, ${scaled(this.outsideBytes, 'B')} of them outside linear memory` : '';
    const heap = this.heapBytes > 0 ? `; linear memory has ${scaled(this.heapBytes, 'B')}` : '';
    const limit = Number.isFinite(settings.memoryLimit)
      ? `; config.memoryLimit is ${scaled(settings.memoryLimit, 'B')}`
      : '';
    const head = `${plural(this.tensors, 'tensor')} on ${this.device}: ${scaled(this.bytes, 'B')}${outside}${heap}${limit}`;
    if (this.groups.length === 0) return head;
    const shown = this.groups.slice(0, shownGroups);
    const hasPlaces = shown.some((g) => g.place !== '');
    const rows = shown.map((g) => [
      scaled(g.bytes, 'B'),
      String(g.count),
      g.aval,
      ...(hasPlaces ? [g.place] : []),
      g.outsideBytes > 0 ? `${scaled(g.outsideBytes, 'B')} outside` : '',
    ]);
    const columns = [
      { title: 'bytes', align: 'right' as const },
      { title: 'count', align: 'right' as const },
      { title: 'each', align: 'left' as const },
      ...(hasPlaces ? [{ title: 'made at', align: 'left' as const }] : []),
      { title: '', align: 'left' as const },
    ];
    const rest = this.groups.length - shown.length;
    return [head, '', table(columns, rows), ...(rest > 0 ? [`… ${rest} more kinds`] : [])].join('\n');
  }
}

const shownGroups = 30;

function groupsOf(tensors: readonly LiveTensor[]): MemoryGroup[] {
  const groups = new Map<string, { aval: string; place: string; count: number; bytes: number; outsideBytes: number }>();
  for (const { aval, isResident, site } of tensors) {
    const place = placeOf(site);
    const text = aval.strong().toString();
    const key = `${text} ${place}`;
    let group = groups.get(key);
    if (group === undefined) groups.set(key, (group = { aval: text, place, count: 0, bytes: 0, outsideBytes: 0 }));
    group.count++;
    group.bytes += aval.bytes;
    if (!isResident) group.outsideBytes += aval.bytes;
  }
  return [...groups.values()].sort((a, b) => b.bytes - a.bytes || a.aval.localeCompare(b.aval));
}

/**
 * The tensors that are alive on the current device, by shape and dtype. With a function, what that function leaves alive when it has
 * returned and its result is dropped, with the lines that made it: what it put into variables outside, closures and caches.
 *
 * In Node, garbage is collected first. Elsewhere tensors that were dropped lately may still be listed. Constants of compiled functions are
 * tensors and listed; the temporary memory of a compiled function exists only while it runs (`profile` says how much that is).
 *
 * @param run a function without arguments
 * @throws ArgumentError if `run` returns a Promise
 * @example
 * ```ts
 * import { np, type Tensor } from 'cotangent';
 * import { memoryReport } from 'cotangent/inspect';
 * const kept: Tensor[] = [];
 * const report = memoryReport(() => {
 *   for (let i = 0; i < 3; i++) {
 *     const x = np.full([1000], i);
 *     kept.push(x.mul(2));
 *   }
 * });
 * console.log(report.tensors, report.bytes, report.groups[0]?.aval); // => 3 12000 f32[1000]
 * ```
 */
export function memoryReport(run?: () => unknown): MemoryReport {
  const executor = activeExecutor();
  const tensors = (): LiveTensor[] => (executor instanceof WasmExecutor ? executor.liveTensors() : []);
  const heapBytes = (): number => (executor instanceof WasmExecutor ? executor.memoryStats().memoryBytes : 0);
  if (run === undefined) return new MemoryReport(executor.name, groupsOf(tensors()), heapBytes());
  checkFunction('memoryReport', run);
  const before = new Set(tensors().map((t) => t.key));
  observeSites(() => refusePromise('memoryReport', run()));
  const left = tensors().filter((t) => !before.has(t.key));
  return new MemoryReport(executor.name, groupsOf(left), heapBytes());
}
