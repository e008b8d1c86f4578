/**
 * Einstein summation: subscripts to a sequence of `dot_general`, reductions and diagonals.
 * May import: `ir`, `core`, `primitives`, `api/lift`, `api/options`.
 * @module
 */
import { ArgumentError, ShapeError } from '../../ir/errors.ts';
import type { Tensor } from '../../core/tensor.ts';
import * as prim from '../../primitives/index.ts';
import type { TensorLike } from '../lift.ts';
import { checkOptions, isOptions } from '../options.ts';
import { optionalDType } from './dtypes.ts';
import { diagonal } from './matrices.ts';
import { range } from './movement.ts';
import { productKeys, productOperands, type ProductOptions } from './products.ts';

export interface EinsumOptions extends ProductOptions {
  /** Accepted for NumPy's sake: of several operands the cheapest pair is contracted first. */
  readonly optimize?: unknown;
}

/** An operand with one label an axis. */
interface Labelled {
  readonly t: Tensor;
  readonly labels: readonly string[];
}

/** Labels of axes that stand for `...`, counted from the last: `.0` is the last. */
const ellipsisLabels = (count: number): string[] => range(count).map((i) => `.${count - 1 - i}`);

function fail(subscripts: string, rule: string, got: string): ArgumentError {
  return new ArgumentError(
    `einsum: expected ${rule}, got ${got} in '${subscripts}'.`,
    "write subscripts as in 'ij,jk->ik'.",
  );
}

function parseTerm(subscripts: string, term: string, ellipsis: number): string[] {
  const at = term.indexOf('...');
  const letters = (text: string): string[] => {
    if (!/^[a-zA-Z]*$/.test(text)) throw fail(subscripts, 'letters and one ...', JSON.stringify(term));
    return [...text];
  };
  return at < 0
    ? letters(term)
    : [...letters(term.slice(0, at)), ...ellipsisLabels(ellipsis), ...letters(term.slice(at + 3))];
}

function checkCount(subscripts: string, count: number): void {
  if (typeof subscripts !== 'string') {
    throw new ArgumentError('einsum: expected subscripts as text first.', "write them as in 'ij,jk->ik'.");
  }
  const terms = subscripts.replace(/->.*/, '').split(',').length;
  if (terms === count) return;
  throw new ArgumentError(
    `einsum: expected ${terms} ${terms === 1 ? 'operand' : 'operands'} for '${subscripts}', got ${count}.`,
    'pass one operand for each term between commas.',
  );
}

interface Parsed {
  readonly inputs: readonly (readonly string[])[];
  readonly output: readonly string[];
}

function parse(subscripts: string, operands: readonly Tensor[]): Parsed {
  const [left, right, more] = subscripts.replaceAll(/\s/g, '').split('->');
  const terms = left!.split(',');
  if (more !== undefined) throw fail(subscripts, 'one ->', 'several');
  const inputs = terms.map((term, i) => {
    const { ndim, aval } = operands[i]!;
    const named = term.replace('...', '').length;
    const rest = ndim - named;
    if (rest < 0 || (rest > 0 && !term.includes('...'))) {
      throw new ShapeError(
        `einsum: expected ${named} axes for '${term}' in '${subscripts}', got ${aval.toString()}.`,
        'name every axis, or use ... for the rest.',
      );
    }
    return parseTerm(subscripts, term, rest);
  });
  const all = inputs.flat();
  const widest = Math.max(0, ...inputs.map((labels) => labels.filter((l) => l.startsWith('.')).length));
  if (right !== undefined) {
    const output = parseTerm(subscripts, right, widest);
    const unknown = output.find((l) => !all.includes(l));
    if (unknown !== undefined || new Set(output).size !== output.length) {
      throw fail(subscripts, 'each output label once and among the inputs', `'${right}'`);
    }
    return { inputs, output };
  }
  // Without an arrow: labels that occur once, in alphabetical order, after the ellipsis.
  const once = [...new Set(all)].filter((l) => !l.startsWith('.') && all.indexOf(l) === all.lastIndexOf(l));
  return { inputs, output: [...ellipsisLabels(widest), ...once.sort()] };
}

/** A repeated label selects the diagonal of its axes. */
function takeDiagonals({ t, labels }: Labelled): Labelled {
  const repeated = labels.find((l, i) => labels.indexOf(l) !== i);
  if (repeated === undefined) return { t, labels };
  const [a, b] = [labels.indexOf(repeated), labels.lastIndexOf(repeated)];
  if (t.shape[a] !== t.shape[b]) {
    throw new ShapeError(`einsum: expected equal sizes for the repeated label ${repeated}, got ${t.aval.toString()}.`);
  }
  const rest = labels.filter((_, d) => d !== a && d !== b);
  return takeDiagonals({ t: diagonal(t, { axis1: a, axis2: b }), labels: [...rest, repeated] });
}

/** Sums out labels that nothing else needs. */
function sumOut({ t, labels }: Labelled, needed: ReadonlySet<string>): Labelled {
  const axes = range(labels.length).filter((d) => !needed.has(labels[d]!));
  return { t: prim.reduceSum(t, axes), labels: labels.filter((l) => needed.has(l)) };
}

