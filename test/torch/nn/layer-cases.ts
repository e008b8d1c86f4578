/**
 * The layers and losses of `data/layers.json`, and how their figures become tensors.
 * @module
 */
import { readFileSync } from 'node:fs';
import { linspace, nn, type Tensor, tensor as make } from 'cotangent/torch';

export interface Figures {
  readonly shape: readonly number[];
  readonly data: readonly number[];
  readonly int: boolean;
  readonly bool?: boolean;
}

/** Arguments of a layer: some come in pairs, some are left out. */
export type Nested<T> = T | null | readonly Nested<T>[];

export interface Case {
  readonly layer: string;
  readonly args: readonly unknown[];
  readonly mode: 'train' | 'eval';
  /** Of the call: masks, as nested arrays. */
  readonly options?: object;
  readonly calls: number;
  readonly state: Readonly<Record<string, Figures>>;
  readonly inputs: readonly Nested<Figures>[];
  readonly outputs: readonly Figures[];
  readonly inputGrads: readonly Nested<Figures>[];
  readonly grads: Readonly<Record<string, Figures>>;
  readonly after: Readonly<Record<string, Figures>>;
  readonly repr: string;
}

export const cases: readonly Case[] = JSON.parse(
  readFileSync(new URL('../data/layers.json', import.meta.url), 'utf8'),
) as Case[];

export const tensorOf = ({ shape, data, int, bool }: Figures): Tensor =>
  make(data, { dtype: bool === true ? 'bool' : int ? 'int32' : 'float64' })
    .reshape([...shape])
    .detach();

export function leavesOf(figures: Nested<Figures>): Nested<Tensor> {
  if (figures === null) return null;
  if ('map' in figures) return figures.map(leavesOf);
  const x = tensorOf(figures);
  return figures.int ? x : x.requiresGrad_();
}

export const flat = <T>(x: Nested<T>): (T | null)[] => (Array.isArray(x) ? x.flatMap(flat) : [x]) as (T | null)[];

export type Layer = nn.Module & { forward(...xs: Tensor[]): unknown };
export const layers = nn as unknown as Readonly<Record<string, new (...args: readonly unknown[]) => Layer>>;

/** The sum of all outputs, times weights from ½ to 1½. */
export function weighted(outputs: readonly Tensor[]): Tensor {
  return outputs
    .filter((y) => y.dtype === 'float64')
    .map((y) => y.mul(linspace(0.5, 1.5, y.numel(), { dtype: 'float64' }).reshape([...y.shape])).sum())
    .reduce((a, b) => a.add(b));
}

/** The arguments of a call. */
export const argsOf = (c: Case, inputs: readonly Nested<Tensor>[]): Tensor[] => {
  const options = Object.entries(c.options ?? {}).map(([name, x]) => [
    name,
    Array.isArray(x) ? masks(x) : (x as boolean),
  ]);
  return (options.length === 0 ? inputs : [...inputs, Object.fromEntries(options)]) as Tensor[];
};

const masks = (data: unknown[]): Tensor =>
  make(data as number[], { dtype: typeof data.flat(3)[0] === 'boolean' ? 'bool' : 'float64' });
