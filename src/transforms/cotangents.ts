/**
 * The cotangents of a backward pass, and the step that takes an equation's from its results to its operands.
 * May import: `ir`, `core`, `primitives`.
 * @module
 */
import { DifferentiationError, InternalError } from '../ir/errors.ts';
import type { Atom, Equation, Var } from '../ir/program.ts';
import {
  isLinearInput,
  LinearInput,
  type MaybeZero,
  recordOf,
  type TransposeOperand,
  type TransposeRule,
} from '../core/primitive.ts';
import { outermostScratch, recordScratch, type Scratch } from '../core/scratch.ts';
import { replaySite } from '../core/site.ts';
import type { Tensor } from '../core/tensor.ts';
import { add } from '../primitives/arithmetic.ts';

export class Cotangents {
  private readonly pending = new Map<Var, Tensor>();
  /** Values of variables that are not linear. */
  private readonly values: ReadonlyMap<Var, Tensor>;
  /** Cotangents and temporaries to free after their last use. */
  private readonly scratch: Scratch | undefined;
  /** How many variables hold a cotangent that is scratch. */
  private readonly holders = new Map<Tensor, number>();
  /** Cotangents that lost their last holder. */
  private readonly loose: Tensor[] = [];

  private residuals: Residuals | undefined;

  constructor(values: ReadonlyMap<Var, Tensor>, scratch: Scratch | undefined) {
    this.values = values;
    this.scratch = scratch;
  }

  /** Frees these as well, each after the last of the equations that reads it. */
  consume(residuals: Residuals | undefined): void {
    this.residuals = residuals;
  }

  add(a: Atom, ct: MaybeZero): void {
    if (ct === null || a.kind !== 'var') return;
    const old = this.pending.get(a);
    const sum = old === undefined ? ct : add(old, ct);
    this.pending.set(a, sum);
    this.residuals?.keep(sum);
    if (this.scratch === undefined || this.scratch.isEmpty) return;
    if (this.scratch.owns(sum)) this.holders.set(sum, (this.holders.get(sum) ?? 0) + 1);
    if (old !== undefined) this.release(old);
  }

  /** The cotangent collected for a variable, which is not collected any more. */
  take(v: Var): MaybeZero {
    const ct = this.pending.get(v);
    if (ct === undefined) return null;
    this.pending.delete(v);
    this.release(ct);
    return ct;
  }

  /** One variable less holds `ct`. */
  private release(ct: Tensor): void {
    const holders = this.holders.get(ct);
    if (holders === undefined) return;
    if (holders > 1) this.holders.set(ct, holders - 1);
    else {
      this.holders.delete(ct);
      this.loose.push(ct);
    }
  }

  private freeUnheld(): void {
    const { scratch, holders } = this;
    if (scratch === undefined || scratch.isEmpty) return;
    for (const x of scratch.takeRecent()) if (!holders.has(x)) scratch.free(x);
    for (const x of this.loose) if (!holders.has(x)) scratch.free(x);
    this.loose.length = 0;
  }

  /** Takes cotangents through equations `from` to `to`, last first. */
  transpose(equations: readonly Equation[], from: number, to: number): void {
    for (let i = to - 1; i >= from; i--) {
      this.transposeOne(equations[i]!);
      this.residuals?.leave(equations[i]!);
    }
  }

  private transposeOne(eqn: Equation): void {
    const { inputs, outputs } = eqn;
    const outCts: MaybeZero[] = [];
    let isZero = true;
    for (const v of outputs) {
      const ct = this.take(v);
      if (ct !== null) isZero = false;
      outCts.push(ct);
    }
    if (isZero) return;
    // What is made here stands for the operation that it differentiates.
    if (eqn.site !== undefined) replaySite(eqn.site);
    const args: TransposeOperand[] = [];
    for (const a of inputs) {
      args.push(a.kind === 'var' ? (this.values.get(a) ?? new LinearInput(a.aval)) : (a.value as Tensor));
    }
    const grads = this.applyRule(eqn, outCts, args);
    for (let k = 0; k < args.length; k++) {
      const g = grads[k] ?? null;
      if (g === null || !isLinearInput(args[k]!)) continue;
      checkCotangent(eqn, k, g);
      this.add(inputs[k]!, g);
    }
    this.freeUnheld();
  }

  private applyRule(
    eqn: Equation,
    outCts: readonly MaybeZero[],
    args: readonly TransposeOperand[],
  ): readonly MaybeZero[] {
    const rule = transposeRuleOf(eqn);
    if (recordOf(eqn).runsUserCode !== true) return rule(outCts, args, eqn.params);
    const before = recordScratch(undefined);
    for (const x of [...outCts, ...args]) {
      if (x === null || isLinearInput(x)) continue;
      for (const owner of [this.scratch, this.residuals, before, outermostScratch()]) owner?.keep(x);
    }
    try {
      return rule(outCts, args, eqn.params);
    } finally {
      recordScratch(before);
    }
  }
}

/** Values that the forward pass made for the equations of a linear Program, and nobody else reads. */
export class Residuals {
  private readonly scratch: Scratch;
  /** Operands that are still to be read. */
  private readonly uses = new Map<Tensor, number>();

  /** Frees at once what no equation reads. */
  constructor(equations: readonly Equation[], scratch: Scratch) {
    this.scratch = scratch;
    for (const eqn of equations) {
      for (const a of eqn.inputs) {
        if (a.kind === 'literal') this.uses.set(a.value as Tensor, (this.uses.get(a.value as Tensor) ?? 0) + 1);
      }
    }
    for (const x of scratch.all()) if (!this.uses.has(x)) scratch.free(x);
  }

  /** `x` is a result as well. */
  keep(x: Tensor): void {
    this.scratch.keep(x);
  }

  /** `eqn` was the last but those before it. */
  leave(eqn: Equation): void {
    for (const a of eqn.inputs) {
      if (a.kind === 'var') continue;
      const x = a.value as Tensor;
      const left = this.uses.get(x)! - 1;
      this.uses.set(x, left);
      if (left === 0) this.scratch.free(x);
    }
  }
}

function checkCotangent(eqn: Equation, k: number, g: Tensor): void {
  const expected = eqn.inputs[k]!.aval;
  if (expected === g.aval || expected.equals(g.aval, true)) return;
  throw new InternalError(
    `the transpose of ${eqn.primitive.name} gave ${g.aval.toString()} for operand ${k}, which is ${expected.toString()}`,
    { params: eqn.params },
  );
}

function transposeRuleOf(eqn: Equation): TransposeRule<object> {
  const { calculus, name } = recordOf(eqn);
  const rule = 'transpose' in calculus ? calculus.transpose : undefined;
  if (rule) return rule;
  throw new DifferentiationError(
    `linearTranspose: expected a linear function, but ${name} is not linear in its operand.`,
    'for the derivative of a nonlinear function use vjp or grad.',
    { primitive: name },
  );
}
