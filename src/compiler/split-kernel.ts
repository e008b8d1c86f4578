/**
 * Kernels with very many buffers or loops, as several kernels: a function takes its buffers as arguments, of which engines allow a
 * thousand, and they compile long functions in more than linear time.
 * May import: `ir`.
 * @module
 */
import type { BufferRef, Expr } from '../ir/loop/expr.ts';
import type { Kernel, Stmt } from '../ir/loop/kernel.ts';
import { loadedBuffers } from './loads.ts';

/** Leaves room for the run-time parameters of shape-generic kernels: about twenty for a copy from rank 5. */
export const maxBuffers = 32;
const maxStatements = 32;

/** The same statements in order, in kernels of few buffers and statements each where possible. */
export function splitKernel(kernel: Kernel): Kernel[] {
  const { inputs, outputs, scratch, body } = kernel;
  // Only loops are free of locals that later statements read.
  const isSplittable = body.every((s) => s.kind === 'for' || s.kind === 'store' || s.kind === 'gemm');
  const isSmall = inputs.length + outputs.length + scratch.length <= maxBuffers && body.length <= maxStatements;
  if (isSmall || !isSplittable) return [kernel];
  const pieces: { readonly body: Stmt[]; readonly used: Set<BufferRef> }[] = [];
  for (const s of body) {
    const used = new Set<BufferRef>();
    buffersOf(s, new Set(), used);
    let last = pieces.at(-1);
    const isFull = last !== undefined && last.body.length >= maxStatements;
    if (last === undefined || isFull || new Set([...last.used, ...used]).size > maxBuffers)
      pieces.push((last = { body: [], used: new Set() }));
    last.body.push(s);
    for (const b of used) last.used.add(b);
  }
  return pieces.map((p): Kernel => {
    const keep = (list: readonly BufferRef[]): BufferRef[] => list.filter((b) => p.used.has(b));
    return { ...kernel, inputs: keep(inputs), outputs: keep(outputs), scratch: keep(scratch), body: p.body };
  });
}

/** All buffers that a statement reads or writes. */
export function usedBuffers(s: Stmt): Set<BufferRef> {
  const used = new Set<BufferRef>();
  buffersOf(s, new Set(), used);
  return used;
}

/** Adds all buffers that a statement reads or writes. */
function buffersOf(s: Stmt, seen: Set<Expr>, into: Set<BufferRef>): void {
  const loads = (...exprs: readonly Expr[]): void => exprs.forEach((e) => loadedBuffers(e, seen, into));
  const all = (stmts: readonly Stmt[]): void => stmts.forEach((x) => buffersOf(x, seen, into));
  switch (s.kind) {
    case 'for':
      return all(s.body);
    case 'while':
      loads(s.cond);
      return all(s.body);
    case 'if':
      loads(s.cond);
      return all([...s.then, ...s.otherwise]);
    case 'store':
      into.add(s.buffer);
      return loads(s.index, s.value);
    case 'set':
      return loads(s.value);
    case 'reduce':
      loads(s.element);
      return all(s.stores ?? []);
    case 'gemm':
      for (const m of [s.a, s.b, s.c]) {
        into.add(m.buffer);
        loads(m.offset);
      }
      all(s.epilogue?.body ?? []);
  }
}
