/**
 * Random calls of functions and methods (shapes without dimensions, empty, broadcast; views; dtypes that promote; NaN, infinities, ties), held
 * against values, first and second derivatives of PyTorch. data/differential.golden.json says how the figures were made.
 * @module
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CotangentError } from 'cotangent';
import * as torch from 'cotangent/torch';

type Plain = number | boolean | string;

interface Input {
  readonly shape: readonly number[];
  readonly dtype: torch.Dtype;
  readonly data: readonly Plain[];
  readonly view?: 'T' | 'step';
  readonly grad?: boolean;
}

interface Case {
  readonly fn: string;
  readonly kind: keyof typeof calls;
  readonly inputs: readonly Input[];
  readonly args?: readonly unknown[];
  readonly options?: Readonly<Record<string, unknown>>;
  /** Whether PyTorch refuses it. */
  readonly throws?: boolean;
  readonly outputs?: readonly { readonly shape: readonly number[]; readonly dtype: string; readonly data: Plain[] }[];
  readonly grads?: readonly (readonly Plain[] | null)[];
  readonly seconds?: readonly (readonly Plain[] | null)[];
}

type Call = (...args: unknown[]) => unknown;
type Functions = Readonly<Record<string, Call>>;
type Apply = (c: Case, xs: readonly torch.Tensor[], rest: readonly unknown[]) => unknown;

const functions = torch as unknown as Functions;
const linalg = torch.linalg as unknown as Functions;
const methodsOf = (x: torch.Tensor | undefined): Functions => x as unknown as Functions;

/** How arguments stand in a call. */
const calls = {
  method: ({ fn }, [x, ...others], rest) => methodsOf(x)[fn]!(...others, ...rest),
  function: ({ fn }, xs, rest) => functions[fn]!(...xs, ...rest),
  list: ({ fn }, xs, rest) => functions[fn]!(xs, ...rest),
  linalg: ({ fn }, xs, rest) => linalg[fn]!(...xs, ...rest),
  linalgList: ({ fn }, xs, rest) => linalg[fn]!(xs, ...rest),
  inplace: ({ fn }, [x, ...others], rest) => {
    const changed = x!.clone();
    methodsOf(changed)[fn]!(...others, ...rest);
    return changed;
  },
  polygamma: (_c, [x], [n]) => torch.polygamma(n as number, x!),
  gather: ({ fn }, [x, index], [dim]) => methodsOf(x)[fn]!(dim, index),
  scatter: ({ fn }, [x, index, source], [dim]) => methodsOf(x)[fn]!(dim, index, source),
  index_fill: ({ fn }, [x, index], [dim, value]) => methodsOf(x)[fn]!(dim, index, value),
} satisfies Readonly<Record<string, Apply>>;

const special: Readonly<Record<string, number>> = { NaN, Infinity, '-Infinity': -Infinity, '-0': -0 };
const number = (v: Plain): number => (typeof v === 'string' ? special[v]! : Number(v));

/** Numbers that JSON has no words for. */
const decoded = (v: unknown): unknown => (typeof v === 'string' && v in special ? special[v] : v);

/** A leaf, and what the call gets of it. */
function build({ shape, dtype, data, view, grad }: Input): [torch.Tensor, torch.Tensor] {
  const flat = torch.tensor(Float64Array.from(data, number), { dtype });
  const x = flat
    .view([...shape])
    .clone()
    .detach();
  if (grad) x.requiresGrad = true;
  if (x.ndim === 0 || view === undefined) return [x, x];
  return [x, view === 'T' ? x.transpose(0, -1) : x.get({ step: 2 })];
}

function outputsOf(result: unknown): torch.Tensor[] {
  if (result instanceof torch.Tensor) return [result];
  if (typeof result === 'number' || typeof result === 'boolean') return [torch.tensor(result)];
  return Object.values(result as object).flatMap(outputsOf);
}

