/**
 * Source sites: where in the user's code something was made.
 * May import: `ir`.
 * @module
 */
import type { SourceSite } from '../ir/program.ts';

/**
 * Directory of the library's own modules, or of the files that `scripts/bundle.mjs` joins them into: frames inside it are not the user's.
 * In a file that a user's bundler made it is that file: others in its directory are the user's.
 */
const libraryRoot = import.meta.url.replace(/(core\/site\.[jt]s|chunks\/cotangent-)[^/]*$/, '');
const libraryPath = libraryRoot.replace(/^file:\/\//, '');

const isOurs = (place: string): boolean =>
  place.includes(libraryRoot) ||
  place.includes(libraryPath) ||
  place.includes('node:internal') ||
  place.endsWith('(<anonymous>)') ||
  place.includes('node_modules');

/** A site as text. */
class TextSite implements SourceSite {
  private readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  toString(): string {
    return this.text;
  }
}

function withDepth<T>(depth: number, run: () => T): T {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = depth;
  try {
    return run();
  } finally {
    Error.stackTraceLimit = limit;
  }
}

/** Frames of the library between a user's line and an equation: nearly always fewer than the first, never as many as the second. */
const shallow = 10;
const deep = 48;

/** The call that is under way, as the engine prints it (with source maps where it has them); for errors. */
export function captureSite(): SourceSite {
  const frames = withDepth(deep, () => new Error().stack ?? '')
    .split('\n')
    .slice(1);
  const users = frames.find((f) => !isOurs(f));
  return new TextSite((users ?? frames[0] ?? '').trim().replace(/^at /, '') || 'unknown site');
}

/** The few members of V8's call sites that are read here. */
interface CallSite {
  getScriptNameOrSourceURL(): string | null;
  getFunctionName(): string | null;
  getLineNumber(): number | null;
  getColumnNumber(): number | null;
}

class PlaceSite implements SourceSite {
  private readonly name: string | null;
  private readonly url: string;
  private readonly line: number;
  private readonly column: number;

  constructor(frame: CallSite) {
    this.name = frame.getFunctionName();
    this.url = frame.getScriptNameOrSourceURL() ?? 'unknown site';
    this.line = frame.getLineNumber() ?? 0;
    this.column = frame.getColumnNumber() ?? 0;
  }

  toString(): string {
    const place = originalPlace(this.url, this.line, this.column) ?? `${this.url}:${this.line}:${this.column}`;
    return this.name === null ? place : `${this.name} (${place})`;
  }
}

interface SourceMap {
  findEntry(line: number, column: number): { originalSource?: string; originalLine?: number; originalColumn?: number };
}

interface ModuleBuiltin {
  findSourceMap(path: string): SourceMap | undefined;
}

/**
 * The place before a loader compiled the file, where Node keeps source maps; the frames that the engine gives name the place after.
 * Asked for when a site is printed, not when it is made.
 */
function originalPlace(url: string, line: number, column: number): string | undefined {
  const host = (
    globalThis as { process?: { sourceMapsEnabled?: boolean; getBuiltinModule?: (id: string) => ModuleBuiltin } }
  ).process;
  if (host?.sourceMapsEnabled !== true || host.getBuiltinModule === undefined) return undefined;
  const { findSourceMap } = host.getBuiltinModule('node:module');
  const map = findSourceMap(url.replace(/^file:\/\//, '')) ?? findSourceMap(url);
  // Maps count from zero.
  const entry = map?.findEntry(line - 1, column - 1);
  if (entry?.originalSource === undefined || entry.originalLine === undefined) return undefined;
  return `${entry.originalSource}:${entry.originalLine + 1}:${(entry.originalColumn ?? 0) + 1}`;
}

const oursByUrl = new Map<string, boolean>();

function isOurUrl(url: string): boolean {
  let ours = oursByUrl.get(url);
  if (ours === undefined) oursByUrl.set(url, (ours = isOurs(url)));
  return ours;
}

function firstUserFrame(_error: unknown, frames: readonly CallSite[]): SourceSite | undefined {
  const frame = frames.find((f) => !isOurUrl(f.getScriptNameOrSourceURL() ?? 'node:internal'));
  return frame && new PlaceSite(frame);
}

let replayed: SourceSite | undefined;
const unknownSite: SourceSite = new TextSite('unknown site');

/** `src/train.ts:20`: file and line of a site, relative to the working directory where there is one; empty when it is unknown. */
export function placeOf(site: SourceSite | undefined): string {
  const text = site === undefined || site === unknownSite ? '' : site.toString();
  const found = /\(?([^()\s]+?):(\d+):\d+\)?$/.exec(text);
  if (found === null) return '';
  const file = found[1]!.replace(/^file:\/\//, '').replace(/[?#].*$/, '');
  const host = (globalThis as { process?: { cwd?: () => string } }).process;
  const root = host?.cwd === undefined ? '' : `${host.cwd()}/`;
  return `${root !== '' && file.startsWith(root) ? file.slice(root.length) : file}:${found[2]!}`;
}

/** Places that one trace captures (some 5 µs each). A longer Program is a loop unrolled, and one line made most of it. */
export const maxSites = 10_000;

let isObserved = false;

/** Whether eager operations, too, are to say where they come from. */
export const areSitesObserved = (): boolean => isObserved;

/** Runs `run` while somebody asks every operation where it comes from: what derivatives record then names the forward operation. */
export function observeSites<T>(run: () => T): T {
  const before = isObserved;
  isObserved = true;
  try {
    return run();
  } finally {
    isObserved = before;
  }
}

/** Makes the equations traced from now on stand for one that was traced before; gives what to hand to `stopReplay`. */
export function replaySite(site: SourceSite | undefined): SourceSite | undefined {
  const before = replayed;
  replayed = site ?? unknownSite;
  return before;
}

export function stopReplay(before: SourceSite | undefined): void {
  replayed = before;
}

/**
 * Site of an equation: that of the equation it is derived from, or the call that is under way. Only text and numbers are kept: an
 * Error, or its frames, would keep alive every value that the functions on the stack close over.
 */
export function equationSite(): SourceSite {
  return replayed ?? userFrame(shallow) ?? userFrame(deep) ?? unknownSite;
}

function userFrame(depth: number): SourceSite | undefined {
  const holder: { stack?: unknown } = {};
  const host = Error as { prepareStackTrace?: unknown; captureStackTrace?: (target: object, above: unknown) => void };
  if (host.captureStackTrace === undefined) return captureSite();
  const before = host.prepareStackTrace;
  host.prepareStackTrace = firstUserFrame;
  try {
    withDepth(depth, () => host.captureStackTrace!(holder, equationSite));
    return holder.stack instanceof PlaceSite ? holder.stack : undefined;
  } finally {
    host.prepareStackTrace = before;
  }
}
