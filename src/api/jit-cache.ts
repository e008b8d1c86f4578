/**
 * What a jitted function has been compiled for: entries are found by structure, dtypes, static values and the settings that a trace
 * depends on. The number of entries is bounded, since static values are compared by identity and may be new at every call.
 * May import: `ir`, `core`, `compiler`.
 * @module
 */
import { hashSeed, hashString } from '../compiler/equal.ts';
import { settings } from '../core/config.ts';
import type { TreeDef } from '../core/pytree.ts';
import type { Aval } from '../ir/aval.ts';
import type { Program } from '../ir/program.ts';
import type { FlatTree } from './args.ts';

/** Programs kept for one function; the one unused for longest goes first. JAX keeps as many thousands; each of ours holds its code. */
const capacity = 512;
/** Fingerprints of dropped entries that are remembered. */
const maxDropped = 4096;

/** Settings that change what a trace records. */
const tracedSettings = ['defaultDtype', 'threefryPartitionable'] as const;
export type TracedSetting = (typeof tracedSettings)[number];
export type TracedSettings = Readonly<Record<TracedSetting, string | boolean>>;

export const snapshotSettings = (): TracedSettings => ({
  defaultDtype: settings.defaultDtype,
  threefryPartitionable: settings.threefryPartitionable,
});

/** What must match for a compiled Program to serve a call. */
export interface CallKind {
  /** Values at `staticAt`. */
  readonly statics: readonly unknown[];
  readonly staticAt: readonly number[];
  readonly def: TreeDef;
  readonly avals: readonly Aval[];
  readonly settings: TracedSettings;
}

export interface CacheEntry extends CallKind {
  readonly program: Program;
  readonly outDef: TreeDef;
  /** Positions of the leaves whose memory the call may take. */
  readonly donate: readonly number[];
  /** Number of the compilation that made it. */
  readonly compilation: number;
  lastUse: number;
}

function serves(e: CacheEntry, statics: readonly unknown[], { leaves, def }: FlatTree): boolean {
  if (e.avals.length !== leaves.length || e.statics.length !== statics.length) return false;
  if (tracedSettings.some((name) => e.settings[name] !== settings[name])) return false;
  if (!e.statics.every((s, i) => Object.is(s, statics[i]))) return false;
  for (let i = 0; i < leaves.length; i++) {
    const [a, b] = [e.avals[i]!, leaves[i]!.aval];
    if (a !== b && !a.equals(b)) return false;
  }
  return e.def.equals(def);
}

/** A hash of what must match; equality is checked on the entries. */
const hashOf = ({ leaves }: FlatTree): string =>
  `${settings.defaultDtype}${settings.threefryPartitionable ? '' : 'o'}|${leaves.map((x) => x.aval.toString()).join(' ')}`;

/** Numbers for objects and functions, so that a fingerprint can tell them apart without keeping them. */
const identities = new WeakMap<object, number>();
let nextIdentity = 0;

function identityText(x: unknown): string {
  if ((typeof x !== 'object' || x === null) && typeof x !== 'function') return `${typeof x} ${String(x)}`;
  let id = identities.get(x);
  if (id === undefined) identities.set(x, (id = nextIdentity++));
  return `#${id}`;
}

const fingerprint = (hash: string, statics: readonly unknown[], def: TreeDef): number =>
  hashString(hashSeed, `${hash}|${statics.map(identityText).join()}|${def.toString()}`);

export class JitCache {
  private readonly byHash = new Map<string, CacheEntry[]>();
  /** Fingerprint → number of the compilation, of entries that had to go. */
  private readonly dropped = new Map<number, number>();
  private last: CacheEntry | undefined;
  private size = 0;
  private clock = 0;

  find(statics: readonly unknown[], tree: FlatTree): CacheEntry | undefined {
    // Most calls are like the one before.
    let entry = this.last;
    if (entry === undefined || !serves(entry, statics, tree))
      entry = this.byHash.get(hashOf(tree))?.find((e) => serves(e, statics, tree));
    if (entry === undefined) return undefined;
    entry.lastUse = ++this.clock;
    this.last = entry;
    return entry;
  }

  /** The compilation that served such calls until its entry was dropped. */
  droppedCompilation(statics: readonly unknown[], tree: FlatTree): number | undefined {
    return this.dropped.size === 0 ? undefined : this.dropped.get(fingerprint(hashOf(tree), statics, tree.def));
  }

  add(tree: FlatTree, entry: CacheEntry): void {
    if (this.size >= capacity) this.dropOldest();
    const hash = hashOf(tree);
    const list = this.byHash.get(hash);
    if (list) list.push(entry);
    else this.byHash.set(hash, [entry]);
    this.size++;
    entry.lastUse = ++this.clock;
    this.last = entry;
  }

  private dropOldest(): void {
    let oldest: { hash: string; entry: CacheEntry } | undefined;
    for (const [hash, list] of this.byHash) {
      for (const entry of list)
        if (oldest === undefined || entry.lastUse < oldest.entry.lastUse) oldest = { hash, entry };
    }
    if (oldest === undefined) return;
    const { hash, entry } = oldest;
    const rest = this.byHash.get(hash)!.filter((e) => e !== entry);
    if (rest.length > 0) this.byHash.set(hash, rest);
    else this.byHash.delete(hash);
    this.size--;
    if (this.dropped.size >= maxDropped) this.dropped.delete(this.dropped.keys().next().value!);
    this.dropped.set(fingerprint(hash, entry.statics, entry.def), entry.compilation);
  }

  entries(): CacheEntry[] {
    return [...this.byHash.values()].flat();
  }
}