function run(c: Case): { leaves: torch.Tensor[]; outputs: torch.Tensor[] } {
  const built = c.inputs.map(build);
  const options = Object.entries(c.options ?? {}).map(([key, v]) => [key, decoded(v)]);
  const rest = [...(c.args ?? []).map(decoded), ...(options.length > 0 ? [Object.fromEntries(options)] : [])];
  const apply: Apply = calls[c.kind];
  const result = apply(
    c,
    built.map(([, x]) => x),
    rest,
  );
  return { leaves: built.map(([leaf]) => leaf), outputs: outputsOf(result) };
}

/** Kinds of dtypes: integers have 64 bits there and 32 here. */
const kindOf = (dtype: string): string => dtype.replace(/int64|int32/, 'integer');

function expectNumbers(c: Case, what: string, x: torch.Tensor, expected: readonly Plain[]): void {
  const isWide = x.dtype === 'float64' && c.inputs.every(({ dtype }) => dtype !== 'float32');
  const tolerance = isWide ? 1e-8 : 2e-5;
  const got = Array.from(x.dataSync(), Number);
  expect(got, what).toHaveLength(expected.length);
  expected.forEach((v, i) => {
    const e = number(v);
    const isClose = Object.is(got[i], e) || Math.abs(got[i]! - e) <= tolerance * (1 + Math.abs(e));
    expect(isClose, `${what}[${i}]: ${got[i]} for ${e}`).toBe(true);
  });
}

/** Σ of tensors, weighted as data/differential.golden.json says. */
function weighted(xs: readonly (readonly [k: number, x: torch.Tensor])[]): torch.Tensor {
  const parts = xs.map(([k, x]) => {
    const w = Float64Array.from({ length: x.numel() }, (_, i) => 0.5 + ((i * 7 + k * 3) % 5) / 4);
    return x
      .double()
      .mul(torch.tensor(w).view([...x.shape]))
      .sum();
  });
  return parts.reduce((a, b) => a.add(b));
}

function expectDerivatives(c: Case, leaves: readonly torch.Tensor[], outputs: readonly torch.Tensor[]): void {
  const wanted = leaves.filter((x) => x.requiresGrad);
  const live = outputs.filter((y) => y.requiresGrad);
  const zero = (x: torch.Tensor): Plain[] => Array<Plain>(x.numel()).fill(0);
  if (c.grads === undefined || live.length === 0) return;
  const loss = weighted(live.map((y, k) => [k, y]));
  const grads = torch.autograd.grad(loss, wanted, { createGraph: true, materializeGrads: true });
  c.grads.forEach((g, i) => expectNumbers(c, `gradient ${i}`, grads[i]!, g ?? zero(wanted[i]!)));
  const again = [...grads.entries()].filter(([, g]) => g.requiresGrad);
  if (c.seconds === undefined || again.length === 0) return;
  const seconds = torch.autograd.grad(weighted(again.map(([i, g]) => [i + 1, g])), wanted, { materializeGrads: true });
  c.seconds.forEach((g, i) => expectNumbers(c, `second derivative ${i}`, seconds[i]!, g ?? zero(wanted[i]!)));
}

const path = new URL('data/differential.golden.json', import.meta.url);
const { cases } = JSON.parse(readFileSync(path, 'utf8')) as { readonly cases: readonly Case[] };

const named = new Map<string, Case[]>();
for (const c of cases) named.set(c.fn, [...(named.get(c.fn) ?? []), c]);

describe.each([...named])('%s', (_fn, several) => {
  const text = (c: Case): string => JSON.stringify([c.kind, c.inputs, c.args ?? [], c.options ?? {}]);

  it.each(several.map((c) => [text(c), c] as const))('%s', (_call, c) => {
    if (c.throws) return expect(() => run(c)).toThrow(CotangentError);
    const { leaves, outputs } = run(c);
    expect(outputs.map((y) => [[...y.shape], kindOf(y.dtype)])).toEqual(
      c.outputs!.map((o) => [o.shape, kindOf(o.dtype)]),
    );
    outputs.forEach((y, i) => expectNumbers(c, `output ${i}`, y, c.outputs![i]!.data));
    expectDerivatives(c, leaves, outputs);
  });
});