/** Axes of size 1 whose label is longer elsewhere broadcast: they are left out, and the label comes from the other operand. */
function dropOnes({ t, labels }: Labelled, sizes: ReadonlyMap<string, number>): Labelled {
  const isOne = (d: number): boolean => t.shape[d] === 1 && sizes.get(labels[d]!) !== 1;
  if (!labels.some((_, d) => isOne(d))) return { t, labels };
  return {
    t: prim.reshape(
      t,
      t.shape.filter((_, d) => !isOne(d)),
    ),
    labels: labels.filter((_, d) => !isOne(d)),
  };
}

/** Labels of both that are kept become batch axes, labels of both that are not are contracted. */
function contract(x: Labelled, y: Labelled, needed: ReadonlySet<string>): Labelled {
  const shared = x.labels.filter((l) => y.labels.includes(l));
  const batch = shared.filter((l) => needed.has(l));
  const summed = shared.filter((l) => !needed.has(l));
  const axes = (o: Labelled, list: readonly string[]): number[] => list.map((l) => o.labels.indexOf(l));
  const free = (o: Labelled): string[] => o.labels.filter((l) => !shared.includes(l));
  const t = prim.dotGeneral(x.t, y.t, {
    contract: [axes(x, summed), axes(y, summed)],
    batch: [axes(x, batch), axes(y, batch)],
  });
  return { t, labels: [...batch, ...free(x), ...free(y)] };
}

/** The pair whose contraction costs least: the product of the sizes of all labels involved. */
function cheapestPair(list: readonly Labelled[], sizes: ReadonlyMap<string, number>): [number, number] {
  let [best, cost]: [[number, number], number] = [[0, 1], Number.POSITIVE_INFINITY];
  for (let i = 0; i < list.length; i++) {
    for (let j = i + 1; j < list.length; j++) {
      const labels = new Set([...list[i]!.labels, ...list[j]!.labels]);
      const c = [...labels].reduce((n, l) => n * sizes.get(l)!, 1);
      if (c < cost) [best, cost] = [[i, j], c];
    }
  }
  return best;
}

function labelSizes(subscripts: string, operands: readonly Tensor[], inputs: Parsed['inputs']): Map<string, number> {
  const sizes = new Map<string, number>();
  inputs.forEach((labels, i) => {
    labels.forEach((l, d) => {
      const n = operands[i]!.shape[d]!;
      const known = sizes.get(l);
      if (known === undefined || known === 1) sizes.set(l, n);
      else if (n !== known && n !== 1) {
        throw new ShapeError(
          `einsum: expected one size for label ${l.replace('.', '...')} of '${subscripts}', got ${known} and ${n} (${operands.map((t) => t.aval.toString()).join(', ')}).`,
          'a label stands for axes of equal length.',
        );
      }
    });
  });
  return sizes;
}

/**
 * Sums of products by subscripts: repeated labels that the output lacks are summed over, labels twice in one term select a diagonal,
 * `...` stands for axes that broadcast. Any number of operands.
 * @throws ShapeError where a label has two sizes; ArgumentError for malformed subscripts
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * console.log(np.einsum('ij,jk->ik', [[1, 2]], [[3], [4]]).toArray()); // => [ [ 11 ] ]
 * console.log(np.einsum('ii', [[1, 2], [3, 4]]).item()); // => 5
 * ```
 */
export function einsum(subscripts: string, ...args: (TensorLike | EinsumOptions)[]): Tensor {
  const last = args.at(-1);
  const options = isOptions(last) ? (last as EinsumOptions) : undefined;
  checkOptions('einsum', options, ['optimize', ...productKeys]);
  const inputs = (options ? args.slice(0, -1) : args) as TensorLike[];
  checkCount(subscripts, inputs.length);
  const { tensors, restore } = productOperands(inputs, options?.preferredElementType);
  const parsed = parse(subscripts, tensors);
  const sizes = labelSizes(subscripts, tensors, parsed.inputs);
  let list: Labelled[] = tensors.map((t, i) => dropOnes(takeDiagonals({ t, labels: parsed.inputs[i]! }), sizes));
  const neededOutside = (skip: readonly number[]): ReadonlySet<string> =>
    new Set([...parsed.output, ...list.flatMap((o, i) => (skip.includes(i) ? [] : o.labels))]);
  list = list.map((o, i) => sumOut(o, neededOutside([i])));
  while (list.length > 1) {
    const [i, j] = cheapestPair(list, sizes);
    const joined = contract(list[i]!, list[j]!, neededOutside([i, j]));
    list = [...list.filter((_, k) => k !== i && k !== j), joined];
  }
  const out = restore(arrange(sumOut(list[0]!, new Set(parsed.output)), parsed.output, sizes));
  const dtype = optionalDType('einsum', options?.preferredElementType);
  return dtype ? prim.convert(out, dtype) : out;
}

/** Axes in the order of the output; labels that no operand kept (all had size 1) come back. */
function arrange({ t, labels }: Labelled, output: readonly string[], sizes: ReadonlyMap<string, number>): Tensor {
  const present = output.filter((l) => labels.includes(l));
  const ordered = prim.transpose(
    t,
    present.map((l) => labels.indexOf(l)),
  );
  return prim.broadcastTo(
    prim.reshape(
      ordered,
      output.map((l) => (labels.includes(l) ? sizes.get(l)! : 1)),
    ),
    output.map((l) => sizes.get(l)!),
  );
}
