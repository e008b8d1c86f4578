/**
 * Values and gradients of functions and methods, held against figures of PyTorch 1.13 (data/ops.golden.json says how they were made), and second
 * derivatives against finite differences.
 * @module
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as torch from 'cotangent/torch';

interface Figure {
  readonly shape: readonly number[];
  readonly data: readonly (number | string)[];
  readonly dtype: string;
}

interface Case {
  readonly fn: string;
  readonly kind: string;
  readonly inputs: readonly unknown[];
  readonly args?: readonly unknown[];
  readonly options?: object;
  readonly dtypes?: readonly ('bool' | 'float64')[];
  readonly outputs: readonly Figure[];
  readonly grads?: readonly (Figure | null)[];
}

const path = new URL('data/ops.golden.json', import.meta.url);
const { cases } = JSON.parse(readFileSync(path, 'utf8')) as { readonly cases: readonly Case[] };

type Result =
  | torch.Tensor
  | readonly torch.Tensor[]
  | { readonly values: torch.Tensor; readonly indices: torch.Tensor };
type Callable = (...args: unknown[]) => Result;

/** An argument: plain data, or a tensor of integers, booleans or floats. */
function argument(x: unknown): unknown {
  if (typeof x !== 'object' || x === null || Array.isArray(x)) return x;
  if ('t' in x) return torch.tensor(x.t as number[], { dtype: 'int32' });
  if ('b' in x) return torch.tensor(x.b as boolean[]);
  return torch.tensor((x as { x: number[] }).x, { dtype: 'float64' });
}

/** Numbers that are the only result in PyTorch are tensors here too; extremes and orders come as a pair of them. */
function outputsOf(result: Result): readonly torch.Tensor[] {
  if (Array.isArray(result)) return result as readonly torch.Tensor[];
  return 'values' in result && 'indices' in result ? [result.values, result.indices] : [result as torch.Tensor];
}

function apply(c: Case, inputs: readonly torch.Tensor[]): readonly torch.Tensor[] {
  const rest = [...(c.args ?? []).map(argument), ...(c.options === undefined ? [] : [c.options])];
  const [first, ...others] = inputs;
  const functions = torch as unknown as Record<string, Callable>;
  if (c.kind.startsWith('einsum')) return [torch.einsum(c.kind.slice('einsum:'.length), ...inputs)];
  if (c.kind === 'list') return outputsOf(functions[c.fn]!(inputs, ...rest));
  if (c.kind === 'function') return outputsOf(functions[c.fn]!(...inputs, ...rest));
  const methods = first as unknown as Record<string, Callable>;
  return outputsOf(methods[c.fn]!(...others, ...rest));
}

const inputsOf = (c: Case): torch.Tensor[] =>
  c.inputs.map((data, i) => {
    const dtype = c.dtypes?.[i] ?? 'float64';
    return torch.tensor(data as number[], { dtype, requiresGrad: dtype === 'float64' && c.kind !== 'nograd' });
  });

/** Kinds of dtypes: integers have 64 bits there and 32 here. */
const kindOf = (dtype: string): string => dtype.replace(/int64|int32/, 'integer');

function expectLike(what: string, x: torch.Tensor, { shape, data, dtype }: Figure): void {
  expect([...x.shape], what).toEqual(shape);
  expect(kindOf(x.dtype), what).toBe(kindOf(dtype));
  const expected = data.map(Number);
  const got = Array.from(x.dataSync());
  expected.forEach((e, i) => {
    if (Number.isFinite(e))
      expect(Math.abs(got[i]! - e), `${what}[${i}]: ${got[i]} for ${e}`).toBeLessThan(1e-9 * (1 + Math.abs(e)));
    else expect(got[i], what).toBe(e);
  });
}

const weights = (y: torch.Tensor): torch.Tensor => {
  const numbers = Float64Array.from({ length: y.numel() }, (_, i) => 0.5 + ((i * 7) % 5) / 4);
  return torch.tensor(numbers).view(y.shape as number[]);
};

const loss = (outputs: readonly torch.Tensor[]): torch.Tensor =>
  outputs
    .filter((y) => y.requiresGrad)
    .map((y) => y.mul(weights(y)).sum())
    .reduce((a, b) => a.add(b));

const label = (c: Case): string =>
  `${c.fn}(${[...(c.args ?? []), c.options ?? ''].map((a) => JSON.stringify(a)).join(', ')})`;

describe.each(cases.map((c, i) => [`${i} ${label(c)}`, c] as const))('%s', (_name, c) => {
  it('has the values and gradients of PyTorch', () => {
    const inputs = inputsOf(c);
    const outputs = apply(c, inputs);
    expect(outputs).toHaveLength(c.outputs.length);
    outputs.forEach((y, i) => expectLike(`output ${i}`, y, c.outputs[i]!));
    if (c.grads === undefined) return;
    const wanted = inputs.filter((x) => x.requiresGrad);
    const grads = torch.autograd.grad(loss(outputs), wanted, { materializeGrads: true });
    c.grads.forEach((g, i) => g !== null && expectLike(`gradient ${i}`, grads[i]!, g));
  });

  it.runIf(c.grads !== undefined)('has second derivatives', () => {
    const inputs = inputsOf(c);
    const f = (...xs: torch.Tensor[]): torch.Tensor[] => apply(c, xs).filter((y) => y.dtype === 'float64');
    expect(torch.autograd.gradgradcheck(f, inputs)).toBe(true);
  });
});
