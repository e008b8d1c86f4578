/**
 * What differs between two kinds of call of a jitted function, in the user's terms.
 * May import: `ir`, `core`.
 * @module
 */
import { pathStep, type TreeDef } from '../core/pytree.ts';
import type { Aval } from '../ir/aval.ts';
import type { CallKind, TracedSetting } from './jit-cache.ts';

/** Why a call needed a compilation of its own. */
export type ChangeKind =
  | 'shape'
  | 'dtype'
  | 'weak type'
  | 'structure'
  | 'static value'
  | 'setting'
  | 'captured values'
  | 'dropped';

export interface RecompileChange {
  readonly kind: ChangeKind;
  /** The argument (`args[0].w`, `args[2]`) or setting (`config.defaultDtype`). */
  readonly path: string;
  readonly before: string;
  readonly after: string;
  /** What the difference means, where it is not plain. */
  readonly note?: string;
}

/** Longest description of a value or a structure. */
const maxText = 60;

const shorten = (text: string): string => (text.length > maxText ? `${text.slice(0, maxText - 1)}…` : text);

/** How many things differ. Where structures do, nothing is known of the leaves, so that all of them count. */
export function countChanges(before: CallKind, after: CallKind): number {
  let count = 0;
  for (const name of Object.keys(after.settings) as TracedSetting[])
    if (before.settings[name] !== after.settings[name]) count++;
  after.statics.forEach((s, i) => {
    if (!Object.is(s, before.statics[i])) count++;
  });
  if (!before.def.equals(after.def)) return count + after.avals.length + 1;
  after.avals.forEach((a, i) => {
    if (!a.equals(before.avals[i]!)) count++;
  });
  return count;
}

/** The differences from `before` to `after`: of structure if there is one, since leaves do not correspond then. */
export function changesBetween(before: CallKind, after: CallKind): RecompileChange[] {
  const out: RecompileChange[] = [];
  for (const name of Object.keys(after.settings) as TracedSetting[]) {
    const [a, b] = [String(before.settings[name]), String(after.settings[name])];
    if (a !== b) out.push({ kind: 'setting', path: `config.${name}`, before: a, after: b });
  }
  if (before.staticAt.join() === after.staticAt.join()) {
    after.staticAt.forEach((at, i) => {
      const change = staticChange(`args[${at}]`, before.statics[i], after.statics[i]);
      if (change !== undefined) out.push(change);
    });
  }
  if (before.def.equals(after.def)) {
    after.avals.forEach((aval, i) =>
      out.push(...avalChanges(() => `args${after.def.path(i)}`, before.avals[i]!, aval)),
    );
  } else out.push(...structureChanges(before.def, after.def));
  return out;
}

function avalChanges(path: () => string, before: Aval, after: Aval): RecompileChange[] {
  if (before.equals(after)) return [];
  const texts = { path: path(), before: before.toString(), after: after.toString() };
  if (before.shape.join() !== after.shape.join()) return [{ kind: 'shape', ...texts }];
  if (before.dtype !== after.dtype) return [{ kind: 'dtype', ...texts }];
  const note = after.weakType ? 'a bare number, where there was an array' : 'an array, where there was a bare number';
  return [{ kind: 'weak type', ...texts, note }];
}

function staticChange(path: string, before: unknown, after: unknown): RecompileChange | undefined {
  if (Object.is(before, after)) return undefined;
  const change = { kind: 'static value', path, before: describeStatic(before), after: describeStatic(after) } as const;
  const note = sameContent(before, after);
  return note === undefined ? change : { ...change, note };
}

function sameContent(before: unknown, after: unknown): string | undefined {
  if (typeof before === 'function' && typeof after === 'function')
    return String(before) === String(after) ? 'another function with the same source' : undefined;
  if (typeof before !== 'object' || typeof after !== 'object') return undefined;
  const text = preview(before, maxPreview);
  return !text.includes('…') && text === preview(after, maxPreview)
    ? 'another object with the same content'
    : undefined;
}

const describeStatic = (x: unknown): string => shorten(preview(x, maxText));

