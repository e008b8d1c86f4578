/**
 * `graph`: the Program of a function, to look at.
 * May import: `api` and everything below it.
 * @module
 */
import { type AnyFunction, checkFunction, functionName, type LiftArgs } from '../api/args.ts';
import { historyOf } from '../api/jit-history.ts';
import { makeProgram } from '../api/jit.ts';
import { checkCount, checkOptions } from '../api/options.ts';
import { flatten } from '../core/pytree.ts';
import type { Tensor } from '../core/tensor.ts';
import { Aval } from '../ir/aval.ts';
import { type Program, subPrograms } from '../ir/program.ts';
import { type GraphBlock, graphBlocks } from './graph-model.ts';
import { toPage } from './graph-page.ts';
import { toDot, toMermaid } from './graph-text.ts';
import { logAsText, plural } from './text.ts';

export interface GraphOptions {
  /** Operations drawn at most; the rest is left out, and said so. Default 500. */
  readonly maxOperations?: number;
}

const defaultMaxOperations = 500;
/** Lines of the Program's text that are printed. */
const maxLines = 1000;

/** Equations, those of carried Programs included; each Program counted once for each equation that carries it, however often it runs. */
function countEquations(program: Program): number {
  let count = 0;
  const counts = new Map<Program, number>();
  const work = [program];
  for (let p = work.pop(); p !== undefined; p = work.pop()) {
    const known = counts.get(p);
    if (known !== undefined) {
      count += known;
      continue;
    }
    counts.set(p, p.equations.length);
    count += p.equations.length;
    for (const eqn of p.equations) work.push(...subPrograms(eqn.params));
  }
  return count;
}

/** The Program of a function at given arguments, as text and as drawings. */
export class Graph {
  static {
    logAsText(this.prototype);
  }

  readonly name: string;
  readonly program: Program;
  /** Paths of the arguments' leaves: `args[0].w`. */
  readonly inputNames: readonly string[];
  /** Equations, those of loops and branches included. */
  readonly equations: number;
  private readonly maxOperations: number;

  constructor(name: string, program: Program, inputNames: readonly string[], maxOperations: number) {
    this.name = name;
    this.program = program;
    this.inputNames = inputNames;
    this.equations = countEquations(program);
    this.maxOperations = maxOperations;
  }

  /** Nodes and edges, the Program itself first, then those that its equations carry. */
  get blocks(): readonly GraphBlock[] {
    const blocks = graphBlocks(this.program, this.inputNames, this.maxOperations);
    return blocks.map((b, i) => (i === 0 ? { ...b, title: this.name } : b));
  }

  private get summary(): string {
    const { inputs, outputs } = this.program;
    return `${plural(inputs.length, 'input')}, ${plural(this.equations, 'equation')}, ${plural(outputs.length, 'output')}`;
  }

  private note(blocks: readonly GraphBlock[]): string {
    const shown = blocks.reduce((t, b) => t + b.nodes.filter((n) => isOperation(n.kind)).length, 0);
    return shown < this.equations ? `The first ${shown} of ${this.equations} equations are drawn.` : '';
  }

  /** The Program's text under a line that counts; of a long one the beginning. */
  toString(): string {
    const lines = this.program.toString().split('\n');
    const rest = lines.length - maxLines;
    const note = rest > 0 ? [`… ${rest} more lines: String(graph.program) has all`] : [];
    return [`${this.name}: ${this.summary}`, ...lines.slice(0, maxLines), ...note].join('\n');
  }

  /** For Graphviz: `dot -Tsvg`. */
  toDot(): string {
    const { blocks } = this;
    return toDot(blocks, this.note(blocks));
  }

  /** A Mermaid flowchart, for Markdown. */
  toMermaid(): string {
    const { blocks } = this;
    return toMermaid(blocks, this.note(blocks));
  }

  /** A page of its own with drawings, which loads nothing from elsewhere. */
  toHTML(): string {
    const { blocks } = this;
    return toPage(blocks, this.summary, this.note(blocks));
  }
}

const isOperation = (kind: string): boolean => kind !== 'input' && kind !== 'output' && kind !== 'constant';

/** The Program that a single call stands for: that of a jitted function, seen from outside. */
function opened(program: Program): Program {
  const [only] = program.equations;
  if (program.equations.length !== 1 || only?.primitive.name !== 'call') return program;
  const [inner] = subPrograms(only.params);
  const isWhole =
    inner !== undefined &&
    only.inputs.length === program.inputs.length &&
    only.inputs.every((a, i) => a === program.inputs[i]) &&
    only.outputs.length === program.outputs.length &&
    only.outputs.every((v, i) => v === program.outputs[i]);
  return isWhole ? inner : program;
}

/**
 * What a function computes, as a graph: one node an operation, with its shapes and the line that made it.
 *
 * @param f a function of pytrees of tensors
 * @returns a function of the arguments (tensors, or avals from `shapeDtypeStruct`), which gives the graph; nothing is computed
 * @example
 * ```ts
 * import { np } from 'cotangent';
 * import { graph } from 'cotangent/inspect';
 * const g = graph((x) => np.sum(np.sin(x)))(np.ones([3]));
 * console.log(g.toMermaid());
 * // => flowchart TD
 * //      n0(["args[0]<br/>f32[3]"])
 * //      n1["sin<br/>f32[3]…"]
 * //      n2["reduce_sum [axes=[0]]<br/>f32[]…"]
 * //      n3(["result<br/>f32[]"])
 * //      n0 --> n1
 * //      n1 --> n2
 * //      n2 --> n3
 * ```
 */
export function graph<A extends readonly unknown[] = Tensor[]>(
  f: (...args: A) => unknown,
  options: GraphOptions = {},
): (...args: LiftArgs<A>) => Graph {
  checkFunction('graph', f);
  checkOptions('graph', options, ['maxOperations'], 'arguments go to the result: graph(f)(x).');
  checkCount('graph', 'maxOperations', options.maxOperations, 1);
  const history = historyOf(f);
  const name = history === undefined ? functionName(f as AnyFunction) : `jit(${history.name})`;
  return (...args) => {
    const program = makeProgram(f)(...args);
    const [, def] = flatten(args, (x) => x instanceof Aval);
    const inputNames = def.paths().map((p) => `args${p}`);
    return new Graph(name, opened(program), inputNames, options.maxOperations ?? defaultMaxOperations);
  };
}
