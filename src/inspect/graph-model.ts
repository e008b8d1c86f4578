/**
 * A Program as nodes and edges: one block for the Program itself and one for each Program that an equation carries.
 * May import: `api` and everything below it.
 * @module
 */
import { recordOf } from '../core/primitive.ts';
import { placeOf } from '../core/site.ts';
import type { Aval } from '../ir/aval.ts';
import { showNumber, showParams } from '../ir/print.ts';
import { type Atom, type Equation, Program, type Var } from '../ir/program.ts';

/** What a node is: a leaf of the arguments, an array constant, an operation by how it is compiled, or a result. */
export type GraphNodeKind = 'input' | 'constant' | 'elementwise' | 'reduction' | 'kernel' | 'program' | 'output';

export interface GraphNode {
  /** Unique in the graph. */
  readonly id: number;
  readonly kind: GraphNodeKind;
  /** `args[0].w`, `dot_general`, `result` */
  readonly label: string;
  /** Operands that are numbers, and parameters: `2.0`, `[axes=[0]]`. */
  readonly detail: string;
  /** Avals of the results: `f32[2,3]`. */
  readonly aval: string;
  /** Line of the user's code: `src/train.ts:20`; empty when unknown. */
  readonly source: string;
}

export interface GraphEdge {
  readonly from: number;
  readonly to: number;
  readonly aval: string;
}

export interface GraphBlock {
  /** Name of the function, or `body of scan`. */
  readonly title: string;
  /** The node that carries this Program; undefined for the whole. */
  readonly owner: number | undefined;
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
  /** Equations of the Program that are left out. */
  readonly omitted: number;
}

/** The Programs among an equation's parameters, each with the name of its parameter. */
function carried({ params }: Equation): [string, Program][] {
  return Object.entries(params).flatMap(([key, value]): [string, Program][] => {
    if (value instanceof Program) return [[key, value]];
    if (!Array.isArray(value)) return [];
    return value.flatMap((v, i): [string, Program][] => (v instanceof Program ? [[`${key}[${i}]`, v]] : []));
  });
}

function kindOf(eqn: Equation): GraphNodeKind {
  switch (recordOf(eqn).lower.kind) {
    case 'pointwise':
      return 'elementwise';
    case 'reduction':
      return 'reduction';
    case 'loops':
    case 'assembly':
      return 'kernel';
    default:
      return 'program';
  }
}

interface Pending {
  readonly title: string;
  readonly owner: number | undefined;
  readonly program: Program;
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
}

const numbered = (name: string, n: number): string[] => Array.from({ length: n }, (_, i) => `${name}[${i}]`);

/** Blocks of `program`, outermost first, with at most `maxOperations` operations in all. Nesting is followed by a list, not by recursion. */
export function graphBlocks(program: Program, inputNames: readonly string[], maxOperations: number): GraphBlock[] {
  const outputNames = program.outputs.length === 1 ? ['result'] : numbered('result', program.outputs.length);
  const work: Pending[] = [{ title: program.name, owner: undefined, program, inputNames, outputNames }];
  const blocks: GraphBlock[] = [];
  const ids = { next: 0, left: maxOperations };
  for (let item = work.shift(); item !== undefined && ids.left > 0; item = work.shift()) {
    const { block, inner } = new BlockBuilder(item, ids).build();
    blocks.push(block);
    work.push(...inner);
  }
  return blocks;
}

/** A drawing has no room for all digits of a float32 in decimal: 0.1 is 0.10000000149011612. */
const shortNumber = (x: number, aval: Aval): string =>
  showNumber(Number.isInteger(x) ? x : Number(x.toPrecision(7)), aval);

class BlockBuilder {
  private readonly item: Pending;
  private readonly ids: { next: number; left: number };
  private readonly nodes: GraphNode[] = [];
  private readonly edges: GraphEdge[] = [];
  private readonly inner: Pending[] = [];
  /** Nodes that hold the value of a variable, or of an array constant. */
  private readonly holders = new Map<unknown, number>();

  constructor(item: Pending, ids: { next: number; left: number }) {
    this.item = item;
    this.ids = ids;
  }

  build(): { block: GraphBlock; inner: Pending[] } {
    const { program, inputNames, outputNames, title, owner } = this.item;
    program.inputs.forEach((v, i) => {
      const label = inputNames[i] ?? `input ${i}`;
      this.holders.set(v, this.node({ kind: 'input', label, detail: '', aval: v.aval.toString(), source: '' }));
    });
    let omitted = 0;
    for (const eqn of program.equations) {
      if (this.ids.left > 0) this.equation(eqn);
      else omitted++;
    }
    program.outputs.forEach((a, i) => this.output(a, outputNames[i] ?? `result[${i}]`));
    return { block: { title, owner, nodes: this.shown(omitted), edges: this.edges, omitted }, inner: this.inner };
  }

  /** Where operations are left out, so are the arguments that only those read. */
  private shown(omitted: number): GraphNode[] {
    if (omitted === 0) return this.nodes;
    const used = new Set(this.edges.map((e) => e.from));
    return this.nodes.filter((n) => n.kind !== 'input' || used.has(n.id));
  }

  private node(node: Omit<GraphNode, 'id'>): number {
    this.nodes.push({ id: this.ids.next, ...node });
    return this.ids.next++;
  }

  private equation(eqn: Equation): void {
    const numbers = eqn.inputs.flatMap((a) =>
      a.kind === 'literal' && a.value.scalar !== undefined ? [shortNumber(a.value.scalar, a.aval)] : [],
    );
    this.ids.left--;
    const id = this.node({
      kind: kindOf(eqn),
      label: eqn.primitive.name,
      detail: [...numbers, showParams(eqn)].filter((s) => s !== '').join(' '),
      aval: eqn.outputs.map((v) => v.aval.toString()).join(' '),
      source: placeOf(eqn.site),
    });
    for (const a of eqn.inputs) this.connect(a, id);
    for (const v of eqn.outputs) this.holders.set(v, id);
    for (const [key, program] of carried(eqn)) {
      const names = numbered('input', program.inputs.length);
      const results = numbered('output', program.outputs.length);
      const title = `${key} of ${eqn.primitive.name}${program.name === '' ? '' : ` (${program.name})`}`;
      this.inner.push({ title, owner: id, program, inputNames: names, outputNames: results });
    }
  }

  private connect(a: Atom, to: number): void {
    if (a.kind === 'literal' && a.value.scalar !== undefined) return;
    const key: Var | unknown = a.kind === 'var' ? a : a.value;
    let from = this.holders.get(key);
    if (from === undefined) {
      // An operation that was left out makes it.
      if (a.kind === 'var') return;
      from = this.node({ kind: 'constant', label: 'constant', detail: '', aval: a.aval.toString(), source: '' });
      this.holders.set(key, from);
    }
    this.edges.push({ from, to, aval: a.aval.toString() });
  }

  private output(a: Atom, label: string): void {
    const detail = a.kind === 'literal' && a.value.scalar !== undefined ? shortNumber(a.value.scalar, a.aval) : '';
    this.connect(a, this.node({ kind: 'output', label, detail, aval: a.aval.toString(), source: '' }));
  }
}