/** Characters of a preview that two objects are compared by. */
const maxPreview = 400;
const maxDepth = 4;

/** A value as one writes it, as far as `budget` characters go: static values may be large, and may hold themselves. */
function preview(x: unknown, budget: number, depth = 0): string {
  if (typeof x === 'string') return JSON.stringify(x);
  if (typeof x === 'function') return x.name === '' ? 'a function' : `function ${x.name}`;
  if (typeof x !== 'object' || x === null) return String(x);
  if (ArrayBuffer.isView(x)) return `${x.constructor.name}(${(x as Uint8Array).length}) …`;
  if (depth === maxDepth) return '…';
  const isArray = Array.isArray(x);
  const proto: unknown = Object.getPrototypeOf(x);
  const name = isArray || proto === Object.prototype || proto === null ? '' : `${x.constructor.name} `;
  const parts: string[] = [];
  let left = budget;
  for (const [key, value] of Object.entries(x)) {
    const part = `${isArray ? '' : `${key}: `}${left > 0 ? preview(value, left, depth + 1) : '…'}`;
    left -= part.length + 2;
    parts.push(part);
    if (left < 0) break;
  }
  if (parts.length < Object.keys(x).length) parts.push('…');
  return isArray ? `[${parts.join(', ')}]` : `${name}{${parts.join(', ')}}`;
}

function structureChanges(before: TreeDef, after: TreeDef): RecompileChange[] {
  const out: RecompileChange[] = [];
  const visit = (a: TreeDef, b: TreeDef, path: string): void => {
    if (a.equals(b)) return;
    const isSameNode =
      a.node.kind === b.node.kind && a.children.length === b.children.length && keysOf(a) === keysOf(b);
    const differing = isSameNode ? a.children.flatMap((c, i) => (c.equals(b.children[i]!) ? [] : [i])) : [];
    if (differing.length > 0) {
      for (const i of differing) visit(a.children[i]!, b.children[i]!, path + pathStep(b.node, i));
      return;
    }
    out.push({ kind: 'structure', path, before: describeTree(a), after: describeTree(b), ...keyNote(a, b) });
  };
  visit(before, after, 'args');
  return out;
}

const describeTree = (def: TreeDef): string => (def.node.kind === 'leaf' ? 'an array' : shorten(def.toString()));

function keyList({ node }: TreeDef): readonly string[] {
  return node.kind === 'object' || node.kind === 'map' ? node.keys.map(String) : [];
}

const keysOf = (def: TreeDef): string => keyList(def).join('\n');

/** Keys that came and went; for arguments themselves, how many there are. */
function keyNote(a: TreeDef, b: TreeDef): { note: string } | undefined {
  if (a.node.kind === 'array' && b.node.kind === 'array' && a.children.length !== b.children.length)
    return { note: `${a.children.length} entries before, ${b.children.length} now` };
  const [before, after] = [new Set(keyList(a)), new Set(keyList(b))];
  const added = [...after].filter((k) => !before.has(k));
  const gone = [...before].filter((k) => !after.has(k));
  const parts = [
    ...(added.length > 0 ? [`new: ${shorten(added.join(', '))}`] : []),
    ...(gone.length > 0 ? [`missing: ${shorten(gone.join(', '))}`] : []),
  ];
  return parts.length === 0 ? undefined : { note: parts.join('; ') };
}

/** One change as a clause: `args[1] changed shape, f32[32] → f32[31]`. */
export function describeChange({ kind, path, before, after, note }: RecompileChange): string {
  const extra = note === undefined ? '' : ` (${note})`;
  switch (kind) {
    case 'setting':
      return `${path} changed, ${before} → ${after}`;
    case 'static value':
      return `static argument ${path} changed, ${before} → ${after}${extra}`;
    case 'captured values':
      return `the function closes over ${after}, so the compilation serves this call only`;
    case 'dropped':
      return `compiled before (${before}), but dropped from the cache since`;
    default:
      return `${path} changed ${kind}, ${before} → ${after}${extra}`;
  }
}
