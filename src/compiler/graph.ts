/**
 * A block of equations as the fuser sees it: one node an equation, with what it reads and which values need memory of their own.
 * May import: `ir`.
 * @module
 */
import { InternalError } from '../ir/errors.ts';
import type { Atom, Equation, Program, Var } from '../ir/program.ts';
import { sizeOf } from '../ir/shape.ts';
import { type Access, type AccessInfo, probe } from './access.ts';
import { loopsOf, rulesOf } from './rules.ts';

export interface Node {
  /** Position in the block. */
  readonly id: number;
  readonly eqn: Equation;
  /** `opaque` nodes are kernels (or control flow) of their own; so are `assembly` nodes, which may compute their operands. */
  readonly kind: 'pointwise' | 'reduction' | 'assembly' | 'opaque';
  readonly info: AccessInfo;
  /** Elements of the result. */
  readonly size: number;
  /** How often the element rule runs in all. */
  readonly evaluations: number;
  /** Same memory as its operand. */
  readonly isAlias: boolean;
  /** Costs nothing to repeat: consumers read through it. */
  isTransparent: boolean;
}

const noAccess: AccessInfo = { accesses: [], nodes: 1, cost: 0, isMovement: false, usesIndex: true, isAlias: false };

/** Every operand is read elsewhere than where it is put. */
const assemblyOf = ({ inputs }: Equation): AccessInfo => ({
  ...noAccess,
  accesses: inputs.map((_, operand): Access => ({ operand, relation: 'far', near: false })),
});

/** A movement of more operands than this, or behind more index arithmetic, is computed once and stored. */
const maxTransparentOperands = 4;
const maxTransparentNodes = 48;

export class Graph {
  readonly program: Program;
  readonly nodes: readonly Node[];
  /** Variables that the block needs in memory: operands of opaque nodes, and its outputs. */
  readonly required: Set<Var> = new Set<Var>();
  private readonly producers = new Map<Var, Node>();
  private readonly aliases = new Map<Var, Var>();
  private readonly scalars: ReadonlyMap<Var, number>;

  /** `scalars`: inputs of the block that are known numbers. */
  constructor(program: Program, scalars: ReadonlyMap<Var, number>) {
    this.program = program;
    this.scalars = scalars;
    this.nodes = program.equations.map((eqn, id) => this.enter(eqn, id));
    this.findRequired();
    this.findTransparent();
  }

  private enter(eqn: Equation, id: number): Node {
    const { lower, name } = rulesOf(eqn);
    if (lower.kind === 'expand') throw new InternalError(`${name} should have been expanded before fusion`);
    const isFusible = (lower.kind === 'pointwise' || lower.kind === 'reduction') && loopsOf(eqn) === undefined;
    const info = isFusible ? probe(eqn) : lower.kind === 'assembly' ? assemblyOf(eqn) : noAccess;
    const size = eqn.outputs.length > 0 ? eqn.outputs[0]!.aval.size : 0;
    const inner =
      lower.kind === 'reduction'
        ? sizeOf(
            lower.extents(
              eqn.inputs.map((a) => a.aval),
              eqn.params,
            ),
          )
        : 1;
    // Not always the first operand: padding an array without elements gives the padding value.
    const source = info.isAlias ? eqn.inputs[info.accesses[0]!.operand] : undefined;
    const isAlias = source?.kind === 'var' && !this.scalars.has(source);
    const node: Node = {
      id,
      eqn,
      kind: isFusible || lower.kind === 'assembly' ? lower.kind : 'opaque',
      info,
      size,
      evaluations: size * inner,
      isAlias,
      isTransparent: false,
    };
    for (const v of eqn.outputs) this.producers.set(v, node);
    if (isAlias) this.aliases.set(eqn.outputs[0]!, this.root(source));
    return node;
  }

  private findRequired(): void {
    const require = (a: Atom): void => {
      if (a.kind === 'var') this.required.add(this.root(a));
    };
    for (const node of this.nodes) if (node.kind === 'opaque') node.eqn.inputs.forEach(require);
    this.program.outputs.forEach(require);
  }

  private findTransparent(): void {
    const weights = new Map<Node, number>();
    for (const node of this.nodes) {
      const { info, eqn } = node;
      if (node.isAlias || !info.isMovement || eqn.outputs.some((v) => this.required.has(v))) continue;
      let weight = info.nodes + info.accesses.length;
      for (const { operand } of info.accesses) {
        const p = this.producer(eqn.inputs[operand]!);
        if (p?.isTransparent) weight += weights.get(p)!;
      }
      weights.set(node, weight);
      node.isTransparent = info.accesses.length <= maxTransparentOperands && weight <= maxTransparentNodes;
    }
    for (const node of this.nodes)
      if (node.kind === 'pointwise' || node.kind === 'assembly') this.keepBehindReshape(node);
  }

  /**
   * A movement that is read at other positions and through a reshape gets memory: reading through both would divide indices for every
   * element, one by one, where a pass over memory moves vectors.
   */
  private keepBehindReshape({ info, eqn }: Node): void {
    for (const a of info.accesses) {
      const atom = eqn.inputs[a.operand]!;
      const p = this.producer(atom);
      if (p?.isTransparent && this.isReshaped(a, atom)) p.isTransparent = false;
    }
  }

  /** Whether an access reads other positions of a value than its own, by way of another shape. */
  isReshaped({ near }: Access, atom: Atom): boolean {
    return !near && atom.kind === 'var' && this.root(atom) !== atom;
  }

  /** The variable whose memory `v` shares: itself, unless it is a reshape. */
  root(v: Var): Var {
    return this.aliases.get(v) ?? v;
  }

  /** The number that an atom is known to be. */
  scalar(a: Atom): number | undefined {
    return a.kind === 'literal' ? a.value.scalar : this.scalars.get(a);
  }

  /** The node that computes an atom's root. */
  producer(a: Atom): Node | undefined {
    return a.kind === 'var' ? this.producers.get(this.root(a)) : undefined;
  }
}
