/**
 * What statements of a kernel may write.
 * May import: `ir`.
 * @module
 */
import type { BufferRef, Local } from '../../../ir/loop/expr.ts';
import type { Stmt } from '../../../ir/loop/kernel.ts';

export interface Modified {
  readonly locals: ReadonlySet<Local>;
  readonly buffers: ReadonlySet<BufferRef>;
}

const modifiedCache = new WeakMap<readonly Stmt[], Modified>();

/** Locals and buffers that the statements may write. */
export function modifiedBy(stmts: readonly Stmt[]): Modified {
  const cached = modifiedCache.get(stmts);
  if (cached !== undefined) return cached;
  const m = { locals: new Set<Local>(), buffers: new Set<BufferRef>() };
  const include = (inner: Modified): void => {
    for (const l of inner.locals) m.locals.add(l);
    for (const b of inner.buffers) m.buffers.add(b);
  };
  for (const s of stmts) {
    if (s.kind === 'store') m.buffers.add(s.buffer);
    else if (s.kind === 'gemm') {
      m.buffers.add(s.c.buffer);
      if (s.epilogue !== undefined) include(modifiedBy(s.epilogue.body));
    } else if (s.kind === 'set') m.locals.add(s.local);
    else if (s.kind === 'reduce') {
      m.locals.add(s.target);
      for (const store of s.stores ?? []) m.buffers.add(store.buffer);
    } else if (s.kind === 'if') [s.then, s.otherwise].forEach((b) => include(modifiedBy(b)));
    else include(modifiedBy(s.body));
  }
  modifiedCache.set(stmts, m);
  return m;
}
