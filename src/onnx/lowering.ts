/**
 * What a lowering to ONNX is.
 * May import: `ir`, `core`, `onnx/graph`.
 * @module
 */
import type { Aval } from '../ir/aval.ts';
import { DTypeError } from '../ir/errors.ts';
import type { Program } from '../ir/program.ts';
import { type AnyPrimitive, erase, type Primitive } from '../core/primitive.ts';
import type { OnnxGraph, Operand } from './graph.ts';

/** One equation, to be written as nodes. */
export interface Application<P> {
  readonly g: OnnxGraph;
  readonly x: readonly Operand[];
  readonly params: P;
  readonly outs: readonly Aval[];
  /** Writes a Program into a graph; the names of its results. */
  readonly inline: (g: OnnxGraph, program: Program, args: readonly string[]) => string[];
}

/** Appends nodes; the names of the results. */
export type Lowering<P> = (application: Application<P>) => string | readonly string[];

export type Entry = readonly [AnyPrimitive, Lowering<object>];

/** A line of the table. */
export const entry = <P extends object>(primitive: Primitive<P>, rule: Lowering<P>): Entry => [
  erase(primitive),
  rule as unknown as Lowering<object>,
];

/** For what ONNX has no operator or type for. */
export function refuse(what: string, x: readonly Operand[], fix: string): never {
  const avals = x.map(({ aval }) => aval.toString()).join(', ');
  throw new DTypeError(`exportOnnx: expected ${what}, got (${avals}).`, fix);
}
