/**
 * Reading `LirStmt`s: the values of statements, and those that do not change in a loop.
 * May import: `kernel/lir`.
 * @module
 */
import type { Lir, LirStmt } from './lir.ts';

/** What costs no more to write again than to keep. */
export const isTrivial = (v: Lir): boolean => v.op === 'get' || (v.op === 'const' && v.type !== 'v128');

/** A set of values, by their numbers, that is emptied at once. */
export class Marks {
  private readonly marks: Int32Array;
  private current = 0;

  constructor(size: number) {
    this.marks = new Int32Array(size);
  }

  clear(): void {
    this.current++;
  }

  /** False if the value is in the set already. */
  add({ id }: Lir): boolean {
    if (this.marks[id] === this.current) return false;
    this.marks[id] = this.current;
    return true;
  }
}

/** Values a statement evaluates itself, in the order they are pushed. */
export function ownValues(s: LirStmt): readonly Lir[] {
  switch (s.kind) {
    case 'loop':
      return [s.from, s.to];
    case 'stores':
      return s.items.flatMap((i) => [i.address, i.value]);
    case 'set':
      return s.items.map((i) => i.value);
    case 'if':
      return [s.cond, ...(s.shared ?? [])];
    case 'while':
      return [];
    case 'call':
      return s.entry === undefined ? s.args : [...s.args, s.entry];
  }
}

/** One more than the largest number of a value: operands have smaller numbers than what they are used by. */
export function countValues(stmts: readonly LirStmt[]): number {
  let count = 0;
  for (const s of stmts) {
    for (const v of ownValues(s)) count = Math.max(count, v.id + 1);
    if (s.kind === 'while') count = Math.max(count, s.cond.id + 1);
    for (const b of blocksOf(s)) count = Math.max(count, countValues(b));
  }
  return count;
}

function blocksOf(s: LirStmt): readonly (readonly LirStmt[])[] {
  if (s.kind === 'loop' || s.kind === 'while') return [s.body];
  return s.kind === 'if' ? [s.then, s.otherwise] : [];
}

const noneFound: readonly Lir[] = [];

/** Finds what can be computed before a loop. */
export class InvariantFinder {
  private readonly visited: Marks;
  private readonly found: Marks;

  constructor(size: number) {
    this.visited = new Marks(size);
    this.found = new Marks(size);
  }

  /** Values that the loop `s` uses at any depth, that do not change in it, and that are not ready yet. */
  find(s: LirStmt, isReady: (v: Lir) => boolean): readonly Lir[] {
    if (s.kind !== 'loop' && s.kind !== 'while') return noneFound;
    const invariants: Lir[] = [];
    this.found.clear();
    this.visited.clear();
    const visit = (roots: readonly Lir[], isConditional: boolean): void => {
      const stack = roots.slice();
      while (stack.length > 0) {
        const v = stack.pop()!;
        if (isTrivial(v)) continue;
        if (v.level < s.depth && !(isConditional && v.isUnsafe)) {
          if (!isReady(v) && this.found.add(v)) invariants.push(v);
        } else if (this.visited.add(v)) for (let i = 0; i < v.args.length; i++) stack.push(v.args[i]!);
      }
    };
    const walk = (stmts: readonly LirStmt[], isConditional: boolean): void => {
      for (const t of stmts) {
        visit(ownValues(t), isConditional);
        if (t.kind === 'loop') walk(t.body, isConditional || !t.runs);
        else if (t.kind === 'if') [t.then, t.otherwise].forEach((b) => walk(b, true));
        else if (t.kind === 'while') {
          visit([t.cond], isConditional);
          walk(t.body, true);
        }
      }
    };
    if (s.kind === 'while') visit([s.cond], false);
    walk(s.body, s.kind === 'while');
    return invariants;
  }
}

/** The values of the statements that `cond` needs as well, those inside others left out. */
export function sharedValues(cond: Lir, stmts: readonly LirStmt[]): Lir[] {
  const needed = new Set<Lir>();
  const collect = (v: Lir): void => {
    if (needed.has(v)) return;
    needed.add(v);
    v.args.forEach(collect);
  };
  collect(cond);
  const shared = new Set<Lir>();
  const seen = new Set<Lir>();
  const visit = (v: Lir): void => {
    if (needed.has(v)) shared.add(v);
    else if (!seen.has(v)) {
      seen.add(v);
      v.args.forEach(visit);
    }
  };
  for (const s of stmts) if (s.kind === 'stores' || s.kind === 'set') for (const i of s.items) visit(i.value);
  return [...shared];
}
